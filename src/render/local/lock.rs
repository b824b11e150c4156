//! Which version of a dependency is meant: `Chart.lock` says it, or Chart.yaml itself.

use serde_json::{Map, Value, json};

use crate::model::fault::Fault;
use crate::model::id::Digest;
use crate::render::Limits;
use crate::render::chart::Elsewhere;
use crate::render::constraint::fits;
use crate::render::remote::exact;
use crate::render::sources::CHART;
use crate::render::tree::{Found, Tree, below, shown};
use crate::yaml::{self, Node};

/// What to do about a lock that does not fit.
const UPDATE: &str = "run `helm dependency update` and commit Chart.lock";

/// The exact version of a dependency that is fetched.
pub(super) fn version(tree: &Tree, named: &Elsewhere, limits: &Limits) -> Result<String, Fault> {
    let locks = [("Chart.lock", CHART), ("requirements.lock", "requirements.yaml")];
    let files = locks.map(|(lock, chart)| (below(&named.folder, lock), below(&named.folder, chart)));
    let Some((lock, chart)) = files.iter().find(|(lock, _)| tree.look(lock) == Found::File) else {
        if exact(&named.version) {
            return Ok(named.version.clone());
        }
        let message = format!(
            "the chart depends on `{}` {}, and no Chart.lock says which version that is",
            shown(&named.name),
            shown(&named.version)
        );
        return Err(Fault::new(message).hint(UPDATE));
    };
    let read = |file: &str| {
        let bytes = tree.read(file, limits.yaml.bytes)?;
        let documents = yaml::read(&bytes, &limits.yaml).map_err(|fault| fault.file(file))?;
        Ok::<_, Fault>(documents.into_iter().next().map(|document| document.root))
    };
    let stale = |why: &str| Fault::new(format!("{} is out of date: {why}", shown(lock))).hint(UPDATE);
    let (Some(lock), Some(chart)) = (read(lock)?, read(chart)?) else { return Err(stale("it is empty")) };
    let items = |root: &Node| root.get("dependencies").map(Node::items).unwrap_or_default().to_vec();
    let told = lock.get("digest").and_then(Node::text).unwrap_or_default();
    if chart.get("apiVersion").and_then(Node::text) == Some("v2")
        && !told.is_empty()
        && told != sum(&items(&chart), &items(&lock))
    {
        return Err(stale("its digest is not that of the dependencies in Chart.yaml"));
    }
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
    let found = items(&lock).into_iter().find(|entry| {
        text(entry, "name") == named.name
            && text(entry, "repository") == named.repository
            && fits(&named.version, &text(entry, "version")) == Some(true)
    });
    let version = found.map(|entry| text(&entry, "version")).filter(|version| exact(version));
    version.ok_or_else(|| {
        stale(&format!("it has no version of `{}` that Chart.yaml allows", shown(&named.name)))
    })
}

/// Helm's digest of what was asked for and what was found: SHA-256 over both lists as Go writes them as JSON.
pub(in crate::render) fn sum(asked: &[Node], found: &[Node]) -> String {
    let lists =
        json!([asked.iter().map(entry).collect::<Vec<_>>(), found.iter().map(entry).collect::<Vec<_>>()]);
    // Go writes these as escapes wherever they stand in a string, and they stand nowhere else.
    let text = lists.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    Digest::of(text.as_bytes()).to_string()
}

/// A dependency with the fields that Helm knows, in their order.
fn entry(node: &Node) -> Value {
    let mut map = Map::new();
    for (key, always) in [("name", true), ("version", false), ("repository", true), ("condition", false)] {
        let text = node.get(key).and_then(Node::text).unwrap_or_default();
        if always || !text.is_empty() {
            map.insert(key.to_owned(), Value::from(text));
        }
    }
    let mut other = |key: &str, empty: &Value| {
        if let Some(value) =
            node.get(key).map(Node::to_json).filter(|value| value != empty && !value.is_null())
        {
            map.insert(key.to_owned(), sorted(value));
        }
    };
    other("tags", &json!([]));
    other("enabled", &json!(false));
    other("import-values", &json!([]));
    other("alias", &json!(""));
    Value::Object(map)
}

/// Go sorts the keys of mappings.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}
