//! Finds what is the same: one change in several environments, environments that change alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::comment::words::plan_needs_care;
use crate::model::fault::Fault;
use crate::model::id::Digest;
use crate::model::object::{ObjectId, Remote};
use crate::model::plan::{
    Action, Cascade, Change, Conflict, Fidelity, Hook, Pair, PathChange, Plan, Risk, Transfer,
};

/// One change, and the environments that it happens in.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    /// The change; its app and file are those of the first environment.
    pub change: &'a Change,
    /// What it succeeds and what goes for it: both are one change for people.
    pub gone: Option<&'a Change>,
    /// Other objects of its kind to which the same happens in the same places.
    pub also: Vec<&'a Change>,
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
    conflicts: &'a [Conflict],
    cascade: &'a [Cascade],
    transfer: Option<&'a Transfer>,
    pair: Option<&'a Pair>,
    when: Option<Hook>,
}

fn likeness(change: &Change, id: &ObjectId, hook: bool) -> Digest {
    let alike = Likeness {
        hook,
        action: change.action,
        id,
        fidelity: change.fidelity,
        risks: &change.risks,
        paths: &change.paths,
        diff: &change.diff,
        warnings: &change.warnings,
        conflicts: &change.conflicts,
        cascade: &change.cascade,
        transfer: change.transfer.as_ref(),
        pair: change.pair.as_ref(),
        when: change.hook,
    };
    digest(&alike)
}

fn own(change: &Change, hook: bool) -> Digest {
    likeness(change, &change.id, hook)
}

/// These types always become JSON; should one not, all of its kind would look alike and the first would stand for them.
fn digest<T: Serialize>(value: &T) -> Digest {
    Digest::of(&serde_json::to_vec(value).unwrap_or_default())
}

/// The changes of some plans, equal ones folded, most dangerous first; what succeeds another object, with that one.
pub(crate) fn groups<'a>(plans: &[&'a Plan]) -> Vec<Group<'a>> {
    let mut groups = folded(plans.iter().flat_map(|plan| {
        let halves = halves(plan);
        let gone: BTreeSet<&ObjectId> = halves.values().map(|gone| &gone.id).collect();
        let shown: Vec<_> = plan.changes.iter().filter(|change| !gone.contains(&change.id)).collect();
        shown.into_iter().map(move |change| (*plan, change, halves.get(&change.id).copied()))
    }));
    let worst = |group: &Group<'_>| match group.gone {
        Some(gone) => danger(gone).min(danger(group.change)),
        None => danger(group.change),
    };
    groups.sort_by(|a, b| (worst(a), &a.change.id).cmp(&(worst(b), &b.change.id)));
    alike(groups)
}

/// Further objects of one section: all of them are named there.
pub(crate) const ALSO: usize = 60;

/// The same update of several objects of a kind becomes one, as far as all of them can be named. Whatever else happens is told
/// for each by itself.
fn alike(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let mut known: BTreeMap<(Digest, Vec<&str>), usize> = BTreeMap::new();
    let mut out: Vec<Group<'_>> = Vec::with_capacity(groups.len());
    for group in groups {
        if group.change.action != Action::Update || group.gone.is_some() {
            out.push(group);
            continue;
        }
        let id = ObjectId { namespace: None, name: String::new(), ..group.change.id.clone() };
        let key = (likeness(group.change, &id, false), group.environments.clone());
        let index = *known.entry(key.clone()).or_insert(out.len());
        if let Some(first) = out.get_mut(index).filter(|first| first.also.len() < ALSO) {
            first.also.push(group.change);
            first.apps.extend(group.apps);
        } else {
            known.insert(key, out.len());
            out.push(group);
        }
    }
    out
}

/// What runs in some plans, equal ones folded, in the order in which it runs.
pub(crate) fn hooks<'a>(plans: &[&'a Plan]) -> Vec<Group<'a>> {
    let all = plans.iter().flat_map(|plan| plan.hooks.iter().map(|hook| (*plan, hook, None)));
    let mut groups = folded(all);
    for group in &mut groups {
        group.hook = true;
    }
    let when = |group: &Group<'_>| group.change.hook.map(|hook| (hook.phase, hook.weight));
    groups.sort_by(|a, b| (when(a), &a.change.id).cmp(&(when(b), &b.change.id)));
    groups
}

/// For each successor in a plan, what goes for it.
fn halves(plan: &Plan) -> BTreeMap<&ObjectId, &Change> {
    let going = plan.changes.iter().filter(|change| change.action == Action::Delete && change.pair.is_some());
    let going: BTreeMap<&ObjectId, &Change> = going.map(|change| (&change.id, change)).collect();
    let pairs = plan.changes.iter().filter(|change| change.action != Action::Delete).filter_map(|change| {
        let gone = going.get(&change.pair.as_ref()?.id)?;
        (gone.pair.as_ref()?.id == change.id).then_some((&change.id, *gone))
    });
    pairs.collect()
}

fn folded<'a>(all: impl Iterator<Item = (&'a Plan, &'a Change, Option<&'a Change>)>) -> Vec<Group<'a>> {
    let mut known: BTreeMap<(Digest, Option<Digest>), usize> = BTreeMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (plan, change, gone) in all {
        let key = (own(change, false), gone.map(|gone| own(gone, false)));
        let index = *known.entry(key).or_insert(groups.len());
        if index == groups.len() {
            let (environments, apps) = (Vec::new(), BTreeSet::new());
            groups.push(Group { change, gone, also: Vec::new(), hook: false, environments, apps });
        }
        if let Some(group) = groups.get_mut(index) {
            group.environments.push(plan.name.as_str());
            group.apps.insert(change.app.as_str());
        }
    }
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
        let hooks = plan.hooks.iter().map(|change| own(change, true));
        let mut changes: Vec<Digest> =
            plan.changes.iter().map(|change| own(change, false)).chain(hooks).collect();
        changes.sort_unstable();
        let quiet = plan.is_empty() && plan.errors.is_empty();
        let key = digest(&(
            changes,
            (!quiet).then_some(plan.pending.len()),
            &plan.errors,
            plan.baseline && !quiet,
            (!quiet).then_some(plan.fidelity),
        ));
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
            let careless = !plan_needs_care(plan);
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
