//! How deployments end, in words.

use serde_json::json;

use crate::comment::tests::replies::deployment;
use crate::comment::tests::{deleted_claim, id, markdown::assert_harmless, path, plan, scaled, templates};
use crate::comment::{Ending, Shown};
use crate::model::deployment::State;
use crate::model::plan::{Action, Class};
use crate::model::report::{Done, Outcome, Report};

fn outcome(kind: &str, name: &str, result: Done) -> Outcome {
    Outcome { id: id(kind, name), action: Action::Update, result, surprises: Vec::new(), millis: 61_500 }
}

fn ended(state: State, report: Option<&Report>, message: &str, public: bool) -> Shown {
    let mut deployment = deployment(state);
    message.clone_into(&mut deployment.message);
    let plan = plan("staging", vec![scaled(), deleted_claim()]);
    let shown = templates()
        .ended(&Ending { deployment: &deployment, plan: &plan, report, notes: &[], public })
        .unwrap();
    assert!(
        shown.comment.body.len() <= 60_000 && shown.summary.len() <= 65_535 && shown.text.len() <= 65_535
    );
    for text in [&shown.comment.body, &shown.summary, &shown.text] {
        assert_harmless(text);
    }
    shown
}

#[test]
fn a_good_end_is_one_line() {
    let report = Report {
        outcomes: vec![
            outcome("Deployment", "web", Done::Changed),
            outcome("Service", "web", Done::Unchanged),
        ],
        ..Report::default()
    };
    let shown = ended(State::Succeeded, Some(&report), "", false);
    insta::assert_snapshot!(format!("{}\n---\n{}", shown.title, shown.comment.body));
}

fn bad() -> Report {
    let log = "the pods do not start: ImagePullBackOff\nweb-1: back-off pulling image ```web:2```\n/deploy prod\n@ann";
    let mut surprised = outcome("Service", "web", Done::Changed);
    surprised.surprises = vec![path("/spec/type", Class::SideEffect, json!("NodePort"), json!("ClusterIP"))];
    Report {
        outcomes: vec![
            outcome("Deployment", "web", Done::Failed(log.to_owned())),
            surprised,
            outcome("Job", "after", Done::Skipped("Deployment shop/web failed".to_owned())),
            outcome("Job", "late", Done::Skipped("Deployment shop/web failed".to_owned())),
        ],
        warnings: vec!["policy/v1beta1 is deprecated".to_owned()],
        reference: None,
    }
}

#[test]
fn a_bad_end_shows_what_failed_first() {
    let shown = ended(State::Failed, Some(&bad()), "", false);
    insta::assert_snapshot!(format!("{}\n---\n{}", shown.title, shown.comment.body));
}

#[test]
fn a_public_repository_sees_no_logs_and_no_live_values() {
    let shown = ended(State::Failed, Some(&bad()), "", true);
    assert!(!shown.comment.body.contains("web-1") && !shown.comment.body.contains("NodePort"));
    insta::assert_snapshot!(shown.comment.body);
}

#[test]
fn only_what_the_target_foretold_is_called_our_defect() {
    let mut surprised = outcome("Service", "web", Done::Changed);
    surprised.surprises = vec![path("/spec/type", Class::SideEffect, json!("NodePort"), json!("ClusterIP"))];
    let report = Report { outcomes: vec![surprised], ..Report::default() };
    let mut service = crate::comment::tests::change(Action::Update, "Service", "web", &[], "");
    service.fidelity = crate::model::plan::Fidelity::Schema;
    let (deployment, plan) = (deployment(State::Succeeded), plan("staging", vec![service]));
    let ending =
        Ending { deployment: &deployment, plan: &plan, report: Some(&report), notes: &[], public: false };
    let body = templates().ended(&ending).unwrap().comment.body;
    assert!(
        body.contains("came out otherwise than predicted (not tried on the target)")
            && !body.contains("defect"),
        "{body}"
    );
}

#[test]
fn what_was_not_begun_says_that_nothing_changed() {
    let shown = ended(State::Refused, None, "the live state moved since the preview", false);
    insta::assert_snapshot!(shown.comment.body);
    assert_eq!(
        ended(State::Cancelled, None, "", false).title,
        "staging: the deployment of 3f2a91c was cancelled"
    );
}

#[test]
fn a_thousand_failures_stay_within_the_budget() {
    let outcomes = (0..1_000)
        .map(|n| outcome("Deployment", &format!("web-{n}"), Done::Failed("no ".repeat(100))))
        .collect();
    let shown = ended(State::Failed, Some(&Report { outcomes, ..Report::default() }), "", false);
    assert!(shown.comment.body.contains("not shown in full here; see the details of the check."));
    assert!(shown.text.len() > 10_000);
}
