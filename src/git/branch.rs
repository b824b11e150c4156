//! A branch of rendered manifests as a target: one commit per deployment, for people to read and for other tools to take
//! further.
//!
//! A commit is all or nothing, so there is no writing ahead here: the inventory and the files move together. The push
//! names the commit that the plan was made against, so that a race is refused and looked at again; and each commit names
//! its deployment, so that one whose answer got lost is found again and not made twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::git::error::{Error, Kind};
use crate::git::materialise::Limits;
use crate::git::message;
use crate::git::mirror::{Mirror, SCRATCH, Want};
use crate::git::objects::{Entry, EntryKind, Objects};
use crate::git::push::Draft;
use crate::layout::record::{self, Record};
use crate::layout::step::{self, Effect, Step};
use crate::layout::{self, seen};
use crate::model::deployment::Deployment;
use crate::model::fault::Fault;
use crate::model::id::{Branch, EnvironmentName, Sha};
use crate::model::object::{Object, ObjectId};
use crate::model::report::{Applied, Done};
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owned, Seen};

/// Which branch, and in whose name commits are made.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The branch.
    pub branch: Branch,
    /// Branches that it must not be: the default branch, tracked ones, bases of pull requests.
    pub forbidden: Vec<Branch>,
    /// The committer's name: our App's.
    pub name: String,
    /// The committer's address.
    pub email: String,
    /// When commits are made.
    pub now: Timestamp,
}

/// A branch of rendered manifests.
#[derive(Debug)]
pub(crate) struct BranchTarget {
    mirror: Mirror,
    token: SecretString,
    settings: Settings,
    seen: Mutex<Glance>,
}

/// What the branch was when it was last looked at or written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Glance {
    /// Nobody looked yet.
    #[default]
    None,
    /// It was not there.
    Absent,
    /// Its tip.
    Tip(Sha),
}

impl From<Option<Sha>> for Glance {
    fn from(tip: Option<Sha>) -> Self {
        tip.map_or(Self::Absent, Self::Tip)
    }
}

/// The branch that a pattern of the operator's names for an environment.
pub(crate) fn name(pattern: &str, environment: &EnvironmentName) -> Result<Branch, Error> {
    let name = pattern.replace("{environment}", environment.as_str());
    name.parse().map_err(|error| Error::Setting(format!("the target's branch: {error}")))
}

impl BranchTarget {
    /// The target on this branch; refused if that is a branch which people work on.
    pub(crate) fn open(mirror: Mirror, token: SecretString, settings: Settings) -> Result<Self, Error> {
        if settings.forbidden.contains(&settings.branch) {
            let fault = Fault::new(format!(
                "rendered manifests cannot be written to {}: it is the default branch, a tracked one, or a pull request's base",
                settings.branch
            ));
            return Err(Error::Author(fault.hint("name another branch in the operator's file")));
        }
        Ok(Self { mirror, token, settings, seen: Mutex::default() })
    }

    /// The tip as it was last seen or made; none: the branch is not there.
    pub(crate) async fn tip(&self) -> Option<Sha> {
        match &*self.seen.lock().await {
            Glance::Tip(tip) => Some(tip.clone()),
            Glance::Absent | Glance::None => None,
        }
    }

    /// What the environment owns on the branch; none: nothing was ever deployed. A branch that holds another
    /// environment's manifests is refused.
    pub(crate) async fn own(&self, scope: &Scope) -> Result<Option<Inventory>, Error> {
        let tip = self.refresh().await?;
        *self.seen.lock().await = tip.clone().into();
        Ok(self.record(scope, tip.as_ref()).await?.map(|record| record.inventory))
    }

    /// How each wanted object, and each that Git no longer holds, stands on the branch as it was when [`Self::own`] was
    /// asked; should it have moved since, [`Self::apply`] sees it.
    pub(crate) async fn look(
        &self,
        scope: &Scope,
        wanted: &[&Object],
        gone: &[(ObjectId, Owned)],
    ) -> Result<Vec<Seen>, Error> {
        if *self.seen.lock().await == Glance::None {
            self.own(scope).await?;
        }
        let tip = self.tip().await;
        let inventory = self.record(scope, tip.as_ref()).await?.map(|record| record.inventory);
        let mut files = BTreeMap::new();
        if let Some(tip) = tip {
            let paths: BTreeSet<String> = seen::paths(wanted, gone).into_iter().collect();
            let objects = self.objects();
            let here: Vec<Entry> =
                plain(objects.list(&tip).await?).filter(|entry| paths.contains(&entry.path)).collect();
            files = objects.contents(here, &Limits::default()).await?;
        }
        Ok(seen::seen(wanted, gone, inventory.as_ref(), |path| files.get(path).map(Vec::as_slice)))
    }

    /// Makes the plan true in one commit, or not at all. If the branch moved since it was looked at: [`Error::Stale`].
    pub(crate) async fn apply(&self, scope: &Scope, run: &Run<'_>) -> Result<Vec<Applied>, Error> {
        let tip = self.refresh().await?;
        let steps = step::steps(run).map_err(Error::Author)?;
        if self.happened(tip.as_ref(), run.deployment).await? {
            *self.seen.lock().await = tip.into();
            return Ok(steps.iter().map(|step| settled(step, Done::Changed)).collect());
        }
        let old = self.record(scope, tip.as_ref()).await?;
        self.unmoved(tip.as_ref(), old.as_ref(), run).await?;
        if !run.permit.holds() {
            let stopped = || Done::Skipped("the deployment was asked to stop".to_owned());
            return Ok(steps.iter().map(|step| step.applied(stopped(), 0)).collect());
        }
        let commit =
            self.write(scope, run, Parent { tip: tip.as_ref(), record: old.as_ref() }, &steps).await?;
        if let Some(commit) = &commit.sha {
            self.publish(tip.as_ref(), commit).await?;
        }
        Ok(commit.applied)
    }

    /// Did this very deployment make the tip, and was only its answer lost?
    async fn happened(&self, tip: Option<&Sha>, deployment: &Deployment) -> Result<bool, Error> {
        let Some(tip) = tip else { return Ok(false) };
        let trailer = message::deployment(deployment);
        Ok(self.objects().message(tip).await?.lines().any(|line| line == trailer))
    }

    /// Refuses to go on from another state than the plan was made for.
    async fn unmoved(&self, tip: Option<&Sha>, old: Option<&Record>, run: &Run<'_>) -> Result<(), Error> {
        let stale = || Error::Stale { what: format!("branch {}", self.settings.branch) };
        let generation =
            |inventory: Option<&Inventory>| inventory.map_or(0, |inventory| inventory.generation);
        if generation(old.map(|old| &old.inventory)) != generation(run.inventory) {
            return Err(stale());
        }
        let seen = self.seen.lock().await;
        if *seen == Glance::None || *seen == tip.cloned().into() { Ok(()) } else { Err(stale()) }
    }

    /// Makes the commit; none where it would change nothing.
    async fn write(
        &self,
        scope: &Scope,
        run: &Run<'_>,
        parent: Parent<'_>,
        steps: &[Step<'_>],
    ) -> Result<Commit, Error> {
        let objects = self.objects();
        let there: BTreeMap<String, Entry> = match parent.tip {
            Some(tip) => {
                objects.list(tip).await?.into_iter().map(|entry| (entry.path.clone(), entry)).collect()
            }
            None => BTreeMap::new(),
        };
        let scratch = tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(self.mirror.cache())
            .map_err(Error::io("cannot make a folder in", self.mirror.cache()))?;
        let silent = step::silent(run);
        let all: Vec<Step<'_>> = steps.iter().cloned().chain(step::writing(&silent, run)).collect();
        let (mut files, mut applied) = self.stored(&all, &there, scratch.path()).await?;
        let quiet = applied.iter().all(|applied| applied.result != Done::Changed);
        applied.truncate(steps.len());
        let ahead = step::ahead(scope, run, parent.record);
        let record = step::after(run, &ahead, &applied);
        let same = parent.record.is_some_and(|old| old.same_files(&record));
        if same && quiet {
            return Ok(Commit { sha: None, applied });
        }
        let stored = objects.store(&[&record.write()], scratch.path()).await?;
        files.extend(stored.into_iter().map(|blob| (record::PATH.to_owned(), blob)));
        let removed = steps.iter().filter(|step| step.effect == Effect::Remove).map(|step| &step.path);
        let unhooked = ahead.hooks.difference(&record.hooks);
        let removed = removed.chain(unhooked).filter(|path| there.contains_key(*path)).cloned().collect();
        let draft = Draft {
            parent: parent.tip,
            files,
            removed,
            message: message::of(run),
            author: (&self.settings.name, &self.settings.email),
            now: self.settings.now,
        };
        Ok(Commit { sha: Some(objects.commit(&draft, scratch.path()).await?), applied })
    }

    /// Stores what the steps write, and tells of each step whether it changes anything.
    async fn stored(
        &self,
        steps: &[Step<'_>],
        there: &BTreeMap<String, Entry>,
        scratch: &std::path::Path,
    ) -> Result<(BTreeMap<String, Sha>, Vec<Applied>), Error> {
        let kept = self.kept(steps, there).await?;
        let written: Vec<(&Step<'_>, Vec<u8>)> = steps
            .iter()
            .filter_map(|step| match step.effect {
                Effect::Write(object) => {
                    let there = kept.get(&step.path).map(Vec::as_slice);
                    Some((step, layout::bytes_over(object, there)))
                }
                Effect::Remove | Effect::Leave | Effect::Refuse(_) => None,
            })
            .collect();
        let contents: Vec<&[u8]> = written.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let blobs = self.objects().store(&contents, scratch).await?;
        let files: BTreeMap<String, Sha> =
            written.iter().zip(blobs).map(|((step, _), blob)| (step.path.clone(), blob)).collect();
        let applied = steps.iter().map(|step| {
            let is_so = match step.effect {
                Effect::Write(_) => there.get(&step.path).map(|entry| &entry.blob) == files.get(&step.path),
                Effect::Remove => !there.contains_key(&step.path),
                Effect::Leave | Effect::Refuse(_) => true,
            };
            settled(step, if is_so { Done::Unchanged } else { Done::Changed })
        });
        let applied = applied.collect();
        Ok((files, applied))
    }

    /// The files that hold what is another at each render, and must not be written over blindly.
    async fn kept(
        &self,
        steps: &[Step<'_>],
        there: &BTreeMap<String, Entry>,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let holds =
            |step: &&Step<'_>| matches!(step.effect, Effect::Write(object) if !object.volatile.is_empty());
        let holders = steps.iter().filter(holds).filter_map(|step| there.get(&step.path).cloned());
        let entries: Vec<Entry> = plain(holders.collect()).collect();
        if entries.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.objects().contents(entries, &Limits::default()).await
    }

    /// Pushes, and after an outcome that is not known looks whether it happened.
    async fn publish(&self, old: Option<&Sha>, new: &Sha) -> Result<(), Error> {
        let pushed = self.mirror.push(&self.token, &self.settings.branch, old, new).await;
        match pushed {
            Err(error) if error.kind() == Kind::Weather && !matches!(error, Error::Stale { .. }) => {
                if self.refresh().await.ok().flatten().as_ref() != Some(new) {
                    return Err(error);
                }
            }
            result => result?,
        }
        *self.seen.lock().await = Glance::Tip(new.clone());
        Ok(())
    }

    /// The branch's tip on the host now; none: it is not there.
    async fn refresh(&self) -> Result<Option<Sha>, Error> {
        let branch = &self.settings.branch;
        match self.mirror.fetch(&self.token, &[Want::Branch(branch.clone())]).await {
            Ok(()) => self.mirror.tip(branch).await,
            Err(error) if error.is_no_reference() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn record(&self, scope: &Scope, tip: Option<&Sha>) -> Result<Option<Record>, Error> {
        let Some(tip) = tip else { return Ok(None) };
        match self.objects().read(tip, record::PATH, record::LARGEST).await? {
            Some(bytes) => Record::read(&bytes, &scope.environment).map(Some).map_err(Error::Author),
            None => Ok(None),
        }
    }

    fn objects(&self) -> Objects {
        self.mirror.objects(Some(&self.token))
    }
}

/// What a commit follows.
#[derive(Clone, Copy)]
struct Parent<'a> {
    tip: Option<&'a Sha>,
    record: Option<&'a Record>,
}

/// A commit that was made, unless there was nothing to say, and what it does to each change.
struct Commit {
    sha: Option<Sha>,
    applied: Vec<Applied>,
}

fn plain(entries: Vec<Entry>) -> impl Iterator<Item = Entry> {
    entries.into_iter().filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable))
}

/// What became of a step once the commit is there.
fn settled(step: &Step<'_>, done: Done) -> Applied {
    let done = match step.effect {
        Effect::Write(_) | Effect::Remove => done,
        Effect::Leave => Done::Unchanged,
        Effect::Refuse(why) => Done::Failed(why.to_owned()),
    };
    step.applied(done, 0)
}
