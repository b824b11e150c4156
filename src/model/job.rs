//! What remains to be done, as a value that the store keeps. Safe to run twice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::event::Spoken;
use crate::model::id::{Branch, DeliveryId, EnvironmentId, Login, PullNumber, Repo, Sha};

/// What remains to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "job")]
pub(crate) enum Job {
    /// Read a stored delivery and decide what follows from it.
    Intake {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Preview a pull request.
    Preview {
        /// Where.
        repo: Repo,
        /// Which.
        pull: PullNumber,
    },
    /// Do what a comment asks.
    Command {
        /// Where.
        repo: Repo,
        /// On which pull request.
        pull: PullNumber,
        /// The comment as the webhook told it.
        comment: Spoken,
    },
    /// A branch moved: deploy what tracks it, preview again what is proposed against it.
    Tip {
        /// Where.
        repo: Repo,
        /// Which branch.
        branch: Branch,
        /// Its tip then.
        after: Sha,
        /// Who pushed.
        by: Login,
    },
    /// Run a deployment that is queued.
    Deploy {
        /// Where; the lane.
        environment: EnvironmentId,
        /// Its id in the store.
        deployment: String,
    },
    /// A pull request was closed: release its locks, restore what it deployed unmerged.
    Close {
        /// Where.
        repo: Repo,
        /// Which.
        pull: PullNumber,
    },
    /// Answer a merge queue.
    Queue {
        /// Where.
        repo: Repo,
        /// The queue's commit.
        head: Sha,
        /// The branch that it would land on.
        base: Branch,
    },
    /// Our checks were asked for again on this commit.
    Recheck {
        /// Where.
        repo: Repo,
        /// The commit.
        head: Sha,
    },
}

/// The lane of an environment's deployments; waking it lets those that wait there look again.
pub(crate) fn deploy_lane(environment: &EnvironmentId) -> String {
    format!("deploy/{environment}")
}

impl Job {
    /// The lane: of the jobs of one lane, one runs at a time, in the order in which they were pushed.
    pub(crate) fn lane(&self) -> String {
        match self {
            Self::Intake { delivery } => format!("intake/{delivery}"),
            Self::Preview { repo, pull } => format!("preview/{}/{pull}", repo.id),
            Self::Command { repo, pull, .. } | Self::Close { repo, pull } => {
                format!("command/{}/{pull}", repo.id)
            }
            Self::Tip { repo, branch, .. } => format!("tip/{}/{branch}", repo.id),
            Self::Deploy { environment, .. } => deploy_lane(environment),
            Self::Queue { repo, head, .. } => format!("queue/{}/{head}", repo.id),
            Self::Recheck { repo, head } => format!("recheck/{}/{head}", repo.id),
        }
    }

    /// Two jobs with the same key are one while the first has not begun.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Command { comment, .. } => format!("{}/{}", self.lane(), comment.id),
            Self::Close { .. } => format!("{}/close", self.lane()),
            Self::Tip { after, .. } => format!("{}/{after}", self.lane()),
            Self::Deploy { deployment, .. } => format!("{}/{deployment}", self.lane()),
            Self::Intake { .. } | Self::Preview { .. } | Self::Queue { .. } | Self::Recheck { .. } => {
                self.lane()
            }
        }
    }
}

/// A job that a worker holds: the proof that it may act, with the number that fences off an earlier holder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leased {
    /// The row.
    pub id: i64,
    /// What to do.
    pub job: Job,
    /// Grows with every claim of this job; a write by an older number is refused.
    pub fence: i64,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it was first pushed.
    pub pushed: Timestamp,
    /// Until when it is held.
    pub until: Timestamp,
}
