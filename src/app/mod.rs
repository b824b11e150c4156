//! The composition root: settings in, parts put together, started, drained, stopped.

pub(crate) mod parts;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cluster::Clusters;
use crate::comment::Templates;
use crate::config::{Config, Need, variables};
use crate::diff::mask::MaskKey;
use crate::git::Git;
use crate::github::{App as Credentials, GitHub};
use crate::model::fault::{Failure, chain};
use crate::store::Store;
use crate::terminal::{DONE, fail, note};
use crate::web;
use crate::work::Context;
use crate::work::worker::work;

/// How many jobs run at once. Most of a job's time is waiting for GitHub, Git or a cluster.
const WORKERS: usize = 8;
/// After a signal, everything has ended or was handed back within this time.
const GRACE: Duration = Duration::from_secs(13);
/// Then the database's connections are closed within this time, or left to end with the process.
const CLOSE: Duration = Duration::from_secs(1);

/// The running program: a server that takes deliveries and workers that do what they ask.
#[derive(Debug)]
pub(crate) struct App {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    workers: JoinHandle<()>,
    store: Store,
}

impl App {
    /// Puts the parts together and starts them. Answers when webhooks are taken.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        secure();
        for sentence in config.not_yet() {
            tracing::warn!("{sentence}");
        }
        parts::unjailed(&config);
        if let Some(own) = &config.defaults {
            crate::parse::defaults(&own.node, &own.text, &own.file).map_err(Failure::Author)?;
        }
        let github = config.github.clone().ok_or_else(|| Failure::ours("start", "`github` is not set up"))?;
        let store = Store::open(config.database.expose_secret(), clock()).await?;
        let credentials = Credentials { id: github.app_id, key: github.private_key.clone() };
        let cx = Arc::new(Context {
            github: GitHub::connect(&credentials, &github.api)?,
            git: Git::open(parts::git(&config)?, config.cache.clone(), github.git.clone()).await?,
            renderers: parts::keeping(&config, parts::Keep::On)?,
            templates: Templates::builtin()?,
            targets: config.targets.clone(),
            forks: parts::forks(config.forks),
            defaults: config.defaults.as_ref().map_or(serde_json::Value::Null, |own| own.node.to_json()),
            mask: MaskKey::new(store.mask_key().expose_secret()),
            clusters: Clusters::default(),
            clock,
            store: store.clone(),
        });
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| Failure::ours(format!("listen on {}", config.listen), error))?;
        let address = listener.local_addr().map_err(|error| Failure::ours("learn our own address", error))?;
        let (stop, stopped) = watch::channel(false);
        let door = web::App {
            store: store.clone(),
            id: github.app_id,
            webhook_secret: github.webhook_secret.clone(),
            clock,
        };
        let mut order = stopped.clone();
        let ordered = async move {
            // An error says that whoever could give the order is gone: that is an order too.
            drop(order.wait_for(|stop| *stop).await);
        };
        let serve = async move {
            if let Err(error) = web::serve(listener, door, ordered).await {
                tracing::error!(error = %error, "the server ended by itself");
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the server and the workers are the two tasks of the program"
        )]
        let (server, workers) = (tokio::spawn(serve), tokio::spawn(work(cx, WORKERS, stopped)));
        tracing::info!(server.address = %address, "ready");
        Ok(Self { address, stop, server, workers, store })
    }

    /// Where webhooks are taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking, finishes or hands back, ends. Never longer than [`GRACE`] and [`CLOSE`].
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        let both = async {
            for (part, task) in [("server", self.server), ("workers", self.workers)] {
                if let Err(error) = task.await {
                    tracing::error!(part, error = %error, "did not end by itself");
                }
            }
        };
        if tokio::time::timeout(GRACE, both).await.is_err() {
            tracing::warn!("work was left to its leases");
        }
        // What did not end may hold a connection; the next start finds the database as its journal says.
        if tokio::time::timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!("the database was not closed");
        }
    }
}

/// The clock of the program: the one place where the time is read.
pub(crate) fn clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "here the time enters; everything else is given it")]
    Timestamp::now()
}

/// Chooses the one TLS provider. Safe to repeat.
pub(crate) fn secure() {
    // An error says that a provider is installed already; there is only this one in the tree.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// `tidegate serve`: runs until SIGTERM or Ctrl-C. Exit 0 after an orderly end, 1 if it cannot start.
pub(crate) async fn serve(config: Option<&Path>) -> u8 {
    let config = match Config::load(config, variables(), Need::Server) {
        Ok(config) => config,
        Err(faults) => {
            for fault in &faults {
                note(&fault.to_string());
            }
            return fail(&format!("the settings have {} to fix", count(faults.len())));
        }
    };
    parts::log(&config.log);
    let app = match App::start(config).await {
        Ok(app) => app,
        Err(failure) => return fail(&failure.to_string()),
    };
    match signal().await {
        Ok(name) => tracing::info!(signal.name = name, "stopping"),
        Err(error) => tracing::error!(error = %chain(&error), "signals cannot be heard; stopping"),
    }
    app.stop().await;
    tracing::info!("stopped");
    DONE
}

fn count(number: usize) -> String {
    if number == 1 { "1 fault".to_owned() } else { format!("{number} faults") }
}

/// Waits for the word to stop.
pub(crate) async fn signal() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}
