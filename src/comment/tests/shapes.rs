//! Preview comments for what reviewers misread most: conflicts, moves, successors, hooks, costs.

use serde_json::{Value, json};

use crate::comment::tests::{Case, cascade, change, deleted_claim, fault, id, path, plan, scaled, sha};
use crate::model::plan::{
    Action, Change, Class, Commit, Conflict, Fidelity, Home, Hook, Likeness, Pair, Phase, Risk, Transfer,
};
use crate::model::settings::Winner;

fn conflict(path: &str, manager: &str, rule: Winner, live: Value, git: Value) -> Conflict {
    Conflict { path: path.to_owned(), manager: manager.to_owned(), rule, live, git }
}

#[test]
fn conflicts_are_told_with_both_values_and_who_wins() {
    let mut taken = scaled();
    taken.diff = taken.diff.replace("replicas: 2", "replicas: 7");
    taken.paths[0].before = json!(7);
    taken.conflicts = vec![
        conflict("/spec/replicas", "kubectl-edit", Winner::Take, json!(7), json!(3)),
        conflict("/spec/paused", "kube-controller-manager", Winner::Yield, json!(true), json!(false)),
    ];
    let mut failed = plan("staging", vec![]);
    failed.digest = None;
    let mut held =
        fault("Deployment shop/web: `/spec/replicas` is held by `kubectl-edit` as 7, and Git says 3")
            .hint("take the field out of Git, or add a rule under `fields`");
    held.snippet = Some("  replicas: 3\n            ^".to_owned());
    failed.errors = vec![held];
    let mut case = Case::of(vec![plan("prod", vec![taken]), failed]);
    insta::assert_snapshot!(case.shown().comment.body);
    case.public = true;
    let shown = case.shown().comment.body;
    assert!(!shown.contains("held by `kubectl-edit` as `7`; Git's"), "{shown}");
}

#[test]
fn what_goes_with_a_namespace_is_counted() {
    let mut namespace = change(
        Action::Delete,
        "Namespace",
        "old",
        &[Risk::Cascades, Risk::Deletes],
        "- apiVersion: v1\n- kind: Namespace\n- metadata:\n-   name: old\n",
    );
    namespace.risks.insert(0, Risk::LosesData);
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
        "- apiVersion: apiextensions.k8s.io/v1\n- kind: CustomResourceDefinition\n- metadata:\n-   name: shops.example.com\n",
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
    let mut moved = change(
        Action::Move,
        "Service",
        name,
        &[],
        "@@ metadata @@\n  metadata:\n    labels:\n-     app: a\n+     app: b\n",
    );
    moved.paths = vec![path("/metadata/labels/app", Class::ThisChange, json!("a"), json!("b"))];
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

fn pair(kind: &str, names: [&str; 2], why: Likeness, risks: &[Risk], diff: &str) -> [Change; 2] {
    let [old, new] = names;
    let mut gone = change(Action::Delete, kind, old, risks, &format!("- kind: {kind}\n-   name: {old}\n"));
    let name =
        format!("@@ metadata @@\n  metadata:\n-   name: {old}\n+   name: {new}\n    namespace: shop\n");
    let mut new = change(Action::Create, kind, new, &[], &format!("{diff}{name}"));
    gone.pair = Some(Pair { id: new.id.clone(), why });
    new.pair = Some(Pair { id: gone.id.clone(), why });
    [gone, new]
}

#[test]
fn a_successor_and_what_goes_for_it_are_one_section() {
    let hash = pair(
        "ConfigMap",
        ["web-config-2g5h", "web-config-8k9m"],
        Likeness::Hash,
        &[Risk::Deletes],
        "@@ data @@\n  data:\n-   colour: red\n+   colour: blue\n",
    );
    let claim = pair(
        "PersistentVolumeClaim",
        ["data", "store"],
        Likeness::Rename,
        &[Risk::LosesData, Risk::Deletes],
        "",
    );
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
        let mut hook =
            change(Action::Create, "Job", name, &[Risk::Runs], "+ apiVersion: batch/v1\n+ kind: Job\n");
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
        ("PersistentVolumeClaim", "/spec/storageClassName", vec![Risk::LosesData, Risk::Replaces]),
        ("StatefulSet", "/spec/serviceName", vec![Risk::Replaces, Risk::Traffic, Risk::Restarts]),
        ("Deployment", "/spec/selector/matchLabels/app", vec![Risk::Replaces, Risk::Traffic, Risk::Restarts]),
        ("Service", "/spec/clusterIP", vec![Risk::Replaces, Risk::Traffic]),
        ("Job", "/spec/completionMode", vec![Risk::Replaces, Risk::Runs]),
        ("RoleBinding", "/roleRef/name", vec![Risk::Replaces, Risk::Rights]),
        ("ConfigMap", "/data/colour", vec![Risk::Replaces]),
        ("CustomResourceDefinition", "/spec/scope", vec![Risk::Cascades, Risk::Replaces]),
    ];
    let changes = kinds.iter().map(|(kind, pointer, risks)| {
        let (parents, leaf) = pointer[1..].rsplit_once('/').unwrap();
        let mut diff = format!("@@ {} @@\n", parents.replace('/', "."));
        for (depth, parent) in parents.split('/').enumerate() {
            diff.extend(["  ", "  ".repeat(depth).as_str(), parent, ":\n"]);
        }
        let deep = "  ".repeat(parents.split('/').count());
        diff.extend(["- ", &deep, leaf, ": a\n+ ", &deep, leaf, ": b\n"]);
        let mut change = change(Action::Replace, kind, "x", risks, &diff);
        change.paths = vec![path(pointer, Class::ThisChange, json!("a"), json!("b"))];
        change.warnings = vec![format!(
            "Replaced, because it cannot be changed in place: {}: Invalid value: \"b\": field is immutable",
            pointer[1..].replace('/', ".")
        )];
        if *kind == "CustomResourceDefinition" {
            change.cascade = cascade(&[("example.com", "Shop", Some(1_204))]);
        }
        change
    });
    insta::assert_snapshot!(Case::of(vec![plan("prod", changes.collect())]).shown().comment.body);
}

#[test]
fn data_that_goes_with_a_set_is_named_and_so_is_what_nobody_counted() {
    let mut set =
        change(Action::Delete, "StatefulSet", "db", &[Risk::LosesData, Risk::Deletes, Risk::Traffic], "");
    let shown = |changes: Vec<Change>| Case::of(vec![plan("prod", changes)]).shown().comment.body;
    let body = shown(vec![set.clone()]);
    assert!(body.contains("· its claims are deleted with it: their data is lost ·"), "{body}");
    assert!(
        body.contains("| deletes a StatefulSet: its data is lost; traffic of db may be interrupted |"),
        "{body}"
    );
    set.action = Action::Replace;
    set.risks = vec![Risk::LosesData, Risk::Replaces, Risk::Traffic, Risk::Restarts];
    let body = shown(vec![set]);
    assert!(
        body.contains("| replaces a StatefulSet: its data is lost;") && !body.contains("claims stay"),
        "{body}"
    );

    let gone = |kind: &str, name: &str, all: &[(&str, &str, Option<usize>)]| {
        let mut gone = change(Action::Delete, kind, name, &[Risk::Cascades, Risk::Deletes], "");
        gone.cascade = cascade(all);
        gone
    };
    for (change, row, head) in [
        (
            gone("Namespace", "a", &[]),
            "a Namespace and everything in it; what is in it is not known",
            "everything in it is lost; what is in it is not known",
        ),
        (
            gone("Namespace", "a", &[("", "Secret", None)]),
            "a Namespace and everything in it: Secrets in unknown number (they may not be listed)",
            "everything in it is lost: Secrets in unknown number (they may not be listed)",
        ),
        (
            gone("CustomResourceDefinition", "a", &[("x", "Shop", Some(0))]),
            "a CustomResourceDefinition; there is no object of its kind",
            "there is no object of its kind",
        ),
        (
            gone("CustomResourceDefinition", "a", &[("x", "Shop", None)]),
            "a CustomResourceDefinition: every object of its kind is lost (how many there are is not known)",
            "every object of its kind is lost: Shops in unknown number (they may not be listed)",
        ),
    ] {
        let body = shown(vec![change]);
        assert!(
            body.contains(&format!("| deletes {row} |")) && body.contains(&format!("· {head}</summary>")),
            "{body}"
        );
    }
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
    let mut refused = fault("Deployment shop/web-16 is refused at /spec/strategy/type: Unsupported value: \"Fast\": supported values: \"Recreate\", \"RollingUpdate\"")
        .app("apps/16")
        .file("apps/16/web.yaml")
        .hint("fix the manifest; the target's own words are quoted");
    refused.snippet = Some("    type: Fast\n          ^".to_owned());
    prod.errors = vec![
        fault("`replicas` must be a number, not a string").app("apps/14").file("apps/14/web.yaml"),
        crate::model::fault::Fault::new("helm: nil pointer evaluating interface {}.port").app("charts/api"),
        refused,
    ];
    insta::assert_snapshot!(Case::of(vec![prod]).shown().comment.body);
}

#[test]
fn lowered_fidelity_says_why_for_each_object() {
    let mut new =
        change(Action::Create, "Deployment", "api", &[], "+ apiVersion: apps/v1\n+ kind: Deployment\n");
    new.fidelity = Fidelity::Scratch;
    new.warnings = vec!["namespace shop does not exist yet; tried in the scratch namespace scratch, so the quota, labels and policies of its own were not".to_owned()];
    let mut blind = scaled();
    blind.fidelity = Fidelity::Schema;
    blind.warnings = vec!["tidegate:acme/shop:prod is not allowed to patch deployments.apps in namespace shop: a deployment would be refused there; checked against its schema only".to_owned()];
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

#[test]
fn every_one_of_many_alike_is_named() {
    let name = |n: usize| format!("config-{n:03}");
    let of = |n: usize| change(Action::Update, "ConfigMap", &name(n), &[], "@@ data @@\n- a: 1\n+ a: 2\n");
    let shown = Case::of(vec![plan("prod", (0..200).map(of).collect())]).shown();
    let said = format!("{}{}", shown.comment.body, shown.text);
    assert!((0..200).all(|n| said.contains(&name(n))), "{said}");
}
