//! From OpenAPI 3.0's schema dialect to JSON Schema 2020-12.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// How much a schema admits that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reading {
    /// As written: what we receive may have more keys, unless the schema forbids them.
    Plain,
    /// Closed: a key that the schema does not declare is refused, which finds misspelt keys.
    Strict,
}

impl Reading {
    /// The name under which the components of this reading are registered.
    pub(crate) fn base(self) -> &'static str {
        match self {
            Self::Plain => "github:/plain",
            Self::Strict => "github:/strict",
        }
    }
}

/// Formats that are checked. The others (`uri` on `git:` addresses and templates) GitHub itself does not keep.
const FORMATS: &[&str] = &["date-time"];

/// Whether a schema stands for itself or adds to the schema around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Own,
    Branch,
}

/// The JSON Schema of one OpenAPI schema; references lead to the components of `reading`.
pub(crate) fn translate(schema: &Value, reading: Reading) -> Value {
    convert(schema, reading, Place::Own)
}

fn convert(schema: &Value, reading: Reading, place: Place) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    if let Some(Value::String(reference)) = map.get("$ref") {
        return json!({ "$ref": format!("{}{reference}", reading.base()) });
    }
    let mut out = Map::new();
    for (key, value) in map {
        if let Some(value) = keyword(key, value, reading) {
            // GitHub's alternatives overlap (two error objects whose keys are all optional), so "exactly one" would
            // refuse GitHub's own answers.
            let key = if key == "oneOf" && !map.contains_key("anyOf") { "anyOf" } else { key };
            out.insert(key.to_owned(), value);
        }
    }
    limits(&mut out);
    if reading == Reading::Strict {
        close(&mut out, place);
    }
    if map.get("nullable") == Some(&Value::Bool(true)) { nullable(out) } else { Value::Object(out) }
}

fn keyword(key: &str, value: &Value, reading: Reading) -> Option<Value> {
    let each = |place| move |value: &Value| convert(value, reading, place);
    match key {
        "nullable" => None,
        "format" => value.as_str().is_some_and(|name| FORMATS.contains(&name)).then(|| value.clone()),
        "properties" | "patternProperties" => Some(value.as_object().map_or_else(
            || value.clone(),
            |map| map.iter().map(|(name, value)| (name.clone(), each(Place::Own)(value))).collect(),
        )),
        "allOf" | "anyOf" | "oneOf" => Some(
            value
                .as_array()
                .map_or_else(|| value.clone(), |list| list.iter().map(each(Place::Branch)).collect()),
        ),
        "items" | "additionalProperties" => Some(convert(value, reading, Place::Own)),
        "not" => Some(convert(value, Reading::Plain, Place::Branch)),
        _ => Some(value.clone()),
    }
}

/// OpenAPI 3.0 has `exclusiveMinimum: true` beside `minimum`; JSON Schema has the number itself.
fn limits(out: &mut Map<String, Value>) {
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match out.remove(exclusive) {
            Some(Value::Bool(true)) => {
                if let Some(limit) = out.remove(inclusive) {
                    out.insert(exclusive.to_owned(), limit);
                }
            }
            Some(number @ Value::Number(_)) => {
                out.insert(exclusive.to_owned(), number);
            }
            Some(_) | None => {}
        }
    }
}

/// Refuses undeclared keys. A branch of `anyOf` must stay open, the schema around it sees what it evaluated.
fn close(out: &mut Map<String, Value>, place: Place) {
    match place {
        Place::Branch => {
            if out.get("additionalProperties") == Some(&Value::Bool(true)) && out.contains_key("properties") {
                out.remove("additionalProperties");
            }
        }
        Place::Own => {
            if declares(out) && !out.contains_key("additionalProperties") {
                out.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
        }
    }
}

fn declares(schema: &Map<String, Value>) -> bool {
    schema.contains_key("properties")
        || ["allOf", "anyOf", "oneOf"]
            .iter()
            .filter_map(|key| schema.get(*key)?.as_array())
            .flatten()
            .filter_map(Value::as_object)
            .any(declares)
}

fn nullable(mut out: Map<String, Value>) -> Value {
    let simple = ["allOf", "anyOf", "oneOf", "not"].iter().all(|key| !out.contains_key(*key));
    let Some(Value::String(kind)) = out.get("type").filter(|_| simple).cloned() else {
        return if out.is_empty() {
            Value::Object(out)
        } else {
            json!({ "anyOf": [out, { "type": "null" }] })
        };
    };
    out.insert("type".to_owned(), json!([kind, "null"]));
    if let Some(Value::Array(names)) = out.get_mut("enum")
        && !names.contains(&Value::Null)
    {
        names.push(Value::Null);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nullable_admits_null_in_every_shape() {
        assert_eq!(
            translate(&json!({"type": "string", "nullable": true}), Reading::Plain),
            json!({"type": ["string", "null"]})
        );
        assert_eq!(
            translate(&json!({"type": "string", "enum": ["a"], "nullable": true}), Reading::Plain),
            json!({"type": ["string", "null"], "enum": ["a", null]})
        );
        assert_eq!(
            translate(
                &json!({"oneOf": [{"$ref": "#/components/schemas/x"}], "nullable": true}),
                Reading::Plain
            ),
            json!({"anyOf": [{"anyOf": [{"$ref": "github:/plain#/components/schemas/x"}]}, {"type": "null"}]})
        );
    }

    #[test]
    fn a_property_that_is_called_like_a_keyword_is_a_property() {
        let schema = json!({"type": "object", "properties": {"nullable": {"type": "boolean"}, "format": {"type": "string"}}});
        assert_eq!(translate(&schema, Reading::Plain), schema);
    }

    #[test]
    fn strict_closes_what_declares_and_leaves_free_objects_open() {
        let strict = translate(
            &json!({"properties": {"a": {"type": "object", "additionalProperties": true}, "b": {"type": "object"}}}),
            Reading::Strict,
        );
        assert_eq!(strict["unevaluatedProperties"], json!(false));
        assert_eq!(strict["properties"]["a"].get("unevaluatedProperties"), None);
        assert_eq!(strict["properties"]["b"].get("unevaluatedProperties"), None);
    }

    #[test]
    fn exclusive_limits_become_numbers() {
        assert_eq!(
            translate(
                &json!({"minimum": 1, "exclusiveMinimum": true, "exclusiveMaximum": false}),
                Reading::Plain
            ),
            json!({"exclusiveMinimum": 1})
        );
    }
}
