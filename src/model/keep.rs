//! What on an object forbids its deletion: our own word for it, and those of the tools that people come from.

use serde_json::Value;

/// Annotations (Flux reads labels, too), each with the values that keep an object. Argo CD's `confirm` waits for a person who
/// confirms in Argo CD; nobody does so here, so it keeps.
///
/// <https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource>
/// <https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/>
/// <https://fluxcd.io/flux/components/kustomize/kustomizations/#prune>
/// <https://kluctl.io/docs/kluctl/deployments/annotations/all-resources/#kluctlioskip-delete>
const KEEP: [(&str, &[&str]); 5] = [
    ("tidegate.dev/prune", &["disabled"]),
    ("helm.sh/resource-policy", &["keep"]),
    ("argocd.argoproj.io/sync-options", &["Prune=false", "Prune=confirm", "Delete=false", "Delete=confirm"]),
    ("kustomize.toolkit.fluxcd.io/prune", &["disabled"]),
    ("kluctl.io/skip-delete", &["true", "t", "1"]),
];

/// The mark that forbids an object's deletion, as in `helm.sh/resource-policy: keep`; none: nothing does. In doubt about case
/// and blanks it is kept.
pub(crate) fn kept(body: &Value) -> Option<String> {
    let metadata = body.get("metadata")?;
    let mark = |(key, values): &(&str, &[&str])| {
        let texts = ["annotations", "labels"].into_iter();
        let mut texts = texts.filter_map(|place| metadata.get(place)?.get(key)?.as_str());
        let found = texts.find_map(|text| {
            let mut parts = text.split(',').map(str::trim);
            parts.find_map(|part| values.iter().find(|value| part.eq_ignore_ascii_case(value)))
        });
        found.map(|value| format!("{key}: {value}"))
    };
    KEEP.iter().find_map(mark)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::kept;

    #[test]
    fn every_tools_mark_keeps() {
        for (key, value, mark) in [
            ("tidegate.dev/prune", "disabled", "disabled"),
            ("helm.sh/resource-policy", " Keep ", "keep"),
            ("argocd.argoproj.io/sync-options", "Validate=true, Prune=false", "Prune=false"),
            ("argocd.argoproj.io/sync-options", "Prune=confirm", "Prune=confirm"),
            ("argocd.argoproj.io/sync-options", "Delete=false", "Delete=false"),
            ("argocd.argoproj.io/sync-options", "Delete=confirm,Replace=true", "Delete=confirm"),
            ("kustomize.toolkit.fluxcd.io/prune", "Disabled", "disabled"),
            ("kluctl.io/skip-delete", "true", "true"),
        ] {
            let body = json!({"metadata": {"annotations": {key: value}}});
            assert_eq!(kept(&body), Some(format!("{key}: {mark}")));
        }
        let label = json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}});
        assert!(kept(&label).is_some());
    }

    #[test]
    fn other_values_do_not() {
        for (key, value) in [
            ("helm.sh/resource-policy", "delete"),
            ("argocd.argoproj.io/sync-options", "Prune=true"),
            ("kluctl.io/skip-delete", "false"),
            ("kluctl.io/skip-delete-if-tags", "true"),
        ] {
            assert_eq!(kept(&json!({"metadata": {"annotations": {key: value}}})), None, "{key}");
        }
        assert_eq!(kept(&json!({"metadata": {"annotations": null}})), None);
        assert_eq!(kept(&json!("not an object")), None);
    }
}
