//! The decision, case by case: facts in, plan out.

mod bound;
mod floor;
mod guesses;
mod hooks;
mod moves;
mod pair;
mod paths;
mod removal;
mod trees;
mod unified;
mod volatile;

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::diff::digest::{Comparison, compare};
use crate::diff::look::candidates;
use crate::diff::mask::MaskKey;
use crate::diff::{Case, plan};
use crate::model::id::{EnvironmentId, RepoId};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::plan::{Action, Class, Conflict, Plan, Risk};
use crate::model::settings::{Adopt, Winner};
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owned, Owner, Prediction, Seen};

fn scope() -> Scope {
    Scope {
        environment: EnvironmentId { repo: RepoId(1), name: "staging".parse().unwrap() },
        repo: "acme/shop".parse().unwrap(),
        target: "staging".to_owned(),
        namespace: None,
        adopt: Vec::new(),
        fields: Vec::new(),
        secrets: Vec::new(),
        prune: true,
    }
}

fn object(body: Value) -> Object {
    let id = Object::identify(&body).unwrap();
    let origin =
        Origin { app: "apps/web".to_owned(), file: Some("apps/web/web.yaml".to_owned()), line: Some(3) };
    Object { id, body, origin, volatile: Vec::new() }
}

fn bundle(bodies: &[Value]) -> Bundle {
    let mut bundle = Bundle { objects: bodies.iter().cloned().map(object).collect(), ..Bundle::default() };
    bundle.sort();
    bundle
}

fn config(name: &str, data: impl Into<Value>) -> Value {
    let data = data.into();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": data})
}

fn deployment(replicas: u64, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

fn inventory(bundle: &Bundle) -> Inventory {
    let entries: BTreeMap<_, _> = bundle
        .objects
        .iter()
        .map(|object| {
            let owned = Owned {
                uid: Some("u1".to_owned()),
                digest: Some(object.digest()),
                app: "apps/web".to_owned(),
            };
            (object.id.clone(), owned)
        })
        .collect();
    Inventory { entries, ..Inventory::default() }
}

fn live(body: &Value) -> Live {
    Live { uid: Some("u1".to_owned()), version: Some("7".to_owned()), ..Live::new(body.clone()) }
}

fn seen(body: &Value, live: Option<Live>, prediction: Prediction) -> Seen {
    Seen::new(Object::identify(body).unwrap(), live, prediction)
}

fn decide(scope: &Scope, base: &Bundle, merge: &Bundle, owned: Option<&Inventory>, seen: &[Seen]) -> Plan {
    let key = MaskKey::new(b"key");
    plan(&Case { scope, base: Some(base), merge, inventory: owned, seen, faults: &[], key: &key })
}

#[test]
fn a_change_of_this_pull_request_is_told_apart_from_drift_and_side_effects() {
    let (base, merge) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let mut now = base.clone();
    now["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:hand");
    let mut after = merge.clone();
    after["spec"]["paused"] = json!(true);
    let (base, merge_bundle) = (bundle(&[base]), bundle(std::slice::from_ref(&merge)));
    let seen = seen(&merge, Some(live(&now)), Prediction::Becomes(after));
    let plan = decide(&scope(), &base, &merge_bundle, Some(&inventory(&base)), &[seen]);
    let classes: Vec<_> = plan.changes[0].paths.iter().map(|path| (path.path.as_str(), path.class)).collect();
    assert_eq!(
        classes,
        [
            ("/spec/replicas", Class::ThisChange),
            ("/spec/template/spec/containers/0/image", Class::Drift),
            ("/spec/paused", Class::SideEffect),
        ]
    );
    assert_eq!(plan.changes[0].risks, [Risk::Restarts, Risk::Reverts]);
    assert!(plan.changes[0].diff.contains("-   replicas: 2\n+   replicas: 3\n"), "{}", plan.changes[0].diff);
}

#[test]
fn what_is_merged_but_not_deployed_is_pending() {
    let (old, new) = (config("a", json!({"x": "1"})), config("a", json!({"x": "2"})));
    let both = bundle(std::slice::from_ref(&new));
    let seen = seen(&new, Some(live(&old)), Prediction::Becomes(new.clone()));
    let plan = decide(&scope(), &both, &both, Some(&inventory(&bundle(&[old]))), &[seen]);
    assert_eq!(plan.changes[0].paths[0].class, Class::Pending);
}

#[test]
fn a_quiet_object_is_not_looked_at() {
    let both = bundle(&[config("a", json!({})), config("b", json!({}))]);
    let owned = inventory(&both);
    assert!(candidates(Some(&both), &both, Some(&owned)).wanted.is_empty());
    assert_eq!(candidates(Some(&both), &both, None).wanted.len(), 2);
    let smaller = bundle(&[config("a", json!({}))]);
    assert_eq!(candidates(Some(&both), &smaller, Some(&owned)).gone.len(), 1);
}

#[test]
fn a_foreign_object_is_an_error_without_its_values() {
    let mine = config("a", json!({"x": "mine"}));
    let merge = bundle(std::slice::from_ref(&mine));
    let mut there = live(&config("a", json!({"x": "their-hidden-value"})));
    there.owner = Owner::Other("Argo CD application web".to_owned());
    let seen = [seen(&mine, Some(there), Prediction::Becomes(mine.clone()))];
    let plan = decide(&scope(), &bundle(&[]), &merge, None, &seen);
    assert_eq!(plan.digest, None);
    assert!(plan.errors[0].message.contains("Argo CD application web"));
    assert!(!serde_json::to_string(&plan).unwrap().contains("their-hidden-value"));
    let adopting = Scope { adopt: vec![Adopt::Argocd], ..scope() };
    let plan = decide(&adopting, &bundle(&[]), &merge, None, &seen);
    assert_eq!((plan.changes[0].action, plan.errors.len()), (Action::Adopt, 0));
}

#[test]
fn a_delete_is_bound_to_the_incarnation_and_kept_when_an_annotation_says_so() {
    let old = config("a", json!({"x": "1"}));
    let (base, empty) = (bundle(std::slice::from_ref(&old)), bundle(&[]));
    let gone = |live| [seen(&old, Some(live), Prediction::Gone)];
    let plan = decide(&scope(), &base, &empty, Some(&inventory(&base)), &gone(live(&old)));
    assert_eq!((plan.changes[0].action, plan.counts.delete), (Action::Delete, 1));
    let other = Live { uid: Some("u2".to_owned()), ..live(&old) };
    let reborn = decide(&scope(), &base, &empty, Some(&inventory(&base)), &gone(other));
    assert_ne!(plan.digest, reborn.digest);
    let kept =
        decide(&scope(), &base, &empty, Some(&inventory(&base)), &gone(Live { keep: true, ..live(&old) }));
    assert_eq!(kept.changes[0].action, Action::Keep);
}

#[test]
fn what_an_annotation_keeps_is_not_replaced() {
    let (old, new) = (config("a", json!({"x": "1"})), config("a", json!({"x": "2"})));
    let (base, merge) = (bundle(std::slice::from_ref(&old)), bundle(std::slice::from_ref(&new)));
    let with = |keep: bool| {
        let replaced = Prediction::Replaced { after: new.clone(), because: "field is immutable".to_owned() };
        let seen = [seen(&new, Some(Live { keep, ..live(&old) }), replaced)];
        decide(&scope(), &base, &merge, Some(&inventory(&base)), &seen)
    };
    assert_eq!(with(false).changes[0].action, Action::Replace);
    let kept = with(true);
    assert!(kept.changes.is_empty() && kept.digest.is_none(), "{:?}", kept.changes);
    assert!(
        kept.errors[0].message.contains("an annotation keeps it: field is immutable"),
        "{:?}",
        kept.errors
    );
}

#[test]
fn contested_fields_were_judged_already_and_are_taken_and_said() {
    let (base, merge) = (deployment(2, "web:1"), deployment(3, "web:1"));
    let now = deployment(7, "web:1");
    let conflict = Conflict {
        path: "/spec/replicas".to_owned(),
        manager: "kube-controller-manager".to_owned(),
        rule: Winner::Take,
        live: json!(7),
        git: json!(3),
    };
    let (base, both) = (bundle(&[base]), bundle(std::slice::from_ref(&merge)));
    let seen = Seen {
        conflicts: vec![conflict.clone()],
        ..seen(&merge, Some(live(&now)), Prediction::Becomes(merge.clone()))
    };
    let plan = decide(&scope(), &base, &both, Some(&inventory(&base)), &[seen]);
    assert_eq!((plan.changes[0].action, &plan.changes[0].paths[0].before), (Action::Update, &json!(7)));
    assert_eq!((&plan.changes[0].conflicts, plan.errors), (&vec![conflict], Vec::new()));
}

#[test]
fn what_was_made_anew_by_hand_is_left_alone_even_where_adopting_is_allowed() {
    let old = config("a", json!({"x": "1"}));
    let (base, empty) = (bundle(std::slice::from_ref(&old)), bundle(&[]));
    let theirs = Live { uid: Some("u2".to_owned()), owner: Owner::Nobody, ..live(&old) };
    let adopting = Scope { adopt: vec![Adopt::Unmanaged], ..scope() };
    let gone = [seen(&old, Some(theirs), Prediction::Gone)];
    let plan = decide(&adopting, &base, &empty, Some(&inventory(&base)), &gone);
    assert!(plan.changes.is_empty() && plan.errors.is_empty(), "{:?}", plan.changes);
    assert!(plan.warnings[0].contains("is left alone"), "{:?}", plan.warnings);
}

#[test]
fn secrets_are_masked_everywhere_and_equal_values_look_equal() {
    let url = config("c", json!({"url": "postgres://u:correct-horse@db/x"}));
    let merge = bundle(&[secret("correct-horse"), url.clone()]);
    let base = bundle(&[]);
    let all = [
        seen(
            &secret("correct-horse"),
            Some(live(&secret("old-battery-staple"))),
            Prediction::Becomes(secret("correct-horse")),
        ),
        seen(&url, None, Prediction::Becomes(url.clone())),
    ];
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&merge)), &all);
    let text = serde_json::to_string(&plan).unwrap();
    for leak in ["correct-horse", "old-battery-staple", "Y29ycmVjdC1ob3JzZQ", "b2xkLWJhdHRlcnk"] {
        assert!(!text.contains(leak), "{leak} in {text}");
    }
    let mark = plan.changes.iter().find(|change| change.id.kind == "Secret").unwrap().paths[0].after.clone();
    assert!(mark.as_str().unwrap().starts_with("‹secret "), "{mark}");
    let shown =
        plan.changes.iter().find(|change| change.id.kind == "ConfigMap").unwrap().paths[0].after.clone();
    assert_eq!(shown["data"]["url"], json!(format!("postgres://u:{}@db/x", mark.as_str().unwrap())));
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "data": {"password": base64::engine::general_purpose::STANDARD.encode(value)}})
}

#[test]
fn the_digest_does_not_depend_on_which_secrets_are_known() {
    let (old, new) = (secret("old-battery-staple"), secret("correct-horse"));
    let (base, merge) = (bundle(std::slice::from_ref(&old)), bundle(std::slice::from_ref(&new)));
    let owned = inventory(&base);
    let seen = [seen(&new, Some(live(&old)), Prediction::Becomes(new.clone()))];
    let key = MaskKey::new(b"key");
    let at = |base, scope: &Scope| {
        let faults = &[];
        plan(&Case { scope, base, merge: &merge, inventory: Some(&owned), seen: &seen, faults, key: &key })
    };
    let (with, without) = (at(Some(&base), &scope()), at(None, &scope()));
    assert_ne!(with.changes[0].paths[0].before, without.changes[0].paths[0].before, "what is shown differs");
    assert_eq!(with.digest, without.digest);
    assert_eq!(compare(&with, &Plan { digest: None, ..without }), Comparison::Sharper);

    let mut elsewhere = scope();
    elsewhere.environment.repo = RepoId(2);
    assert_ne!(at(None, &elsewhere).changes[0].effect, with.changes[0].effect, "keyed by the environment");
}

#[test]
fn secrets_that_only_the_target_knows_are_seen_to_differ() {
    let declared =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}});
    let both = bundle(std::slice::from_ref(&declared));
    let becomes = |value: &str| {
        let seen = [seen(&declared, Some(live(&secret("live-one"))), Prediction::Becomes(secret(value)))];
        decide(&scope(), &both, &both, Some(&inventory(&both)), &seen)
    };
    let (two, three) = (becomes("live-two"), becomes("live-three"));
    let path = &two.changes[0].paths[0];
    assert_eq!(
        (path.path.as_str(), &path.before, &path.after),
        ("/data/password", &json!("‹secret›"), &json!("‹secret›"))
    );
    assert_ne!(two.digest, three.digest);
    assert!(becomes("live-one").changes.is_empty());
}

#[test]
fn what_admission_says_is_masked() {
    let new = secret("correct-horse");
    let (base, merge) = (bundle(&[]), bundle(std::slice::from_ref(&new)));
    let said = Seen {
        warnings: vec!["password correct-horse is weak".to_owned()],
        reason: "webhook: correct-horse?".to_owned(),
        ..seen(&new, None, Prediction::Becomes(new.clone()))
    };
    let refused =
        seen(&new, None, Prediction::Refused { message: "correct-horse is too long".to_owned(), path: None });
    let theirs = Live { owner: Owner::Other("Helm release correct-horse".to_owned()), ..live(&new) };
    let foreign = seen(&new, Some(theirs), Prediction::Becomes(new.clone()));
    for seen in [said, refused, foreign] {
        let text = serde_json::to_string(&decide(&scope(), &base, &merge, None, &[seen])).unwrap();
        assert!(text.contains("‹secret") && !text.contains("correct-horse"), "{text}");
    }
}

#[test]
fn guesses_beside_a_live_secret_learn_nothing() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "stringData": {"a": "rendered-value"}});
    let held = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "data": {"b": "bGl2ZS1vbmx5LXBhc3N3b3Jk"}});
    let listing = |mark: &str| {
        let mut body =
            config("g", json!({"1": "live-only-password", "live-only-password": "x", "mark": mark}));
        body["list"] =
            json!(["another-guess!", "live-only-password", {"name": "n", "value": "live-only-password"}]);
        body
    };
    let (guesses, more) = (listing("1"), listing("2"));
    // Others may add to a list, which moves the author's own text.
    let mut longer = guesses.clone();
    longer["list"].as_array_mut().unwrap().insert(0, json!("sidecar"));
    let becomes = |after: &Value| Prediction::Becomes(after.clone());
    let cases = [
        (None, Some(&guesses), seen(&guesses, None, becomes(&guesses))),
        (None, Some(&guesses), seen(&guesses, None, becomes(&longer))),
        (Some(&guesses), Some(&more), seen(&more, Some(live(&guesses)), becomes(&more))),
        (None, Some(&more), seen(&more, Some(live(&config("g", json!({})))), becomes(&more))),
        (Some(&guesses), None, seen(&guesses, Some(live(&longer)), Prediction::Gone)),
    ];
    for (base, merge, guessed) in cases {
        let with = |body: Option<&Value>| {
            bundle(&[Some(&secret), body].into_iter().flatten().cloned().collect::<Vec<_>>())
        };
        let (base, merge) = (with(base), with(merge));
        let all = [seen(&secret, Some(live(&held)), Prediction::Becomes(secret.clone())), guessed];
        let plan = decide(&scope(), &base, &merge, Some(&inventory(&merge)), &all);
        let shown = plan.changes.iter().find(|change| change.id.kind == "ConfigMap").unwrap();
        let text = serde_json::to_string(shown).unwrap();
        assert!(!text.contains("‹secret"), "{text}");
        let hidden = plan.changes.iter().find(|change| change.id.kind == "Secret").unwrap();
        assert!(!serde_json::to_string(hidden).unwrap().contains("live-only-password"));
    }
}

#[test]
fn what_only_the_target_holds_is_masked_beside_what_git_states() {
    let secret = secret("live-only-password");
    let (old, new) = (config("g", json!({"1": "a"})), config("g", json!({"1": "b"})));
    let now = config("g", json!({"1": "a", "by-hand": "pw live-only-password", "live-only-password": "x"}));
    let mut after = now.clone();
    after["data"]["1"] = json!("b");
    let (base, merge) = (bundle(&[old]), bundle(std::slice::from_ref(&new)));
    let all = [
        seen(&secret, Some(live(&secret)), Prediction::Gone),
        seen(&new, Some(live(&now)), Prediction::Becomes(after)),
    ];
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &all);
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("live-only-password"), "{text}");
    assert!(text.contains("pw ‹secret›"), "{text}");
}

#[test]
fn equal_plans_are_equal_and_a_part_that_is_live_already_is_a_subset() {
    let (a, b) = (config("a", json!({"x": "2"})), config("b", json!({"x": "2"})));
    let (old_a, old_b) = (config("a", json!({"x": "1"})), config("b", json!({"x": "1"})));
    let (base, merge) = (bundle(&[old_a.clone(), old_b.clone()]), bundle(&[a.clone(), b.clone()]));
    let owned = inventory(&base);
    let at = |a_now: &Value, b_now: &Value| {
        let all = [
            seen(&a, Some(live(a_now)), Prediction::Becomes(a.clone())),
            seen(&b, Some(live(b_now)), Prediction::Becomes(b.clone())),
        ];
        decide(&scope(), &base, &merge, Some(&owned), &all)
    };
    let approved = at(&old_a, &old_b);
    assert_eq!(compare(&approved, &at(&old_a, &old_b)), Comparison::Equal);
    assert_eq!(
        compare(&approved, &at(&a, &old_b)),
        Comparison::Subset { done: vec![Object::identify(&a).unwrap()] }
    );
    let moved = config("b", json!({"x": "by hand"}));
    assert_eq!(
        compare(&approved, &at(&old_a, &moved)),
        Comparison::Differs { objects: vec![Object::identify(&b).unwrap()] }
    );
}

#[test]
fn pending_or_proposed_the_effect_is_the_same() {
    let (old, new) = (config("a", json!({"x": "1"})), config("a", json!({"x": "2"})));
    let (before, after) = (bundle(std::slice::from_ref(&old)), bundle(std::slice::from_ref(&new)));
    let seen = [seen(&new, Some(live(&old)), Prediction::Becomes(new.clone()))];
    let proposed = decide(&scope(), &before, &after, Some(&inventory(&before)), &seen);
    let merged = decide(&scope(), &after, &after, Some(&inventory(&before)), &seen);
    assert_eq!(proposed.digest, merged.digest);
    assert_ne!(proposed.changes[0].paths[0].class, merged.changes[0].paths[0].class);
}
