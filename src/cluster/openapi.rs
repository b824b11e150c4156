//! The API server's own schemas (`/openapi/v3`), fetched only when an answer is needed that it does not give itself.
//!
//! A document describes a whole group and version and may have megabytes; of each only the kinds that are asked for are
//! kept, by the hash that the server's index gives the document, so that an answer is never older than the index.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::cluster::kinds::Served;
use crate::cluster::wire::{Call, Wire};
use crate::schema::Schema;

/// How long the index is believed, and that something could not be read.
const FRESH: Duration = Duration::from_secs(30);
/// Bytes of the index: a line for each group and version.
const INDEX: usize = 4 << 20;
/// Bytes of a document. The largest of Kubernetes' own has 2 MB; groups of large definitions have more.
const DOCUMENT: usize = 32 << 20;
/// Schemas that are kept; with more, all are forgotten.
const KEPT: usize = 256;

/// The schemas of one API server that were asked for. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Library {
    shelves: Arc<Mutex<Shelves>>,
}

#[derive(Default)]
struct Shelves {
    /// Where each group and version is described, as in `apis/apps/v1`, and when that was asked.
    index: Option<(Instant, HashMap<String, String>)>,
    /// By address (with its hash) and kind.
    known: HashMap<(String, String), Known>,
}

/// A schema, or since when there is none.
#[derive(Clone)]
enum Known {
    Schema(Arc<Schema>),
    Nothing(Instant),
}

impl Library {
    /// The schema of a kind; none: it cannot be had. That is no error, for whoever asks has another answer already.
    pub(super) async fn schema(&self, wire: &Wire, served: &Served, kind: &str) -> Option<Arc<Schema>> {
        // Held while a document is fetched, so that sixteen objects of a kind fetch it once.
        let mut shelves = self.shelves.lock().await;
        let root = if served.group.is_empty() { "api" } else { "apis" };
        let address = shelves.address(wire, &format!("{root}/{}", served.api_version())).await?;
        let key = (address, kind.to_owned());
        match shelves.known.get(&key) {
            Some(Known::Schema(schema)) => return Some(Arc::clone(schema)),
            Some(Known::Nothing(since)) if since.elapsed() < FRESH => return None,
            Some(Known::Nothing(_)) | None => {}
        }
        let document = fetch(wire, &key.0, DOCUMENT).await;
        let schema = document
            .and_then(|document| Schema::served(&document, &served.group, &served.version, kind))
            .map(Arc::new);
        if shelves.known.len() >= KEPT {
            shelves.known.clear();
        }
        let known = schema.clone().map_or_else(|| Known::Nothing(Instant::now()), Known::Schema);
        shelves.known.insert(key, known);
        schema
    }

    /// Asks for the index anew when it is needed next: a definition was applied.
    pub(super) async fn forget(&self) {
        self.shelves.lock().await.index = None;
    }
}

impl Shelves {
    async fn address(&mut self, wire: &Wire, place: &str) -> Option<String> {
        if self.index.as_ref().is_none_or(|(since, _)| since.elapsed() >= FRESH) {
            let index = fetch(wire, "/openapi/v3", INDEX).await.unwrap_or_default();
            let paths = index.get("paths").and_then(Value::as_object);
            let entry = |(place, entry): (&String, &Value)| {
                let address = entry.get("serverRelativeURL")?.as_str()?;
                // The server's word, but never for another place than where such documents lie.
                address.starts_with("/openapi/v3/").then(|| (place.clone(), address.to_owned()))
            };
            self.index = Some((Instant::now(), paths.into_iter().flatten().filter_map(entry).collect()));
        }
        self.index.as_ref()?.1.get(place).cloned()
    }
}

async fn fetch(wire: &Wire, path: &str, limit: usize) -> Option<Value> {
    let call = Call { limit, ..Call::get("read its schemas", path) };
    wire.call(&call).await.ok().map(|answer| answer.body)
}
