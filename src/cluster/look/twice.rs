//! Two answers to one question, compared.

use serde_json::Value;

use crate::cluster::fields::token;

/// JSON Pointers into the first where the second differs; a list of another length differs as a whole.
pub(crate) fn unlike(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(one, other, &mut String::new(), &mut found);
    found
}

/// Does it hold a time (RFC 3339) that none of the others holds anywhere? The server's own book-keeping aside.
pub(crate) fn stamped(answer: &Value, known: &[&Value]) -> bool {
    let mut times = Vec::new();
    texts(answer, &mut |text| {
        if text.parse::<jiff::Timestamp>().is_ok() {
            times.push(text.to_owned());
        }
    });
    for known in known {
        texts(known, &mut |text| times.retain(|time| time != text));
    }
    !times.is_empty()
}

fn texts(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| {
                !matches!(key.as_str(), "creationTimestamp" | "managedFields" | "deletionTimestamp")
            })
            .for_each(|(_, value)| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn walk(one: &Value, other: &Value, path: &mut String, found: &mut Vec<String>) {
    if one == other {
        return;
    }
    let length = path.len();
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                path.push('/');
                path.push_str(&token(key));
                match b.get(key) {
                    Some(beside) => walk(value, beside, path, found),
                    None => found.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (value, beside)) in a.iter().zip(b).enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                walk(value, beside, path, found);
                path.truncate(length);
            }
        }
        _ => found.push(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{stamped, unlike};

    #[test]
    fn only_what_differs_is_named() {
        let one = json!({"a": {"b/c": 1, "d": 2}, "l": [1, {"x": 1}], "m": [1], "only": true});
        let other = json!({"a": {"b/c": 3, "d": 2}, "l": [1, {"x": 2}], "m": [1, 2]});
        assert_eq!(unlike(&one, &other), ["/a/b~1c", "/l/1/x", "/m", "/only"]);
        assert!(unlike(&one, &one).is_empty());
    }

    #[test]
    fn a_time_that_nobody_stated_is_seen() {
        let time = "2026-01-02T03:04:05Z";
        let answer =
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {"at": time}}});
        assert!(stamped(&answer, &[&json!({"a": "b"})]));
        assert!(!stamped(&answer, &[&json!({"a": [time]})]));
        assert!(!stamped(&json!({"a": "12", "b": 1}), &[]));
    }
}
