//! Why a person's wish is not done: the rule, where it is written, what to do.

use serde::{Deserialize, Serialize};

/// A refusal: a reply of its own on the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is not done and why; one or two sentences.
    pub message: String,
    /// Where the rule is written: `.tidegate.yaml:12`, `the floor of target prod-eu`; empty: in the product itself.
    pub rule: String,
    /// What to do now.
    pub hint: String,
}

impl Refusal {
    /// A refusal by the product's own rules.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), rule: String::new(), hint: hint.into() }
    }

    /// The same refusal, naming where the rule is written.
    pub(crate) fn by(mut self, rule: impl Into<String>) -> Self {
        self.rule = rule.into();
        self
    }
}
