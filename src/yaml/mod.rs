//! YAML as kubectl reads it, with the place of everything; and YAML written so that it is read back the same. Pure.
//!
//! kubectl reads YAML 1.1 and turns it into JSON: `y`, `yes` and `on` are booleans, `0644` is 420, a key `y:` is the key
//! `"true"`, of two equal keys the last one counts. What a reviewer is shown must be what the cluster would get, so the
//! same rules hold here, and where they surprise people a warning says so.
//!
//! Everything is bounded ([`Limits`]): bytes, nodes after aliases are expanded, depth. No step is worse than linear, so
//! this runs in our own process. The parser reads more than kubectl does; what is to be refused is refused here.

mod ahead;
#[cfg(test)]
mod bounds;
mod build;
mod cut;
pub(crate) mod fields;
mod nearest;
#[cfg(test)]
pub(crate) mod random;
mod read;
mod scalar;
mod snippet;
mod strict;
#[cfg(test)]
mod tests;
mod write;

use serde_json::{Map, Number, Value};

use crate::model::fault::Fault;

pub(crate) use nearest::nearest;
pub(crate) use read::{WARNINGS, each, read};
pub(crate) use snippet::snippet;
pub(crate) use write::{escaped, inline, write, write_all};

/// How much one text may hold before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of the text, and bytes of all scalars after aliases are expanded.
    pub bytes: usize,
    /// Nodes (scalars, lists, mappings) of all documents, after aliases are expanded.
    pub nodes: usize,
    /// Nesting, after aliases are expanded.
    pub depth: usize,
}

/// 64 MiB, five million nodes (keys count too), 100 levels: beyond any honest render. A node takes 150 bytes at most
/// while it becomes JSON, so all of this stays within 800 MiB; 50 MB of Deployments take 550.
impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, nodes: 5_000_000, depth: 100 }
    }
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What stands there.
    pub content: Content,
}

/// A value as JSON knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// `null`, `~`, or nothing.
    Null,
    /// A YAML 1.1 boolean.
    Bool(bool),
    /// Integers are exact up to 64 bits; larger ones and fractions are doubles.
    Number(Number),
    /// Everything else that is a scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written, keys unique.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key as JSON spells it, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The text: `true` for a key written `y`.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One document that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Its value; never null.
    pub root: Node,
    /// What was read otherwise than its author may think (keys given twice); no file, the caller knows it.
    pub warnings: Vec<Fault>,
}

impl Node {
    /// The value without places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(is) => Value::Bool(*is),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The same as [`Node::to_json`], without copying the texts.
    pub(crate) fn into_json(self) -> Value {
        match self.content {
            Content::Null => Value::Null,
            Content::Bool(is) => Value::Bool(is),
            Content::Number(number) => Value::Number(number),
            Content::Text(text) => Value::String(text),
            Content::List(items) => Value::Array(items.into_iter().map(Self::into_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.into_iter().map(|(key, node)| (key.text, node.into_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(have, _)| have.text == key).map(|(_, node)| node)
    }

    /// The entries of a mapping; none if it is something else.
    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::List(_) => {
                &[]
            }
        }
    }

    /// The items of a list; none if it is something else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::Map(_) => &[],
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) | Content::Map(_) => {
                None
            }
        }
    }

    /// What kind of value it is, for messages: `a mapping`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}
