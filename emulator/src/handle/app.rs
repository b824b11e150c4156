//! Accounts, apps and installations as a test holds them.

use crate::acts::Narrowing;
use crate::acts::NewApp;
use crate::auth::AppKey;
use crate::core::Core;
use crate::error::Error;
use crate::state::user::Kind;
use crate::state::user::Membership;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account.
#[derive(Clone)]
pub struct User {
    pub(crate) core: Arc<Core>,
    /// The numeric id.
    pub id: u64,
}

impl User {
    /// The login.
    pub fn login(&self) -> String {
        self.core.world().state.login(self.id).to_owned()
    }

    /// Puts someone into a team of this organisation; the team is made if there is none.
    pub fn team(&self, slug: &str, member: &str, how: Membership) {
        let mut world = self.core.world();
        let member = world.make_user(member, Kind::User);
        world.join_team(self.id, slug, member, how);
    }
}

/// What an app is registered with.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// The app's name in addresses; its bot's login is `SLUG[bot]`.
    pub slug: String,
    /// What it asks for, such as `"checks": "write"`.
    pub permissions: BTreeMap<String, String>,
    /// The events it subscribes to.
    pub events: Vec<String>,
    /// Where its webhooks go; none sends none.
    pub webhook_url: Option<String>,
    /// What they are signed with.
    pub webhook_secret: String,
}

impl AppOptions {
    /// Takes permissions, events and the address from an app manifest, the secret from the caller.
    /// <https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>
    pub fn from_manifest(manifest: &Value, webhook_secret: &str) -> AppOptions {
        let name = manifest["name"].as_str().unwrap_or("app").to_lowercase();
        let dashed = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect::<String>();
        let slug: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let events = manifest["default_events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let permissions = manifest["default_permissions"].as_object().into_iter().flatten();
        AppOptions {
            slug: slug.join("-"),
            permissions: permissions.filter_map(|(name, level)| Some((name.clone(), text(level)?))).collect(),
            events: events.iter().filter_map(text).collect(),
            webhook_url: text(&manifest["hook_attributes"]["url"]),
            webhook_secret: webhook_secret.to_owned(),
        }
    }
}

/// A registered app.
#[derive(Clone)]
pub struct App {
    pub(crate) core: Arc<Core>,
    /// The app's id, the `iss` of its JWTs.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// PKCS#8 in PEM; signs its JWTs by RS256.
    pub private_key_pem: String,
    /// What its webhooks are signed with.
    pub webhook_secret: String,
}

impl App {
    pub(crate) fn register(core: &Arc<Core>, options: AppOptions) -> Result<App, Error> {
        let key = AppKey::generate()
            .ok_or_else(|| Error::Refused { status: 500, message: "the system made no key".to_owned() })?;
        let (pem, slug) = (key.private_pem.clone(), options.slug.clone());
        let secret = options.webhook_secret.clone();
        let mut world = core.world();
        let owner = world.make_user("app-owner", Kind::User);
        let id = world.register_app(NewApp {
            name: options.slug.clone(),
            slug: options.slug,
            owner,
            permissions: options.permissions,
            events: options.events,
            webhook_url: options.webhook_url,
            webhook_secret: options.webhook_secret,
            key,
        });
        drop(world);
        Ok(App { core: Arc::clone(core), id, slug, private_key_pem: pem, webhook_secret: secret })
    }

    /// The login of the account it acts as.
    pub fn bot_login(&self) -> String {
        format!("{}[bot]", self.slug)
    }

    /// Asks for other permissions; installations keep theirs until their owner accepts
    /// ([`Installation::set_permissions`]).
    pub fn set_permissions(&self, permissions: BTreeMap<String, String>) {
        if let Some(app) = self.core.world().state.apps.get_mut(&self.id) {
            app.permissions = permissions;
        }
    }

    /// Subscribes to other events, at once and for all installations, as GitHub does.
    pub fn set_events(&self, events: &[&str]) {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        let mut world = self.core.world();
        for installation in world.state.installations.values_mut().filter(|one| one.app == self.id) {
            installation.events.clone_from(&events);
        }
        if let Some(app) = world.state.apps.get_mut(&self.id) {
            app.events = events;
        }
    }

    /// Sends webhooks elsewhere from now on; those queued keep their address.
    pub fn set_webhook_url(&self, url: Option<&str>) {
        if let Some(app) = self.core.world().state.apps.get_mut(&self.id) {
            app.webhook_url = url.map(ToOwned::to_owned);
        }
    }

    /// Sends the `ping` that GitHub sends when a webhook is set up.
    pub fn ping(&self) {
        self.core.world().ping(self.id);
    }
}

/// An app's access to the repositories of one account.
#[derive(Clone)]
pub struct Installation {
    pub(crate) core: Arc<Core>,
    /// The installation's id.
    pub id: u64,
}

impl Installation {
    /// The account's owner suspends it: its tokens are refused and it gets no events.
    pub fn suspend(&self) -> Result<(), Error> {
        Ok(self.core.world().suspended(self.id, true)?)
    }

    /// The account's owner lets it go on.
    pub fn unsuspend(&self) -> Result<(), Error> {
        Ok(self.core.world().suspended(self.id, false)?)
    }

    /// The account's owner accepts these permissions.
    pub fn set_permissions(&self, permissions: BTreeMap<String, String>) -> Result<(), Error> {
        let mut world = self.core.world();
        let owner = world.state.installations.get(&self.id).map_or(0, |one| one.account);
        Ok(world.accept_permissions(self.id, permissions, owner)?)
    }

    /// A token for all of the installation, without going through the REST interface: for a test's own
    /// requests.
    pub fn token(&self) -> Result<String, Error> {
        let (token, _) = self.core.world().mint(self.id, Narrowing::default())?;
        Ok(token)
    }
}
