//! Deployments and their statuses.

use jiff::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: u64,
    pub(crate) reference: String,
    pub(crate) sha: String,
    pub(crate) task: String,
    pub(crate) payload: Value,
    pub(crate) environment: String,
    pub(crate) description: Option<String>,
    pub(crate) transient: bool,
    pub(crate) production: bool,
    pub(crate) creator: u64,
    pub(crate) app: Option<u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Oldest first.
    pub(crate) statuses: Vec<DeploymentStatus>,
}

impl Deployment {
    /// The state of the newest status; a new deployment is pending.
    pub(crate) fn state(&self) -> &str {
        self.statuses.last().map_or("pending", |status| status.state.as_str())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct DeploymentStatus {
    pub(crate) id: u64,
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) environment: String,
    pub(crate) environment_url: String,
    pub(crate) log_url: String,
    pub(crate) creator: u64,
    pub(crate) app: Option<u64>,
    pub(crate) at: Timestamp,
}
