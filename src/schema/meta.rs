//! The metadata of custom objects, which the server checks by rules of its own.

use serde_json::Value;

use crate::schema::{Mistake, step};

/// What metadata has, and of what type: a text, texts by name, a list, a whole number, or what only the server writes.
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/>
const FIELDS: [(&str, Form); 16] = [
    ("annotations", Form::Texts),
    ("creationTimestamp", Form::Any),
    ("deletionGracePeriodSeconds", Form::Any),
    ("deletionTimestamp", Form::Any),
    ("finalizers", Form::List),
    ("generateName", Form::Text),
    ("generation", Form::Any),
    ("labels", Form::Texts),
    ("managedFields", Form::List),
    ("name", Form::Text),
    ("namespace", Form::Text),
    ("ownerReferences", Form::List),
    ("resourceVersion", Form::Text),
    ("selfLink", Form::Text),
    ("uid", Form::Text),
    ("clusterName", Form::Text),
];
/// Bytes of a name, and of the part of a label's key before the slash.
const NAME: usize = 253;
/// Bytes of a label's value, and of its key after the slash.
const LABEL: usize = 63;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Texts,
    List,
    Any,
}

/// Drops unknown fields and notes them.
pub(super) fn prune(metadata: &mut Value, path: &str, dropped: &mut Vec<String>) {
    let Some(map) = metadata.as_object_mut() else { return };
    map.retain(|key, _| {
        let known = FIELDS.iter().any(|(name, _)| name == key);
        if !known {
            dropped.push(step(path, key));
        }
        known
    });
}

/// What is wrong with metadata; nulls count as nothing. Is it the object's `own`? The names of objects within objects are
/// not checked.
pub(super) fn check(metadata: &Value, (path, own): (&str, bool), mistakes: &mut Vec<Mistake>) {
    let mut wrong = |path: String, words: &str| mistakes.push(Mistake { path, words: words.to_owned() });
    let Some(map) = metadata.as_object() else {
        return wrong(path.to_owned(), "must be an object");
    };
    for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let place = step(path, key);
        match FIELDS.iter().find(|(name, _)| name == key).map_or(Form::Any, |(_, form)| *form) {
            Form::Text if !value.is_string() => wrong(place, "must be a text"),
            Form::List if !value.is_array() => wrong(place, "must be a list"),
            Form::Texts => match value.as_object() {
                None => wrong(place, "must be an object"),
                Some(texts) => {
                    let mistyped = |text: &Value| !text.is_string() && !text.is_null();
                    for (name, _) in texts.iter().filter(|(_, text)| mistyped(text)) {
                        wrong(step(&place, name), "must be a text");
                    }
                }
            },
            Form::Text | Form::List | Form::Any => {}
        }
    }
    if own && map.get("name").and_then(Value::as_str).is_some_and(|name| !is_subdomain(name)) {
        wrong(
            step(path, "name"),
            "must be of a-z, 0-9, - and ., begin and end with a letter or digit, and have at most 253 characters",
        );
    }
    let labels = map.get("labels").and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        if !is_key(key) || value.as_str().is_some_and(|value| !value.is_empty() && !is_label(value)) {
            wrong(
                step(&step(path, "labels"), key),
                "must be a label: at most 63 of A-Z, a-z, 0-9, -, _ and ., beginning and ending with a letter or digit",
            );
        }
    }
    let annotations = map.get("annotations").and_then(Value::as_object);
    for key in
        annotations.into_iter().flatten().map(|(key, _)| key).filter(|key| !is_key(&key.to_ascii_lowercase()))
    {
        wrong(step(&step(path, "annotations"), key), "must have a key such as example.com/name");
    }
}

/// DNS names in small letters, as RFC 1123 has them.
fn is_subdomain(name: &str) -> bool {
    let part = |part: &str| {
        let end = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.bytes().all(|c| end(c) || c == b'-')
            && part.bytes().next().is_some_and(end)
            && part.bytes().last().is_some_and(end)
    };
    name.len() <= NAME && name.split('.').all(part)
}

fn is_label(text: &str) -> bool {
    text.len() <= LABEL
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        && text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric())
        && text.bytes().last().is_some_and(|c| c.is_ascii_alphanumeric())
}

fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_label(name),
        None => is_label(key),
    }
}
