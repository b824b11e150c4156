//! Which hooks run, and in which order.

use serde_json::{Value, json};

use super::{bundle, config, decide, inventory, live, object, scope, seen};
use crate::diff::mask::MaskKey;
use crate::diff::{Case, plan};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::plan::{Phase, Plan};
use crate::model::view::{Inventory, Prediction, Seen};

fn hook(name: &str, app: &str, annotations: impl Into<Value>) -> Object {
    let annotations = annotations.into();
    let body = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": "shop", "annotations": annotations}});
    Object { origin: Origin { app: app.to_owned(), ..Origin::default() }, ..object(body) }
}

fn named(plan: &Plan) -> Vec<(&str, Phase, i64)> {
    let hooks = plan.hooks.iter().map(|change| (change.id.name.as_str(), change.hook.unwrap()));
    hooks.map(|(name, hook)| (name, hook.phase, hook.weight)).collect()
}

/// An inventory that a deployment which went well has left.
fn deployed(bundle: &Bundle) -> Inventory {
    Inventory { commit: Some("1".repeat(40).parse().unwrap()), generation: 2, ..inventory(bundle) }
}

#[test]
fn hooks_run_when_something_changes_and_until_they_ended_well() {
    let hook = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "namespace": "shop",
        "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}}});
    let (old, new) = (config("a", json!({"x": "1"})), config("a", json!({"x": "2"})));
    let with_hook =
        |body: &Value| Bundle { hooks: vec![object(hook.clone())], ..bundle(std::slice::from_ref(body)) };
    let both = with_hook(&new);
    let ran = Inventory { hooks: both.hooks_digest(), ..inventory(&both) };
    let key = MaskKey::new(b"key");
    let planned = |base: Option<&Bundle>, owned: Option<&Inventory>, seen: &[Seen]| {
        let scope = scope();
        plan(&Case { scope: &scope, base, merge: &both, inventory: owned, seen, faults: &[], key: &key })
            .hooks
            .len()
    };
    let quiet = [seen(&new, Some(live(&new)), Prediction::Becomes(new.clone()))];
    let busy = [seen(&new, Some(live(&old)), Prediction::Becomes(new.clone()))];
    for base in [None, Some(&both), Some(&with_hook(&old))] {
        assert_eq!(planned(base, Some(&ran), &[]), 0, "they ran");
        assert_eq!(planned(base, Some(&ran), &quiet), 0, "nothing changes");
        assert_eq!(planned(base, Some(&ran), &busy), 1);
        assert_eq!(planned(base, Some(&inventory(&both)), &[]), 1, "they never ended well");
        assert_eq!(planned(base, None, &quiet), 1, "nothing was ever deployed");
    }
}

#[test]
fn they_are_listed_in_the_order_in_which_they_run_and_what_never_runs_is_not() {
    let jobs = [
        hook("after", "apps/web", json!({"helm.sh/hook": "post-install", "helm.sh/hook-weight": "-9"})),
        hook("late", "apps/web", json!({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "10"})),
        hook("b", "apps/web", json!({"helm.sh/hook": "pre-install"})),
        hook("a", "apps/web", json!({"argocd.argoproj.io/hook": "PreSync"})),
        hook("upgrade", "apps/web", json!({"helm.sh/hook": "pre-upgrade"})),
        hook("test", "apps/web", json!({"helm.sh/hook": "test"})),
        hook("undo", "apps/web", json!({"helm.sh/hook": "pre-rollback,post-delete"})),
    ];
    let new = config("a", json!({"x": "1"}));
    let merge = Bundle { hooks: jobs.to_vec(), ..bundle(std::slice::from_ref(&new)) };
    let created = [seen(&new, None, Prediction::Becomes(new.clone()))];
    let first = decide(&scope(), &Bundle::default(), &merge, None, &created);
    assert_eq!(
        named(&first),
        [
            ("a", Phase::Before, 0),
            ("b", Phase::Before, 0),
            ("late", Phase::Before, 10),
            ("after", Phase::After, -9)
        ]
    );
    let upgrade = decide(&scope(), &merge, &merge, Some(&deployed(&merge)), &[]);
    assert_eq!(named(&upgrade), [("a", Phase::Before, 0), ("upgrade", Phase::Before, 0)]);
    assert_ne!(first.digest, upgrade.digest);
}

#[test]
fn an_app_that_comes_to_an_old_environment_is_installed() {
    let both = |name: &str, app: &str| hook(name, app, json!({"helm.sh/hook": "post-install"}));
    let other = |name: &str, app: &str| hook(name, app, json!({"helm.sh/hook": "post-upgrade"}));
    let (old, new) = (config("a", json!({"x": "1"})), config("b", json!({"x": "1"})));
    let mut merge = bundle(&[old.clone(), new.clone()]);
    for object in merge.objects.iter_mut().filter(|object| object.id.name == "b") {
        object.origin.app = "apps/new".to_owned();
    }
    merge.hooks =
        vec![both("1", "apps/web"), both("2", "apps/new"), other("3", "apps/web"), other("4", "apps/new")];
    let before = bundle(std::slice::from_ref(&old));
    let created = [seen(&new, None, Prediction::Becomes(new.clone()))];
    let names = |owned: &Inventory| -> Vec<String> {
        let plan = decide(&scope(), &before, &merge, Some(owned), &created);
        plan.hooks.iter().map(|change| change.id.name.clone()).collect()
    };
    assert_eq!(names(&deployed(&before)), ["2", "3"]);
    // Those that ran to their end run again only where something of their app changes.
    let ran = Inventory { hooks: merge.hooks_digest(), ..deployed(&before) };
    assert_eq!(names(&ran), ["2"]);
}

#[test]
fn an_app_that_only_moves_runs_nothing() {
    let one = config("a", json!({"x": "1"}));
    let mut merge = bundle(std::slice::from_ref(&one));
    merge.objects[0].origin.app = "apps/renamed".to_owned();
    merge.hooks = vec![hook("1", "apps/renamed", json!({"helm.sh/hook": "pre-install,pre-upgrade"}))];
    let before = bundle(std::slice::from_ref(&one));
    let ran = Inventory { hooks: merge.hooks_digest(), ..deployed(&before) };
    let moved = [seen(&one, Some(live(&one)), Prediction::Becomes(one.clone()))];
    let plan = decide(&scope(), &before, &merge, Some(&ran), &moved);
    assert_eq!((plan.counts.moved, named(&plan)), (1, Vec::new()));
}
