//! Hooks: objects that run when a deployment passes by rather than stay. Helm's words for it, and Argo CD's.
//!
//! Argo CD's `Sync` is no hook here: such an object is applied together with all others, which is what it asks for.

use serde_json::Value;

use crate::model::object::{Bundle, Object};
use crate::model::plan::{Hook, Phase};
use crate::model::view::Inventory;

/// <https://helm.sh/docs/topics/charts_hooks/>
const HELM: &str = "helm.sh/hook";
/// <https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/>
const ARGO: &str = "argocd.argoproj.io/hook";

/// What becomes of a hook's object, by its delete policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clearing {
    /// What an earlier run left is deleted before it runs.
    Before,
    /// It is deleted once it succeeded.
    Succeeded,
    /// It is deleted once it failed.
    Failed,
}

/// Is this one of Argo CD's hooks? Helm's are known where charts are rendered.
pub(crate) fn is_argo_hook(body: &Value) -> bool {
    let hooks = ["PreSync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"];
    let annotation = || body.get("metadata")?.get("annotations")?.get(ARGO)?.as_str();
    annotation().is_some_and(|text| words(text).any(|word| hooks.contains(&word)))
}

/// When a hook runs in an installation or an upgrade, in order. Tests, and what waits for a deletion, a rollback or a failure,
/// never run. Where an object has Argo CD's words, Helm's do not count.
pub(crate) fn runs(object: &Object, installing: bool) -> Vec<Hook> {
    let (before, after) =
        if installing { ("pre-install", "post-install") } else { ("pre-upgrade", "post-upgrade") };
    let has = |phase: Phase| {
        let first = phase == Phase::Before;
        let Some(argo) = object.annotation(ARGO) else {
            let word = if first { before } else { after };
            return words(object.annotation(HELM).unwrap_or_default()).any(|one| one == word);
        };
        let word = if first { "PreSync" } else { "PostSync" };
        words(argo).any(|one| one == word) && words(argo).all(|one| one != "Skip")
    };
    let weight = weight(object);
    let phases = [Phase::Before, Phase::After].into_iter().filter(|phase| has(*phase));
    phases.map(|phase| Hook { phase, weight }).collect()
}

fn weight(object: &Object) -> i64 {
    let wave = object.annotation(ARGO).and_then(|_| object.annotation("argocd.argoproj.io/sync-wave"));
    let text = wave.or_else(|| object.annotation("helm.sh/hook-weight"));
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Does the hook's delete policy say this? Without any, what an earlier run left is deleted first.
pub(crate) fn clears(object: &Object, clearing: Clearing) -> bool {
    let argo = object.annotation(ARGO).is_some();
    let key = if argo { "argocd.argoproj.io/hook-delete-policy" } else { "helm.sh/hook-delete-policy" };
    let word = match (clearing, argo) {
        (Clearing::Before, false) => "before-hook-creation",
        (Clearing::Succeeded, false) => "hook-succeeded",
        (Clearing::Failed, false) => "hook-failed",
        (Clearing::Before, true) => "BeforeHookCreation",
        (Clearing::Succeeded, true) => "HookSucceeded",
        (Clearing::Failed, true) => "HookFailed",
    };
    match object.annotation(key) {
        Some(policies) => words(policies).any(|policy| policy == word),
        None => clearing == Clearing::Before,
    }
}

/// Was an app deployed here to its end, so that what comes is an upgrade? An installation that failed or was interrupted
/// leaves it to be finished. An app that has nothing but hooks is as old as its environment, and one that was renamed is as
/// old as what it took over.
pub(crate) fn installed(inventory: Option<&Inventory>, bundle: &Bundle, app: &str) -> bool {
    let Some(inventory) = inventory else { return false };
    // A record that nobody wrote was found by marks, or is what the base renders.
    let found = inventory.rebuilt || (inventory.generation == 0 && !inventory.entries.is_empty());
    if inventory.commit.is_none() && !found {
        return false;
    }
    let mut own = bundle.objects.iter().filter(|object| object.origin.app == app).peekable();
    if own.peek().is_none() {
        return true;
    }
    let known = |digest: bool| digest || inventory.rebuilt;
    inventory.entries.values().any(|owned| owned.app == app && known(owned.digest.is_some()))
        || own
            .filter_map(|object| inventory.entries.get(&object.id))
            .any(|owned| known(owned.digest.is_some()))
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Clearing, clears, installed, runs};
    use crate::model::id::Digest;
    use crate::model::object::{Bundle, Object, Origin};
    use crate::model::plan::Phase;
    use crate::model::view::{Inventory, Owned};

    fn hook(annotations: impl Into<Value>) -> Object {
        let annotations = annotations.into();
        let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "annotations": annotations}});
        let origin = Origin { app: "apps/web".to_owned(), ..Origin::default() };
        Object { id: Object::identify(&body).unwrap(), body, origin, volatile: Vec::new() }
    }

    fn phases(object: &Object, installing: bool) -> Vec<(Phase, i64)> {
        runs(object, installing).into_iter().map(|hook| (hook.phase, hook.weight)).collect()
    }

    #[test]
    fn install_and_upgrade_are_told_apart_and_tests_never_run() {
        let both = hook(json!({"helm.sh/hook": "pre-install, post-upgrade", "helm.sh/hook-weight": "-5"}));
        assert_eq!(phases(&both, true), [(Phase::Before, -5)]);
        assert_eq!(phases(&both, false), [(Phase::After, -5)]);
        let twice = hook(json!({"helm.sh/hook": "pre-upgrade,post-upgrade"}));
        assert_eq!(phases(&twice, false), [(Phase::Before, 0), (Phase::After, 0)]);
        for never in ["test", "pre-delete", "post-rollback", ""] {
            assert_eq!(phases(&hook(json!({"helm.sh/hook": never})), true), [], "{never}");
        }
    }

    #[test]
    fn argo_cds_words_are_understood_and_come_before_helms() {
        let argo = |words: &str| {
            hook(json!({"argocd.argoproj.io/hook": words, "argocd.argoproj.io/sync-wave": "3",
            "helm.sh/hook": "post-install", "helm.sh/hook-weight": "9"}))
        };
        assert_eq!(phases(&argo("PreSync"), true), [(Phase::Before, 3)]);
        assert_eq!(phases(&argo("PostSync"), false), [(Phase::After, 3)]);
        for never in ["SyncFail", "Skip", "PreSync,Skip"] {
            assert_eq!(phases(&argo(never), false), [], "{never}");
        }
    }

    #[test]
    fn an_earlier_run_is_cleared_unless_the_policy_says_otherwise() {
        assert!(clears(&hook(json!({})), Clearing::Before));
        let succeeded = hook(json!({"helm.sh/hook-delete-policy": "hook-succeeded"}));
        assert!(!clears(&succeeded, Clearing::Before) && clears(&succeeded, Clearing::Succeeded));
        let argo = hook(json!({"argocd.argoproj.io/hook": "PreSync",
            "argocd.argoproj.io/hook-delete-policy": "HookFailed"}));
        assert!(clears(&argo, Clearing::Failed) && !clears(&argo, Clearing::Before));
    }

    #[test]
    fn an_app_is_installed_once_something_of_it_was_seen_ready() {
        let object = hook(json!({}));
        let bundle = Bundle { objects: vec![object.clone()], ..Bundle::default() };
        let with = |app: &str, digest: Option<Digest>, commit: bool| Inventory {
            entries: [(object.id.clone(), Owned { uid: None, digest, app: app.to_owned() })].into(),
            commit: commit.then(|| "1".repeat(40).parse().unwrap()),
            generation: 3,
            ..Inventory::default()
        };
        let done = Some(object.digest());
        assert!(!installed(None, &bundle, "apps/web"));
        assert!(installed(Some(&with("apps/web", done, true)), &bundle, "apps/web"));
        assert!(!installed(Some(&with("apps/web", None, true)), &bundle, "apps/web"), "written ahead only");
        assert!(
            !installed(Some(&with("apps/web", done, false)), &bundle, "apps/web"),
            "nothing ended well yet"
        );
        assert!(installed(Some(&with("apps/old", done, true)), &bundle, "apps/web"), "renamed");
        let other = Bundle::default();
        assert!(installed(Some(&with("apps/old", done, true)), &other, "apps/hooks"), "it has only hooks");
        let rebuilt = Inventory { rebuilt: true, generation: 0, ..with("", None, false) };
        assert!(installed(Some(&rebuilt), &bundle, "apps/web"));
    }
}
