//! What a target answered when it was looked at: facts for a decision, before any decision.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::id::{Digest, EnvironmentName, Sha};
use crate::model::lists::ListKeys;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::{Cascade, Conflict, Fidelity, Home};
use crate::model::volatile::veil;

/// What an environment owns in its target, as of its last deployment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// What is owned, by identity.
    pub entries: BTreeMap<ObjectId, Owned>,
    /// The source commit last deployed.
    pub commit: Option<Sha>,
    /// The Git tree last deployed.
    pub tree: Option<Sha>,
    /// The plan last applied.
    pub plan: Option<Digest>,
    /// Counts deployments; grows with each write. A writer that read an older one must look again.
    pub generation: u64,
    /// Digest of the hooks that last ran to their end; none: they never did, or a run that planned them has not ended well.
    #[serde(default)]
    pub hooks: Option<Digest>,
    /// Was it rebuilt from labels because the record was lost? Then nothing is pruned without an approved plan.
    #[serde(default)]
    pub rebuilt: bool,
}

/// One owned object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Owned {
    /// The target's own id of the incarnation (a Kubernetes UID), where it has one.
    pub uid: Option<String>,
    /// Digest of what was last rendered and applied; none while a deployment that wrote ahead has not confirmed it.
    pub digest: Option<Digest>,
    /// The app it came from.
    pub app: String,
}

impl Owned {
    /// Is it still the same app that renders it? What was found again by its marks is of no app.
    pub(crate) fn stays(&self, app: &str) -> bool {
        self.app.is_empty() || self.app == app
    }
}

/// One object as the target sees it, beside what it would become.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Which object.
    pub id: ObjectId,
    /// What is there; none: nothing is.
    pub live: Option<Live>,
    /// What would be there.
    pub prediction: Prediction,
    /// How good the prediction is.
    pub fidelity: Fidelity,
    /// Why it is not `live`, in the reader's words; empty otherwise.
    pub reason: String,
    /// What the target warned of.
    pub warnings: Vec<String>,
    /// Fields that other managers hold too, and what the rules say; not masked.
    pub conflicts: Vec<Conflict>,
    /// What would go with it if it were deleted, claims first.
    pub cascade: Vec<Cascade>,
    /// JSON Pointers into the prediction where the target answers otherwise each time it is asked.
    pub volatile: Vec<String>,
    /// How lists of its kind are keyed, beyond what Kubernetes' own kinds are known for.
    pub keys: ListKeys,
    /// Where it goes to or comes from among the repository's environments.
    pub passage: Passage,
}

impl Seen {
    /// A live or predicted body without what differs at each render of its object, or each time the target is asked.
    pub(crate) fn veiled<'b>(&self, object: Option<&Object>, body: &'b Value) -> Cow<'b, Value> {
        let own = match object {
            Some(object) if !object.volatile.is_empty() => Cow::Owned(object.veiled(body)),
            Some(_) | None => Cow::Borrowed(body),
        };
        if self.volatile.is_empty() { own } else { Cow::Owned(veil(&own, &self.volatile)) }
    }

    /// What a target that answers for itself says of an object.
    pub(crate) fn new(id: ObjectId, live: Option<Live>, prediction: Prediction) -> Self {
        Self {
            id,
            live,
            prediction,
            fidelity: Fidelity::Live,
            reason: String::new(),
            warnings: Vec::new(),
            conflicts: Vec::new(),
            cascade: Vec::new(),
            volatile: Vec::new(),
            keys: ListKeys::default(),
            passage: Passage::Stays,
        }
    }
}

/// Where an object goes to or comes from among the environments of a repository that live in one target, by what each
/// of them holds at the proposed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Nowhere: no other environment has to do with it.
    Stays,
    /// This environment holds it no more, and that one will.
    To(Home),
    /// That one owns it and holds it no more.
    From(Home),
    /// This environment holds it no more, and that one owns it by now.
    Taken(EnvironmentName),
    /// That one owns it, and both hold it.
    Both(EnvironmentName),
    /// What that environment holds cannot be told.
    Unknown(EnvironmentName),
}

/// An object that exists in a target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    /// Its body without the server's own book-keeping (managedFields, resourceVersion, uid, status …). Secrets in clear.
    pub body: Value,
    /// The incarnation's id, where the target has one.
    pub uid: Option<String>,
    /// The version to guard a write with, where the target has one.
    pub version: Option<String>,
    /// Whose it is.
    pub owner: Owner,
    /// The id of the set that it says to be part of, where the target has sets.
    pub set: Option<String>,
    /// An annotation forbids deletion.
    pub keep: bool,
    /// A controller owns it, so that it comes and goes with its owner.
    pub controlled: bool,
    /// JSON Pointers of fields that people set by hand and Git does not hold.
    pub by_hand: Vec<String>,
}

impl Live {
    /// What is there where nobody keeps book of it: ours, free to be deleted.
    pub(crate) fn new(body: Value) -> Self {
        Self {
            body,
            uid: None,
            version: None,
            owner: Owner::Us,
            set: None,
            keep: false,
            controlled: false,
            by_hand: Vec::new(),
        }
    }
}

/// Whose an existing object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This environment's.
    Us,
    /// Another environment of ours or another tool: its name in words, as in `Argo CD application web`.
    Other(String),
    /// Nobody's tool.
    Nobody,
}

/// What a target says an object would become.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Prediction {
    /// It would be this (same cleaning as [`Live::body`]).
    Becomes(Value),
    /// It would be gone.
    Gone,
    /// A field cannot be changed in place: the object would have to be replaced by this.
    Replaced {
        /// The after-state.
        after: Value,
        /// The server's words.
        because: String,
    },
    /// The target refuses it: the author's to mend.
    Refused {
        /// The server's words, without secrets.
        message: String,
        /// JSON Pointer of the field it names, if any.
        path: Option<String>,
    },
}
