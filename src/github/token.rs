//! Tokens of installations: one at a time for each use, narrowed to one repository and to what the use needs.
//!
//! <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>. Tokens live for an hour; no
//! assumption is made about their length or form.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::error::Error;
use super::wire::{Ask, Method, Wire};
use crate::model::id::{InstallationId, Repo, RepoId};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// Fetching with Git.
    Fetch,
    /// Pushing with Git, to rendered branches.
    Push,
    /// Reading and writing all that is shown on GitHub.
    Act,
    /// Reading commit statuses: an opt-in.
    Statuses,
    /// Reading who is in a team: an opt-in.
    Members,
}

impl Scope {
    /// The permissions by GitHub's names; `metadata: read` every token has.
    fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fetch => &[("contents", "read")],
            Self::Push => &[("contents", "write")],
            Self::Act => &[
                ("contents", "read"),
                ("pull_requests", "write"),
                ("issues", "write"),
                ("checks", "write"),
                ("deployments", "write"),
            ],
            Self::Statuses => &[("statuses", "read")],
            Self::Members => &[("members", "read")],
        }
    }
}

/// Which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) installation: InstallationId,
    repo: RepoId,
    scope: Scope,
}

impl Key {
    /// The token for this use of this repository.
    pub(super) fn of(repo: &Repo, scope: Scope) -> Self {
        Self { installation: repo.installation, repo: repo.id, scope }
    }
}

/// A token is renewed this long before it ends, so that what begins with it can end with it.
const MARGIN: Duration = Duration::from_mins(5);

/// GitHub's tokens live this long; also what is assumed if its answer cannot be believed.
const LIFE: Duration = Duration::from_hours(1);

/// Tokens that are kept; beyond that, those that have ended are let go.
const KEPT: usize = 2000;

/// A token, and what it lacks of what was wanted.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    /// As in "checks: write`, `deployments: write"; empty: nothing.
    pub(super) lacks: String,
}

struct Kept {
    token: Token,
    renew: Instant,
}

type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// All tokens in use. Each has its own slot, so that of many who want the same one, one asks and the others wait.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Key, Slot>>,
}

#[derive(Deserialize)]
struct Minted {
    token: String,
    expires_at: Timestamp,
}

impl Tokens {
    /// A token that is good for five minutes at least.
    pub(super) async fn get(&self, wire: &Wire, key: &Key) -> Result<Token, Error> {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.renew > Instant::now()) {
            return Ok(kept.token.clone());
        }
        let minted = mint(wire, key).await?;
        let token = minted.token.clone();
        *kept = Some(minted);
        Ok(token)
    }

    /// Forgets a token that GitHub refused, unless another has taken its place.
    pub(super) async fn forget(&self, key: &Key, token: &SecretString) {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.token.secret.expose_secret() == token.expose_secret()) {
            *kept = None;
        }
    }

    fn slot(&self, key: &Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT && !slots.contains_key(key) {
            let now = Instant::now();
            // One that is locked is in use.
            let alive = |slot: &Slot| {
                slot.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(|kept| kept.renew > now))
            };
            slots.retain(|_, slot| alive(slot));
        }
        Arc::clone(slots.entry(*key).or_default())
    }
}

/// A token for a use; where what we tell people is not granted whole, one for what is granted: without `checks` a comment
/// can still say so, and the other way round.
async fn mint(wire: &Wire, key: &Key) -> Result<Kept, Error> {
    let doing = format!("making a token for installation {} and repository {}", key.installation, key.repo);
    let wanted = key.scope.permissions();
    let message = match ask(wire, key, &doing, wanted).await {
        Err(Error::Refused { status: 422, message, .. }) => message,
        settled => return settled,
    };
    // GitHub does not say which permission is missing, so the installation is asked.
    let granted = granted(wire, key).await?;
    let has = |name: &str, level: &str| granted.get(name).is_some_and(|given| rank(given) >= rank(level));
    let missing: Vec<String> = wanted
        .iter()
        .filter(|(name, level)| !has(name, level))
        .map(|(name, level)| format!("{name}: {level}"))
        .collect();
    if missing.is_empty() {
        // All is granted, so it is the repository that the installation does not hold, or no more.
        tracing::debug!(installation = key.installation.0, repository = key.repo.0, message, "token refused");
        return Err(Error::Gone { doing });
    }
    let least = |(name, level): &(&'static str, &'static str)| match granted.get(*name).map(String::as_str) {
        Some(_) if has(name, level) => Some((*name, *level)),
        Some("read") => Some((*name, "read")),
        _ => None,
    };
    let rest: Vec<_> = wanted.iter().filter_map(least).collect();
    let lacks = missing.join("`, `");
    if key.scope == Scope::Act && !rest.is_empty() {
        tracing::warn!(installation = key.installation.0, lacks, "not all is granted");
        let mut kept = ask(wire, key, &doing, &rest).await?;
        kept.token.lacks = lacks;
        return Ok(kept);
    }
    Err(Error::Denied { doing, missing: grant(&lacks) })
}

/// What is to be done about missing permissions: `checks: write`.
pub(super) fn grant(missing: &str) -> String {
    format!("grant it `{missing}` in the App's settings, and accept it for the installation")
}

fn rank(level: &str) -> Option<usize> {
    ["read", "write", "admin"].iter().position(|known| *known == level)
}

/// Asks for a token. May be repeated: a token that nobody uses harms nobody.
async fn ask(wire: &Wire, key: &Key, doing: &str, wanted: &[(&str, &str)]) -> Result<Kept, Error> {
    let wanted: Map<String, Value> =
        wanted.iter().map(|(name, level)| ((*name).to_owned(), Value::from(*level))).collect();
    let body = json!({"repository_ids": [key.repo.0], "permissions": wanted});
    let path = format!("/app/installations/{}/access_tokens", key.installation);
    let answer = wire.as_app(&Ask::write(doing, Method::Post, path, Some(&body)).free()).await?;
    let date = answer.date;
    let minted: Minted = answer.read(doing)?;
    let life = date.map_or(LIFE, |date| {
        let life = minted.expires_at.duration_since(date);
        Duration::try_from(life).unwrap_or_default().min(LIFE)
    });
    let token = Token { secret: SecretString::from(minted.token), lacks: String::new() };
    Ok(Kept { token, renew: Instant::now() + life.saturating_sub(MARGIN) })
}

#[derive(Deserialize)]
struct Installation {
    #[serde(default)]
    permissions: HashMap<String, String>,
}

/// What an installation was granted.
async fn granted(wire: &Wire, key: &Key) -> Result<HashMap<String, String>, Error> {
    let doing = format!("reading installation {}", key.installation);
    let path = format!("/app/installations/{}", key.installation);
    let answer = wire.as_app(&Ask::get(&doing, path)).await?;
    answer.read::<Installation>(&doing).map(|installation| installation.permissions)
}
