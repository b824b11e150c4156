//! From a plan to file operations, and from their outcomes to the next inventory. The same for a branch and a directory.

use std::collections::{BTreeMap, BTreeSet};

use crate::layout::record::Record;
use crate::layout::{self, path};
use crate::model::fault::Fault;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::{Action, Change};
use crate::model::report::{Applied, Done};
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owned};

/// What one change does to the files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect<'a> {
    /// The object's file is written.
    Write(&'a Object),
    /// The object's file goes.
    Remove,
    /// Nothing: it is kept, or is so already.
    Leave,
    /// It cannot be done; why.
    Refuse(&'static str),
}

/// One change, its file, what is done to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step<'a> {
    /// The change of the plan.
    pub change: &'a Change,
    /// The file.
    pub path: String,
    /// What is done.
    pub effect: Effect<'a>,
}

impl Step<'_> {
    /// What became of the step, and what is there afterwards.
    pub(crate) fn applied(&self, result: Done, millis: u64) -> Applied {
        let after = match (&result, self.effect) {
            (Done::Changed | Done::Unchanged, Effect::Write(object)) => Some(object.body.clone()),
            _ => None,
        };
        Applied { id: self.change.id.clone(), action: self.change.action, result, after, millis }
    }
}

/// The steps of a run, writes before removals, hooks among them. An object may be removed only if the inventory has it.
pub(crate) fn steps<'a>(run: &Run<'a>) -> Result<Vec<Step<'a>>, Fault> {
    layout::files(run.bundle)?;
    let owned = |id: &ObjectId| run.inventory.is_some_and(|inventory| inventory.entries.contains_key(id));
    let object = |change: &'a Change| {
        let effect = match (change.action, run.bundle.find(&change.id)) {
            (Action::Keep | Action::None, _) => Effect::Leave,
            (Action::Delete, Some(_)) => Effect::Refuse("the plan deletes it and the bundle holds it"),
            (Action::Delete | Action::Move, None) if owned(&change.id) => Effect::Remove,
            (Action::Delete | Action::Move, None) => Effect::Refuse("the inventory does not hold it"),
            (_, Some(object)) => Effect::Write(object),
            (_, None) => Effect::Refuse("the bundle does not hold it"),
        };
        Step { change, path: path::of(&change.id), effect }
    };
    let hook = |change: &'a Change| {
        let found = run.bundle.hooks.iter().find(|hook| hook.id == change.id);
        let effect = found.map_or(Effect::Refuse("the bundle does not hold it"), Effect::Write);
        Step { change, path: path::of_hook(&change.id), effect }
    };
    let mut steps: Vec<_> =
        run.plan.changes.iter().map(object).chain(run.plan.hooks.iter().map(hook)).collect();
    steps.sort_by_key(|step| step.effect == Effect::Remove);
    // A hook that runs before the objects and after them is one file.
    let mut known = BTreeSet::new();
    steps.retain(|step| step.change.hook.is_none() || known.insert(step.path.clone()));
    Ok(steps)
}

/// The hooks that do not run this time, and so are not in the plan: nothing runs from files, which are to hold all of the
/// bundle, for whoever takes them further.
pub(crate) fn silent(run: &Run<'_>) -> Vec<Change> {
    let listed = |id: &ObjectId| run.plan.hooks.iter().any(|change| change.id == *id);
    let others = run.bundle.hooks.iter().filter(|hook| !listed(&hook.id));
    others.map(|hook| Change::new(Action::Create, hook.id.clone())).collect()
}

/// The steps that write them.
pub(crate) fn writing<'a>(silent: &'a [Change], run: &Run<'a>) -> Vec<Step<'a>> {
    let found = |change: &Change| run.bundle.hooks.iter().find(|hook| hook.id == change.id);
    let step = |change: &'a Change| {
        Some(Step { change, path: path::of_hook(&change.id), effect: Effect::Write(found(change)?) })
    };
    silent.iter().filter_map(step).collect()
}

/// The files of hooks that the run's bundle has.
pub(crate) fn hooks(run: &Run<'_>) -> BTreeMap<String, Vec<u8>> {
    run.bundle.hooks.iter().map(|hook| (path::of_hook(&hook.id), layout::bytes(hook))).collect()
}

/// The record that is written before the first file: old and new together, and no digest for what is about to change,
/// so that a crash leaves nothing unowned and nothing that is believed to be as it was.
pub(crate) fn ahead(scope: &Scope, run: &Run<'_>, old: Option<&Record>) -> Record {
    let mut inventory = run.inventory.cloned().unwrap_or_default();
    inventory.generation += 1;
    let stays = |change: &&Change| matches!(change.action, Action::Keep | Action::None);
    for change in run.plan.changes.iter().filter(|change| !stays(change)) {
        if let Some(owned) = inventory.entries.get_mut(&change.id) {
            owned.digest = None;
        } else if let Some(object) = run.bundle.find(&change.id) {
            let owned = Owned { uid: None, digest: None, app: object.origin.app.clone() };
            inventory.entries.insert(change.id.clone(), owned);
        }
    }
    if !run.plan.hooks.is_empty() {
        inventory.hooks = None;
    }
    let mut hooks = old.map(|old| old.hooks.clone()).unwrap_or_default();
    hooks.extend(self::hooks(run).into_keys());
    Record { environment: scope.environment.clone(), deployment: run.deployment.id.clone(), inventory, hooks }
}

/// The record after the run: what was written has its digest, what was removed is gone, and what failed stays as it was
/// written ahead. Commit, tree and plan are recorded only if everything happened.
pub(crate) fn after(run: &Run<'_>, ahead: &Record, applied: &[Applied]) -> Record {
    let mut record = ahead.clone();
    let undone: BTreeSet<_> = applied
        .iter()
        .filter(|applied| matches!(applied.result, Done::Failed(_) | Done::Skipped(_)))
        .map(|applied| &applied.id)
        .collect();
    let inventory: &mut Inventory = &mut record.inventory;
    for applied in applied.iter().filter(|applied| !undone.contains(&applied.id)) {
        let gone = matches!(applied.action, Action::Delete | Action::Move);
        if gone && run.bundle.find(&applied.id).is_none() {
            inventory.entries.remove(&applied.id);
        }
    }
    for object in run.bundle.objects.iter().filter(|object| !undone.contains(&object.id)) {
        let owned = Owned { uid: None, digest: Some(object.digest()), app: object.origin.app.clone() };
        inventory.entries.insert(object.id.clone(), owned);
    }
    if undone.is_empty() {
        inventory.commit = Some(run.deployment.commits.head.clone());
        inventory.tree = Some(run.deployment.commits.tree.clone());
        inventory.plan = run.plan.digest;
        inventory.hooks = run.bundle.hooks_digest();
        inventory.rebuilt = false;
        record.hooks = hooks(run).into_keys().collect();
    }
    record
}
