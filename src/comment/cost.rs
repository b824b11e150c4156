//! What it costs that an object goes: by its kind, and with what goes with it.

use crate::comment::words::{list, number, plural};
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Cascade, Change};

/// Kinds named of what goes with an object.
const KINDS: usize = 6;

/// What replacing an object costs beside that it goes and comes anew; none where that is all, or where its risks say it.
pub(crate) fn cost(change: &Change) -> Option<&'static str> {
    if change.action != Action::Replace {
        return None;
    }
    Some(match (change.id.group.as_str(), change.id.kind.as_str()) {
        ("apps", "StatefulSet") => "its pods are gone in between; its claims stay",
        ("apps", _) | ("", "Pod" | "ReplicationController") => "its pods are gone in between",
        ("", "Service") => "its addresses change",
        ("batch", "Job") => "it runs again",
        ("rbac.authorization.k8s.io", _) => "nobody has its rights in between",
        ("networking.k8s.io" | "gateway.networking.k8s.io", _) => "its addresses may change",
        _ => return None,
    })
}

/// Are these data of people's?
pub(crate) fn is_claim(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "PersistentVolumeClaim"
}

/// `2 PersistentVolumeClaims, 14 Deployments and 3 more kinds`; empty where nothing is known to go with it.
pub(crate) fn with_it(cascade: &[Cascade]) -> String {
    let told: Vec<String> = cascade.iter().filter(|one| one.count != Some(0)).map(some).collect();
    match told.len().saturating_sub(KINDS) {
        0 => told.join(", "),
        1 => format!("{} and 1 more kind", list(told.get(..KINDS).unwrap_or_default(), KINDS)),
        more => {
            format!("{} and {} more kinds", list(told.get(..KINDS).unwrap_or_default(), KINDS), number(more))
        }
    }
}

fn some(one: &Cascade) -> String {
    match one.count {
        Some(1) => format!("1 {}", one.kind),
        Some(n) => format!("{} {}", number(n), plural(&one.kind)),
        None => format!("{} that may not be counted", plural(&one.kind)),
    }
}

/// How many claims go with these objects.
pub(crate) fn claims(changes: &[&Change]) -> usize {
    let all = changes.iter().flat_map(|change| &change.cascade);
    all.filter(|one| is_claim(&one.group, &one.kind)).filter_map(|one| one.count).sum()
}

/// What goes with a namespace or a definition, in one phrase.
pub(crate) fn everything(id: &ObjectId, cascade: &[Cascade]) -> String {
    let all = if id.kind == "CustomResourceDefinition" {
        "every object of its kind goes with it"
    } else {
        "everything in it goes with it"
    };
    match with_it(cascade) {
        told if told.is_empty() => all.to_owned(),
        told => format!("{all}: {told}"),
    }
}
