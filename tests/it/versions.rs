//! Renderers by version, through the command line: which one rendered is in the plan, and another one is previewed.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::checkout::Checkout;
use crate::support::program::{command, run};

/// The real kustomize under the name of its version, and the same program that says another version of itself.
fn tools(beside: &Path) -> (PathBuf, String) {
    let folder = beside.join("tools");
    std::fs::create_dir(&folder).unwrap();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/kustomize");
    let said = run(command(&real).arg("version")).ended(0).out;
    let version = said.trim().trim_start_matches('v').to_owned();
    std::os::unix::fs::symlink(&real, folder.join(format!("kustomize-{version}"))).unwrap();
    let (from, to) = (format!("v{version}").into_bytes(), format!("v{}", older(&version)).into_bytes());
    let mut bytes = std::fs::read(&real).unwrap();
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, have)| *have == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the program holds its version");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(&to);
    }
    std::fs::write(folder.join("draft"), bytes).unwrap();
    // Another process writes what is run: what this one holds open cannot be.
    let name = format!("kustomize-{}", older(&version));
    let script = format!("cp draft {name} && chmod 755 {name} && rm draft");
    run(command("/bin/sh").current_dir(&folder).args(["-c", &script])).ended(0);
    let config = beside.join("server.yaml");
    std::fs::write(&config, json!({"render": {"tools": folder}}).to_string()).unwrap();
    (config, version)
}

/// A version of the same length before this one.
fn older(version: &str) -> String {
    let digit = |c: char| if c == '9' { '8' } else { '9' };
    let last = version.chars().last().unwrap();
    format!("{}{}", version.trim_end_matches(last), digit(last))
}

fn settings(version: &str) -> String {
    format!(
        "version: 1\ndefaults:\n  versions: {{kustomize: {version:?}}}\nenvironments:\n  staging:\n    namespace: web\n    sources: [{{path: apps/api/overlays/staging}}]\n"
    )
}

#[test]
fn another_version_is_previewed_even_if_nothing_else_changes() {
    let checkout = Checkout::of("shop");
    let (config, version) = tools(checkout.beside());
    let (config, before) = (config.to_str().unwrap(), older(&version));
    checkout.commit(&[(".tidegate.yaml", Some(&settings(&before)))]);
    checkout.branch("bump");
    checkout.commit(&[(".tidegate.yaml", Some(&settings(&version)))]);
    let plan = |format: &str| {
        checkout.tidegate(&["plan", "--rendered", "--base", "main", "--format", format, "--config", config])
    };

    let json = plan("json").ended(0).json();
    let environment = &json["environments"][0];
    assert_eq!(environment["renderers"], json!({"kustomize": version}), "{environment}");
    assert_eq!(environment["errors"], json!([]), "{environment}");
    assert_eq!(environment["warnings"], json!([format!("kustomize {before} becomes {version}")]));
    assert_eq!(environment["changes"], json!([]), "the same program renders the same");

    let text = plan("text").ended(0).out;
    assert!(text.contains(&format!("rendered, kustomize {version}): no change")), "{text}");
    assert!(text.contains(&format!("warning: kustomize {before} becomes {version}")), "{text}");
    let markdown = plan("markdown").ended(0).out;
    assert!(markdown.contains(&format!("kustomize {before} becomes {version}")), "{markdown}");
    assert!(markdown.contains(&format!(" · kustomize {version} · /help")), "{markdown}");
}

#[test]
fn a_version_that_is_not_provided_is_told_on_its_line_with_those_that_are() {
    let checkout = Checkout::of("shop");
    let (config, version) = tools(checkout.beside());
    checkout.commit(&[(".tidegate.yaml", Some(&settings("0.1")))]);
    let ran = checkout.tidegate(&["render", "staging", "--config", config.to_str().unwrap()]).ended(1);
    assert!(
        ran.err.starts_with(".tidegate.yaml:3:1: kustomize 0.1 is not provided here (provided are "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains(&version) && !ran.err.contains("/tmp/"), "{}", ran.err);
}
