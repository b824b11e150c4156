//! What people read of a change.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::trees;
use crate::diff::paths::differences;
use crate::diff::unified::{aligned, text};
use crate::model::lists::ListKeys;

fn web(spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})
}

fn config(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data})
}

fn container(image: &str) -> Value {
    json!({"image": image, "name": "web", "args": ["--a", "--b"], "ports": [{"containerPort": 80}, {"containerPort": 81}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}, {"name": "C", "value": "3"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}}})
}

fn changed(change: impl FnOnce(&mut Value)) -> (Value, Value) {
    let before = web(&json!({"containers": [container("web:1")]}));
    let mut after = before.clone();
    change(&mut after["spec"]["template"]["spec"]);
    (before, after)
}

type Cases = Vec<(&'static str, (Value, Value))>;

fn workloads() -> Cases {
    vec![
        ("an image", changed(|spec| spec["containers"][0]["image"] = "web:2".into())),
        (
            "a container in front",
            changed(|spec| {
                spec["containers"]
                    .as_array_mut()
                    .unwrap()
                    .insert(0, json!({"name": "proxy", "image": "proxy:1", "args": ["a"]}));
            }),
        ),
        (
            "two places near each other",
            changed(|spec| {
                spec["containers"][0]["resources"]["limits"]["cpu"] = "2".into();
                spec["containers"][0]["resources"]["requests"]["cpu"] = "200m".into();
            }),
        ),
        (
            "the order of variables",
            changed(|spec| {
                spec["containers"][0]["env"].as_array_mut().unwrap().rotate_left(1);
            }),
        ),
        (
            "an argument in front, and a port less",
            changed(|spec| {
                spec["containers"][0]["args"].as_array_mut().unwrap().insert(0, "--x".into());
                spec["containers"][0]["ports"].as_array_mut().unwrap().remove(0);
            }),
        ),
        ("a port", changed(|spec| spec["containers"][0]["ports"][1]["name"] = "http".into())),
    ]
}

fn texts() -> Cases {
    let script = "#!/bin/sh\nset -eu\none\ntwo\nthree\nfour\nfive\n";
    let yaml =
        "server:\n  listen: 80\n  hosts:\n  - name: a\n    port: 1\n  - name: b\n    port: 2\nlog: info\n";
    let board = json!({"title": "Web", "panels": [{"id": 1, "expr": "rate(a[5m])"}, {"id": 2, "expr": "b"}]});
    let mut other = board.clone();
    other["panels"][1]["expr"] = "sum(b)".into();
    let long = |word: &str| format!("{}{word}{}", "x".repeat(3000), "y".repeat(3000));
    let one = |key: &str, old: &str, new: &str| (config(&json!({ key: old })), config(&json!({ key: new })));
    vec![
        ("a key with dots", one("app.conf", "a", "b")),
        ("a script", one("run.sh", script, &script.replace("three", "3"))),
        ("a script without its last newline", one("run.sh", script, script.trim_end())),
        ("line ends and blanks", one("run.sh", "a\nb\nc\n", "a\r\nb  \nc\n")),
        ("YAML within", one("web.yaml", yaml, &yaml.replace("port: 2", "port: 3"))),
        ("JSON within", one("board", &board.to_string(), &other.to_string())),
        ("JSON over several lines", one("board", &format!("{board:#}"), &format!("{other:#}"))),
        ("a long line", one("a", &long("one"), &long("two"))),
        ("a number that becomes a text", (config(&json!({"a": 1})), config(&json!({"a": "1"})))),
        ("what nobody sees", one("a", "x\u{202e}y\nz\n", "x\u{200b}y\nz\n")),
        (
            "bytes",
            (
                json!({"kind": "ConfigMap", "binaryData": {"a": "AAEC", "b": "AAEC"}}),
                json!({"kind": "ConfigMap", "binaryData": {"a": "AAEC", "b": "AAEDBA=="}}),
            ),
        ),
        ("what comes", (Value::Null, config(&json!({"run.sh": script})))),
        ("what goes", (config(&json!({})), Value::Null)),
        ("lists in lists", (json!({"a": [[1, 2], {"b": 1}]}), json!({"a": [[1, 3], {"c": 1}]}))),
    ]
}

#[test]
fn hunks_are_read_without_the_object_beside_them() {
    let mut page = String::new();
    for (title, (before, after)) in workloads().into_iter().chain(texts()) {
        let kind = before["kind"].as_str().unwrap_or_default();
        let keys = ListKeys::shipped(if kind == "Deployment" { "apps" } else { "" }, kind);
        write!(page, "== {title}\n{}\n", aligned(&before, &after, &keys)).unwrap();
    }
    insta::assert_snapshot!(page);
}

#[test]
fn one_object_has_so_much_text_and_no_more() {
    let many: serde_json::Map<String, Value> = (0..50_000).map(|n| (format!("k{n}"), n.into())).collect();
    let told = text(&Value::Null, &config(&Value::Object(many)));
    assert!(told.len() < 160 * 1024 && told.lines().count() < 2_100, "{}", told.len());
    assert!(told.ends_with("more changed lines @@\n"), "{}", told.lines().last().unwrap());
    let wide: Vec<String> = (0..1000).map(|n| format!("{n}{}", "x".repeat(5000))).collect();
    assert!(text(&Value::Null, &json!(wide)).len() < 160 * 1024);
}

/// What a hostile pull request could make slow; the figures hold for a build without optimisation on a busy machine.
#[test]
fn no_shape_of_text_is_slow() {
    let lines = |count: usize, line: fn(usize) -> String| (0..count).map(line).collect::<String>();
    let numbered = lines(20_000, |n| format!("line {n} of a text of some length, as they are\n"));
    let few = numbered
        .replace("line 5000 ", "Line ")
        .replace("line 10000 ", "Line ")
        .replace("line 19000 ", "Line ");
    let same = lines(10_000, |_| "same\n".to_owned());
    let shapes = [
        ("three lines of a megabyte", numbered.clone(), few),
        ("equal lines, some less", same.clone(), same[..same.len() - 5 * 500].to_owned() + "other\n"),
        ("nothing in common", numbered.clone(), lines(20_000, |n| format!("other {n}\n"))),
        ("reversed", numbered.clone(), numbered.lines().rev().collect::<Vec<_>>().join("\n")),
        (
            "many small hunks",
            numbered.clone(),
            lines(20_000, |n| {
                format!(
                    "line {n} of a text of some length, as they {}\n",
                    if n % 9 == 0 { "were" } else { "are" }
                )
            }),
        ),
        ("two long lines", "x".repeat(1 << 20), "x".repeat(1 << 19) + &"y".repeat(1 << 19)),
        ("brackets", "[".repeat(200_000), "[".repeat(199_999)),
        ("JSON", format!("[{}1]", "1,".repeat(100_000)), format!("[{}1]", "2,".repeat(100_000))),
        ("words", "a: ".repeat(80_000), "b: ".repeat(80_000)),
    ];
    for (shape, old, new) in shapes {
        let (before, after) = (config(&json!({ "a": old })), config(&json!({ "a": new })));
        let started = Instant::now();
        let told = text(&before, &after);
        assert!(started.elapsed() < Duration::from_secs(5), "{shape}: {:?}", started.elapsed());
        assert!(told.starts_with("@@ ") && told.len() < 160 * 1024, "{shape}: {}", told.len());
    }
    let items = |reverse: bool| {
        let mut items: Vec<Value> = (0..10_000).map(|n| json!({"name": n.to_string(), "value": n})).collect();
        if reverse {
            items.reverse();
        }
        json!({"spec": {"items": items}})
    };
    let started = Instant::now();
    assert!(text(&items(false), &items(true)).contains("moved"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_leaf_that_differs_is_told(before in trees::value(), after in trees::value()) {
        let (before, after) = (json!({"kind": "Shop", "spec": before}), json!({"kind": "Shop", "spec": after}));
        prop_assert_eq!(text(&before, &before), "");
        let told = text(&before, &after);
        let found = differences(&before, &after, &ListKeys::default());
        prop_assert_eq!(told.is_empty(), found.is_empty());
        prop_assert_eq!(told.contains("\n- ") || told.starts_with("- ") || told.contains("\n+ "), !found.is_empty());
        for line in told.lines() {
            prop_assert!(["@@ ", "  ", "- ", "+ "].iter().any(|begin| line.starts_with(begin)), "{}", line);
        }
        for one in &found {
            for (sign, value) in [('-', &one.before), ('+', &one.after)] {
                let Some(value) = value.as_ref().filter(|value| !value.is_object() && !value.is_array()) else { continue };
                let shown = match value.as_str() {
                    // By line, or by the structure of what is in it.
                    Some(text) if text.contains('\n') || text.starts_with(['{', '[']) => continue,
                    _ => crate::yaml::inline(value),
                };
                let told = told.lines().any(|line| line.starts_with(sign) && line.contains(&shown))
                    || shown.len() > 100 || told.contains("# moved");
                let other = [&one.before, &one.after].into_iter().flatten().any(|value| {
                    value.as_str().is_some_and(|text| text.contains('\n'))
                });
                prop_assert!(told || other, "{}{}\n{:?}", sign, shown, one);
            }
        }
    }

    #[test]
    fn every_line_that_differs_is_told(old in "([a-c]{0,2}\r?\n){0,8}[a-c]{0,2}", new in "([a-c]{0,2}\r?\n){0,8}[a-c]{0,2}") {
        let of = |text: &str| json!({"data": {"a": text}});
        let told = text(&of(&old), &of(&new));
        prop_assert_eq!(told.is_empty(), old == new);
        prop_assert_eq!(told.lines().any(|line| line.starts_with('-') || line.starts_with('+')), old != new);
    }
}
