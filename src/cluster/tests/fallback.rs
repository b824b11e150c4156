//! What the server cannot dry-run, on a real one: each rung with its fidelity and its reason.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{World, becomes, config, namespace, service, web};
use crate::model::object::Object;
use crate::model::plan::Fidelity;
use crate::model::view::{Prediction, Seen};

/// A definition of kind `Ship` with these versions, each with the schema of its spec.
fn ships(group: &str, versions: &[(&str, Value)]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(index, (name, spec))| {
            json!({"name": name, "served": true, "storage": index == 0,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}})
        })
        .collect();
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("ships.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "ships", "singular": "ship", "kind": "Ship", "listKind": "ShipList"}, "versions": versions}})
}

/// The spec's schema: masts, and whatever else.
fn spec(more: &Value) -> Value {
    let mut properties = json!({"masts": {"type": "integer", "default": 2, "maximum": 9}});
    for (key, node) in more.as_object().into_iter().flatten() {
        properties[key] = node.clone();
    }
    json!({"type": "object", "properties": properties})
}

fn ship(api_version: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": "Ship", "metadata": {"name": name}, "spec": spec})
}

async fn see(world: &World, bodies: &[Value], name: &str) -> Seen {
    world.look(&world.bundle(bodies)).await.into_iter().find(|seen| seen.id.name == name).unwrap()
}

#[track_caller]
fn refused(seen: &Seen, path: &str, words: &str) {
    let Prediction::Refused { message, path: at } = &seen.prediction else { panic!("{seen:#?}") };
    assert!(message.contains(words), "{message}");
    assert_eq!(at.as_deref(), Some(path), "{message}");
}

#[tokio::test]
async fn a_namespace_to_come_is_stood_in_for_by_the_scratch_namespace() {
    let mut world = World::new("fallback-new").await;
    world.cluster.scratch = Some("fallback-scratch".to_owned());
    let bundle = [namespace("fallback-new"), web(2, "web:1"), service(), config("a", "1")];
    let seen = see(&world, &bundle, "a").await;
    assert_eq!(seen.fidelity, Fidelity::Schema);
    assert!(seen.reason.contains("the scratch namespace fallback-scratch does not exist"), "{}", seen.reason);

    let scratch = World::settled("fallback-scratch").await;
    for seen in world.look(&world.bundle(&bundle)).await {
        let fidelity = if seen.id.kind == "Namespace" { Fidelity::Live } else { Fidelity::Scratch };
        assert_eq!(seen.fidelity, fidelity, "{seen:#?}");
        let after = becomes(&seen);
        assert_eq!(after["metadata"]["name"], seen.id.name.as_str());
        if seen.id.kind == "Deployment" {
            assert_eq!(after["spec"]["revisionHistoryLimit"], 10, "with the server's defaults");
            assert_eq!(after["metadata"]["namespace"], "fallback-new");
            assert_eq!(
                seen.reason,
                "namespace fallback-new does not exist yet; tried in the scratch namespace fallback-scratch, so the \
                 quota, labels and policies of its own were not"
            );
        }
    }
    let mut drawn = config("x", "1");
    drawn["metadata"] = json!({"generateName": "drawn-"});
    let seen = see(&world, &[drawn], "drawn-*").await;
    assert_eq!(
        (seen.fidelity, &becomes(&seen)["metadata"]["namespace"]),
        (Fidelity::Scratch, &json!("fallback-new"))
    );

    let mut wrong = service();
    wrong["spec"]["ports"][0]["port"] = 99_999.into();
    let seen = see(&world, &[wrong], "web").await;
    refused(&seen, "/spec/ports/0/port", "Service \"web\" is invalid");
    refused(&see(&world, &[config("Not_A_Name", "1")], "Not_A_Name").await, "/metadata/name", "Not_A_Name");

    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/secrets": "0"}}});
    let counted =
        scratch.send(Method::POST, "/api/v1/namespaces/fallback-scratch/resourcequotas", &quota).await;
    counted.unwrap();
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}});
    for _ in 0..300 {
        let seen = see(&world, std::slice::from_ref(&secret), "s").await;
        if seen.fidelity == Fidelity::Schema {
            assert!(
                seen.reason.contains("the scratch namespace fallback-scratch refuses it"),
                "{}",
                seen.reason
            );
            assert_eq!(becomes(&seen)["data"]["a"], "Yg==");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the quota is never counted");
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_said_so() {
    let world = World::settled("fallback-ending").await;
    let mut held = config("held", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let maps = "/api/v1/namespaces/fallback-ending/configmaps";
    world.send(Method::POST, maps, &held).await.unwrap();
    world.send(Method::DELETE, "/api/v1/namespaces/fallback-ending", &json!({})).await.unwrap();
    let seen = see(&world, &[config("a", "1")], "a").await;
    refused(&seen, "/metadata/namespace", "namespace fallback-ending is being deleted");
    let free = json!([{"op": "remove", "path": "/metadata/finalizers"}]);
    let call = crate::cluster::wire::Call {
        body: Some(("application/json-patch+json", free.to_string().into_bytes())),
        ..crate::cluster::wire::Call::send(Method::PATCH, "free", format!("{maps}/held"))
    };
    world.cluster.wire.call(&call).await.unwrap();
}

#[tokio::test]
async fn objects_of_a_kind_to_come_are_checked_by_its_definition() {
    let world = World::settled("fallback-kind").await;
    let group = "kind.fallback.example.com";
    let api = format!("{group}/v1");
    let crews = json!({"crew": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}});
    let definition = ships(group, &[("v1", spec(&crews))]);
    let seen =
        see(&world, &[definition.clone(), ship(&api, "a", &json!({"crew": [{"name": "x"}]}))], "a").await;
    assert_eq!(seen.fidelity, Fidelity::Schema);
    assert_eq!(
        seen.reason,
        "Ship comes with this change and is not served yet; checked against its schema only"
    );
    assert_eq!(becomes(&seen)["spec"], json!({"crew": [{"name": "x"}], "masts": 2}));
    assert!(becomes(&seen).pointer("/metadata/labels").is_none());
    assert_eq!(seen.keys.0["/spec/crew"], &["name"]);

    let wrong = ship(&api, "a", &json!({"masts": 10, "sails": 3, "crew": [{}]}));
    let seen = see(&world, &[definition.clone(), wrong], "a").await;
    refused(&seen, "/spec/sails", "/spec/crew/0/name is required");
    let other = ship(&format!("{group}/v2"), "a", &json!({}));
    let seen = see(&world, &[definition, other], "a").await;
    refused(
        &seen,
        "/apiVersion",
        "does not serve kind.fallback.example.com/v2; it serves kind.fallback.example.com/v1",
    );
}

#[tokio::test]
async fn a_definition_that_changes_decides_for_its_objects() {
    let world = World::settled("fallback-change").await;
    let group = "change.fallback.example.com";
    let api = format!("{group}/v1");
    let old = ships(group, &[("v1", spec(&json!({"old": {"type": "string"}})))]);
    world.must_deploy(&world.bundle(&[old.clone(), ship(&api, "a", &json!({"old": "1"}))])).await;

    let next = ships(group, &[("v1", spec(&json!({"new": {"type": "string", "default": "N"}})))]);
    let seen = see(&world, &[next.clone(), ship(&api, "a", &json!({"new": "1", "masts": 3}))], "a").await;
    assert_eq!(seen.fidelity, Fidelity::Schema, "{seen:#?}");
    assert!(seen.reason.contains("refuses it by the present definition"), "{}", seen.reason);
    assert_eq!(becomes(&seen)["spec"], json!({"masts": 3, "new": "1"}), "what only we held is gone");
    assert_eq!(seen.live.as_ref().unwrap().body["spec"]["old"], "1");

    let seen = see(&world, &[next.clone(), ship(&api, "b", &json!({"old": "1"}))], "b").await;
    refused(&seen, "/spec/old", "is not a known field");
    let seen = see(&world, &[next.clone(), ship(&api, "b", &json!({"masts": 3}))], "b").await;
    assert_eq!(
        (seen.fidelity, &becomes(&seen)["spec"]),
        (Fidelity::Schema, &json!({"masts": 3, "new": "N"}))
    );
    let wrong = ship(&api, "b", &json!({"masts": 99}));
    refused(&see(&world, &[next, wrong], "b").await, "/spec/masts", "must be at most 9");

    let both = ships(
        group,
        &[("v1", spec(&json!({"old": {"type": "string"}}))), ("v2", spec(&json!({"x": {"type": "string"}})))],
    );
    let newer = ship(&format!("{group}/v2"), "a", &json!({"x": "1"}));
    let seen = see(&world, &[both.clone(), newer], "a").await;
    assert!(seen.reason.starts_with("version v2 of Ship comes with this change"), "{}", seen.reason);
    assert!(seen.live.is_some(), "it is there already, in the other version");
    // Nothing of v1 changes, so the server's own answer stands.
    let seen = see(&world, &[both, ship(&api, "a", &json!({"old": "2"}))], "a").await;
    assert_eq!(seen.fidelity, Fidelity::Live, "{seen:#?}");
    let only = ships(group, &[("v2", spec(&json!({"x": {"type": "string"}})))]);
    let seen = see(&world, &[only, ship(&api, "a", &json!({"old": "2"}))], "a").await;
    refused(&seen, "/apiVersion", "no longer serves change.fallback.example.com/v1");
}

#[tokio::test]
async fn kinds_that_nobody_knows_are_told_with_what_is_served() {
    let world = World::settled("fallback-unknown").await;
    let body = |api: &str, kind: &str| json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, "spec": {}});
    let seen = see(&world, &[body("policy/v1beta1", "PodDisruptionBudget")], "x").await;
    refused(&seen, "/apiVersion", "does not know PodDisruptionBudget of policy/v1beta1; it serves policy/v1");
    assert!(seen.warnings.iter().any(|words| words.contains("since 1.25; use policy/v1")), "{seen:#?}");
    let drawn = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"generateName": "x-"}});
    let seen = see(&world, &[drawn], "x-*").await;
    assert!(seen.warnings.iter().any(|words| words.contains("deprecated")), "of a creation, too: {seen:#?}");
    let seen = see(&world, &[body("extensions/v1beta1", "Ingress")], "x").await;
    refused(&seen, "/apiVersion", "Ingress is served as networking.k8s.io/v1");
}

/// A group of an aggregated API whose server is not there.
async fn dead_group(world: &World, group: &str) {
    let name = format!("v1.{group}");
    let body = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
        "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
            "service": {"namespace": "default", "name": "nobody", "port": 443}}});
    world.send(Method::POST, "/apis/apiregistration.k8s.io/v1/apiservices", &body).await.unwrap();
    for _ in 0..600 {
        world.cluster.forget_kinds().await;
        if world.cluster.kinds().await.unwrap().is_stale(group) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{group} is never stale");
}

#[tokio::test]
async fn a_group_that_does_not_answer_keeps_its_objects_and_spoils_nothing_else() {
    let world = World::settled("fallback-dead").await;
    let group = "dead.fallback.example.com";
    dead_group(&world, group).await;
    let body = json!({"apiVersion": format!("{group}/v1"), "kind": "Ghost", "metadata": {"name": "g"}});
    let ghost: Object = world.object(&body);
    let map = world.object(&config("a", "1"));
    let gone = Object::identify(&json!({"apiVersion": format!("{group}/v1"), "kind": "Ghost", "metadata": {"name": "h", "namespace": "fallback-dead"}})).unwrap();
    let owned =
        crate::model::view::Owned { uid: Some("u".to_owned()), digest: None, app: "apps/web".to_owned() };
    let seen = world.cluster.look(&world.scope, &[&ghost, &map], &[(gone, owned)]).await.unwrap();
    assert_eq!(seen[0].fidelity, Fidelity::Schema);
    assert!(
        seen[0].reason.starts_with("API group dead.fallback.example.com does not answer"),
        "{:?}",
        seen[0]
    );
    assert_eq!(seen[1].fidelity, Fidelity::Live);
    assert_eq!(
        (&seen[2].prediction, &seen[2].live, seen[2].fidelity),
        (&Prediction::Gone, &None, Fidelity::Schema)
    );
    assert!(!seen[2].reason.is_empty());
    let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/v1.{group}");
    world.send(Method::DELETE, &path, &json!({})).await.unwrap();
}

/// A validating webhook for the Deployments of this namespace, at a place where nobody answers it.
async fn webhook(world: &World, name: &str, url: &str) {
    let place = world.namespace();
    let body = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name}, "webhooks": [{"name": format!("{name}.example.com"), "sideEffects": "None", "failurePolicy": "Fail",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": 1, "clientConfig": {"url": url},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}},
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["*"], "operations": ["*"], "resources": ["deployments"]}]}]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    world.send(Method::POST, path, &body).await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_cannot_be_asked_is_named_and_live_fields_are_not_lost() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let late = format!("https://{}/", silent.local_addr().unwrap());
    let cases = [
        ("fallback-down", "https://127.0.0.1:1/", "connection refused"),
        ("fallback-late", late.as_str(), "context deadline exceeded"),
    ];
    for (name, url, words) in cases {
        let world = World::settled(name).await;
        world.must_deploy(&world.bundle(&[web(1, "web:1"), config("a", "1")])).await;
        webhook(&world, name, url).await;
        let mut changed = web(2, "web:1");
        changed["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
        let mut seen = see(&world, std::slice::from_ref(&changed), "web").await;
        for _ in 0..300 {
            if seen.fidelity == Fidelity::Schema {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            seen = see(&world, std::slice::from_ref(&changed), "web").await;
        }
        assert!(
            seen.reason.starts_with(&format!("webhook {name}.example.com could not be asked")),
            "{}",
            seen.reason
        );
        assert!(seen.reason.contains(words), "{}", seen.reason);
        // All that differs is what was changed: defaults and what others hold stay.
        let mut wanted = seen.live.as_ref().unwrap().body.clone();
        wanted["spec"]["replicas"] = 2.into();
        wanted["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
        assert_eq!(becomes(&seen), &wanted);

        let mut wrong = web(2, "web:1");
        wrong["spec"]["replicas"] = "two".into();
        refused(&see(&world, &[wrong], "web").await, "/spec/replicas", "");
        assert_eq!(see(&world, &[config("a", "2")], "a").await.fidelity, Fidelity::Live);
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
        world.send(Method::DELETE, &path, &json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn list_keys_are_known_of_custom_kinds_and_only_where_there_are_lists() {
    let world = World::settled("fallback-keys").await;
    let group = "keys.fallback.example.com";
    let api = format!("{group}/v1");
    let crews = json!({"crew": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}});
    world.must_deploy(&world.bundle(&[ships(group, &[("v1", spec(&crews))])])).await;
    let with = ship(&api, "a", &json!({"crew": [{"name": "x"}]}));
    for _ in 0..300 {
        let seen = see(&world, std::slice::from_ref(&with), "a").await;
        if let Some(keys) = seen.keys.0.get("/spec/crew") {
            assert_eq!((keys.as_slice(), seen.fidelity), (["name".to_owned()].as_slice(), Fidelity::Live));
            let without = see(&world, &[ship(&api, "b", &json!({}))], "b").await;
            assert!(without.keys.0.is_empty());
            assert!(see(&world, &[service()], "web").await.keys.0.is_empty());
            return;
        }
        // The server publishes a new kind's document a moment later.
        world.cluster.library.forget().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the keys are never known");
}
