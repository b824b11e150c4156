//! Values to Markdown: what people read on GitHub. Pure.
//!
//! Pure functions turn plans, reports and refusals into view values; the templates in `templates/` only lay them out.
//! Everything that comes from outside passes through [`text`] first, so that no name, message or manifest can leave its
//! place: break a fence, mention a person, link an issue, begin a command or forge a marker. [`fit`] keeps the budget.

mod broken;
mod contest;
mod cost;
mod deploys;
mod draft;
mod ended;
mod fault;
mod fit;
mod group;
mod matrix;
mod moves;
mod preview;
mod public;
mod remark;
mod reply;
mod section;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod unseen;
mod words;

use std::collections::BTreeMap;

use crate::model::check::Comment;
use crate::model::command::Misread;
use crate::model::deployment::Deployment;
use crate::model::fault::Fault;
use crate::model::id::{Branch, EnvironmentName, Login, PullNumber, Sha};
use crate::model::plan::{Plan, Preview};
use crate::model::refusal::Refusal;
use crate::model::report::Report;

pub(crate) use templates::Templates;

/// What the preview comment shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    /// The plans.
    pub preview: &'a Preview,
    /// The branch that the head would be merged into.
    pub branch: &'a Branch,
    /// How each environment is deployed, by the rules in force.
    pub how: &'a BTreeMap<EnvironmentName, How>,
    /// What else the reader should know; one sentence each.
    pub notes: &'a [String],
    /// Can anybody read the repository? Then live values are left out.
    pub public: bool,
}

/// How an environment is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct How {
    /// What starts it.
    pub way: Way,
    /// Where the same tree must be deployed first.
    pub after: Vec<EnvironmentName>,
}

/// What starts a deployment of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// The merge.
    OnMerge,
    /// `/deploy`, before or after the merge.
    Command,
    /// `/deploy`, only after the merge.
    CommandAfterMerge,
    /// Nothing.
    Never,
    /// The pull request brings the environment: no rule of it is in force yet.
    NotInForce,
}

/// Why there is no preview.
#[derive(Debug, Clone)]
pub(crate) enum Unseen {
    /// The author's faults.
    Faults(Vec<Fault>),
    /// The head cannot be merged.
    Conflict {
        /// The base's tip.
        base: Sha,
        /// The files in conflict.
        files: Vec<String>,
    },
}

/// One thing as it is shown in two places: a comment, and a check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The comment; at most 60,000 bytes.
    pub comment: Comment,
    /// The check run's title; one line.
    pub title: String,
    /// The check run's summary; at most 65,535 bytes.
    pub summary: String,
    /// What the comment had no room for; at most 65,535 bytes, empty if nothing is left.
    pub text: String,
}

/// The answers to the commands of one comment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'a> {
    /// Who asked; named, not mentioned.
    pub to: &'a Login,
    /// One per command that has one, in their order.
    pub answers: &'a [Answer],
}

/// The answer to one command.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// It is not done.
    Refused(Refusal),
    /// It is no command.
    Misread(Misread),
    /// Something to say; one or two sentences.
    Said(String),
    /// `/status`.
    Status(Vec<StatusRow>),
    /// `/help`.
    Help,
}

/// One environment in the answer to `/status`.
#[derive(Debug, Clone)]
pub(crate) struct StatusRow {
    /// The environment.
    pub name: EnvironmentName,
    /// Where it lives.
    pub target: String,
    /// Its newest deployment that began to write.
    pub last: Option<Deployment>,
    /// How many deployments wait or run.
    pub waiting: usize,
    /// The pull request that holds it, who locked it, and why.
    pub held: Option<(PullNumber, String, String)>,
    /// What the person who asks may do.
    pub standing: Standing,
}

/// May the person who asks deploy here?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Yes.
    Yes,
    /// No, and why.
    No(String),
}

/// A deployment that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// The deployment, in its last state.
    pub deployment: &'a Deployment,
    /// What was to be done.
    pub plan: &'a Plan,
    /// What was done; none: nothing was tried.
    pub report: Option<&'a Report>,
    /// What else the reader should know; one sentence each.
    pub notes: &'a [String],
    /// Can anybody read the repository? Then live values and logs are left out.
    pub public: bool,
}
