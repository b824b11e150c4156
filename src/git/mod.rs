//! Adapter: repositories through the git program.
//!
//! A [`Mirror`] is a bare partial clone of a repository on GitHub, fetched by commit with a token that lives in the
//! environment of one process and nowhere else; a [`Local`] is a checkout on this machine, read and never written.
//! Both hand out [`Objects`], which answers the questions: what does merging give, what changed, what lies where. There
//! is no checkout: files are written by us ([`materialise`]), so no filter and no hook of a repository ever runs.
//! [`branch`] is the target that keeps rendered manifests in a branch.

mod batch;
pub(crate) mod branch;
mod call;
mod error;
mod local;
pub(crate) mod materialise;
mod merge;
mod message;
mod mirror;
pub(crate) mod objects;
mod push;
mod redact;
mod sweep;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use error::Error;
#[cfg(test)]
#[cfg(feature = "parts")]
pub(crate) use error::Kind;
#[cfg(test)]
pub(crate) use local::Origin;
pub(crate) use local::{Local, Tidiness};
pub(crate) use merge::Merge;
pub(crate) use mirror::{Mirror, Want};
pub(crate) use objects::Objects;

use crate::git::call::{Call, Place};
use crate::git::mirror::Slot;
use crate::model::id::{Repo, RepoId};

/// The oldest git that can merge without a work tree and read names that hold newlines.
const OLDEST: (u32, u32) = (2, 38);

/// The git program, the folder of mirrors, and the one host that repositories are fetched from. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    cache: PathBuf,
    host: String,
    slots: std::sync::Mutex<HashMap<RepoId, Arc<Slot>>>,
}

impl Git {
    /// Checks the program's version once and the host: `https://…`, `http://` on loopback only (a token in clear must
    /// not leave the machine), or `file:///…` for repositories on this machine. Makes the cache folder.
    pub(crate) async fn open(program: PathBuf, cache: PathBuf, host: String) -> Result<Self, Error> {
        version(&program).await?;
        let host = host.trim_end_matches('/').to_owned();
        if protocol(&host).is_none() {
            return Err(Error::Setting(format!(
                "git host {host:?} must be https://…, or http:// on loopback: a token would go out in clear"
            )));
        }
        // Each run starts in the folder that it works on, where a relative path would mean another one.
        let cache = std::path::absolute(&cache).map_err(Error::io("cannot find", cache))?;
        tokio::fs::create_dir_all(&cache).await.map_err(Error::io("cannot make", &cache))?;
        let slots = std::sync::Mutex::default();
        Ok(Self { inner: Arc::new(Inner { program, cache, host, slots }) })
    }

    /// The mirror of a repository, known by its id: a rename changes where it is fetched from and nothing else. The
    /// address is made of our host and the name, never taken from a payload. Nothing is read or written yet.
    pub(crate) fn mirror(&self, repo: &Repo) -> Mirror {
        let slot = {
            let mut slots = self.inner.slots.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(slots.entry(repo.id).or_default())
        };
        Mirror::new(Arc::clone(&self.inner), slot, repo)
    }
}

/// The protocol that a host is reached by, if it is one that we allow.
fn protocol(host: &str) -> Option<&'static str> {
    if host.contains(|c: char| c.is_control() || c.is_whitespace() || "@?#\"\\".contains(c)) {
        return None;
    }
    if host.strip_prefix("file://").is_some_and(|path| path.starts_with('/')) {
        return Some("file");
    }
    if host.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) {
        return Some("https");
    }
    let authority = host.strip_prefix("http://")?.split('/').next()?;
    let name = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let loopback = name.parse::<std::net::IpAddr>().map_or(name == "localhost", |ip| ip.is_loopback());
    loopback.then_some("http")
}

/// Refuses a git that is missing or too old, in words that say what to do.
async fn version(program: &std::path::Path) -> Result<(), Error> {
    let out = Call::new("ask git for its version", ["version"]).run(program, &Place::nowhere()).await?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let numbers = text.strip_prefix("git version ").and_then(|rest| {
        let mut parts = rest.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?))
    });
    match numbers {
        Some(found) if found >= OLDEST => Ok(()),
        _ => Err(Error::Setting(format!(
            "{} says {text:?}; Tidegate needs git {}.{} or newer",
            program.display(),
            OLDEST.0,
            OLDEST.1
        ))),
    }
}
