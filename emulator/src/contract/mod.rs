//! GitHub's published description, as a checker of what is sent and answered.
//!
//! ```text
//! method + path ──operation()──> OperationId ──check_request()───> [Violation]
//!                                     │       ──check_response()──> [Violation]
//!                                     └───────access()────────────> what the caller must have been granted
//! event + action + payload ──check_webhook()──> [Violation]
//! GraphQL document + variables ──check_graphql()──> [Violation]
//! ```
//!
//! The schemas are GitHub's own (see `data/NOTICE.md`); what the documentation says in prose only is in the `rules`.
//! Nothing here has state: the same exchange always gets the same verdict.

mod access;
mod description;
pub(crate) mod graphql;
mod parameters;
mod rules;
mod schema;
mod statuses;
mod template;
mod validators;
mod violation;

use std::fmt;

use serde_json::Value;

pub use crate::contract::access::Access;
pub use crate::contract::access::Level;
use crate::contract::description::Description;
use crate::contract::description::Operation;
pub use crate::contract::graphql::check_graphql;
use crate::contract::schema::Reading;
use crate::contract::validators::Validators;
use crate::contract::violation::Fault;
pub use crate::contract::violation::Violation;

/// The pruned description; `scripts/prune.mjs` makes it.
const DESCRIPTION: &str = include_str!("../../data/api.github.com.json");

/// The id GitHub gives an operation, for example `checks/create`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(String);

impl OperationId {
    /// The id as GitHub writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the description could not be loaded: the embedded file is damaged.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not JSON.
    #[error("the embedded description is not JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no OpenAPI description.
    #[error("the embedded description has not the shape of an OpenAPI description")]
    Shape,
    /// Its schemas refer to something that is not there.
    #[error("the embedded description's schemas are not sound: {0}")]
    Schema(String),
}

/// GitHub's description, ready to check exchanges against. Load once and share by `Arc`.
pub struct Contract {
    description: Description,
    validators: Validators,
    advice: bool,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("operations", &self.description.operations().count())
            .finish_non_exhaustive()
    }
}

impl Contract {
    /// Reads the embedded description. Schemas are compiled when they are first needed.
    pub fn load() -> Result<Self, LoadError> {
        let document = serde_json::from_str(DESCRIPTION).map_err(LoadError::Json)?;
        let description = Description::read(document).ok_or(LoadError::Shape)?;
        let validators = Validators::new(&description.schemas)?;
        Ok(Self { description, validators, advice: true })
    }

    /// The same contract without the rules that GitHub itself does not enforce: that a deployment says
    /// `auto_merge` and `required_contexts`, for example, because their defaults surprise.
    #[must_use]
    pub fn without_advice(self) -> Self {
        Self { advice: false, ..self }
    }

    /// The names of the prose rules that requests are held to, each with the page it comes from.
    pub fn rules(&self) -> Vec<(&'static str, &'static str)> {
        let held = rules::all().filter(|rule| self.advice || rule.class == rules::Class::Limit);
        held.map(|rule| (rule.name, rule.page)).collect()
    }

    /// Which operation a request means; literal segments win over parameters. `path` is without `/api/v3`, and still
    /// percent-encoded. `None`: GitHub describes no such operation (or it was pruned away).
    pub fn operation(&self, method: &str, path: &str) -> Option<OperationId> {
        let (operation, _) = self.description.find(method, path)?;
        Some(OperationId(operation.id.clone()))
    }

    /// The ids of all described operations.
    pub fn operations(&self) -> Vec<OperationId> {
        self.description.operations().map(|operation| OperationId(operation.id.clone())).collect()
    }

    /// Method and path template of an operation, for messages.
    pub fn template(&self, op: &OperationId) -> Option<(&str, &str)> {
        let operation = self.description.operation(op.as_str())?;
        Some((&operation.method, operation.template.text()))
    }

    /// The path parameters of a request that [`Contract::operation`] found, percent-decoded.
    pub fn captures(&self, method: &str, path: &str) -> Vec<(String, String)> {
        self.description.find(method, path).map(|(_, captures)| captures).unwrap_or_default()
    }

    /// Checks path and query parameters and the body. The body is read strictly: a key that the
    /// schema does not declare is refused. `query` is decoded; `path` as for [`Contract::operation`].
    pub fn check_request(
        &self,
        op: &OperationId,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<Violation> {
        let Some(operation) = self.description.operation(op.as_str()) else { return vec![unknown(op)] };
        let Some((_, captures)) =
            self.description.find(&operation.method, path).filter(|(found, _)| found.id == operation.id)
        else {
            let fault = Fault::at("", format!("the path is not that of {}", operation.template.text()));
            return told("operation", operation, vec![fault]);
        };
        let mut violations =
            told("parameter", operation, parameters::check(&self.validators, operation, &captures, query));
        violations.extend(told("schema", operation, self.request_body(operation, body)));
        let call = rules::Call {
            operation: op.as_str(),
            path: &captures,
            query,
            body: body.unwrap_or(&Value::Null),
        };
        violations.extend(rules::check(&call, self.advice).into_iter().map(|(rule, fault)| Violation {
            rule: rule.name.to_owned(),
            operation: operation.id.clone(),
            pointer: fault.pointer,
            message: fault.message,
            page: Some(rule.page.to_owned()),
        }));
        violations
    }

    fn request_body(&self, operation: &Operation, body: Option<&Value>) -> Vec<Fault> {
        match (&operation.body, body) {
            (Some(content), Some(body)) => content
                .schemas
                .iter()
                .enumerate()
                .flat_map(|(number, schema)| {
                    let key = (operation.id.clone(), "request".to_owned(), number);
                    self.validators.check(key, schema, Reading::Strict, body)
                })
                .collect(),
            (Some(content), None) if content.required => vec![Fault::at("", "the request needs a body")],
            // Clients may send `{}` or `null` where nothing is expected; GitHub ignores it.
            (None, Some(body)) if body.as_object().is_none_or(|map| !map.is_empty()) && !body.is_null() => {
                vec![Fault::at("", "the operation takes no body")]
            }
            (Some(_) | None, None) | (None, Some(_)) => Vec::new(),
        }
    }

    /// Checks an answer's status and body. Statuses that GitHub may answer to anything (401, 404, 5xx …) need not be
    /// declared, but their bodies must be GitHub's error object.
    pub fn check_response(&self, op: &OperationId, status: u16, body: Option<&Value>) -> Vec<Violation> {
        let Some(operation) = self.description.operation(op.as_str()) else { return vec![unknown(op)] };
        match statuses::check(&self.validators, operation, status, body) {
            Ok(faults) => told("schema", operation, faults),
            Err(fault) => told("status", operation, vec![fault]),
        }
    }

    /// Checks a webhook's payload. Events without actions (`push`, `ping`) come with `None`.
    pub fn check_webhook(&self, event: &str, action: Option<&str>, payload: &Value) -> Vec<Violation> {
        let dashed = |name: &str| name.replace('_', "-");
        let key =
            action.map_or_else(|| dashed(event), |action| format!("{}-{}", dashed(event), dashed(action)));
        let violation = |rule: &str, page: Option<&String>, fault: Fault| Violation {
            rule: rule.to_owned(),
            operation: key.clone(),
            pointer: fault.pointer,
            message: fault.message,
            page: page.cloned(),
        };
        let Some(webhook) = self.description.webhook(&key) else {
            return vec![violation(
                "webhook",
                None,
                Fault::at("", "the description has no such event and action"),
            )];
        };
        let mut faults = self.validators.check(
            (key.clone(), "webhook".to_owned(), 0),
            &webhook.schema,
            Reading::Plain,
            payload,
        );
        if payload.get("action").and_then(Value::as_str) != action && action.is_some() {
            faults.push(Fault::at("/action", "is not the action it is said to be"));
        }
        faults.into_iter().map(|fault| violation("schema", webhook.page.as_ref(), fault)).collect()
    }

    /// The keys of all described webhooks, for example `check-run-created`.
    pub fn webhooks(&self) -> Vec<String> {
        self.description.webhooks().map(str::to_owned).collect()
    }

    /// Checks a GraphQL document against the operations and fields that are known here; see [`check_graphql`].
    pub fn check_graphql(&self, query: &str, variables: &Value) -> Vec<Violation> {
        check_graphql(query, variables)
    }

    /// What a caller must have been granted for this operation.
    pub fn access(&self, op: &OperationId) -> Access {
        access::of(op.as_str())
    }

    /// What an app needs to subscribe to an event. `None`: the event cannot be subscribed to; it comes unasked
    /// (`installation`, `ping`) or the table does not know it.
    pub fn event_permission(&self, event: &str) -> Option<(String, Level)> {
        access::of_event(event)
    }
}

fn unknown(op: &OperationId) -> Violation {
    Violation::whole("operation", op.as_str(), "the description has no such operation")
}

fn told(rule: &str, operation: &Operation, faults: Vec<Fault>) -> Vec<Violation> {
    let violation = |fault: Fault| Violation {
        rule: rule.to_owned(),
        operation: operation.id.clone(),
        pointer: fault.pointer,
        message: fault.message,
        page: operation.page.clone(),
    };
    faults.into_iter().map(violation).collect()
}

#[cfg(test)]
mod tests;
