//! What happened, object by object, when a plan was applied.

use serde::{Deserialize, Serialize};

use crate::model::object::ObjectId;
use crate::model::plan::{Action, PathChange};

/// The outcome of one deployment. A partial failure is a report, not an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// One per change, in the order in which they were done.
    pub outcomes: Vec<Outcome>,
    /// What the reader should know beside them.
    pub warnings: Vec<String>,
    /// Where the result can be read: a commit of a branch target, for example.
    pub reference: Option<String>,
}

impl Report {
    /// Did every change happen and become ready?
    pub(crate) fn succeeded(&self) -> bool {
        self.outcomes.iter().all(|outcome| matches!(outcome.result, Done::Changed | Done::Unchanged))
    }

    /// How many changes came to what, in one line.
    pub(crate) fn summary(&self) -> String {
        let (mut changed, mut unchanged, mut failed, mut skipped) = (0, 0, 0, 0);
        for outcome in &self.outcomes {
            match outcome.result {
                Done::Changed => changed += 1,
                Done::Unchanged => unchanged += 1,
                Done::Failed(_) => failed += 1,
                Done::Skipped(_) => skipped += 1,
            }
        }
        let objects =
            if changed == 1 { "1 object changed".to_owned() } else { format!("{changed} objects changed") };
        let mut words = vec![objects];
        for (number, word) in [(unchanged, "already so"), (failed, "failed"), (skipped, "not tried")] {
            if number > 0 {
                words.push(format!("{number} {word}"));
            }
        }
        words.join(", ")
    }
}

/// What a target did with one change: facts, before they are compared with the prediction and masked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Applied {
    /// Which object.
    pub id: ObjectId,
    /// What was to be done.
    pub action: Action,
    /// What became of it. Messages may hold secrets until they are masked.
    pub result: Done,
    /// What is there afterwards, cleaned like `view::Live::body`; none: nothing, or it was not read.
    pub after: Option<serde_json::Value>,
    /// Milliseconds from the write until it was ready.
    pub millis: u64,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Which object.
    pub id: ObjectId,
    /// What was to be done.
    pub action: Action,
    /// What became of it.
    pub result: Done,
    /// Where the after-state differs from the prediction: our defect, said openly. Masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surprises: Vec<PathChange>,
    /// Milliseconds from the write until it was ready.
    #[serde(default)]
    pub millis: u64,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is", content = "why")]
pub(crate) enum Done {
    /// It happened and the object is ready.
    Changed,
    /// It was so already; nothing was written.
    Unchanged,
    /// It was refused or did not become ready: the words for the reader, masked.
    Failed(String),
    /// It was not tried because something before it failed.
    Skipped(String),
}
