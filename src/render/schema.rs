//! What a chart's `values.schema.json` refers to: Helm would fetch it from any host, and read it from any file of this
//! machine, so only what lies in the schema itself may be meant.

use serde_json::Value;

use crate::model::fault::Fault;
use crate::render::tree::shown;

/// The name under which Helm finds a chart's schema.
pub(super) const SCHEMA: &str = "values.schema.json";
/// Keywords that refer to another schema.
const REFERENCES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef", "$schema"];

/// What is wrong with a schema, if anything is.
pub(super) fn fault(path: &str, bytes: &[u8]) -> Option<Fault> {
    let schema: Value = match serde_json::from_slice(bytes) {
        Ok(schema) => schema,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let place = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
            let fault = Fault::new("the schema is not JSON that can be checked").file(path);
            return Some(fault.at(place(line), place(column)).hint("fix it, or make it less deep"));
        }
    };
    let (keyword, target) = foreign(&schema)?;
    let message = format!("the schema's `{keyword}` leads to `{}`, which is not in it", shown(target));
    Some(Fault::new(message).file(path).hint("put it under `$defs`, and refer to it as `#/$defs/…`"))
}

/// The first reference that leads out of the schema. What JSON Schema itself is, Helm knows without asking anybody.
fn foreign(schema: &Value) -> Option<(&str, &str)> {
    let inside = |target: &str| {
        target.is_empty()
            || ["#", "http://json-schema.org/", "https://json-schema.org/"]
                .iter()
                .any(|begin| target.starts_with(begin))
    };
    match schema {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let target = value.as_str().filter(|target| !inside(target));
            let own =
                target.filter(|_| REFERENCES.contains(&key.as_str())).map(|target| (key.as_str(), target));
            own.or_else(|| foreign(value))
        }),
        Value::Array(items) => items.iter().find_map(foreign),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn only_what_lies_in_the_schema_may_be_referred_to() {
        let fine = [
            r##"{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://x.example/s", "$ref": "#/$defs/a"}"##,
            r#"{"properties": {"$ref": {"type": "string", "default": "https://x.example"}}}"#,
            "true",
        ];
        for text in fine {
            assert_eq!(fault("s", text.as_bytes()), None, "{text}");
        }
        let foreign = [
            r#"{"properties": {"a": {"$ref": "http://127.0.0.1/x"}}}"#,
            r#"{"allOf": [{"$ref": "file:///etc/hostname"}]}"#,
            r#"{"$ref": "other.json#/a"}"#,
            r#"{"$ref": "//x.example/a"}"#,
            r#"{"$ref": "\u0068ttp://127.0.0.1/x"}"#,
            r#"{"$dynamicRef": "https://x.example/a#b"}"#,
            r#"{"$schema": "https://x.example/meta"}"#,
            r#"{"$schema": "https://json-schema.org.x.example/meta"}"#,
        ];
        for text in foreign {
            assert!(
                fault("s", text.as_bytes()).is_some_and(|fault| fault.message.contains("leads to")),
                "{text}"
            );
        }
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for text in ["{", "", deep.as_str()] {
            assert!(
                fault("s", text.as_bytes()).is_some_and(|fault| fault.message.contains("not JSON")),
                "{text}"
            );
        }
    }
}
