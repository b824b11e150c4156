//! GraphQL documents, held to a small list of operations and fields.
//!
//! Not GitHub's whole schema: what is not in `fields` is a violation even where GitHub has it. That is
//! the point: a query the emulator cannot answer truthfully must not pass unnoticed.

mod fields;
pub(crate) mod syntax;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::contract::graphql::fields::Field;
use crate::contract::graphql::syntax::Document;
use crate::contract::graphql::syntax::Kind;
use crate::contract::graphql::syntax::Literal;
use crate::contract::graphql::syntax::Operation;
use crate::contract::graphql::syntax::Selection;
use crate::contract::graphql::syntax::parse;
use crate::contract::violation::Violation;

const REFERENCE: &str = "https://docs.github.com/en/graphql/reference";
const PAGING: &str = "https://docs.github.com/en/graphql/guides/using-pagination-in-the-graphql-api";
/// Fragments may name fragments; a circle ends here.
const MAX_DEPTH: usize = 30;
/// No more violations than this are told about one document.
const MAX_TOLD: usize = 20;
/// Fragments that name each other twice double the work at each step; so many selections are looked at.
const MAX_SELECTIONS: usize = 10_000;

/// Checks a document with one operation, and the variables sent with it (null for none): syntax,
/// known fields and arguments, required arguments and variables, enumerations, and page sizes.
pub fn check_graphql(query: &str, variables: &Value) -> Vec<Violation> {
    let document = match parse(query) {
        Ok(document) => document,
        Err(message) => return vec![violation("", message, REFERENCE)],
    };
    let [operation] = document.operations.as_slice() else {
        return vec![violation(
            "",
            format!("{} operations, expected one", document.operations.len()),
            REFERENCE,
        )];
    };
    let (root, name) = match operation.kind {
        Kind::Query => ("Query", "query"),
        Kind::Mutation => ("Mutation", "mutation"),
    };
    let mut checker =
        Checker { document: &document, operation, variables, used: Vec::new(), told: Vec::new(), seen: 0 };
    checker.selections(root, &operation.selections, name, 0);
    checker.declared();
    checker.told.truncate(MAX_TOLD);
    checker.told
}

fn violation(pointer: &str, message: impl Into<String>, page: &str) -> Violation {
    Violation {
        rule: "graphql".to_owned(),
        operation: "graphql".to_owned(),
        pointer: pointer.to_owned(),
        message: message.into(),
        page: Some(page.to_owned()),
    }
}

/// One declared argument or input field: `name`, `name!`, `name!:Type`.
fn declared(arguments: &'static str) -> impl Iterator<Item = (&'static str, bool, Option<&'static str>)> {
    arguments.split(',').filter(|text| !text.is_empty()).map(|text| {
        let (name, kind) = text.split_once(':').map_or((text, None), |(name, kind)| (name, Some(kind)));
        name.strip_suffix('!').map_or((name, false, kind), |name| (name, true, kind))
    })
}

/// The field of a type; `None` when the type has no such field.
fn field(parent: &str, name: &str) -> Option<Field> {
    let wraps = |suffix: &str| {
        fields::CONNECTIONS.iter().find(|item| parent.strip_suffix(suffix) == Some(item)).copied()
    };
    if name == "__typename" {
        return Some(("__typename", "", ""));
    }
    if let Some(item) = wraps("Connection") {
        return match name {
            "nodes" => Some(("nodes", "", item)),
            "edges" => Some(("edges", "", edge(item))),
            "pageInfo" => Some(("pageInfo", "", "PageInfo")),
            "totalCount" => Some(("totalCount", "", "")),
            _ => None,
        };
    }
    if let Some(item) = wraps("Edge") {
        return match name {
            "node" => Some(("node", "", item)),
            "cursor" => Some(("cursor", "", "")),
            _ => None,
        };
    }
    let (_, known) = fields::TYPES.iter().find(|(kind, _)| *kind == parent)?;
    known.iter().find(|(known, _, _)| *known == name).copied()
}

fn edge(item: &str) -> &'static str {
    match item {
        "PullRequest" => "PullRequestEdge",
        "PullRequestCommit" => "PullRequestCommitEdge",
        "PullRequestReview" => "PullRequestReviewEdge",
        "IssueComment" => "IssueCommentEdge",
        "Label" => "LabelEdge",
        _ => "MergeQueueEntryEdge",
    }
}

fn possible(parent: &str, on: &str) -> bool {
    parent == on || fields::POSSIBLE.iter().any(|(kind, types)| *kind == parent && types.contains(&on))
}

struct Checker<'a> {
    document: &'a Document,
    operation: &'a Operation,
    variables: &'a Value,
    used: Vec<&'a str>,
    told: Vec<Violation>,
    seen: usize,
}

impl<'a> Checker<'a> {
    fn tell(&mut self, place: &str, message: impl Into<String>) {
        self.told.push(violation(place, message, REFERENCE));
    }

    fn selections(&mut self, parent: &str, selections: &'a [Selection], place: &str, depth: usize) {
        self.seen += selections.len();
        if self.told.len() > MAX_TOLD {
            return;
        }
        if depth > MAX_DEPTH || self.seen > MAX_SELECTIONS {
            self.tell(place, "is too large, too deep or goes in a circle");
            return;
        }
        let document = self.document;
        for selection in selections {
            match selection {
                Selection::Field { name, arguments, selections } => {
                    self.field(parent, (name, arguments), selections, (place, depth));
                }
                Selection::Spread(name) => {
                    match document.fragments.iter().find(|fragment| fragment.name == *name) {
                        Some(fragment) => {
                            self.narrowed(parent, Some(&fragment.on), &fragment.selections, (place, depth));
                        }
                        None => self.tell(place, format!("there is no fragment {name}")),
                    }
                }
                Selection::Inline { on, selections } => {
                    self.narrowed(parent, on.as_deref(), selections, (place, depth));
                }
            }
        }
    }

    fn narrowed(
        &mut self,
        parent: &str,
        on: Option<&str>,
        selections: &'a [Selection],
        (place, depth): (&str, usize),
    ) {
        let on = on.unwrap_or(parent);
        if possible(parent, on) {
            self.selections(on, selections, place, depth + 1);
        } else {
            self.tell(place, format!("{parent} is never a {on}"));
        }
    }

    fn field(
        &mut self,
        parent: &str,
        (name, arguments): (&str, &'a [(String, Literal)]),
        selections: &'a [Selection],
        (place, depth): (&str, usize),
    ) {
        let place = format!("{place}.{name}");
        let Some((_, takes, leads)) = field(parent, name) else {
            self.tell(&place, format!("{parent} has no field {name} that is known here"));
            return;
        };
        self.arguments(takes, arguments, &place);
        if takes.ends_with(fields::PAGED) {
            self.page_size(arguments, &place);
        }
        match (leads, selections.is_empty()) {
            ("", true) => {}
            ("", false) => self.tell(&place, "is a leaf, nothing can be selected of it"),
            (kind, true) => self.tell(&place, format!("is a {kind}, fields of it must be selected")),
            (kind, false) => self.selections(kind, selections, &place, depth + 1),
        }
    }

    fn arguments(&mut self, takes: &'static str, given: &'a [(String, Literal)], place: &str) {
        for (name, required, kind) in declared(takes) {
            let value = given.iter().find(|(argument, _)| argument == name).map(|(_, value)| value);
            let inner = format!("{place}.{name}");
            match value {
                Some(Literal::Null) | None if required => self.tell(&inner, "is required"),
                Some(value) => self.literal(kind, value, &inner),
                None => {}
            }
        }
        for (name, _) in given {
            if !declared(takes).any(|(known, _, _)| known == name) {
                self.tell(place, format!("takes no argument {name}"));
            }
        }
    }

    fn literal(&mut self, kind: Option<&'static str>, value: &'a Literal, place: &str) {
        let input = kind.and_then(|kind| fields::INPUTS.iter().find(|(name, _)| *name == kind));
        let values = kind.and_then(|kind| fields::ENUMS.iter().find(|(name, _)| *name == kind));
        match value {
            Literal::Variable(name) => {
                self.used.push(name);
                if !self.operation.variables.iter().any(|variable| variable.name == *name) {
                    self.tell(place, format!("variable ${name} is not declared"));
                } else if let Some(sent) = self.variables.get(name) {
                    self.sent(kind, sent, place);
                }
            }
            Literal::Object(given) => match input {
                Some((_, takes)) => self.arguments(takes, given, place),
                None => given.iter().for_each(|(_, value)| self.literal(None, value, place)),
            },
            Literal::List(list) => list.iter().for_each(|value| self.literal(kind, value, place)),
            Literal::Enum(word) if values.is_some_and(|(_, known)| known.contains(&word.as_str())) => {}
            _ if values.is_some() => self.tell(place, "is no value of its enumeration"),
            _ if input.is_some() => self.tell(place, "is no object"),
            Literal::Enum(_) | Literal::Text(_) | Literal::Number(_) | Literal::Bool | Literal::Null => {}
        }
    }

    /// A value that came as JSON.
    fn sent(&mut self, kind: Option<&'static str>, value: &Value, place: &str) {
        let input = kind.and_then(|kind| fields::INPUTS.iter().find(|(name, _)| *name == kind));
        let values = kind.and_then(|kind| fields::ENUMS.iter().find(|(name, _)| *name == kind));
        if let Some((_, known)) = values {
            if value.as_str().is_none_or(|word| !known.contains(&word)) {
                self.tell(place, "is no value of its enumeration");
            }
        } else if let Some((name, takes)) = input {
            let Some(given) = value.as_object() else {
                self.tell(place, format!("is no {name}"));
                return;
            };
            for (key, required, kind) in declared(takes) {
                match given.get(key) {
                    Some(Value::Null) | None if required => {
                        self.tell(&format!("{place}.{key}"), "is required");
                    }
                    Some(value) => self.sent(kind, value, &format!("{place}.{key}")),
                    None => {}
                }
            }
            for key in given.keys().filter(|key| !declared(takes).any(|(known, _, _)| known == *key)) {
                self.tell(place, format!("{name} has no field {key}"));
            }
        }
    }

    /// GitHub wants `first` or `last` on every list, from 1 to 100.
    fn page_size(&mut self, arguments: &[(String, Literal)], place: &str) {
        let size = |value: &Literal| {
            if let Literal::Variable(name) = value {
                return self.variables.get(name).and_then(Value::as_i64);
            }
            if let Literal::Number(text) = value { text.parse().ok() } else { None }
        };
        let sizes: Vec<Option<i64>> = arguments
            .iter()
            .filter(|(name, _)| name == "first" || name == "last")
            .map(|(_, value)| size(value))
            .collect();
        if sizes.is_empty() {
            self.told.push(violation(place, "needs first or last", PAGING));
        } else if !sizes.iter().all(|size| size.is_some_and(|size| (1..=100).contains(&size))) {
            self.told.push(violation(place, "pages have from 1 to 100 entries", PAGING));
        }
    }

    /// Variables that are declared but not sent, or not used.
    fn declared(&mut self) {
        for variable in &self.operation.variables {
            let place = format!("${}", variable.name);
            if variable.required && self.variables.get(&variable.name).is_none_or(Value::is_null) {
                self.tell(&place, "is required and was not sent");
            }
            if !self.used.contains(&variable.name.as_str()) {
                self.tell(&place, "is declared but not used");
            }
        }
    }
}
