//! HTTP in: webhooks and health. What comes in is verified, stored and answered; what follows from it is `work`'s, and the
//! two meet only in the database.
//!
//! | request | answer |
//! |---|---|
//! | `POST /github/webhook` | 202 once the delivery is on disk, whether it is new or known |
//! | `GET /healthz` | 200: the process is alive |
//! | `GET /readyz` | 200 if the database answers and nobody asked to stop; 503 otherwise |
//! | `GET /metrics` | 200: how many jobs there are by state, as Prometheus text |
//!
//! A refusal says in a sentence what is wrong; see [`webhook`] for the list. Every bound is a constant in its own file.

mod body;
mod door;
mod guard;
mod health;
mod intake;
mod refusal;
mod signature;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;
mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::store::Store;
use crate::web::body::Budget;
use crate::web::door::Door;
use crate::web::intake::Waiting;
use crate::web::refusal::Refusal;

/// How long open requests may take after the order to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the web needs of the App.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Where deliveries go.
    pub store: Store,
    /// Our App's id: deliveries for another one are refused.
    pub id: u64,
    /// The secret that deliveries are signed with.
    pub webhook_secret: SecretString,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// What handlers share.
#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    intake: mpsc::Sender<Waiting>,
    budget: Budget,
    draining: Arc<AtomicBool>,
}

/// Serves until `shutdown` resolves; then takes no new connections and finishes open requests within five seconds.
pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_within(listener, app, shutdown, GRACE).await
}

async fn serve_within(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> std::io::Result<()> {
    let (intake, waiting) = mpsc::channel(intake::WAITING);
    let draining = Arc::new(AtomicBool::new(false));
    let store = app.store.clone();
    let clock = app.clock;
    let shared =
        Shared { app: Arc::new(app), intake, budget: Budget::new(), draining: Arc::clone(&draining) };
    let stopped = Arc::new(Notify::new());
    let stop = {
        let stopped = Arc::clone(&stopped);
        async move {
            shutdown.await;
            draining.store(true, Ordering::Release);
            stopped.notify_one();
        }
    };
    let server =
        async { axum::serve(Door::new(listener), router(shared)).with_graceful_shutdown(stop).await };
    let late = async {
        stopped.notified().await;
        tokio::time::sleep(grace).await;
    };
    // The keeper goes on until the last request is answered, so it is no part of the graceful shutdown; it ends when the
    // last handler has gone. What is not stored then was not answered with 202.
    tokio::select! {
        (outcome, ()) = async { tokio::join!(server, intake::keep(waiting, &store, clock)) } => outcome,
        () = late => {
            tracing::warn!("requests were still open {} s after the order to stop", grace.as_secs());
            Ok(())
        }
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/github/webhook", post(webhook::take))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .method_not_allowed_fallback(async || {
            Refusal::new(
                405,
                "this address does not take that method; deliveries come with POST, probes with GET",
            )
        })
        .fallback(async || Refusal::new(404, "there is nothing here; deliveries go to /github/webhook"))
        .layer(axum::middleware::from_fn(guard::watch))
        .with_state(shared)
}
