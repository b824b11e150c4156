//! The control plane that tests and the demonstration stand on: is it a real one, and does it go?

use std::time::Duration;
use std::time::Instant;

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::DeleteParams;
use kube::api::Patch;
use kube::api::PatchParams;
use tidegate::controlplane::ControlPlane;
use tidegate::controlplane::Tools;

use crate::support::controlplane;

#[tokio::test]
async fn a_deployment_rolls_out_and_is_deleted_with_its_pods() {
    let client = controlplane::client().await;
    let namespace = controlplane::namespace(&client, "rollout").await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client, &namespace);

    let applied = deployments
        .patch("web", &PatchParams::apply("tests"), &Patch::Apply(web()))
        .await
        .expect("server-side apply");
    let defaulted = applied.spec.unwrap().revision_history_limit;
    assert_eq!(defaulted, Some(10), "the API server fills in defaults");

    soon("three pods are ready", async || {
        let status = deployments.get("web").await.unwrap().status.unwrap_or_default();
        status.ready_replicas == Some(3)
    })
    .await;

    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    soon("the garbage collector takes the pods", async || {
        pods.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty()
    })
    .await;
}

#[tokio::test]
async fn stopping_leaves_neither_process_nor_folder() {
    let plane = ControlPlane::start(&controlplane::tools()).await.expect("a second control plane");
    let processes = plane.processes();
    let folder = plane.logs().to_owned();
    assert_eq!(processes.len(), 5, "{processes:?}");
    assert!(folder.join("kube-apiserver.log").exists());

    plane.stop().await.expect("a clean end");

    assert!(!folder.exists());
    for (program, id) in processes {
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "{program} lives on");
    }
}

#[tokio::test]
async fn a_program_that_ends_at_once_fails_the_start_with_its_log() {
    // A folder whose etcd is no etcd; the rest is as built.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/ls", folder.path().join("etcd")).unwrap();
    let tools = Tools::new(Some(folder.path().to_owned()), Tools::built());

    let error = ControlPlane::start(&tools).await.expect_err("ls is no etcd").to_string();

    assert!(error.starts_with("etcd ended with exit status: 2; the end of its log:"), "{error}");
    assert!(error.contains("unrecognized option"), "{error}");
}

fn web() -> serde_json::Value {
    let labels = serde_json::json!({ "app": "web" });
    serde_json::json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "web", "image": "example.com/web:1" }] },
            },
        },
    })
}

async fn soon(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_mins(1), "not after a minute: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
