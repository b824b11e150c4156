//! Path and query parameters: declared names, required ones, and values that fit their schemas.

use serde_json::Value;

use crate::contract::description::Operation;
use crate::contract::description::Parameter;
use crate::contract::description::Position;
use crate::contract::schema::Reading;
use crate::contract::template::Captures;
use crate::contract::validators::Validators;
use crate::contract::violation::Fault;

/// The faults of a request's parameters.
pub(crate) fn check(
    validators: &Validators,
    operation: &Operation,
    captures: &Captures,
    query: &[(String, String)],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, raw) in captures {
        faults.extend(value(validators, operation, Position::Path, name, raw));
    }
    for (index, (name, raw)) in query.iter().enumerate() {
        if query.iter().take(index).any(|(earlier, _)| earlier == name) {
            faults.push(Fault::at(pointer(Position::Query, name), "is given twice"));
        }
        faults.extend(value(validators, operation, Position::Query, name, raw));
    }
    for parameter in &operation.parameters {
        let given =
            parameter.position == Position::Path || query.iter().any(|(name, _)| *name == parameter.name);
        if parameter.required && !given {
            faults.push(Fault::at(pointer(Position::Query, &parameter.name), "is required"));
        }
    }
    faults
}

fn pointer(position: Position, name: &str) -> String {
    match position {
        Position::Path => format!("path/{name}"),
        Position::Query => format!("query/{name}"),
    }
}

fn value(
    validators: &Validators,
    operation: &Operation,
    position: Position,
    name: &str,
    raw: &str,
) -> Vec<Fault> {
    let place = pointer(position, name);
    let declared =
        operation.parameters.iter().enumerate().find(|(_, p)| p.position == position && p.name == name);
    let Some((number, parameter)) = declared else {
        return vec![Fault::at(place, "is not a parameter of this operation")];
    };
    let Some(typed) = typed(parameter, raw) else {
        let kind = parameter.schema.get("type").and_then(Value::as_str).unwrap_or("value");
        return vec![Fault::at(place, format!("is not of type {kind}"))];
    };
    let key = (operation.id.clone(), "parameter".to_owned(), number);
    validators
        .check(key, &parameter.schema, Reading::Plain, &typed)
        .into_iter()
        .map(|fault| Fault::at(place.clone(), fault.message))
        .collect()
}

/// The text of a parameter as the type that its schema declares.
fn typed(parameter: &Parameter, raw: &str) -> Option<Value> {
    match parameter.schema.get("type").and_then(Value::as_str) {
        Some("integer") => raw.parse::<i64>().ok().map(Value::from),
        Some("number") => raw.parse::<f64>().ok().map(Value::from),
        Some("boolean") => raw.parse::<bool>().ok().map(Value::from),
        Some(_) => Some(Value::from(raw)),
        // Without one type (`oneOf: string, integer`) a number is what it looks like.
        None => Some(raw.parse::<i64>().map_or_else(|_| Value::from(raw), Value::from)),
    }
}
