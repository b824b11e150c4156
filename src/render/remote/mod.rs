//! Remote bases and charts: fetched by us, outside any renderer, and only from hosts that the operator lists.
//!
//! A [`Remote`] lives as long as the program; each job takes a [`Visit`] from it, so that what may move (a branch, a file
//! behind an address) is asked for once per job and then stays what it was. What is fetched lies in a content-addressed
//! store: a file or a chart by its SHA-256, a Git tree by its commit. What is pinned (a digest, an exact version, a whole
//! commit) is never fetched again.
//!
//! The rules, each of which has a test:
//!
//! * No host is contacted that is not listed, whether an author, an index, a registry or a redirect names it. https only;
//!   http on loopback only. Proxies of the environment are not asked: one would resolve names in our place.
//! * An address that the Internet does not know is refused unless the entry says `private: true`, and what is connected
//!   to is the address that was judged. Cloud metadata services are refused even then.
//! * Credentials go to their own host; after a redirect to another one none are sent.
//! * Bytes, time, redirects, and what an archive unpacks to are bounded.
//! * What people read names hosts and what the author wrote: no body of an answer, no path of ours, no secret.

mod address;
mod archive;
mod files;
mod git;
mod locator;
mod pin;
mod registry;
mod repository;
mod store;
mod web;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::model::fault::{Failure, Fault};
use crate::model::host::Host;
use crate::model::id::Digest;
use crate::render::remote::store::Store;
use crate::render::remote::web::Hosts;

pub(crate) use locator::Locator;
pub(crate) use pin::exact;

/// How much fetching may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Things that one job may fetch.
    pub things: usize,
    /// Time for one thing, redirects and unpacking included.
    pub time: Duration,
    /// Redirects on the way to one answer.
    pub redirects: usize,
    /// Bytes of a file of manifests.
    pub file: usize,
    /// Bytes of a repository's index.
    pub index: usize,
    /// Bytes of a packed chart.
    pub chart: usize,
    /// Bytes of what a chart unpacks to, and of the files of a Git tree.
    pub unpacked: u64,
    /// Files and folders of a chart or of a Git tree.
    pub entries: usize,
    /// Bytes of what Git sends.
    pub pack: u64,
    /// Bytes that the store keeps before it forgets what was not used for an hour.
    pub store: u64,
}

/// 200 things of two minutes each; 16 MiB for a file, 64 MiB for an index, 32 MiB for a chart, 256 MiB and 50,000 files
/// unpacked; 2 GiB kept.
impl Default for Limits {
    fn default() -> Self {
        Self {
            things: 200,
            time: Duration::from_mins(2),
            redirects: 5,
            file: 16 << 20,
            index: 64 << 20,
            chart: 32 << 20,
            unpacked: 256 << 20,
            entries: 50_000,
            pack: 256 << 20,
            store: 2 << 30,
        }
    }
}

/// The hosts that may be asked, and what was fetched from them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hosts: Hosts,
    store: Store,
    git: Option<PathBuf>,
    limits: Limits,
    /// Of a store that is kept for one run only.
    _temporary: Option<TempDir>,
}

/// Something that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Where it came from, as people write it.
    pub from: String,
    /// What it was: `sha256:…` of a file or a packed chart, `commit:…` of a Git tree.
    pub digest: String,
    /// The file, the unpacked chart, or the root of the tree; read-only by agreement.
    pub place: PathBuf,
}

impl Remote {
    /// Listed hosts, a folder for the store (made if it is not there) and the git program, if there is one.
    pub(crate) fn open(hosts: Vec<Host>, store: PathBuf, git: Option<PathBuf>) -> Result<Self, Failure> {
        Self::with(hosts, store, git, Limits::default())
    }

    /// The same with a store for one run, gone with its last copy.
    pub(crate) fn temporary(hosts: Vec<Host>, git: Option<PathBuf>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("tidegate-fetched-").tempdir().map_err(store::broken)?;
        let limits = Limits::default();
        let store = Store::open(folder.path().to_owned(), limits.store)?;
        let inner = Inner { hosts: Hosts::new(hosts), store, git, limits, _temporary: Some(folder) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same as [`Remote::open`] with other limits than the usual ones.
    pub(super) fn with(
        hosts: Vec<Host>,
        store: PathBuf,
        git: Option<PathBuf>,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let store = Store::open(store, limits.store)?;
        let inner = Inner { hosts: Hosts::new(hosts), store, git, limits, _temporary: None };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What one job fetches.
    pub(crate) fn visit(&self) -> Visit {
        Visit { inner: Arc::clone(&self.inner), asked: Arc::default() }
    }
}

/// What one job fetches: nothing is asked for twice, and so nothing moves while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    inner: Arc<Inner>,
    asked: Arc<Mutex<HashMap<String, Answer>>>,
}

/// What was asked for once: the thing, or what is wrong with it. Weather is not kept.
type Answer = Arc<OnceCell<Result<Fetched, Vec<Fault>>>>;

/// A chart as a dependency names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart<'a> {
    /// Its repository: `https://…` or `oci://…`.
    pub repository: &'a str,
    /// Its name there.
    pub name: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// What its archive must be, if that is known.
    pub digest: Option<&'a Digest>,
}

impl Visit {
    /// A file of manifests, or a Git tree: what a kustomization names.
    pub(crate) async fn resource(&self, locator: &Locator) -> Result<Fetched, Failure> {
        // Folders of one repository are one fetch, so that a branch cannot move between them.
        let key = match locator {
            Locator::File(url) => format!("file\n{url}"),
            Locator::Git(tree) => {
                format!("git\n{}\n{}", tree.repository, tree.reference.as_deref().unwrap_or_default())
            }
        };
        self.once(key, async {
            match locator {
                Locator::File(url) => Box::pin(web::file(&self.inner, url, self.inner.limits.file)).await,
                Locator::Git(tree) => Box::pin(git::fetch(&self.inner, tree)).await,
            }
        })
        .await
    }

    /// A chart, unpacked: the folder that holds its `Chart.yaml`.
    pub(crate) async fn chart(&self, chart: &Chart<'_>) -> Result<Fetched, Failure> {
        let digest = chart.digest.map(ToString::to_string).unwrap_or_default();
        let key = ["chart", chart.repository, chart.name, chart.version, &digest].join("\n");
        self.once(key, async {
            if chart.repository.starts_with("oci://") {
                Box::pin(registry::chart(&self.inner, chart)).await
            } else {
                Box::pin(repository::chart(self, chart)).await
            }
        })
        .await
    }

    /// The index of a repository of charts, for all of its charts.
    async fn index(&self, base: &Url) -> Result<Fetched, Failure> {
        let url = base.join("index.yaml").map_err(|error| Failure::ours("make an address", error))?;
        self.once(format!("index\n{url}"), web::file(&self.inner, &url, self.inner.limits.index)).await
    }

    async fn once(
        &self,
        key: String,
        fetch: impl Future<Output = Result<Fetched, Failure>>,
    ) -> Result<Fetched, Failure> {
        let cell = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if !asked.contains_key(&key) && asked.len() >= self.inner.limits.things {
                return Err(words::many(self.inner.limits.things));
            }
            Arc::clone(asked.entry(key).or_default())
        };
        let time = self.inner.limits.time;
        let answer = cell.get_or_try_init(|| async {
            match tokio::time::timeout(time, fetch).await {
                Ok(Ok(fetched)) => Ok(Ok(fetched)),
                Ok(Err(Failure::Author(faults))) => Ok(Err(faults)),
                Ok(Err(other)) => Err(other),
                Err(_) => Err(words::late(time)),
            }
        });
        answer.await?.clone().map_err(Failure::Author)
    }
}
