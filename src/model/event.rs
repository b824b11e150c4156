//! What happened on GitHub, in our words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::id::{Branch, CommentId, InstallationId, Login, PullNumber, Repo, Sha, UserId};

/// What happened. Webhook data is a hint: whoever acts reads the state again first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "event")]
pub(crate) enum Event {
    /// A pull request was opened, pushed to, reopened, retargeted or made ready.
    Proposed {
        /// Where.
        repo: Repo,
        /// Which.
        pull: PullNumber,
        /// The head then.
        head: Sha,
    },
    /// A pull request was closed, merged or not.
    Closed {
        /// Where.
        repo: Repo,
        /// Which.
        pull: PullNumber,
        /// Was it merged?
        merged: bool,
    },
    /// Somebody commented on a pull request (never on a plain issue; never an edit).
    Commented {
        /// Where.
        repo: Repo,
        /// On which.
        pull: PullNumber,
        /// The comment.
        comment: Spoken,
    },
    /// A comment of our App was edited or deleted by somebody else.
    Tampered {
        /// Where.
        repo: Repo,
        /// On which.
        pull: PullNumber,
    },
    /// A branch moved.
    Pushed {
        /// Where.
        repo: Repo,
        /// Which branch.
        branch: Branch,
        /// Its tip then; none: it was deleted.
        after: Option<Sha>,
        /// Who pushed.
        by: Login,
    },
    /// Somebody asked for one of our checks again.
    Rerequested {
        /// Where.
        repo: Repo,
        /// On which commit.
        head: Sha,
    },
    /// Somebody pressed a button of one of our checks.
    Pressed {
        /// Where.
        repo: Repo,
        /// On which commit.
        head: Sha,
        /// Which button.
        button: String,
        /// Who.
        by: Login,
    },
    /// A merge queue asks for our check on its own merge.
    Queued {
        /// Where.
        repo: Repo,
        /// The queue's commit.
        head: Sha,
        /// The branch that it would land on.
        base: Branch,
    },
    /// A repository was renamed or transferred.
    Renamed {
        /// Its new name.
        repo: Repo,
    },
    /// An installation or its repositories changed.
    Installed {
        /// Which.
        installation: InstallationId,
    },
    /// Nothing that concerns us: why, for the log.
    Ignored {
        /// Why.
        because: String,
    },
}

/// A comment as the webhook told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spoken {
    /// Its id.
    pub id: CommentId,
    /// Who wrote it.
    pub author: Login,
    /// Who wrote it, by id.
    pub author_id: UserId,
    /// Is the author a bot?
    pub bot: bool,
    /// What it says.
    pub body: String,
    /// When GitHub says it was written.
    pub written: Timestamp,
}
