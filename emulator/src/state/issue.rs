//! Issues, pull requests, their comments, reactions and reviews.

use jiff::Timestamp;

/// An issue; a pull request is an issue with `pull`.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) author: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) pull: Option<Pull>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) id: u64,
    pub(crate) draft: bool,
    pub(crate) head: Head,
    pub(crate) base: Base,
    pub(crate) merged: Option<Merged>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) merge_test: Option<MergeTest>,
    /// How many more reads answer `mergeable: null` though the test merge is there.
    pub(crate) nulls: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The repository the branch lies in; another one than the base's for a fork.
    pub(crate) repository: u64,
    pub(crate) branch: String,
    pub(crate) sha: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) branch: String,
    pub(crate) sha: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Merged {
    pub(crate) at: Timestamp,
    pub(crate) by: u64,
    pub(crate) sha: String,
}

/// The outcome of merging the head into the base, for exactly these two commits.
#[derive(Clone, Debug)]
pub(crate) struct MergeTest {
    pub(crate) base: String,
    pub(crate) head: String,
    /// The merge commit, or none when the two conflict.
    pub(crate) sha: Option<String>,
}

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The reviewer approves.
    Approved,
    /// The reviewer asks for changes.
    ChangesRequested,
    /// The reviewer only comments.
    Commented,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verdict::Approved => "APPROVED",
            Verdict::ChangesRequested => "CHANGES_REQUESTED",
            Verdict::Commented => "COMMENTED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) id: u64,
    pub(crate) author: u64,
    pub(crate) verdict: Verdict,
    pub(crate) body: String,
    pub(crate) commit: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: u64,
    /// The app that wrote it, if one did.
    pub(crate) app: Option<u64>,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) reactions: Vec<Reaction>,
    /// Why it was minimized (`OUTDATED` …).
    pub(crate) minimized: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) id: u64,
    pub(crate) author: u64,
    pub(crate) content: String,
    pub(crate) at: Timestamp,
}

/// A comment on a commit.
#[derive(Clone, Debug)]
pub(crate) struct CommitComment {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) author: u64,
    pub(crate) body: String,
    pub(crate) path: Option<String>,
    pub(crate) position: Option<u64>,
    pub(crate) at: Timestamp,
}
