//! How much one job may render: time over everything it renders, apps and objects over all environments of one tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::model::fault::Fault;
use crate::model::id::EnvironmentName;
use crate::render::Limits;
use crate::render::inputs::Memory;
use crate::render::remote::{Remote, Visit};

/// What one job may still render; made once per job. A repository is not multiplied by its environments.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    spent: Mutex<Spent>,
    visit: OnceLock<Visit>,
}

/// What was rendered so far.
#[derive(Debug, Default)]
struct Spent {
    time: Duration,
    /// By tree and environment: one that is rendered again counts once.
    counts: BTreeMap<(PathBuf, EnvironmentName), Counts>,
    /// What was read of each tree.
    memories: BTreeMap<PathBuf, Arc<Memory>>,
}

/// What an environment came to at one tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Apps.
    pub apps: usize,
    /// Objects and hooks.
    pub objects: usize,
}

/// What is left for one environment at one tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Time.
    pub time: Duration,
    /// Apps.
    pub apps: Share,
    /// Objects and hooks.
    pub objects: Share,
}

/// A limit, and how much of it the other environments have taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    most: usize,
    taken: usize,
}

impl Budget {
    /// A new job's.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, spent: Mutex::default(), visit: OnceLock::new() }
    }

    /// What is left for an environment at a tree.
    pub(super) fn room(&self, root: &Path, environment: &EnvironmentName) -> Room {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let others = || {
            spent
                .counts
                .iter()
                .filter(|((tree, name), _)| tree == root && name != environment)
                .map(|(_, of)| of)
        };
        Room {
            time: self.limits.time.saturating_sub(spent.time),
            apps: Share { most: self.limits.apps, taken: others().map(|of| of.apps).sum() },
            objects: Share { most: self.limits.objects, taken: others().map(|of| of.objects).sum() },
        }
    }

    /// Notes what rendering an environment at a tree took.
    pub(super) fn spend(&self, root: &Path, environment: &EnvironmentName, time: Duration, counts: Counts) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.time = spent.time.saturating_add(time);
        spent.counts.insert((root.to_owned(), environment.clone()), counts);
    }

    /// What is remembered of a tree, which does not change while a job looks at it.
    pub(super) fn memory(&self, root: &Path) -> Arc<Memory> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(spent.memories.entry(root.to_owned()).or_default())
    }

    /// What the job fetches: the same for all of its trees and environments, so that nothing moves between them.
    pub(super) fn visit(&self, remote: &Remote) -> Visit {
        self.visit.get_or_init(|| remote.visit()).clone()
    }

    /// The fault of a job that took too long.
    pub(super) fn too_slow(&self) -> Fault {
        Fault::new(format!("rendering took more than {} s", self.limits.time.as_secs()))
            .hint("split the environment, or make its charts cheaper")
    }
}

impl Share {
    /// The fault of so many, if they are too many.
    pub(super) fn exceeded(self, count: usize, what: &str) -> Option<Fault> {
        let Self { most, taken } = self;
        if count.saturating_add(taken) <= most {
            return None;
        }
        let others =
            if taken == 0 { String::new() } else { format!(" beside {taken} of other environments") };
        Some(
            Fault::new(format!("the environment has {count} {what}{others}, and {most} is the most in all"))
                .hint("split it into several environments, in several repositories if need be"),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Budget, Counts};
    use crate::render::Limits;

    #[test]
    fn environments_share_what_a_job_may_render() {
        let limits = Limits { apps: 10, objects: 100, time: Duration::from_mins(1), ..Limits::default() };
        let budget = Budget::new(&limits);
        let (base, merge) = (Path::new("/base"), Path::new("/merge"));
        let (staging, prod) = ("staging".parse().unwrap(), "prod".parse().unwrap());
        let counts = Counts { apps: 6, objects: 100 };
        budget.spend(base, &staging, Duration::from_secs(20), counts);
        budget.spend(merge, &staging, Duration::from_secs(20), counts);
        // Looked at again, it is no second environment; the time is spent nevertheless.
        budget.spend(merge, &staging, Duration::from_secs(15), counts);
        let room = budget.room(merge, &staging);
        assert!(room.apps.exceeded(10, "apps").is_none(), "its own are counted anew");
        assert_eq!(room.time, Duration::from_secs(5));
        let room = budget.room(merge, &prod);
        assert!(room.apps.exceeded(4, "apps").is_none());
        let fault = room.apps.exceeded(5, "apps").unwrap();
        assert!(fault.message.contains("5 apps beside 6 of other environments, and 10"), "{fault}");
        assert!(
            room.objects.exceeded(0, "objects").is_none() && room.objects.exceeded(1, "objects").is_some()
        );
        budget.spend(merge, &prod, Duration::from_mins(1), counts);
        assert_eq!(budget.room(base, &prod).time, Duration::ZERO);
    }
}
