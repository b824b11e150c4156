//! `plan` and `apply` on a directory target: what was shown is done, and nothing that ought to be asked for is done unasked.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::changed;
use crate::support::checkout::Checkout;

const TWO_REPLICAS: &str = "charts/worker/values.yaml";

/// A checkout with a change, and an operator's file with a directory for every target.
fn with_directory() -> (Checkout, String) {
    let checkout = changed();
    let config = operator(&checkout);
    (checkout, config)
}

/// An operator's file beside a checkout, whose targets are all one directory.
fn operator(checkout: &Checkout) -> String {
    let place = checkout.beside().join("live");
    let directory = json!({"directory": {"path": place}});
    let config = json!({"targets": {"staging": directory, "production": directory}});
    let file = checkout.beside().join("operator.yaml");
    std::fs::write(&file, config.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn digest(checkout: &Checkout, config: &str, head: &str) -> String {
    let arguments =
        ["plan", "staging", "--config", config, "--head", head, "--base", "main", "--format", "json"];
    let plan = checkout.tidegate(&arguments).json();
    plan["environments"][0]["digest"].as_str().unwrap_or_else(|| panic!("no digest in {plan:#}")).to_owned()
}

#[test]
fn what_plan_showed_apply_does_and_then_nothing_is_left_to_do() {
    let (checkout, config) = with_directory();
    let shown = digest(&checkout, &config, "change");
    let ran = checkout.tidegate(&["apply", "staging", "--config", &config, "--digest", &shown]).ended(0);
    assert!(ran.out.contains("Deployment"), "{}", ran.out);
    let mut text = String::new();
    read_all(&checkout.beside().join("live"), &mut text);
    assert!(text.contains("web:1.1") && text.contains("name: extra"), "{text}");
    let ran =
        checkout.tidegate(&["plan", "staging", "--config", &config, "--head", "change", "--base", "main"]);
    assert!(ran.ended(0).out.contains("no change"));
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_digest_of_a_plan_is_that_of_the_merge_whatever_its_commit() {
    let (checkout, config) = with_directory();
    let shown = digest(&checkout, &config, "change");
    checkout.git(&["switch", "--quiet", "main"]);
    checkout.git(&["merge", "--quiet", "--no-ff", "--message=Merge", "change"]);
    checkout
        .tidegate(&["apply", "staging", "--config", &config, "--rev", "main", "--digest", &shown])
        .ended(0);
}

#[test]
fn a_changed_secret_has_one_digest_whether_the_base_is_known_or_not() {
    let (checkout, config) = with_directory();
    checkout.tidegate(&["apply", "staging", "--config", &config, "--rev", "main", "--baseline"]).ended(0);
    checkout.commit(&[(TWO_REPLICAS, Some("replicas: 2\ntoken: another-token\n"))]);
    let shown = digest(&checkout, &config, "change");
    // At its own base nothing is proposed: the change is pending, and what it does is the same.
    let apply = ["apply", "staging", "--config", &config, "--base", "change", "--digest", &shown];
    checkout.tidegate(&apply).ended(0);
}

#[test]
fn apply_refuses_another_digest_and_changes_nothing() {
    let (checkout, config) = with_directory();
    let shown = digest(&checkout, &config, "change");
    let values = "replicas: 1\ntoken: another-token\n";
    checkout.commit(&[(TWO_REPLICAS, Some(values))]);
    let ran = checkout.tidegate(&["apply", "staging", "--config", &config, "--digest", &shown]).ended(1);
    assert!(ran.err.contains("digest"), "{}", ran.err);
    assert!(!checkout.beside().join("live").exists(), "nothing was written");
}

#[test]
fn a_first_apply_wants_to_be_asked_for() {
    let (checkout, config) = with_directory();
    let ran = checkout.tidegate(&["apply", "staging", "--config", &config]).ended(1);
    assert!(ran.err.contains("--baseline"), "{}", ran.err);
    checkout.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
}

/// The file below a folder whose text holds `part`.
fn file_with(folder: &Path, part: &str) -> PathBuf {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if std::fs::read_to_string(&path).unwrap().contains(part) {
                return path;
            }
        }
    }
    panic!("no file holds {part:?}");
}

#[test]
fn a_plan_of_what_drifted_is_what_apply_mends() {
    let (checkout, config) = with_directory();
    checkout.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
    let live = file_with(&checkout.beside().join("live"), "web:1.1");
    let by_hand = std::fs::read_to_string(&live).unwrap().replace("web:1.1", "web:by-hand");
    std::fs::write(&live, by_hand).unwrap();
    // The branch is applied already, yet it differs from its base there: the plan looks, and so must the apply.
    let shown = digest(&checkout, &config, "change");
    let ran = checkout.tidegate(&["apply", "staging", "--config", &config, "--digest", &shown]).ended(0);
    assert!(ran.out.contains("Deployment"), "{}", ran.out);
    assert!(std::fs::read_to_string(&live).unwrap().contains("web:1.1"));
}

#[test]
fn an_emptied_folder_deletes_nothing_unasked() {
    let checkout = Checkout::of("plain");
    let config = operator(&checkout);
    checkout.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
    checkout.branch("empty");
    checkout.commit(&[("apps/web.yaml", None), ("apps/README.md", Some("Nothing here.\n"))]);
    let ran = checkout.tidegate(&["apply", "staging", "--config", &config]).ended(1);
    assert!(ran.err.contains("1 object would be deleted; nothing at all would be left"), "{}", ran.err);
    file_with(&checkout.beside().join("live"), "colour: green");
    let shown = digest(&checkout, &config, "empty");
    checkout.tidegate(&["apply", "staging", "--config", &config, "--digest", &shown]).ended(0);
}

#[test]
fn two_repositories_in_one_place_do_not_touch_each_other() {
    let (one, other) = (Checkout::of("plain"), Checkout::of("plain"));
    let config = operator(&one);
    one.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    other.commit(&[("apps/web.yaml", None), ("apps/other.yaml", Some(text))]);
    other.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
    let live = one.beside().join("live");
    assert_eq!(std::fs::read_dir(&live).unwrap().count(), 2, "each has a folder of its own");
    file_with(&live, "colour: green");
    file_with(&live, "name: other");
    let ran = one.tidegate(&["plan", "staging", "--config", &config]).ended(0);
    assert!(ran.out.contains("no change"), "{}", ran.out);
    // Wherever it is cloned to, a repository with an origin is the same one.
    let clone = Checkout::of("plain");
    for checkout in [&one, &clone] {
        checkout.git(&["remote", "add", "origin", "git@github.com:acme/plain.git"]);
    }
    one.tidegate(&["apply", "staging", "--config", &config, "--baseline"]).ended(0);
    let ran = clone.tidegate(&["plan", "staging", "--config", &config, "--base", "main"]).ended(0);
    assert!(ran.out.contains("no change"), "{}", ran.out);
}

/// A branch `change` that changes the file's sources and some files.
fn with_sources(before: &str, after: &str, files: &[(&str, Option<&str>)]) -> Checkout {
    let checkout = Checkout::of("shop");
    let file = |sources: &str| format!("version: 1\nenvironments:\n  staging:\n    sources: {sources}\n");
    checkout.commit(&[(".tidegate.yaml", Some(&file(before)))]);
    checkout.branch("change");
    let (after, mut all) = (file(after), files.to_vec());
    all.push((".tidegate.yaml", Some(&after)));
    checkout.commit(&all);
    checkout
}

#[test]
fn a_mistyped_path_is_an_error_and_not_the_end_of_its_app() {
    let checkout = with_sources("[{path: apps/web}]", "[{path: apps/wbe}]", &[]);
    let ran = checkout.tidegate(&["plan", "--rendered"]).ended(1);
    assert!(ran.out.contains("`apps/wbe` matches nothing"), "{}", ran.out);
    // A folder whose source stays goes when it goes, wherever in the list the source stands.
    let before = "[{path: apps/web}, {path: apps/api/overlays/staging}]";
    let after = "[{path: apps/api/overlays/staging}, {path: apps/web}]";
    let gone = [("apps/web/deployment.yaml", None), ("apps/web/service.yaml", None)];
    let ran = with_sources(before, after, &gone).tidegate(&["plan", "--rendered"]).ended(2);
    assert!(ran.out.contains("2 to delete"), "{}", ran.out);
}

#[test]
fn a_kustomization_that_vanished_is_an_error_whatever_other_sources_say() {
    let gone = [
        ("apps/api/overlays/staging/kustomization.yaml", None),
        ("apps/api/overlays/staging/x.yaml", Some("{}")),
    ];
    let sources = |renderer| {
        format!("[{{path: apps/web, renderer: plain}}, {{path: apps/api/overlays/staging{renderer}}}]")
    };
    let ran = with_sources(&sources(""), &sources(""), &gone).tidegate(&["plan", "--rendered"]).ended(1);
    assert!(ran.out.contains("was rendered as Kustomize and would now be Plain"), "{}", ran.out);
    let told = with_sources(&sources(""), &sources(", renderer: plain"), &gone);
    let ran = told.tidegate(&["plan", "--rendered"]);
    assert!(!ran.out.contains("was rendered as"), "{}", ran.out);
}
