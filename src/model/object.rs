//! What rendering gives: objects with an identity, in an order, without duplicates.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::canonical;
use crate::model::id::Digest;
use crate::model::volatile::blank;

/// Identity of an object: group, kind, namespace, name. The version is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ObjectId {
    /// API group; `""` is the core group.
    pub group: String,
    /// Kind, as in `Deployment`.
    pub kind: String,
    /// Namespace; none for cluster-scoped objects and where it is not known (a rendered plan).
    pub namespace: Option<String>,
    /// Name; of an object with `generateName`, that prefix and `*`.
    pub name: String,
}

/// `Deployment shop/web`, or `Namespace shop` when there is no namespace.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Where an object comes from in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The app, by its path.
    pub app: String,
    /// The file, relative to the repository, where it is known.
    pub file: Option<String>,
    /// The line at which its document begins, from 1.
    pub line: Option<u32>,
}

/// One rendered object: its identity, its body, where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// Its identity.
    pub id: ObjectId,
    /// The whole manifest as rendered. Secrets in clear: never logged, never shown unmasked.
    pub body: Value,
    /// Where it comes from.
    pub origin: Origin,
    /// JSON Pointers into the body, sorted: where it is another at each render. What is live there is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<String>,
}

impl Object {
    /// The identity that a manifest states, or what it lacks. `generateName` gives `prefix*`.
    pub(crate) fn identify(body: &Value) -> Result<ObjectId, &'static str> {
        let text =
            |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let version = text("/apiVersion").ok_or("apiVersion is missing")?;
        let kind = text("/kind").ok_or("kind is missing")?;
        let name = match (text("/metadata/name"), text("/metadata/generateName")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}*"),
            (None, None) => return Err("metadata.name is missing"),
        };
        Ok(ObjectId {
            group: version.split_once('/').map_or("", |(group, _)| group).to_owned(),
            kind: kind.to_owned(),
            namespace: text("/metadata/namespace").map(str::to_owned),
            name,
        })
    }

    /// `apps/v1`, as the manifest says it.
    pub(crate) fn api_version(&self) -> &str {
        self.body.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// An annotation's value.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.body.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }

    /// Is it created anew each time (`generateName` and no name)?
    pub(crate) fn generated(&self) -> bool {
        self.id.name.ends_with('*')
    }

    /// Digest of what was rendered, whatever the values that are others at each render: two renders have the same.
    pub(crate) fn digest(&self) -> Digest {
        if self.volatile.is_empty() {
            return canonical::digest(&self.body);
        }
        canonical::digest(&json!({"body": blank(&self.body, &self.volatile), "volatile": self.volatile}))
    }
}

/// The ordered objects that rendering one environment at one Git tree gives; identities are unique.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Bundle {
    /// Objects by identity, sorted.
    pub objects: Vec<Object>,
    /// Objects that run at deploy time rather than stay (Helm hooks); not pruned, not in the counts.
    pub hooks: Vec<Object>,
    /// What the renderers warned of, already in the reader's terms.
    pub warnings: Vec<String>,
    /// What was fetched from other hosts for it, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<Remote>,
}

/// A base or a chart of another host, and what it was when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Remote {
    /// Where it came from, as people write it.
    pub from: String,
    /// `sha256:…` of a file or a packed chart, `commit:…` of a Git tree.
    pub digest: String,
}

impl Bundle {
    /// The object of this identity.
    pub(crate) fn find(&self, id: &ObjectId) -> Option<&Object> {
        self.objects
            .binary_search_by(|object| object.id.cmp(id))
            .ok()
            .and_then(|index| self.objects.get(index))
    }

    /// Digest over identities and bodies of objects and hooks; says whether two renders are the same.
    pub(crate) fn digest(&self) -> Digest {
        let mut sum = Vec::new();
        for object in self.objects.iter().chain(&self.hooks) {
            sum.extend(object.digest().to_string().as_bytes());
        }
        Digest::of(&sum)
    }

    /// Digest over the hooks; none where there are none.
    pub(crate) fn hooks_digest(&self) -> Option<Digest> {
        let digests: Vec<String> = self.hooks.iter().map(|hook| hook.digest().to_string()).collect();
        (!digests.is_empty()).then(|| Digest::of(digests.concat().as_bytes()))
    }

    /// Sorts by identity; call after ids were changed (a namespace filled in).
    #[allow(dead_code, reason = "tests compare bundles")]
    pub(crate) fn sort(&mut self) {
        self.objects.sort_by(|a, b| a.id.cmp(&b.id));
        self.hooks.sort_by(|a, b| a.id.cmp(&b.id));
    }
}
