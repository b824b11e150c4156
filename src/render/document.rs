//! From documents to manifests: lists taken apart, and what no manifest may be told with its place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::object::{Origin, Remote};
use crate::render::sops;
use crate::render::tree::shown;
use crate::yaml::{self, Content, Node};

/// What to do about a manifest without a kind.
const KIND: &str = "every manifest says its apiVersion and kind";

/// What one app gives; also as it is kept.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The app, by its path.
    pub app: String,
    /// Its manifests, in the order rendered.
    pub pieces: Vec<Piece>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// What its renderer warned of.
    pub warnings: Vec<String>,
    /// What was fetched for it; not kept, because it is fetched before it is known whether the rest is.
    #[serde(skip)]
    pub remotes: Vec<Remote>,
}

/// One manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// The manifest.
    pub body: Value,
    /// Where it comes from.
    pub origin: Origin,
    /// Does it run at deploy time rather than stay?
    pub hook: bool,
    /// JSON Pointers into the manifest, sorted: where it is another at each render.
    pub volatile: Vec<String>,
}

/// What the lines of a document are lines of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// The author's file.
    Source,
    /// What a renderer wrote.
    Rendered,
}

/// Where documents come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    /// The app.
    pub app: &'a str,
    /// The file that they are told of.
    pub file: Option<&'a str>,
    /// Whose lines they have.
    pub lines: Lines,
}

impl From<'_> {
    fn origin(&self, line: u32) -> Origin {
        Origin {
            app: shown(self.app),
            file: self.file.map(str::to_owned),
            line: (self.lines == Lines::Source).then_some(line),
        }
    }

    /// A fault at a node, as far as its place is one of the author's.
    fn fault(&self, node: &Node, message: String) -> Fault {
        let mut fault = Fault::new(message);
        fault.file = self.file.map(str::to_owned);
        if self.lines == Lines::Source {
            fault = fault.at(node.line, node.column);
        }
        fault
    }

    /// What reading said, told of this file.
    pub(super) fn told(&self, mut fault: Fault) -> Fault {
        fault.file = self.file.map(str::to_owned);
        if self.lines == Lines::Rendered {
            // The line is one that the author never wrote, and may hold what only the renderer put together.
            if let Some(line) = fault.line.take() {
                fault.message = format!("{} (line {line} of what it renders to)", fault.message);
            }
            fault.column = None;
            fault.snippet = None;
        }
        fault
    }
}

/// How much of memory a value takes, about: its texts, and something for each node.
fn weight(value: &Value) -> usize {
    const NODE: usize = 64;
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

impl Part {
    /// How much of memory it takes, about, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.pieces.iter().map(|piece| weight(&piece.body)).sum()
    }

    /// Reads a text's documents and takes their manifests; of a text that is not YAML it takes none. Gives how many
    /// nodes it held, as its limits count them.
    pub(super) fn read(&mut self, text: &[u8], from: From<'_>, limits: &yaml::Limits) -> usize {
        let read = yaml::each(text, limits, |document| {
            let mut part = Self::default();
            part.warn(document.warnings, from);
            part.take(document.root, from);
            part
        });
        match read {
            Ok((parts, nodes)) => {
                let most = self.warnings.len() + yaml::WARNINGS;
                for part in parts {
                    self.pieces.extend(part.pieces);
                    self.faults.extend(part.faults);
                    self.warnings.extend(part.warnings);
                }
                self.warnings.truncate(most);
                nodes
            }
            Err(fault) => {
                self.faults.push(from.told(fault));
                0
            }
        }
    }

    /// Passes on what reading warned of.
    pub(super) fn warn(&mut self, warnings: Vec<Fault>, from: From<'_>) {
        for warning in warnings {
            let mut warning = from.told(warning);
            warning.snippet = None;
            self.warnings.push(warning.to_string());
        }
    }

    /// Takes one document: a manifest, or a list of them.
    pub(super) fn take(&mut self, node: Node, from: From<'_>) {
        if !matches!(node.content, Content::Map(_)) {
            let message = format!("a manifest must be a mapping, and this is {}", node.kind());
            self.faults.push(from.fault(&node, message));
            return;
        }
        if node.get("items").is_none() {
            self.one(node, from);
            return;
        }
        // As kubectl has it: whatever has `items` at its top is a list, and a list is nothing but its items.
        let (kind, version) = (text(&node, "kind").to_owned(), text(&node, "apiVersion").to_owned());
        if kind.is_empty() {
            self.faults.push(from.fault(&node, "kind is missing".to_owned()).hint(KIND));
            return;
        }
        let item = kind.strip_suffix("List").unwrap_or(&kind);
        if kind == item || node.get("metadata").is_some_and(|metadata| !text(metadata, "name").is_empty()) {
            let warning = from.fault(
                &node,
                format!("this {kind} has `items` at its top: like kubectl, only they are taken, not the {kind} itself"),
            );
            self.warnings.push(warning.to_string());
        }
        self.items(node, from, item, &version);
    }

    /// Takes a list's items; those that say neither have the list's apiVersion, and its kind without `List`.
    fn items(&mut self, list: Node, from: From<'_>, kind: &str, version: &str) {
        let Content::Map(entries) = list.content else { return };
        let Some((_, items)) = entries.into_iter().find(|(key, _)| key.text == "items") else { return };
        let items = match items.content {
            Content::Null => return,
            Content::List(items) => items,
            Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::Map(_) => {
                let message = format!("items must be a list, and this is {}", items.kind());
                let fault = from.fault(&items, message);
                self.faults.push(fault.hint("kubectl takes every object with `items` at its top for a list"));
                return;
            }
        };
        for mut node in items {
            if !matches!(node.content, Content::Map(_)) {
                let message = format!("an item of a list must be a manifest, and this is {}", node.kind());
                let fault = from.fault(&node, message);
                self.faults.push(fault.hint("kubectl takes every object with `items` at its top for a list"));
                continue;
            }
            if text(&node, "kind").is_empty() && text(&node, "apiVersion").is_empty() {
                set(&mut node, "kind", kind);
                set(&mut node, "apiVersion", version);
            }
            self.take(node, from);
        }
    }

    fn one(&mut self, node: Node, from: From<'_>) {
        let faults = mistakes(&node);
        if !faults.is_empty() {
            self.faults
                .extend(faults.into_iter().map(|(at, message, hint)| from.fault(at, message).hint(hint)));
            return;
        }
        let origin = from.origin(node.line);
        self.pieces.push(Piece { body: node.into_json(), origin, hook: false, volatile: Vec::new() });
    }
}

/// The text of a key; empty if it has none.
fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::text).unwrap_or_default()
}

/// Puts a text at the front of a mapping, in place of what the key held.
fn set(node: &mut Node, key: &str, value: &str) {
    let (line, column) = (node.line, node.column);
    if let Content::Map(entries) = &mut node.content {
        entries.retain(|(have, _)| have.text != key);
        let key = yaml::Key { text: key.to_owned(), line, column };
        entries.insert(0, (key, Node { line, column, content: Content::Text(value.to_owned()) }));
    }
}

/// What makes it no manifest: where, what, and what to do.
fn mistakes(node: &Node) -> Vec<(&Node, String, &'static str)> {
    let mut found = Vec::new();
    if let Some(metadata) = sops::sealed(node) {
        found.push((metadata, sops::OBJECT.to_owned(), sops::HINT));
    }
    let metadata = node.get("metadata");
    let fields = [
        ("", "apiVersion"),
        ("", "kind"),
        ("metadata.", "name"),
        ("metadata.", "generateName"),
        ("metadata.", "namespace"),
    ];
    for (prefix, field) in fields {
        let value =
            if prefix.is_empty() { node.get(field) } else { metadata.and_then(|node| node.get(field)) };
        if let Some(value) = value {
            string(&mut found, value, || format!("{prefix}{field}"));
            // Where it is told of, what follows a line break would pass for a line of ours.
            if value.text().is_some_and(|text| text.contains(char::is_control)) {
                let message = format!("{prefix}{field} holds a control character");
                found.push((value, message, "write it as a name that Kubernetes takes"));
            }
        }
    }
    let below = ["labels", "annotations"].map(|field| (field, metadata.and_then(|node| node.get(field))));
    for (name, value) in [("metadata", metadata)].into_iter().chain(below) {
        if let Some(value) = value.filter(|node| !matches!(node.content, Content::Map(_) | Content::Null)) {
            let message = format!("{name} must be a mapping, and this is {}", value.kind());
            found.push((value, message, "write it as lines of `key: value`"));
        }
    }
    for field in ["labels", "annotations"] {
        let entries = metadata.and_then(|node| node.get(field)).map(Node::entries).unwrap_or_default();
        for (key, value) in entries {
            string(&mut found, value, || format!("metadata.{field}[{:?}]", key.text));
        }
    }
    for field in ["apiVersion", "kind"] {
        if node
            .get(field)
            .is_none_or(|value| matches!(&value.content, Content::Null) || value.text() == Some(""))
        {
            found.push((node, format!("{field} is missing"), KIND));
        }
    }
    let named = ["name", "generateName"].iter().any(|field| {
        metadata
            .and_then(|node| node.get(field))
            .is_some_and(|name| !matches!(&name.content, Content::Null) && name.text() != Some(""))
    });
    if !named {
        found.push((
            metadata.unwrap_or(node),
            "metadata.name is missing".to_owned(),
            "give the object a name",
        ));
    }
    found
}

/// A value that must be a string, or nothing.
fn string<'n>(
    found: &mut Vec<(&'n Node, String, &'static str)>,
    value: &'n Node,
    name: impl FnOnce() -> String,
) {
    if !matches!(&value.content, Content::Text(_) | Content::Null) {
        let message = format!("{} must be a string, and this is {}", name(), value.kind());
        found.push((value, message, "put it in quotes"));
    }
}
