//! What must change in an environment so that it equals a bundle. The public document of the product.
//!
//! The frame of its JSON is fixed (`schema/plan.v1.json`): keys may be added, none changed without a new version.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::id::{Digest, EnvironmentName, Sha};
use crate::model::object::{ObjectId, Remote};
use crate::model::settings::Winner;

/// The plans of all environments that one change touches: version 1 of the public document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preview {
    /// Always 1.
    pub version: u32,
    /// The base's tip.
    pub base: Sha,
    /// The proposed commit.
    pub head: Sha,
    /// The tree of head merged into base.
    pub tree: Sha,
    /// One plan per environment, in the order of their names.
    pub environments: Vec<Plan>,
}

/// What must change in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The environment.
    pub name: EnvironmentName,
    /// The operator's name for where it lives.
    pub target: String,
    /// The effect digest; none where there are errors, or in a rendered plan of an environment without target.
    pub digest: Option<Digest>,
    /// The lowest fidelity of its changes.
    pub fidelity: Fidelity,
    /// How many objects each action has.
    pub counts: Counts,
    /// Nothing was deployed here before: creates and differing objects in full, nothing deleted.
    #[serde(default)]
    pub baseline: bool,
    /// The changes, sorted by identity.
    pub changes: Vec<Change>,
    /// What runs at deploy time; not in the counts.
    pub hooks: Vec<Change>,
    /// The author's faults; with any, the environment cannot be deployed.
    pub errors: Vec<Fault>,
    /// What the reader should know.
    pub warnings: Vec<String>,
    /// Commits that were merged and are not deployed yet, newest first; at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Commit>,
    /// The versions of the programs that rendered it, by their names; only those that were used.
    #[serde(default)]
    pub renderers: BTreeMap<String, String>,
    /// What was fetched from other hosts to render it, and what it was then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<Remote>,
    /// Digest of the rendered bundle that it brings.
    #[serde(default)]
    pub bundle: Option<Digest>,
    /// How many objects the environment owns already; the base of the delete limit.
    #[serde(default)]
    pub owned: usize,
}

impl Plan {
    /// A plan of which nothing is known yet but for what: it changes nothing and cannot be approved.
    pub(crate) fn new(name: EnvironmentName, target: String) -> Self {
        Self {
            name,
            target,
            digest: None,
            fidelity: Fidelity::Live,
            counts: Counts::default(),
            baseline: false,
            changes: Vec::new(),
            hooks: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            pending: Vec::new(),
            renderers: BTreeMap::new(),
            remotes: Vec::new(),
            bundle: None,
            owned: 0,
        }
    }

    /// Would applying it change anything?
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.hooks.is_empty()
    }
}

/// A commit that was merged and is not deployed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    /// Its id.
    pub sha: Sha,
    /// The first line of its message, as its author wrote it.
    pub title: String,
}

/// How many objects each action has; `none` counts objects of the bundle that do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    #[serde(rename = "move")]
    pub moved: usize,
    pub adopt: usize,
    pub keep: usize,
    pub none: usize,
}

/// One object's change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// What happens to it.
    pub action: Action,
    /// Which object.
    pub id: ObjectId,
    /// The app that it comes from, by its path.
    pub app: String,
    /// The file it comes from, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How good the prediction is.
    pub fidelity: Fidelity,
    /// What is at stake; a closed list.
    pub risks: Vec<Risk>,
    /// Every differing path, labelled; masked.
    pub paths: Vec<PathChange>,
    /// A unified diff of the object as YAML, masked.
    pub diff: String,
    /// What the target or the renderer warned of.
    pub warnings: Vec<String>,
    /// Fields that other managers hold too, and who will have them; masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// What goes with it when it is deleted, claims first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cascade: Vec<Cascade>,
    /// Of a move: from where to where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// The object of another change that this one succeeds or gives way to; for display only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Pair>,
    /// Of a hook: when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
    /// The incarnation that a replace or delete is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What it does, for comparison; not for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

impl Change {
    /// A change of which nothing is known yet but what happens to which object.
    pub(crate) fn new(action: Action, id: ObjectId) -> Self {
        Self {
            action,
            id,
            app: String::new(),
            file: None,
            fidelity: Fidelity::Live,
            risks: Vec::new(),
            paths: Vec::new(),
            diff: String::new(),
            warnings: Vec::new(),
            conflicts: Vec::new(),
            cascade: Vec::new(),
            transfer: None,
            pair: None,
            hook: None,
            uid: None,
            effect: None,
        }
    }
}

/// A field that another manager holds with another value, and who will have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conflict {
    /// JSON Pointer into the payload.
    pub path: String,
    /// Who holds it.
    pub manager: String,
    /// What is done about it.
    pub rule: Winner,
    /// The value there now; null: none.
    pub live: Value,
    /// The value that Git holds; null: none.
    pub git: Value,
}

/// How many objects of one kind go with a namespace or a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cascade {
    /// API group; `""` is the core group.
    pub group: String,
    /// Kind, as in `PersistentVolumeClaim`.
    pub kind: String,
    /// How many there are; none: they may not be counted.
    pub count: Option<usize>,
}

/// From where to where an object moves: between environments of one repository, or between apps of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    /// Where it was.
    pub from: Home,
    /// Where it will be.
    pub to: Home,
}

/// Where an object is at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    /// The environment that owns it.
    pub environment: EnvironmentName,
    /// The app that renders it; empty where that is not known.
    pub app: String,
}

/// The other half of what is one change for people: what is created in place of what is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// The other object.
    pub id: ObjectId,
    /// Why the two belong together.
    pub why: Likeness,
}

/// Why two objects belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Likeness {
    /// The same name before a suffix that is a hash of the content (Kustomize's generators).
    Hash,
    /// The same namespace and name, in another API group or of another kind.
    Group,
    /// Another name, nearly the same content.
    Rename,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Hook {
    /// Before or after the objects.
    pub phase: Phase,
    /// Lower ones run first.
    pub weight: i64,
}

/// Before or after what a deployment writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Before the objects, but after namespaces and definitions.
    Before,
    /// After the objects are ready.
    After,
}

/// What a change does to an object, as keyed digests over the values in clear: how they are masked for people, and which
/// of them are known to be secret, does not enter. A key of their own keeps them apart from the marks that are shown, or
/// what is live could be guessed word by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// Every path that has an effect, with what it was and what it will be.
    pub whole: Digest,
    /// The same without side effects, which depend on how well the target could answer.
    pub declared: Digest,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// It does not exist and will.
    Create,
    /// It changes in place.
    Update,
    /// An immutable field changes: deleted and created anew.
    Replace,
    /// Git no longer holds it.
    Delete,
    /// Another environment or app of the repository takes it over.
    Move,
    /// It exists, is not ours, and may be taken over.
    Adopt,
    /// Git no longer holds it and an annotation keeps it.
    Keep,
    /// Nothing.
    None,
}

impl Action {
    /// The word that the JSON and the comment use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Adopt => "adopt",
            Self::Keep => "keep",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How good a prediction is, best last, so that the minimum is the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fidelity {
    /// Two renders compared.
    Rendered,
    /// Checked against the object's schema only.
    Schema,
    /// The target's answer for a stand-in namespace.
    Scratch,
    /// The target's own answer.
    Live,
}

impl Fidelity {
    /// The word that the JSON and the comment use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Schema => "schema",
            Self::Scratch => "scratch",
            Self::Live => "live",
        }
    }
}

/// One differing path of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PathChange {
    /// JSON Pointer into the after-state; into the before-state for removals.
    pub path: String,
    /// Why it differs.
    pub class: Class,
    /// The value there now; null: none.
    pub before: Value,
    /// The value to come; null: none.
    pub after: Value,
}

/// Why a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    /// Between base and merge.
    ThisChange,
    /// Merged earlier, not yet deployed.
    Pending,
    /// Live differs from what was last applied; deploying reverts it.
    Drift,
    /// Defaulting, admission, conversion.
    SideEffect,
    /// Already so, or another manager keeps it.
    NoEffect,
    /// Set by people, not in Git.
    ByHand,
    /// Differs between two renders, so that what is live is kept.
    Volatile,
}

impl Class {
    /// Do paths of this class enter the effect digest?
    pub(crate) fn has_effect(self) -> bool {
        matches!(self, Self::ThisChange | Self::Pending | Self::Drift | Self::SideEffect)
    }
}

/// What is at stake in a change; the closed list of the schema, most dangerous first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Risk {
    /// Data goes with it (a claim, a volume).
    LosesData,
    /// Everything in it goes with it (a namespace, a definition).
    Cascades,
    /// It is deleted.
    Deletes,
    /// It is deleted and created anew.
    Replaces,
    /// It is taken over from somebody else.
    TakesOver,
    /// Rights change.
    Rights,
    /// Traffic may be interrupted (a Service's selector or type, an Ingress).
    Traffic,
    /// Admission of other objects changes (webhooks, policies).
    Admission,
    /// Pods restart.
    Restarts,
    /// A Job runs.
    Runs,
    /// Reverts what was changed outside Git.
    Reverts,
}
