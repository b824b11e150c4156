//! Other managers' fields: what was foretold is what the apply does.

use http::Method;
use serde_json::{Value, json};

use super::{World, becomes, config, web};
use crate::model::plan::Action;
use crate::model::report::Done;
use crate::model::settings::{Adopt, Winner};

impl World {
    /// Creates an object as kubectl's client-side apply does.
    async fn by_kubectl(&self, path: &str, body: &Value) {
        let mut body = body.clone();
        body["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
            body.to_string().into();
        let path = format!("{path}?fieldManager=kubectl-client-side-apply");
        self.send(Method::POST, &path, &body).await.unwrap();
    }

    /// Deploys one object and returns what was foretold beside what is there.
    async fn foretold(&self, body: &Value) -> (Value, Value) {
        let bundle = self.bundle(std::slice::from_ref(body));
        let seen = self.see(body).await;
        let foretold = becomes(&seen).clone();
        let applied = self.must_deploy(&bundle).await;
        (foretold, applied[0].after.clone().unwrap())
    }
}

fn deployments(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments")
}

#[tokio::test]
async fn what_kubectl_applied_and_git_does_not_hold_goes_as_foretold() {
    let mut world = World::settled("managers-kubectl").await;
    world.scope.adopt = vec![Adopt::Unmanaged];
    let mut theirs = web(3, "web:0");
    theirs["metadata"]["labels"] = json!({"old": "x", "team": "shop"});
    theirs["spec"]["minReadySeconds"] = 7.into();
    theirs["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "OLD", "value": "1"}]);
    theirs["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "side", "image": "side:1"}));
    let all = deployments("managers-kubectl");
    world.by_kubectl(&all, &theirs).await;
    let by_hand = json!({"metadata": {"labels": {"hand": "y", "team": "shop"}}});
    let path = format!("{all}/web?fieldManager=kubectl-label&fieldValidation=Strict");
    let call = crate::cluster::wire::Call::send(Method::PATCH, "label", path).patch(&json!([
        {"op": "add", "path": "/metadata/labels/hand", "value": by_hand["metadata"]["labels"]["hand"]}]));
    world.cluster.wire.call(&call).await.unwrap();

    let mut ours = web(2, "web:1");
    ours["metadata"]["labels"] = json!({"team": "shop"});
    let seen = world.see(&ours).await;
    assert!(seen.conflicts.is_empty(), "a history is no conflict: {:?}", seen.conflicts);
    assert!(seen.warnings.iter().any(|said| said.contains("kubectl-client-side-apply")), "{seen:#?}");
    let (foretold, actual) = world.foretold(&ours).await;
    assert_eq!(foretold, actual);
    assert_eq!(actual["metadata"]["labels"], json!({"hand": "y", "team": "shop"}));
    assert!(actual["spec"].get("minReadySeconds").is_none());
    let containers = actual["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!((containers.len(), containers[0].get("env")), (1, None));
    let live = world.get(&format!("{all}/web")).await.unwrap();
    assert!(
        live.pointer("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration").is_none()
    );
    // Once more there is nothing to do, and what Git lets go of now goes by itself.
    let seen = world.see(&ours).await;
    assert_eq!(becomes(&seen), &seen.live.as_ref().unwrap().body);
    assert!(seen.warnings.is_empty(), "{:?}", seen.warnings);
}

#[tokio::test]
async fn a_default_that_returns_is_foretold() {
    let mut world = World::settled("managers-default").await;
    world.scope.adopt = vec![Adopt::Unmanaged];
    let mut theirs = web(3, "web:0");
    theirs["spec"]["revisionHistoryLimit"] = 3.into();
    world.by_kubectl(&deployments("managers-default"), &theirs).await;
    let mut ours = web(1, "web:0");
    ours["spec"].as_object_mut().unwrap().remove("replicas");
    let (foretold, actual) = world.foretold(&ours).await;
    assert_eq!((&foretold, &actual["spec"]["replicas"]), (&actual, &json!(1)));
    assert_eq!(actual["spec"]["revisionHistoryLimit"], 10);
}

#[tokio::test]
async fn what_helm_applied_is_taken_over_whole() {
    let mut world = World::settled("managers-helm").await;
    world.scope.adopt = vec![Adopt::Helm];
    let mut theirs = config("web", "1");
    theirs["data"]["more"] = "2".into();
    theirs["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "managers-helm"});
    let path = "/api/v1/namespaces/managers-helm/configmaps?fieldManager=helm";
    world.send(Method::POST, path, &theirs).await.unwrap();
    let (foretold, actual) = world.foretold(&config("web", "3")).await;
    assert_eq!(foretold, actual);
    assert_eq!((&actual["data"], actual["metadata"].get("annotations")), (&json!({"key": "3"}), None));
}

fn scaler(name: &str) -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
        "spec": {"minReplicas": 2, "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
}

#[tokio::test]
async fn replicas_do_not_drop_when_an_autoscaler_comes_and_git_lets_go_of_them() {
    let world = World::settled("managers-scaled").await;
    world.must_deploy(&world.bundle(&[web(4, "web:1")])).await;
    let mut free = web(4, "web:2");
    free["spec"].as_object_mut().unwrap().remove("replicas");
    let seen = world.look(&world.bundle(&[free.clone(), scaler("web")])).await;
    let workload = seen.iter().find(|seen| seen.id.kind == "Deployment").unwrap();
    assert_eq!(becomes(workload)["spec"]["replicas"], 4);
    world.must_deploy(&world.bundle(&[free.clone(), scaler("web")])).await;
    let path = format!("{}/web", deployments("managers-scaled"));
    assert_eq!(world.get(&path).await.unwrap()["spec"]["replicas"], 4);
    // Later the autoscaler is live and not among what changes.
    free["spec"]["template"]["spec"]["containers"][0]["image"] = "web:3".into();
    assert_eq!(becomes(&world.see(&free).await)["spec"]["replicas"], 4);
    // Without any they fall to what is the default.
    let path = "/apis/autoscaling/v2/namespaces/managers-scaled/horizontalpodautoscalers/web";
    world.send(Method::DELETE, path, &json!({})).await.unwrap();
    assert_eq!(becomes(&world.see(&free).await)["spec"]["replicas"], 1);
}

#[tokio::test]
async fn what_an_autoscaler_has_set_stays_though_git_states_another_number() {
    let world = World::settled("managers-hpa").await;
    world.must_deploy(&world.bundle(&[web(2, "web:1")])).await;
    let path = format!("{}/web", deployments("managers-hpa"));
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web",
        "namespace": "managers-hpa"}, "spec": {"replicas": 6}});
    let by = format!("{path}/scale?fieldManager=kube-controller-manager");
    world.send(Method::PUT, &by, &scale).await.unwrap();
    let seen = world.see(&web(2, "web:2")).await;
    assert_eq!((seen.conflicts.len(), seen.conflicts[0].rule), (1, Winner::Yield));
    assert_eq!((&seen.conflicts[0].live, &seen.conflicts[0].git), (&json!(6), &json!(2)));
    let (foretold, actual) = world.foretold(&web(2, "web:2")).await;
    assert_eq!((&foretold, &actual["spec"]["replicas"]), (&actual, &json!(6)));
}

#[tokio::test]
async fn what_somebody_takes_hold_of_after_the_plan_is_not_taken_from_them() {
    let world = World::settled("managers-late").await;
    world.must_deploy(&world.bundle(&[config("a", "1")])).await;
    let bundle = world.bundle(&[config("a", "2")]);
    let plan = super::plan(&world.look(&bundle).await);
    assert_eq!(plan.changes[0].action, Action::Update);
    let path = "/api/v1/namespaces/managers-late/configmaps/a";
    world.act_as("kubectl-edit", path, &config("a", "3")).await;
    let applied = world.run(&bundle, &plan).await.unwrap();
    assert!(
        matches!(&applied[0].result, Done::Failed(why) if why.contains("held by kubectl-edit")),
        "{applied:#?}"
    );
    assert_eq!(world.get(path).await.unwrap()["data"]["key"], "3");
}

#[tokio::test]
async fn what_admission_changes_is_part_of_the_prediction() {
    let world = World::settled("managers-mutated").await;
    let api = "/apis/admissionregistration.k8s.io/v1";
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "managers-mutated"}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                "operations": ["CREATE", "UPDATE"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "managers-mutated"}}},
            "reinvocationPolicy": "Never", "failurePolicy": "Fail",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                "expression": "Object{metadata: Object.metadata{annotations: {\"stamped\": \"yes\"}}}"}}]}});
    world.send(Method::POST, &format!("{api}/mutatingadmissionpolicies"), &policy).await.unwrap();
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "managers-mutated"}, "spec": {"policyName": "managers-mutated"}});
    world.send(Method::POST, &format!("{api}/mutatingadmissionpolicybindings"), &binding).await.unwrap();
    let bundle = world.bundle(&[config("a", "1")]);
    let address = "/api/v1/namespaces/managers-mutated/configmaps/b?fieldManager=tidegate&dryRun=All";
    let mut waited = 0;
    loop {
        // The server's admission learns of a policy a moment later.
        let call = crate::cluster::wire::Call::send(Method::PATCH, "try", address).apply(&config("b", "1"));
        let answer = world.cluster.wire.call(&call).await.unwrap().body;
        if answer.pointer("/metadata/annotations/stamped").is_some() {
            break;
        }
        waited += 1;
        assert!(waited < 200, "the policy was never in force");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let seen = world.look(&bundle).await.remove(0);
    assert_eq!(becomes(&seen)["metadata"]["annotations"]["stamped"], "yes");
    assert!(seen.volatile.is_empty(), "it answers the same each time");
    let applied = world.must_deploy(&bundle).await;
    assert_eq!(applied[0].after.as_ref(), Some(becomes(&seen)));
}
