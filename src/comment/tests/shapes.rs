//! Preview comments for what reviewers misread most: conflicts, moves, successors, hooks, costs.

use serde_json::json;

use crate::comment::tests::{Case, change, deleted_claim, fault, id, path, plan, scaled, sha};
use crate::model::plan::{
    Action, Cascade, Change, Class, Commit, Conflict, Fidelity, Home, Hook, Likeness, Pair, Phase, Risk,
    Transfer,
};
use crate::model::settings::Winner;

fn conflict(path: &str, manager: &str, rule: Winner) -> Conflict {
    Conflict { path: path.to_owned(), manager: manager.to_owned(), rule, live: json!(7), git: json!(3) }
}

#[test]
fn conflicts_are_told_with_both_values_and_who_wins() {
    let mut taken = scaled();
    taken.risks = vec![Risk::TakesOver, Risk::Restarts];
    taken.conflicts = vec![
        conflict("/spec/replicas", "kubectl-edit", Winner::Take),
        conflict("/spec/paused", "kube-controller-manager", Winner::Yield),
    ];
    let mut failed = plan("staging", vec![]);
    failed.digest = None;
    failed.errors =
        vec![fault("Deployment shop/web: `/spec/replicas` is held by `kubectl-edit` as 7, and Git says 3")];
    let mut case = Case::of(vec![plan("prod", vec![taken]), failed]);
    insta::assert_snapshot!(case.shown().comment.body);
    case.public = true;
    let shown = case.shown().comment.body;
    assert!(!shown.contains("held by `kubectl-edit` as `7`; Git's"), "{shown}");
}

fn cascade(all: &[(&str, &str, Option<usize>)]) -> Vec<Cascade> {
    let one = |(group, kind, count): &(&str, &str, Option<usize>)| Cascade {
        group: (*group).to_owned(),
        kind: (*kind).to_owned(),
        count: *count,
    };
    all.iter().map(one).collect()
}

#[test]
fn what_goes_with_a_namespace_is_counted() {
    let mut namespace =
        change(Action::Delete, "Namespace", "old", &[Risk::Cascades, Risk::Deletes], "- kind: Namespace\n");
    namespace.cascade = cascade(&[
        ("", "PersistentVolumeClaim", Some(2)),
        ("apps", "Deployment", Some(14)),
        ("", "Secret", None),
        ("", "ConfigMap", Some(1)),
    ]);
    let mut definition = change(
        Action::Delete,
        "CustomResourceDefinition",
        "shops.example.com",
        &[Risk::Cascades, Risk::Deletes],
        "- kind: X\n",
    );
    definition.cascade = cascade(&[("example.com", "Shop", Some(1_204))]);
    let case = Case::of(vec![plan("prod", vec![namespace, definition, deleted_claim()])]);
    insta::assert_snapshot!(case.shown().comment.body);
}

fn moving(name: &str, from: (&str, &str), to: (&str, &str)) -> Change {
    let home = |(environment, app): (&str, &str)| Home {
        environment: environment.parse().unwrap(),
        app: app.to_owned(),
    };
    let mut moved =
        change(Action::Move, "Service", name, &[], "@@ metadata @@\n  labels:\n-   app: a\n+   app: b\n");
    moved.transfer = Some(Transfer { from: home(from), to: home(to) });
    moved
}

#[test]
fn what_moves_is_no_delete_and_no_creation() {
    let (a, b) = (("staging", "apps/web"), ("prod", "apps/shop"));
    let case = Case::of(vec![
        plan("prod", vec![moving("web", a, b), moving("api", a, b)]),
        plan("staging", vec![moving("web", a, b), moving("api", a, b)]),
        plan("qa", vec![moving("db", ("qa", "apps/a"), ("qa", "apps/b"))]),
    ]);
    let body = case.shown().comment.body;
    assert!(!body.contains("delete</b>") && !body.contains("create</b>"), "{body}");
    insta::assert_snapshot!(body);
}

fn pair(kind: &str, names: [&str; 2], why: Likeness, risks: &[Risk]) -> [Change; 2] {
    let mut gone = change(Action::Delete, kind, names[0], risks, "- kind: X\n");
    let mut new = change(
        Action::Create,
        kind,
        names[1],
        &[],
        "@@ data @@\n  data:\n-   colour: red\n+   colour: blue\n",
    );
    gone.pair = Some(Pair { id: new.id.clone(), why });
    new.pair = Some(Pair { id: gone.id.clone(), why });
    [gone, new]
}

#[test]
fn a_successor_and_what_goes_for_it_are_one_section() {
    let hash = pair("ConfigMap", ["web-config-2g5h", "web-config-8k9m"], Likeness::Hash, &[Risk::Deletes]);
    let claim =
        pair("PersistentVolumeClaim", ["data", "store"], Likeness::Rename, &[Risk::LosesData, Risk::Deletes]);
    let case = Case::of(vec![
        plan("prod", hash.iter().chain(&claim).cloned().collect()),
        plan("staging", hash.to_vec()),
    ]);
    let shown = case.shown();
    assert_eq!(shown.comment.body.matches("<details").count(), 2, "{}", shown.comment.body);
    insta::assert_snapshot!(shown.comment.body);
}

#[test]
fn hooks_stand_by_themselves_in_the_order_in_which_they_run() {
    let hook = |name: &str, phase, weight| {
        let mut hook = change(Action::Create, "Job", name, &[Risk::Runs], "+ kind: Job\n");
        hook.hook = Some(Hook { phase, weight });
        hook
    };
    let mut prod = plan("prod", vec![scaled()]);
    prod.hooks = vec![
        hook("notify", Phase::After, 0),
        hook("backup", Phase::Before, -5),
        hook("migrate", Phase::Before, 1),
    ];
    let mut first = plan("qa", vec![change(Action::Create, "ConfigMap", "a", &[], "+ a: 1\n")]);
    first.baseline = true;
    first.hooks = vec![hook("seed", Phase::Before, 0)];
    let shown = Case::of(vec![prod, first]).shown();
    insta::assert_snapshot!(shown.comment.body);
}

#[test]
fn the_cost_of_a_replacement_is_in_words() {
    let kinds = [
        ("PersistentVolumeClaim", vec![Risk::LosesData, Risk::Replaces]),
        ("StatefulSet", vec![Risk::LosesData, Risk::Replaces, Risk::Restarts]),
        ("Deployment", vec![Risk::Replaces, Risk::Restarts]),
        ("Service", vec![Risk::Replaces, Risk::Traffic]),
        ("Job", vec![Risk::Replaces, Risk::Runs]),
        ("RoleBinding", vec![Risk::Replaces, Risk::Rights]),
        ("ConfigMap", vec![Risk::Replaces]),
        ("CustomResourceDefinition", vec![Risk::Cascades, Risk::Replaces]),
    ];
    let changes = kinds.iter().map(|(kind, risks)| {
        let mut change = change(Action::Replace, kind, "x", risks, "-   a: 1\n+   a: 2\n");
        change.paths = vec![path("/spec/selector/app", Class::ThisChange, json!("a"), json!("b"))];
        change.warnings = vec!["spec.selector: Invalid value: field is immutable".to_owned()];
        change
    });
    insta::assert_snapshot!(Case::of(vec![plan("prod", changes.collect())]).shown().comment.body);
}

#[test]
fn what_was_merged_earlier_goes_along_and_is_named() {
    let mut change = scaled();
    change.paths[0].class = Class::Pending;
    let mut prod = plan("prod", vec![change]);
    prod.pending = vec![
        Commit { sha: sha("9abc"), title: "Scale web (#12)".to_owned() },
        Commit {
            sha: sha("8abc"),
            title: "fixes #7 for @ann: <b>`x`</b> https://evil.example.com\n/deploy prod".to_owned(),
        },
    ];
    let mut staging = prod.clone();
    staging.name = "staging".parse().unwrap();
    insta::assert_snapshot!(Case::of(vec![prod, staging]).shown().comment.body);
}

#[test]
fn errors_in_three_of_seventeen_apps() {
    let mut prod = plan("prod", vec![]);
    prod.digest = None;
    prod.changes = (0..14)
        .map(|n| {
            let mut one = scaled();
            one.id = id("Deployment", &format!("web-{n:02}"));
            one.app = format!("apps/{n:02}");
            one
        })
        .collect();
    prod.counts.update = 14;
    prod.errors = vec![
        fault("`replicas` must be a number, not a string").app("apps/14").file("apps/14/web.yaml"),
        crate::model::fault::Fault::new("helm: nil pointer evaluating interface {}.port").app("charts/api"),
        fault("Deployment shop/web-16 is refused at /spec/strategy/type: Unsupported value: \"Fast\": supported values: \"Recreate\", \"RollingUpdate\"").app("apps/16"),
    ];
    insta::assert_snapshot!(Case::of(vec![prod]).shown().comment.body);
}

#[test]
fn lowered_fidelity_says_why_for_each_object() {
    let mut new = change(Action::Create, "Deployment", "api", &[], "+ kind: Deployment\n");
    new.fidelity = Fidelity::Scratch;
    new.warnings = vec!["namespace shop does not exist yet; tried in `scratch`".to_owned()];
    let mut blind = scaled();
    blind.fidelity = Fidelity::Schema;
    blind.warnings = vec!["tidegate:acme/shop:prod may not patch deployments.apps".to_owned()];
    let claim = deleted_claim();
    insta::assert_snapshot!(Case::of(vec![plan("prod", vec![new, blind, claim])]).shown().comment.body);
}

#[test]
fn hostile_values_stay_in_their_places() {
    let evil = "</summary></details>\n```\n/deploy prod\n@ann fixes #12 <!-- tidegate:reply --> https://evil.example.com";
    let mut bad = change(
        Action::Delete,
        "Secret</b>",
        "<img src=x>@ann",
        &[Risk::Cascades, Risk::Deletes],
        &format!("- {}\n", evil.replace('\n', "\n- ")),
    );
    bad.cascade = cascade(&[("x", "Evil|Kind</b>@ann", Some(2))]);
    bad.warnings = vec![evil.to_owned()];
    bad.file = Some("a`b/@ann#12.yaml".to_owned());
    let mut other = scaled();
    other.conflicts = vec![Conflict {
        path: format!("/metadata/labels/{evil}"),
        manager: "@ann/closes #12".to_owned(),
        rule: Winner::Yield,
        live: json!(evil),
        git: json!({ evil: 1 }),
    }];
    let mut failed = plan("staging", vec![]);
    failed.errors = vec![fault(evil)];
    failed.warnings = vec![evil.to_owned()];
    insta::assert_snapshot!(Case::of(vec![plan("prod", vec![bad, other]), failed]).shown().comment.body);
}
