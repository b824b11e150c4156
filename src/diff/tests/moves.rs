//! Moves: what is decided from what each environment holds, and what a plan says of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{bundle, config, decide, inventory, live, scope, seen};
use crate::diff::look::candidates;
use crate::diff::moves::{Holding, Sibling, across, passage};
use crate::model::id::EnvironmentName;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::{Action, Home, Plan};
use crate::model::view::{Live, Owner, Passage, Prediction, Seen};

fn held(bodies: &[&Value]) -> BTreeMap<ObjectId, String> {
    let id = |body: &&Value| (Object::identify(body).unwrap(), "apps/theirs".to_owned());
    bodies.iter().map(id).collect()
}

fn production() -> EnvironmentName {
    "production".parse().unwrap()
}

fn of(seen: &Seen, after: &Holding) -> Passage {
    passage(seen, &[Sibling { name: &production(), set: Some("set-p"), before: None, after }])
}

fn theirs(body: &Value) -> Live {
    Live { owner: Owner::Other("ApplySet set-p".to_owned()), set: Some("set-p".to_owned()), ..live(body) }
}

fn home(environment: &str, app: &str) -> Home {
    Home { environment: environment.parse().unwrap(), app: app.to_owned() }
}

#[test]
fn whose_an_object_becomes_follows_from_what_both_hold() {
    let x = config("x", json!({}));
    let (with, without) = (Some(held(&[&x])), Some(held(&[])));
    let ours = seen(&x, Some(live(&x)), Prediction::Gone);
    assert_eq!(of(&ours, &with), Passage::To(home("production", "apps/theirs")));
    assert_eq!(of(&ours, &without), Passage::Stays);
    assert_eq!(of(&ours, &None), Passage::Unknown(production()));
    let taken = seen(&x, Some(theirs(&x)), Prediction::Gone);
    assert_eq!(of(&taken, &with), Passage::Taken(production()));
    let wanted = seen(&x, Some(theirs(&x)), Prediction::Becomes(x.clone()));
    assert_eq!(of(&wanted, &without), Passage::From(home("production", "")));
    assert_eq!(of(&wanted, &with), Passage::Both(production()));
    assert_eq!(of(&wanted, &None), Passage::Unknown(production()));
    let foreign = Live { set: Some("another repository's".to_owned()), ..theirs(&x) };
    assert_eq!(of(&seen(&x, Some(foreign), Prediction::Becomes(x.clone())), &without), Passage::Stays);
    assert_eq!(of(&seen(&x, None, Prediction::Becomes(x.clone())), &with), Passage::Stays);
}

#[test]
fn without_a_target_what_the_base_held_tells() {
    let x = config("x", json!({}));
    let (with, without) = (Some(held(&[&x])), Some(held(&[])));
    let created = seen(&x, None, Prediction::Becomes(x.clone()));
    let at = |before: &Holding, after: &Holding| {
        passage(&created, &[Sibling { name: &production(), set: None, before: Some(before), after }])
    };
    assert_eq!(at(&with, &without), Passage::From(home("production", "apps/theirs")));
    assert_eq!(at(&with, &with), Passage::Both(production()));
    assert_eq!(at(&without, &without), Passage::Stays);
}

fn moved(passage: Passage, there: Live, prediction: Prediction) -> Plan {
    let (x, y) = (config("x", json!({"a": "1"})), config("y", json!({})));
    let gone = prediction == Prediction::Gone;
    let (with, without) = (bundle(&[x.clone(), y.clone()]), bundle(std::slice::from_ref(&y)));
    let (base, merge) = if gone { (&with, &without) } else { (&without, &with) };
    let all = [Seen { passage, ..seen(&x, Some(there), prediction) }];
    decide(&scope(), base, merge, Some(&inventory(base)), &all)
}

#[test]
fn who_loses_it_neither_deletes_nor_keeps_it() {
    let x = config("x", json!({"a": "1"}));
    let plan = moved(Passage::To(home("production", "apps/theirs")), live(&x), Prediction::Gone);
    let change = &plan.changes[0];
    assert_eq!((change.action, plan.counts.moved, plan.counts.delete), (Action::Move, 1, 0));
    let transfer = change.transfer.as_ref().unwrap();
    assert_eq!(
        (&transfer.from, &transfer.to),
        (&home("staging", "apps/web"), &home("production", "apps/theirs"))
    );
    assert!(change.paths.is_empty() && change.risks.is_empty() && change.diff.is_empty());
    let unclear = moved(Passage::Unknown(production()), live(&x), Prediction::Gone);
    assert_eq!(unclear.changes[0].action, Action::Keep);
    let taken = moved(Passage::Taken(production()), theirs(&x), Prediction::Gone);
    assert!(taken.is_empty() && taken.warnings.is_empty());
}

#[test]
fn who_gets_it_takes_it_over_with_what_differs() {
    let (x, mut after) = (config("x", json!({"a": "1"})), config("x", json!({"a": "1"})));
    let from = || Passage::From(home("production", ""));
    let same = moved(from(), theirs(&x), Prediction::Becomes(x.clone()));
    assert_eq!((same.changes[0].action, same.errors.len()), (Action::Move, 0));
    assert_eq!(same.changes[0].transfer.as_ref().unwrap().to, home("staging", "apps/web"));
    after["data"]["a"] = json!("2");
    let other = moved(from(), theirs(&x), Prediction::Becomes(after.clone()));
    assert_eq!(other.changes[0].paths[0].path, "/data/a");
    assert_ne!(same.digest, other.digest);
    let replaced = Prediction::Replaced { after, because: "field is immutable".to_owned() };
    assert!(moved(from(), theirs(&x), replaced).errors[0].message.contains("cannot move as it is"));
    for (passage, hint) in [
        (Passage::Both(production()), "remove it from `production` in the same change"),
        (Passage::Unknown(production()), "fix `production` first"),
        (Passage::Stays, "allow its kind of owner"),
    ] {
        let plan = moved(passage, theirs(&x), Prediction::Becomes(x.clone()));
        assert!(plan.changes.is_empty() && plan.errors[0].hint.contains(hint), "{:?}", plan.errors);
    }
}

#[test]
fn another_app_of_the_same_environment_is_seen_though_nothing_else_differs() {
    let x = config("x", json!({"a": "1"}));
    let base = bundle(std::slice::from_ref(&x));
    let mut merge = base.clone();
    merge.objects[0].origin.app = "apps/renamed".to_owned();
    let mut owned = inventory(&base);
    assert_eq!(candidates(Some(&base), &merge, Some(&owned)).wanted.len(), 1);
    let all = [seen(&x, Some(live(&x)), Prediction::Becomes(x.clone()))];
    let plan = decide(&scope(), &base, &merge, Some(&owned), &all);
    let transfer = plan.changes[0].transfer.as_ref().unwrap();
    assert_eq!(plan.changes[0].action, Action::Move);
    assert_eq!(
        (&transfer.from, &transfer.to),
        (&home("staging", "apps/web"), &home("staging", "apps/renamed"))
    );
    // One that was found again by its marks is of no app, and so comes from none.
    for owned in owned.entries.values_mut() {
        owned.app.clear();
    }
    assert!(candidates(Some(&base), &merge, Some(&owned)).wanted.is_empty());
    assert!(decide(&scope(), &base, &merge, Some(&owned), &all).is_empty());
}

#[test]
fn between_places_it_is_said_that_nothing_moves() {
    let x = config("x", json!({"a": "1"}));
    let (with, without) = (bundle(std::slice::from_ref(&x)), bundle(&[]));
    let gone = [seen(&x, Some(live(&x)), Prediction::Gone)];
    let created = [seen(&x, None, Prediction::Becomes(x.clone()))];
    let deletes = decide(&scope(), &with, &without, Some(&inventory(&with)), &gone);
    let mut elsewhere = scope();
    elsewhere.environment.name = production();
    elsewhere.target = "far".to_owned();
    let creates = decide(&elsewhere, &without, &with, Some(&inventory(&without)), &created);
    let mut plans = [deletes, creates];
    across(&mut plans);
    assert!(plans[0].changes[0].warnings[0].starts_with("`production` (target far) creates its own"));
    assert!(plans[1].changes[0].warnings[0].starts_with("`staging` (target staging) deletes its own"));
}

#[test]
fn what_moves_away_does_not_go_with_its_namespace() {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let x = config("x", json!({}));
    let (base, empty) = (bundle(&[body.clone(), x.clone()]), bundle(&[]));
    let passage = Passage::To(home("production", "apps/theirs"));
    let leaving = Seen { passage, ..seen(&x, Some(live(&x)), Prediction::Gone) };
    let namespace = seen(&body, Some(live(&body)), Prediction::Gone);
    let plan = decide(&scope(), &base, &empty, Some(&inventory(&base)), &[leaving, namespace]);
    assert!(plan.digest.is_none() && plan.errors.len() == 1, "{:?}", plan.errors);
    assert!(plan.errors[0].message.contains("Namespace shop would be deleted with ConfigMap shop/x in it"));
}
