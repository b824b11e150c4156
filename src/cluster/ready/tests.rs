//! Verdicts on kinds and states; the known traps by name.

use serde_json::{Value, json};

use super::{Goal, State, state};

fn working(body: &Value) -> State {
    state(body, Goal::Working)
}

fn deployment(status: impl Into<Value>) -> Value {
    let status = status.into();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2},
        "spec": {"replicas": 2}, "status": status})
}

fn waits(body: &Value, for_what: &str) {
    let state = working(body);
    assert!(matches!(&state, State::Waiting(why) if why.contains(for_what)), "{state:?}");
}

#[test]
fn a_stale_observed_generation_is_never_believed() {
    let full = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    waits(&deployment(full), "has not seen");
    waits(&deployment(json!({})), "has not seen");
}

#[test]
fn a_deployment_rolls_out_step_by_step() {
    let status = |all: i64, updated: i64, available: i64| {
        deployment(json!({"observedGeneration": 2, "replicas": all, "updatedReplicas": updated,
            "availableReplicas": available, "readyReplicas": available}))
    };
    waits(&status(2, 1, 2), "1 of 2 replicas updated");
    waits(&status(3, 2, 2), "1 old replicas");
    waits(&status(2, 2, 1), "1 of 2 replicas available");
    assert_eq!(working(&status(2, 2, 2)), State::Ready);
}

#[test]
fn a_deployment_that_gave_up_has_failed_and_one_without_quota_looks_like_it() {
    let gave_up = deployment(json!({"observedGeneration": 2, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}));
    assert_eq!(working(&gave_up), State::Failed("timed out".to_owned()));
    let quota = deployment(json!({"observedGeneration": 2, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]}));
    assert_eq!(working(&quota), State::Failing("exceeded quota".to_owned()));
}

#[test]
fn a_paused_deployment_and_one_scaled_to_nothing_are_ready() {
    let mut paused = deployment(json!({"observedGeneration": 2}));
    paused["spec"]["paused"] = true.into();
    assert_eq!(working(&paused), State::Ready);
    let mut nothing = deployment(json!({"observedGeneration": 2}));
    nothing["spec"]["replicas"] = 0.into();
    assert_eq!(working(&nothing), State::Ready);
}

#[test]
fn a_stateful_set_honours_its_partition_and_zero_means_all() {
    let set = |partition: i64, updated: i64| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"generation": 1},
            "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}},
            "status": {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "updatedReplicas": updated,
                "currentRevision": "a", "updateRevision": "b"}})
    };
    waits(&set(0, 1), "1 of 3 replicas updated");
    assert_eq!(working(&set(0, 3)), State::Ready);
    assert_eq!(working(&set(2, 1)), State::Ready);
    let mut same = set(0, 0);
    same["status"]["updateRevision"] = "a".into();
    assert_eq!(working(&same), State::Ready);
    let mut by_hand = set(0, 0);
    by_hand["spec"]["updateStrategy"]["type"] = "OnDelete".into();
    assert_eq!(working(&by_hand), State::Ready);
}

#[test]
fn a_daemon_set_without_nodes_is_ready() {
    let set = |wanted: i64, updated: i64| {
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"generation": 1},
            "status": {"observedGeneration": 1, "desiredNumberScheduled": wanted, "updatedNumberScheduled": updated,
                "numberAvailable": updated, "numberReady": updated}})
    };
    assert_eq!(working(&set(0, 0)), State::Ready);
    waits(&set(2, 1), "1 of 2 pods updated");
}

#[test]
fn a_failed_pod_has_failed_and_a_crashing_one_looks_like_it() {
    let pod = |status: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": status});
    assert!(
        matches!(working(&pod(json!({"phase": "Failed", "reason": "Evicted"}))), State::Failed(why) if why == "Evicted")
    );
    assert_eq!(working(&pod(json!({"phase": "Succeeded"}))), State::Ready);
    let crash = json!({"phase": "Running", "containerStatuses": [
        {"name": "web", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]});
    assert!(
        matches!(working(&pod(crash)), State::Failing(why) if why == "container web: CrashLoopBackOff: back-off")
    );
    let stuck = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]});
    assert!(
        matches!(working(&pod(stuck)), State::Waiting(why) if why.contains("0/1 nodes")),
        "a node may come"
    );
    let running = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(working(&pod(running.clone())), State::Ready);
    assert!(matches!(state(&pod(running), Goal::Done), State::Waiting(_)));
}

#[test]
fn a_job_is_waited_for_only_as_a_hook_and_a_resumed_one_is_not_suspended() {
    let job = |conditions: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "status": {"active": 1, "conditions": conditions}});
    let runs = job(json!([{"type": "Suspended", "status": "False"}]));
    assert_eq!(working(&runs), State::Ready);
    assert!(matches!(state(&runs, Goal::Done), State::Waiting(_)));
    assert_eq!(state(&job(json!([{"type": "Complete", "status": "True"}])), Goal::Done), State::Ready);
    let failed = job(json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]));
    for goal in [Goal::Working, Goal::Done] {
        assert_eq!(state(&failed, goal), State::Failed("BackoffLimitExceeded".to_owned()));
    }
}

#[test]
fn definitions_must_be_established() {
    let crd = |conditions: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {},
            "status": {"conditions": conditions}})
    };
    waits(&crd(json!([])), "established");
    assert_eq!(working(&crd(json!([{"type": "Established", "status": "True"}]))), State::Ready);
    let taken = json!([{"type": "NamesAccepted", "status": "False", "message": "taken"}]);
    assert_eq!(working(&crd(taken)), State::Failed("taken".to_owned()));
}

#[test]
fn claims_volumes_and_namespaces() {
    let of = |kind: &str, phase: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "status": {"phase": phase}});
    assert_eq!(working(&of("PersistentVolumeClaim", "Bound")), State::Ready);
    waits(&of("PersistentVolumeClaim", "Pending"), "bound");
    assert!(matches!(working(&of("PersistentVolumeClaim", "Lost")), State::Failed(_)));
    assert_eq!(working(&of("Namespace", "Active")), State::Ready);
    assert!(matches!(working(&of("Namespace", "Terminating")), State::Failed(_)));
}

#[test]
fn a_custom_resource_without_a_status_is_silent_and_not_ready() {
    let custom = |status: Value| json!({"apiVersion": "example.com/v1", "kind": "Database", "metadata": {"generation": 2}, "status": status});
    assert_eq!(working(&custom(json!({}))), State::Silent);
    waits(
        &custom(json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]})),
        "has not seen",
    );
    let stale = json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]});
    waits(&custom(stale), "has not seen");
    waits(
        &custom(json!({"conditions": [{"type": "Ready", "status": "False", "message": "creating"}]})),
        "creating",
    );
    assert_eq!(working(&custom(json!({"conditions": [{"type": "Ready", "status": "True"}]}))), State::Ready);
    assert_eq!(working(&custom(json!({"phase": "x"}))), State::Ready);
    let stalled = json!({"conditions": [{"type": "Stalled", "status": "True", "message": "no"}]});
    assert_eq!(working(&custom(stalled)), State::Failed("no".to_owned()));
}

#[test]
fn what_has_no_state_is_ready_at_once() {
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("networking.k8s.io/v1", "Ingress"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("batch/v1", "CronJob"),
    ] {
        assert_eq!(
            working(&json!({"apiVersion": api_version, "kind": kind, "metadata": {}})),
            State::Ready,
            "{kind}"
        );
    }
}

#[test]
fn what_is_being_deleted_is_not_ready() {
    let going = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    assert!(matches!(working(&going), State::Failing(_)));
}
