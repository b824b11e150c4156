//! What people, apps and Git do in the emulated world: each act changes the values and tells the apps.

mod check;
mod comment;
mod deployment;
mod install;
mod merge;
mod pull;
mod push;
mod queue;
mod repository;
mod review;
mod user;

pub(crate) use check::RunChange;
pub(crate) use comment::Actor;
pub(crate) use deployment::NewDeployment;
pub(crate) use deployment::NewStatus;
pub(crate) use install::Narrowing;
pub(crate) use install::NewApp;
pub use merge::MergeMethod;
pub(crate) use merge::approved;
pub(crate) use merge::blocked;
pub(crate) use pull::NewPull;
pub(crate) use pull::PullEdit;
pub(crate) use push::Move;
pub(crate) use queue::Group;
pub(crate) use repository::NewRepository;
pub(crate) use user::random_hex;

use crate::core::World;
use crate::core::locked;
use crate::core::node_id;
use crate::error::Refusal;
use crate::hooks::Delivery;
use crate::hooks::Outgoing;
use crate::state::app::App;
use crate::state::app::Installation;
use crate::state::app::covers;
use crate::state::user::Kind;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Something that apps may be told about.
pub(crate) struct Happening<'a> {
    pub(crate) event: &'a str,
    pub(crate) action: Option<&'a str>,
    pub(crate) repository: u64,
    pub(crate) sender: u64,
    /// The event's own keys.
    pub(crate) body: Value,
}

/// Check events that an app with `checks: write` gets without subscribing, when they concern itself.
const OWN_CHECK_ACTIONS: &[&str] = &["requested", "rerequested", "requested_action"];

impl World<'_> {
    /// Tells every app that can see the repository, may know and has subscribed.
    pub(crate) fn emit(&mut self, happening: &Happening<'_>) {
        for id in self.state.installations_of(happening.repository) {
            let Some(installation) = self.state.installations.get(&id) else { continue };
            if installation.events.iter().any(|event| event == happening.event) {
                self.tell(id, happening);
            }
        }
    }

    /// Tells one app about its own check run or suite.
    pub(crate) fn emit_to_app(&mut self, app: u64, happening: &Happening<'_>) {
        for id in self.state.installations_of(happening.repository) {
            let Some(installation) = self.state.installations.get(&id) else { continue };
            let own = happening.action.is_some_and(|action| OWN_CHECK_ACTIONS.contains(&action));
            let writes = installation.permissions.get("checks").is_some_and(|level| covers(level, "write"));
            if installation.app == app && own && writes {
                self.tell(id, happening);
            }
        }
    }

    fn tell(&mut self, installation: u64, happening: &Happening<'_>) {
        let Some(installation) = self.state.installations.get(&installation) else { return };
        if installation.suspended.is_some() || !self.may_know(installation, happening.event) {
            return;
        }
        let mut payload = Map::new();
        if let Some(action) = happening.action {
            payload.insert("action".to_owned(), json!(action));
        }
        if let Value::Object(body) = &happening.body {
            payload.extend(body.clone());
        }
        if let Some(repository) = self.state.repositories.get(&happening.repository) {
            payload.entry("repository").or_insert_with(|| self.repository_json(repository));
            if let Some(organization) = self.organization_json(repository.owner) {
                payload.insert("organization".to_owned(), organization);
            }
        }
        payload.insert("sender".to_owned(), self.user_json(happening.sender));
        let stub = json!({"id": installation.id, "node_id": node_id("Installation", installation.id)});
        payload.insert("installation".to_owned(), stub);
        let scope = Scope { installation: Some(installation.id), repository: Some(happening.repository) };
        if let Some(app) = self.state.apps.get(&installation.app) {
            self.send(app, happening.event, &Value::Object(payload), scope);
        }
    }

    fn may_know(&self, installation: &Installation, event: &str) -> bool {
        let Some((permission, level)) = self.core.contract.event_permission(event) else { return true };
        let granted = installation.permissions.get(&permission);
        granted.is_some_and(|granted| covers(granted, crate::auth::level_name(level)))
    }

    /// Holds a payload to the contract and queues it; it is signed over the very bytes that are sent.
    pub(crate) fn send(&self, app: &App, event: &str, payload: &Value, scope: Scope) {
        if app.webhook_url.is_none() {
            return;
        }
        let violations = self.core.contract.check_webhook(event, payload["action"].as_str(), payload);
        {
            let mut records = locked(&self.core.records);
            records.webhooks += 1;
            records.violations.extend(violations);
        }
        self.send_bytes(app, (event, payload), scope);
    }

    pub(crate) fn send_bytes(&self, app: &App, (event, payload): (&str, &Value), scope: Scope) {
        let Some(url) = app.webhook_url.clone() else { return };
        let action = payload["action"].as_str();
        let delivery = Delivery {
            id: 0,
            guid: guid(),
            event: event.to_owned(),
            action: action.map(ToOwned::to_owned),
            status: 0,
            outcome: String::new(),
            redelivery: false,
            payload: payload.to_string().into_bytes().into(),
            app: app.id,
            installation: scope.installation,
            repository: scope.repository,
            at: self.now(),
            seconds: 0.0,
            request_headers: Vec::new(),
            answer: String::new(),
        };
        let secret = app.webhook_secret.clone();
        self.core.hooks.push(Outgoing { delivery, hook: app.hook, url, secret });
    }

    /// Sends the same bytes with the same guid again, to where the app now wants them.
    pub(crate) fn redeliver(&self, delivery: Delivery) -> Result<u64, Refusal> {
        let app = self.state.apps.get(&delivery.app).ok_or_else(Refusal::not_found)?;
        let url = app.webhook_url.clone().ok_or_else(Refusal::not_found)?;
        let delivery = Delivery { redelivery: true, status: 0, outcome: String::new(), ..delivery };
        let secret = app.webhook_secret.clone();
        Ok(self.core.hooks.push(Outgoing { delivery, hook: app.hook, url, secret }))
    }

    fn organization_json(&self, id: u64) -> Option<Value> {
        let user = self.state.users.get(&id).filter(|user| user.kind == Kind::Organization)?;
        let url = self.api(&format!("/orgs/{}", user.login));
        Some(json!({
            "login": user.login,
            "id": user.id,
            "node_id": node_id("Organization", user.id),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": self.html(&format!("/avatars/u/{}", user.id)),
            "description": null,
        }))
    }
}

/// What a delivery is about, as the deliveries API shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) installation: Option<u64>,
    pub(crate) repository: Option<u64>,
}

/// A random `X-GitHub-Delivery`.
pub(crate) fn guid() -> String {
    let hex = random_hex(16);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
