//! What GitHub's documentation says in prose only: the schemas cannot express it, or the published ones do not.
//!
//! Each rule has a name, the page that says it, the operations it speaks of, and a function that finds faults.

mod checks;
mod deployments;
mod paths;
mod queries;
mod texts;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::contract::violation::Fault;

/// Whether GitHub refuses what breaks the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// GitHub refuses the request, or silently does not do what it asks.
    Limit,
    /// GitHub accepts the request and may do what a careful client does not want. Can be switched off.
    Advice,
}

/// What a rule looks at.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'a str,
    /// Decoded path parameters.
    pub(crate) path: &'a [(String, String)],
    /// Decoded query parameters.
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a Value,
}

impl<'a> Call<'a> {
    /// The string at this pointer of the body.
    pub(crate) fn text(&self, pointer: &str) -> Option<&'a str> {
        self.body.pointer(pointer)?.as_str()
    }

    /// The list at this pointer of the body; empty when there is none.
    pub(crate) fn list(&self, pointer: &str) -> &'a [Value] {
        self.body.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the body has something other than null here.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.body.pointer(pointer).is_some_and(|value| !value.is_null())
    }
}

/// One rule of the documentation.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) page: &'static str,
    pub(crate) class: Class,
    /// The operations it speaks of; empty for all.
    pub(crate) operations: &'static [&'static str],
    pub(crate) check: fn(&Call<'_>) -> Vec<Fault>,
}

/// All rules, by area.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [checks::RULES, deployments::RULES, texts::RULES, queries::RULES, paths::RULES].into_iter().flatten()
}

/// The faults of a call, each with the rule it breaks.
pub(crate) fn check(call: &Call<'_>, advice: bool) -> Vec<(&'static Rule, Fault)> {
    all()
        .filter(|rule| rule.operations.is_empty() || rule.operations.contains(&call.operation))
        .filter(|rule| advice || rule.class == Class::Limit)
        .flat_map(|rule| (rule.check)(call).into_iter().map(move |fault| (rule, fault)))
        .collect()
}

/// A fault at `pointer` when the text there has more than `limit` characters.
fn at_most_characters(call: &Call<'_>, pointer: &str, limit: usize) -> Option<Fault> {
    let length = call.text(pointer)?.chars().count();
    (length > limit)
        .then(|| Fault::at(pointer, format!("has {length} characters, at most {limit} are allowed")))
}

/// A fault at `pointer` when the text there has more than `limit` bytes.
fn at_most_bytes(call: &Call<'_>, pointer: &str, limit: usize) -> Option<Fault> {
    let length = call.text(pointer)?.len();
    (length > limit).then(|| Fault::at(pointer, format!("has {length} bytes, at most {limit} are allowed")))
}

/// A fault at `pointer` when the list there has more than `limit` entries.
fn at_most_entries(call: &Call<'_>, pointer: &str, limit: usize) -> Option<Fault> {
    let length = call.list(pointer).len();
    (length > limit).then(|| Fault::at(pointer, format!("has {length} entries, at most {limit} are allowed")))
}
