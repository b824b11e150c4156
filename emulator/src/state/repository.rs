//! A repository and all that lies in it besides Git's objects.

use crate::git::Git;
use crate::state::check::Run;
use crate::state::check::Status;
use crate::state::check::Suite;
use crate::state::deployment::Deployment;
use crate::state::issue::Comment;
use crate::state::issue::CommitComment;
use crate::state::issue::Issue;
use crate::state::user::Role;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Who can see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Public,
    /// Collaborators only.
    Private,
}

/// What a protected branch asks for before something may be merged into it.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// Approvals a pull request needs; 0 asks for none.
    pub required_reviews: u32,
    /// Check runs or statuses that must have succeeded on the head.
    pub required_checks: Vec<RequiredCheck>,
    /// Whether the same demands are given as a ruleset too (`rules/branches/{branch}`).
    pub as_ruleset: bool,
}

/// A check that a protected branch demands.
#[derive(Clone, Debug)]
pub struct RequiredCheck {
    /// The name of the check run or the context of the status.
    pub context: String,
    /// The app that must have made it ("expected source"); none accepts anyone's.
    pub app_id: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: u64,
    pub(crate) name: String,
    pub(crate) visibility: Visibility,
    pub(crate) archived: bool,
    pub(crate) default_branch: String,
    pub(crate) fork_of: Option<u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) pushed_at: Timestamp,
    pub(crate) git: Git,
    /// Where each reference that ever moved is, as far as the apps were told; none where it is gone.
    pub(crate) told: BTreeMap<String, Option<String>>,
    pub(crate) collaborators: BTreeMap<u64, Role>,
    pub(crate) last_number: u64,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) comments: BTreeMap<u64, Comment>,
    pub(crate) commit_comments: Vec<CommitComment>,
    pub(crate) suites: BTreeMap<u64, Suite>,
    pub(crate) runs: BTreeMap<u64, Run>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) deployments: BTreeMap<u64, Deployment>,
    pub(crate) protections: BTreeMap<String, Protection>,
}

impl Repository {
    /// The role of a user: the owner is admin, everyone may read what is public.
    pub(crate) fn role(&self, user: u64) -> Option<Role> {
        if user == self.owner {
            return Some(Role::Admin);
        }
        let public = (self.visibility == Visibility::Public).then_some(Role::Read);
        self.collaborators.get(&user).copied().or(public)
    }

    pub(crate) fn comments_on(&self, issue: u64) -> usize {
        self.comments.values().filter(|comment| comment.issue == issue).count()
    }
}
