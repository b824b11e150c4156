//! What was asked and answered: the requests for a test's questions, the violations for its verdict.

use crate::contract::Violation;
use jiff::Timestamp;
use serde_json::Value;

/// One request to the REST, GraphQL or Git interface.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// The HTTP method.
    pub method: String,
    /// The path and query as sent, without `/api/v3`.
    pub path: String,
    /// The status answered; 0 when the connection was closed without an answer.
    pub status: u16,
    /// When it arrived, by the emulator's clock.
    pub at: Timestamp,
    /// The app's slug for an app or installation token; none for an anonymous or refused caller.
    pub actor: Option<String>,
}

type Corruption = Box<dyn FnMut(&mut Value) + Send>;

#[derive(Default)]
pub(crate) struct Records {
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) unknown: Vec<String>,
    pub(crate) exchanges: u64,
    pub(crate) webhooks: u64,
    corruptions: Vec<(String, String, Corruption)>,
}

impl Records {
    pub(crate) fn corrupt(&mut self, method: &str, path: &str, change: Corruption) {
        self.corruptions.push((method.to_owned(), path.to_owned(), change));
    }

    /// Spoils an answer if a test asked for it, so that it can see the checker wake.
    pub(crate) fn spoil(&mut self, method: &str, path: &str, body: &mut Value) {
        for (of, pattern, change) in &mut self.corruptions {
            if of.eq_ignore_ascii_case(method) && crate::fault::matches(pattern, path) {
                change(body);
            }
        }
    }
}
