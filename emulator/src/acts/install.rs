//! Apps are registered and installed; tokens are minted.

use super::Scope;
use super::random_hex;
use crate::core::World;
use crate::error::Refusal;
use crate::state::app::App;
use crate::state::app::Installation;
use crate::state::app::Token;
use crate::state::app::covers;
use crate::state::user::Kind;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What an app is registered with.
pub(crate) struct NewApp {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) owner: u64,
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: String,
    pub(crate) key: crate::auth::AppKey,
}

/// How a token is narrowed below its installation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrowing {
    pub(crate) repositories: Option<BTreeSet<u64>>,
    pub(crate) permissions: Option<BTreeMap<String, String>>,
}

impl World<'_> {
    pub(crate) fn register_app(&mut self, new: NewApp) -> u64 {
        let (id, hook) = (self.state.next_id(), self.state.next_id());
        let bot = self.make_user(&format!("{}[bot]", new.slug), Kind::Bot);
        let app = App {
            id,
            slug: new.slug,
            name: new.name,
            owner: new.owner,
            bot,
            hook,
            permissions: new.permissions,
            events: new.events,
            webhook_url: new.webhook_url,
            webhook_secret: new.webhook_secret,
            client_id: format!("Iv23li{}", random_hex(7)),
            client_secret: random_hex(20),
            private_key_pem: new.key.private_pem,
            public_key: new.key.public_der,
            created_at: self.now(),
        };
        self.state.apps.insert(id, app);
        id
    }

    /// Gives an app access to a repository: the installation on its owner's account is made or widened.
    pub(crate) fn install(&mut self, app: u64, repository: u64, sender: u64) -> Result<u64, Refusal> {
        let account = self.repository(repository)?.owner;
        let now = self.now();
        let same = |one: &&Installation| one.app == app && one.account == account;
        let known = self.state.installations.values().find(same).map(|one| one.id);
        if let Some(id) = known {
            let Some(installation) = self.state.installations.get_mut(&id) else { return Ok(id) };
            if installation.repositories.insert(repository) {
                installation.updated_at = now;
                self.emit_repositories(id, ("added", sender), repository);
            }
            return Ok(id);
        }
        let id = self.state.next_id();
        let found = self.state.apps.get(&app).ok_or_else(Refusal::not_found)?;
        let installation = Installation {
            id,
            app,
            account,
            repositories: BTreeSet::from([repository]),
            permissions: found.permissions.clone(),
            events: found.events.clone(),
            suspended: None,
            created_at: now,
            updated_at: now,
        };
        self.state.installations.insert(id, installation);
        self.emit_installation(id, "created", sender);
        Ok(id)
    }

    /// Takes a repository from an installation; without any left, the installation goes too.
    pub(crate) fn uninstall(&mut self, app: u64, repository: u64, sender: u64) -> Result<(), Refusal> {
        let holds = |one: &&mut Installation| one.app == app && one.repositories.contains(&repository);
        let found = self.state.installations.values_mut().find(holds).ok_or_else(Refusal::not_found)?;
        let id = found.id;
        if found.repositories.len() == 1 {
            self.emit_installation(id, "deleted", sender);
            self.state.installations.remove(&id);
            self.state.tokens.retain(|_, token| token.installation != id);
        } else {
            found.repositories.remove(&repository);
            self.emit_repositories(id, ("removed", sender), repository);
        }
        Ok(())
    }

    /// The account's owner suspends an installation, or lets it go on.
    pub(crate) fn suspended(&mut self, id: u64, suspended: bool) -> Result<(), Refusal> {
        let now = self.now();
        let installation = self.state.installations.get_mut(&id).ok_or_else(Refusal::not_found)?;
        let sender = installation.account;
        installation.suspended = suspended.then_some((now, sender));
        self.emit_installation(id, if suspended { "suspend" } else { "unsuspend" }, sender);
        Ok(())
    }

    /// The account's owner accepts what the app asks for now.
    pub(crate) fn accept_permissions(
        &mut self,
        id: u64,
        permissions: BTreeMap<String, String>,
        sender: u64,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let state = &mut *self.state;
        let installation = state.installations.get_mut(&id).ok_or_else(Refusal::not_found)?;
        installation.permissions = permissions;
        installation.updated_at = now;
        if let Some(app) = state.apps.get(&installation.app) {
            installation.events.clone_from(&app.events);
        }
        self.emit_installation(id, "new_permissions_accepted", sender);
        Ok(())
    }

    /// <https://docs.github.com/webhooks/webhook-events-and-payloads#ping>
    pub(crate) fn ping(&mut self, app: u64) {
        let Some(app) = self.state.apps.get(&app) else { return };
        let at = crate::clock::written(app.created_at);
        let payload = json!({
            "zen": "Keep it logically awesome.",
            "hook_id": app.hook,
            "hook": {
                "type": "App", "id": app.hook, "name": "web", "active": true,
                "app_id": app.id, "events": app.events,
                "config": {
                    "content_type": "json", "insecure_ssl": "0", "url": app.webhook_url,
                    "secret": "********",
                },
                "updated_at": at, "created_at": at,
                "deliveries_url": self.api("/app/hook/deliveries"),
            },
        });
        self.send(app, "ping", &payload, Scope::default());
    }

    /// Sent always, whatever the app subscribed to, also while it is suspended.
    fn emit_installation(&mut self, id: u64, action: &str, sender: u64) {
        let Some(installation) = self.state.installations.get(&id) else { return };
        let Some(app) = self.state.apps.get(&installation.app) else { return };
        let payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "repositories": self.stubs(&installation.repositories),
            "requester": null,
            "sender": self.user_json(sender),
        });
        let scope = Scope { installation: Some(id), repository: None };
        self.send(app, "installation", &payload, scope);
    }

    fn emit_repositories(&mut self, id: u64, (action, sender): (&str, u64), repository: u64) {
        let Some(installation) = self.state.installations.get(&id) else { return };
        let Some(app) = self.state.apps.get(&installation.app) else { return };
        let changed = self.stubs(&BTreeSet::from([repository]));
        let none = json!([]);
        let (added, removed) = if action == "added" { (changed, none) } else { (none, changed) };
        let payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "repository_selection": "selected",
            "repositories_added": added,
            "repositories_removed": removed,
            "requester": null,
            "sender": self.user_json(sender),
        });
        let scope = Scope { installation: Some(id), repository: None };
        self.send(app, "installation_repositories", &payload, scope);
    }

    fn stubs(&self, repositories: &BTreeSet<u64>) -> Value {
        let found = repositories.iter().filter_map(|id| self.state.repositories.get(id));
        Value::Array(found.map(|repository| self.repository_stub(repository)).collect())
    }

    /// A token for one hour, no wider than its installation.
    /// <https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app>
    pub(crate) fn mint(&mut self, id: u64, narrowing: Narrowing) -> Result<(String, Timestamp), Refusal> {
        let installation = self.state.installations.get(&id).ok_or_else(Refusal::not_found)?;
        if installation.suspended.is_some() {
            return Err(Refusal::new(403, "This installation has been suspended"));
        }
        let within = |wanted: &BTreeSet<u64>| wanted.is_subset(&installation.repositories);
        if !narrowing.repositories.as_ref().is_none_or(within) {
            let message = "There is at least one repository that does not exist or is not accessible to the parent installation.";
            return Err(Refusal::new(422, message));
        }
        let granted = |(name, level): (&String, &String)| {
            (name == "metadata" && level == "read")
                || installation.permissions.get(name).is_some_and(|have| covers(have, level))
        };
        if !narrowing.permissions.as_ref().is_none_or(|wanted| wanted.iter().all(granted)) {
            let message = "The permissions requested are not granted to this installation.";
            return Err(Refusal::new(422, message));
        }
        let expires_at = self.now().checked_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX);
        let text = if self.state.long_tokens {
            // As the stateless tokens: an app id, then three parts with dots between; about 520 characters.
            format!("ghs_{}_{}.{}.{}", installation.app, random_hex(18), random_hex(130), random_hex(107))
        } else {
            format!("ghs_{}", random_hex(18))
        };
        let token = Token {
            installation: id,
            repositories: narrowing.repositories,
            permissions: narrowing.permissions,
            expires_at,
        };
        self.state.tokens.insert(text.clone(), token);
        Ok((text, expires_at))
    }
}
