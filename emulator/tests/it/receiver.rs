//! A server that takes webhooks, fast or slow.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the receiver got: header pairs and the raw body.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) bytes: Vec<u8>,
}

impl Received {
    pub(crate) fn event(&self) -> &str {
        &self.headers["x-github-event"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// `event.action`, or the event alone.
    pub(crate) fn title(&self) -> String {
        let action = self.json()["action"].as_str().map(|action| format!(".{action}"));
        format!("{}{}", self.event(), action.unwrap_or_default())
    }
}

/// A server that takes webhooks and answers 202. It has a thread of its own: what a test does meanwhile on its thread
/// must not make it look slow.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    shelf: Arc<Shelf>,
    /// The server ends with the last of the handles.
    _life: Arc<tokio::sync::oneshot::Sender<()>>,
}

/// What a receiver knows.
#[derive(Default)]
struct Shelf {
    got: Mutex<Vec<Received>>,
    /// Webhooks that have come, those still waiting to be put on the shelf too.
    arrived: AtomicUsize,
}

impl Receiver {
    pub(crate) fn start() -> Receiver {
        Receiver::slow(Duration::ZERO)
    }

    /// One that waits so long before it records a webhook and answers.
    pub(crate) fn slow(by: Duration) -> Receiver {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shelf: Arc<Shelf> = Arc::default();
        let (life, ended) = tokio::sync::oneshot::channel();
        let taking = Arc::clone(&shelf);
        let take = move |headers: HeaderMap, body: Bytes| take(Arc::clone(&taking), by, headers, body);
        let router = axum::Router::new().route("/hook", axum::routing::post(take));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = ended => {}
                }
            });
        });
        Receiver { url, shelf, _life: Arc::new(life) }
    }

    /// How many webhooks have come, recorded or not yet.
    pub(crate) fn arrived(&self) -> usize {
        self.shelf.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.shelf.got.lock().unwrap().clone()
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        self.all().iter().map(Received::title).collect()
    }

    pub(crate) fn clear(&self) {
        self.shelf.got.lock().unwrap().clear();
    }
}

/// Puts a webhook on the shelf after a while, and says so.
async fn take(shelf: Arc<Shelf>, by: Duration, headers: HeaderMap, body: Bytes) -> StatusCode {
    shelf.arrived.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(by).await;
    let pair =
        |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
    let headers = headers.iter().map(pair).collect();
    shelf.got.lock().unwrap().push(Received { headers, bytes: body.to_vec() });
    StatusCode::ACCEPTED
}
