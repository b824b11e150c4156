//! Targets are one small interface with the same laws: look, plan, apply, own. Planning is `diff`'s for all of them.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::cluster::{Cluster, Clusters, Error as ClusterError};
use crate::directory::Directory;
use crate::git::Error as GitError;
use crate::git::branch::{self, BranchTarget};
use crate::model::fault::{Failure, Fault};
use crate::model::id::{Branch, EnvironmentId};
use crate::model::object::{Object, ObjectId};
use crate::model::report::Applied;
use crate::model::target::{Capabilities, Place, Run, Scope, TargetSettings};
use crate::model::view::{Inventory, Owned, Seen};
use crate::work::ground::Ground;

/// Where an environment lives, connected.
pub(crate) enum Target {
    /// A Kubernetes cluster, as one impersonated user.
    Cluster(Cluster),
    /// A branch of rendered manifests.
    Branch(Box<BranchTarget>),
    /// A folder on this machine.
    Directory(Directory),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster(_) => "Cluster",
            Self::Branch(_) => "Branch",
            Self::Directory(_) => "Directory",
        })
    }
}

/// What a target needs that lies in the repository itself.
#[derive(Debug)]
pub(crate) struct Hub<'a> {
    /// The repository as it stands now.
    pub ground: &'a Ground,
    /// Branches that open pull requests of its own go into, as far as a target of this environment could be one.
    pub bases: Vec<Branch>,
    /// A token that may push.
    pub token: SecretString,
    /// The name of our App's bot, for commits.
    pub name: String,
    /// Its address.
    pub email: String,
    /// When commits are made.
    pub now: Timestamp,
}

/// Connects to where an environment lives; `hub` for targets that lie in the repository itself.
pub(crate) async fn connect(
    clusters: &Clusters,
    settings: &TargetSettings,
    scope: &Scope,
    hub: Option<&Hub<'_>>,
) -> Result<Target, Failure> {
    match &settings.place {
        Place::Kubernetes { .. } => Ok(Target::Cluster(clusters.connect(&settings.place, scope).await?)),
        Place::Directory { path } => Ok(Target::Directory(Directory::new(path.clone()))),
        Place::Branch { name } => {
            let Some(hub) = hub else {
                let fault = Fault::new(format!("target `{}` is a branch on GitHub", settings.name));
                return Err(Failure::author(fault.hint("plan it with --rendered, or on a pull request")));
            };
            let branch = branch::Settings {
                branch: branch::name(name, &scope.environment.name)?,
                forbidden: [hub.ground.tracked_branches(), hub.bases.clone()].concat(),
                name: hub.name.clone(),
                email: hub.email.clone(),
                now: hub.now,
            };
            let (mirror, token) = (hub.ground.mirror.clone(), hub.token.clone());
            Ok(Target::Branch(Box::new(BranchTarget::open(mirror, token, branch)?)))
        }
    }
}

impl Target {
    /// What it knows of kinds and versions; renderers depend on it.
    pub(crate) async fn capabilities(&self) -> Result<Capabilities, Failure> {
        match self {
            Self::Cluster(cluster) => Ok(cluster.capabilities().await?),
            Self::Branch(_) | Self::Directory(_) => Ok(Capabilities::default()),
        }
    }

    /// What the environment owns; none: nothing was ever deployed.
    pub(crate) async fn own(&self, scope: &Scope) -> Result<Option<Inventory>, Failure> {
        match self {
            Self::Cluster(cluster) => Ok(cluster.own(scope).await?),
            Self::Branch(branch) => Ok(branch.own(scope).await?),
            Self::Directory(directory) => Ok(directory.own(scope).await?),
        }
    }

    /// The id of an environment's set, where all environments share one place and the set tells whose an object is.
    pub(crate) fn set(&self, environment: &EnvironmentId) -> Option<String> {
        match self {
            Self::Cluster(_) => Some(Cluster::set(environment)),
            Self::Branch(_) | Self::Directory(_) => None,
        }
    }

    /// What is there, beside what would be. Writes nothing.
    pub(crate) async fn look(
        &self,
        scope: &Scope,
        wanted: &[&Object],
        gone: &[(ObjectId, Owned)],
    ) -> Result<Vec<Seen>, Failure> {
        match self {
            Self::Cluster(cluster) => Ok(cluster.look(scope, wanted, gone).await?),
            Self::Branch(branch) => Ok(branch.look(scope, wanted, gone).await?),
            Self::Directory(directory) => Ok(directory.look(scope, wanted, gone).await?),
        }
    }

    /// Makes a plan happen. Safe to repeat. What the target will not have done is a fault in the target's own words: another
    /// try would be refused again, and whoever deploys can tell whom to ask.
    pub(crate) async fn apply(&self, scope: &Scope, run: &Run<'_>) -> Result<Vec<Applied>, Failure> {
        match self {
            Self::Cluster(cluster) => cluster.apply(scope, run).await.map_err(not_by_cluster),
            Self::Branch(branch) => branch.apply(scope, run).await.map_err(not_by_host),
            Self::Directory(directory) => Ok(directory.apply(scope, run).await?),
        }
    }
}

fn not_by_cluster(error: ClusterError) -> Failure {
    use ClusterError::{Damaged, Denied, Refused};
    if matches!(error, Denied { .. } | Refused { .. } | Damaged { .. }) {
        let fault = Fault::new(error.to_string());
        return Failure::author(fault.hint("ask whoever runs Tidegate or the cluster, then deploy again"));
    }
    error.into()
}

fn not_by_host(error: GitError) -> Failure {
    if matches!(error, GitError::Forbidden { .. }) {
        let fault = Fault::new(error.to_string());
        return Failure::author(
            fault.hint(
                "grant the App `contents: write` and let it past the branch's rules, then deploy again",
            ),
        );
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use crate::model::fault::Failure;
    use crate::work::target::{ClusterError, GitError, not_by_cluster, not_by_host};

    #[test]
    fn what_a_target_will_not_do_is_told_in_its_words_and_its_weather_is_not() {
        let (target, doing) = ("eu".to_owned(), "patch Deployment shop/web".to_owned());
        let denied = ClusterError::Denied {
            target: target.clone(),
            user: "tidegate".to_owned(),
            doing: doing.clone(),
            message: "no".to_owned(),
        };
        let Failure::Author(faults) = not_by_cluster(denied) else { panic!("it is told") };
        assert!(faults[0].message.contains("does not let tidegate patch Deployment"), "{faults:?}");
        let unwell = ClusterError::Unwell { target, doing, code: 503, message: "later".to_owned() };
        assert!(matches!(not_by_cluster(unwell), Failure::Weather(_)));
        let forbidden = GitError::Forbidden { doing: "push", said: "protected".to_owned() };
        assert!(matches!(not_by_host(forbidden), Failure::Author(_)));
        let stale = GitError::Stale { what: "the branch".to_owned() };
        assert!(matches!(not_by_host(stale), Failure::Weather(_)));
    }
}
