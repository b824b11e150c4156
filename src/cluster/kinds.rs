//! Which kinds the API server serves: versions, plural names, scopes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::error::Error;
use crate::cluster::wire::{Call, Wire};
use crate::model::object::ObjectId;
use crate::model::target::Capabilities;

/// How long an answer of discovery is believed. A CRD that we apply ends it earlier.
const FRESH: Duration = Duration::from_mins(10);
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What the server serves, as of one moment.
#[derive(Debug, Clone)]
pub(super) struct Kinds {
    /// By group and kind; the preferred version first.
    served: BTreeMap<(String, String), Vec<Served>>,
    /// Groups of which some version does not answer (an aggregated API that is down).
    stale: BTreeSet<String>,
    version: Option<String>,
    read: Instant,
}

/// One version of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// The group; `""` is the core group.
    pub group: String,
    /// As in `v1`.
    pub version: String,
    /// The name in paths, as in `deployments`.
    pub plural: String,
    /// Has it a namespace?
    pub namespaced: bool,
    /// Can all objects of it be listed, and deleted?
    pub listed: bool,
    /// Has it a status of its own, which a controller writes?
    pub status: bool,
}

impl Served {
    /// `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of all objects of the kind, in one namespace if it has any.
    pub(super) fn all(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let version = self.api_version();
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/{version}/namespaces/{}/{}", escape(namespace), self.plural),
            None => format!("{root}/{version}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub(super) fn one(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.all(namespace), escape(name))
    }
}

/// A part of a path or a query, so that no name can leave its place.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~')
            || (byte == b'.' && text.len() > 2)
        {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

impl Kinds {
    /// Asks the server: three requests.
    pub(super) async fn read(wire: &Wire) -> Result<Self, Error> {
        let list = |path: &str| Call { accept: DISCOVERY, ..Call::get("discover its APIs", path) };
        let (core, groups, version) = (list("/api"), list("/apis"), Call::get("ask its version", "/version"));
        let (core, groups, version) =
            tokio::try_join!(wire.value(&core), wire.value(&groups), wire.value(&version))?;
        let mut kinds = Self {
            served: BTreeMap::new(),
            stale: BTreeSet::new(),
            version: version.get("gitVersion").and_then(Value::as_str).map(str::to_owned),
            read: Instant::now(),
        };
        for list in [core, groups] {
            for group in array(&list, "items") {
                kinds.add(group);
            }
        }
        Ok(kinds)
    }

    /// The server's own version, as in `v1.36.3`.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Is it still to be believed?
    pub(super) fn fresh(&self) -> bool {
        self.read.elapsed() < FRESH
    }

    /// Was it read a moment ago, so that asking again would answer the same?
    pub(super) fn young(&self) -> bool {
        self.read.elapsed() < Duration::from_secs(2)
    }

    /// This kind in this very version (`apps/v1`).
    pub(super) fn exact(&self, api_version: &str, kind: &str) -> Option<&Served> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.versions(group, kind).iter().find(|served| served.version == version)
    }

    /// This kind in the version that the server prefers.
    pub(super) fn preferred(&self, id: &ObjectId) -> Option<&Served> {
        self.versions(&id.group, &id.kind).first()
    }

    /// Every version of a kind.
    pub(super) fn versions(&self, group: &str, kind: &str) -> &[Served] {
        self.served.get(&(group.to_owned(), kind.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every kind in the version that the server prefers.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Served)> {
        self.served.iter().filter_map(|((_, kind), versions)| Some((kind.as_str(), versions.first()?)))
    }

    /// Does a group not answer, or only in part?
    pub(super) fn is_stale(&self, group: &str) -> bool {
        self.stale.contains(group)
    }

    /// The same for renderers and identities.
    pub(super) fn capabilities(&self, default_namespace: &str) -> Capabilities {
        let mut capabilities = Capabilities {
            kube_version: self.version.clone(),
            default_namespace: Some(default_namespace.to_owned()),
            ..Capabilities::default()
        };
        for ((group, kind), versions) in &self.served {
            for served in versions {
                let api_version = served.api_version();
                capabilities.api_versions.insert(format!("{api_version}/{kind}"));
                capabilities.api_versions.insert(api_version);
            }
            if let Some(served) = versions.first() {
                capabilities.namespaced.insert(format!("{group}/{kind}"), served.namespaced);
            }
        }
        capabilities
    }

    /// One `APIGroupDiscovery`.
    /// <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery>
    fn add(&mut self, item: &Value) {
        let group = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        for entry in array(item, "versions") {
            if entry.get("freshness").and_then(Value::as_str) == Some("Stale") {
                self.stale.insert(group.to_owned());
            }
            let version = text(entry, "version");
            for resource in array(entry, "resources") {
                let kind = resource.pointer("/responseKind/kind").and_then(Value::as_str).unwrap_or_default();
                // Subresources stand elsewhere; what cannot be read back is no object that can be deployed.
                let verbs = array(resource, "verbs");
                if kind.is_empty() || !verbs.iter().any(|verb| verb == "get") {
                    continue;
                }
                self.served.entry((group.to_owned(), kind.to_owned())).or_default().push(Served {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    plural: text(resource, "resource").to_owned(),
                    namespaced: text(resource, "scope") == "Namespaced",
                    listed: ["list", "delete"].iter().all(|verb| verbs.iter().any(|known| known == verb)),
                    status: array(resource, "subresources")
                        .iter()
                        .any(|sub| text(sub, "subresource") == "status"),
                });
            }
        }
    }
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kinds, escape};

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(escape("../a?b"), "..%2Fa%3Fb");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("system:node"), "system%3Anode");
    }

    #[test]
    fn discovery_gives_versions_in_order_and_helm_its_api_versions() {
        let mut kinds = Kinds {
            served: std::collections::BTreeMap::new(),
            stale: std::collections::BTreeSet::new(),
            version: Some("v1.36.3".to_owned()),
            read: tokio::time::Instant::now(),
        };
        let resource = json!({"resource": "deployments", "responseKind": {"kind": "Deployment"},
                              "scope": "Namespaced", "verbs": ["get", "patch"]});
        kinds.add(&json!({"metadata": {"name": "apps"}, "versions": [
            {"version": "v1", "resources": [resource]},
            {"version": "v1beta1", "freshness": "Stale", "resources": []}]}));
        let served = kinds.exact("apps/v1", "Deployment").unwrap();
        assert_eq!(served.one(Some("shop"), "web"), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert!(kinds.is_stale("apps"));
        assert!(kinds.exact("apps/v2", "Deployment").is_none());
        let capabilities = kinds.capabilities("default");
        assert!(capabilities.api_versions.contains("apps/v1/Deployment"));
        assert_eq!(capabilities.namespaced.get("apps/Deployment"), Some(&true));
    }
}
