//! What a plan predicts, computed here from what was live and the paths it names; and how that compares with what came.

use serde_json::Value;

/// The after-state that a change's paths give over the live one.
pub(super) fn rebuilt(before: &Value, paths: &[&Value]) -> Result<Value, String> {
    let mut after = before.clone();
    let gone = |path: &&&Value| path["after"].is_null() && before.pointer(text(path, "path")).is_some();
    for path in paths.iter().filter(gone).rev() {
        take(&mut after, text(path, "path"))?;
    }
    for path in paths.iter().filter(|path| !gone(path)) {
        let fresh = match (path["before"].is_null(), before.is_null()) {
            (true, true) => Fresh::Perhaps,
            (true, false) => Fresh::Yes,
            (false, _) => Fresh::No,
        };
        if path["after"].is_null() && after.pointer(text(path, "path")).is_some() {
            // Of a creation: rendered, and not kept by the server.
            take(&mut after, text(path, "path"))?;
            continue;
        }
        put(&mut after, text(path, "path"), path["after"].clone(), fresh)?;
    }
    Ok(after)
}

fn text<'a>(path: &'a Value, key: &str) -> &'a str {
    path[key].as_str().unwrap_or_default()
}

fn parent<'a>(body: &'a mut Value, pointer: &str) -> Result<(&'a mut Value, String), String> {
    let (above, last) = pointer.rsplit_once('/').ok_or_else(|| format!("{pointer:?} has no parent"))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let parent =
        body.pointer_mut(above).ok_or_else(|| format!("nothing at {above:?} to hold {pointer:?}"))?;
    Ok((parent, last))
}

fn take(body: &mut Value, pointer: &str) -> Result<(), String> {
    match parent(body, pointer)? {
        (Value::Object(map), key) => {
            map.shift_remove(&key).map(|_| ()).ok_or_else(|| format!("nothing at {pointer:?} to remove"))
        }
        (Value::Array(items), index) => match index.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                Ok(())
            }
            _ => Err(format!("nothing at {pointer:?} to remove")),
        },
        _ => Err(format!("nothing at {pointer:?} to remove")),
    }
}

/// Was nothing there before?
#[derive(Clone, Copy)]
enum Fresh {
    Yes,
    No,
    Perhaps,
}

fn put(body: &mut Value, pointer: &str, value: Value, fresh: Fresh) -> Result<(), String> {
    if pointer.is_empty() {
        // The whole object as it is rendered.
        *body = value;
        return Ok(());
    }
    match parent(body, pointer)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
            Ok(())
        }
        (Value::Array(items), index) => {
            let index: usize = index.parse().map_err(|_| format!("{pointer:?} is no position"))?;
            let same = |item: &Value| match fresh {
                Fresh::No => true,
                Fresh::Yes => false,
                // Of a creation every value before is null: whether it is the same item, its name tells.
                Fresh::Perhaps => item["name"] == value["name"] && item.is_object() == value.is_object(),
            };
            match items.get(index) {
                Some(item) if same(item) => items[index] = value,
                _ if index <= items.len() => items.insert(index, value),
                _ => return Err(format!("{pointer:?} is beyond the end of its list")),
            }
            Ok(())
        }
        _ => Err(format!("nothing to hold {pointer:?}")),
    }
}

/// What is compared, and how strictly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'a> {
    /// What Git holds, for values that the plan masks.
    pub git: &'a Value,
    /// What was there, for those that Git does not hold.
    pub before: &'a Value,
    /// Pointers that may differ, and all beneath them; `*` for any step.
    pub free: &'a [String],
    /// Does only what is predicted count, because the plan said that it does not know the rest?
    pub part: bool,
}

/// Where two states differ, with both values.
pub(super) fn mismatches(
    predicted: &Value,
    actual: &Value,
    comparison: &Comparison<'_>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&mut String::new(), Some(predicted), Some(actual), comparison, &mut found);
    found
}

fn walk(
    at: &mut String,
    predicted: Option<&Value>,
    actual: Option<&Value>,
    comparison: &Comparison<'_>,
    found: &mut Vec<(String, String)>,
) {
    if predicted == actual || comparison.free.iter().any(|free| beneath(at, free)) {
        return;
    }
    let length = at.len();
    match (predicted, actual) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let mut keys: Vec<&String> =
                a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
            keys.dedup();
            for key in keys {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                walk(at, a.get(key), b.get(key), comparison, found);
                at.truncate(length);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                at.push('/');
                at.push_str(&index.to_string());
                walk(at, a.get(index), b.get(index), comparison, found);
                at.truncate(length);
            }
        }
        (None, Some(_)) if comparison.part => {}
        // What only holds what may differ.
        (None, Some(Value::Object(map)))
            if !map.is_empty() && comparison.free.iter().any(|free| above(at, free)) =>
        {
            for (key, value) in map {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                walk(at, None, Some(value), comparison, found);
                at.truncate(length);
            }
        }
        (Some(Value::String(text)), Some(actual)) if text.contains('‹') => {
            let known = comparison.git.pointer(at).or_else(|| comparison.before.pointer(at));
            if known != Some(actual) {
                found.push((at.clone(), format!("masked {text}, which is not what Git holds")));
            }
        }
        (predicted, actual) => {
            let show =
                |value: Option<&Value>| value.map_or("nothing".to_owned(), |value| short(&value.to_string()));
            found.push((at.clone(), format!("predicted {}, got {}", show(predicted), show(actual))));
        }
    }
}

/// Does what the pattern names lie beneath this place?
fn above(path: &str, pattern: &str) -> bool {
    let mut wanted = pattern.split('/');
    path.split('/').all(|step| wanted.next().is_some_and(|wanted| wanted == "*" || wanted == step))
        && wanted.next().is_some()
}

fn short(text: &str) -> String {
    if text.chars().count() > 160 {
        format!("{}…", text.chars().take(160).collect::<String>())
    } else {
        text.to_owned()
    }
}

/// Is a pointer the place that a pattern names or beneath it?
pub(super) fn beneath(path: &str, pattern: &str) -> bool {
    let mut steps = path.split('/');
    pattern.split('/').all(|wanted| steps.next().is_some_and(|step| wanted == "*" || wanted == step))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Comparison, mismatches, rebuilt};

    fn path(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> Value {
        json!({"path": path, "before": before.into(), "after": after.into()})
    }

    #[test]
    fn paths_are_applied_over_what_was() {
        let before = json!({"a": 1, "gone": 2, "l": [{"name": "x", "v": 1}, {"name": "y"}, {"name": "z"}]});
        let paths = [
            path("/a", 1, 5),
            path("/l/0", Value::Null, json!({"name": "new"})),
            path("/l/1/v", 1, 2),
            path("/b~1c", Value::Null, "n"),
            path("/l/1", json!({"name": "y"}), Value::Null),
            path("/gone", 2, Value::Null),
        ];
        let paths: Vec<&Value> = paths.iter().collect();
        let after = json!({"a": 5, "b/c": "n", "l": [{"name": "new"}, {"name": "x", "v": 2}, {"name": "z"}]});
        assert_eq!(rebuilt(&before, &paths), Ok(after));
        let astray = path("/none/x", Value::Null, 1);
        assert!(rebuilt(&before, &[&astray]).is_err());
    }

    #[test]
    fn whatever_differs_is_found_unless_it_is_said_to_be_free() {
        let places = |predicted: Value, actual: Value, free: &[&str], part| {
            let git = json!({"s": "c2VjcmV0"});
            let free: Vec<String> = free.iter().map(|one| (*one).to_owned()).collect();
            let comparison = Comparison { git: &git, before: &Value::Null, free: &free, part };
            mismatches(&predicted, &actual, &comparison).into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(
            places(json!({"a": 1, "l": [1, 2]}), json!({"a": 2, "l": [1], "n": 0}), &[], false),
            ["/a", "/l/1", "/n"]
        );
        assert_eq!(places(json!({"a": 1}), json!({"a": 1, "n": 0}), &[], true), [""; 0]);
        let free = &["/m/*/x"];
        assert_eq!(places(json!({}), json!({"m": {"k": {"x": 1}}}), free, false), [""; 0]);
        assert_eq!(places(json!({}), json!({"m": {"k": {"y": 1}}}), free, false), ["/m/k/y"]);
        assert_eq!(places(json!({"s": "‹secret 1›"}), json!({"s": "c2VjcmV0"}), &[], false), [""; 0]);
        assert_eq!(places(json!({"s": "‹secret 1›"}), json!({"s": "other"}), &[], false), ["/s"]);
    }
}
