//! Why a person's wish is not done: the rule, where it is written, what to do.

use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;

/// A refusal: a reply of its own on the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is not done and why; one or two sentences.
    pub message: String,
    /// Where the rule is written: `.tidegate.yaml:12`, `the floor of target prod-eu`; empty: in the product itself.
    pub rule: String,
    /// What to do now.
    pub hint: String,
    /// What it is about.
    #[serde(default)]
    pub why: Why,
}

/// What a refusal is about: it decides where else it is said, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Why {
    /// Whoever asked may not. It says nothing of the change, so no check is made of it.
    Person,
    /// A rule, or how things stand.
    #[default]
    Rule,
    /// What would happen is not what was shown: a new preview shows it.
    Effect,
}

impl Refusal {
    /// A refusal by the product's own rules.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), rule: String::new(), hint: hint.into(), why: Why::Rule }
    }

    /// The first of an author's faults, where it keeps a wish from being done. `hint` is for one that has none.
    pub(crate) fn of(faults: &[Fault], hint: &str) -> Self {
        let fault = faults.first().cloned().unwrap_or_default();
        let hint = if fault.hint.is_empty() { hint.to_owned() } else { fault.hint.clone() };
        let bare = Fault { hint: String::new(), snippet: None, ..fault };
        let more = faults.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        Self::new(format!("{bare}{more}"), hint)
    }

    /// The same refusal, naming where the rule is written.
    pub(crate) fn by(mut self, rule: impl Into<String>) -> Self {
        self.rule = rule.into();
        self
    }

    /// The same refusal, about who asked.
    pub(crate) fn person(mut self) -> Self {
        self.why = Why::Person;
        self
    }

    /// The same refusal, about what would happen.
    pub(crate) fn effect(mut self) -> Self {
        self.why = Why::Effect;
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::model::fault::Fault;
    use crate::model::refusal::Refusal;

    #[test]
    fn a_fault_is_refused_in_its_own_words() {
        let fault = Fault::new("no such key").hint("did you mean `path`?").file(".tidegate.yaml").at(3, 7);
        let refusal = Refusal::of(&[fault, Fault::new("other")], "mend it");
        assert_eq!(refusal.message, ".tidegate.yaml:3:7: no such key (and 1 more)");
        assert_eq!(refusal.hint, "did you mean `path`?");
        assert_eq!(Refusal::of(&[Fault::new("x")], "mend it").hint, "mend it");
    }
}
