//! Impersonation: the cluster's own rules decide.

use http::Method;
use serde_json::json;

use super::{World, config};
use crate::cluster::error::{Error, Kind};
use crate::model::plan::Fidelity;

#[tokio::test]
async fn an_environment_acts_as_its_own_user_and_a_missing_right_is_named() {
    let admin = World::settled("rights").await;
    let world = World::acting("rights", Some("tidegate:{owner}/{repo}:{environment}")).await;
    let denied = world.cluster.own(&world.scope).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Ours);
    assert!(matches!(&denied, Error::Denied { user, .. } if user == "tidegate:acme/shop:prod"), "{denied}");

    let parent = format!("tidegate.{}.prod", world.scope.environment.repo);
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tidegate"}});
    let made = admin.send(Method::POST, "/api/v1/namespaces", &space).await;
    drop(made);
    grant(&admin, "tidegate", "record", json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "update"], "resourceNames": [parent]}])).await;
    grant(
        &admin,
        "rights",
        "reader",
        json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]),
    )
    .await;
    let seen = world.see(&config("a", "1")).await;
    assert_eq!(seen.fidelity, Fidelity::Schema);
    assert_eq!(seen.reason, "tidegate:acme/shop:prod may not patch configmaps");

    grant(
        &admin,
        "rights",
        "writer",
        json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "patch", "delete"]}]),
    )
    .await;
    let applied = world.must_deploy(&world.bundle(&[config("a", "1"), config("b", "1")])).await;
    assert_eq!(applied.len(), 2);
    world.must_deploy(&world.bundle(&[config("a", "1")])).await;
    assert!(admin.get("/api/v1/namespaces/rights/configmaps/b").await.is_none());
}

async fn grant(admin: &World, namespace: &str, name: &str, rules: serde_json::Value) {
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
    admin.send(Method::POST, &format!("{path}/roles"), &role).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "subjects": [{"kind": "User", "name": "tidegate:acme/shop:prod", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"}});
    admin.send(Method::POST, &format!("{path}/rolebindings"), &binding).await.unwrap();
    // The authorizer learns of it a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}
