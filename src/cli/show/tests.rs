//! What a terminal shows.

use serde_json::{Value, json};

use super::emphasis::diff;
use super::page::Page;
use super::{change, one};
use crate::model::object::ObjectId;
use crate::model::plan::{
    Action, Cascade, Change, Class, Commit, Conflict, Counts, Fidelity, Home, Hook, Likeness, Pair,
    PathChange, Phase, Plan, Risk, Transfer,
};
use crate::model::settings::Winner;

fn page(colour: bool) -> Page {
    Page { text: String::new(), colour }
}

fn id(group: &str, kind: &str, name: &str) -> ObjectId {
    ObjectId { group: group.into(), kind: kind.into(), namespace: Some("shop".into()), name: name.into() }
}

fn paths(class: Class, paths: &[&str]) -> Vec<PathChange> {
    paths
        .iter()
        .map(|path| PathChange { path: (*path).to_owned(), class, before: Value::Null, after: json!(1) })
        .collect()
}

#[test]
fn what_is_quoted_can_neither_command_the_terminal_nor_begin_a_line() {
    let mut page = page(true);
    page.plain("ConfigMap a\u{1b}[2K\ndelete b: ").painted("31", "x\u{1b}]0;title\u{7}").end();
    page.lines("33", "  ", "one\u{9b}31m\ntwo");
    assert_eq!(
        page.text,
        "ConfigMap a[2K delete b: \u{1b}[31mx]0;title\u{1b}[0m\n  \u{1b}[33mone31m\u{1b}[0m\n  \u{1b}[33mtwo\u{1b}[0m\n"
    );
}

#[test]
fn the_words_that_differ_in_a_line_stand_out() {
    let shown = |text: &str, colour: bool| {
        let mut page = page(colour);
        diff(text, "", &mut page);
        page.text.replace("\u{1b}[0m", "]").replace("\u{1b}[7;", "{").replace("\u{1b}[", "[")
    };
    let text = "@@ spec.image @@\n  a: 1\n-   image: web:1.2\n+   image: web:1.3\n+   new: line\n";
    assert_eq!(shown(text, false), text);
    assert_eq!(
        shown(text, true),
        "[36m@@ spec.image @@]\n  a: 1\n[31m-   image: web:1.]{31m2]\n[32m+   image: web:1.]{32m3]\n[32m+   new: line]\n"
    );
    // Nothing in common: nothing stands out.
    assert_eq!(shown("- abc\n+ xyz\n", true), "[31m- abc]\n[32m+ xyz]\n");
    for hostile in ["-\n+\n", "- \u{1b}[2J\n+ \u{1b}[3J\n", "-é\n+ü\n", "+\n-\n-\n"] {
        assert!(!shown(hostile, true).is_empty());
    }
}

fn changes() -> Vec<Change> {
    let conflict = |path: &str, rule| Conflict {
        path: path.to_owned(),
        manager: "kube-controller-manager".to_owned(),
        rule,
        live: json!(5),
        git: json!(3),
    };
    let home = |environment: &str, app: &str| Home {
        environment: environment.parse().unwrap(),
        app: app.to_owned(),
    };
    let pair = |name: &str, why| Some(Pair { id: id("", "ConfigMap", name), why });
    vec![
        Change {
            pair: pair("app-b", Likeness::Hash),
            diff: "- data\n".into(),
            risks: vec![Risk::Deletes],
            ..Change::new(Action::Delete, id("", "ConfigMap", "app-a"))
        },
        Change {
            pair: pair("app-a", Likeness::Hash),
            diff: "@@ data.a @@\n-   a: 1\n+   a: 2\n".into(),
            ..Change::new(Action::Create, id("", "ConfigMap", "app-b"))
        },
        Change {
            risks: vec![Risk::Restarts],
            fidelity: Fidelity::Schema,
            warnings: vec!["the webhook `a` does not answer".into()],
            conflicts: vec![
                conflict("/spec/replicas", Winner::Yield),
                conflict("/spec/paused", Winner::Fail),
            ],
            paths: [
                paths(Class::ThisChange, &["/spec/a"]),
                paths(Class::Drift, &["/spec/b"]),
                paths(Class::NoEffect, &["/spec/c", "/spec/d"]),
            ]
            .concat(),
            ..Change::new(Action::Update, id("apps", "Deployment", "web"))
        },
        Change {
            risks: vec![Risk::Cascades, Risk::Deletes],
            cascade: vec![
                Cascade { group: String::new(), kind: "PersistentVolumeClaim".into(), count: Some(2) },
                Cascade { group: String::new(), kind: "Secret".into(), count: None },
            ],
            ..Change::new(Action::Delete, ObjectId { namespace: None, ..id("", "Namespace", "shop") })
        },
        Change {
            transfer: Some(Transfer { from: home("staging", "apps/a"), to: home("prod", "apps/b") }),
            ..Change::new(Action::Move, id("", "Service", "web"))
        },
    ]
}

#[test]
fn a_plan_is_a_line_for_each_object_and_what_differs_beneath() {
    let hook = |name: &str, phase, weight| Change {
        hook: Some(Hook { phase, weight }),
        risks: vec![Risk::Runs],
        ..Change::new(Action::Create, id("batch", "Job", name))
    };
    let plan = Plan {
        fidelity: Fidelity::Schema,
        counts: Counts { create: 1, update: 1, delete: 2, moved: 1, ..Counts::default() },
        changes: changes(),
        hooks: vec![hook("migrate", Phase::Before, -5), hook("warm", Phase::After, 0)],
        warnings: vec!["a warning".to_owned()],
        pending: vec![Commit {
            sha: "1".repeat(40).parse().unwrap(),
            title: "Earlier work\u{1b}[2J".to_owned(),
        }],
        owned: 9,
        ..Plan::new("staging".parse().unwrap(), "cluster-a".to_owned())
    };
    let mut page = page(false);
    one(&plan, &mut page);
    insta::assert_snapshot!(page.text);
}

#[test]
fn a_long_list_of_paths_is_cut() {
    let many: Vec<String> = (0..20).map(|n| format!("/spec/{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut page = page(false);
    let shown =
        Change { paths: paths(Class::Volatile, &many), ..Change::new(Action::Update, id("", "Secret", "a")) };
    change::change(&shown, &mut page);
    assert!(page.text.ends_with("/spec/7 and 12 more\n"), "{}", page.text);
}
