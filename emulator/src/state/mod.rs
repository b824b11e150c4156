//! The emulated GitHub as plain values: who there is, what is installed where, what lies in it.
//!
//! Nothing here knows of HTTP, JSON or Git; `acts` changes the values, `show` writes them as GitHub does.

pub(crate) mod app;
pub(crate) mod check;
pub(crate) mod deployment;
pub(crate) mod issue;
pub(crate) mod repository;
pub(crate) mod user;

use crate::state::app::App;
use crate::state::app::Installation;
use crate::state::app::Token;
use crate::state::repository::Repository;
use crate::state::user::Team;
use crate::state::user::User;
use std::collections::BTreeMap;

/// All values; ids come from one counter, so that no two objects share one.
#[derive(Debug, Default)]
pub(crate) struct State {
    last_id: u64,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) apps: BTreeMap<u64, App>,
    pub(crate) installations: BTreeMap<u64, Installation>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) long_tokens: bool,
    pub(crate) repositories: BTreeMap<u64, Repository>,
    /// Names that repositories had before a rename or transfer, in lower case.
    pub(crate) former_names: BTreeMap<(String, String), u64>,
    /// Temporary codes of the manifest flow, each good for one conversion.
    pub(crate) manifest_codes: BTreeMap<String, u64>,
    pub(crate) teams: BTreeMap<(u64, String), Team>,
}

impl State {
    /// An empty GitHub whose ids begin after `after`.
    pub(crate) fn new(after: u64) -> State {
        State { last_id: after, ..State::default() }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn user_by_login(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub(crate) fn repository_named(&self, owner: &str, name: &str) -> Option<&Repository> {
        let owner = self.user_by_login(owner)?.id;
        self.repositories
            .values()
            .find(|repository| repository.owner == owner && repository.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn former_name(&self, owner: &str, name: &str) -> Option<u64> {
        self.former_names.get(&(owner.to_lowercase(), name.to_lowercase())).copied()
    }

    /// The login of a user id; ids in the state always belong to someone.
    pub(crate) fn login(&self, id: u64) -> &str {
        self.users.get(&id).map_or("ghost", |user| user.login.as_str())
    }

    pub(crate) fn full_name(&self, repository: &Repository) -> String {
        format!("{}/{}", self.login(repository.owner), repository.name)
    }

    /// The installations that can see a repository.
    pub(crate) fn installations_of(&self, repository: u64) -> Vec<u64> {
        self.installations
            .values()
            .filter(|installation| installation.repositories.contains(&repository))
            .map(|installation| installation.id)
            .collect()
    }
}
