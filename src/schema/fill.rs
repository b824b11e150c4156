//! Defaults, as the API server fills them in for custom kinds.

use serde_json::Value;

use crate::schema::node::{Additional, Node};
use crate::schema::{DEPTH, Schema};

impl Schema {
    /// Fills in defaults: where the parent is there and the field is not, or is a null that may not be. Of compiled kinds no
    /// default is known: what their documents call so is the language's empty value.
    /// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting>
    pub(crate) fn fill(&self, body: &mut Value) {
        if self.custom {
            self.fill_in(&self.root, body, DEPTH);
        }
    }

    fn fill_in(&self, node: &Node, value: &mut Value, depth: usize) {
        if depth == 0 {
            return;
        }
        let node = self.resolve(node);
        match value {
            Value::Object(map) => {
                for (key, inner) in &node.properties {
                    let Some(default) = &inner.default else { continue };
                    if map.get(key).is_none_or(|value| absent(value, inner)) {
                        map.insert(key.clone(), default.clone());
                    }
                }
                for (key, value) in map.iter_mut() {
                    let like = match &node.additional {
                        Additional::Like(like) => Some(&**like),
                        Additional::None | Additional::Any => None,
                    };
                    let Some(inner) = node.properties.get(key).or(like) else { continue };
                    self.fill_one(inner, value, depth - 1);
                }
            }
            Value::Array(items) => {
                let Some(inner) = &node.items else { return };
                for item in items {
                    self.fill_one(inner, item, depth - 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fill_one(&self, node: &Node, value: &mut Value, depth: usize) {
        if let Some(default) = node.default.as_ref().filter(|_| absent(value, node)) {
            value.clone_from(default);
        }
        self.fill_in(node, value, depth);
    }
}

/// A null that may not be counts as nothing.
fn absent(value: &Value, node: &Node) -> bool {
    value.is_null() && !node.nullable
}
