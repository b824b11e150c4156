//! Laying what is sent over what is there, where the server cannot be asked to do it.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::schema::node::{List, Node};
use crate::schema::{DEPTH, Schema};

impl Schema {
    /// What is there with what is sent laid over it: objects field by field, lists with keys item by item, anything else
    /// whole. Near to what the server's own merge gives, and no more than that.
    pub(crate) fn lay(&self, under: &Value, over: &Value) -> Value {
        self.lay_one(Some(&self.root), under, over, DEPTH)
    }

    fn lay_one(&self, node: Option<&Node>, under: &Value, over: &Value, depth: usize) -> Value {
        let node = node.map(|node| self.resolve(node)).filter(|_| depth > 0);
        match (under, over) {
            (Value::Object(under), Value::Object(over))
                if node.is_none_or(|node| !node.atomic) && depth > 0 =>
            {
                self.lay_object(node, under, over, depth)
            }
            (Value::Array(under), Value::Array(over)) => match node.map(|node| (&node.list, &node.items)) {
                Some((List::Map(keys), Some(items))) => self.lay_list((items, keys), under, over, depth),
                Some((List::Set, _)) => {
                    let known: HashSet<&Value> = under.iter().collect();
                    let new = over.iter().filter(|item| !known.contains(item));
                    under.iter().chain(new).cloned().collect()
                }
                Some(_) | None => Value::Array(over.clone()),
            },
            (_, over) => over.clone(),
        }
    }

    fn lay_object(
        &self,
        node: Option<&Node>,
        under: &Map<String, Value>,
        over: &Map<String, Value>,
        depth: usize,
    ) -> Value {
        let mut all = under.clone();
        for (key, value) in over {
            let inner = node.and_then(|node| node.field(key));
            let laid = match under.get(key) {
                Some(below) => self.lay_one(inner, below, value, depth - 1),
                None => value.clone(),
            };
            all.insert(key.clone(), laid);
        }
        Value::Object(all)
    }

    fn lay_list(
        &self,
        (node, keys): (&Node, &[String]),
        under: &[Value],
        over: &[Value],
        depth: usize,
    ) -> Value {
        let shape = self.resolve(node);
        // A key that is not said has its default: a port's protocol.
        let name = |item: &Value| -> Vec<Option<Value>> {
            let default = |key: &String| shape.properties.get(key).and_then(|field| field.default.clone());
            keys.iter().map(|key| item.get(key).cloned().or_else(|| default(key))).collect()
        };
        let mut all = under.to_vec();
        let mut places = HashMap::new();
        for (place, item) in under.iter().enumerate() {
            places.entry(name(item)).or_insert(place);
        }
        for item in over {
            let place = *places.entry(name(item)).or_insert(all.len());
            match all.get_mut(place) {
                Some(below) => *below = self.lay_one(Some(node), below, item, depth - 1),
                None => all.push(item.clone()),
            }
        }
        Value::Array(all)
    }
}
