//! Which statuses an operation may answer, and with what body.

use serde_json::Value;
use serde_json::json;

use crate::contract::description::Content;
use crate::contract::description::Operation;
use crate::contract::schema::Reading;
use crate::contract::validators::Validators;
use crate::contract::violation::Fault;

/// Operations that answer text (a diff, a patch, the raw file) when asked to by `Accept`, which their descriptions say
/// in prose only.
const MEDIA_TYPES: &[&str] =
    &["pulls/get", "repos/get-content", "repos/get-commit", "repos/compare-commits-with-basehead"];

/// Statuses that any operation may answer without declaring them: not authenticated, forbidden or rate limited, not found
/// or hidden, and GitHub's own troubles.
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>
const GENERAL: &[u16] = &[401, 403, 404, 429, 500, 502, 503, 504];
/// Renamed and transferred repositories.
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>
const REDIRECTS: &[u16] = &[301, 302, 307];
/// Bodies that are no JSON or miss the schema.
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>
const REFUSALS: &[u16] = &[400, 422];

/// The faults of an answer's body; `Err` when the operation does not answer such a status.
pub(crate) fn check(
    validators: &Validators,
    operation: &Operation,
    status: u16,
    body: Option<&Value>,
) -> Result<Vec<Fault>, Fault> {
    match operation.responses.get(&status) {
        Some(Some(content)) => Ok(declared(validators, operation, status, (content, body))),
        Some(None) => Ok(empty(status, body)),
        None if status == 304 && operation.method == "GET" => Ok(empty(status, body)),
        None if general(operation, status) => Ok(error_object(validators, body)),
        None => {
            let known: Vec<String> = operation.responses.keys().map(u16::to_string).collect();
            Err(Fault::at("", format!("status {status} is not declared; declared are {}", known.join(", "))))
        }
    }
}

fn general(operation: &Operation, status: u16) -> bool {
    GENERAL.contains(&status)
        || REDIRECTS.contains(&status)
        || (REFUSALS.contains(&status) && (operation.body.is_some() || status == 400))
}

fn declared(
    validators: &Validators,
    operation: &Operation,
    status: u16,
    (content, body): (&Content, Option<&Value>),
) -> Vec<Fault> {
    let Some(body) = body else {
        let text = status == 200 && MEDIA_TYPES.contains(&operation.id.as_str());
        let optional = text || !content.required || status >= 300;
        return if optional {
            Vec::new()
        } else {
            vec![Fault::at("", format!("status {status} needs a body"))]
        };
    };
    let mut first = None;
    for (number, schema) in content.schemas.iter().enumerate() {
        let key = (operation.id.clone(), status.to_string(), number);
        let faults = validators.check(key, schema, Reading::Plain, body);
        if faults.is_empty() {
            return faults;
        }
        first.get_or_insert(faults);
    }
    first.unwrap_or_default()
}

fn empty(status: u16, body: Option<&Value>) -> Vec<Fault> {
    match body {
        // 3xx and 4xx without a declared schema still carry a message.
        Some(_) if matches!(status, 204 | 205 | 304) => {
            vec![Fault::at("", format!("status {status} has no body"))]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Undeclared errors carry GitHub's error object or nothing (a proxy's 502 may have any body).
fn error_object(validators: &Validators, body: Option<&Value>) -> Vec<Fault> {
    let Some(body) = body else { return Vec::new() };
    let schema = json!({
        "type": "object",
        "required": ["message"],
        "properties": { "message": { "type": "string" }, "documentation_url": { "type": "string" } },
    });
    validators.check(("error".to_owned(), "general".to_owned(), 0), &schema, Reading::Plain, body)
}
