//! Common mistakes of authors, told better than renderers do: with the line that is meant, and what to do.

mod advice;
mod helm;
mod kustomize;

pub(super) use helm::helm;
pub(super) use kustomize::kustomize;

use crate::render::Limits;
use crate::render::tree::Tree;
use crate::yaml::{self, Node};

/// The documents of a file, as far as they can be read.
fn documents(tree: &Tree, limits: &Limits, file: &str) -> Vec<yaml::Document> {
    let bytes = tree.read(file, limits.yaml.bytes).unwrap_or_default();
    yaml::read(&bytes, &limits.yaml).unwrap_or_default()
}

/// The first key of this name, however deep: its line and column.
fn key(node: &Node, name: &str) -> Option<(u32, u32)> {
    let own = node.entries().iter().find(|(key, _)| key.text == name).map(|(key, _)| (key.line, key.column));
    let deeper =
        || node.entries().iter().map(|(_, node)| node).chain(node.items()).find_map(|node| key(node, name));
    own.or_else(deeper)
}

/// Where the first of these keys stands in a file.
fn place(tree: &Tree, limits: &Limits, file: &str, names: &[&str]) -> Option<(u32, u32)> {
    let documents = documents(tree, limits, file);
    names.iter().find_map(|name| documents.iter().find_map(|document| key(&document.root, name)))
}

/// What stands between two texts.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.split_once(begin)?.1.split_once(end).map(|(found, _)| found)
}
