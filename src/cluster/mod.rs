//! Adapter: the only room that knows kube. Looks at a Kubernetes cluster and changes it.
//!
//! A [`Cluster`] is one target as one user. With `as` in the operator's file every request is impersonated, so the
//! cluster's own RBAC decides what a repository may do. The user needs, beside the rights on what it deploys (`get`,
//! `list`, `watch`, `create`, `patch`, `delete`):
//!
//! * in namespace `tidegate` (made by the operator, or `create` on namespaces): `create`, `get` and `update` on `configmaps`. A
//!   Role with `resourceNames: [tidegate.REPOSITORY_ID.ENVIRONMENT]` bounds `get` and `update` to its own inventory;
//!   environments of more than about 2,500 objects also need `get`, `patch` and `delete` on their shards
//!   (`tidegate.REPOSITORY_ID.ENVIRONMENT.*`, which RBAC cannot spell), so give those the whole namespace or an identity of
//!   their own;
//! * `list` on `configmaps` there only to show other environments by name;
//! * `create` and `patch` in the target's scratch namespace, if it has one: for dry runs only, nothing is written there;
//! * `list` on `pods`, `replicasets` and `events` where it deploys: without them a failed rollout is told without its cause;
//! * `list` on what lies in a namespace, or is of a kind, that is to be deleted: without it a plan says that it goes, and not
//!   how much of it there is;
//! * `get` on `storageclasses`: without it a claim that waits for its first pod is waited for, too.
//!
//! `docs/install.md` says the same to operators; the tests deploy with exactly the rights that it lists.

mod address;
mod admission;
mod apply;
mod clean;
mod conflict;
pub(crate) mod error;
mod fields;
mod intent;
mod inventory;
mod kinds;
mod look;
mod migrate;
mod openapi;
mod owner;
mod payload;
mod ready;
mod scaler;
mod send;
mod submit;
mod wire;

#[cfg(test)]
#[cfg(feature = "parts")]
pub(crate) mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use crate::cluster::error::Error;
use crate::cluster::kinds::Kinds;
use crate::cluster::look::memory::Memory;
use crate::cluster::openapi::Library;
use crate::cluster::wire::Wire;
use crate::model::id::EnvironmentId;
use crate::model::object::{Object, ObjectId};
use crate::model::report::Applied;
use crate::model::target::{Capabilities, Place, Run, Scope};
use crate::model::view::{Inventory, Owned, Seen};

/// Requests at a time. The API server spends 2 ms of CPU on each write; beyond this only its queue grows.
const FLIGHT: usize = 16;
/// How long a change may take to become ready.
const PATIENCE: Duration = Duration::from_mins(5);
const CONNECT: Duration = Duration::from_secs(5);

/// One Kubernetes cluster, spoken to as one user. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cluster {
    wire: Wire,
    kinds: Arc<Mutex<Option<Arc<Kinds>>>>,
    memory: Arc<Memory>,
    library: Library,
    /// The namespace for stand-ins, where the operator made one.
    scratch: Option<String>,
    patience: Duration,
}

impl Cluster {
    /// Connects to a target of kind Kubernetes for one environment. Reads the kubeconfig, asks nothing of the server.
    pub(crate) async fn connect(place: &Place, scope: &Scope) -> Result<Self, Error> {
        let target = scope.target.as_str();
        let Place::Kubernetes { kubeconfig, context, impersonate, scratch } = place else {
            return Err(Error::Place { target: target.to_owned() });
        };
        let mut config = configuration(kubeconfig.as_deref(), context.clone())
            .await
            .map_err(|source| Error::Settings { target: target.to_owned(), source })?;
        config.connect_timeout = Some(CONNECT);
        // Our own time-outs are per request and know what it does; the server's pace is asked for per request, too.
        config.read_timeout = None;
        config.write_timeout = None;
        config.default_retry = false;
        let user = impersonate.as_deref().map(|template| fill(template, scope));
        if let Some(user) = &user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = None;
        }
        let user =
            user.or_else(|| config.auth_info.impersonate.clone()).unwrap_or_else(|| "Tidegate".to_owned());
        let client = kube::Client::try_from(config)
            .map_err(|source| Error::Settings { target: target.to_owned(), source: Box::new(source) })?;
        Ok(Self {
            wire: Wire::new(client, target.to_owned(), user),
            kinds: Arc::new(Mutex::new(None)),
            memory: Arc::default(),
            library: Library::default(),
            scratch: scratch.clone(),
            patience: PATIENCE,
        })
    }

    /// The same with another time for changes to become ready.
    #[allow(dead_code, reason = "tests wait less long")]
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What the server can do and knows of kinds; believed for ten minutes.
    pub(crate) async fn capabilities(&self) -> Result<Capabilities, Error> {
        Ok(self.kinds().await?.capabilities(self.wire.default_namespace()))
    }

    /// The id of an environment's set: the label of its objects.
    pub(crate) fn set(environment: &EnvironmentId) -> String {
        owner::set(environment)
    }

    /// What the environment owns; none: nothing was ever deployed. If the record was lost it is rebuilt from the marks that
    /// our objects bear, and says so.
    pub(crate) async fn own(&self, scope: &Scope) -> Result<Option<Inventory>, Error> {
        match inventory::read(&self.wire, &scope.environment).await? {
            Some(record) => Ok(Some(record.inventory)),
            None => inventory::rebuild(&self.wire, &*self.kinds().await?, scope).await,
        }
    }

    /// What is there and what it would become: `wanted` in their order, then `gone`. Writes nothing.
    pub(crate) async fn look(
        &self,
        scope: &Scope,
        wanted: &[&Object],
        gone: &[(ObjectId, Owned)],
    ) -> Result<Vec<Seen>, Error> {
        look::look(self, scope, wanted, gone).await
    }

    /// Makes a plan happen and waits until it is ready: one outcome per change, in the order in which they were done. An error
    /// means that nothing was written, or that the outcome could not be recorded: plan again.
    pub(crate) async fn apply(&self, scope: &Scope, run: &Run<'_>) -> Result<Vec<Applied>, Error> {
        // On the heap: it is by far the largest of what a job may wait for.
        Box::pin(apply::apply(self, scope, run)).await
    }

    async fn kinds(&self) -> Result<Arc<Kinds>, Error> {
        let mut cached = self.kinds.lock().await;
        if let Some(kinds) = cached.as_ref().filter(|kinds| kinds.fresh()) {
            return Ok(Arc::clone(kinds));
        }
        let kinds = Arc::new(Kinds::read(&self.wire).await?);
        *cached = Some(Arc::clone(&kinds));
        Ok(kinds)
    }

    async fn forget_kinds(&self) {
        *self.kinds.lock().await = None;
        self.library.forget().await;
    }
}

/// How long a connection is kept: a kubeconfig and its credentials may change.
const KEEP: Duration = Duration::from_mins(10);

/// Connections that are kept: one per target and user. They live in the runtime that opened them.
#[derive(Default)]
pub(crate) struct Clusters {
    open: Mutex<HashMap<String, (Instant, Cluster)>>,
}

impl Clusters {
    /// The connection for this environment, opened if need be.
    pub(crate) async fn connect(&self, place: &Place, scope: &Scope) -> Result<Cluster, Error> {
        let user = match place {
            Place::Kubernetes { impersonate, .. } => {
                impersonate.as_deref().map(|template| fill(template, scope))
            }
            Place::Branch { .. } | Place::Directory { .. } => None,
        };
        let key = format!("{}\n{place:?}\n{user:?}", scope.target);
        let mut open = self.open.lock().await;
        open.retain(|_, (since, _)| since.elapsed() < KEEP);
        if let Some((_, cluster)) = open.get(&key) {
            return Ok(cluster.clone());
        }
        let cluster = Cluster::connect(place, scope).await?;
        open.insert(key, (Instant::now(), cluster.clone()));
        Ok(cluster)
    }
}

type Unusable = Box<dyn std::error::Error + Send + Sync>;

async fn configuration(file: Option<&Path>, context: Option<String>) -> Result<kube::Config, Unusable> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    match file {
        Some(file) => {
            let kubeconfig = Kubeconfig::read_from(file)?;
            Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?)
        }
        None if options.context.is_some() => Ok(kube::Config::from_kubeconfig(&options).await?),
        None => Ok(kube::Config::infer().await?),
    }
}

/// The user that an environment acts as.
fn fill(template: &str, scope: &Scope) -> String {
    template
        .replace("{owner}", scope.repo.owner())
        .replace("{repo}", scope.repo.name())
        .replace("{environment}", scope.environment.name.as_str())
}
