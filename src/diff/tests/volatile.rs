//! What differs at each render: never a change, never shown, in no digest.

use serde_json::{Value, json};

use super::{bundle, config, decide, inventory, live, scope, seen};
use crate::diff::look::candidates;
use crate::diff::mask::MaskKey;
use crate::diff::{Case, report};
use crate::model::object::{Bundle, Object};
use crate::model::plan::{Action, Class, Plan};
use crate::model::report::{Applied, Done};
use crate::model::view::{Prediction, Seen};

/// A ConfigMap of which one render draws `salt`, beside a colour.
fn drawn(salt: &str, colour: &str) -> Bundle {
    let mut drawn = bundle(&[config("a", json!({"colour": colour, "salt": salt}))]);
    drawn.objects[0].volatile = vec!["/data/salt".to_owned()];
    drawn
}

/// What a target sees of the bundle's one object over what is live: the live salt is kept.
fn over(merge: &Bundle, now: Option<&Value>) -> Seen {
    let object: &Object = &merge.objects[0];
    let after = now.map_or_else(|| object.body.clone(), |now| object.over(now));
    seen(&object.body, now.map(live), Prediction::Becomes(after))
}

fn paths(plan: &Plan) -> Vec<(&str, Class)> {
    plan.changes[0].paths.iter().map(|path| (path.path.as_str(), path.class)).collect()
}

#[test]
fn two_renders_of_one_tree_are_the_same() {
    let (one, two) = (drawn("first-draw", "red"), drawn("second-draw", "red"));
    assert_eq!((one.digest(), one.objects[0].digest()), (two.digest(), two.objects[0].digest()));
    let quiet = candidates(Some(&one), &two, Some(&inventory(&drawn("third-draw", "red"))));
    assert!(quiet.wanted.is_empty(), "it is not even looked at");
    let hooks = |draw| Bundle { hooks: drawn(draw, "red").objects, ..Bundle::default() };
    assert_eq!(hooks("first-draw").hooks_digest(), hooks("second-draw").hooks_digest());
}

#[test]
fn what_only_differs_at_each_render_is_no_change() {
    let (base, merge) = (drawn("base-draw", "red"), drawn("merge-draw", "red"));
    let now = config("a", json!({"colour": "red", "salt": "live-draw"}));
    // Whether it was deployed or is pending.
    for owned in [inventory(&base), inventory(&drawn("x", "old"))] {
        let plan = decide(&scope(), &base, &merge, Some(&owned), &[over(&merge, Some(&now))]);
        assert!(plan.is_empty() && plan.warnings.is_empty(), "{plan:#?}");
        assert_eq!(plan.counts.none, 1);
    }
    // The base has a value of its own still.
    let base = bundle(&[config("a", json!({"colour": "red", "salt": "live-draw"}))]);
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[over(&merge, Some(&now))]);
    assert!(plan.is_empty() && plan.warnings.is_empty(), "{plan:#?}");
}

#[test]
fn beside_a_change_it_is_named_once_without_any_value() {
    let now = config("a", json!({"colour": "red", "salt": "live-draw"}));
    let plan = |draws: [&str; 2]| {
        let (base, merge) = (drawn(draws[0], "red"), drawn(draws[1], "blue"));
        decide(&scope(), &base, &merge, Some(&inventory(&base)), &[over(&merge, Some(&now))])
    };
    let one = plan(["draw-number-1", "draw-number-2"]);
    assert_eq!(paths(&one), [("/data/colour", Class::ThisChange), ("/data/salt", Class::Volatile)]);
    let salt = &one.changes[0].paths[1];
    assert_eq!((&salt.before, &salt.after), (&Value::Null, &Value::Null));
    let said = serde_json::to_string(&one).unwrap();
    assert!(!said.contains("draw"), "{said}");
    assert!(one.changes[0].diff.contains("  salt: "), "{}", one.changes[0].diff);
    assert_eq!(one, plan(["draw-number-3", "draw-number-4"]), "another render gives the same plan");
}

#[test]
fn a_creation_shows_no_drawn_value_and_its_effect_is_the_same_at_each_render() {
    let plan = |draw: &str| {
        let merge = drawn(draw, "red");
        decide(&scope(), &Bundle::default(), &merge, None, &[over(&merge, None)])
    };
    let one = plan("first-draw");
    assert_eq!(one.changes[0].action, Action::Create);
    assert_eq!(paths(&one), [("", Class::ThisChange), ("/data/salt", Class::Volatile)]);
    assert!(one.changes[0].diff.contains("‹volatile›"), "{}", one.changes[0].diff);
    assert!(!serde_json::to_string(&one).unwrap().contains("draw"));
    assert_eq!(one, plan("second-draw"));
}

#[test]
fn a_secrets_plain_text_is_its_data_where_it_is_live() {
    let secret = |part: &str, user: &str, password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
            part: {"password": password, "user": user}})
    };
    let rendered = |draw: &str, user: &str| {
        let mut bundle = bundle(&[secret("stringData", user, draw)]);
        bundle.objects[0].volatile = vec!["/stringData/password".to_owned()];
        bundle
    };
    let create = |draw: &str| {
        let merge = rendered(draw, "somebody");
        let after = secret("data", "c29tZWJvZHk=", "Zmlyc3QtZHJhdw==");
        let seen = seen(&after, None, Prediction::Becomes(after.clone()));
        decide(&scope(), &Bundle::default(), &merge, None, &[seen])
    };
    assert_eq!(create("first-draw").digest, create("second-draw").digest);

    let (base, merge) = (rendered("base-draw", "somebody"), rendered("merge-draw", "another-one"));
    let now = secret("data", "c29tZWJvZHk=", "bGl2ZS1kcmF3");
    let after = secret("data", "YW5vdGhlci1vbmU=", "bGl2ZS1kcmF3");
    let seen = seen(&now, Some(live(&now)), Prediction::Becomes(after));
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[seen]);
    let shown = paths(&plan);
    assert!(shown.contains(&("/data/password", Class::Volatile)), "{shown:?}");
    assert!(
        shown.contains(&("/data/user", Class::SideEffect))
            || shown.contains(&("/data/user", Class::ThisChange))
    );
    let said = serde_json::to_string(&plan).unwrap();
    for secret in ["draw", "bGl2ZS1kcmF3", "somebody", "another-one"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_value_of_its_own_in_place_of_a_drawn_one_is_a_change_that_does_not_show_the_live_one() {
    let base = drawn("base-draw", "red");
    let merge = bundle(&[config("a", json!({"colour": "red", "salt": "chosen"}))]);
    let now = config("a", json!({"colour": "red", "salt": "live-draw"}));
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[over(&merge, Some(&now))]);
    assert_eq!(paths(&plan), [("/data/salt", Class::ThisChange)]);
    assert_eq!(plan.changes[0].paths[0].after, "chosen");
    assert!(!serde_json::to_string(&plan).unwrap().contains("draw"), "{plan:#?}");
    // If it is the one that is live, nothing changes.
    let now = config("a", json!({"colour": "red", "salt": "chosen"}));
    let plan = decide(&scope(), &base, &merge, Some(&inventory(&base)), &[over(&merge, Some(&now))]);
    assert!(plan.changes.is_empty(), "{plan:#?}");
}

#[test]
fn a_drawn_value_that_is_not_live_yet_is_a_change() {
    let base = bundle(&[config("a", json!({"colour": "red"}))]);
    let now = config("a", json!({"colour": "red"}));
    let plan = |draw: &str| {
        let merge = drawn(draw, "red");
        decide(&scope(), &base, &merge, Some(&inventory(&base)), &[over(&merge, Some(&now))])
    };
    let one = plan("first-draw");
    assert_eq!(paths(&one), [("/data/salt", Class::ThisChange)]);
    assert_eq!(one.changes[0].paths[0].after, "‹volatile›");
    assert_eq!(one, plan("second-draw"));
}

#[test]
fn a_target_that_quotes_a_drawn_value_is_not_quoted() {
    let merge = drawn("first-draw", "red");
    let refused = Prediction::Refused { message: "Invalid value: \"first-draw\"".to_owned(), path: None };
    let refused = seen(&merge.objects[0].body, None, refused);
    let plan = decide(&scope(), &Bundle::default(), &merge, None, &[refused]);
    assert!(!format!("{plan:?}").contains("first-draw"), "{plan:#?}");
}

#[test]
fn a_kept_value_is_no_surprise_afterwards() {
    let merge = drawn("first-draw", "red");
    let actual = config("a", json!({"colour": "blue", "salt": "live-draw"}));
    let (seen, key, scope) = ([over(&merge, None)], MaskKey::new(b"key"), scope());
    let case = Case {
        scope: &scope,
        base: None,
        merge: &merge,
        inventory: None,
        seen: &seen,
        faults: &[],
        key: &key,
    };
    let applied = Applied {
        id: merge.objects[0].id.clone(),
        action: Action::Update,
        result: Done::Changed,
        after: Some(actual),
        millis: 0,
    };
    let report = report::report(&case, &[applied]);
    let surprises: Vec<&str> = report.outcomes[0].surprises.iter().map(|path| path.path.as_str()).collect();
    assert_eq!(surprises, ["/data/colour"]);
}
