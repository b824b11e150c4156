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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Request, Response};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use serde_json::json;
    use tokio::sync::Mutex;

    use super::{Known, Library};
    use crate::cluster::kinds::Served;
    use crate::cluster::wire::Wire;

    /// A server of schemas: what it is asked, and the hash that it gives.
    #[derive(Clone, Default)]
    struct Server {
        asked: Arc<Mutex<Vec<String>>>,
        hash: Arc<Mutex<u32>>,
    }

    impl Server {
        async fn answer(&self, request: Request<Body>) -> Vec<u8> {
            let path = request.uri().to_string();
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes().len(), 0);
            let hash = *self.hash.lock().await;
            let body = if path == "/openapi/v3" {
                json!({"paths": {
                    "apis/x/v1": {"serverRelativeURL": format!("/openapi/v3/apis/x/v1?hash={hash}")},
                    "apis/y/v1": {"serverRelativeURL": "https://elsewhere.example.com/"}}})
            } else {
                let kind = |kind: &str| {
                    json!({"type": "object", "properties": {"hash": {"type": "string", "default": hash.to_string()}},
                        "x-kubernetes-group-version-kind": [{"group": "x", "version": "v1", "kind": kind}]})
                };
                json!({"components": {"schemas": {"a": kind("A"), "b": kind("B")}}})
            };
            self.asked.lock().await.push(path);
            body.to_string().into_bytes()
        }

        fn wire(&self) -> Wire {
            let server = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move {
                    let body = server.answer(request).await;
                    Ok::<_, std::io::Error>(Response::new(Body::from(body)))
                }
            });
            Wire::new(kube::Client::new(service, "default"), "test".to_owned(), "Tidegate".to_owned())
        }

        async fn asked(&self) -> Vec<String> {
            std::mem::take(&mut *self.asked.lock().await)
        }
    }

    fn served(group: &str) -> Served {
        Served {
            group: group.to_owned(),
            version: "v1".to_owned(),
            plural: "things".to_owned(),
            namespaced: true,
            status: false,
            listed: true,
        }
    }

    #[tokio::test]
    async fn a_document_is_fetched_once_for_a_kind_and_again_only_when_its_hash_is_another() {
        let (server, library) = (Server::default(), Library::default());
        let (wire, x) = (server.wire(), served("x"));
        let read = async |kind: &str| library.schema(&wire, &x, kind).await;
        let first = read("A").await.unwrap();
        assert_eq!(server.asked().await, ["/openapi/v3", "/openapi/v3/apis/x/v1?hash=0"]);
        assert!(Arc::ptr_eq(&first, &read("A").await.unwrap()) && read("C").await.is_none());
        assert!(read("C").await.is_none());
        assert_eq!(server.asked().await, ["/openapi/v3/apis/x/v1?hash=0"], "what is not there is asked once");
        library.forget().await;
        assert!(Arc::ptr_eq(&first, &read("A").await.unwrap()));
        assert_eq!(server.asked().await, ["/openapi/v3"], "the hash is the same");
        library.forget().await;
        *server.hash.lock().await = 1;
        assert_ne!(*read("A").await.unwrap(), *first);
        assert_eq!(server.asked().await, ["/openapi/v3", "/openapi/v3/apis/x/v1?hash=1"]);
        let shelves = library.shelves.lock().await;
        assert!(shelves.known.values().filter(|known| matches!(known, Known::Schema(_))).count() == 2);
    }

    #[tokio::test]
    async fn only_the_servers_own_documents_are_fetched() {
        let (server, library) = (Server::default(), Library::default());
        assert!(library.schema(&server.wire(), &served("y"), "A").await.is_none());
        assert!(library.schema(&server.wire(), &served("z"), "A").await.is_none());
        assert_eq!(server.asked().await, ["/openapi/v3"]);
    }
}
