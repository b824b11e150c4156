//! Good files are read whole; of bad ones every fault is told at once, with its place and what to do.

use proptest::prelude::*;
use serde_json::json;

use crate::model::fault::Fault;
use crate::model::settings::{
    Asked, BeforeMerge, FieldRule, Gate, Permission, Renderer, Settings, Values, Versions, When, Winner,
};
use crate::parse::{defaults, settings, settings_over};
use crate::yaml::{Limits, read};

fn good(text: &str) -> Settings {
    settings(text.as_bytes(), ".tidegate.yaml").unwrap()
}

fn faults(text: &str) -> Vec<Fault> {
    settings(text.as_bytes(), ".tidegate.yaml").unwrap_err()
}

fn told(text: &str) -> String {
    faults(text).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const WHOLE: &str = r#"version: 1
branch: main
defaults:
  sources:
    - path: apps/*/overlays/{environment}
  deploy: {when: merge, allow: {permission: maintain}}

environments:
  staging:
    target: staging-cluster
    namespace: web
  dev:
  prod-eu:
    sources:
      - path: charts/web
        helm: {release: web, values: [values.yaml, /shared/prod.yaml, {replicas: 3}], includeCRDs: true}
      - path: cluster/
        renderer: plain
    deploy:
      when: comment
      before_merge: never
      after: [staging]
      requires: [approved, checks, up-to-date]
      allow: {users: [ann], teams: [acme/ops, ops]}
      prune: false
      limits: {deletes: "35%"}
    adopt: [unmanaged]
    fields:
      - {kinds: [Deployment], path: /spec/replicas, rule: yield, to: [kube-controller-manager]}
    secrets:
      - {kinds: [ConfigMap], path: /data/password}
"#;

#[test]
fn the_whole_file_is_read() {
    let settings = good(WHOLE);
    assert_eq!(settings.branch.unwrap().as_str(), "main");
    let environment = |name: &str| &settings.environments[&name.parse().unwrap()];
    let (staging, dev, prod) = (environment("staging"), environment("dev"), environment("prod-eu"));
    assert_eq!(
        (staging.target.as_str(), staging.namespace.as_deref(), staging.line),
        ("staging-cluster", Some("web"), 9)
    );
    assert_eq!((dev.target.as_str(), dev.line), ("dev", 12), "nothing written means all by default");
    assert_eq!(dev.sources, staging.sources, "from the defaults");
    assert_eq!((dev.sources[0].path.as_str(), dev.sources[0].line), ("apps/*/overlays/{environment}", 5));

    assert_eq!(prod.sources.len(), 2, "lists are replaced");
    let helm = prod.sources[0].helm.as_ref().unwrap();
    assert_eq!((helm.release.as_deref(), helm.include_crds), (Some("web"), true));
    assert_eq!(helm.values[1], Values::File("/shared/prod.yaml".to_owned()));
    assert_eq!(helm.values[2], Values::Inline(json!({"replicas": 3})));
    assert_eq!((prod.sources[1].renderer, prod.sources[1].line), (Some(Renderer::Plain), 17));

    let deploy = &prod.deploy;
    assert_eq!((deploy.when, deploy.before_merge), (When::Comment, BeforeMerge::Never));
    assert_eq!(deploy.after[0].as_str(), "staging");
    assert_eq!(deploy.requires, [Gate::Approved, Gate::Checks, Gate::UpToDate]);
    assert_eq!(deploy.allow.permission, Permission::Maintain, "mappings merge");
    assert_eq!((deploy.allow.users[0].as_str(), deploy.allow.teams.len()), ("ann", 2));
    assert_eq!((deploy.prune, deploy.limits.deletes_percent), (false, 35));
    let rule = FieldRule {
        kinds: vec!["Deployment".to_owned()],
        path: "/spec/replicas".to_owned(),
        rule: Winner::Yield,
        to: vec!["kube-controller-manager".to_owned()],
    };
    assert_eq!(prod.fields, [rule]);
    assert_eq!((prod.secrets[0].path.as_str(), prod.adopt.len()), ("/data/password", 1));
}

#[test]
fn the_operators_defaults_lie_beneath() {
    let text =
        "version: 1\nenvironments: {a: {sources: [{path: x}]}, b: {sources: [{path: x}], namespace: own}}\n";
    let node = |text: &str| read(text.as_bytes(), &Limits::default()).unwrap().remove(0).root;
    let beneath = node("\n\nnamespace: theirs\ndeploy: {when: comment}");
    let settings = settings_over(text.as_bytes(), "f", &beneath.to_json()).unwrap();
    let of = |name: &str| settings.environments[&name.parse().unwrap()].clone();
    assert_eq!(of("a").namespace.as_deref(), Some("theirs"));
    assert_eq!((of("b").namespace.as_deref(), of("b").deploy.when), (Some("own"), When::Comment));

    let server = "deploy: {when: later}\nnamespace: [a]\n";
    let wrong = settings_over(text.as_bytes(), "f", &node(server).to_json()).unwrap_err();
    assert_eq!(wrong.len(), 2, "once, not per environment: {wrong:?}");
    assert_eq!((wrong[0].file.as_deref(), wrong[0].line), (Some("the operator's defaults"), None));

    let told = defaults(&node(server), server, "server.yaml").unwrap_err();
    assert!(
        told[0].to_string().starts_with("server.yaml:1:16: defaults.deploy.when must be one of"),
        "{}",
        told[0]
    );
    assert_eq!(told.len(), 2);
    assert!(defaults(&beneath, "", "server.yaml").is_ok());
}

#[test]
fn all_faults_are_told_at_once() {
    insta::assert_snapshot!(told(
        r#"version: 2
brnach: main
defaults:
  sources:
    - path: /apps/**
  deploy: {when: merg}
environments:
  Prod: {}
  staging:
    target: my cluster
    namespace: Web
    sources:
      - path: apps/{env}
        renderer: plain
        helm: {release: A, values: [1, a*.yaml], includeCRDs: "true"}
      - {renderer: jsonnet}
    deploy:
      after: [stagin, prod]
      requires: [approvd]
      allow: {permission: read, users: [a/b], teams: [a/b/c]}
      limits: {deletes: 20}
      prune: 1
  prod:
    adopt: [everything]
    fields: [{path: spec, rule: win}]
    secrets: [{kinds: [configmap]}]
  qa: 7
"#
    ));
}

#[test]
fn versions_are_texts_and_merge_with_those_of_the_defaults() {
    let file = |versions: &str| {
        format!(
            "version: 1\ndefaults: {{versions: {{helm: v3.18.1}}}}\nenvironments:\n  a:\n    sources: [{{path: a}}]\n    versions: {versions}\n"
        )
    };
    let read = |versions: &str| {
        let settings = good(&file(versions));
        let Versions { helm, kustomize } = settings.environments[&"a".parse().unwrap()].versions.clone();
        let told = |asked: Option<Asked>| asked.map(|asked| format!("{}:{}", asked.line, asked.version));
        (told(helm), told(kustomize))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read("{}"), (some("2:3.18.1"), None));
    assert_eq!(read("{kustomize: \"5.7\"}"), (some("2:3.18.1"), some("6:5.7")));
    assert_eq!(read("{helm: \"3\", kustomize: 5.8.1}"), (some("6:3"), some("6:5.8.1")));
    for (versions, wrong) in [
        ("{helm: 3.19}", "environments.a.versions.helm must be a string, not a number (put it in quotes)"),
        ("{helm: latest}", "must be a version: one to three numbers, as `3.19` or `3.19.2`"),
        ("{helm: ^3.19}", "must be a version"),
        ("{helm: \"\"}", "must not be empty"),
        ("{jsonnet: \"1\"}", "jsonnet"),
        ("3", "must be a mapping"),
    ] {
        let told = told(&file(versions));
        assert!(told.starts_with(".tidegate.yaml:6:") && told.contains(wrong), "{told}");
    }
}

#[test]
fn circles_are_told_once_where_they_are_written() {
    let file =
        |rest: &str| format!("version: 1\ndefaults: {{sources: [{{path: a}}]}}\nenvironments:\n{rest}");
    insta::assert_snapshot!(told(&file(
        "  a: {deploy: {after: [c]}}\n  b: {deploy: {after: [a]}}\n  c: {deploy: {after: [b]}}\n  d: {deploy: {after: [d]}}\n  e: {deploy: {after: [a]}}\n"
    )));
    assert_eq!(
        good(&file("  a: {}\n  b: {deploy: {after: [a]}}\n  c: {deploy: {after: [a, b]}}\n"))
            .environments
            .len(),
        3
    );
}

#[test]
fn files_that_are_no_settings_are_told_in_words() {
    let first = |text: &str| faults(text)[0].to_string();
    assert!(first("").contains("the file is empty (begin it with `version: 1`)"));
    assert!(first("# nothing\n").contains("the file is empty"));
    assert!(first("- a\n").starts_with(".tidegate.yaml:1:1: the file must be a mapping, not a list"));
    assert!(first("version: 1\n---\nversion: 1\n").contains("more than one document"));
    assert!(first("version: 1\nversion: 1\n").contains("version"));
    assert!(first("version: [\n").starts_with(".tidegate.yaml:"));
    assert!(first("version: 1\n").contains("environments is missing"));
    assert!(first("version: 1\nenvironments: {}\n").contains("environments names none"));
    let large = format!("version: 1\n#{}\n", "x".repeat(256 << 10));
    assert!(first(&large).contains("has 262157 bytes, and 262144 are allowed"), "{}", first(&large));
    let many = (0..201).map(|n| format!("  e{n}: {{}}\n")).collect::<Vec<_>>().concat();
    assert!(told(&format!("version: 1\nenvironments:\n{many}")).contains("201 environments are named"));
    let binary = settings(b"version: 1\n\xff\n", "f").unwrap_err();
    assert!(binary[0].to_string().starts_with("f:2:"), "{}", binary[0]);
}

#[test]
fn a_fault_in_the_defaults_is_told_once_for_many_environments() {
    let names = (0..150).map(|n| format!("  e{n}:\n")).collect::<Vec<_>>().concat();
    let text = format!(
        "version: 1\ndefaults:\n  sources: [{{path: a}}]\n  deploy: {{prune: maybe}}\nenvironments:\n{names}  bad: {{target: ' '}}\n"
    );
    let faults = faults(&text);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].message.starts_with("defaults.deploy.prune"), "{faults:?}");
}

#[test]
fn defaults_are_not_multiplied_without_bounds() {
    let names = (0..100).map(|n| format!("  e{n}:\n")).collect::<Vec<_>>().concat();
    let values = "1, ".repeat(30_000);
    let text = format!(
        "version: 1\ndefaults: {{sources: [{{path: a, helm: {{values: [{{a: [{values}]}}]}}}}]}}\nenvironments:\n{names}"
    );
    assert!(told(&text).contains("the defaults are too large for so many environments"));
}

#[test]
fn two_hundred_environments_that_wait_for_all_others_are_read_in_time() {
    let after: Vec<String> = (0..199).map(|n| format!("e{n}")).collect();
    let names = (0..200)
        .map(|n| format!("  e{n}: {{deploy: {{after: [{}]}}}}\n", after[..n.min(199)].join(", ")))
        .collect::<Vec<_>>()
        .concat();
    let text = format!("version: 1\ndefaults: {{sources: [{{path: a}}]}}\nenvironments:\n{names}");
    assert_eq!(good(&text).environments.len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any piece of a good file, replaced by anything: never a panic, and each fault has words and this file's name.
    #[test]
    fn a_damaged_file_is_settings_or_faults(at in 0..WHOLE.len(), length in 0..40_usize, text in "[ -~\n]{0,12}") {
        let end = (at + length).min(WHOLE.len());
        let damaged = format!("{}{text}{}", &WHOLE[..at], &WHOLE[end..]);
        if let Err(faults) = settings(damaged.as_bytes(), ".tidegate.yaml") {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(!fault.message.is_empty());
                prop_assert_eq!(fault.file.as_deref(), Some(".tidegate.yaml"));
            }
        }
    }
}
