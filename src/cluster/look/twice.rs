//! Two answers to one question, compared.

use serde_json::Value;

use crate::cluster::fields::token;

/// JSON Pointers into the first where the second differs; a list of another length differs as a whole.
pub(crate) fn unlike(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(one, other, &mut String::new(), &mut found);
    found
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

    use super::unlike;

    #[test]
    fn only_what_differs_is_named() {
        let one = json!({"a": {"b/c": 1, "d": 2}, "l": [1, {"x": 1}], "m": [1], "only": true});
        let other = json!({"a": {"b/c": 3, "d": 2}, "l": [1, {"x": 2}], "m": [1, 2]});
        assert_eq!(unlike(&one, &other), ["/a/b~1c", "/l/1/x", "/m", "/only"]);
        assert!(unlike(&one, &one).is_empty());
    }
}
