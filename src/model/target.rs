//! Where an environment lives and the operator's rules there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::deployment::Deployment;
use crate::model::id::{Branch, EnvironmentId, Login, RepoName};
use crate::model::kinds::shipped;
use crate::model::object::Bundle;
use crate::model::permit::Permit;
use crate::model::plan::Plan;
use crate::model::settings::{Adopt, BeforeMerge, FieldRule, Gate, Permission, SecretRule};
use crate::model::view::Inventory;

/// One of the operator's targets: what it is, who may use it, and the floor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetSettings {
    /// Its name in the operator's file.
    pub name: String,
    /// What it is.
    pub place: Place,
    /// Repositories that may use it, as the operator wrote them.
    pub repositories: Vec<RepoName>,
    /// Rules that a repository may tighten and never loosen.
    pub floor: Floor,
    /// Who may use `emergency:`.
    pub emergency: People,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// A Kubernetes cluster.
    Kubernetes {
        /// A kubeconfig file; none: the usual search (`KUBECONFIG`, in-cluster).
        kubeconfig: Option<std::path::PathBuf>,
        /// The context in it; none: the current one.
        context: Option<String>,
        /// The user to impersonate; `{owner}`, `{repo}` and `{environment}` are filled in.
        impersonate: Option<String>,
        /// An empty namespace in which dry runs stand in for objects of namespaces that do not exist yet.
        scratch: Option<String>,
    },
    /// A branch of the same repository that holds rendered manifests.
    Branch {
        /// The branch; `{environment}` is filled in.
        name: String,
    },
    /// A directory on this machine, for trials.
    Directory {
        /// Its path; one folder per environment is made beneath.
        path: std::path::PathBuf,
    },
}

/// The operator's rules for a target, which a repository may tighten and never loosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Floor {
    /// Branches whose content may be deployed; empty: the repository's default branch only.
    pub branches: Vec<Branch>,
    /// Gates that always hold.
    pub requires: Vec<Gate>,
    /// The least permission of whoever commands.
    pub permission: Option<Permission>,
    /// The most that a repository may allow before a merge.
    pub before_merge: Option<BeforeMerge>,
    /// Namespaces, `*` matches any run of characters; empty: any.
    pub namespaces: Vec<String>,
    /// Kinds that may be deployed; empty: any.
    pub kinds: Vec<String>,
    /// May cluster-scoped objects be deployed?
    pub cluster_objects: ClusterObjects,
}

/// May cluster-scoped objects be deployed?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClusterObjects {
    /// Yes.
    #[default]
    Allow,
    /// No.
    Deny,
}

/// Users and teams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct People {
    /// Users, by login.
    pub users: Vec<Login>,
    /// Teams, as `org/slug` or `slug`.
    pub teams: Vec<String>,
}

/// One environment in one target: everything a target must know to look at it or change it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scope {
    /// The environment's identity.
    pub environment: EnvironmentId,
    /// The repository's name today, for impersonation and trailers.
    pub repo: RepoName,
    /// The operator's name of the target.
    pub target: String,
    /// The namespace of namespaced objects that name none.
    pub namespace: Option<String>,
    /// Owners from which existing objects may be taken over.
    pub adopt: Vec<Adopt>,
    /// Who wins where managers disagree.
    pub fields: Vec<FieldRule>,
    /// Further paths that are masked.
    pub secrets: Vec<SecretRule>,
    /// Delete what Git no longer holds.
    pub prune: bool,
}

/// What a target can do and knows of kinds: renderers and identities depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Capabilities {
    /// As in `v1.36.3`; none where there is no cluster.
    pub kube_version: Option<String>,
    /// `apps/v1`, and `apps/v1/Deployment`, sorted: what Helm calls API versions.
    pub api_versions: BTreeSet<String>,
    /// By `group/Kind`: is it namespaced?
    pub namespaced: BTreeMap<String, bool>,
    /// The namespace of namespaced objects that name none when the environment names none either.
    pub default_namespace: Option<String>,
}

impl Capabilities {
    /// Is this kind namespaced? The target's answer first, then what Kubernetes ships, then CRDs in the bundle. None where
    /// nobody knows.
    pub(crate) fn namespaced(&self, group: &str, kind: &str, bundle: &Bundle) -> Option<bool> {
        let told = self.namespaced.get(&format!("{group}/{kind}")).copied();
        told.or_else(|| shipped(group, kind)).or_else(|| {
            bundle.objects.iter().find_map(|object| {
                let spec =
                    (object.id.kind == "CustomResourceDefinition").then(|| object.body.get("spec"))??;
                let is =
                    spec.get("group")?.as_str()? == group && spec.pointer("/names/kind")?.as_str()? == kind;
                is.then(|| spec.get("scope").and_then(serde_json::Value::as_str) != Some("Cluster"))
            })
        })
    }
}

/// One run of a plan: everything that a target needs to make it happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// What must change.
    pub plan: &'a Plan,
    /// The objects it brings.
    pub bundle: &'a Bundle,
    /// What the environment owned when the plan was made.
    pub inventory: Option<&'a Inventory>,
    /// Why, by whom, at which commit.
    pub deployment: &'a Deployment,
    /// The right to go on writing; looked at before each write.
    pub permit: &'a Permit,
}
