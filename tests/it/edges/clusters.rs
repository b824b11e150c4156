//! Two clusters that know one kind in different versions.

use serde_json::{Value, json};
use tidegate::controlplane::ControlPlane;

use crate::support::checkout::Checkout;
use crate::support::controlplane;

/// A definition of `Gadget` with these versions, the first of them stored.
fn definition(versions: &[&str]) -> Value {
    let version = |(index, name): (usize, &&str)| {
        json!({"name": name, "served": true, "storage": index == 0, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
                "size": {"type": "integer", "default": if *name == "v1" { 1 } else { 2 }}}}}}}})
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.two.example.com"},
        "spec": {"group": "two.example.com", "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "gadgets"},
            "versions": versions.iter().enumerate().map(version).collect::<Vec<_>>()}})
}

async fn define(plane: &ControlPlane, versions: &[&str]) {
    let client = controlplane::client_of(plane).await;
    let send = async |path: &str, body: &Value| {
        let request = http::Request::post(path).body(serde_json::to_vec(body).unwrap()).unwrap();
        client.request::<Value>(request).await
    };
    send("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition(versions)).await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gadgets"}});
    send("/api/v1/namespaces", &namespace).await.unwrap();
    for version in versions {
        let path = format!("/apis/two.example.com/{version}/gadgets");
        while client.request::<Value>(http::Request::get(&path).body(Vec::new()).unwrap()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_with_different_versions_of_a_definition() {
    let (old, new) = (
        ControlPlane::start(&controlplane::tools()).await.unwrap(),
        ControlPlane::start(&controlplane::tools()).await.unwrap(),
    );
    define(&old, &["v1"]).await;
    define(&new, &["v2", "v1"]).await;
    let checkout = Checkout::empty();
    let target = |plane: &ControlPlane| json!({"kubernetes": {"kubeconfig": plane.kubeconfig()}});
    let config = checkout.beside().join("operator.yaml");
    std::fs::write(&config, json!({"targets": {"old": target(&old), "new": target(&new)}}).to_string())
        .unwrap();
    let config = config.to_str().unwrap();
    let environment =
        |target: &str| json!({"target": target, "namespace": "gadgets", "sources": [{"path": "app"}]});
    let settings =
        json!({"version": 1, "environments": {"old": environment("old"), "new": environment("new")}});
    let gadget = |version: &str| {
        json!({"apiVersion": format!("two.example.com/{version}"), "kind": "Gadget",
            "metadata": {"name": "g"}, "spec": {}})
        .to_string()
    };
    checkout.commit(&[(".tidegate.yaml", Some(&settings.to_string())), ("app/g.json", Some(&gadget("v1")))]);
    for name in ["old", "new"] {
        checkout.tidegate(&["apply", name, "--config", config, "--rev", "main", "--baseline"]).ended(0);
    }
    checkout.branch("change");
    checkout.commit(&[("app/g.json", Some(&gadget("v2").replace("{}", "{\"size\":5}")))]);
    let plan = checkout
        .tidegate(&["plan", "--config", config, "--base", "main", "--format", "json"])
        .ended(1)
        .json();
    let of = |name: &str| {
        plan["environments"].as_array().unwrap().iter().find(|plan| plan["name"] == name).unwrap().clone()
    };
    // The cluster that knows the new version says what comes, as it stores it; the other does not know it.
    let paths = &of("new")["changes"][0]["paths"];
    assert!(
        paths.as_array().unwrap().iter().any(|path| path["path"] == "/spec/size" && path["after"] == 5),
        "{paths}"
    );
    assert!(
        of("old")["errors"].to_string().contains("does not know Gadget of two.example.com/v2"),
        "{}",
        of("old")
    );
    let digest = of("new")["digest"].as_str().unwrap().to_owned();
    let apply = ["apply", "new", "--config", config, "--base", "main", "--digest", &digest];
    let ran = checkout.tidegate(&apply).ended(0);
    assert!(!ran.out.contains("predicted "), "{}", ran.out);
    let ran = checkout.tidegate(&["plan", "new", "--config", config, "--base", "change"]).ended(0);
    assert!(ran.out.contains("no change"), "{}", ran.out);
    old.stop().await.unwrap();
    new.stop().await.unwrap();
}
