//! Where two JSON values differ: one entry per differing leaf, by JSON Pointer (RFC 6901).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::diff::align::{align, called};
use crate::model::lists::ListKeys;

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// JSON Pointer into the after-value; into the before-value for removals.
    pub path: String,
    /// The same with the names of list items in place of their positions (`/spec/containers/[web]/image`): equal in any two
    /// states of an object. Items without a name keep their position.
    pub place: String,
    /// The value before; none: absent.
    pub before: Option<Value>,
    /// The value after; none: absent.
    pub after: Option<Value>,
}

/// Every differing leaf, in the order of the after-value, removals after what remains. Depth is bounded by the parsers.
///
/// Lists are aligned by their keys, sets by their values, and others by the names of their items or by what is equal. Where
/// items with names change their order, the whole list is one difference, because order can matter (environment variables
/// refer backwards).
pub(crate) fn differences(before: &Value, after: &Value, keys: &ListKeys) -> Vec<Difference> {
    let mut walk = Walk { keys, at: At::default(), found: Vec::new() };
    walk.values(before, after);
    walk.found
}

/// The value at a [`Difference::place`] of any state of the object.
pub(crate) fn at<'v>(body: &'v Value, place: &str, keys: &ListKeys) -> Option<&'v Value> {
    let (mut value, mut list) = (body, String::new());
    for token in place.split('/').skip(1) {
        match value {
            Value::Array(items) => {
                let key = unescape(token);
                let names = called(items, keys.of(&list));
                let named = names.and_then(|names| {
                    let name = key.strip_prefix('[')?.strip_suffix(']')?;
                    names.iter().position(|own| own == name)
                });
                value = items.get(named.or_else(|| key.parse().ok())?)?;
            }
            Value::Object(map) => {
                value = map.get(&unescape(token))?;
                list.extend(["/", token]);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        }
    }
    Some(value)
}

/// Appends one reference token to a pointer, escaped.
pub(crate) fn push(path: &mut String, token: &str) {
    path.push('/');
    for c in token.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Is one of the two pointers the other, or above it?
pub(crate) fn related(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Many pointers or places, asked whether one of them is another, above it or beneath it: in logarithmic time, since one object
/// may have as many paths as its size allows.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeSet<String>);

impl FromIterator<String> for Places {
    fn from_iter<I: IntoIterator<Item = String>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

impl Places {
    /// Is one of them [`related`] to this?
    pub(crate) fn related(&self, place: &str) -> bool {
        let above = place.match_indices('/').map(|(at, _)| &place[..at]);
        let beneath = format!("{place}/");
        self.0.contains(place)
            || above.into_iter().any(|above| self.0.contains(above))
            || self.0.range(beneath.clone()..).next().is_some_and(|next| next.starts_with(&beneath))
    }
}

/// One place, as each side and the table of keys name it.
#[derive(Debug, Default)]
struct At {
    before: String,
    after: String,
    place: String,
    list: String,
}

struct Walk<'k> {
    keys: &'k ListKeys,
    at: At,
    found: Vec<Difference>,
}

impl Walk<'_> {
    fn values(&mut self, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        match (before, after) {
            (Value::Object(a), Value::Object(b)) => self.maps(a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(a, b),
            (before, after) => self.found(Some(before.clone()), Some(after.clone())),
        }
    }

    fn maps(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        for (key, value) in after {
            self.member(key, |walk| match before.get(key) {
                Some(old) => walk.values(old, value),
                None => walk.found(None, Some(value.clone())),
            });
        }
        for (key, old) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
            self.member(key, |walk| walk.found(Some(old.clone()), None));
        }
    }

    fn lists(&mut self, before: &[Value], after: &[Value]) {
        let aligned = align(before, after, self.keys.of(&self.at.list));
        if aligned.reordered {
            return self.found(Some(Value::from(before)), Some(Value::from(after)));
        }
        for (at, (value, from)) in after.iter().zip(&aligned.from).enumerate() {
            let old = from.and_then(|from| before.get(from));
            self.item((from.unwrap_or(at), at), &aligned.after(at), |walk| match old {
                Some(old) => walk.values(old, value),
                None => walk.found(None, Some(value.clone())),
            });
        }
        for (at, (old, _)) in before.iter().zip(&aligned.gone).enumerate().filter(|(_, (_, gone))| **gone) {
            self.item((at, at), &aligned.before(at), |walk| walk.found(Some(old.clone()), None));
        }
    }

    fn member(&mut self, key: &str, within: impl FnOnce(&mut Self)) {
        let At { before, after, place, list } = &self.at;
        let lengths = (before.len(), after.len(), place.len(), list.len());
        let At { before, after, place, list } = &mut self.at;
        for path in [before, after, place, list] {
            push(path, key);
        }
        within(self);
        self.back(lengths);
    }

    fn item(&mut self, (old, new): (usize, usize), token: &str, within: impl FnOnce(&mut Self)) {
        let At { before, after, place, list } = &self.at;
        let lengths = (before.len(), after.len(), place.len(), list.len());
        push(&mut self.at.before, &old.to_string());
        push(&mut self.at.after, &new.to_string());
        push(&mut self.at.place, token);
        within(self);
        self.back(lengths);
    }

    fn back(&mut self, (before, after, place, list): (usize, usize, usize, usize)) {
        self.at.before.truncate(before);
        self.at.after.truncate(after);
        self.at.place.truncate(place);
        self.at.list.truncate(list);
    }

    fn found(&mut self, before: Option<Value>, after: Option<Value>) {
        let path = if after.is_none() { &self.at.before } else { &self.at.after }.clone();
        self.found.push(Difference { path, place: self.at.place.clone(), before, after });
    }
}
