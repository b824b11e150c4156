//! What Git no longer holds: what is deleted, what stays, what is said.

use serde_json::json;

use super::{bundle, config, decide, deployment, inventory, live, scope, seen};
use crate::model::plan::{Action, Cascade, Plan, Risk};
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owner, Prediction, Seen};

/// The plan in which `body` is gone from Git, as it is live.
fn gone(scope: &Scope, body: &serde_json::Value, live: Live) -> Plan {
    let base = bundle(std::slice::from_ref(body));
    decide(scope, &base, &bundle(&[]), Some(&inventory(&base)), &[seen(body, Some(live), Prediction::Gone)])
}

#[test]
fn a_mark_keeps_whether_it_is_live_or_only_in_the_base() {
    let plain = config("a", json!({"x": "1"}));
    let mut marked = plain.clone();
    marked["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    for (rendered, there) in [(&plain, Live { keep: true, ..live(&marked) }), (&marked, live(&plain))] {
        let plan = gone(&scope(), rendered, there);
        assert_eq!(plan.changes[0].action, Action::Keep);
        assert_eq!(plan.changes[0].warnings, ["stays: `helm.sh/resource-policy: keep` keeps it"]);
        assert_eq!((plan.counts.keep, plan.counts.delete), (1, 0));
    }
    assert_eq!(gone(&scope(), &plain, live(&plain)).changes[0].action, Action::Delete);
}

#[test]
fn what_a_controller_owns_is_skipped_and_said() {
    let body = config("a", json!({}));
    let plan = gone(&scope(), &body, Live { controlled: true, ..live(&body) });
    assert!(plan.changes.is_empty());
    assert_eq!(
        plan.warnings,
        ["ConfigMap shop/a is left alone: a controller owns it, so it goes with its owner"]
    );
}

#[test]
fn nothing_goes_where_pruning_is_off_or_the_record_was_lost() {
    let body = config("a", json!({}));
    let plan = gone(&Scope { prune: false, ..scope() }, &body, live(&body));
    assert_eq!(
        (plan.changes[0].action, plan.changes[0].warnings[0].as_str()),
        (Action::Keep, "stays: `prune` is off")
    );
    let base = bundle(std::slice::from_ref(&body));
    let lost = Inventory { rebuilt: true, ..inventory(&base) };
    let all = [seen(&body, Some(live(&body)), Prediction::Gone)];
    let plan = decide(&scope(), &base, &bundle(&[]), Some(&lost), &all);
    assert_eq!(plan.changes[0].action, Action::Keep);
}

#[test]
fn what_may_not_be_seen_is_left_and_said() {
    let body = config("a", json!({}));
    let base = bundle(std::slice::from_ref(&body));
    let hidden = Seen { reason: "it may not be seen: no".to_owned(), ..seen(&body, None, Prediction::Gone) };
    let plan = decide(&scope(), &base, &bundle(&[]), Some(&inventory(&base)), &[hidden]);
    assert!(plan.changes.is_empty());
    assert_eq!(
        plan.warnings,
        ["ConfigMap shop/a is kept, though Git no longer holds it: it may not be seen: no"]
    );
}

#[test]
fn why_it_may_not_be_seen_shows_no_secret() {
    let body = config("a", json!({}));
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "stringData": {"password": "correct-horse"}});
    let (base, merge) = (bundle(&[body.clone(), secret.clone()]), bundle(&[secret]));
    let reason = "proxy: Authorization: correct-horse is not allowed".to_owned();
    let hidden = Seen { reason, ..seen(&body, None, Prediction::Gone) };
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[hidden]);
    assert!(plan.warnings[0].contains("Authorization: ‹secret ") && !plan.warnings[0].contains("horse"));
}

#[test]
fn of_what_is_not_ours_only_its_id_and_its_owner_are_told() {
    let stated = config("a", json!({"x": "ours"}));
    let theirs = config("a", json!({"x": "their-very-own-words"}));
    for owner in [Owner::Other("Argo CD application shop".to_owned()), Owner::Nobody] {
        let there = Live { owner, ..live(&theirs) };
        let both = bundle(std::slice::from_ref(&stated));
        let mut becomes = theirs.clone();
        becomes["data"]["y"] = json!("their-other-words");
        let wanted = [seen(&stated, Some(there.clone()), Prediction::Becomes(becomes))];
        for plan in [
            gone(&scope(), &stated, there),
            decide(&scope(), &bundle(&[]), &both, Some(&Inventory::default()), &wanted),
        ] {
            let text = serde_json::to_string(&plan).unwrap();
            assert!(plan.changes.is_empty() && !text.contains("their-"), "{text}");
            assert!(text.contains("ConfigMap shop/a"), "{text}");
        }
    }
}

#[test]
fn what_goes_with_it_is_told_of_a_deletion_and_of_nothing_else() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let claims = Cascade { group: String::new(), kind: "PersistentVolumeClaim".to_owned(), count: Some(2) };
    let base = bundle(std::slice::from_ref(&namespace));
    let with = |there: Live| {
        let all = [Seen { cascade: vec![claims.clone()], ..seen(&namespace, Some(there), Prediction::Gone) }];
        decide(&scope(), &base, &bundle(&[]), Some(&inventory(&base)), &all)
    };
    let deleted = with(live(&namespace));
    assert_eq!(deleted.changes[0].cascade, std::slice::from_ref(&claims));
    assert_eq!(deleted.changes[0].risks, [Risk::LosesData, Risk::Cascades, Risk::Deletes]);
    assert!(with(Live { keep: true, ..live(&namespace) }).changes[0].cascade.is_empty());
}

#[test]
fn what_pods_still_mount_is_said() {
    let (old, mut web) = (config("settings", json!({})), deployment(1, "web:1"));
    web["metadata"]["namespace"] = json!("shop");
    web["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": "settings"}}]);
    let (base, merge) = (bundle(&[old.clone(), web.clone()]), bundle(std::slice::from_ref(&web)));
    let all = [seen(&old, Some(live(&old)), Prediction::Gone)];
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &all);
    assert_eq!(plan.changes[0].warnings, ["still used by Deployment shop/web"]);
    web["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "settings", "configMap": {"name": "other"}}]);
    let plan = decide(&scope(), &base, &bundle(&[web]), Some(&inventory(&base)), &all);
    assert_eq!(plan.changes[0].warnings, [""; 0]);
}

#[test]
fn a_first_plan_deletes_nothing_and_says_that_it_is_the_first() {
    let (old, new) = (config("old", json!({})), config("new", json!({"x": "1"})));
    let (base, merge) = (bundle(std::slice::from_ref(&old)), bundle(std::slice::from_ref(&new)));
    let looked = crate::diff::look::candidates(Some(&base), &merge, None);
    assert!(looked.gone.is_empty());
    let plan = decide(&scope(), &base, &merge, None, &[seen(&new, None, Prediction::Becomes(new.clone()))]);
    assert!(plan.baseline);
    assert_eq!((plan.counts.create, plan.counts.delete, plan.changes[0].paths[0].after.clone()), (1, 0, new));
}
