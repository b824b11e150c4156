//! The repository's own file, read: which environments there are, what they render, who may deploy them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::id::{Branch, EnvironmentName, Login};
use crate::model::version::Version;

/// `.tidegate.yaml`, valid and with its defaults merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The tracked branch; none: the repository's default branch.
    pub branch: Option<Branch>,
    /// The environments by name.
    pub environments: BTreeMap<EnvironmentName, Environment>,
}

/// One environment as the repository's file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// The operator's name for where it lives; by default the environment's own name.
    pub target: String,
    /// Another branch than the file's, if the environment tracks one.
    pub branch: Option<Branch>,
    /// The namespace of namespaced objects that name none.
    pub namespace: Option<String>,
    /// What is rendered.
    pub sources: Vec<Source>,
    /// Versions of the renderers; the usual ones where none is asked for.
    #[serde(default)]
    pub versions: Versions,
    /// When, by whom and under which conditions.
    pub deploy: Deploy,
    /// Owners from which existing objects may be taken over.
    pub adopt: Vec<Adopt>,
    /// Who wins where field managers disagree.
    pub fields: Vec<FieldRule>,
    /// Further paths that are masked.
    pub secrets: Vec<SecretRule>,
    /// The line of `.tidegate.yaml` where it begins, from 1; for refusals that name a rule.
    pub line: u32,
}

/// The versions of renderers that an environment asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// Helm's.
    pub helm: Option<Asked>,
    /// Kustomize's.
    pub kustomize: Option<Asked>,
}

/// A version that is asked for: whole, or its first parts, which stand for the newest that begins with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The version.
    pub version: Version,
    /// The line in `.tidegate.yaml`, from 1.
    pub line: u32,
}

/// A folder or file to render, or a pattern that names several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// Path in the repository; `*` matches within one part, `{environment}` is the environment's name.
    pub path: String,
    /// The renderer, if said; otherwise found by what lies there.
    pub renderer: Option<Renderer>,
    /// Helm's settings; their presence says Helm.
    pub helm: Option<Helm>,
    /// The line in `.tidegate.yaml`, from 1.
    pub line: u32,
}

/// What turns an app's folder into objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Renderer {
    /// YAML and JSON manifests as they lie.
    Plain,
    /// A `kustomization.yaml`.
    Kustomize,
    /// A `Chart.yaml`.
    Helm,
}

/// How a chart is rendered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Helm {
    /// The release's name; by default the folder's.
    pub release: Option<String>,
    /// Values, later ones win.
    pub values: Vec<Values>,
    /// Render the chart's `crds/` too.
    pub include_crds: bool,
}

/// One entry of `values`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Values {
    /// A file, relative to the chart, or to the repository with a leading `/`.
    File(String),
    /// A mapping written in place.
    Inline(Value),
}

/// When, by whom and under which conditions an environment is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deploy {
    /// What starts a deployment.
    pub when: When,
    /// May a pull request be deployed before it is merged?
    pub before_merge: BeforeMerge,
    /// Environments where the same tree must be deployed first.
    pub after: Vec<EnvironmentName>,
    /// Conditions that hold for commands and merges alike.
    pub requires: Vec<Gate>,
    /// Who may command.
    pub allow: Allow,
    /// Delete what Git no longer holds.
    pub prune: bool,
    /// Where deletes stop and ask.
    pub limits: Limits,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            when: When::Merge,
            before_merge: BeforeMerge::WhenMergeable,
            after: Vec::new(),
            requires: Vec::new(),
            allow: Allow::default(),
            prune: true,
            limits: Limits::default(),
        }
    }
}

/// What starts a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    /// A push to the tracked branch.
    Merge,
    /// Only `/deploy`.
    Comment,
    /// Nothing.
    Never,
}

/// May a pull request be deployed before it is merged? Later variants allow more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BeforeMerge {
    /// No.
    Never,
    /// When the reviews and checks that the branch's rules ask of a merge are there.
    WhenMergeable,
    /// Yes.
    AnyTime,
}

/// A condition that a deployment must meet first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gate {
    /// An approving review and none that asks for changes.
    Approved,
    /// Every check and status on the head succeeded, our own aside.
    Checks,
    /// The head contains the base's tip.
    UpToDate,
}

/// Who may command: this permission AND, if any are listed, one of these users or teams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allow {
    /// The least permission on the repository.
    pub permission: Permission,
    /// Users, by login.
    pub users: Vec<Login>,
    /// Teams, as `org/slug` or `slug`.
    pub teams: Vec<String>,
}

impl Default for Allow {
    fn default() -> Self {
        Self { permission: Permission::Write, users: Vec::new(), teams: Vec::new() }
    }
}

/// A permission on a repository, as GitHub orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Permission {
    /// No access.
    None,
    /// May read.
    Read,
    /// May label and close.
    Triage,
    /// May push.
    Write,
    /// May change some settings.
    Maintain,
    /// May do everything.
    Admin,
}

impl Permission {
    /// The word that GitHub and the file use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

/// Where deletes stop and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Percent of the environment's objects; never below five objects.
    pub deletes_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deletes_percent: 20 }
    }
}

impl Limits {
    /// How many deletes go without a question, of `owned` objects: max(5, percent).
    pub(crate) fn deletes(self, owned: usize) -> usize {
        (owned * usize::from(self.deletes_percent) / 100).max(5)
    }
}

/// An owner from which existing objects may be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Adopt {
    /// Nobody's tool manages it.
    Unmanaged,
    /// A Helm release.
    Helm,
    /// An Argo CD application.
    Argocd,
    /// A Flux object.
    Flux,
}

/// Who wins where field managers disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldRule {
    /// Kinds it holds for; empty: all.
    pub kinds: Vec<String>,
    /// JSON Pointer of the field.
    pub path: String,
    /// What to do.
    pub rule: Winner,
    /// Managers it holds for; empty: all.
    pub to: Vec<String>,
}

/// The outcome of a disagreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Winner {
    /// Git wins.
    Take,
    /// The other manager keeps it.
    Yield,
    /// Nobody: the deployment stops.
    Fail,
}

/// A path that is masked beside core Secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretRule {
    /// Kinds it holds for; empty: all.
    pub kinds: Vec<String>,
    /// JSON Pointer of the value; everything beneath is masked.
    pub path: String,
}
