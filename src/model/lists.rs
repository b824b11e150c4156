//! How the items of lists are told apart: by keys of theirs, as the API server merges them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::kinds;

/// The keys of a kind's lists. A list is named by its place in the object, without positions: `/spec/template/spec/containers`,
/// `/spec/template/spec/containers/ports`. A list without keys of its own is a set: its items are told apart by their values.
/// Lists that it does not name are one value to the server, or nothing is known of them.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListKeys(pub BTreeMap<String, Vec<String>>);

impl ListKeys {
    /// How the lists of one of Kubernetes' own kinds are keyed; of any other kind, those of its metadata. As of 1.36, of the
    /// versions that it serves without being asked for more.
    pub(crate) fn shipped(group: &str, kind: &str) -> Self {
        let mut own = Self::default();
        own.add("/metadata", METADATA);
        if kinds::shipped(group, kind).is_none() {
            return own;
        }
        if let Some((.., template)) = TEMPLATES.iter().find(|entry| (entry.0, entry.1) == (group, kind)) {
            own.add(&format!("{template}/metadata"), METADATA);
            own.add(&format!("{template}/spec"), POD);
            for containers in ["containers", "initContainers", "ephemeralContainers"] {
                own.add(&format!("{template}/spec/{containers}"), CONTAINER);
            }
            own.add(&format!("{template}/spec/volumes/ephemeral/volumeClaimTemplate/metadata"), METADATA);
        }
        for (.., place) in EMBEDDED.iter().filter(|entry| (entry.0, entry.1) == (group, kind)) {
            own.add(place, METADATA);
        }
        if CONDITIONS.contains(&(group, kind)) {
            own.add("/status", &[("/conditions", &["type"])]);
        }
        for (.., lists) in OWN.iter().filter(|entry| (entry.0, entry.1) == (group, kind)) {
            own.add("", lists);
        }
        own
    }

    /// These, and where the other names a list, as it says.
    pub(crate) fn with(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().map(|(place, keys)| (place.clone(), keys.clone())));
        self
    }

    /// The keys of the list at this place; empty: a set; none: it is one value, or not known.
    pub(crate) fn of(&self, place: &str) -> Option<&[String]> {
        self.0.get(place).map(Vec::as_slice)
    }

    fn add(&mut self, prefix: &str, lists: &[(&str, &[&str])]) {
        for (place, keys) in lists {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            self.0.insert(format!("{prefix}{place}"), keys);
        }
    }
}

/// What names an item of a list with these keys, as people write it: `web`, `80/TCP`, `/data`. None where it lacks them.
pub(crate) fn name(keys: &[String], item: &Value) -> Option<String> {
    let mut name = String::new();
    let mut found = false;
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            name.push('/');
        }
        match item.get(key) {
            Some(Value::String(text)) => name.push_str(text),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => name.push_str(&value.to_string()),
            // The one key with a default in its schema.
            None | Some(Value::Null) if key == "protocol" => {
                name.push_str("TCP");
                continue;
            }
            None | Some(Value::Null) if keys.len() > 1 => continue,
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => return None,
        }
        found = true;
    }
    found.then_some(name)
}

/// Are these lists with the same items in another order?
pub(crate) fn reordered(before: &Value, after: &Value) -> bool {
    let (Value::Array(before), Value::Array(after)) = (before, after) else { return false };
    let sorted = |items: &[Value]| {
        let mut items: Vec<Vec<u8>> = items.iter().map(crate::model::canonical::bytes).collect();
        items.sort_unstable();
        items
    };
    before.len() == after.len() && before != after && sorted(before) == sorted(after)
}

/// Lists by their place beneath something, with their keys.
type Lists = &'static [(&'static str, &'static [&'static str])];

const METADATA: Lists = &[("/finalizers", &[]), ("/ownerReferences", &["uid"])];

const POD: Lists = &[
    ("/containers", &["name"]),
    ("/ephemeralContainers", &["name"]),
    ("/hostAliases", &["ip"]),
    ("/imagePullSecrets", &["name"]),
    ("/initContainers", &["name"]),
    ("/resourceClaims", &["name"]),
    ("/resources/claims", &["name"]),
    ("/schedulingGates", &["name"]),
    ("/topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("/volumes", &["name"]),
];

const CONTAINER: Lists = &[
    ("/env", &["name"]),
    ("/ports", &["containerPort", "protocol"]),
    ("/resources/claims", &["name"]),
    ("/restartPolicyRules/exitCodes/values", &[]),
    ("/volumeDevices", &["devicePath"]),
    ("/volumeMounts", &["mountPath"]),
];

/// Where a kind holds a pod.
const TEMPLATES: &[(&str, &str, &str)] = &[
    ("", "Pod", ""),
    ("", "PodTemplate", "/template"),
    ("", "ReplicationController", "/spec/template"),
    ("apps", "DaemonSet", "/spec/template"),
    ("apps", "Deployment", "/spec/template"),
    ("apps", "ReplicaSet", "/spec/template"),
    ("apps", "StatefulSet", "/spec/template"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template"),
    ("batch", "Job", "/spec/template"),
];

/// Where a kind holds the metadata of something else.
const EMBEDDED: &[(&str, &str, &str)] = &[
    ("apps", "StatefulSet", "/spec/volumeClaimTemplates/metadata"),
    ("batch", "CronJob", "/spec/jobTemplate/metadata"),
    ("resource.k8s.io", "ResourceClaimTemplate", "/spec/metadata"),
];

/// Kinds whose conditions are merged by their type.
const CONDITIONS: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "ReplicationController"),
    ("", "Service"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("policy", "PodDisruptionBudget"),
];

const WEBHOOKS: Lists = &[("/webhooks", &["name"]), ("/webhooks/matchConditions", &["name"])];

/// The other lists of each kind. Of what only the server writes, those that manifests carry, too.
const OWN: &[(&str, &str, Lists)] = &[
    ("", "ComponentStatus", &[("/conditions", &["type"])]),
    ("", "Node", &[("/spec/podCIDRs", &[]), ("/status/addresses", &["type"])]),
    ("", "Pod", POD_STATUS),
    ("", "Service", &[("/spec/ports", &["port", "protocol"])]),
    ("", "ServiceAccount", &[("/secrets", &["name"])]),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy", &[("/spec/matchConditions", &["name"])]),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", WEBHOOKS),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &[("/spec/matchConditions", &["name"]), ("/spec/variables", &["name"])],
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", &[("/spec/validationActions", &[])]),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", WEBHOOKS),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &[("/spec/versions/schema/openAPIV3Schema/x-kubernetes-validations", &["rule"])],
    ),
    ("apps", "StatefulSet", &[("/spec/volumeClaimTemplates/status/conditions", &["type"])]),
    ("batch", "CronJob", &[("/spec/jobTemplate/spec/podFailurePolicy/rules/onExitCodes/values", &[])]),
    (
        "batch",
        "Job",
        &[
            ("/spec/podFailurePolicy/rules/onExitCodes/values", &[]),
            ("/status/uncountedTerminatedPods/failed", &[]),
            ("/status/uncountedTerminatedPods/succeeded", &[]),
        ],
    ),
    ("discovery.k8s.io", "EndpointSlice", &[("/endpoints/addresses", &[])]),
    (
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        &[
            ("/spec/rules/nonResourceRules/nonResourceURLs", &[]),
            ("/spec/rules/nonResourceRules/verbs", &[]),
            ("/spec/rules/resourceRules/apiGroups", &[]),
            ("/spec/rules/resourceRules/namespaces", &[]),
            ("/spec/rules/resourceRules/resources", &[]),
            ("/spec/rules/resourceRules/verbs", &[]),
        ],
    ),
    (
        "resource.k8s.io",
        "ResourceClaim",
        &[
            ("/status/devices", &["driver", "device", "pool", "shareID"]),
            ("/status/devices/conditions", &["type"]),
            ("/status/reservedFor", &["uid"]),
        ],
    ),
    ("storage.k8s.io", "CSIDriver", &[("/spec/volumeLifecycleModes", &[])]),
    ("storage.k8s.io", "CSINode", &[("/spec/drivers", &["name"])]),
];

const POD_STATUS: Lists = &[
    ("/status/containerStatuses/allocatedResourcesStatus", &["name"]),
    ("/status/containerStatuses/allocatedResourcesStatus/resources", &["resourceID"]),
    ("/status/containerStatuses/resources/claims", &["name"]),
    ("/status/containerStatuses/volumeMounts", &["mountPath"]),
    ("/status/ephemeralContainerStatuses/allocatedResourcesStatus", &["name"]),
    ("/status/ephemeralContainerStatuses/allocatedResourcesStatus/resources", &["resourceID"]),
    ("/status/ephemeralContainerStatuses/resources/claims", &["name"]),
    ("/status/ephemeralContainerStatuses/volumeMounts", &["mountPath"]),
    ("/status/initContainerStatuses/allocatedResourcesStatus", &["name"]),
    ("/status/initContainerStatuses/allocatedResourcesStatus/resources", &["resourceID"]),
    ("/status/initContainerStatuses/resources/claims", &["name"]),
    ("/status/initContainerStatuses/volumeMounts", &["mountPath"]),
    ("/status/nodeAllocatableResourceClaimStatuses/containers", &[]),
    ("/status/podIPs", &["ip"]),
    ("/status/resourceClaimStatuses", &["name"]),
    ("/status/resources/claims", &["name"]),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ListKeys, name, reordered};

    #[test]
    fn an_item_is_named_by_its_keys() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let port = keys(&["containerPort", "protocol"]);
        assert_eq!(name(&port, &json!({"containerPort": 80})).as_deref(), Some("80/TCP"));
        assert_eq!(name(&port, &json!({"containerPort": 53, "protocol": "UDP"})).as_deref(), Some("53/UDP"));
        assert_eq!(name(&port, &json!({"name": "http"})), None);
        assert_eq!(name(&keys(&["mountPath"]), &json!({"mountPath": "/data"})).as_deref(), Some("/data"));
        assert_eq!(name(&keys(&["name"]), &json!({"name": {"a": 1}})), None);
        assert_eq!(name(&keys(&["name"]), &json!("web")), None);
    }

    #[test]
    fn what_a_target_says_goes_before_what_is_known() {
        let keys = ListKeys::shipped("apps", "Deployment");
        assert_eq!(keys.of("/spec/template/spec/containers/ports").unwrap(), ["containerPort", "protocol"]);
        assert_eq!(keys.of("/metadata/finalizers").unwrap(), [] as [String; 0]);
        assert_eq!(keys.of("/spec/template/spec/containers/args"), None);
        let more = ListKeys([("/spec/ports".to_owned(), vec!["name".to_owned()])].into());
        let both = ListKeys::shipped("", "Service").with(&more);
        assert_eq!(both.of("/spec/ports").unwrap(), ["name"]);
        assert_eq!(ListKeys::shipped("acme.example", "Shop").0.len(), 2);
    }

    #[test]
    fn only_the_order_differs() {
        assert!(reordered(&json!([{"a": 1, "b": 2}, 1]), &json!([1, {"b": 2, "a": 1}])));
        assert!(!reordered(&json!([1, 1, 2]), &json!([1, 2, 2])));
        assert!(!reordered(&json!([1]), &json!([1])));
        assert!(!reordered(&json!("a"), &json!([])));
    }
}
