//! What is at stake in a change, said before it happens.

use crate::model::object::ObjectId;
use crate::model::plan::{Action, Class, PathChange, Risk};

/// The risks of one change, most dangerous first.
pub(crate) fn risks(action: Action, id: &ObjectId, paths: &[PathChange]) -> Vec<Risk> {
    let mut risks = Vec::new();
    let effective: Vec<&str> =
        paths.iter().filter(|path| path.class.has_effect()).map(|path| path.path.as_str()).collect();
    if matches!(action, Action::Delete | Action::Replace) {
        risks.extend(lost(id));
        risks.push(if action == Action::Delete { Risk::Deletes } else { Risk::Replaces });
    }
    if action == Action::Adopt {
        risks.push(Risk::TakesOver);
    }
    if action != Action::None && action != Action::Keep {
        risks.extend(kind_risks(action, id, &effective));
    }
    if paths.iter().any(|path| path.class == Class::Drift) {
        risks.push(Risk::Reverts);
    }
    risks.sort_unstable();
    risks.dedup();
    risks
}

fn lost(id: &ObjectId) -> Option<Risk> {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "PersistentVolumeClaim" | "PersistentVolume") | ("apps", "StatefulSet") => Some(Risk::LosesData),
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => Some(Risk::Cascades),
        _ => None,
    }
}

fn kind_risks(action: Action, id: &ObjectId, effective: &[&str]) -> Vec<Risk> {
    let touches = |prefix: &str| effective.iter().any(|path| path.starts_with(prefix));
    match (id.group.as_str(), id.kind.as_str()) {
        ("rbac.authorization.k8s.io", _) => vec![Risk::Rights],
        ("admissionregistration.k8s.io", _) => vec![Risk::Admission],
        ("batch", "Job") if matches!(action, Action::Create | Action::Replace) => vec![Risk::Runs],
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            if action == Action::Replace || (action != Action::Create && touches("/spec/template")) =>
        {
            vec![Risk::Restarts]
        }
        ("", "Service")
            if action != Action::Create
                && ["/spec/selector", "/spec/type", "/spec/ports", "/spec/clusterIP"]
                    .iter()
                    .any(|path| touches(path))
                || action == Action::Delete =>
        {
            vec![Risk::Traffic]
        }
        ("networking.k8s.io" | "gateway.networking.k8s.io", _) if action != Action::Create => {
            vec![Risk::Traffic]
        }
        _ => Vec::new(),
    }
}
