//! Compiled schemas, made when first asked for and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jsonschema::Draft;
use jsonschema::Registry;
use jsonschema::ValidationError;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::contract::LoadError;
use crate::contract::schema::Reading;
use crate::contract::schema::translate;
use crate::contract::violation::Fault;

/// No more faults than this are told about one body: one wrong list would drown the rest.
const MAX_FAULTS: usize = 20;
/// How deep into alternatives of alternatives the reason for a refusal is looked for.
const MAX_DEPTH: usize = 6;

/// Which schema: whose, which part of it, and the number among its alternatives.
pub(crate) type Key = (String, String, usize);

/// The registered components and what was compiled so far.
pub(crate) struct Validators {
    registry: Registry<'static>,
    compiled: Mutex<HashMap<Key, Arc<Validator>>>,
}

impl Validators {
    /// Registers the components in both readings. Webhook components are only read as they are written.
    pub(crate) fn new(schemas: &Map<String, Value>) -> Result<Self, LoadError> {
        let components = |reading: Reading, wanted: &dyn Fn(&str) -> bool| {
            let schemas: Map<String, Value> = schemas
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, schema)| (name.clone(), translate(schema, reading)))
                .collect();
            json!({ "components": { "schemas": schemas } })
        };
        let plain = components(Reading::Plain, &|_| true);
        let strict = components(Reading::Strict, &|name| {
            !name.starts_with("webhook-pull") && !name.starts_with("webhooks_")
        });
        let registry = Registry::new()
            .draft(Draft::Draft202012)
            .add(Reading::Plain.base(), plain)
            .and_then(|registry| registry.add(Reading::Strict.base(), strict))
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| LoadError::Schema(error.to_string()))?;
        Ok(Self { registry, compiled: Mutex::new(HashMap::new()) })
    }

    /// The faults of `value` under `schema`, which `key` names; empty when it conforms.
    pub(crate) fn check(&self, key: Key, schema: &Value, reading: Reading, value: &Value) -> Vec<Fault> {
        match self.validator(key, schema, reading) {
            Ok(validator) => {
                validator.iter_errors(value).take(MAX_FAULTS).map(|error| explain(&error, 0)).collect()
            }
            Err(error) => vec![Fault::at("", format!("the described schema cannot be used: {error}"))],
        }
    }

    fn validator(&self, key: Key, schema: &Value, reading: Reading) -> Result<Arc<Validator>, String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(&key) {
            return Ok(Arc::clone(validator));
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .build(&translate(schema, reading))
            .map(Arc::new)
            .map_err(|error| error.to_string())?;
        compiled.insert(key, Arc::clone(&validator));
        Ok(validator)
    }
}

/// Says what is wrong; of failed alternatives it tells about the one that came furthest.
fn explain(error: &ValidationError<'_>, depth: usize) -> Fault {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the two kinds with alternatives have more to tell"
    )]
    let alternatives = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.as_slice()
        }
        _ => &[],
    };
    // An alternative of the right type is closer than one of another type; then the deeper fault is closer.
    let closeness = |error: &ValidationError<'_>| {
        let same_type = !matches!(error.kind(), ValidationErrorKind::Type { .. });
        (error.instance_path().as_str().len(), same_type)
    };
    let closest =
        alternatives.iter().filter_map(|errors| errors.first()).max_by_key(|first| closeness(first));
    match closest {
        Some(first) if depth < MAX_DEPTH => {
            let inner = explain(first, depth + 1);
            let message = format!(
                "no alternative fits; the closest: {}",
                inner.message.trim_start_matches("no alternative fits; the closest: ")
            );
            Fault { pointer: inner.pointer, message }
        }
        _ => Fault::at(error.instance_path().as_str(), error.masked_with("the value").to_string()),
    }
}
