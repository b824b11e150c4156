//! The schemas say what the code does: same keys, same words, and the committed files are the schemas.

mod page;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::model::id::{Digest, Sha};
use crate::model::object::ObjectId;
use crate::model::plan::{
    Action, Cascade, Change, Class, Commit, Conflict, Counts, Effect, Fidelity, Home, Hook, Likeness, Pair,
    PathChange, Phase, Plan, Preview, Risk, Transfer,
};
use crate::model::settings::Winner;
use crate::parse::settings::{KEYS, deploy, environment, rules, source};
use crate::parse::{plan_schema, schema, settings};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The file must read so; otherwise what it should read is left in `target/` for copying.
fn assert_file(path: &str, wanted: &str) {
    let have = fs::read_to_string(repository(path)).unwrap_or_default();
    if have != wanted {
        let new = repository("target").join(Path::new(path).file_name().unwrap());
        fs::write(&new, wanted).unwrap();
        panic!("{path} is not up to date: copy {} over it", new.display());
    }
}

fn definition(name: &str) -> Value {
    schema()["$defs"][name].clone()
}

fn keys(of: &Value) -> BTreeSet<String> {
    of["properties"].as_object().unwrap().keys().cloned().collect()
}

fn words<T>(words: &[(&str, T)]) -> Vec<String> {
    words.iter().map(|(word, _)| (*word).to_owned()).collect()
}

fn listed(value: &Value) -> Vec<String> {
    value["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_committed_schema_is_the_schema() {
    assert_file(
        "schema/tidegate.schema.json",
        &format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()),
    );
}

#[test]
fn schema_and_parser_know_the_same_keys_and_words() {
    let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&schema()), set(KEYS));
    for (name, known) in [
        ("environment", environment::KEYS),
        ("source", source::KEYS),
        ("helm", source::HELM_KEYS),
        ("versions", environment::VERSIONS),
        ("deploy", deploy::KEYS),
        ("allow", deploy::ALLOW_KEYS),
        ("limits", deploy::LIMIT_KEYS),
        ("field", rules::FIELD_KEYS),
        ("secret", rules::SECRET_KEYS),
    ] {
        assert_eq!(keys(&definition(name)), set(known), "{name}");
    }
    let (deploys, allow) = (definition("deploy"), definition("allow"));
    assert_eq!(listed(&deploys["properties"]["when"]), words(deploy::WHEN));
    assert_eq!(listed(&deploys["properties"]["before_merge"]), words(deploy::BEFORE));
    assert_eq!(listed(&deploys["properties"]["requires"]["items"]), words(deploy::GATES));
    assert_eq!(listed(&allow["properties"]["permission"]), words(deploy::PERMISSIONS));
    assert_eq!(listed(&definition("source")["properties"]["renderer"]), words(source::RENDERERS));
    assert_eq!(listed(&definition("environment")["properties"]["adopt"]["items"]), words(rules::ADOPT));
    assert_eq!(listed(&definition("field")["properties"]["rule"]), words(rules::WINNERS));
}

#[test]
fn every_key_is_described() {
    let whole = schema();
    let all = std::iter::once(&whole).chain(whole["$defs"].as_object().unwrap().values());
    for object in all {
        for (key, value) in object["properties"].as_object().unwrap() {
            assert!(value["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
        }
    }
}

/// The schema and the parser judge alike wherever a schema can judge.
#[test]
fn schema_and_parser_agree_on_files() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let environment = |inner: Value| json!({"version": 1, "environments": {"prod": inner}});
    let source = |inner: Value| environment(json!({"sources": [inner]}));
    let deploy = |inner: Value| environment(json!({"sources": [{"path": "a"}], "deploy": inner}));
    let rule = |inner: Value| environment(json!({"sources": [{"path": "a"}], "fields": [inner]}));
    let good = [
        source(json!({"path": "apps/*/overlays/{environment}"})),
        source(
            json!({"path": "charts/*", "helm": {"release": "{name}", "values": ["a.yaml", "/b.yaml", {"c": 1}], "includeCRDs": true}}),
        ),
        deploy(
            json!({"when": "never", "before_merge": "any-time", "requires": ["approved"], "prune": false, "limits": {"deletes": "0%"}}),
        ),
        deploy(json!({"allow": {"permission": "admin", "users": ["ann"], "teams": ["acme/ops", "ops"]}})),
        rule(json!({"kinds": ["Deployment"], "path": "/spec/a~1b", "rule": "yield", "to": ["x"]})),
        json!({"version": 1, "defaults": {"sources": [{"path": "a"}]}, "environments": {"a": null, "b": {"target": "c.d_e"}}}),
    ];
    let bad = [
        json!({"environments": {"prod": {"sources": [{"path": "a"}]}}}),
        json!({"version": 2, "environments": {"prod": {"sources": [{"path": "a"}]}}}),
        json!({"version": 1, "environments": {}}),
        json!({"version": 1, "environments": {"Prod": {"sources": [{"path": "a"}]}}}),
        environment(json!({"sources": []})),
        environment(json!({"sources": [{"path": "a"}], "namespace": "A"})),
        environment(json!({"sources": [{"path": "a"}], "adopt": ["all"]})),
        environment(json!({"sources": [{"path": "a"}], "secrets": [{"path": "data"}]})),
        source(json!({"path": "/a"})),
        source(json!({"path": "a/../b"})),
        source(json!({"path": "a?"})),
        source(json!({"path": "a", "renderer": "jsonnet"})),
        source(json!({"path": "a", "helm": {"values": [1]}})),
        source(json!({"pth": "a", "path": "a"})),
        deploy(json!({"when": "always"})),
        deploy(json!({"prune": "false"})),
        deploy(json!({"limits": {"deletes": 20}})),
        deploy(json!({"limits": {"deletes": "101%"}})),
        deploy(json!({"allow": {"permission": "read"}})),
        deploy(json!({"allow": {"teams": ["a/b/c"]}})),
        rule(json!({"path": "/a", "rule": "win"})),
        rule(json!({"rule": "take"})),
    ];
    for (file, wanted) in good.iter().map(|file| (file, true)).chain(bad.iter().map(|file| (file, false))) {
        let read = settings(file.to_string().as_bytes(), ".tidegate.yaml");
        assert_eq!(read.is_ok(), wanted, "the parser: {file}: {read:?}");
        assert_eq!(validator.is_valid(file), wanted, "the schema: {file}");
    }
}

fn sha(digit: &str) -> Sha {
    digit.repeat(40).parse().unwrap()
}

fn sample_change() -> Change {
    let home = |name: &str| Home { environment: name.parse().unwrap(), app: "apps/web".into() };
    let id =
        || ObjectId { group: "apps".into(), kind: "Deployment".into(), namespace: None, name: "web".into() };
    Change {
        app: "apps/web".into(),
        file: Some("apps/web/web.yaml".into()),
        risks: vec![Risk::Restarts],
        paths: vec![PathChange {
            path: "/spec/replicas".into(),
            class: Class::ThisChange,
            before: json!(2),
            after: json!(3),
        }],
        diff: "- a\n+ b\n".into(),
        warnings: vec!["deprecated".into()],
        conflicts: vec![Conflict {
            path: "/spec/replicas".into(),
            manager: "hpa".into(),
            rule: Winner::Yield,
            live: json!(2),
            git: json!(3),
        }],
        cascade: vec![Cascade { group: String::new(), kind: "Secret".into(), count: None }],
        transfer: Some(Transfer { from: home("staging"), to: home("production") }),
        pair: Some(Pair { id: id(), why: Likeness::Hash }),
        hook: Some(Hook { phase: Phase::Before, weight: -1 }),
        uid: Some("u".into()),
        effect: Some(Effect { whole: Digest::of(b"w"), declared: Digest::of(b"d") }),
        ..Change::new(Action::Update, id())
    }
}

fn sample() -> Preview {
    let change = sample_change();
    let plan = Plan {
        name: "staging".parse().unwrap(),
        target: "staging".into(),
        digest: Some(Digest::of(b"x")),
        fidelity: Fidelity::Live,
        counts: Counts { update: 1, ..Counts::default() },
        baseline: false,
        changes: vec![change.clone()],
        hooks: vec![Change { file: None, uid: None, ..change }],
        errors: vec![
            crate::model::fault::Fault::new("wrong").file("a.yaml").at(1, 2).hint("mend it").app("a"),
        ],
        warnings: vec![],
        pending: vec![Commit { sha: sha("d"), title: "Scale web".into() }],
        renderers: [("helm".to_owned(), "3.19.2".to_owned())].into(),
        remotes: vec![crate::model::object::Remote {
            from: "https://charts.example.com/web 1.2.3".into(),
            digest: Digest::of(b"web").to_string(),
        }],
        bundle: None,
        owned: 3,
    };
    let bare = Plan {
        digest: None,
        bundle: Some(Digest::of(b"y")),
        changes: vec![],
        errors: vec![],
        ..plan.clone()
    };
    Preview { version: 1, base: sha("a"), head: sha("b"), tree: sha("c"), environments: vec![plan, bare] }
}

#[test]
fn the_plan_document_is_what_its_schema_says() {
    let schema: Value = serde_json::from_str(plan_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let document = serde_json::to_value(sample()).unwrap();
    let faults: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    // It is awake: each of these is caught.
    for (pointer, wrong) in [
        ("/version", json!(2)),
        ("/base", json!("main")),
        ("/environments/0/digest", json!("sha256:12")),
        ("/environments/0/fidelity", json!("guessed")),
        ("/environments/0/counts/move", json!(-1)),
        ("/environments/0/changes/0/action", json!("patch")),
        ("/environments/0/changes/0/risks/0", json!("none")),
        ("/environments/0/changes/0/paths/0/class", json!("other")),
        ("/environments/0/errors/0", json!({"file": "a"})),
        ("/environments/0/changes/0/conflicts/0/rule", json!("win")),
        ("/environments/0/changes/0/cascade/0/count", json!("many")),
        ("/environments/0/changes/0/transfer/to", json!(null)),
        ("/environments/0/changes/0/pair/why", json!("looks")),
        ("/environments/0/changes/0/hook/phase", json!("during")),
        ("/environments/0/pending/0/sha", json!("main")),
    ] {
        let mut broken = document.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
}

/// The words of all variants. Matched without a wildcard, so that a new one does not compile until it is listed.
macro_rules! words_of {
    ($type:ident: $($variant:ident),+) => {{
        let all = [$($type::$variant),+];
        all.map(|one| match one {
            $($type::$variant)|+ => json!(one).as_str().unwrap().to_owned(),
        })
    }};
}

#[test]
fn the_closed_lists_of_the_plan_are_those_of_the_code() {
    let schema: Value = serde_json::from_str(plan_schema()).unwrap();
    let list = |name: &str| listed(&schema["$defs"][name]);
    assert_eq!(list("action"), words_of!(Action: Create, Update, Replace, Delete, Move, Adopt, Keep, None));
    assert_eq!(
        list("class"),
        words_of!(Class: ThisChange, Pending, Drift, SideEffect, NoEffect, ByHand, Volatile)
    );
    assert_eq!(list("fidelity"), words_of!(Fidelity: Live, Scratch, Schema, Rendered));
    assert_eq!(
        list("risk"),
        words_of!(Risk: LosesData, Cascades, Deletes, Replaces, TakesOver, Rights, Traffic, Admission, Restarts,
            Runs, Reverts)
    );
}
