//! What belongs together though it has two names.

use std::path::Path;

use serde_json::{Value, json};

use super::{bundle, config, inventory, scope};
use crate::diff::mask::MaskKey;
use crate::diff::{Case, plan};
use crate::model::object::Object;
use crate::model::plan::{Action, Change, Likeness};
use crate::model::view::{Live, Prediction, Seen};

/// The changes from one set of objects to another.
fn changes(before: &[Value], after: &[Value]) -> Vec<Change> {
    let (base, merge) = (bundle(before), bundle(after));
    let seen: Vec<Seen> = base
        .objects
        .iter()
        .filter(|object| merge.find(&object.id).is_none())
        .map(|object| Seen::new(object.id.clone(), Some(Live::new(object.body.clone())), Prediction::Gone))
        .chain(
            merge
                .objects
                .iter()
                .filter(|object| base.find(&object.id).is_none())
                .map(|object| Seen::new(object.id.clone(), None, Prediction::Becomes(object.body.clone()))),
        )
        .collect();
    let (key, scope, inventory) = (MaskKey::new(b"key"), scope(), inventory(&base));
    let case = Case {
        scope: &scope,
        base: Some(&base),
        merge: &merge,
        inventory: Some(&inventory),
        seen: &seen,
        faults: &[],
        key: &key,
    };
    let made = plan(&case);
    assert_eq!(
        (made.counts.create, made.counts.delete),
        (
            merge.objects.iter().filter(|object| base.find(&object.id).is_none()).count(),
            base.objects.iter().filter(|object| merge.find(&object.id).is_none()).count(),
        )
    );
    made.changes
}

/// Who is paired with whom, as the created ones tell it.
fn pairs(changes: &[Change]) -> Vec<(String, String, Likeness)> {
    for change in changes {
        let Some(pair) = &change.pair else { continue };
        let other = changes.iter().find(|other| other.id == pair.id).unwrap();
        assert_eq!(other.pair.as_ref().map(|pair| &pair.id), Some(&change.id));
        assert_ne!(other.action, change.action);
    }
    let created = changes.iter().filter(|change| change.action == Action::Create);
    created
        .filter_map(|change| Some((change, change.pair.as_ref()?)))
        .map(|(change, pair)| (pair.id.to_string(), change.id.to_string(), pair.why))
        .collect()
}

/// What the real program gives for a kustomization.
fn kustomized(files: &[(&str, &[u8])]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "the real program, in a test")]
    let output =
        std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/kustomize"))
            .args(["build", &folder.path().join("top").display().to_string()])
            .output()
            .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents = crate::yaml::read(&output.stdout, &crate::yaml::Limits::default()).unwrap();
    documents.into_iter().map(|document| document.root.into_json()).collect()
}

#[test]
fn names_with_a_hash_are_proved_by_the_hash_that_kustomize_makes() {
    let base = "configMapGenerator:\n- name: app\n  literals: [a=1, 'b=<&> \"quoted\" \\ ü']\n  files: [logo.bin, run.sh]\n\
        secretGenerator:\n- name: key\n  literals: [password=VALUE]\n- name: tls\n  type: kubernetes.io/tls\n  literals: [tls.crt=a, tls.key=b]\n\
        - name: empty\n";
    let of = |value: &str| {
        kustomized(&[
            (
                "top/kustomization.yaml",
                "namespace: shop\nnamePrefix: my-\nresources: [../base]\nlabels: [{pairs: {a: b}}]\nconfigMapGenerator:\n- name: app\n  behavior: merge\n  literals: [a=2]\n".as_bytes(),
            ),
            ("base/kustomization.yaml", base.replace("VALUE", value).as_bytes()),
            ("base/logo.bin", b"\xff\x00\xfe".as_slice()),
            ("base/run.sh", b"#!/bin/sh\necho\t1\r\n".as_slice()),
        ])
    };
    let (before, after) = (of("one-long-password"), of("two-long-password"));
    assert_eq!(before.len(), 4);
    for value in before.iter().chain(&after) {
        let name = value["metadata"]["name"].as_str().unwrap();
        let (stem, suffix) = name.rsplit_once('-').unwrap();
        assert!(crate::diff::pair::proves(value, stem, suffix), "{value:#}");
    }
    let made = changes(&before, &after);
    assert_eq!(made.len(), 2, "only the password differs");
    let [(old, new, Likeness::Hash)] = &pairs(&made)[..] else { panic!("{made:#?}") };
    assert!(old.starts_with("Secret shop/my-key-") && new.starts_with("Secret shop/my-key-") && old != new);
    let created = made.iter().find(|change| change.action == Action::Create).unwrap();
    assert!(created.diff.contains("password: \"‹secret"), "{}", created.diff);
    assert!(
        !created.diff.contains("long-password") && created.diff.contains("- ") && created.diff.contains("+ ")
    );
}

#[test]
fn a_name_that_only_looks_like_a_hash_proves_nothing() {
    let made = changes(
        &[config("web-2456789bcd", json!({"a": "1"}))],
        &[config("web-2456789bcf", json!({"b": "2"}))],
    );
    assert_eq!(pairs(&made), []);
}

fn workload(api: &str, kind: &str, name: &str, image: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

#[test]
fn another_group_or_kind_under_the_same_name_is_one_thing() {
    let ingress = |api: &str| json!({"apiVersion": api, "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}});
    let made = changes(
        &[ingress("extensions/v1beta1"), workload("apps/v1", "Deployment", "db", "db:1")],
        &[
            ingress("networking.k8s.io/v1"),
            workload("apps/v1", "StatefulSet", "db", "db:1"),
            config("db", json!({})),
        ],
    );
    assert_eq!(
        pairs(&made),
        [
            ("Deployment shop/db".to_owned(), "StatefulSet shop/db".to_owned(), Likeness::Group),
            ("Ingress shop/web".to_owned(), "Ingress shop/web".to_owned(), Likeness::Group),
        ]
    );
    let created = made.iter().find(|change| change.id.kind == "StatefulSet").unwrap();
    assert!(created.diff.contains("- kind: Deployment\n+ kind: StatefulSet"), "{}", created.diff);
}

#[test]
fn another_name_over_the_same_content_is_a_rename() {
    let made = changes(
        &[workload("apps/v1", "Deployment", "web", "web:1"), config("old", json!({"a": "1", "b": "2"}))],
        &[
            workload("apps/v1", "Deployment", "shop", "web:2"),
            config("new", json!({"x": "1", "y": "2", "z": "3"})),
        ],
    );
    assert_eq!(
        pairs(&made),
        [("Deployment shop/web".to_owned(), "Deployment shop/shop".to_owned(), Likeness::Rename)]
    );
    let created = made.iter().find(|change| change.id.name == "shop").unwrap();
    assert!(created.diff.contains("-   name: web\n+   name: shop"), "{}", created.diff);
    // The most alike first.
    let data = |more: &str| json!({"a": "1", "b": "2", "c": "3", "d": more});
    let made = changes(
        &[config("one", data("x")), config("two", data("y"))],
        &[config("three", data("y")), config("four", data("x"))],
    );
    let mut found = pairs(&made);
    found.sort();
    let name = |name: &str| format!("ConfigMap shop/{name}");
    assert_eq!(
        found,
        [(name("one"), name("four"), Likeness::Rename), (name("two"), name("three"), Likeness::Rename)]
    );
}

#[test]
fn whoever_guesses_a_secret_does_not_see_it_paired() {
    let secret = |name: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"},
            "stringData": {"a": value, "b": format!("of {name} alone")}})
    };
    // Only live holds the right one: nothing in Git says what it is.
    let (old, right, wrong) =
        (secret("old", ""), secret("new", "correct horse"), secret("new", "battery staple"));
    let mut live = old.clone();
    live["stringData"]["a"] = "correct horse".into();
    let told = |new: &Value| {
        let (base, merge) = (bundle(std::slice::from_ref(&old)), bundle(std::slice::from_ref(new)));
        let id = |body: &Value| Object::identify(body).unwrap();
        let seen = [
            Seen::new(id(&old), Some(Live::new(live.clone())), Prediction::Gone),
            Seen::new(id(new), None, Prediction::Becomes(new.clone())),
        ];
        let (key, scope, inventory) = (MaskKey::new(b"key"), scope(), inventory(&base));
        let case = Case {
            scope: &scope,
            base: None,
            merge: &merge,
            inventory: Some(&inventory),
            seen: &seen,
            faults: &[],
            key: &key,
        };
        pairs(&plan(&case).changes)
    };
    assert_eq!(told(&right), told(&wrong));
}

#[test]
fn thousands_are_paired_in_no_time() {
    let many = |prefix: &str| -> Vec<Value> {
        (0..1_000)
            .map(|n| {
                config(
                    &format!("{prefix}{n}"),
                    json!({"own": format!("value {n}"), "more": format!("{}", n / 2), "same": "x"}),
                )
            })
            .collect()
    };
    let started = std::time::Instant::now();
    let made = changes(&many("a"), &many("b"));
    let right = pairs(&made).into_iter().filter(|(old, new, _)| old.replace("/a", "/b") == *new).count();
    assert_eq!(right, 1_000);
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
