//! Structural schemas, as the API server knows them: what it would say of an object that it cannot be asked about.
//!
//! A [`Schema`] is read from a definition that Git holds ([`Definition`]) or from the API server's own OpenAPI documents
//! ([`Schema::served`]). It checks an object, fills in defaults, prunes, lays one object over another, and names the keys of
//! lists. Two things it does not do. Rules in CEL (`x-kubernetes-validations`) are not evaluated; [`Schema::has_rules`] says
//! that there are some. And of the kinds that are compiled into a server it knows names and types only, since their
//! defaults and their validation are code.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>

mod check;
mod definition;
mod deprecated;
mod fill;
mod format;
mod lists;
mod logic;
mod merge;
mod meta;
mod node;
mod prune;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use crate::schema::definition::Definition;
pub(crate) use crate::schema::deprecated::deprecated;
use crate::schema::node::Node;

/// Levels of an object that are looked at. The API server's own decoder stops at 10,000; what people write has 20.
const DEPTH: usize = 64;
/// Mistakes that are told of one object.
const MISTAKES: usize = 20;

/// What an object of one version of a kind may look like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema {
    root: Node,
    /// What nodes refer to, by name; only what the root can reach.
    parts: BTreeMap<String, Node>,
    /// Is it a custom kind, of which the schema says all?
    custom: bool,
}

/// One mistake of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// JSON Pointer of the field.
    pub path: String,
    /// What is wrong with it; never a value of the object.
    pub words: String,
}

/// What would become of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    /// The object as it would be stored: pruned, with its defaults.
    pub after: Value,
    /// Why it would be refused, in the order of its fields; at most 20.
    pub mistakes: Vec<Mistake>,
    /// Was it checked in part only? What is not known is never a mistake.
    pub part: bool,
}

impl Schema {
    /// What the API server would make of an object that is applied with strict validation: unknown fields are refused,
    /// defaults are filled in, and the outcome is checked.
    pub(crate) fn judge(&self, body: &Value) -> Judgement {
        let mut after = body.clone();
        // No list item is dropped, so that the paths of the outcome are those of the body.
        let unknown = self.prune(&mut after);
        self.conclude(unknown, after)
    }

    /// The same of an object that is applied over another. What that one has and the schema no longer knows goes without a
    /// word.
    pub(crate) fn judge_over(&self, under: &Value, body: &Value) -> Judgement {
        let unknown = self.prune(&mut body.clone());
        let mut after = self.lay(under, body);
        self.prune(&mut after);
        self.conclude(unknown, after)
    }

    fn conclude(&self, unknown: Vec<String>, mut after: Value) -> Judgement {
        // What lacks a default might be refused for that.
        let (wrong, part) = if self.fill(&mut after) { self.check(&after) } else { (Vec::new(), true) };
        let unknown =
            unknown.into_iter().map(|path| Mistake { path, words: "is not a known field".to_owned() });
        let mut mistakes: Vec<Mistake> = Vec::new();
        for mistake in unknown.chain(wrong).take(MISTAKES) {
            // Metadata has rules of its own and may be in the schema, too.
            let same =
                |known: &Mistake| known.path == mistake.path && mistake.words.starts_with(&known.words);
            if !mistakes.iter().any(same) {
                mistakes.push(mistake);
            }
        }
        Judgement { after, mistakes, part }
    }

    /// Are there rules in CEL, which are not evaluated here?
    pub(crate) fn has_rules(&self) -> bool {
        self.root.has_rules() || self.parts.values().any(Node::has_rules)
    }

    /// The node that says how things are: itself, or what it refers to.
    fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        let mut node = node;
        // A name may stand for another; a circle of names says nothing.
        for _ in 0..8 {
            match node.refers.as_ref().and_then(|name| self.parts.get(name)) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }
}

/// A pointer and one more step.
fn step(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// What it costs to look at a text.
fn cost(text: &str) -> usize {
    1 + text.len() / 16
}

/// What it costs to look at a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => cost(text),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => 1 + map.iter().map(|(key, value)| cost(key) + weight(value)).sum::<usize>(),
    }
}
