//! What an approval covers, and what it does not.

use crate::diff::digest::{Comparison, compare, digest};
use crate::diff::paths::Places;
use crate::model::id::{Digest, EnvironmentId, RepoId};
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Change, Effect, Home, Plan, Risk, Transfer};

fn id(kind: &str, name: &str) -> ObjectId {
    ObjectId { group: String::new(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
}

fn change(action: Action, kind: &str, name: &str) -> Change {
    let effect = Some(Effect { whole: Digest::of(b"w"), declared: Digest::of(b"d") });
    Change { effect, uid: Some("u1".to_owned()), ..Change::new(action, id(kind, name)) }
}

fn environment() -> EnvironmentId {
    EnvironmentId { repo: RepoId(1), name: "staging".parse().unwrap() }
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        digest: Some(digest(&environment(), "t", &changes, &[])),
        changes,
        bundle: Some(Digest::of(b"bundle")),
        ..Plan::new("staging".parse().unwrap(), "t".to_owned())
    }
}

fn differs(approved: Change, now: Change) -> bool {
    matches!(compare(&plan(vec![approved]), &plan(vec![now])), Comparison::Differs { .. })
}

#[test]
fn that_data_comes_to_go_with_it_is_not_what_was_approved() {
    let empty = change(Action::Delete, "Namespace", "old");
    let full = Change { risks: vec![Risk::LosesData], ..empty.clone() };
    assert!(differs(empty.clone(), full) && !differs(empty.clone(), empty));
}

#[test]
fn whose_it_is_taken_from_is_part_of_the_approval() {
    let from = |name: &str| {
        let home = |name: &str| Home { environment: name.parse().unwrap(), app: String::new() };
        let transfer = Some(Transfer { from: home(name), to: home("staging") });
        Change { transfer, ..change(Action::Move, "ConfigMap", "a") }
    };
    assert!(differs(from("production"), from("qa")) && !differs(from("qa"), from("qa")));
    let adopted = change(Action::Adopt, "ConfigMap", "a");
    let other = Change { uid: Some("u2".to_owned()), ..adopted.clone() };
    assert!(differs(adopted, other));
}

#[test]
fn each_approval_of_an_object_that_gets_its_name_is_used_once() {
    let job = || Change { uid: None, ..change(Action::Create, "Job", "run-*") };
    let another = || {
        let effect = Some(Effect { whole: Digest::of(b"x"), declared: Digest::of(b"x") });
        Change { effect, ..job() }
    };
    let twice = compare(&plan(vec![job()]), &plan(vec![job(), job()]));
    assert!(matches!(twice, Comparison::Differs { .. }), "{twice:?}");
    let both = compare(&plan(vec![job(), another()]), &Plan { digest: None, ..plan(vec![another(), job()]) });
    assert_eq!(both, Comparison::Sharper);
}

#[test]
fn what_was_to_go_and_is_kept_now_is_not_done() {
    let kept = change(Action::Keep, "ConfigMap", "a");
    assert!(differs(change(Action::Delete, "ConfigMap", "a"), kept));
}

#[test]
fn many_places_are_related_as_two_are() {
    let places: Places = ["/spec/a", "/spec/b/c", "/metadata"].map(str::to_owned).into_iter().collect();
    for (place, related) in [
        ("/spec/a", true),
        ("/spec/a/0", true),
        ("/spec/ab", false),
        ("/spec/b", true),
        ("/spec/b/d", false),
        ("/spec", true),
        ("/metadata/labels/x", true),
        ("/status", false),
    ] {
        assert_eq!(places.related(place), related, "{place}");
    }
    let whole: Places = [String::new()].into_iter().collect();
    assert!(whole.related("/spec") && places.related(""));
    assert!(!Places::default().related("/spec"));
}
