//! Where two JSON values differ: one entry per differing leaf, by JSON Pointer (RFC 6901).

use serde_json::{Map, Value};

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// JSON Pointer into the after-value; into the before-value for removals.
    pub path: String,
    /// The value before; none: absent.
    pub before: Option<Value>,
    /// The value after; none: absent.
    pub after: Option<Value>,
}

/// Every differing leaf, in the order of the after-value, removals after what remains. Depth is bounded by the parsers.
///
/// Lists of mappings are aligned by their names where both sides name every item, and by position otherwise; a reorder
/// of named items is one difference of the whole list, because order can matter (environment variables refer backwards).
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut String::new(), before, after, &mut found);
    found
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

/// Is one of the two pointers the other, or above it?
pub(crate) fn related(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn walk(path: &mut String, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => walk_maps(path, a, b, found),
        (Value::Array(a), Value::Array(b)) => walk_lists(path, a, b, found),
        (before, after) => found.push(Difference {
            path: path.clone(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

fn walk_maps(
    path: &mut String,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let length = path.len();
    for (key, value) in after {
        push(path, key);
        match before.get(key) {
            Some(old) => walk(path, old, value, found),
            None => found.push(Difference { path: path.clone(), before: None, after: Some(value.clone()) }),
        }
        path.truncate(length);
    }
    for (key, old) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        push(path, key);
        found.push(Difference { path: path.clone(), before: Some(old.clone()), after: None });
        path.truncate(length);
    }
}

fn walk_lists(path: &mut String, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let length = path.len();
    let (Some(old_names), Some(new_names)) = (names(before), names(after)) else {
        return walk_positions(path, before, after, found);
    };
    let common = |names: &[&str], other: &[&str]| -> Vec<String> {
        names.iter().filter(|name| other.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    if common(&old_names, &new_names) != common(&new_names, &old_names) {
        found.push(Difference {
            path: path.clone(),
            before: Some(Value::from(before)),
            after: Some(Value::from(after)),
        });
        return;
    }
    for (index, (value, name)) in after.iter().zip(&new_names).enumerate() {
        push(path, &index.to_string());
        match old_names.iter().position(|old| old == name).and_then(|at| before.get(at)) {
            Some(old) => walk(path, old, value, found),
            None => found.push(Difference { path: path.clone(), before: None, after: Some(value.clone()) }),
        }
        path.truncate(length);
    }
    for (index, (old, name)) in before.iter().zip(&old_names).enumerate() {
        if !new_names.contains(name) {
            push(path, &index.to_string());
            found.push(Difference { path: path.clone(), before: Some(old.clone()), after: None });
            path.truncate(length);
        }
    }
}

fn walk_positions(path: &mut String, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let length = path.len();
    for index in 0..before.len().max(after.len()) {
        push(path, &index.to_string());
        match (before.get(index), after.get(index)) {
            (Some(old), Some(new)) => walk(path, old, new, found),
            (old, new) => {
                found.push(Difference { path: path.clone(), before: old.cloned(), after: new.cloned() });
            }
        }
        path.truncate(length);
    }
}

/// The names of a list's items, if every item is a mapping with a name of its own.
fn names(items: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<_> = items.iter().map(|item| item.get("name")?.as_str()).collect::<Option<_>>()?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == names.len() && !names.is_empty()).then_some(names)
}
