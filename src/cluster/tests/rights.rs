//! Impersonation: the cluster's own rules decide. The rights that the documentation lists are enough.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{World, config, service, web};
use crate::cluster::error::{Error, Kind};
use crate::model::plan::Fidelity;
use crate::model::report::Done;

const USER: &str = "tidegate:{owner}/{repo}:{environment}";

/// One rule of a Role: as the documentation writes it, and as the API takes it.
struct Rule {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    only: Option<&'static str>,
}

const fn rule(
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Rule {
    Rule { groups, resources, verbs, only: None }
}

/// In the namespace of the inventories.
const RECORD: &[Rule] = &[
    rule(&[""], &["configmaps"], &["create"]),
    Rule {
        only: Some("tidegate.REPOSITORY_ID.ENVIRONMENT"),
        ..rule(&[""], &["configmaps"], &["get", "update"])
    },
];

/// Where it deploys.
const DEPLOY: &[Rule] = &[
    rule(
        &["", "apps"],
        &["configmaps", "services", "deployments"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    rule(&["", "apps"], &["pods", "replicasets", "events"], &["list"]),
];

/// In the scratch namespace.
const SCRATCH: &[Rule] =
    &[rule(&["", "apps"], &["configmaps", "services", "deployments"], &["create", "patch"])];

impl Rule {
    fn written(&self) -> String {
        let list = |words: &[&str]| {
            let words: Vec<_> =
                words.iter().map(|word| if word.is_empty() { "\"\"" } else { word }).collect();
            words.join(", ")
        };
        let (groups, resources, verbs) = (list(self.groups), list(self.resources), list(self.verbs));
        let only = self.only.map(|name| format!(", resourceNames: [{name}]")).unwrap_or_default();
        format!("- {{apiGroups: [{groups}], resources: [{resources}], verbs: [{verbs}]{only}}}")
    }

    fn sent(&self, world: &World) -> Value {
        let mut rule = json!({"apiGroups": self.groups, "resources": self.resources, "verbs": self.verbs});
        if let Some(only) = self.only {
            rule["resourceNames"] = json!([named(only, world)]);
        }
        rule
    }
}

fn named(only: &str, world: &World) -> String {
    let environment = &world.scope.environment;
    only.replace("REPOSITORY_ID", &environment.repo.to_string())
        .replace("ENVIRONMENT", environment.name.as_str())
}

/// An administrator, and somebody with no rights yet.
async fn two(name: &str) -> (World, World) {
    let (admin, world) = (World::settled(name).await, World::acting(name, Some(USER)).await);
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tidegate"}});
    // Another test may have made it.
    let made = admin.send(Method::POST, "/api/v1/namespaces", &space).await;
    drop(made);
    (admin, world)
}

#[tokio::test]
async fn an_environment_acts_as_its_own_user_and_a_missing_right_is_named() {
    let (admin, world) = two("rights").await;
    let denied = world.cluster.own(&world.scope).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Ours);
    assert!(matches!(&denied, Error::Denied { user, .. } if user == "tidegate:acme/shop:prod"), "{denied}");

    grant(&admin, &world, "tidegate", RECORD).await;
    grant(&admin, &world, "rights", &[rule(&[""], &["configmaps"], &["get", "list"])]).await;
    let seen = world.see(&config("a", "1")).await;
    assert_eq!(seen.fidelity, Fidelity::Schema);
    assert_eq!(
        seen.reason,
        "tidegate:acme/shop:prod is not allowed to patch configmaps in namespace rights: a deployment would be refused there; checked against its schema only"
    );
}

#[tokio::test]
async fn the_rights_that_the_documentation_lists_are_enough() {
    let page = include_str!("../../../docs/install.md");
    for rule in RECORD.iter().chain(DEPLOY).chain(SCRATCH) {
        assert!(page.contains(&rule.written()), "docs/install.md lacks `{}`", rule.written());
    }
    let (admin, mut world) = two("rights-enough").await;
    grant(&admin, &world, "tidegate", RECORD).await;
    grant(&admin, &world, "rights-enough", DEPLOY).await;

    let applied = world
        .must_deploy(&world.bundle(&[config("a", "1"), config("b", "1"), web(1, "web:1"), service()]))
        .await;
    assert_eq!(applied.len(), 4);
    world.must_deploy(&world.bundle(&[config("a", "2"), web(1, "web:1"), service()])).await;
    assert!(admin.get("/api/v1/namespaces/rights-enough/configmaps/b").await.is_none());

    world.cluster = world.cluster.patience(Duration::from_secs(40));
    let mut stuck = web(1, "web:1");
    stuck["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "such"});
    let applied = world.deploy(&world.bundle(&[config("a", "2"), stuck, service()])).await.unwrap();
    assert!(
        matches!(&applied[0].result, Done::Failed(why) if why.contains("pod web-") && why.contains("FailedScheduling")),
        "with its cause and the cluster's events: {applied:#?}"
    );
}

#[tokio::test]
async fn a_scratch_namespace_needs_no_more_than_the_documentation_says() {
    let (admin, mut world) = two("rights-scratch").await;
    world.cluster.scratch = Some("rights-scratch".to_owned());
    world.scope.namespace = Some("rights-to-come".to_owned());
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "rights-scratch"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "rights-scratch"},
        "subjects": [{"kind": "User", "name": "tidegate:acme/shop:prod", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": "rights-scratch", "apiGroup": "rbac.authorization.k8s.io"}});
    for (kind, body) in [("clusterroles", role), ("clusterrolebindings", binding)] {
        admin.send(Method::POST, &format!("/apis/rbac.authorization.k8s.io/v1/{kind}"), &body).await.unwrap();
    }
    grant(&admin, &world, "tidegate", RECORD).await;
    known(&world, "", &rule(&[""], &["namespaces"], &["get"]), "get").await;
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rights-to-come"}});
    let bundle = world.bundle(&[space, config("a", "1"), web(1, "web:1"), service()]);
    for seen in world.look(&bundle).await {
        assert_eq!(seen.fidelity, Fidelity::Schema, "{seen:#?}");
    }
    grant(&admin, &world, "rights-scratch", SCRATCH).await;
    for seen in world.look(&bundle).await.into_iter().filter(|seen| seen.id.kind != "Namespace") {
        assert_eq!(seen.fidelity, Fidelity::Scratch, "{seen:#?}");
        let words =
            "namespace rights-to-come does not exist yet (tidegate:acme/shop:prod is not allowed to get ";
        assert!(seen.reason.starts_with(words), "{}", seen.reason);
    }
}

/// Grants these rights and waits until the server knows of them.
async fn grant(admin: &World, world: &World, namespace: &str, rules: &[Rule]) {
    let user = USER
        .replace("{owner}", world.scope.repo.owner())
        .replace("{repo}", world.scope.repo.name())
        .replace("{environment}", "prod");
    let name = format!("grant-{}", world.scope.environment.repo);
    let sent: Vec<Value> = rules.iter().map(|rule| rule.sent(world)).collect();
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": sent});
    admin.send(Method::POST, &format!("{path}/roles"), &role).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"}});
    admin.send(Method::POST, &format!("{path}/rolebindings"), &binding).await.unwrap();
    for rule in rules {
        for verb in rule.verbs {
            known(world, namespace, rule, verb).await;
        }
    }
}

/// The authorizer learns of a grant a moment later.
async fn known(world: &World, namespace: &str, rule: &Rule, verb: &str) {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
        "resourceAttributes": {"namespace": namespace, "verb": verb, "group": rule.groups[0],
            "resource": rule.resources[0], "name": rule.only.map(|only| named(only, world)).unwrap_or_default()}}});
    for _ in 0..600 {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = world.send(Method::POST, path, &review).await.unwrap();
        if answer.body["status"]["allowed"] == true {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{verb} in {namespace} is never allowed");
}
