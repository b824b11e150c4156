//! What a person asked in a comment.

use serde::{Deserialize, Serialize};

use crate::model::id::EnvironmentName;

/// One command: one line of a comment that begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "command")]
pub(crate) enum Command {
    /// `/preview [env…]`: make the preview afresh.
    Preview {
        /// Only these; empty: all.
        environments: Vec<EnvironmentName>,
    },
    /// `/deploy [env…] [sha] [deletes=N]`: apply the previewed merge result.
    Deploy {
        /// These; empty: the only one that can be meant.
        environments: Vec<EnvironmentName>,
        /// The head that is meant, 7 or more digits.
        sha: Option<String>,
        /// The answer to a "stop and ask".
        deletes: Option<usize>,
    },
    /// `/cancel [env]`.
    Cancel {
        /// Only this one.
        environment: Option<EnvironmentName>,
    },
    /// `/lock env [reason]`.
    Lock {
        /// Which.
        environment: EnvironmentName,
        /// Why, for those who wait.
        reason: String,
    },
    /// `/unlock env`.
    Unlock {
        /// Which.
        environment: EnvironmentName,
    },
    /// `/status`.
    Status,
    /// `/help`.
    Help,
}

/// A line that looks like a command and is none: what was written and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Misread {
    /// The line as written, at most 200 characters.
    pub line: String,
    /// What is wrong with it, and "did you mean".
    pub message: String,
}
