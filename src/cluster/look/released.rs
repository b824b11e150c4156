//! What an apply removes: fields that we alone hold and no longer send.

use serde_json::{Map, Value};

use crate::cluster::fields::MANAGER;

/// The live object without what an apply of the payload would remove from it.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>
pub(super) fn released(live: &Value, payload: &Value) -> Value {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for entry in entries.into_iter().flatten().filter(|entry| entry.get("subresource").is_none()) {
        let is = |key: &str, value: &str| entry.get(key).and_then(Value::as_str) == Some(value);
        let Some(fields) = entry.get("fieldsV1").and_then(Value::as_object) else { continue };
        if is("manager", MANAGER) && is("operation", "Apply") {
            ours.push(fields);
        } else {
            theirs.push(fields);
        }
    }
    let mut body = live.clone();
    for fields in ours {
        leave(fields, &theirs, &mut body, Some(payload));
    }
    body
}

type Fields = Map<String, Value>;

fn leave(ours: &Fields, theirs: &[&Fields], live: &mut Value, sent: Option<&Value>) {
    for (key, inner) in ours {
        let Some((sort, name)) = key.split_once(':') else { continue };
        let beneath: Vec<&Fields> =
            theirs.iter().filter_map(|fields| fields.get(key).and_then(Value::as_object)).collect();
        let (place, sent) = match sort {
            "f" => (Place::Key(name), sent.and_then(|sent| sent.get(name))),
            "k" | "v" => {
                let Ok(wanted) = serde_json::from_str::<Value>(name) else { continue };
                let Some(at) = position(live, &wanted, sort == "k") else { continue };
                let item = sent.and_then(|sent| sent.get(position(sent, &wanted, sort == "k")?));
                (Place::Index(at), item)
            }
            _ => continue,
        };
        if sent.is_none() && beneath.is_empty() {
            place.remove(live);
        } else if let (Some(inner), Some(live)) = (inner.as_object(), place.of(live)) {
            leave(inner, &beneath, live, sent);
        }
    }
}

enum Place<'a> {
    Key(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn of<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Key(key) => value.get_mut(*key),
            Self::Index(index) => value.get_mut(*index),
        }
    }

    fn remove(&self, value: &mut Value) {
        match (self, value) {
            (Self::Key(key), Value::Object(map)) => drop(map.remove(*key)),
            (Self::Index(index), Value::Array(items)) => drop(items.remove(*index)),
            (Self::Key(_) | Self::Index(_), _) => {}
        }
    }
}

/// Where in a list an item of these keys, or this value, is. A key that has a default may be missing in what is sent.
fn position(list: &Value, wanted: &Value, keyed: bool) -> Option<usize> {
    list.as_array()?.iter().position(|item| match wanted.as_object().filter(|_| keyed) {
        Some(keys) => {
            keys.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value))
                && keys.keys().any(|key| item.get(key).is_some())
        }
        None => item == wanted,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::released;

    #[test]
    fn what_only_we_held_and_send_no_longer_goes() {
        let item = |name: &str| format!("k:{{\"name\":\"{name}\"}}");
        let live = json!({
            "metadata": {"labels": {"ours": "1", "shared": "1", "theirs": "1"}, "managedFields": [
                {"manager": "tidegate", "operation": "Apply", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:ours": {}, "f:shared": {}}},
                    "f:spec": {"f:list": {
                        item("a"): {".": {}, "f:name": {}, "f:x": {}},
                        item("b"): {".": {}, "f:name": {}}},
                        "f:set": {"v:\"one\"": {}, "v:\"two\"": {}}}}},
                {"manager": "other", "operation": "Update", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:shared": {}, "f:theirs": {}}}}}]},
            "spec": {"default": 1, "list": [{"name": "a", "x": 1, "y": 2}, {"name": "b", "y": 3}], "set": ["one", "two", "three"]}});
        let sent = json!({"metadata": {}, "spec": {"list": [{"name": "a"}], "set": ["two"]}});
        let left = released(&live, &sent);
        assert_eq!(left["metadata"]["labels"], json!({"shared": "1", "theirs": "1"}));
        assert_eq!(
            left["spec"],
            json!({"default": 1, "list": [{"name": "a", "y": 2}], "set": ["two", "three"]})
        );
    }
}
