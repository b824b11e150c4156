//! The smallest instance of a schema, so that every described answer and webhook can be tried.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A value with the required parts of an OpenAPI schema and nothing else.
pub(crate) fn of(schema: &Value, components: &Map<String, Value>) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return of(&components[reference.rsplit('/').next().unwrap()], components);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let mut value = match schema["type"].as_str() {
        Some("object") => object(schema, components),
        Some("array") => {
            let items = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
            Value::from(vec![of(&schema["items"], components); items])
        }
        // One branch of `allOf` may want a date where another wants any text.
        Some("string") => schema["minLength"].as_u64().filter(|&n| n > 20).map_or_else(
            || json!("2026-01-02T03:04:05Z"),
            |length| json!("f".repeat(usize::try_from(length).unwrap())),
        ),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        _ if schema.get("properties").is_some() => object(schema, components),
        _ => Value::Null,
    };
    for branch in schema["allOf"].as_array().into_iter().flatten() {
        merge(&mut value, of(branch, components));
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(branch) = schema[key].get(0) {
            merge(&mut value, of(branch, components));
        }
    }
    value
}

fn object(schema: &Value, components: &Map<String, Value>) -> Value {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.map(|name| (name.to_owned(), of(&schema["properties"][name], components))).collect()
}

/// Adds what is missing; of two values for one key the first stands.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into @ Value::Null, from) => *into = from,
        (_, _) => {}
    }
}
