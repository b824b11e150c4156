//! API versions that Kubernetes removed or will remove.

/// A group and version, kinds, the minor version of Kubernetes 1 that serves it no more, and what to write instead.
struct Removal(&'static str, &'static [&'static str], u32, &'static str);

/// Kubernetes' own removals from 1.16 on.
/// Source: <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>.
const REMOVED: &[Removal] = &[
    Removal(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        &["FlowSchema", "PriorityLevelConfiguration"],
        32,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    Removal(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        &["FlowSchema", "PriorityLevelConfiguration"],
        29,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    Removal("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], 27, "storage.k8s.io/v1"),
    Removal(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        &["FlowSchema", "PriorityLevelConfiguration"],
        26,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    Removal("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], 26, "autoscaling/v2"),
    Removal("autoscaling/v2beta1", &["HorizontalPodAutoscaler"], 25, "autoscaling/v2"),
    Removal("batch/v1beta1", &["CronJob"], 25, "batch/v1"),
    Removal("discovery.k8s.io/v1beta1", &["EndpointSlice"], 25, "discovery.k8s.io/v1"),
    Removal("events.k8s.io/v1beta1", &["Event"], 25, "events.k8s.io/v1"),
    Removal("policy/v1beta1", &["PodDisruptionBudget"], 25, "policy/v1"),
    Removal("policy/v1beta1", &["PodSecurityPolicy"], 25, ""),
    Removal("node.k8s.io/v1beta1", &["RuntimeClass"], 25, "node.k8s.io/v1"),
    Removal(
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        22,
        "admissionregistration.k8s.io/v1",
    ),
    Removal("apiextensions.k8s.io/v1beta1", &["CustomResourceDefinition"], 22, "apiextensions.k8s.io/v1"),
    Removal("apiregistration.k8s.io/v1beta1", &["APIService"], 22, "apiregistration.k8s.io/v1"),
    Removal("certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], 22, "certificates.k8s.io/v1"),
    Removal("coordination.k8s.io/v1beta1", &["Lease"], 22, "coordination.k8s.io/v1"),
    Removal("extensions/v1beta1", &["Ingress"], 22, "networking.k8s.io/v1"),
    Removal("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], 22, "networking.k8s.io/v1"),
    Removal(
        "rbac.authorization.k8s.io/v1beta1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    Removal("scheduling.k8s.io/v1beta1", &["PriorityClass"], 22, "scheduling.k8s.io/v1"),
    Removal(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        22,
        "storage.k8s.io/v1",
    ),
    Removal("extensions/v1beta1", &["NetworkPolicy"], 16, "networking.k8s.io/v1"),
    Removal("extensions/v1beta1", &["PodSecurityPolicy"], 16, ""),
    Removal("extensions/v1beta1", &["DaemonSet", "Deployment", "ReplicaSet"], 16, "apps/v1"),
    Removal("apps/v1beta2", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"], 16, "apps/v1"),
    Removal("apps/v1beta1", &["Deployment", "ReplicaSet", "StatefulSet"], 16, "apps/v1"),
];
/// How many releases ahead it is worth knowing: a year.
const AHEAD: u32 = 3;

/// What is to be said of an API version of Kubernetes' own kinds for a server of this version (`v1.36.3`; none: not known).
/// None: it is served there and for three releases more.
pub(crate) fn deprecated(api_version: &str, kind: &str, kube_version: Option<&str>) -> Option<String> {
    let Removal(_, _, removed, instead) =
        REMOVED.iter().find(|removal| removal.0 == api_version && removal.1.contains(&kind))?;
    let here = kube_version.and_then(minor);
    let advice =
        if instead.is_empty() { "nothing takes its place".to_owned() } else { format!("use {instead}") };
    let when = match here {
        Some(here) if here >= *removed => format!("not served by Kubernetes 1.{here}, since 1.{removed}"),
        Some(here) if here + AHEAD < *removed => return None,
        Some(_) | None => format!("not served from Kubernetes 1.{removed} on"),
    };
    Some(format!("{api_version} {kind} is {when}; {advice}"))
}

/// `v1.36.3-eks-1` is 36.
fn minor(version: &str) -> Option<u32> {
    let (major, rest) = version.trim_start_matches('v').split_once('.')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (major == "1").then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::deprecated;

    #[test]
    fn what_is_gone_or_goes_within_a_year_is_told_with_what_to_write() {
        assert_eq!(
            deprecated("policy/v1beta1", "PodDisruptionBudget", Some("v1.36.3")).unwrap(),
            "policy/v1beta1 PodDisruptionBudget is not served by Kubernetes 1.36, since 1.25; use policy/v1"
        );
        assert_eq!(
            deprecated("autoscaling/v2beta2", "HorizontalPodAutoscaler", Some("v1.23.17-gke.100")).unwrap(),
            "autoscaling/v2beta2 HorizontalPodAutoscaler is not served from Kubernetes 1.26 on; use autoscaling/v2"
        );
        assert_eq!(deprecated("autoscaling/v2beta2", "HorizontalPodAutoscaler", Some("v1.22.0")), None);
        assert!(
            deprecated("policy/v1beta1", "PodSecurityPolicy", None).unwrap().ends_with("takes its place")
        );
        assert_eq!(deprecated("policy/v1", "PodDisruptionBudget", None), None);
        assert_eq!(deprecated("policy/v1beta1", "Eviction", None), None);
    }

    #[test]
    fn one_version_has_kinds_that_went_at_different_times() {
        let of = |kind| deprecated("storage.k8s.io/v1beta1", kind, Some("1.26")).unwrap();
        assert!(of("StorageClass").contains("since 1.22"));
        assert!(of("CSIStorageCapacity").contains("from Kubernetes 1.27"));
    }
}
