//! The few fields of webhook payloads that we read; all others are passed over.
#![expect(clippy::struct_field_names, reason = "the fields are named as GitHub names them")]

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::id::{RepoName, Sha};

/// What is read first, of every payload.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) action: Option<String>,
    #[serde(default)]
    pub(super) installation: Option<Numbered>,
}

#[derive(Deserialize)]
pub(super) struct Numbered {
    pub(super) id: u64,
}

#[derive(Deserialize, Clone)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) full_name: RepoName,
}

#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) login: String,
    #[serde(default, rename = "type")]
    kind: String,
}

impl Account {
    /// Is it an App or another machine account that GitHub knows as one?
    pub(super) fn bot(&self) -> bool {
        self.kind == "Bot" || self.login.ends_with("[bot]")
    }
}

#[derive(Deserialize)]
pub(super) struct PullRequest {
    pub(super) repository: Named,
    pub(super) pull_request: Pull,
    #[serde(default)]
    pub(super) changes: Option<PullChanges>,
}

#[derive(Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) head: Commit,
    #[serde(default)]
    pub(super) merged: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) sha: Sha,
}

#[derive(Deserialize)]
pub(super) struct PullChanges {
    #[serde(default)]
    pub(super) base: Option<serde::de::IgnoredAny>,
}

/// A new comment.
#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) repository: Named,
    pub(super) issue: Issue,
    pub(super) comment: Comment,
    #[serde(default)]
    pub(super) sender: Option<Account>,
}

/// A comment that was edited or deleted.
#[derive(Deserialize)]
pub(super) struct CommentChange {
    pub(super) repository: Named,
    pub(super) issue: Issue,
    pub(super) comment: Comment,
    #[serde(default)]
    pub(super) sender: Option<Account>,
    #[serde(default)]
    pub(super) changes: Option<BodyChanges>,
}

#[derive(Deserialize)]
pub(super) struct BodyChanges {
    #[serde(default)]
    pub(super) body: Option<Before>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    #[serde(default)]
    pub(super) from: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    /// There only if the issue is a pull request.
    #[serde(default)]
    pub(super) pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) user: Option<Account>,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) created_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct Push {
    pub(super) repository: Named,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// All zeros if the branch was deleted.
    pub(super) after: Sha,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) sender: Option<Account>,
    #[serde(default)]
    pub(super) pusher: Option<Pusher>,
}

#[derive(Deserialize)]
pub(super) struct Pusher {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct CheckRun {
    pub(super) repository: Named,
    pub(super) check_run: Checked,
    #[serde(default)]
    pub(super) requested_action: Option<Button>,
    #[serde(default)]
    pub(super) sender: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct Checked {
    pub(super) head_sha: Sha,
}

#[derive(Deserialize)]
pub(super) struct Button {
    pub(super) identifier: String,
}

#[derive(Deserialize)]
pub(super) struct CheckSuite {
    pub(super) repository: Named,
    pub(super) check_suite: Checked,
}

#[derive(Deserialize)]
pub(super) struct MergeGroup {
    pub(super) repository: Named,
    pub(super) merge_group: Group,
}

#[derive(Deserialize)]
pub(super) struct Group {
    pub(super) head_sha: Sha,
    pub(super) base_ref: String,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) repository: Named,
}
