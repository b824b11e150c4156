//! Tests of the layout: names, the record, looking, steps.

use std::collections::BTreeMap;

use serde_json::json;

use crate::layout::record::Record;
use crate::layout::{self, path, seen};
use crate::model::id::{EnvironmentId, RepoId};
use crate::model::object::{Bundle, Object, ObjectId, Origin};
use crate::model::view::{Inventory, Owned, Owner, Prediction};

fn id(kind: &str, group: &str, namespace: Option<&str>, name: &str) -> ObjectId {
    ObjectId {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn object(kind: &str, name: &str) -> Object {
    let body = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
    Object { id: Object::identify(&body).unwrap(), body, origin: Origin::default(), volatile: Vec::new() }
}

fn environment(name: &str) -> EnvironmentId {
    EnvironmentId { repo: RepoId(7), name: name.parse().unwrap() }
}

#[test]
fn files_are_named_as_people_would_look_for_them() {
    assert_eq!(path::of(&id("Deployment", "apps", Some("shop"), "web")), "shop/deployment.apps/web.yaml");
    assert_eq!(path::of(&id("Namespace", "", None, "shop")), "_cluster/namespace.core/shop.yaml");
    assert_eq!(
        path::of(&id("ClusterRole", "rbac.authorization.k8s.io", None, "system:View")),
        "_cluster/clusterrole.rbac.authorization.k8s.io/system%3A%56iew.yaml"
    );
}

#[test]
fn no_name_leads_anywhere_else() {
    for hostile in
        ["..", ".", "../x", "/etc", ".git", ".GIT", "", "a\0b", "a\nb", "é", "_cluster", "_hooks", "*"]
    {
        let path = path::of(&id(hostile, hostile, Some(hostile), hostile));
        assert_eq!(path.split('/').count(), 3, "{path}");
        for part in path.split('/') {
            assert!(!part.starts_with(['.', '_']) && !part.is_empty(), "{path}");
            assert!(part.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'), "{path}");
        }
    }
}

#[test]
fn different_names_have_different_files_also_when_they_are_cut() {
    let long = |end: &str| path::of(&id("ConfigMap", "", Some("n"), &format!("{}{end}", "X".repeat(250))));
    assert_ne!(long("a"), long("b"));
    assert!(long("a").split('/').all(|part| part.len() <= 210));
    assert_ne!(path::of(&id("A", "", None, "x")), path::of(&id("A", "", Some("_cluster"), "x")));
    assert_ne!(path::of(&id("A", "", None, "%41")), path::of(&id("A", "", None, "A")));
}

#[test]
fn two_objects_in_one_file_are_the_authors_fault() {
    let bundle = Bundle { objects: vec![object("Foo", "a"), object("FOO", "a")], ..Bundle::default() };
    let fault = layout::files(&bundle).unwrap_err();
    assert!(fault.message.contains("shop/foo.core/a.yaml"), "{fault}");
}

#[test]
fn an_object_and_a_hook_of_the_same_name_are_two_files() {
    let bundle =
        Bundle { objects: vec![object("Job", "a")], hooks: vec![object("Job", "a")], ..Bundle::default() };
    let paths: Vec<_> = layout::files(&bundle).unwrap().into_keys().collect();
    assert_eq!(paths, ["_hooks/shop/job.core/a.yaml", "shop/job.core/a.yaml"]);
}

#[test]
fn a_record_is_read_as_it_was_written_and_only_by_its_environment() {
    let object = object("ConfigMap", "a");
    let owned = Owned { uid: None, digest: Some(object.digest()), app: "apps/a".to_owned() };
    let record = Record {
        environment: environment("staging"),
        deployment: "d1".to_owned(),
        inventory: Inventory {
            entries: BTreeMap::from([(object.id.clone(), owned)]),
            generation: 3,
            hooks: Some(object.digest()),
            commit: Some("0123456789abcdef0123456789abcdef01234567".parse().unwrap()),
            ..Inventory::default()
        },
        hooks: ["_hooks/shop/job.core/a.yaml".to_owned()].into(),
    };
    let bytes = record.write();
    assert_eq!(Record::read(&bytes, &environment("staging")).unwrap(), record);
    let other = Record::read(&bytes, &environment("prod")).unwrap_err();
    assert!(other.message.contains("environment staging of repository 7"), "{other}");

    let text = String::from_utf8(bytes).unwrap();
    let later = text.replace("\"version\": 1", "\"version\": 2");
    assert!(
        Record::read(later.as_bytes(), &environment("staging")).unwrap_err().message.contains("version 2")
    );
    for escape in ["_hooks/../../x.yaml", "shop/x.yaml", "/etc/x.yaml", "_hooks/a//b.yaml", "_hooks/x"] {
        let hostile = text.replace("_hooks/shop/job.core/a.yaml", escape);
        assert!(Record::read(hostile.as_bytes(), &environment("staging")).is_err(), "{escape}");
    }
    assert!(Record::read(b"{", &environment("staging")).is_err());
}

#[test]
fn what_lies_there_is_seen_beside_what_is_wanted() {
    let (ours, foreign, absent, broken) =
        (object("A", "ours"), object("A", "foreign"), object("A", "absent"), object("A", "broken"));
    let owned = Owned { uid: None, digest: None, app: String::new() };
    let inventory = Inventory { entries: [(ours.id.clone(), owned.clone())].into(), ..Inventory::default() };
    let files = BTreeMap::from([
        (path::of(&ours.id), layout::bytes(&ours)),
        (path::of(&foreign.id), b"metadata: {annotations: {helm.sh/resource-policy: keep}}\n".to_vec()),
        (path::of(&broken.id), b"a: [".to_vec()),
    ]);
    let wanted = [&ours, &foreign, &absent, &broken];
    let gone = [(ours.id.clone(), owned)];
    let seen = seen::seen(&wanted, &gone, Some(&inventory), |path| files.get(path).map(Vec::as_slice));

    let [first, second, third, fourth, last] = seen.as_slice() else { panic!("{seen:?}") };
    let live = first.live.as_ref().unwrap();
    assert_eq!((&live.owner, &live.body), (&Owner::Us, &ours.body));
    assert_eq!(first.prediction, Prediction::Becomes(ours.body.clone()));
    let live = second.live.as_ref().unwrap();
    assert_eq!((&live.owner, live.keep), (&Owner::Nobody, true));
    assert!(third.live.is_none());
    assert_eq!(fourth.live.as_ref().unwrap().body, json!("a: ["));
    assert!(fourth.warnings[0].contains("is not what was written there"), "{:?}", fourth.warnings);
    assert_eq!(last.prediction, Prediction::Gone);
    assert_eq!(seen::paths(&wanted, &gone).len(), 5);
}
