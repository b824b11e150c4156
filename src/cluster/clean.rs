//! Bodies without the server's book-keeping, so that live, predicted and applied ones can be compared.

use serde_json::{Map, Value};

use crate::cluster::owner::PART_OF;

/// What the server writes and nobody states.
const METADATA: [&str; 8] = [
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];
/// Annotations that other programs keep their own state in.
const ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
];
/// Labels that tie a Job to its pods; their values are new with each Job.
const JOB_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "controller-uid", "batch.kubernetes.io/job-name", "job-name"];

/// Without book-keeping, status and our own label.
pub(super) fn clean(mut body: Value) -> Value {
    if let Some(object) = body.as_object_mut() {
        object.remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in METADATA {
                metadata.remove(key);
            }
            prune(metadata, "annotations", &ANNOTATIONS);
            prune(metadata, "labels", &[PART_OF]);
        }
    }
    body
}

/// Like [`clean`], also without what the server makes up at each creation: addresses, ports, a Job's own ids. What the
/// payload states itself stays.
pub(super) fn clean_created(body: Value, payload: &Value) -> Value {
    let mut body = clean(body);
    match body.get("kind").and_then(Value::as_str) {
        Some("Service") => forget_allocated(&mut body, payload),
        Some("Job") if payload.pointer("/spec/manualSelector") != Some(&Value::Bool(true)) => {
            forget_job(&mut body);
        }
        Some(_) | None => {}
    }
    if payload.pointer("/metadata/name").is_none()
        && let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("name");
    }
    body
}

/// Removes what was allocated to a Service unless the payload asks for it.
pub(super) fn forget_allocated(body: &mut Value, payload: &Value) {
    let stated = payload.get("spec");
    let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) else { return };
    for key in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        if stated.and_then(|spec| spec.get(key)).is_none() {
            spec.remove(key);
        }
    }
    let ports = stated.and_then(|spec| spec.get("ports")).and_then(Value::as_array);
    let Some(own) = spec.get_mut("ports").and_then(Value::as_array_mut) else { return };
    for (index, port) in own.iter_mut().enumerate() {
        let asked = ports.and_then(|ports| ports.get(index)).and_then(|port| port.get("nodePort"));
        if asked.is_none()
            && let Some(port) = port.as_object_mut()
        {
            port.remove("nodePort");
        }
    }
}

fn forget_job(body: &mut Value) {
    let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(selector) = spec.get_mut("selector").and_then(Value::as_object_mut) {
        prune(selector, "matchLabels", &JOB_LABELS);
        if selector.is_empty() {
            spec.remove("selector");
        }
    }
    for place in ["/metadata", "/spec/template/metadata"] {
        if let Some(metadata) = body.pointer_mut(place).and_then(Value::as_object_mut) {
            prune(metadata, "labels", &JOB_LABELS);
        }
    }
}

/// Removes keys from the map beneath `name`, and the map if nothing is left: an empty one means the same as none.
fn prune(parent: &mut Map<String, Value>, name: &str, keys: &[&str]) {
    let Some(map) = parent.get_mut(name).and_then(Value::as_object_mut) else { return };
    for key in keys {
        map.remove(*key);
    }
    if map.is_empty() {
        parent.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{clean, clean_created};

    #[test]
    fn book_keeping_goes_and_what_people_wrote_stays() {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "managedFields": [], "generation": 2,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "x"},
                "labels": {"applyset.kubernetes.io/part-of": "applyset-x-v1"}},
            "data": {"k": "v"}, "status": {"x": 1}});
        let cleaned = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "annotations": {"mine": "x"}}, "data": {"k": "v"}});
        assert_eq!(clean(body), cleaned);
        assert_eq!(clean(cleaned.clone()), cleaned);
    }

    #[test]
    fn allocated_addresses_are_forgotten_unless_asked_for() {
        let payload = json!({"kind": "Service", "metadata": {"name": "s"},
            "spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 81}]}});
        let body = json!({"kind": "Service", "metadata": {"name": "s"}, "spec": {"clusterIP": "10.0.0.7",
            "clusterIPs": ["10.0.0.7"], "ports": [{"port": 80, "nodePort": 30080}, {"port": 81, "nodePort": 31000}]}});
        assert_eq!(
            clean_created(body, &payload)["spec"],
            json!({"ports": [{"port": 80, "nodePort": 30080}, {"port": 81}]})
        );
    }

    #[test]
    fn a_job_is_known_without_its_random_ids() {
        let payload = json!({"kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {}}}});
        let body = json!({"kind": "Job", "metadata": {"name": "j"}, "spec": {
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "r"}},
            "template": {"metadata": {"labels": {"controller-uid": "r", "job-name": "j", "mine": "1"}}, "spec": {}}}});
        assert_eq!(
            clean_created(body, &payload)["spec"],
            json!({"template": {"metadata": {"labels": {"mine": "1"}}, "spec": {}}})
        );
    }
}
