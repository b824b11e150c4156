//! The keys of a kind's lists.

use crate::model::lists::ListKeys;
use crate::schema::node::{List, Node};
use crate::schema::{DEPTH, Schema, step};

/// Lists of one kind that are named. A pod's template has 30.
const LISTS: usize = 500;

impl Schema {
    /// The lists whose items have keys, by their places without positions. What lies beneath fields of any name has no
    /// place that could be named.
    pub(crate) fn keys(&self) -> ListKeys {
        let mut keys = ListKeys::default();
        self.collect(&self.root, "", &mut Vec::new(), &mut keys);
        keys
    }

    fn collect<'a>(&'a self, node: &'a Node, path: &str, above: &mut Vec<&'a Node>, keys: &mut ListKeys) {
        let node = self.resolve(node);
        // A schema that contains itself has lists without end.
        if above.len() > DEPTH || keys.0.len() >= LISTS || above.iter().any(|one| std::ptr::eq(*one, node)) {
            return;
        }
        above.push(node);
        for (key, inner) in &node.properties {
            self.collect(inner, &step(path, key), above, keys);
        }
        if let List::Map(names) = &node.list
            && !names.is_empty()
        {
            keys.0.insert(path.to_owned(), names.clone());
        }
        if let Some(items) = &node.items {
            self.collect(items, path, above, keys);
        }
        above.pop();
    }
}
