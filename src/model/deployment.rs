//! One run of one plan in one environment, from queued to its end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::id::{
    CommentId, Digest, EnvironmentId, EnvironmentName, Login, PullNumber, Repo, Sha, UserId,
};
use crate::model::refusal::Refusal;
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
    /// When it began to write; none: it has left the target as it was. The newest that began is what an environment holds.
    #[serde(default)]
    pub began: Option<Began>,
    /// What happened, once it ended.
    pub report: Option<Report>,
    /// Why it was refused, whole, so that it can be told again after a crash.
    #[serde(default)]
    pub refusal: Option<Refusal>,
    /// The last words on it, for people: why it was refused or failed.
    pub message: String,
    /// When it was queued.
    pub created: Timestamp,
    /// When its state last changed.
    pub changed: Timestamp,
}

/// The moment after which a crash is mended by going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Began {
    /// When.
    pub at: Timestamp,
    /// Digest of the rendered bundle that it brings: who goes on with it must find the same.
    pub bundle: Option<Digest>,
}

impl Deployment {
    /// One that waits for its turn, asked for now, on no pull request and bound to nothing yet.
    pub(crate) fn queued(
        id: String,
        (repo, name): (&Repo, &EnvironmentName),
        commits: Commits,
        (cause, by): (Trigger, &Login),
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            environment: EnvironmentId { repo: repo.id, name: name.clone() },
            repo: repo.clone(),
            pull: None,
            cause,
            by: by.clone(),
            by_id: None,
            asked: now,
            deletes: None,
            commits,
            approved: None,
            named: None,
            state: State::Queued,
            record: None,
            began: None,
            report: None,
            refusal: None,
            message: String::new(),
            created: now,
            changed: now,
        }
    }

    /// Does it put content of a pull request where that is not merged?
    pub(crate) fn is_of(&self, pull: PullNumber) -> bool {
        self.pull == Some(pull) && matches!(self.cause, Trigger::Command { .. })
    }
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
    /// Waits for its turn, or is being looked at; nothing is written.
    Queued,
    /// It writes. Whoever finds it so goes on with it.
    Running,
    /// Everything happened.
    Succeeded,
    /// Something did not happen; the report says what.
    Failed,
    /// A rule said no, or the plan differs from what was approved; nothing was written.
    Refused,
    /// Somebody cancelled it, or something newer took its place.
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
