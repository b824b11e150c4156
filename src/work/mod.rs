//! Use cases, each told as a story: fetch, decide, act. The only room that knows several adapters.
//!
//! A [`worker`] claims a job and calls [`run`]. [`intake`] turns deliveries into jobs; [`preview`] shows, [`command`] and
//! [`tip`] queue deployments, [`deploy`] makes them happen. What is in force is read in [`ground`]; what would change is
//! found in [`survey`], which preview and deploy share; who may do what is decided in [`rules`].

pub(crate) mod close;
pub(crate) mod command;
pub(crate) mod deploy;
pub(crate) mod files;
mod fit;
pub(crate) mod gate;
pub(crate) mod ground;
pub(crate) mod intake;
#[cfg(test)]
mod laws;
pub(crate) mod notes;
pub(crate) mod pending;
pub(crate) mod preview;
pub(crate) mod publish;
pub(crate) mod pulse;
pub(crate) mod queue;
pub(crate) mod rules;
pub(crate) mod siblings;
mod status;
pub(crate) mod survey;
pub(crate) mod sweep;
pub(crate) mod target;
pub(crate) mod tell;
#[cfg(test)]
mod tests;
pub(crate) mod tip;
pub(crate) mod worker;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::Clusters;
use crate::comment::Templates;
use crate::diff::mask::MaskKey;
use crate::git::Git;
use crate::github::GitHub;
use crate::model::fault::Failure;
use crate::model::job::{Job, Leased};
use crate::model::permit::Permit;
use crate::model::target::TargetSettings;
use crate::render::Renderers;
use crate::store::Store;

/// Everything that a use case may use. Made once, by `app`.
pub(crate) struct Context {
    /// Where deliveries, jobs and records lie.
    pub store: Store,
    /// GitHub.
    pub github: GitHub,
    /// Repositories.
    pub git: Git,
    /// Kustomize and Helm.
    pub renderers: Renderers,
    /// The words.
    pub templates: Templates,
    /// The operator's targets by name.
    pub targets: BTreeMap<String, TargetSettings>,
    /// Are pull requests from forks previewed?
    pub forks: Forks,
    /// The operator's `defaults`, beneath every repository's own; null: none.
    pub defaults: serde_json::Value,
    /// The key of the masks.
    pub mask: MaskKey,
    /// Cluster connections, kept between jobs.
    pub clusters: Clusters,
    /// The time; passed in so that nothing else reads it.
    pub clock: fn() -> Timestamp,
}

/// Are pull requests from forks previewed?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Forks {
    /// Never: rendering runs what strangers wrote.
    #[default]
    Never,
    /// When somebody with write asks for it by `/preview`.
    OnRequest,
}

/// How a job ended well.
#[derive(Debug, Default)]
pub(crate) struct Then {
    /// What remains to be done now; pushed in the same step that finishes the job.
    pub jobs: Vec<Job>,
    /// Not ended: run it again then. Waiting is not a fault and is not counted as an attempt.
    pub wait: Option<Timestamp>,
}

impl Then {
    /// Nothing remains.
    pub(crate) fn done() -> Self {
        Self::default()
    }

    /// These remain.
    pub(crate) fn follow(jobs: Vec<Job>) -> Self {
        Self { jobs, wait: None }
    }

    /// Not yet: again at `at`.
    pub(crate) fn wait(at: Timestamp) -> Self {
        Self { jobs: Vec::new(), wait: Some(at) }
    }
}

/// Runs one job at one moment. Safe to run twice.
pub(crate) async fn run(cx: &Context, leased: &Leased, permit: &Permit) -> Result<Then, Failure> {
    let now = (cx.clock)();
    match &leased.job {
        Job::Intake { delivery } => intake::run(cx, delivery).await,
        Job::Preview { repo, pull } => preview::run(cx, repo, *pull, preview::Asked::Event).await,
        Job::Command { repo, pull, comment } => Box::pin(command::run(cx, repo, *pull, comment, now)).await,
        Job::Tip { repo, branch, by, after: _ } => tip::run(cx, leased, (repo, branch), by, now).await,
        Job::Deploy { deployment, .. } => Box::pin(deploy::run(cx, leased, deployment, permit)).await,
        Job::Close { repo, pull } => close::run(cx, leased, repo, *pull, now).await,
        Job::Queue { repo, head, base } => queue::run(cx, repo, head, base).await,
        Job::Recheck { repo, head } => intake::recheck(cx, repo, head).await,
    }
}
