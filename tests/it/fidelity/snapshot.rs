//! What lies in the cluster, read straight from the API server, and without what says nothing of a prediction.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::Value;

/// Group, kind, namespace and name.
pub(super) type Key = (String, String, Option<String>, String);

/// Objects by their identity.
pub(super) type Snapshot = BTreeMap<Key, Value>;

/// Kinds that only controllers write.
const THEIRS: [&str; 12] = [
    "Pod",
    "ReplicaSet",
    "Event",
    "Endpoints",
    "EndpointSlice",
    "ControllerRevision",
    "Lease",
    "ComponentStatus",
    "APIService",
    "Node",
    "CSINode",
    "VolumeAttachment",
];

/// One kind that the server lists.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// `v1` or `apps/v1`.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// `/apis/apps/v1`.
    pub root: String,
    /// Plural.
    pub plural: String,
    /// Does it live in namespaces?
    pub namespaced: bool,
}

impl Resource {
    /// Where its objects lie.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", self.root, self.plural),
            None => format!("{}/{}", self.root, self.plural),
        }
    }
}

/// A GET; none where there is nothing.
pub(super) async fn get(client: &Client, path: &str) -> Option<Value> {
    match client.request::<Value>(http::Request::get(path).body(Vec::new()).unwrap()).await {
        Ok(value) => Some(value),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => None,
        Err(error) => panic!("{path}: {error}"),
    }
}

/// Every kind that can be listed, in the group's preferred version, and in the others what only they have.
pub(super) async fn resources(client: &Client) -> Vec<Resource> {
    let mut roots = vec![("/api/v1".to_owned(), "v1".to_owned())];
    for group in get(client, "/apis").await.unwrap()["groups"].as_array().unwrap() {
        let preferred = group["preferredVersion"]["groupVersion"].as_str().unwrap();
        let others =
            group["versions"].as_array().unwrap().iter().map(|one| one["groupVersion"].as_str().unwrap());
        for version in std::iter::once(preferred).chain(others.filter(|one| *one != preferred)) {
            roots.push((format!("/apis/{version}"), version.to_owned()));
        }
    }
    let mut all: Vec<Resource> = Vec::new();
    for (root, version) in roots {
        let Some(list) = get(client, &root).await else { continue };
        for one in list["resources"].as_array().into_iter().flatten() {
            let kind = one["kind"].as_str().unwrap().to_owned();
            let group =
                |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
            let lists = one["verbs"].as_array().is_some_and(|verbs| verbs.iter().any(|verb| verb == "list"));
            let known =
                all.iter().any(|other| other.kind == kind && group(&other.version) == group(&version));
            if lists && !known {
                all.push(Resource {
                    version: version.clone(),
                    kind,
                    root: root.clone(),
                    plural: one["name"].as_str().unwrap().to_owned(),
                    namespaced: one["namespaced"].as_bool().unwrap(),
                });
            }
        }
    }
    all
}

/// Everything in the cluster whose namespace or name holds one of these words, as the server tells it.
pub(super) async fn snapshot(client: &Client, resources: &[Resource], words: &[String]) -> Snapshot {
    let mut all = Snapshot::new();
    for resource in resources.iter().filter(|resource| !THEIRS.contains(&resource.kind.as_str())) {
        let Some(list) = get(client, &resource.path(None)).await else { continue };
        for mut item in list["items"].as_array().into_iter().flatten().cloned() {
            let text = |path: &str| item.pointer(path).and_then(Value::as_str).map(str::to_owned);
            let (name, namespace) = (text("/metadata/name").unwrap(), text("/metadata/namespace"));
            let place = namespace.as_ref().unwrap_or(&name);
            if !words.iter().any(|word| place.contains(word.as_str())) || name == "kube-root-ca.crt" {
                continue;
            }
            if resource.kind == "ServiceAccount" && name == "default" {
                continue;
            }
            item["apiVersion"] = resource.version.as_str().into();
            item["kind"] = resource.kind.as_str().into();
            let group = resource.version.split_once('/').map_or("", |(group, _)| group);
            all.insert((group.to_owned(), resource.kind.clone(), namespace, name), item);
        }
    }
    all
}

/// Does a controller own it?
pub(super) fn controlled(body: &Value) -> bool {
    let owners = body.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
}

/// An object without status and book-keeping, of which no plan speaks.
pub(super) fn plain(body: &Value) -> Value {
    let mut body = body.clone();
    let Some(map) = body.as_object_mut() else { return body };
    map.shift_remove("status");
    let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) else { return body };
    let books = [
        "managedFields",
        "resourceVersion",
        "uid",
        "generation",
        "creationTimestamp",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    for key in books {
        metadata.shift_remove(key);
    }
    let books = [
        ("labels", "applyset.kubernetes.io/part-of"),
        ("annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        ("annotations", "deployment.kubernetes.io/revision"),
        ("annotations", "deprecated.daemonset.template.generation"),
    ];
    for (place, key) in books {
        let Some(part) = metadata.get_mut(place).and_then(Value::as_object_mut) else { continue };
        part.shift_remove(key);
        if part.is_empty() {
            metadata.shift_remove(place);
        }
    }
    body
}
