//! What all parts share: the state behind its lock, the contract, the clock, the hooks and the records.

use crate::clock::Clock;
use crate::contract::Contract;
use crate::error::Refusal;
use crate::fault::Faults;
use crate::hooks::Hooks;
use crate::record::Records;
use crate::state::State;
use crate::state::repository::Repository;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

pub(crate) struct Core {
    pub(crate) state: Mutex<State>,
    pub(crate) contract: Arc<Contract>,
    pub(crate) clock: Clock,
    pub(crate) hooks: Hooks,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) records: Mutex<Records>,
    /// `http://127.0.0.1:PORT`
    pub(crate) base: String,
    /// Where the bare repositories lie, each as `ID.git`.
    pub(crate) root: PathBuf,
}

impl Core {
    /// The state, locked, with all that an act on it needs.
    pub(crate) fn world(&self) -> World<'_> {
        World { core: self, state: locked(&self.state) }
    }
}

/// Takes a lock; a panic elsewhere does not make the values unreadable for the test that reports it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The emulated world while nobody else changes it.
pub(crate) struct World<'a> {
    pub(crate) core: &'a Core,
    pub(crate) state: MutexGuard<'a, State>,
}

impl World<'_> {
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.core.clock.now()
    }

    pub(crate) fn api(&self, path: &str) -> String {
        format!("{}/api/v3{path}", self.core.base)
    }

    pub(crate) fn html(&self, path: &str) -> String {
        format!("{}{path}", self.core.base)
    }

    pub(crate) fn repository(&self, id: u64) -> Result<&Repository, Refusal> {
        self.state.repositories.get(&id).ok_or_else(Refusal::not_found)
    }

    pub(crate) fn repository_mut(&mut self, id: u64) -> Result<&mut Repository, Refusal> {
        self.state.repositories.get_mut(&id).ok_or_else(Refusal::not_found)
    }

    /// A user's id, or that of the account an app acts as.
    pub(crate) fn user_id(&self, login: &str) -> Result<u64, Refusal> {
        self.state.user_by_login(login).map(|user| user.id).ok_or_else(Refusal::not_found)
    }
}

/// A stable opaque id, as GitHub's `node_id`: it names the kind and the number.
pub(crate) fn node_id(kind: &str, id: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}

/// The number inside a `node_id` of the given kind.
pub(crate) fn from_node_id(kind: &str, node: &str) -> Option<u64> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(node).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix(kind)?.strip_prefix(':')?.parse().ok()
}
