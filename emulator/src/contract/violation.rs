//! What the checker says when an exchange is not as GitHub describes it.

use std::fmt;

/// One way in which a request, an answer, a webhook or a query departs from GitHub's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `schema`, `parameter`, `status`, `operation`, `webhook`, `graphql`, or the name of a prose rule; `json` for a body
    /// that is none, `size` for one that is too large, `panic` and `git` for what the emulator itself failed at.
    pub rule: String,
    /// The operation's id (`checks/create`), the webhook's key (`check-run-created`), or method and path.
    pub operation: String,
    /// Where in the body (a JSON pointer), or `query/NAME`, `path/NAME`; empty for the whole.
    pub pointer: String,
    /// What is wrong, without the offending value (it may be large or secret).
    pub message: String,
    /// The page of GitHub's documentation that says so, where one is known.
    pub page: Option<String>,
}

impl Violation {
    /// A breach by the whole of an exchange, which no page in particular forbids.
    pub(crate) fn whole(rule: &str, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule: rule.to_owned(),
            operation: operation.into(),
            pointer: String::new(),
            message: message.into(),
            page: None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} breaks `{}`", self.operation, self.rule)?;
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.page {
            Some(page) => write!(f, " (see {page})"),
            None => Ok(()),
        }
    }
}

/// A fault before it is known whose it is: where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl Fault {
    /// A fault at `pointer`.
    pub(crate) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}
