//! What the API server drops: unknown fields.

use serde_json::{Map, Value};

use crate::schema::node::{Additional, Node};
use crate::schema::{DEPTH, Schema, meta, step};

/// The fields of every whole object, which no schema needs to state.
const ALWAYS: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// Up to here every whole number has a float of its own.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Schema {
    /// Drops unknown fields and gives the JSON Pointers of those that an apply is refused for. Others go without a word:
    /// beneath what may hold anything, and where the schema states no field at all, an apply does not know what is unknown.
    pub(crate) fn prune(&self, body: &mut Value) -> Vec<String> {
        let mut pruner = Pruner { schema: self, dropped: Vec::new() };
        pruner.whole(&self.root, body, At { path: "", whole: true, silent: false }, DEPTH);
        pruner.dropped
    }
}

struct Pruner<'a> {
    schema: &'a Schema,
    dropped: Vec<String>,
}

/// Where a value is.
#[derive(Clone, Copy)]
struct At<'p> {
    path: &'p str,
    /// Is it an object with apiVersion, kind and metadata?
    whole: bool,
    /// Does what is unknown go without a word?
    silent: bool,
}

impl Pruner<'_> {
    fn whole(&mut self, node: &Node, value: &mut Value, at: At<'_>, depth: usize) {
        if self.schema.custom
            && let Some(metadata) = value.get_mut("metadata")
        {
            let mut dropped = Vec::new();
            meta::prune(metadata, &step(at.path, "metadata"), &mut dropped);
            self.dropped.extend(dropped.into_iter().filter(|_| !at.silent));
        }
        self.value(node, value, at, depth);
    }

    fn value(&mut self, node: &Node, value: &mut Value, at: At<'_>, depth: usize) {
        if depth == 0 {
            return;
        }
        let node = self.schema.resolve(node);
        match value {
            Value::Object(map) => self.object(node, map, at, depth),
            Value::Array(items) => {
                let Some(inner) = &node.items else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    let path = format!("{}/{index}", at.path);
                    self.beneath(inner, item, At { path: &path, ..at }, depth);
                }
            }
            Value::Number(number) if self.schema.custom => {
                // 2.0 is stored as 2.
                let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < WHOLE);
                if let (None, Some(whole)) = (number.as_i64(), whole) {
                    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
                    let whole = whole as i64;
                    *value = whole.into();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, node: &Node, map: &mut Map<String, Value>, at: At<'_>, depth: usize) {
        let open =
            node.preserve || (!self.schema.custom && !says(node)) || node.additional == Additional::Any;
        let silent = at.silent || node.preserve || !says(node);
        map.retain(|key, value| {
            if at.whole && self.schema.custom && ALWAYS.contains(&key.as_str()) {
                return true;
            }
            let path = step(at.path, key);
            let Some(inner) = node.field(key) else {
                if !open && !silent {
                    self.dropped.push(path);
                }
                return open;
            };
            self.beneath(inner, value, At { path: &path, whole: false, silent }, depth);
            true
        });
    }

    fn beneath(&mut self, node: &Node, value: &mut Value, at: At<'_>, depth: usize) {
        if node.embedded {
            self.whole(node, value, At { whole: true, ..at }, depth - 1);
        } else {
            self.value(node, value, At { whole: false, ..at }, depth - 1);
        }
    }
}

/// Does a node say which fields there are? Those of compiled kinds that do not hold what the server keeps as it is.
fn says(node: &Node) -> bool {
    !node.properties.is_empty() || node.additional != Additional::None
}
