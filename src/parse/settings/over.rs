//! One mapping over another: maps merge, lists and single values are replaced. Places stay with what they belong to.

use serde_json::Value;

use crate::yaml::{Content, Key, Node};

/// `upper` over `lower`. Where the upper value is null the lower one stands.
pub(super) fn over(lower: &Node, upper: &Node) -> Node {
    let (Content::Map(below), Content::Map(above)) = (&lower.content, &upper.content) else {
        return if upper.content == Content::Null { lower.clone() } else { upper.clone() };
    };
    let mut entries: Vec<(Key, Node)> = below.clone();
    for (key, node) in above {
        match entries.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((place, below)) => {
                *below = over(below, node);
                *place = key.clone();
            }
            None => entries.push((key.clone(), node.clone())),
        }
    }
    Node { line: upper.line, column: upper.column, content: Content::Map(entries) }
}

/// How many values there are, the outermost one included.
pub(super) fn nodes(node: &Node) -> usize {
    let within = node.items().iter().chain(node.entries().iter().map(|(_, node)| node));
    1 + within.map(nodes).sum::<usize>()
}

/// An empty mapping that stands nowhere.
pub(super) fn empty() -> Node {
    nowhere(Content::Map(Vec::new()))
}

/// A value that stands nowhere in the file; null is an empty mapping.
pub(super) fn node(value: &Value) -> Node {
    if value.is_null() { empty() } else { nowhere(content(value)) }
}

fn content(value: &Value) -> Content {
    match value {
        Value::Null => Content::Null,
        Value::Bool(is) => Content::Bool(*is),
        Value::Number(number) => Content::Number(number.clone()),
        Value::String(text) => Content::Text(text.clone()),
        Value::Array(items) => Content::List(items.iter().map(|item| nowhere(content(item))).collect()),
        Value::Object(map) => {
            let key = |text: &String| Key { text: text.clone(), line: 0, column: 0 };
            Content::Map(map.iter().map(|(text, value)| (key(text), nowhere(content(value)))).collect())
        }
    }
}

/// The value at the end of a way of keys, so that faults name the whole way.
pub(super) fn wrapped(way: &[&str], node: Node) -> Node {
    way.iter().rev().fold(node, |inner, text| {
        let key = Key { text: (*text).to_owned(), line: inner.line, column: inner.column };
        Node { line: inner.line, column: inner.column, content: Content::Map(vec![(key, inner)]) }
    })
}

fn nowhere(content: Content) -> Node {
    Node { line: 0, column: 0, content }
}
