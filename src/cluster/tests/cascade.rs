//! What goes with a namespace or a definition, on a real API server.

use http::Method;
use serde_json::{Value, json};

use super::{World, config, namespace};
use crate::cluster::look::cascade::cascades;
use crate::model::object::Bundle;
use crate::model::view::Seen;

fn claim(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
}

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gardens.cascade.example.com"},
        "spec": {"group": "cascade.example.com", "scope": "Namespaced",
            "names": {"kind": "Garden", "plural": "gardens", "singular": "garden", "listKind": "GardenList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

fn counts(seen: &Seen) -> Vec<(&str, Option<usize>)> {
    seen.cascade.iter().map(|one| (one.kind.as_str(), one.count)).collect()
}

#[tokio::test]
async fn a_namespace_takes_what_is_in_it_claims_first_whoever_made_it() {
    let world = World::new("cascade").await;
    world.must_deploy(&world.bundle(&[namespace("cascade"), config("ours", "1")])).await;
    let path = "/api/v1/namespaces/cascade";
    for (plural, body) in [
        ("configmaps", config("theirs", "1")),
        ("persistentvolumeclaims", claim("a")),
        ("persistentvolumeclaims", claim("b")),
        ("secrets", json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})),
    ] {
        world.send(Method::POST, &format!("{path}/{plural}"), &body).await.unwrap();
    }
    let all = world.look(&Bundle::default()).await;
    let doomed = all.iter().find(|seen| seen.id.kind == "Namespace").unwrap();
    assert_eq!(
        counts(doomed),
        [("PersistentVolumeClaim", Some(2)), ("ConfigMap", Some(2)), ("Secret", Some(1))],
        "neither the cluster's own objects nor events are counted"
    );
    let other = all.iter().find(|seen| seen.id.kind == "ConfigMap").unwrap();
    assert!(other.cascade.is_empty());
    assert!(world.look(&world.bundle(&[namespace("cascade")])).await[0].cascade.is_empty(), "it stays");

    // Who may not list is told what there may be, and not how much.
    let stranger = World::acting("cascade", Some("a-stranger-to-cascades")).await;
    let mut doomed = vec![Seen { cascade: Vec::new(), ..doomed.clone() }];
    let kinds = world.cluster.kinds().await.unwrap();
    cascades(&stranger.cluster.wire, &kinds, true, &mut doomed).await;
    let unknown = counts(&doomed[0]);
    assert_eq!(unknown[0], ("PersistentVolumeClaim", None));
    assert!(unknown.iter().all(|(_, count)| count.is_none()), "{unknown:?}");
}

#[tokio::test]
async fn a_definition_takes_all_objects_of_its_kind() {
    let world = World::settled("cascade-kind").await;
    world.must_deploy(&world.bundle(&[definition()])).await;
    let other = namespace("cascade-kind-2");
    world.send(Method::POST, "/api/v1/namespaces", &other).await.unwrap();
    let api = "/apis/cascade.example.com/v1";
    for (namespace, name) in [("cascade-kind", "a"), ("cascade-kind", "b"), ("cascade-kind-2", "a")] {
        let body =
            json!({"apiVersion": "cascade.example.com/v1", "kind": "Garden", "metadata": {"name": name}});
        world.send(Method::POST, &format!("{api}/namespaces/{namespace}/gardens"), &body).await.unwrap();
    }
    let seen = world.look(&Bundle::default()).await.remove(0);
    assert_eq!(counts(&seen), [("Garden", Some(3))]);
    assert_eq!(seen.warnings, ["objects of its kind: 3, in namespaces: 2"]);
}
