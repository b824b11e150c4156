//! What can go wrong when a test drives the emulator, and how GitHub refuses a request.

use serde_json::Value;
use serde_json::json;

/// Why an act in the emulated world did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// GitHub would have refused it; the status and message are those of the REST answer.
    #[error("refused with {status}: {message}")]
    Refused {
        /// The HTTP status GitHub would have answered.
        status: u16,
        /// GitHub's message.
        message: String,
    },
    /// A Git program could not be started or failed.
    #[error("git {command}: {message}")]
    Git {
        /// The subcommand.
        command: String,
        /// What it said on its standard error, or why it did not start.
        message: String,
    },
}

/// Why the emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No loopback port, no thread or no folder for the repositories.
    #[error("start the emulator: {step}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The published description could not be read.
    #[error("load GitHub's description")]
    Contract(#[source] crate::contract::LoadError),
    /// The HTTP client that sends webhooks could not be built.
    #[error("build the webhook client")]
    Client(#[source] reqwest::Error),
}

/// How a request is refused: GitHub's status, message and field errors.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) errors: Vec<Value>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), errors: Vec::new() }
    }

    pub(crate) fn not_found() -> Refusal {
        Refusal::new(404, "Not Found")
    }

    pub(crate) fn forbidden() -> Refusal {
        Refusal::new(403, "Resource not accessible by integration")
    }

    /// 422 with one field error, as `Validation Failed`.
    pub(crate) fn invalid(resource: &str, field: &str, code: &str) -> Refusal {
        let error = json!({"resource": resource, "field": field, "code": code});
        Refusal { errors: vec![error], ..Refusal::new(422, "Validation Failed") }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        if self.status != 422 {
            body["status"] = Value::String(self.status.to_string());
        }
        body
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        match error {
            Error::Refused { status, message } => Refusal::new(status, message),
            Error::Git { .. } => Refusal::new(500, error.to_string()),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused { status: refusal.status, message: refusal.message }
    }
}
