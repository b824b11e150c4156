//! Adapter: a folder on this machine as a target, for trials.
//!
//! Each environment has its own folder, `<path>/<repository id>/<environment>`, laid out as [`crate::layout`] says. The
//! inventory is written ahead of the first file and shrinks after the last removal, each file is put in place whole, and
//! what the inventory does not hold is never touched: so a run that was cut off anywhere is mended by the next one.

mod error;
mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use error::Error;

use crate::layout::record::{self, Record};
use crate::layout::step::{self, Effect, Step};
use crate::layout::{self, seen};
use crate::model::object::{Object, ObjectId};
use crate::model::report::{Applied, Done};
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owned, Seen};

/// A folder that holds environments.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The target at `root`, which is made when something is first written to it.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where an environment's files lie.
    pub(crate) fn folder(&self, scope: &Scope) -> PathBuf {
        let id = &scope.environment;
        self.root.join(id.repo.to_string()).join(id.name.as_str())
    }

    /// What the environment owns here; none: nothing was ever deployed.
    pub(crate) async fn own(&self, scope: &Scope) -> Result<Option<Inventory>, Error> {
        Ok(self.record(scope).await?.map(|record| record.inventory))
    }

    /// How each wanted object, and each that Git no longer holds, stands here. Nothing is written.
    pub(crate) async fn look(
        &self,
        scope: &Scope,
        wanted: &[&Object],
        gone: &[(ObjectId, Owned)],
    ) -> Result<Vec<Seen>, Error> {
        let folder = self.folder(scope);
        let inventory = self.own(scope).await?;
        let mut files = BTreeMap::new();
        for path in seen::paths(wanted, gone) {
            if let Some(bytes) = file::read(&folder, &path).await? {
                files.insert(path, bytes);
            }
        }
        Ok(seen::seen(wanted, gone, inventory.as_ref(), |path| files.get(path).map(Vec::as_slice)))
    }

    /// Makes the plan true. What happened to each change is in the answer; an error means that nothing was changed, or
    /// that the inventory could not be brought up to date, which the next run does.
    pub(crate) async fn apply(&self, scope: &Scope, run: &Run<'_>) -> Result<Vec<Applied>, Error> {
        let folder = self.folder(scope);
        let old = self.record(scope).await?;
        let generation =
            |inventory: Option<&Inventory>| inventory.map_or(0, |inventory| inventory.generation);
        if generation(old.as_ref().map(|old| &old.inventory)) != generation(run.inventory) {
            return Err(Error::Stale { folder });
        }
        let steps = step::steps(run).map_err(Error::Author)?;
        let ahead = step::ahead(scope, run, old.as_ref());
        if let Some(old) = old.as_ref().filter(|_| steps.is_empty()) {
            let next = step::after(run, old, &[]);
            if next.same_files(old) {
                return Ok(Vec::new());
            }
        }
        if !run.permit.holds() {
            return Ok(steps.iter().map(|step| step.applied(stopped(), 0)).collect());
        }
        file::clear_unfinished(&folder).await?;
        file::write(&folder, record::PATH, &ahead.write()).await?;
        let mut applied = Vec::with_capacity(steps.len());
        for step in &steps {
            applied.push(take(&folder, step, run).await);
        }
        let silent = step::silent(run);
        for step in step::writing(&silent, run) {
            let kept = take(&folder, &step, run).await;
            if !matches!(kept.result, Done::Changed | Done::Unchanged) {
                applied.push(kept);
            }
        }
        let record = step::after(run, &ahead, &applied);
        for path in ahead.hooks.difference(&record.hooks) {
            file::remove(&folder, path).await?;
        }
        file::write(&folder, record::PATH, &record.write()).await?;
        Ok(applied)
    }

    async fn record(&self, scope: &Scope) -> Result<Option<Record>, Error> {
        match file::read(&self.folder(scope), record::PATH).await? {
            Some(bytes) => Record::read(&bytes, &scope.environment).map(Some).map_err(Error::Author),
            None => Ok(None),
        }
    }
}

fn stopped() -> Done {
    Done::Skipped("the deployment was asked to stop".to_owned())
}

/// Does one step. A file that cannot be written fails its own change and no other.
async fn take(folder: &Path, step: &Step<'_>, run: &Run<'_>) -> Applied {
    if !run.permit.holds() {
        return step.applied(stopped(), 0);
    }
    let begun = Instant::now();
    let result = match step.effect {
        Effect::Leave => Ok(Done::Unchanged),
        Effect::Refuse(why) => Ok(Done::Failed(why.to_owned())),
        Effect::Write(object) => write(folder, &step.path, object).await,
        Effect::Remove => file::remove(folder, &step.path).await.map(|()| Done::Changed),
    };
    let result = result.unwrap_or_else(|error| Done::Failed(crate::model::fault::chain(&error)));
    step.applied(result, u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}

async fn write(folder: &Path, path: &str, object: &Object) -> Result<Done, Error> {
    let there = file::read(folder, path).await?;
    let bytes = layout::bytes_over(object, there.as_deref());
    if there.is_some_and(|there| there == bytes) {
        return Ok(Done::Unchanged);
    }
    file::write(folder, path, &bytes).await?;
    Ok(Done::Changed)
}
