//! The order of an apply: what others need first, what admits others last. Deleting goes the other way.

use crate::model::object::ObjectId;

/// A stage of an apply. Within one, objects are written at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// Namespaces.
    Namespaces,
    /// Definitions of kinds, waited for until they are served; and service accounts: a Secret that is to hold the token of one
    /// that is not there yet is deleted by the cluster.
    Definitions,
    /// Classes, rights, settings, storage: what workloads refer to.
    Foundations,
    /// Workloads and everything else.
    Workloads,
    /// What decides over other objects: webhooks, policies, aggregated APIs. Last, when what serves them is up.
    Gates,
}

/// All stages, in order.
pub(super) const STAGES: [Stage; 5] =
    [Stage::Namespaces, Stage::Definitions, Stage::Foundations, Stage::Workloads, Stage::Gates];

/// The stage that a kind belongs to.
pub(super) fn stage(id: &ObjectId) -> Stage {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Namespace") => Stage::Namespaces,
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("", "ServiceAccount") => Stage::Definitions,
        ("apiregistration.k8s.io", "APIService") | ("admissionregistration.k8s.io", _) => Stage::Gates,
        (
            "",
            "ConfigMap"
            | "Secret"
            | "PersistentVolume"
            | "PersistentVolumeClaim"
            | "LimitRange"
            | "ResourceQuota",
        )
        | ("rbac.authorization.k8s.io" | "scheduling.k8s.io" | "storage.k8s.io" | "node.k8s.io", _)
        | ("networking.k8s.io", "NetworkPolicy" | "IngressClass")
        | ("gateway.networking.k8s.io", "GatewayClass") => Stage::Foundations,
        _ => Stage::Workloads,
    }
}

#[cfg(test)]
mod tests {
    use super::{STAGES, Stage, stage};
    use crate::model::object::ObjectId;

    fn id(group: &str, kind: &str) -> ObjectId {
        ObjectId { group: group.to_owned(), kind: kind.to_owned(), namespace: None, name: "x".to_owned() }
    }

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            id("", "Namespace"),
            id("apiextensions.k8s.io", "CustomResourceDefinition"),
            id("", "Secret"),
            id("apps", "Deployment"),
            id("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ];
        assert_eq!(order.iter().map(stage).collect::<Vec<_>>(), STAGES);
    }

    #[test]
    fn rights_and_storage_are_foundations_and_custom_resources_are_not() {
        for (group, kind) in [("rbac.authorization.k8s.io", "RoleBinding"), ("", "PersistentVolumeClaim")] {
            assert_eq!(stage(&id(group, kind)), Stage::Foundations);
        }
        assert!(stage(&id("", "ServiceAccount")) < stage(&id("", "Secret")), "a token needs its account");
        assert_eq!(stage(&id("example.com", "Secret")), Stage::Workloads);
        assert_eq!(stage(&id("networking.k8s.io", "Ingress")), Stage::Workloads);
    }
}
