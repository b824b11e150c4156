//! What GitHub says of pull requests, comments and people, in our words.

use jiff::Timestamp;

use crate::model::id::{Branch, CommentId, Login, PullNumber, RepoId, Sha, UserId};
use crate::model::settings::Permission;

/// A pull request as GitHub tells it now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pull {
    /// Its number.
    pub number: PullNumber,
    /// Is it open?
    pub open: bool,
    /// Was it merged?
    pub merged: bool,
    /// Is it a draft?
    pub draft: bool,
    /// Its title.
    pub title: String,
    /// Who opened it.
    pub author: Login,
    /// The head's commit.
    pub head: Sha,
    /// The repository that the head lies in; none: it was deleted.
    pub head_repo: Option<RepoId>,
    /// The branch it is to be merged into.
    pub base: Branch,
    /// The commit that merging made, once it is merged.
    pub merge_commit: Option<Sha>,
}

impl Pull {
    /// Does the head come from another repository than `repo`?
    pub(crate) fn is_fork(&self, repo: RepoId) -> bool {
        self.head_repo != Some(repo)
    }
}

/// A comment as GitHub tells it now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remark {
    /// Its id.
    pub id: CommentId,
    /// Who wrote it.
    pub author: Login,
    /// Who wrote it, by id.
    pub author_id: UserId,
    /// The App that wrote it, if one did.
    pub app: Option<u64>,
    /// What it says.
    pub body: String,
    /// When it was written.
    pub written: Timestamp,
}

/// What somebody may do in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The id that GitHub gives for the login asked about.
    pub user: UserId,
    /// The permission: `role_name` where it is one of GitHub's own, `permission` otherwise.
    pub permission: Permission,
}

/// A reaction to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// 👀: taken up.
    Eyes,
    /// 🚀: done.
    Rocket,
    /// 😕: refused or failed.
    Confused,
}

/// What a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoFacts {
    /// Its default branch.
    pub default_branch: Branch,
    /// Can anybody read it?
    pub public: bool,
    /// Its name today, `owner/name`.
    pub name: crate::model::id::RepoName,
    /// Is it archived (read-only)?
    pub archived: bool,
}

/// How the gates of a pull request stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gates {
    /// Approving reviews on the present head or before, by people with write.
    pub approvals: usize,
    /// Who asks for changes.
    pub objections: Vec<Login>,
    /// Approvals that the branch's rules ask for; none: no rule.
    pub required_approvals: Option<usize>,
    /// Checks and statuses that failed, by name, our own aside.
    pub failed: Vec<String>,
    /// Checks and statuses that have not ended, by name, our own aside.
    pub pending: Vec<String>,
    /// Checks that the branch's rules require and that have not succeeded, our own aside.
    pub missing: Vec<String>,
}

/// The state of a deployment record on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Accepted, waits.
    #[allow(dead_code, reason = "GitHub has it, and a deployment that waits will be told by it")]
    Queued,
    /// Runs.
    Running,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
    /// Could not be tried.
    Error,
}

impl Progress {
    /// The word that GitHub uses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}
