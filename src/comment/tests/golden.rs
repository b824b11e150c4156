//! Preview comments of many shapes.

use serde_json::json;

use crate::comment::tests::{Case, cascade, change, deleted_claim, fault, how, path, plan, scaled};
use crate::comment::{Unseen, Way};
use crate::model::plan::{Action, Change, Class, Fidelity, Risk};

#[test]
fn three_environments_change_and_one_needs_care() {
    let mut case = Case::of(vec![
        plan("dev", vec![]),
        plan("prod-eu", vec![scaled(), deleted_claim()]),
        plan("prod-us", vec![scaled()]),
        plan("staging", vec![scaled()]),
    ]);
    case.how = how(&[
        ("dev", Way::OnMerge, &[]),
        ("prod-eu", Way::Command, &["staging"]),
        ("prod-us", Way::OnMerge, &[]),
        ("staging", Way::OnMerge, &[]),
    ]);
    let shown = case.shown();
    insta::assert_snapshot!(shown.comment.body);
    insta::assert_snapshot!(
        "three_environments_check",
        format!("{}\n---\n{}\n---\n{}", shown.title, shown.summary, shown.text)
    );
}

#[test]
fn nothing_changes_is_one_short_line() {
    let case = Case::of(vec![plan("prod", vec![]), plan("staging", vec![])]);
    insta::assert_snapshot!(case.shown().comment.body);
    insta::assert_snapshot!("no_environment_tracks_the_branch", Case::of(vec![]).shown().comment.body);
}

#[test]
fn one_line_changes_in_forty_environments() {
    let names: Vec<String> = (1..=40).map(|n| format!("shop-{n:02}")).collect();
    let mut case = Case::of(names.iter().map(|name| plan(name, vec![scaled()])).collect());
    for (index, name) in names.iter().enumerate().skip(1) {
        let after = how(&[(name, Way::Command, &[names[index - 1].as_str()])]);
        case.how.extend(after);
    }
    insta::assert_snapshot!(case.shown().comment.body);
}

#[test]
fn errors_in_some_environments_come_first() {
    let mut broken = plan("prod", vec![]);
    broken.errors = vec![fault("`replicas` must be a number, not a string")];
    broken.digest = None;
    let mut same = plan("staging", vec![scaled()]);
    same.errors = broken.errors.clone();
    same.digest = None;
    let mut other = plan("dev", vec![scaled()]);
    other.errors = vec![
        crate::model::fault::Fault::new("helm: template: web/templates/a.yaml:4:8: nil pointer evaluating\nError: exit 1\nuse --debug flag")
            .app("charts/web"),
    ];
    let shown = Case::of(vec![other, broken, same, plan("qa", vec![scaled()])]).shown();
    insta::assert_snapshot!(shown.comment.body);
    insta::assert_snapshot!("a_failed_check_says_why", format!("{}\n---\n{}", shown.title, shown.summary));
}

#[test]
fn a_first_deployment_is_one_row_of_counts() {
    let mut first = plan(
        "dev",
        vec![
            change(Action::Create, "ConfigMap", "a", &[], "+ a: 1\n"),
            change(Action::Create, "ConfigMap", "b", &[], "+ b: 1\n"),
            change(Action::Create, "Ingress", "web", &[], "+ c: 1\n"),
            change(Action::Adopt, "ConfigMap", "c", &[Risk::TakesOver], "- d: 1\n+ d: 2\n"),
            scaled(),
        ],
    );
    first.baseline = true;
    let shown = Case::of(vec![first, plan("prod", vec![])]).shown();
    insta::assert_snapshot!(format!("{}\n=== text\n{}", shown.comment.body, shown.text));
}

#[test]
fn an_environment_that_the_pull_request_brings_is_rendered_only() {
    let mut new =
        change(Action::Create, "Deployment", "web", &[], "+ apiVersion: apps/v1\n+ kind: Deployment\n");
    new.fidelity = Fidelity::Rendered;
    let mut case = Case::of(vec![plan("qa", vec![new])]);
    case.how = how(&[("qa", Way::NotInForce, &[])]);
    case.notes = vec!["`old` is no longer in .tidegate.yaml: nothing more is deployed there.".to_owned()];
    insta::assert_snapshot!(case.shown().comment.body);
}

fn rich() -> Change {
    let mut change = change(
        Action::Update,
        "Service",
        "web",
        &[Risk::Traffic, Risk::Reverts],
        "@@ metadata @@\n  metadata:\n    labels:\n-     team: blue\n+     team: green\n@@ spec @@\n  spec:\n    clusterIP: 10.0.0.7\n-   \
         externalName: x\n    ports:\n-   - port: 80\n+   - nodePort: 30080\n+     port: 81\n    sessionAffinity: None\n-   type: \
         ClusterIP\n+   type: NodePort\n",
    );
    change.fidelity = Fidelity::Schema;
    change.paths = vec![
        path("/spec/type", Class::ThisChange, json!("ClusterIP"), json!("NodePort")),
        path("/spec/externalName", Class::ThisChange, json!("x"), json!(null)),
        path("/spec/ports/0/port", Class::Pending, json!(80), json!(81)),
        path("/metadata/labels/team", Class::Drift, json!("blue"), json!("green")),
        path("/spec/ports/0/nodePort", Class::SideEffect, json!(null), json!(30_080)),
        path("/spec/sessionAffinity", Class::NoEffect, json!("None"), json!("None")),
        path("/metadata/annotations/note", Class::ByHand, json!("call ann"), json!("call ann")),
        path("/metadata/annotations/nonce", Class::Volatile, json!("a"), json!("b")),
    ];
    change.warnings = vec!["v1 Endpoints is deprecated in v1.33+".to_owned()];
    change
}

#[test]
fn every_class_of_difference_is_said_in_words() {
    let mut prod = plan("prod", vec![rich(), scaled()]);
    prod.warnings = vec!["ConfigMap shop/a: no effect here of /data/x".to_owned()];
    let job = "+ apiVersion: batch/v1\n+ kind: Job\n";
    prod.hooks = vec![change(Action::Create, "Job", "migrate", &[Risk::Runs], job)];
    insta::assert_snapshot!(Case::of(vec![prod]).shown().comment.body);
}

#[test]
fn a_public_repository_sees_no_live_value() {
    let mut case = Case::of(vec![plan("prod", vec![rich(), deleted_claim()])]);
    case.public = true;
    let shown = case.shown();
    for live in ["ClusterIP\n", "10.0.0.7", "call ann", "blue", "30080"] {
        assert!(!format!("{shown:?}").contains(live), "{live}");
    }
    insta::assert_snapshot!(shown.comment.body);
}

#[test]
fn only_deletes() {
    let gone = |kind: &str, name: &str, risks: &[Risk]| {
        let body = format!("- apiVersion: v1\n- kind: {kind}\n- metadata:\n-   name: {name}\n");
        change(Action::Delete, kind, name, risks, &body)
    };
    let mut old = gone("Namespace", "old", &[Risk::LosesData, Risk::Cascades, Risk::Deletes]);
    old.cascade = cascade(&[
        ("", "PersistentVolumeClaim", Some(2)),
        ("", "ConfigMap", Some(1)),
        ("apps", "Deployment", Some(14)),
    ]);
    let unknown = gone("Namespace", "older", &[Risk::Cascades, Risk::Deletes]);
    let case = Case::of(vec![
        plan(
            "prod",
            vec![gone("ConfigMap", "a", &[Risk::Deletes]), gone("ConfigMap", "b", &[Risk::Deletes]), old],
        ),
        plan("staging", vec![unknown]),
    ]);
    insta::assert_snapshot!(case.shown().comment.body);
}

#[test]
fn five_hundred_objects_and_two_megabytes_stay_within_the_budget() {
    let mut changes: Vec<Change> = (0..500)
        .map(|n| {
            let diff = format!("@@ data @@\n  data:\n-   key: {n}\n+   key: {}\n", n + 1);
            change(Action::Update, "ConfigMap", &format!("config-{n:03}"), &[], &diff)
        })
        .collect();
    changes.push(change(Action::Update, "ConfigMap", "a-large", &[], &"+ line of text\n".repeat(140_000)));
    changes.push(deleted_claim());
    let shown = Case::of(vec![plan("prod", changes)]).shown();
    let body = &shown.comment.body;
    assert!(body.len() > 55_000, "room is used: {}", body.len());
    let first = body.find("<details").unwrap();
    assert!(body[first..].starts_with("<details open><summary>⚠ <b>delete</b> PersistentVolumeClaim"));
    assert!(
        body.contains("For want of room ") && body.contains(" are left out; see the details of the check.")
    );
    assert!(body.contains("<div><b>update</b> ConfigMap <code>shop/config-3"));
    assert!(body.contains("Its diff has 140,000 lines (2.1 MB)"));
    assert!(shown.text.contains("config-4"), "what the comment lacks is in the check");
    assert!(body.trim_end().ends_with("/help"));
}

#[test]
fn one_diff_too_large_for_the_comment_is_whole_in_the_check() {
    let diff = "+ line of text\n".repeat(3_000);
    let changes = vec![
        change(Action::Update, "ConfigMap", "a", &[], &diff),
        change(Action::Update, "ConfigMap", "b", &[], &diff.replace("text", "text!")),
        scaled(),
    ];
    let shown = Case::of(vec![plan("prod", changes)]).shown();
    assert!(
        shown
            .comment
            .body
            .contains("For want of room 1 is named without details; see the details of the check.")
    );
    assert!(shown.text.contains("<code>shop/b</code>") && shown.text.contains("+ line of text"));
    assert!(!shown.text.contains("replicas: 3"), "what is shown already is not repeated");
}

fn pull() -> crate::model::github::Pull {
    crate::model::github::Pull {
        number: crate::model::id::PullNumber(12),
        open: true,
        merged: false,
        draft: false,
        title: "Change".to_owned(),
        author: "ann".parse().unwrap(),
        head: super::sha("3f2a91c"),
        head_repo: None,
        base: "main".parse().unwrap(),
        merge_commit: None,
    }
}

#[test]
fn what_cannot_be_previewed_says_why_and_what_to_do() {
    let conflict = Unseen::Conflict {
        base: super::sha("88b01de"),
        files: vec!["apps/web/web.yaml".to_owned(), "a `b`\n@ann.yaml".to_owned()],
    };
    let templates = super::templates();
    let shown = templates.unseen(&conflict, &pull()).unwrap();
    super::markdown::assert_harmless(&shown.comment.body);
    insta::assert_snapshot!("conflict", format!("{}\n---\n{}", shown.title, shown.comment.body));

    let mut typo =
        fault("unknown key `sorces`").file(".tidegate.yaml").at(4, 5).hint("did you mean `sources`?");
    typo.app = None;
    typo.snippet = Some("    sorces:\n    ^".to_owned());
    let mut when = fault("`when` must be one of merge, comment, never")
        .file(".tidegate.yaml")
        .at(7, 13)
        .hint("write one of them");
    when.app = None;
    when.snippet = Some("      when: sometimes\n            ^".to_owned());
    let faults = Unseen::Faults(vec![typo, when]);
    let shown = templates.unseen(&faults, &pull()).unwrap();
    super::markdown::assert_harmless(&shown.comment.body);
    insta::assert_snapshot!("faults", format!("{}\n---\n{}", shown.title, shown.comment.body));

    let many = Unseen::Faults((0..2_000).map(|n| fault(&format!("fault {n}"))).collect());
    let shown = templates.unseen(&many, &pull()).unwrap();
    assert!(shown.comment.body.len() <= 60_000 && shown.comment.body.contains("more errors."));
    super::markdown::assert_harmless(&shown.comment.body);
}

#[test]
fn our_own_failures_say_what_happens_next() {
    let weather =
        super::templates().broken("7", Some("the cluster of `prod` does not answer".to_owned())).unwrap();
    insta::assert_snapshot!("weather", format!("{}\n---\n{}", weather.title, weather.comment.body));
    let ours = super::templates().broken("job-7", None).unwrap();
    insta::assert_snapshot!("ours", format!("{}\n---\n{}", ours.title, ours.comment.body));
}
