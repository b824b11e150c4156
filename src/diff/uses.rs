//! Which objects of a bundle use another one by its name, so that nobody is surprised by what a deletion breaks.

use serde_json::Value;

use crate::model::object::{Bundle, Object, ObjectId};

/// Levels of a pod's specification that are searched; deeper ones hold no names of other objects.
const DEPTH: usize = 16;

/// The objects that mount it, read it or run as it, as people name them. Only objects of Kubernetes itself are understood.
pub(super) fn users(id: &ObjectId, bundle: &Bundle) -> Vec<String> {
    if !id.group.is_empty() {
        return Vec::new();
    }
    let Some(places) = places(&id.kind) else { return Vec::new() };
    let near = bundle.objects.iter().filter(|object| object.id.namespace == id.namespace);
    let uses = |object: &&Object| spec(object).is_some_and(|spec| names(spec, places, &id.name, DEPTH));
    near.filter(uses).map(|object| object.id.to_string()).collect()
}

/// Where a kind is named: a key, and the key beneath it that holds the name; an empty one: the first holds it itself.
/// <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#podspec-v1-core>
fn places(kind: &str) -> Option<&'static [(&'static str, &'static str)]> {
    Some(match kind {
        "ConfigMap" => &[("configMap", "name"), ("configMapRef", "name"), ("configMapKeyRef", "name")],
        "Secret" => &[
            ("secret", "secretName"),
            ("secret", "name"),
            ("secretRef", "name"),
            ("secretKeyRef", "name"),
            ("imagePullSecrets", "name"),
            ("tls", "secretName"),
        ],
        "PersistentVolumeClaim" => &[("persistentVolumeClaim", "claimName")],
        "ServiceAccount" => &[("serviceAccountName", "")],
        _ => return None,
    })
}

/// The part of an object that names others.
fn spec(object: &Object) -> Option<&Value> {
    let path = match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("", "Pod") | ("networking.k8s.io", "Ingress") => "/spec",
        ("", "ReplicationController")
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job") => "/spec/template/spec",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.body.pointer(path)
}

fn names(value: &Value, places: &[(&str, &str)], name: &str, depth: usize) -> bool {
    if depth == 0 {
        return false;
    }
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let here =
                places.iter().filter(|(place, _)| place == key).any(|(_, inner)| is(value, inner, name));
            here || names(value, places, name, depth - 1)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, places, name, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Does this hold the name, itself or in one of its items?
fn is(value: &Value, inner: &str, name: &str) -> bool {
    let text = |value: &Value| match inner {
        "" => value.as_str() == Some(name),
        inner => value.get(inner).and_then(Value::as_str) == Some(name),
    };
    value.as_array().map_or_else(|| text(value), |items| items.iter().any(text))
}
