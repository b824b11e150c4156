//! The effect digest: what an approval is bound to; and the comparison of what was approved with what would happen now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::diff::mask::Mask;
use crate::diff::paths::Difference;
use crate::model::canonical;
use crate::model::id::{Digest, EnvironmentId};
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Change, Class, Effect, Fidelity, Hook, Phase, Plan, Risk};

/// One differing path with its values in clear, and why it differs.
pub(crate) struct Deed {
    /// Why.
    pub class: Class,
    /// The path and its values.
    pub difference: Difference,
}

impl Deed {
    /// The whole object comes, goes, or is put in place of another.
    pub(crate) fn whole(class: Class, before: Option<Value>, after: Option<Value>) -> Self {
        Self { class, difference: Difference { path: String::new(), place: String::new(), before, after } }
    }
}

/// What a change does, without why: the same effect whether it is this change or pending by now.
pub(crate) fn effect(mask: &Mask<'_>, deeds: &[Deed]) -> Effect {
    let keyed = |value: &Option<Value>| mask.keyed(value.as_ref().unwrap_or(&Value::Null)).hex();
    let mut entries: Vec<(&str, String, String, bool)> = deeds
        .iter()
        .filter(|deed| deed.class.has_effect())
        .map(|Deed { class, difference: Difference { path, before, after, .. } }| {
            (path.as_str(), keyed(before), keyed(after), *class == Class::SideEffect)
        })
        .collect();
    entries.sort_unstable();
    let sum = |side_effects: bool| {
        let kept = entries.iter().filter(|(.., side)| side_effects || !side);
        canonical::digest(&kept.map(|(path, before, after, _)| json!([path, before, after])).collect())
    };
    Effect { whole: sum(true), declared: sum(false) }
}

/// SHA-256 over the environment, the target and every change's effect, sorted by identity. Values enter through their keyed
/// digests only. Commits, wording and fidelity do not enter.
pub(crate) fn digest(
    environment: &EnvironmentId,
    target: &str,
    changes: &[Change],
    hooks: &[Change],
) -> Digest {
    let entries: Vec<Value> =
        sorted(changes, hooks).into_iter().map(|change| entry(change, |effect| effect.whole)).collect();
    canonical::digest(&json!({"environment": environment.to_string(), "target": target, "entries": entries}))
}

fn sorted<'a>(changes: &'a [Change], hooks: &'a [Change]) -> Vec<&'a Change> {
    let mut all: Vec<&Change> =
        changes.iter().chain(hooks).filter(|change| change.action != Action::Keep).collect();
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    all
}

/// One change in the digest.
fn entry(change: &Change, of: fn(&Effect) -> Digest) -> Value {
    let ends = matches!(change.action, Action::Replace | Action::Delete);
    let bound = ends || matches!(change.action, Action::Adopt | Action::Move);
    let mut entry = json!({
        "action": change.action.word(),
        "id": [change.id.group, change.id.kind, change.id.namespace, change.id.name],
        "uid": change.uid.as_deref().filter(|_| bound),
        "effect": change.effect.as_ref().map(of).map(|digest| digest.hex()),
    });
    // What goes with it is counted afresh each time; that data comes to go with it is another thing than was approved.
    if ends && change.risks.contains(&Risk::LosesData) {
        entry["loses"] = json!("data");
    }
    if let Some(transfer) = change.transfer.as_ref().filter(|_| change.action == Action::Move) {
        entry["from"] = json!(transfer.from.environment);
    }
    // Whether a hook runs before or after the objects follows from what was deployed before, and not from its body alone.
    if let Some(Hook { phase, weight: _ }) = change.hook {
        entry["phase"] = json!(phase);
    }
    entry
}

/// How what would happen now compares with what was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The same effect: go.
    Equal,
    /// Part of it is live already, the rest is equal: go, and say so.
    Subset {
        /// What is live already.
        done: Vec<ObjectId>,
    },
    /// Only the fidelity rose, and only side effects differ: go, and say so.
    Sharper,
    /// Something else would happen: stop and show.
    Differs {
        /// The objects whose effect is not the approved one.
        objects: Vec<ObjectId>,
    },
}

/// Compares the approved plan with the plan made now, under the lock.
pub(crate) fn compare(approved: &Plan, now: &Plan) -> Comparison {
    if approved.digest.is_some() && approved.digest == now.digest {
        return Comparison::Equal;
    }
    if approved.target != now.target {
        return Comparison::Differs { objects: now.changes.iter().map(|change| change.id.clone()).collect() };
    }
    let (then, current) = (sorted(&approved.changes, &approved.hooks), sorted(&now.changes, &now.hooks));
    // Objects that get a name each have one key, so each approval is used up once.
    let mut approvals: BTreeMap<_, Vec<&Change>> = BTreeMap::new();
    for old in then {
        approvals.entry(key(old)).or_default().push(old);
    }
    let mut differing = Vec::new();
    for change in current {
        let olds = approvals.entry(key(change)).or_default();
        match olds.iter().position(|old| covers(old, change)) {
            Some(at) => drop(olds.remove(at)),
            None => differing.push(change.id.clone()),
        }
    }
    if !differing.is_empty() {
        return Comparison::Differs { objects: differing };
    }
    let kept: BTreeSet<&ObjectId> =
        now.changes.iter().filter(|change| change.action == Action::Keep).map(|change| &change.id).collect();
    let missing: Vec<ObjectId> = approvals.into_values().flatten().map(|old| old.id.clone()).collect();
    // What was to go and is kept now is told by the plan itself; it is not done.
    let missing_and_kept = missing.iter().any(|id| kept.contains(id));
    // With the same rendered bytes an entry can only be missing because its after-state is live.
    if missing_and_kept {
        Comparison::Differs { objects: missing.into_iter().filter(|id| kept.contains(id)).collect() }
    } else if missing.is_empty() {
        Comparison::Sharper
    } else if approved.bundle == now.bundle {
        Comparison::Subset { done: missing }
    } else {
        Comparison::Differs { objects: missing }
    }
}

/// What an entry is found by again. A hook may run both before and after the objects.
fn key(change: &Change) -> (&ObjectId, Action, Option<Phase>) {
    (&change.id, change.action, change.hook.map(|hook| hook.phase))
}

/// Is the effect the approved one, side effects aside where the target can now answer better than then?
fn covers(old: &Change, change: &Change) -> bool {
    let sharper = change.fidelity > old.fidelity || old.fidelity == Fidelity::Rendered;
    let same = |of: fn(&Effect) -> Digest| entry(old, of) == entry(change, of);
    old.effect.is_some() && (same(|effect| effect.whole) || (sharper && same(|effect| effect.declared)))
}
