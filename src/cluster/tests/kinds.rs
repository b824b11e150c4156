//! Common kinds: what was predicted is what is there afterwards, and a second look finds nothing to do.

use serde_json::{Value, json};

use super::{World, becomes, config, plan, service, web};
use crate::model::report::Done;
use crate::model::view::Prediction;

fn object(api_version: &str, kind: &str, more: Value) -> Value {
    let mut body = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "kinds"}});
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "kinds"}}, "spec": {"containers": [
        {"name": "web", "image": "web:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m", "memory": "64Mi"}}}]}})
}

fn workloads(image: &str) -> Vec<Value> {
    let selector = json!({"matchLabels": {"app": "kinds"}});
    let mut template = template();
    template["spec"]["containers"][0]["image"] = image.into();
    let mut job = template.clone();
    job["spec"]["restartPolicy"] = "Never".into();
    vec![
        web(1, image),
        object(
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"serviceName": "kinds", "selector": selector, "template": template,
            "volumeClaimTemplates": []}}),
        ),
        object("apps/v1", "DaemonSet", json!({"spec": {"selector": selector, "template": template}})),
        object(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": job}}}}),
        ),
    ]
}

fn services(kind: &str) -> Vec<Value> {
    [("ClusterIP", "plain"), ("NodePort", "node"), ("LoadBalancer", "balanced")]
        .into_iter()
        .map(|(sort, name)| {
            let mut body = service();
            body["metadata"] = json!({"name": name, "annotations": {"kind": kind}});
            body["spec"]["type"] = sort.into();
            body
        })
        .chain([{
            let mut body = service();
            body["metadata"]["name"] = "headless".into();
            body["spec"]["clusterIP"] = "None".into();
            body
        }])
        .collect()
}

fn settings(value: &str) -> Vec<Value> {
    let subject = json!([{"kind": "ServiceAccount", "name": "kinds"}]);
    let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kinds"});
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let backend = json!({"service": {"name": "plain", "port": {"number": 80}}});
    let path = json!({"path": format!("/{value}"), "pathType": "Prefix", "backend": backend});
    vec![
        config("kinds", value),
        object("v1", "Secret", json!({"stringData": {"key": value}, "data": {"old": "YQ=="}})),
        object("v1", "ServiceAccount", json!({"imagePullSecrets": [{"name": value}]})),
        object(
            "v1",
            "LimitRange",
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "2000m"}}]}}),
        ),
        object(
            "v1",
            "ResourceQuota",
            json!({"spec": {"hard": {"count/secrets": "50", "requests.cpu": "100000m"}}}),
        ),
        object("rbac.authorization.k8s.io/v1", "Role", json!({"rules": rules})),
        object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"subjects": subject, "roleRef": reference}),
        ),
        object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            json!({"metadata": {"name": "kinds-cluster"}, "rules": rules}),
        ),
        object("networking.k8s.io/v1", "Ingress", json!({"spec": {"rules": [{"http": {"paths": [path]}}]}})),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": value}}}}),
        ),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}}}),
        ),
    ]
}

/// Deploys, and compares every after-state with its prediction.
async fn foretold(world: &World, bodies: &[Value]) {
    let bundle = world.bundle(bodies);
    let seen = world.look(&bundle).await;
    let planned = plan(&seen);
    let applied = world.run(&bundle, &planned).await.unwrap();
    assert!(!applied.is_empty());
    for one in &applied {
        assert_eq!(one.result, Done::Changed, "{}", one.id);
        let before = seen.iter().find(|seen| seen.id == one.id).unwrap();
        let (Prediction::Becomes(after) | Prediction::Replaced { after, .. }) = &before.prediction else {
            panic!("{before:#?}")
        };
        assert_eq!(one.after.as_ref(), Some(after), "{}", one.id);
    }
    for seen in world.look(&bundle).await {
        assert_eq!(becomes(&seen), &seen.live.as_ref().unwrap().body, "{} at rest", seen.id);
    }
}

#[tokio::test]
async fn every_common_kind_becomes_what_was_predicted() {
    let world = World::settled("kinds").await;
    let job = |image: &str| {
        let mut template = template();
        template["spec"]["containers"][0]["image"] = image.into();
        template["spec"]["restartPolicy"] = "Never".into();
        object("batch/v1", "Job", json!({"spec": {"template": template}}))
    };
    foretold(&world, &[settings("one"), services("a"), workloads("web:1"), vec![job("web:1")]].concat())
        .await;
    // The Job's template is immutable: it is replaced, everything else is updated in place.
    foretold(&world, &[settings("two"), services("b"), workloads("web:2"), vec![job("web:2")]].concat())
        .await;
}
