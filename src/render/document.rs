//! From documents to manifests: lists taken apart, and what no manifest may be told with its place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::object::Origin;
use crate::render::sops;
use crate::render::tree::shown;
use crate::yaml::{self, Content, Node};

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

impl Part {
    /// Reads a text's documents and takes their manifests; gives how many there were.
    pub(super) fn read(&mut self, text: &[u8], from: From<'_>, limits: &yaml::Limits) {
        match yaml::read(text, limits) {
            Err(fault) => self.faults.push(from.told(fault)),
            Ok(documents) => {
                for document in documents {
                    self.warn(document.warnings, from);
                    self.take(document.root, from);
                }
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
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let (kind, version) = (text("kind"), text("apiVersion"));
        let Some(item) = kind.strip_suffix("List").filter(|_| is_list(&node)) else {
            self.one(node, from);
            return;
        };
        let Content::Map(entries) = node.content else { return };
        let items = entries.into_iter().find(|(key, _)| key.text == "items").map(|(_, node)| node.content);
        let Some(Content::List(items)) = items else { return };
        for mut node in items {
            // As kubectl has it: in a `ConfigMapList` the items need not say that they are ConfigMaps.
            if !item.is_empty() {
                inherit(&mut node, "kind", item);
                inherit(&mut node, "apiVersion", &version);
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

/// Has it a list of items, as list kinds have?
fn is_list(node: &Node) -> bool {
    node.get("items").is_some_and(|items| matches!(items.content, Content::List(_)))
}

/// Adds a key to a mapping that lacks it.
fn inherit(node: &mut Node, key: &str, value: &str) {
    let (line, column) = (node.line, node.column);
    if node.get(key).is_some() {
        return;
    }
    if let Content::Map(entries) = &mut node.content {
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
            found.push((node, format!("{field} is missing"), "every manifest says its apiVersion and kind"));
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
