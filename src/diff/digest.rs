//! The effect digest: what an approval is bound to; and the comparison of what was approved with what would happen now.

use serde_json::{Value, json};

use crate::model::canonical;
use crate::model::id::{Digest, EnvironmentId};
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Change, Class, Fidelity, Plan};

/// SHA-256 over the environment, the target and every change's effect, sorted by identity. The changes are masked
/// already: secrets enter through their keyed marks. Commits, wording and fidelity do not enter.
pub(crate) fn digest(
    environment: &EnvironmentId,
    target: &str,
    changes: &[Change],
    hooks: &[Change],
) -> Digest {
    let entries: Vec<Value> = sorted(changes, hooks).into_iter().map(|change| effect(change, true)).collect();
    canonical::digest(&json!({"environment": environment.to_string(), "target": target, "entries": entries}))
}

fn sorted<'a>(changes: &'a [Change], hooks: &'a [Change]) -> Vec<&'a Change> {
    let mut all: Vec<&Change> =
        changes.iter().chain(hooks).filter(|change| change.action != Action::Keep).collect();
    all.sort_by(|a, b| (&a.id, a.action).cmp(&(&b.id, b.action)));
    all
}

/// What one change does, without why: the same effect whether it is this change or pending by now.
fn effect(change: &Change, side_effects: bool) -> Value {
    let bound = matches!(change.action, Action::Replace | Action::Delete);
    let paths: Vec<Value> = if change.action == Action::Delete {
        Vec::new() // bound by its incarnation; what it held when it goes is not what was approved
    } else {
        let mut paths: Vec<_> = change
            .paths
            .iter()
            .filter(|path| path.class.has_effect() && (side_effects || path.class != Class::SideEffect))
            .map(|path| {
                (
                    path.path.as_str(),
                    canonical::digest(&path.before).hex(),
                    canonical::digest(&path.after).hex(),
                )
            })
            .collect();
        paths.sort_unstable();
        paths.into_iter().map(|(path, before, after)| json!([path, before, after])).collect()
    };
    json!({
        "action": change.action.word(),
        "id": [change.id.group, change.id.kind, change.id.namespace, change.id.name],
        "uid": change.uid.as_deref().filter(|_| bound),
        "paths": paths,
    })
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
    let find =
        |change: &Change| then.iter().find(|old| old.id == change.id && old.action == change.action).copied();
    let differing: Vec<ObjectId> = current
        .iter()
        .filter(|change| find(change).is_none_or(|old| !covers(old, change)))
        .map(|change| change.id.clone())
        .collect();
    if !differing.is_empty() {
        return Comparison::Differs { objects: differing };
    }
    let missing: Vec<ObjectId> = then
        .iter()
        .filter(|old| !current.iter().any(|change| change.id == old.id && change.action == old.action))
        .map(|old| old.id.clone())
        .collect();
    // With the same rendered bytes an entry can only be missing because its after-state is live.
    if missing.is_empty() {
        Comparison::Sharper
    } else if approved.bundle == now.bundle {
        Comparison::Subset { done: missing }
    } else {
        Comparison::Differs { objects: missing }
    }
}

/// Is the effect the approved one, side effects aside where the target can now answer better than then?
fn covers(old: &Change, change: &Change) -> bool {
    let sharper = change.fidelity > old.fidelity || old.fidelity == Fidelity::Rendered;
    effect(old, true) == effect(change, true) || (sharper && effect(old, false) == effect(change, false))
}
