//! Whose an existing object is, and whether it may be deleted.

use serde_json::Value;

use crate::cluster::fields::{applied_by_us, managed_by};
use crate::model::id::{Digest, EnvironmentId};
use crate::model::view::{Owned, Owner};

/// The label that says which ApplySet an object belongs to.
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune>
pub(super) const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// Where inventories live. A constant, because whoever could choose it could choose another environment's inventory.
pub(super) const NAMESPACE: &str = "tidegate";

/// The name of an environment's inventory. Dots part it, because an environment's name has none.
pub(super) fn parent(environment: &EnvironmentId) -> String {
    format!("tidegate.{}.{}", environment.repo, environment.name)
}

/// The ApplySet's id, as the enhancement proposal makes it: from name, namespace, kind and group of the parent.
pub(super) fn set(environment: &EnvironmentId) -> String {
    use base64::Engine;
    let digest = Digest::of(format!("{}.{NAMESPACE}.ConfigMap.", parent(environment)).as_bytes());
    let bytes = hex::decode(digest.hex()).unwrap_or_default();
    format!("applyset-{}-v1", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

/// Whose an object is. A copied label is not enough to be ours: we must have applied the object, too.
pub(super) fn owner(live: &Value, set: &str, owned: Option<&Owned>) -> Owner {
    let part_of = label(live, PART_OF);
    // Before the inventory: another environment may have taken it over, and this one must not delete it then.
    if let Some(other) = part_of.filter(|part_of| *part_of != set) {
        return Owner::Other(format!("ApplySet {other}"));
    }
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
    let listed = owned.is_some_and(|owned| owned.uid.is_some() && owned.uid.as_deref() == uid);
    if listed || (part_of.is_some() && applied_by_us(live)) {
        return Owner::Us;
    }
    tool(live).map_or(Owner::Nobody, Owner::Other)
}

/// Does a controller own it, so that it comes and goes with its owner?
pub(super) fn controlled(live: &Value) -> bool {
    live.pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .is_some_and(|owners| owners.iter().any(|owner| owner.get("controller") == Some(&Value::Bool(true))))
}

/// The ApplySet label of an object.
pub(super) fn part_of(live: &Value) -> Option<&str> {
    label(live, PART_OF)
}

fn tool(live: &Value) -> Option<String> {
    if let Some(id) = annotation(live, "argocd.argoproj.io/tracking-id") {
        return Some(format!("Argo CD application {}", id.split(':').next().unwrap_or(id)));
    }
    let argo = ["argocd-controller", "argocd-application-controller"];
    if let Some(name) = label(live, "app.kubernetes.io/instance")
        && argo.iter().any(|manager| managed_by(live, manager))
    {
        return Some(format!("Argo CD application {name}"));
    }
    for (prefix, kind) in
        [("kustomize.toolkit.fluxcd.io", "Kustomization"), ("helm.toolkit.fluxcd.io", "HelmRelease")]
    {
        if let Some(name) = label(live, &format!("{prefix}/name")) {
            let namespace = label(live, &format!("{prefix}/namespace")).unwrap_or("flux-system");
            return Some(format!("Flux {kind} {namespace}/{name}"));
        }
    }
    let name = annotation(live, "meta.helm.sh/release-name")?;
    let namespace = annotation(live, "meta.helm.sh/release-namespace").unwrap_or("default");
    Some(format!("Helm release {namespace}/{name}"))
}

fn label<'a>(live: &'a Value, key: &str) -> Option<&'a str> {
    live.pointer("/metadata/labels")?.get(key)?.as_str()
}

fn annotation<'a>(live: &'a Value, key: &str) -> Option<&'a str> {
    live.pointer("/metadata/annotations")?.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{owner, set};
    use crate::model::id::{EnvironmentId, RepoId};
    use crate::model::view::{Owned, Owner};

    fn environment(repo: u64, name: &str) -> EnvironmentId {
        EnvironmentId { repo: RepoId(repo), name: name.parse().unwrap() }
    }

    fn live(labels: impl Into<Value>, annotations: impl Into<Value>, managers: impl Into<Value>) -> Value {
        let (labels, annotations, managers) = (labels.into(), annotations.into(), managers.into());
        json!({"metadata": {"uid": "u1", "labels": labels, "annotations": annotations, "managedFields": managers}})
    }

    #[test]
    fn sets_differ_between_repositories_and_are_label_values() {
        let one = set(&environment(1, "prod"));
        assert_ne!(one, set(&environment(2, "prod")));
        assert!(one.len() <= 63 && one.starts_with("applyset-") && one.ends_with("-v1"), "{one}");
    }

    #[test]
    fn a_copied_label_does_not_make_an_object_ours() {
        let set = set(&environment(1, "prod"));
        let labels = json!({"applyset.kubernetes.io/part-of": set});
        let ours = json!([{"manager": "tidegate", "operation": "Apply"}]);
        assert_eq!(owner(&live(labels.clone(), json!({}), ours), &set, None), Owner::Us);
        assert_eq!(owner(&live(labels, json!({}), json!([])), &set, None), Owner::Nobody);
    }

    #[test]
    fn the_inventory_counts_only_for_the_same_incarnation() {
        let owned =
            |uid: Option<&str>| Owned { uid: uid.map(str::to_owned), digest: None, app: String::new() };
        let plain = live(json!({}), json!({}), json!([]));
        assert_eq!(owner(&plain, "s", Some(&owned(Some("u1")))), Owner::Us);
        assert_eq!(owner(&plain, "s", Some(&owned(Some("u2")))), Owner::Nobody);
        assert_eq!(owner(&plain, "s", Some(&owned(None))), Owner::Nobody);
        let moved = live(json!({"applyset.kubernetes.io/part-of": "t"}), json!({}), json!([]));
        assert_eq!(owner(&moved, "s", Some(&owned(Some("u1")))), Owner::Other("ApplySet t".to_owned()));
    }

    #[test]
    fn other_tools_are_named() {
        let none = || json!({});
        for (labels, annotations, managers, name) in [
            (
                none(),
                json!({"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}),
                json!([]),
                "Argo CD application web",
            ),
            (
                json!({"app.kubernetes.io/instance": "web"}),
                none(),
                json!([{"manager": "argocd-controller"}]),
                "Argo CD application web",
            ),
            (
                json!({"kustomize.toolkit.fluxcd.io/name": "apps"}),
                none(),
                json!([]),
                "Flux Kustomization flux-system/apps",
            ),
            (
                none(),
                json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}),
                json!([]),
                "Helm release shop/web",
            ),
            (
                json!({"applyset.kubernetes.io/part-of": "applyset-x-v1"}),
                none(),
                json!([]),
                "ApplySet applyset-x-v1",
            ),
        ] {
            assert_eq!(owner(&live(labels, annotations, managers), "s", None), Owner::Other(name.to_owned()));
        }
        let helm_label =
            live(json!({"app.kubernetes.io/instance": "web"}), none(), json!([{"manager": "helm"}]));
        assert_eq!(owner(&helm_label, "s", None), Owner::Nobody);
    }
}
