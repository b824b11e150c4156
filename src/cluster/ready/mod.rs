//! Is an object ready? kstatus' rules with their known traps mended; pure.
//!
//! <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>. What differs: a Job that runs is not
//! waited for unless it is a hook, a failed Pod has failed, a stale `observedGeneration` is never believed, and a custom
//! resource without any status is not taken for ready at once.

use serde_json::Value;

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It does its work.
    Ready,
    /// Not yet: why, in the reader's words.
    Waiting(String),
    /// It looks as if it would never be; believed if it stays so for a while.
    Failing(String),
    /// It never will be.
    Failed(String),
    /// Its controller has said nothing yet; ready if it keeps silent.
    Silent,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// That it does its work.
    Working,
    /// That it has ended well: a hook.
    Done,
}

/// How far an object is on its way to this goal.
pub(super) fn state(body: &Value, goal: Goal) -> State {
    if body.pointer("/metadata/deletionTimestamp").is_some() {
        return State::Failing("it is being deleted".to_owned());
    }
    let group = text(body, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    match (group, text(body, "/kind")) {
        ("apps", "Deployment") => observed(body).unwrap_or_else(|| deployment(body)),
        ("apps", "StatefulSet") => observed(body).unwrap_or_else(|| stateful_set(body)),
        ("apps", "DaemonSet") => observed(body).unwrap_or_else(|| daemon_set(body)),
        ("apps", "ReplicaSet") => observed(body).unwrap_or_else(|| replica_set(body)),
        ("", "Pod") => pod(body, goal),
        ("batch", "Job") => job(body, goal),
        ("", "PersistentVolumeClaim") => claim(body),
        ("", "Namespace") => match text(body, "/status/phase") {
            "Terminating" => State::Failed("the namespace is being deleted".to_owned()),
            _ => State::Ready,
        },
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(body),
        ("apiregistration.k8s.io", "APIService") => match condition(body, "Available") {
            Some(("True", _)) => State::Ready,
            Some((_, why)) => State::Waiting(why.to_owned()),
            None => State::Waiting("its availability is not known yet".to_owned()),
        },
        ("" | "apps" | "batch" | "policy" | "autoscaling", _) => State::Ready,
        (group, _)
            if group.ends_with(".k8s.io") && !group.contains("x-k8s.io") && !group.starts_with("gateway") =>
        {
            State::Ready
        }
        _ => custom(body),
    }
}

/// Nothing in status counts before the controller has seen this generation.
fn observed(body: &Value) -> Option<State> {
    let generation = number(body, "/metadata/generation");
    let seen = body.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    (seen < generation).then(|| State::Waiting("its controller has not seen the change yet".to_owned()))
}

fn deployment(body: &Value) -> State {
    if let Some(("False", why)) = condition(body, "Progressing")
        && condition_reason(body, "Progressing") == "ProgressDeadlineExceeded"
    {
        return State::Failed(why.to_owned());
    }
    if body.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return State::Ready;
    }
    if let Some(("True", why)) = condition(body, "ReplicaFailure") {
        return State::Failing(why.to_owned());
    }
    let wanted = replicas(body);
    let count = |field: &str| number(body, &format!("/status/{field}"));
    let (all, updated) = (count("replicas"), count("updatedReplicas"));
    if updated < wanted {
        State::Waiting(format!("{updated} of {wanted} replicas updated"))
    } else if all > updated {
        State::Waiting(format!("{} old replicas are still there", all - updated))
    } else if count("availableReplicas") < wanted || count("readyReplicas") < wanted {
        State::Waiting(format!("{} of {wanted} replicas available", count("availableReplicas")))
    } else {
        State::Ready
    }
}

fn stateful_set(body: &Value) -> State {
    if text(body, "/spec/updateStrategy/type") == "OnDelete" {
        return State::Ready;
    }
    let wanted = replicas(body);
    let count = |field: &str| number(body, &format!("/status/{field}"));
    // The server fills in partition 0, so this branch is the usual one and 0 means: all of them.
    let partition = number(body, "/spec/updateStrategy/rollingUpdate/partition").clamp(0, wanted);
    let (ready, updated, due) = (count("readyReplicas"), count("updatedReplicas"), wanted - partition);
    if ready < wanted {
        State::Waiting(format!("{ready} of {wanted} replicas ready"))
    } else if count("replicas") > wanted {
        State::Waiting(format!("{} replicas too many are still there", count("replicas") - wanted))
    } else if updated < due && text(body, "/status/currentRevision") != text(body, "/status/updateRevision") {
        State::Waiting(format!("{updated} of {due} replicas updated"))
    } else {
        State::Ready
    }
}

fn daemon_set(body: &Value) -> State {
    if text(body, "/spec/updateStrategy/type") == "OnDelete" {
        return State::Ready;
    }
    let count = |field: &str| number(body, &format!("/status/{field}"));
    let wanted = count("desiredNumberScheduled");
    for (field, word) in
        [("updatedNumberScheduled", "updated"), ("numberAvailable", "available"), ("numberReady", "ready")]
    {
        if count(field) < wanted {
            return State::Waiting(format!("{} of {wanted} pods {word}", count(field)));
        }
    }
    State::Ready
}

fn replica_set(body: &Value) -> State {
    if let Some(("True", why)) = condition(body, "ReplicaFailure") {
        return State::Failing(why.to_owned());
    }
    let (wanted, available) = (replicas(body), number(body, "/status/availableReplicas"));
    if available < wanted {
        State::Waiting(format!("{available} of {wanted} replicas available"))
    } else {
        State::Ready
    }
}

fn pod(body: &Value, goal: Goal) -> State {
    let phase = text(body, "/status/phase");
    match phase {
        "Succeeded" => return State::Ready,
        "Failed" => {
            return State::Failed(
                pod_reason(body).map_or_else(|| "the pod failed".to_owned(), Hindrance::words),
            );
        }
        _ => {}
    }
    if goal == Goal::Working && matches!(condition(body, "Ready"), Some(("True", _))) {
        return State::Ready;
    }
    match pod_reason(body) {
        Some(Hindrance::Lasting(why)) => State::Failing(why),
        Some(Hindrance::Passing(why)) => State::Waiting(why),
        None => {
            State::Waiting(format!("the pod is {}", if phase.is_empty() { "not started" } else { phase }))
        }
    }
}

/// What keeps a pod from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// It does not pass by itself.
    Lasting(String),
    /// It may: where nodes are added on demand, a pod without one waits for minutes and then runs.
    Passing(String),
}

impl Hindrance {
    /// What it is, for people.
    pub(super) fn words(self) -> String {
        match self {
            Self::Lasting(why) | Self::Passing(why) => why,
        }
    }
}

/// What keeps a pod from running, if it is more than that it has not started yet.
pub(super) fn pod_reason(body: &Value) -> Option<Hindrance> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    for status in statuses.iter().filter_map(|path| body.pointer(path)?.as_array()).flatten() {
        let name = text(status, "/name");
        let reason = text(status, "/state/waiting/reason");
        if matches!(
            reason,
            "CrashLoopBackOff"
                | "ImagePullBackOff"
                | "ErrImagePull"
                | "ErrImageNeverPull"
                | "InvalidImageName"
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "RunContainerError"
        ) {
            let message = text(status, "/state/waiting/message");
            return Some(Hindrance::Lasting(join(&format!("container {name}: {reason}"), message)));
        }
        let code = number(status, "/state/terminated/exitCode");
        if code != 0 {
            let reason = text(status, "/state/terminated/reason");
            let words = format!("container {name} ended with exit code {code} ({reason})");
            return Some(Hindrance::Lasting(words));
        }
    }
    if let Some(("False", why)) = condition(body, "PodScheduled")
        && condition_reason(body, "PodScheduled") == "Unschedulable"
    {
        return Some(Hindrance::Passing(join("the pod cannot be scheduled", why)));
    }
    (text(body, "/status/phase") == "Failed")
        .then(|| Hindrance::Lasting(join(text(body, "/status/reason"), text(body, "/status/message"))))
}

fn job(body: &Value, goal: Goal) -> State {
    if let Some(("True", why)) = condition(body, "Failed") {
        return State::Failed(why.to_owned());
    }
    let complete = matches!(condition(body, "Complete"), Some(("True", _)));
    match goal {
        Goal::Working => State::Ready,
        Goal::Done if complete => State::Ready,
        Goal::Done => State::Waiting(format!("the Job runs, {} pods active", number(body, "/status/active"))),
    }
}

fn claim(body: &Value) -> State {
    match text(body, "/status/phase") {
        "Bound" => State::Ready,
        "Lost" => State::Failed("its volume is lost".to_owned()),
        _ => State::Waiting("it is not bound yet".to_owned()),
    }
}

fn definition(body: &Value) -> State {
    if let Some(("False", why)) = condition(body, "NamesAccepted") {
        return State::Failed(why.to_owned());
    }
    match condition(body, "Established") {
        Some(("True", _)) => State::Ready,
        Some(_) | None => State::Waiting("it is not established yet".to_owned()),
    }
}

fn custom(body: &Value) -> State {
    if body.pointer("/status/observedGeneration").is_some()
        && let Some(waiting) = observed(body)
    {
        return waiting;
    }
    if let Some(("True", why)) = condition(body, "Stalled") {
        return State::Failed(why.to_owned());
    }
    if let Some(("True", why)) = condition(body, "Reconciling") {
        return State::Waiting(why.to_owned());
    }
    match condition(body, "Ready") {
        Some(_) if stale(body, "Ready") => {
            State::Waiting("its controller has not seen the change yet".to_owned())
        }
        Some(("True", _)) => State::Ready,
        Some((_, why)) => State::Waiting(why.to_owned()),
        None if body.pointer("/status").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty) => {
            State::Silent
        }
        None => State::Ready,
    }
}

/// Does a condition speak of an older generation?
fn stale(body: &Value, name: &str) -> bool {
    let seen = find(body, name).and_then(|condition| condition.get("observedGeneration")?.as_i64());
    seen.is_some_and(|seen| seen < number(body, "/metadata/generation"))
}

fn find<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = body.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))
}

/// A condition's status and message.
fn condition<'a>(body: &'a Value, name: &str) -> Option<(&'a str, &'a str)> {
    let condition = find(body, name)?;
    let message = match text(condition, "/message") {
        "" => text(condition, "/reason"),
        message => message,
    };
    Some((text(condition, "/status"), message))
}

fn condition_reason<'a>(body: &'a Value, name: &str) -> &'a str {
    find(body, name).map(|condition| text(condition, "/reason")).unwrap_or_default()
}

fn replicas(body: &Value) -> i64 {
    body.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn number(body: &Value, path: &str) -> i64 {
    body.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    body.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn join(what: &str, why: &str) -> String {
    match (what, why) {
        ("", why) => why.to_owned(),
        (what, "") => what.to_owned(),
        (what, why) => format!("{what}: {why}"),
    }
}

#[cfg(test)]
mod tests;
