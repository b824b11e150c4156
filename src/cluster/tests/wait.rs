//! Waiting and admission on a real API server.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{World, config, namespace, web};
use crate::model::plan::Fidelity;
use crate::model::report::Done;
use crate::model::view::Prediction;

/// All that is mostly waiting, at the same time.
#[tokio::test]
async fn waiting_ends_when_it_should() {
    tokio::join!(
        a_claim_that_waits_for_a_pod_is_ready_and_a_pod_without_a_node_is_not(),
        a_rollout_that_does_not_come_up_is_told_with_its_cause_and_stops_the_rest(),
        admission_that_refuses_is_told_from_admission_that_is_down(),
        a_namespace_is_deleted_with_all_in_it_and_that_is_waited_for(),
        a_custom_object_that_nobody_reports_on_is_ready_after_a_moment(),
    );
}

async fn a_claim_that_waits_for_a_pod_is_ready_and_a_pod_without_a_node_is_not() {
    let mut world = World::settled("wait-claim").await;
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "wait-claim"},
        "provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"});
    world.send(Method::POST, "/apis/storage.k8s.io/v1/storageclasses", &class).await.unwrap();
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": "wait-claim", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    world.must_deploy(&world.bundle(&[claim])).await;

    // A node may still come, so it is waited for to the end.
    world.cluster = world.cluster.patience(Duration::from_secs(12));
    let stuck = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stuck"}, "spec": {
        "nodeSelector": {"no": "such"}, "containers": [{"name": "x", "image": "x:1"}]}});
    let applied = world.deploy(&world.bundle(&[stuck])).await.unwrap();
    let pod = applied.iter().find(|one| one.id.kind == "Pod").unwrap();
    let Done::Failed(why) = &pod.result else { panic!("{applied:#?}") };
    assert!(why.contains("not ready after 12 s") && why.contains("cannot be scheduled"), "{why}");
}

async fn a_rollout_that_does_not_come_up_is_told_with_its_cause_and_stops_the_rest() {
    let mut world = World::settled("trouble-rollout").await;
    world.cluster = world.cluster.patience(Duration::from_secs(40));
    world.must_deploy(&world.bundle(&[config("doomed", "1")])).await;
    let mut stuck = web(1, "web:1");
    stuck["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "such"});
    let bundle = world.bundle(&[stuck]);
    let (applied, ()) = tokio::join!(world.deploy(&bundle), crash(&world));
    let applied = applied.unwrap();
    let Done::Failed(why) = &applied[0].result else { panic!("{applied:#?}") };
    assert!(why.contains("pod web-") && why.contains("container web: CrashLoopBackOff"), "{why}");
    assert!(!why.contains("not ready after"), "it fails before its time is over: {why}");
    assert!(
        matches!(&applied[1].result, Done::Skipped(why) if why.contains("Deployment trouble-rollout/web")),
        "{applied:#?}"
    );
    let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert_eq!(own.entries.len(), 2, "what was not deleted is still owned");
    assert!(own.entries.values().all(|owned| owned.uid.is_some()));
}

/// Reports what a node would of the first pod whose container crashes; nothing here runs containers.
async fn crash(world: &World) {
    let pods = format!("/api/v1/namespaces/{}/pods", world.namespace());
    let name = loop {
        let list = world.get(&pods).await.unwrap();
        if let Some(name) = list["items"][0]["metadata"]["name"].as_str() {
            break name.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let status = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": {"containerStatuses": [
        {"name": "web", "image": "web:1", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]}});
    world.act_as("node", &format!("{pods}/{name}/status"), &status).await;
}

async fn admission_that_refuses_is_told_from_admission_that_is_down() {
    let world = World::settled("wait-admission").await;
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": "wait-admission"}});
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "wait-admission"}, "webhooks": [{"name": "down.example.com", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 2, "namespaceSelector": here,
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}]}]});
    let hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    world.send(Method::POST, hooks, &webhook).await.unwrap();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "0"}}});
    world.send(Method::POST, "/api/v1/namespaces/wait-admission/resourcequotas", &quota).await.unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    let seen = until(&world, &secret, |seen| seen.fidelity == Fidelity::Schema).await;
    assert!(seen.reason.contains("down.example.com"), "{seen:#?}");
    let seen =
        until(&world, &config("a", "1"), |seen| matches!(seen.prediction, Prediction::Refused { .. })).await;
    assert!(
        matches!(&seen.prediction, Prediction::Refused { message, .. } if message.contains("exceeded quota"))
    );
}

/// Admission's settings take a moment to be known.
async fn until(
    world: &World,
    body: &Value,
    good: impl Fn(&crate::model::view::Seen) -> bool,
) -> crate::model::view::Seen {
    let mut seen = world.see(body).await;
    for _ in 0..50 {
        if good(&seen) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen = world.see(body).await;
    }
    seen
}

async fn a_namespace_is_deleted_with_all_in_it_and_that_is_waited_for() {
    let world = World::new("wait-namespace").await;
    let mut left = config("left", "1");
    left["metadata"]["namespace"] = "default".into();
    left["metadata"]["name"] = "wait-namespace".into();
    world.must_deploy(&world.bundle(&[namespace("wait-namespace"), config("a", "1"), left.clone()])).await;
    let applied = world.must_deploy(&world.bundle(&[left])).await;
    let order: Vec<_> = applied.iter().map(|one| one.id.kind.as_str()).collect();
    assert_eq!(order, ["ConfigMap", "Namespace"]);
    assert!(world.get("/api/v1/namespaces/wait-namespace").await.is_none());
}

async fn a_custom_object_that_nobody_reports_on_is_ready_after_a_moment() {
    let world = World::settled("wait-silent").await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "birds.wait.example.com"}, "spec": {"group": "wait.example.com", "scope": "Namespaced",
            "names": {"plural": "birds", "singular": "bird", "kind": "Bird", "listKind": "BirdList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let bird = json!({"apiVersion": "wait.example.com/v1", "kind": "Bird", "metadata": {"name": "one"}});
    let applied = world.must_deploy(&world.bundle(&[definition, bird])).await;
    let bird = applied.iter().find(|one| one.id.kind == "Bird").unwrap();
    assert!(bird.millis >= 2_000, "its controller was given a moment: {} ms", bird.millis);
}
