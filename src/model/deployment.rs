//! One run of one plan in one environment, from queued to its end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::id::{CommentId, Digest, EnvironmentId, Login, PullNumber, Repo, Sha, UserId};
use crate::model::report::Report;

/// One run of one plan in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// Our own id: text that sorts by time.
    pub id: String,
    /// Where.
    pub environment: EnvironmentId,
    /// Whose repository, as it was named when it was queued.
    pub repo: Repo,
    /// The pull request that it came from.
    pub pull: Option<PullNumber>,
    /// What started it.
    pub cause: Trigger,
    /// Who started it.
    pub by: Login,
    /// Who started it, by id; none for a push.
    pub by_id: Option<UserId>,
    /// When the command was written; for a push, when it was taken up.
    pub asked: Timestamp,
    /// The answer to a "stop and ask": how many deletes are meant.
    pub deletes: Option<usize>,
    /// What is deployed.
    pub commits: Commits,
    /// The approved effect; none for a push that no preview covers, and until it was admitted.
    pub approved: Option<Digest>,
    /// The SHA that the command named, if it named one.
    pub named: Option<String>,
    /// How far it is.
    pub state: State,
    /// GitHub's id of the Deployment record, once made.
    pub record: Option<u64>,
    /// What happened, once it ended.
    pub report: Option<Report>,
    /// The last words on it, for people: why it was refused or failed.
    pub message: String,
    /// When it was queued.
    pub created: Timestamp,
    /// When its state last changed.
    pub changed: Timestamp,
}

/// The commits that a plan is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commits {
    /// The base's tip.
    pub base: Sha,
    /// The proposed commit; after a merge, the tip.
    pub head: Sha,
    /// The tree of the merge.
    pub tree: Sha,
}

/// What starts a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "by")]
pub(crate) enum Trigger {
    /// `/deploy` in this comment.
    Command {
        /// The comment.
        comment: CommentId,
    },
    /// A merge, which is a push to the tracked branch.
    Merge,
    /// A push that no pull request brought.
    Push,
    /// A deployed pull request was closed unmerged: back to the tracked branch.
    Close,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Waits for its turn.
    Queued,
    /// A worker has it.
    Running,
    /// Everything happened.
    Succeeded,
    /// Something did not happen; the report says what.
    Failed,
    /// A rule said no, or the plan differs from what was approved; nothing was written.
    Refused,
    /// Asked to stop before it began.
    Cancelled,
}

impl State {
    /// Has it ended?
    pub(crate) fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Refused | Self::Cancelled)
    }

    /// The word for people and the store.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}
