//! What it costs that an object goes: by its kind, and with what goes with it.

use crate::comment::words::{count, kinds, list, number, plural};
use crate::model::plan::{Action, Cascade, Change, Risk};

/// Kinds named of what goes with an object.
const KINDS: usize = 6;
/// The same in a row of the matrix.
const ROW: usize = 2;

/// What replacing an object costs beside that it goes and comes anew; none where that is all, or where its risks say it.
pub(crate) fn cost(change: &Change) -> Option<&'static str> {
    if change.action != Action::Replace {
        return None;
    }
    Some(match (change.id.group.as_str(), change.id.kind.as_str()) {
        ("apps", "StatefulSet") if change.risks.contains(&Risk::LosesData) => "its pods are gone in between",
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
        None => format!("{} in unknown number (they may not be listed)", plural(&one.kind)),
    }
}

/// Does it take along what is of its kind, rather than what is in it?
fn defines(change: &Change) -> bool {
    change.id.kind == "CustomResourceDefinition"
}

/// Is it known that nothing goes with it? A target that does not count says nothing.
fn alone(cascade: &[Cascade]) -> bool {
    !cascade.is_empty() && cascade.iter().all(|one| one.count == Some(0))
}

/// What goes with a namespace or a definition, in one phrase.
pub(crate) fn everything(change: &Change) -> String {
    let (all, none, unknown) = if defines(change) {
        (
            "every object of its kind is lost",
            "there is no object of its kind",
            "how many there are is not known",
        )
    } else {
        ("everything in it is lost", "nothing is in it", "what is in it is not known")
    };
    match with_it(&change.cascade) {
        _ if alone(&change.cascade) => none.to_owned(),
        told if told.is_empty() => format!("{all}; {unknown}"),
        told => format!("{all}: {told}"),
    }
}

/// What a row says of objects that take others along: `deletes a Namespace and 17 objects in it (2
/// PersistentVolumeClaims, 14 Deployments and more)`.
pub(crate) fn going(verb: &str, hit: &[&Change]) -> Vec<String> {
    let (definitions, places): (Vec<&Change>, Vec<&Change>) =
        hit.iter().copied().partition(|change| defines(change));
    let both = [places, definitions].into_iter().filter(|some| !some.is_empty());
    both.map(|some| format!("{verb} {}{}", kinds(&some), along(&some))).collect()
}

fn along(some: &[&Change]) -> String {
    let all = summed(some);
    let of_kind = some.iter().all(|change| defines(change));
    let (it, its) = if some.len() == 1 { ("it", "its kind") } else { ("them", "their kinds") };
    // One that was not counted makes the sum a lower bound.
    let open = all.iter().any(|one| one.count.is_none()) || some.iter().any(|one| one.cascade.is_empty());
    let sum: usize = all.iter().filter_map(|one| one.count).sum();
    let told = kinds_of(&all);
    match (of_kind, sum) {
        (true, 0) if !open => format!("; there is no object of {its}"),
        (true, 0) => format!(": every object of {its} is lost (how many there are is not known)"),
        (true, _) => format!(": every object of {its} is lost ({told})"),
        (false, 0) if !open => format!("; nothing is in {it}"),
        (false, 0) if told.is_empty() => format!(" and everything in {it}; what is in {it} is not known"),
        (false, 0) => format!(" and everything in {it}: {told}"),
        (false, _) => {
            let least = if open { "at least " } else { "" };
            format!(" and {least}{} in {it} ({told})", count(sum, "object"))
        }
    }
}

/// The same kinds of several objects, added up; claims first.
fn summed(some: &[&Change]) -> Vec<Cascade> {
    let mut all: Vec<Cascade> = Vec::new();
    for one in some.iter().flat_map(|change| &change.cascade).filter(|one| one.count != Some(0)) {
        match all.iter_mut().find(|known| known.group == one.group && known.kind == one.kind) {
            Some(known) => known.count = known.count.zip(one.count).map(|(a, b)| a + b),
            None => all.push(one.clone()),
        }
    }
    all.sort_by_key(|one| !is_claim(&one.group, &one.kind));
    all
}

/// `2 PersistentVolumeClaims, 14 Deployments and more`.
fn kinds_of(all: &[Cascade]) -> String {
    let told: Vec<String> = all.iter().take(ROW).map(some).collect();
    let more = if all.len() > ROW { " and more" } else { "" };
    format!("{}{more}", told.join(", "))
}
