//! Why a workload does not become ready: its pods' own words and their events.

use serde_json::Value;

use crate::cluster::kinds::escape;
use crate::cluster::ready::{Hindrance, pod_reason};
use crate::cluster::wire::{Call, Wire};

/// Pods that are looked at for one workload.
const PODS: usize = 50;
/// Events that are told of one pod.
const EVENTS: usize = 3;

/// What keeps a pod of this workload from running; what does not pass by itself comes first. Only pods of the newest template count:
/// an old one that crashes is no fault of this change. None also where pods may not be read.
pub(super) async fn culprit(wire: &Wire, workload: &Value) -> Option<(Value, Hindrance)> {
    let selector = selector(workload)?;
    let namespace = text(workload, "/metadata/namespace");
    let newest = newest(wire, workload, namespace, &selector).await?;
    let path = format!(
        "/api/v1/namespaces/{}/pods?limit={PODS}&labelSelector={}",
        escape(namespace),
        escape(&newest)
    );
    let mut list = wire.call(&Call::get("list pods", path)).await.ok()?.body;
    let pods = list.get_mut("items")?.as_array_mut()?;
    let found = pods.iter_mut().filter_map(|pod| {
        let reason = pod_reason(pod)?;
        (pod.pointer("/metadata/deletionTimestamp").is_none()).then(|| (pod.take(), reason))
    });
    found.min_by_key(|(_, reason)| matches!(reason, Hindrance::Passing(_)))
}

/// `pod web-1: reason`, with what the cluster's events warn of.
pub(super) async fn story(wire: &Wire, pod: &Value, reason: &str) -> String {
    let mut story = format!("pod {}: {reason}", text(pod, "/metadata/name"));
    for event in events(wire, text(pod, "/metadata/namespace"), text(pod, "/metadata/uid")).await {
        story.push_str("\n  ");
        story.push_str(&event);
    }
    story
}

/// The last warnings about an object, newest first.
pub(super) async fn events(wire: &Wire, namespace: &str, uid: &str) -> Vec<String> {
    let selector = format!("involvedObject.uid={uid},type=Warning");
    let path = format!(
        "/api/v1/namespaces/{}/events?limit=50&fieldSelector={}",
        escape(namespace),
        escape(&selector)
    );
    let Ok(answer) = wire.call(&Call::get("list events", path)).await else { return Vec::new() };
    let mut items = answer.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let time = |event: &Value| {
        let last = text(event, "/lastTimestamp");
        if last.is_empty() { text(event, "/eventTime").to_owned() } else { last.to_owned() }
    };
    items.sort_by_key(|event| std::cmp::Reverse(time(event)));
    items
        .iter()
        .take(EVENTS)
        .map(|event| {
            let message: String = text(event, "/message").chars().take(300).collect();
            format!("{}: {message}", text(event, "/reason"))
        })
        .collect()
}

/// The selector of the pods that the newest template made.
async fn newest(wire: &Wire, workload: &Value, namespace: &str, selector: &str) -> Option<String> {
    match text(workload, "/kind") {
        "Deployment" => {
            let revision = annotation(workload, "deployment.kubernetes.io/revision")?;
            let path = format!(
                "/apis/apps/v1/namespaces/{}/replicasets?limit=200&labelSelector={}",
                escape(namespace),
                escape(selector)
            );
            let list = wire.call(&Call::get("list replicasets", path)).await.ok()?.body;
            let uid = text(workload, "/metadata/uid");
            let set = list.get("items")?.as_array()?.iter().find(|set| {
                text(set, "/metadata/ownerReferences/0/uid") == uid
                    && annotation(set, "deployment.kubernetes.io/revision") == Some(revision)
            })?;
            let hash = set.pointer("/metadata/labels/pod-template-hash")?.as_str()?;
            Some(format!("{selector},pod-template-hash={hash}"))
        }
        "StatefulSet" => {
            let revision = text(workload, "/status/updateRevision");
            (!revision.is_empty()).then(|| format!("{selector},controller-revision-hash={revision}"))
        }
        "DaemonSet" => {
            let generation = annotation(workload, "deprecated.daemonset.template.generation")?;
            Some(format!("{selector},pod-template-generation={generation}"))
        }
        "ReplicaSet" | "Job" => Some(selector.to_owned()),
        _ => None,
    }
}

/// `matchLabels` and the plain `matchExpressions` of a workload as a query.
fn selector(workload: &Value) -> Option<String> {
    let selector = workload.pointer("/spec/selector")?;
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let parts: Vec<String> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn annotation<'a>(body: &'a Value, key: &str) -> Option<&'a str> {
    body.pointer("/metadata/annotations")?.get(key)?.as_str()
}

fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    body.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
