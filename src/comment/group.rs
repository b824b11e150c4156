//! Finds what is the same: one change in several environments, environments that change alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::comment::words::needs_care;
use crate::model::fault::Fault;
use crate::model::id::Digest;
use crate::model::object::{ObjectId, Remote};
use crate::model::plan::{Action, Change, Fidelity, PathChange, Plan, Risk};

/// One change, and the environments that it happens in.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    /// The change; its app and file are those of the first environment.
    pub change: &'a Change,
    /// Is it a hook?
    pub hook: bool,
    /// Where it happens, in the order of the plans.
    pub environments: Vec<&'a str>,
    /// The apps it comes from.
    pub apps: BTreeSet<&'a str>,
}

/// Environments that change alike: one row.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    /// Their plans, in the order of their names.
    pub plans: Vec<&'a Plan>,
}

impl<'a> Row<'a> {
    /// The plan that stands for all.
    pub(crate) fn plan(&self) -> Option<&'a Plan> {
        self.plans.first().copied()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.plans.iter().map(|plan| plan.name.as_str()).collect()
    }
}

/// What makes two changes one for a reader: all but the app, the file and the incarnation.
#[derive(Serialize)]
struct Likeness<'a> {
    hook: bool,
    action: Action,
    id: &'a ObjectId,
    fidelity: Fidelity,
    risks: &'a [Risk],
    paths: &'a [PathChange],
    diff: &'a str,
    warnings: &'a [String],
}

fn likeness(change: &Change, hook: bool) -> Digest {
    let alike = Likeness {
        hook,
        action: change.action,
        id: &change.id,
        fidelity: change.fidelity,
        risks: &change.risks,
        paths: &change.paths,
        diff: &change.diff,
        warnings: &change.warnings,
    };
    digest(&alike)
}

/// These types always become JSON; should one not, all of its kind would look alike and the first would stand for them.
fn digest<T: Serialize>(value: &T) -> Digest {
    Digest::of(&serde_json::to_vec(value).unwrap_or_default())
}

/// The changes of some plans, equal ones folded, most dangerous first.
pub(crate) fn groups<'a>(plans: &[&'a Plan]) -> Vec<Group<'a>> {
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for plan in plans {
        let hooks = plan.hooks.iter().map(|change| (change, true));
        for (change, hook) in plan.changes.iter().map(|change| (change, false)).chain(hooks) {
            let index = *known.entry(likeness(change, hook)).or_insert(groups.len());
            if index == groups.len() {
                groups.push(Group { change, hook, environments: Vec::new(), apps: BTreeSet::new() });
            }
            if let Some(group) = groups.get_mut(index) {
                group.environments.push(plan.name.as_str());
                group.apps.insert(change.app.as_str());
            }
        }
    }
    groups.sort_by(|a, b| {
        (danger(a.change), a.hook, &a.change.id).cmp(&(danger(b.change), b.hook, &b.change.id))
    });
    groups
}

/// Sorts by what is at stake, then by how much the action itself does.
pub(crate) fn danger(change: &Change) -> (bool, Option<Risk>, u8) {
    let order = match change.action {
        Action::Delete => 0,
        Action::Replace => 1,
        Action::Adopt => 2,
        Action::Move => 3,
        Action::Update => 4,
        Action::Create => 5,
        Action::Keep => 6,
        Action::None => 7,
    };
    let worst = change.risks.iter().min().copied();
    (worst.is_none(), worst, order)
}

/// The rows of the matrix: those that need care first, then those with errors, then other changes, then none.
pub(crate) fn rows(plans: &[Plan]) -> Vec<Row<'_>> {
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for plan in plans {
        let hooks = plan.hooks.iter().map(|change| likeness(change, true));
        let mut changes: Vec<Digest> =
            plan.changes.iter().map(|change| likeness(change, false)).chain(hooks).collect();
        changes.sort_unstable();
        let quiet = plan.is_empty() && plan.errors.is_empty();
        let key =
            digest(&(changes, &plan.errors, plan.baseline && !quiet, (!quiet).then_some(plan.fidelity)));
        let index = *known.entry(key).or_insert(rows.len());
        if index == rows.len() {
            rows.push(Row { plans: Vec::new() });
        }
        if let Some(row) = rows.get_mut(index) {
            row.plans.push(plan);
        }
    }
    rows.sort_by_key(|row| {
        row.plan().map(|plan| {
            let worst = plan.changes.iter().chain(&plan.hooks).filter_map(|change| danger(change).1).min();
            let idle = plan.is_empty() && plan.errors.is_empty();
            let careless = !plan.changes.iter().chain(&plan.hooks).any(needs_care);
            (idle, careless, plan.errors.is_empty(), worst.is_none(), worst)
        })
    });
    rows
}

/// The faults of all plans, equal ones folded, with the environments that have them.
pub(crate) fn faults(plans: &[Plan]) -> Vec<(&Fault, Vec<&str>)> {
    fold(plans.iter().flat_map(|plan| plan.errors.iter().map(|fault| (fault, plan.name.as_str()))))
}

/// The warnings of all plans, equal ones folded, with the environments that have them.
pub(crate) fn warnings(plans: &[Plan]) -> Vec<(&String, Vec<&str>)> {
    fold(plans.iter().flat_map(|plan| plan.warnings.iter().map(|text| (text, plan.name.as_str()))))
}

/// What was fetched for all plans, equal things folded, with the environments that needed them.
pub(crate) fn remotes(plans: &[Plan]) -> Vec<(&Remote, Vec<&str>)> {
    fold(plans.iter().flat_map(|plan| plan.remotes.iter().map(|remote| (remote, plan.name.as_str()))))
}

fn fold<'a, T: Serialize>(all: impl Iterator<Item = (&'a T, &'a str)>) -> Vec<(&'a T, Vec<&'a str>)> {
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut folded: Vec<(&T, Vec<&str>)> = Vec::new();
    for (item, name) in all {
        let index = *known.entry(digest(item)).or_insert(folded.len());
        match folded.get_mut(index) {
            Some((_, names)) if names.last() == Some(&name) => {}
            Some((_, names)) => names.push(name),
            None => folded.push((item, vec![name])),
        }
    }
    folded
}
