//! What is sent for an object: one function for the dry run and the apply, so that they cannot differ.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::cluster::clean::clean;
use crate::cluster::kinds::Served;
use crate::cluster::owner::{NAMESPACE, PART_OF};
use crate::model::object::{Object, ObjectId};

/// What the server alone writes; stated in a manifest it would be an error or a precondition that nobody meant.
const METADATA: [&str; 7] = [
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
];

/// The body that is applied: as rendered, with its namespace, as a member of this ApplySet. What is another at each render
/// is as in `live`, which is sent again so that it stays ours: the object that it is applied over, or whose place it takes.
pub(super) fn compose(
    object: &Object,
    served: &Served,
    namespace: Option<&str>,
    set: &str,
    live: Option<&Value>,
) -> Value {
    let mut body = match live.filter(|_| !object.volatile.is_empty()) {
        Some(live) => object.over(&clean(live.clone())),
        None => object.body.clone(),
    };
    if let Some(map) = body.as_object_mut() {
        // Status is its controller's; some CRDs and exported manifests carry one.
        map.remove("status");
        if object.id.kind == "Secret" && object.id.group.is_empty() {
            encode(map);
        }
    }
    if !body.get("metadata").is_some_and(Value::is_object) {
        body["metadata"] = json!({});
    }
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else { return body };
    for key in METADATA {
        metadata.remove(key);
    }
    if served.namespaced {
        if let Some(namespace) = namespace {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    } else {
        metadata.remove("namespace");
    }
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if !labels.is_object() {
        *labels = json!({});
    }
    labels[PART_OF] = set.into();
    body
}

/// What a manifest may not say, in words for its author: it reaches for our own records.
pub(super) fn trespass(object: &Object, namespace: Option<&str>) -> Option<(String, &'static str)> {
    let own_namespace =
        object.id.kind == "Namespace" && object.id.group.is_empty() && object.id.name == NAMESPACE;
    if own_namespace || namespace == Some(NAMESPACE) {
        let message =
            format!("namespace {NAMESPACE} holds Tidegate's own records; nothing may be deployed there");
        return Some((message, "/metadata/namespace"));
    }
    for (part, place) in [("labels", "/metadata/labels"), ("annotations", "/metadata/annotations")] {
        let keys = object.body.pointer(place).and_then(Value::as_object);
        let own = keys.and_then(|keys| keys.keys().find(|key| key.starts_with("applyset.kubernetes.io/")));
        if let Some(key) = own {
            return Some((format!("metadata.{part} has {key}, which only Tidegate sets"), place));
        }
    }
    None
}

/// The namespace that an object lands in: its own, else the environment's, else the connection's.
pub(super) fn namespace<'a>(
    id: &'a ObjectId,
    served: &Served,
    environment: Option<&'a str>,
    connection: &'a str,
) -> Option<&'a str> {
    served.namespaced.then(|| id.namespace.as_deref().or(environment).unwrap_or(connection))
}

/// `stringData` as `data`. The server does the same, but forgets keys that leave `stringData` again
/// (<https://github.com/kubernetes/kubernetes/issues/108008>), and the two could not be compared.
fn encode(secret: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if !data.is_object() {
        *data = json!({});
    }
    for (key, value) in plain {
        // What is no text stays as it is, so that the server can refuse it in its own words.
        data[key] = value.as_str().map_or_else(|| value.clone(), |text| STANDARD.encode(text).into());
    }
}

/// Removes the value at a JSON Pointer.
pub(super) fn remove(body: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match body.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{compose, remove, trespass};
    use crate::cluster::kinds::Served;
    use crate::model::object::{Object, Origin};

    fn object(body: serde_json::Value) -> Object {
        Object { id: Object::identify(&body).unwrap(), body, origin: Origin::default(), volatile: Vec::new() }
    }

    fn served(namespaced: bool) -> Served {
        Served {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "secrets".to_owned(),
            namespaced,
            listed: true,
            status: false,
        }
    }

    #[test]
    fn a_secrets_plain_texts_are_sent_as_data() {
        let secret =
            object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "uid": "x"},
            "data": {"a": "b2xk", "c": "Yw=="}, "stringData": {"a": "new"}}));
        let body = compose(&secret, &served(true), Some("shop"), "set", None);
        assert_eq!(body["data"], json!({"a": "bmV3", "c": "Yw=="}));
        assert_eq!(
            body["metadata"],
            json!({"name": "s", "namespace": "shop", "labels": {"applyset.kubernetes.io/part-of": "set"}})
        );
        assert!(body.get("stringData").is_none());
    }

    #[test]
    fn what_is_another_at_each_render_is_sent_as_it_is_live() {
        let mut secret = object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"a": "new", "user": "me"}}));
        secret.volatile = vec!["/stringData/a".to_owned()];
        let live =
            json!({"metadata": {"uid": "x", "managedFields": []}, "data": {"a": "b2xk", "user": "eA=="}});
        let sent = |live| compose(&secret, &served(true), None, "set", live)["data"].clone();
        assert_eq!(sent(Some(&live)), json!({"a": "b2xk", "user": "bWU="}));
        assert_eq!(sent(None), json!({"a": "bmV3", "user": "bWU="}));

        let mut labels = object(json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "labels": {"x1": "y"}}}));
        labels.volatile = vec!["/metadata/labels".to_owned()];
        let live = json!({"metadata": {"labels": {"x0": "y", "applyset.kubernetes.io/part-of": "other"}}});
        let body = compose(&labels, &served(true), None, "set", Some(&live));
        assert_eq!(body["metadata"]["labels"], json!({"x0": "y", "applyset.kubernetes.io/part-of": "set"}));
    }

    #[test]
    fn cluster_objects_lose_a_namespace_that_does_not_belong() {
        let class = object(
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "s", "namespace": "n"}, "status": {}}),
        );
        let body = compose(&class, &served(false), None, "set", None);
        assert!(body.pointer("/metadata/namespace").is_none() && body.get("status").is_none());
    }

    #[test]
    fn our_own_records_are_out_of_reach() {
        let plain = object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}}));
        assert!(trespass(&plain, Some("shop")).is_none());
        assert!(trespass(&plain, Some("tidegate")).is_some());
        let own = object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tidegate"}}));
        assert!(trespass(&own, None).is_some());
        let label = object(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "s", "labels": {"applyset.kubernetes.io/part-of": "x"}}}));
        assert!(trespass(&label, Some("shop")).unwrap().0.contains("part-of"));
    }

    #[test]
    fn paths_are_removed_from_maps_and_lists() {
        let mut body = json!({"a": {"b/c": 1, "d": [1, 2]}});
        remove(&mut body, "/a/b~1c");
        remove(&mut body, "/a/d/0");
        remove(&mut body, "/a/x/y");
        assert_eq!(body, json!({"a": {"d": [2]}}));
    }
}
