//! What a test sees of the outcome: plain copies of the values.

use crate::core::World;
use crate::state::check;
use crate::state::deployment;
use crate::state::issue;
use crate::state::issue::Verdict;
use jiff::Timestamp;
use serde_json::Value;

/// A comment on an issue or pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The comment's id.
    pub id: u64,
    /// The author's login; an app's ends with `[bot]`.
    pub author: String,
    /// The text, Markdown.
    pub body: String,
    /// Who reacted (login) with what (`eyes`, `rocket` …), oldest first.
    pub reactions: Vec<(String, String)>,
    /// Why it was minimized, such as `OUTDATED`; none when it is shown.
    pub minimized: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl Comment {
    pub(crate) fn of(world: &World<'_>, comment: &issue::Comment) -> Comment {
        let reaction =
            |one: &issue::Reaction| (world.state.login(one.author).to_owned(), one.content.clone());
        Comment {
            id: comment.id,
            author: world.state.login(comment.author).to_owned(),
            body: comment.body.clone(),
            reactions: comment.reactions.iter().map(reaction).collect(),
            minimized: comment.minimized.clone(),
            created_at: comment.created_at,
            updated_at: comment.updated_at,
        }
    }
}

/// A check run.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckRun {
    /// The run's id.
    pub id: u64,
    /// The app that made it.
    pub app_id: u64,
    /// The check's name.
    pub name: String,
    /// The commit.
    pub head_sha: String,
    /// `queued`, `in_progress`, `completed` …
    pub status: String,
    /// `success`, `failure` …; only when completed.
    pub conclusion: Option<String>,
    /// The app's own reference.
    pub external_id: String,
    /// Where the app tells more.
    pub details_url: Option<String>,
    /// The output's title.
    pub title: Option<String>,
    /// The output's summary, Markdown.
    pub summary: Option<String>,
    /// The output's text, Markdown.
    pub text: Option<String>,
    /// As they were sent, over all requests.
    pub annotations: Vec<Value>,
    /// The buttons, as they were sent.
    pub actions: Vec<Value>,
}

impl CheckRun {
    pub(crate) fn of(run: &check::Run) -> CheckRun {
        CheckRun {
            id: run.id,
            app_id: run.app,
            name: run.name.clone(),
            head_sha: run.sha.clone(),
            status: run.status.clone(),
            conclusion: run.conclusion.clone(),
            external_id: run.external_id.clone(),
            details_url: run.details_url.clone(),
            title: run.title.clone(),
            summary: run.summary.clone(),
            text: run.text.clone(),
            annotations: run.annotations.clone(),
            actions: run.actions.clone(),
        }
    }
}

/// A deployment with its statuses.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The deployment's id.
    pub id: u64,
    /// What was asked for.
    pub reference: String,
    /// The commit that was.
    pub sha: String,
    /// The environment's name.
    pub environment: String,
    /// `deploy` unless said otherwise.
    pub task: String,
    /// The app's own data.
    pub payload: Value,
    /// What it says of itself.
    pub description: Option<String>,
    /// Whether it was said to be production.
    pub production: bool,
    /// Whether it was said to be transient.
    pub transient: bool,
    /// Oldest first.
    pub statuses: Vec<DeploymentStatus>,
}

impl Deployment {
    pub(crate) fn of(deployment: &deployment::Deployment) -> Deployment {
        let status = |one: &deployment::DeploymentStatus| DeploymentStatus {
            state: one.state.clone(),
            description: one.description.clone(),
            log_url: one.log_url.clone(),
            environment_url: one.environment_url.clone(),
            at: one.at,
        };
        Deployment {
            id: deployment.id,
            reference: deployment.reference.clone(),
            sha: deployment.sha.clone(),
            environment: deployment.environment.clone(),
            task: deployment.task.clone(),
            payload: deployment.payload.clone(),
            description: deployment.description.clone(),
            production: deployment.production,
            transient: deployment.transient,
            statuses: deployment.statuses.iter().map(status).collect(),
        }
    }
}

/// One status of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentStatus {
    /// `in_progress`, `success` …
    pub state: String,
    /// At most 140 characters.
    pub description: String,
    /// Where its log is; empty for none.
    pub log_url: String,
    /// Where the environment is; empty for none.
    pub environment_url: String,
    /// When it was set.
    pub at: Timestamp,
}

/// A pull request as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullView {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Option<String>,
    /// The author's login.
    pub author: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// The merge commit, if it was merged.
    pub merged: Option<String>,
    /// The branch it comes from.
    pub head_branch: String,
    /// Its newest commit.
    pub head_sha: String,
    /// The branch it goes to.
    pub base_branch: String,
    /// The base's tip when the pull request was last brought up to date.
    pub base_sha: String,
    /// Oldest first.
    pub reviews: Vec<Review>,
}

/// A review of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The reviewer's login.
    pub author: String,
    /// What it says.
    pub verdict: Verdict,
    /// The head it was given for.
    pub commit: String,
}

impl PullView {
    pub(crate) fn of(world: &World<'_>, issue: &issue::Issue, pull: &issue::Pull) -> PullView {
        let review = |one: &issue::Review| Review {
            author: world.state.login(one.author).to_owned(),
            verdict: one.verdict,
            commit: one.commit.clone(),
        };
        PullView {
            number: issue.number,
            title: issue.title.clone(),
            body: issue.body.clone(),
            author: world.state.login(issue.author).to_owned(),
            open: issue.closed_at.is_none(),
            draft: pull.draft,
            merged: pull.merged.as_ref().map(|merged| merged.sha.clone()),
            head_branch: pull.head.branch.clone(),
            head_sha: pull.head.sha.clone(),
            base_branch: pull.base.branch.clone(),
            base_sha: pull.base.sha.clone(),
            reviews: pull.reviews.iter().map(review).collect(),
        }
    }
}
