//! Variables laid over the file: `TIDEGATE_GITHUB__APP_ID` is `github.app_id`.

use crate::config::table::PREFIX;
use crate::model::fault::Fault;
use crate::yaml::fields::Faults;
use crate::yaml::{Content, Key, Limits, Node, read};

/// Variables of ours that are no settings: where the file lies.
const OTHERS: &[&str] = &["TIDEGATE_CONFIG"];
/// Settings that are taken as they are, whatever they begin with.
const LITERAL: &[&str] = &["database", "github.private_key", "github.webhook_secret"];

/// Lays the variables over the document. An empty one counts as not set; what begins with `[` or `{` is read as YAML.
pub(super) fn over(
    root: &mut Node,
    variables: impl IntoIterator<Item = (String, String)>,
    faults: &mut Faults,
) {
    let mut ours: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, value)| {
            name.strip_prefix(PREFIX).is_some_and(|rest| !of_a_service(rest))
                && !OTHERS.contains(&name.as_str())
                && !value.is_empty()
        })
        .collect();
    // Outer ones first: TIDEGATE_RENDER={…} is then refined by TIDEGATE_RENDER__SECONDS.
    ours.sort();
    for (name, value) in ours {
        let path = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
        faults.came_from(path.as_str(), name.as_str());
        match content(&path, value) {
            Ok(content) => set(root, &path.split('.').collect::<Vec<_>>(), content),
            Err(fault) => {
                let message =
                    format!("{path} begins like a YAML list or mapping and is none: {}", fault.message);
                faults.tell(Fault::new(message).file(name));
            }
        }
    }
}

/// Is it one of the variables that Kubernetes gives every pod beside a Service named `tidegate` or `tidegate-…`
/// (`TIDEGATE_SERVICE_HOST`, `TIDEGATE_PORT_8080_TCP=tcp://…`)? No setting of ours has such a name.
/// <https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>
fn of_a_service(rest: &str) -> bool {
    let nested = rest.contains("__");
    let rest = format!("_{rest}_");
    !nested && ["_SERVICE_HOST_", "_SERVICE_PORT_", "_PORT_"].iter().any(|word| rest.contains(word))
}

fn content(path: &str, value: String) -> Result<Content, Fault> {
    if !value.starts_with(['[', '{']) || LITERAL.contains(&path) {
        return Ok(Content::Text(value));
    }
    let documents = read(value.as_bytes(), &Limits { bytes: 1 << 20, nodes: 100_000, depth: 20 })?;
    Ok(documents.into_iter().next().map_or(Content::Null, |document| unplaced(document.root).content))
}

/// The same value without lines: they would be taken for lines of the file.
fn unplaced(node: Node) -> Node {
    let content = match node.content {
        Content::List(items) => Content::List(items.into_iter().map(unplaced).collect()),
        Content::Map(entries) => {
            let unkeyed = |key: Key| Key { line: 0, column: 0, ..key };
            Content::Map(entries.into_iter().map(|(key, node)| (unkeyed(key), unplaced(node))).collect())
        }
        other @ (Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_)) => other,
    };
    Node { line: 0, column: 0, content }
}

/// Puts a value at its path; mappings on the way are made, other values in the way are replaced.
fn set(node: &mut Node, path: &[&str], content: Content) {
    let Some((first, rest)) = path.split_first() else {
        *node = Node { line: 0, column: 0, content };
        return;
    };
    if !matches!(node.content, Content::Map(_)) {
        *node = Node { line: 0, column: 0, content: Content::Map(Vec::new()) };
    }
    if let Content::Map(entries) = &mut node.content {
        let at = entries.iter().position(|(key, _)| key.text == *first).unwrap_or_else(|| {
            let key = Key { text: (*first).to_owned(), line: 0, column: 0 };
            entries.push((key, Node { line: 0, column: 0, content: Content::Null }));
            entries.len() - 1
        });
        if let Some((_, node)) = entries.get_mut(at) {
            set(node, rest, content);
        }
    }
}
