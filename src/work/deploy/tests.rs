//! What is decided about a deployment, case by case.

use jiff::Timestamp;

use crate::model::deployment::{Began, Commits, Deployment, State, Trigger};
use crate::model::fault::Fault;
use crate::model::github::Reaction;
use crate::model::id::{CommentId, Digest, InstallationId, PullNumber, Repo, RepoId, Sha};
use crate::model::job::Job;
use crate::model::object::{Bundle, Object, ObjectId, Origin};
use crate::model::plan::{Action, Change, Class, Effect, Fidelity, PathChange, Plan};
use crate::model::refusal::{Refusal, Why};
use crate::model::settings::Deploy;
use crate::work::deploy::admit::Admitted;
use crate::work::deploy::bind::{Bound, bind};
use crate::work::deploy::end::{follow, quiet, reaction};
use crate::work::deploy::shown::Shown;
use crate::work::rules::tests::environment;

const COMMAND: Trigger = Trigger::Command { comment: CommentId(4) };

fn sha(digit: char) -> Sha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn id(name: &str) -> ObjectId {
    Object::identify(&body(name)).unwrap()
}

fn body(name: &str) -> serde_json::Value {
    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}})
}

fn change(action: Action, name: &str) -> Change {
    let path = PathChange {
        path: "/data/a".to_owned(),
        class: Class::ThisChange,
        before: serde_json::Value::Null,
        after: name.into(),
    };
    Change {
        paths: if action == Action::Delete { Vec::new() } else { vec![path] },
        effect: Some(Effect { whole: Digest::of(name.as_bytes()), declared: Digest::of(name.as_bytes()) }),
        ..Change::new(action, id(name))
    }
}

/// A plan with a digest of its own changes, which brings this bundle.
fn plan(changes: &[(Action, &str)], bundle: &str) -> Plan {
    let text = format!("{changes:?}");
    Plan {
        digest: Some(Digest::of(text.as_bytes())),
        changes: changes.iter().map(|(action, name)| change(*action, name)).collect(),
        bundle: Some(Digest::of(bundle.as_bytes())),
        owned: 12,
        ..Plan::new("prod".parse().unwrap(), "eu".to_owned())
    }
}

fn deployment(cause: Trigger, state: State) -> Deployment {
    let repo = Repo { id: RepoId(1), name: "acme/shop".parse().unwrap(), installation: InstallationId(1) };
    let commits = Commits { base: sha('b'), head: sha('a'), tree: sha('e') };
    let (by, name) = ("ann".parse().unwrap(), "prod".parse().unwrap());
    let queued =
        Deployment::queued("d".to_owned(), (&repo, &name), commits, (cause, &by), Timestamp::UNIX_EPOCH);
    let began = (state == State::Running)
        .then(|| Began { at: Timestamp::UNIX_EPOCH, bundle: Some(Digest::of(b"bytes")) });
    Deployment { pull: Some(PullNumber(3)), state, began, ..queued }
}

fn admitted(shown: Option<Plan>, others: Vec<Plan>) -> Admitted {
    Admitted {
        environment: environment(Deploy::default()),
        commits: Commits { base: sha('b'), head: sha('a'), tree: sha('e') },
        base: None,
        shown: shown.map(|plan| Shown { head: sha('a'), base: sha('b'), plan }),
        others,
    }
}

/// A bundle with something in it: nothing is emptied.
fn bundle() -> Bundle {
    let object =
        Object { id: id("kept"), body: body("kept"), origin: Origin::default(), volatile: Vec::new() };
    Bundle { objects: vec![object], ..Bundle::default() }
}

fn bound(deployment: &Deployment, admitted: &Admitted, now: &Plan) -> Bound {
    bind(deployment, admitted, now, (&bundle(), None))
}

#[track_caller]
fn goes(deployment: &Deployment, admitted: &Admitted, now: &Plan) -> String {
    match bound(deployment, admitted, now) {
        Bound::Go(notes) => notes.join(" "),
        other @ (Bound::Nothing | Bound::Stop(_)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn stops(deployment: &Deployment, admitted: &Admitted, now: &Plan) -> Refusal {
    match bound(deployment, admitted, now) {
        Bound::Stop(refusal) => refusal,
        other @ (Bound::Nothing | Bound::Go(_)) => panic!("{other:?}"),
    }
}

#[test]
fn what_was_shown_goes_and_anything_else_stops_with_a_new_preview() {
    let (asked, shown) = (deployment(COMMAND, State::Queued), plan(&[(Action::Update, "web")], "bytes"));
    let admitted = admitted(Some(shown.clone()), Vec::new());
    assert_eq!(goes(&asked, &admitted, &shown), "");
    let refusal =
        stops(&asked, &admitted, &plan(&[(Action::Update, "web"), (Action::Delete, "api")], "other"));
    assert!(refusal.message.contains("ConfigMap shop/api"), "{}", refusal.message);
    assert_eq!(refusal.why, Why::Effect);
}

#[test]
fn a_preview_with_an_error_approves_nothing() {
    let now = plan(&[(Action::Update, "web")], "bytes");
    let blind = Plan {
        digest: None,
        fidelity: Fidelity::Rendered,
        errors: vec![Fault::new("`prod` could not be looked at")],
        ..now.clone()
    };
    for cause in [COMMAND, Trigger::Merge] {
        let refusal =
            stops(&deployment(cause, State::Queued), &admitted(Some(blind.clone()), Vec::new()), &now);
        assert!(refusal.message.contains("could not be looked at"), "{}", refusal.message);
    }
}

#[test]
fn a_command_whose_preview_is_gone_approves_nothing() {
    let now = plan(&[(Action::Create, "web")], "bytes");
    stops(&deployment(COMMAND, State::Queued), &admitted(None, Vec::new()), &now);
}

#[test]
fn what_was_merged_from_other_pull_requests_goes_along_and_is_said() {
    let merged = deployment(Trigger::Merge, State::Queued);
    let shown = plan(&[(Action::Update, "web")], "mine");
    let other = plan(&[(Action::Delete, "api")], "theirs");
    let now = plan(&[(Action::Update, "web"), (Action::Delete, "api")], "both");
    let words = goes(&merged, &admitted(Some(shown.clone()), vec![other.clone()]), &now);
    assert!(words.contains("1 object previewed on other pull requests"), "{words}");
    stops(&merged, &admitted(Some(shown), Vec::new()), &now);
    // In another target it was not shown.
    let elsewhere = Plan { target: "us".to_owned(), ..other };
    stops(&merged, &admitted(Some(plan(&[(Action::Update, "web")], "mine")), vec![elsewhere]), &now);
}

#[test]
fn without_a_preview_of_its_own_nothing_of_others_is_taken_for_it() {
    let pushed = deployment(Trigger::Push, State::Queued);
    let other = plan(&[(Action::Delete, "api")], "theirs");
    let update = plan(&[(Action::Update, "web")], "now");
    assert!(goes(&pushed, &admitted(None, vec![other.clone()]), &update).contains("no preview was shown"));
    let along = plan(&[(Action::Update, "web"), (Action::Delete, "api")], "now");
    let words = goes(&pushed, &admitted(None, vec![other.clone()]), &along);
    assert!(words.contains("1 object previewed on other pull requests"), "{words}");
    let more = plan(&[(Action::Delete, "api"), (Action::Delete, "worker")], "now");
    let refusal = stops(&pushed, &admitted(None, vec![other]), &more);
    assert!(refusal.message.contains("shop/worker") && !refusal.message.contains("shop/api"), "{refusal:?}");
}

#[test]
fn what_was_interrupted_goes_on_with_what_is_left_of_it() {
    let running = deployment(COMMAND, State::Running);
    let shown = plan(&[(Action::Replace, "web"), (Action::Update, "api")], "bytes");
    let admitted = admitted(Some(shown), Vec::new());
    let left = plan(&[(Action::Create, "web")], "bytes");
    assert_eq!(goes(&running, &admitted, &left), "Went on after an interruption.");
    stops(&running, &admitted, &plan(&[(Action::Create, "web")], "other bytes"));
    stops(&running, &admitted, &plan(&[(Action::Create, "api")], "bytes"));
    stops(&deployment(COMMAND, State::Queued), &admitted, &left);
}

#[test]
fn an_interrupted_merge_goes_on_with_what_others_showed() {
    let running = deployment(Trigger::Merge, State::Running);
    let shown = plan(&[(Action::Update, "web")], "mine");
    let other = plan(&[(Action::Replace, "api"), (Action::Delete, "old")], "theirs");
    let left = plan(&[(Action::Create, "api"), (Action::Delete, "old")], "bytes");
    let words = goes(&running, &admitted(Some(shown), vec![other]), &left);
    assert!(words.contains("went along"), "{words}");
}

#[test]
fn the_answer_to_a_question_about_deletes_holds_for_what_is_left_after_an_interruption() {
    let names: Vec<String> = (0..10).map(|n| format!("old-{n}")).collect();
    let all: Vec<_> = names.iter().map(|name| (Action::Delete, name.as_str())).collect();
    let shown = plan(&all, "bytes");
    let asked = |deletes, state| Deployment { deletes, ..deployment(COMMAND, state) };
    let admitted = admitted(Some(shown.clone()), Vec::new());
    let refusal = stops(&asked(None, State::Queued), &admitted, &shown);
    assert!(refusal.hint.contains("deletes=10"), "{}", refusal.hint);
    stops(&asked(Some(9), State::Queued), &admitted, &shown);
    goes(&asked(Some(10), State::Queued), &admitted, &shown);
    let left = plan(&all[4..], "bytes");
    goes(&asked(Some(10), State::Running), &admitted, &left);
    goes(&asked(None, State::Running), &admitted, &left);
}

#[test]
fn a_comments_reaction_waits_for_all_that_it_asked_for() {
    let of = |state| deployment(COMMAND, state);
    let comment = CommentId(4);
    assert_eq!(reaction(&[of(State::Succeeded), of(State::Running)], comment), None);
    assert_eq!(reaction(&[of(State::Succeeded), of(State::Succeeded)], comment), Some(Reaction::Rocket));
    for bad in [State::Failed, State::Refused, State::Cancelled] {
        assert_eq!(reaction(&[of(State::Succeeded), of(bad)], comment), Some(Reaction::Confused));
    }
    let other = deployment(Trigger::Command { comment: CommentId(5) }, State::Running);
    assert_eq!(reaction(&[of(State::Succeeded), other], comment), Some(Reaction::Rocket));
}

#[test]
fn every_end_is_told_but_of_a_merge_that_changed_nothing() {
    let of = |cause, state| deployment(cause, state);
    assert!(quiet(&of(Trigger::Merge, State::Succeeded)));
    assert!(!quiet(&of(COMMAND, State::Succeeded)));
    assert!(!quiet(&of(Trigger::Merge, State::Failed)), "a burial is said");
    assert!(!quiet(&of(Trigger::Push, State::Cancelled)));
    assert!(!quiet(&Deployment { record: Some(1), ..of(Trigger::Merge, State::Succeeded) }));
}

#[test]
fn a_refused_effect_is_previewed_again_however_often_it_is_told() {
    let refused = |refusal| Deployment { refusal: Some(refusal), ..deployment(COMMAND, State::Refused) };
    let jobs = follow(&refused(Refusal::new("moved", "look").effect()));
    assert!(matches!(jobs.as_slice(), [Job::Preview { pull: PullNumber(3), .. }]), "{jobs:?}");
    assert!(follow(&refused(Refusal::new("a rule", "wait"))).is_empty());
    assert!(follow(&deployment(COMMAND, State::Failed)).is_empty());
}
