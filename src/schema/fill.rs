//! Defaults, as the API server fills them in for custom kinds.

use serde_json::Value;

use crate::schema::node::{Additional, Node};
use crate::schema::{DEPTH, Schema, weight};

/// Fields that are looked at and values that are filled in, with 16 bytes of text each.
const FILLED: usize = 1_000_000;

impl Schema {
    /// Fills in defaults: where the parent is there and the field is not, or is a null that may not be. Of compiled kinds no
    /// default is known: what their documents call so is the language's empty value. Is that all? A large default for each
    /// of many items would have no end, and is left out.
    /// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting>
    pub(crate) fn fill(&self, body: &mut Value) -> bool {
        let mut left = Some(FILLED);
        if self.custom {
            self.fill_in((&self.root, DEPTH), body, &mut left);
        }
        left.is_some()
    }

    fn fill_in(&self, (node, depth): (&Node, usize), value: &mut Value, left: &mut Option<usize>) {
        if depth == 0 {
            return;
        }
        let node = self.resolve(node);
        match value {
            Value::Object(map) => {
                if !spend(left, 1 + node.properties.len()) {
                    return;
                }
                for (key, inner) in &node.properties {
                    let Some(default) = &inner.default else { continue };
                    if map.get(key).is_none_or(|value| absent(value, inner)) && spend(left, weight(default)) {
                        map.insert(key.clone(), default.clone());
                    }
                }
                for (key, value) in map.iter_mut() {
                    let like = match &node.additional {
                        Additional::Like(like) => Some(&**like),
                        Additional::None | Additional::Any => None,
                    };
                    let Some(inner) = node.properties.get(key).or(like) else { continue };
                    self.fill_one((inner, depth - 1), value, left);
                }
            }
            Value::Array(items) => {
                let Some(inner) = &node.items else { return };
                for item in items {
                    self.fill_one((inner, depth - 1), item, left);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fill_one(&self, (node, depth): (&Node, usize), value: &mut Value, left: &mut Option<usize>) {
        if let Some(default) = node.default.as_ref().filter(|_| absent(value, node))
            && spend(left, weight(default))
        {
            value.clone_from(default);
        }
        self.fill_in((node, depth), value, left);
    }
}

/// May so much more be done? Nothing may after what may not.
fn spend(left: &mut Option<usize>, work: usize) -> bool {
    *left = left.and_then(|left| left.checked_sub(work));
    left.is_some()
}

/// A null that may not be counts as nothing.
fn absent(value: &Value, node: &Node) -> bool {
    value.is_null() && !node.nullable
}
