//! Adapter: the only room that knows octocrab. GitHub's answers become values of ours, and our values what is seen there.
//!
//! Every write is safe to repeat: comments are found again by marker and authorship, checks by external id, deployments by
//! the key in their payload; after an unknown outcome we look before we write again. Reads are repeated here, and limits
//! are never waited for: [`Error::Limited`] says for how long to park the work.

mod answer;
mod base;
mod budget;
mod check;
mod comment;
mod deployment;
mod error;
mod gates;
mod once;
mod page;
mod person;
mod pull;
mod token;
pub(crate) mod webhook;
mod wire;

use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::OnceCell;

pub(crate) use deployment::Record;
pub(crate) use error::Error;
pub(crate) use error::Kind;

use crate::model::id::Repo;
use comment::Known;
use token::{Key, Scope};
use wire::{Ask, Wire};

/// Our App, as the operator registered it.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Its numeric id.
    pub id: u64,
    /// Its RSA key, as PEM.
    pub key: SecretString,
}

/// GitHub, seen as our App. Copies share connections, tokens and budgets.
#[derive(Clone)]
pub(crate) struct GitHub {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    wire: Wire,
    slug: OnceCell<String>,
    known: Known,
}

#[derive(Deserialize)]
struct Registered {
    slug: String,
}

impl GitHub {
    /// Prepares to speak as `app` to the API at `api` (`https://api.github.com`, `https://HOST/api/v3`; plain http on
    /// loopback only). Sends nothing yet. Must be called within a Tokio runtime.
    pub(crate) fn connect(app: &App, api: &str) -> Result<Self, Error> {
        let wire = Wire::open(app, api)?;
        let inner = Inner { id: app.id, wire, slug: OnceCell::new(), known: Known::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The App's name in addresses; asked once. <https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app>
    pub(crate) async fn app_slug(&self) -> Result<&str, Error> {
        let ask = async || {
            let doing = "asking GitHub who we are";
            let answer = self.inner.wire.as_app(&Ask::get(doing, "/app")).await?;
            answer.read::<Registered>(doing).map(|registered| registered.slug)
        };
        self.inner.slug.get_or_try_init(ask).await.map(String::as_str)
    }

    /// The login under which the App writes, `slug[bot]`: no person can have one like it.
    pub(crate) async fn app_login(&self) -> Result<String, Error> {
        self.app_slug().await.map(|slug| format!("{slug}[bot]"))
    }

    /// A token that reads this repository with Git, good for five minutes at least; of any length and form.
    pub(crate) async fn token(&self, repo: &Repo) -> Result<SecretString, Error> {
        self.secret(Key::of(repo, Scope::Fetch)).await
    }

    /// A token that pushes to this repository with Git: `branch` targets; needs the opt-in `contents: write`.
    pub(crate) async fn push_token(&self, repo: &Repo) -> Result<SecretString, Error> {
        self.secret(Key::of(repo, Scope::Push)).await
    }

    async fn secret(&self, key: Key) -> Result<SecretString, Error> {
        self.inner.wire.tokens.get(&self.inner.wire, &key).await.map(|token| token.secret)
    }

    /// Forgets a token that Git found refused.
    pub(crate) async fn refused(&self, repo: &Repo, token: &SecretString) {
        for scope in [Scope::Fetch, Scope::Push] {
            self.inner.wire.tokens.forget(&Key::of(repo, scope), token).await;
        }
    }

    fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    /// The token for what is shown on GitHub, and the root of the repository: by id, which survives renames and cannot be
    /// taken over with a name.
    fn acting(repo: &Repo) -> (Key, String) {
        (Key::of(repo, Scope::Act), format!("/repositories/{}", repo.id))
    }
}

#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;
