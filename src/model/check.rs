//! What is shown beside a commit: check runs and their annotations; and comments with their markers.

use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;

/// A check run as it should be: made or brought to this state, found again by name and external id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Check {
    /// `tidegate/preview`, or `tidegate/deploy (env)`.
    pub name: String,
    /// Our key: equal keys are the same run.
    pub external_id: String,
    /// How far it is.
    pub conclusion: Conclusion,
    /// One line.
    pub title: String,
    /// Markdown, at most 65,535 bytes.
    pub summary: String,
    /// Markdown, at most 65,535 bytes; empty: none.
    pub text: String,
    /// Faults with a file and a line become annotations.
    pub faults: Vec<Fault>,
}

/// How far a check is, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Conclusion {
    /// Not ended.
    InProgress,
    /// Planned, or nothing touched.
    Success,
    /// The author's fault, or could not look.
    Failure,
    /// A person must act first.
    ActionRequired,
    /// Superseded.
    Cancelled,
    /// Nothing to say.
    Neutral,
}

impl Conclusion {
    /// GitHub's word; none: the run is in progress.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::InProgress => None,
            Self::Success => Some("success"),
            Self::Failure => Some("failure"),
            Self::ActionRequired => Some("action_required"),
            Self::Cancelled => Some("cancelled"),
            Self::Neutral => Some("neutral"),
        }
    }
}

/// A comment as it should read; its marker finds it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comment {
    /// The hidden first line, as in `<!-- tidegate:preview -->`.
    pub marker: String,
    /// The whole body, marker included; at most 60,000 bytes.
    pub body: String,
}

/// The marker of the one preview comment of a pull request.
pub(crate) const PREVIEW: &str = "<!-- tidegate:preview -->";
/// The marker of replies; what follows within it tells replies apart.
pub(crate) const REPLY: &str = "<!-- tidegate:reply -->";
