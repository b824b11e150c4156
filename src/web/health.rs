//! Probes. They hold nobody up and tell nothing that a stranger should not know.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;

use crate::model::fault::chain;
use crate::web::Shared;
use crate::web::refusal::Refusal;

/// The longest that a probe waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is alive. It says nothing of the database: restarting us would not mend that.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Deliveries can be taken.
pub(super) async fn ready(State(shared): State<Shared>) -> Result<&'static str, Refusal> {
    if shared.draining.load(Ordering::Acquire) {
        return Err(Refusal::new(503, "shutting down"));
    }
    match tokio::time::timeout(PATIENCE, shared.app.store.ping()).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = chain(&error), "not ready");
            Err(Refusal::new(503, "the database does not answer"))
        }
        Err(_) => Err(Refusal::new(503, "the database does not answer in time")),
    }
}

/// How many jobs there are by what they do, in Prometheus' text format.
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
pub(super) async fn metrics(State(shared): State<Shared>) -> Result<String, Refusal> {
    let now = (shared.app.clock)();
    match tokio::time::timeout(PATIENCE, shared.app.store.census(now)).await {
        Ok(Ok(jobs)) => Ok(format!(
            "# HELP tidegate_jobs Jobs by what they do.\n# TYPE tidegate_jobs gauge\n\
             tidegate_jobs{{state=\"queued\"}} {}\ntidegate_jobs{{state=\"running\"}} {}\n\
             tidegate_jobs{{state=\"waiting\"}} {}\ntidegate_jobs{{state=\"buried\"}} {}\n",
            jobs.queued, jobs.running, jobs.waiting, jobs.buried
        )),
        Ok(Err(error)) => {
            tracing::warn!(error = chain(&error), "no metrics");
            Err(Refusal::new(503, "the database does not answer"))
        }
        Err(_) => Err(Refusal::new(503, "the database does not answer in time")),
    }
}
