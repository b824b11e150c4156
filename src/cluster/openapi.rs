//! The API server's own schemas (`/openapi/v3`), fetched only when an answer is needed that it does not give itself.
//!
//! A document describes a whole group and version and may have megabytes; of each only the kinds that are asked for are
//! kept, by the hash that the server's index gives the document, so that an answer is never older than the index.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::LengthLimitError;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::cluster::error::Error;
use crate::cluster::kinds::Served;
use crate::cluster::wire::{Call, Trouble, Wire};
use crate::schema::Schema;

/// How long the index is believed, and that there is no schema.
const FRESH: Duration = Duration::from_secs(30);
/// Bytes of the index: a line for each group and version.
const INDEX: usize = 4 << 20;
/// Bytes of a document. The largest of Kubernetes' own has 2 MB; groups of large definitions have more.
const DOCUMENT: usize = 32 << 20;
/// Schemas that are kept; with more, all are forgotten.
const KEPT: usize = 256;

/// What is done, for whoever reads of a failure.
const DOING: &str = "read its schemas";
/// How long a failure is told without asking again, so that a thousand objects do not wait for it one by one.
const FAILED: Duration = Duration::from_secs(5);

/// The schemas of one API server that were asked for. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Library {
    /// Never held while the server is asked.
    shelves: Arc<Mutex<Shelves>>,
    /// Whose turn it is to ask the server, so that sixteen objects of a kind fetch a document once.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Shelves {
    /// Where each group and version is described, as in `apis/apps/v1`, and when that was asked.
    index: Option<(Instant, HashMap<String, String>)>,
    /// How often the index was forgotten: one that was asked for before is not believed after.
    forgotten: u64,
    /// By address (with its hash) and kind.
    known: HashMap<(String, String), Known>,
    /// What could not be read, by its address: since when, and why.
    failed: HashMap<String, (Instant, String)>,
}

/// A schema, or since when there is none.
#[derive(Clone)]
enum Known {
    Schema(Arc<Schema>),
    Nothing(Instant),
}

impl Library {
    /// The schema of a kind; none: the server has none, or does not show it to us. An error: it could not be read now.
    pub(super) async fn schema(
        &self,
        wire: &Wire,
        served: &Served,
        kind: &str,
    ) -> Result<Option<Arc<Schema>>, Error> {
        let root = if served.group.is_empty() { "api" } else { "apis" };
        let place = format!("{root}/{}", served.api_version());
        if let Some(known) = self.shelves.lock().await.recall(&place, kind) {
            return Ok(known.schema());
        }
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have fetched it.
        if let Some(known) = self.shelves.lock().await.recall(&place, kind) {
            return Ok(known.schema());
        }
        let Some(address) = self.address(wire, &place).await? else { return Ok(None) };
        let key = (address, kind.to_owned());
        if let Some(known) = self.shelves.lock().await.kept(&key) {
            return Ok(known.schema());
        }
        let document = self.fetch(wire, &key.0, DOCUMENT).await?;
        let schema = document
            .and_then(|document| Schema::served(&document, &served.group, &served.version, kind))
            .map(Arc::new);
        let mut shelves = self.shelves.lock().await;
        if shelves.known.len() >= KEPT {
            shelves.known.clear();
        }
        let known = schema.clone().map_or_else(|| Known::Nothing(Instant::now()), Known::Schema);
        shelves.known.insert(key, known);
        Ok(schema)
    }

    /// Asks for the index anew when it is needed next: a definition was applied.
    pub(super) async fn forget(&self) {
        let mut shelves = self.shelves.lock().await;
        shelves.index = None;
        shelves.forgotten += 1;
    }

    /// Where a group and version is described.
    async fn address(&self, wire: &Wire, place: &str) -> Result<Option<String>, Error> {
        let forgotten = {
            let shelves = self.shelves.lock().await;
            if let Some(index) = shelves.fresh() {
                return Ok(index.get(place).cloned());
            }
            shelves.forgotten
        };
        let index = self.fetch(wire, "/openapi/v3", INDEX).await?.unwrap_or_default();
        let paths = index.get("paths").and_then(Value::as_object);
        let entry = |(place, entry): (&String, &Value)| {
            let address = entry.get("serverRelativeURL")?.as_str()?;
            // The server's word, but never for another place than where such documents lie.
            address.starts_with("/openapi/v3/").then(|| (place.clone(), address.to_owned()))
        };
        let index: HashMap<String, String> = paths.into_iter().flatten().filter_map(entry).collect();
        let address = index.get(place).cloned();
        let mut shelves = self.shelves.lock().await;
        if shelves.forgotten == forgotten {
            shelves.index = Some((Instant::now(), index));
        }
        Ok(address)
    }

    /// A document; none: there is none, it may not be seen, or it is too large.
    async fn fetch(&self, wire: &Wire, path: &str, limit: usize) -> Result<Option<Value>, Error> {
        let away = |source: String| Error::Away {
            target: wire.target().to_owned(),
            doing: DOING.to_owned(),
            source: source.into(),
        };
        if let Some((_, why)) =
            self.shelves.lock().await.failed.get(path).filter(|(since, _)| since.elapsed() < FAILED)
        {
            return Err(away(why.clone()));
        }
        let trouble = match wire.call(&Call { limit, ..Call::get(DOING, path) }).await {
            Ok(answer) => return Ok(Some(answer.body)),
            Err(trouble) if lasts(&trouble) => return Ok(None),
            Err(trouble) => trouble,
        };
        let why = match &trouble {
            Trouble::Refused(refusal) => format!("{} ({})", refusal.message, refusal.code),
            Trouble::Silent(source) => source.to_string(),
        };
        let mut shelves = self.shelves.lock().await;
        shelves.failed.retain(|_, (since, _)| since.elapsed() < FAILED);
        shelves.failed.insert(path.to_owned(), (Instant::now(), why));
        Err(wire.error(DOING, trouble))
    }
}

/// Will the same be said again, however often it is asked?
fn lasts(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused(refusal) => refusal.code != 401 && !refusal.is_weather(),
        Trouble::Silent(source) => source.is::<LengthLimitError>(),
    }
}

impl Shelves {
    fn fresh(&self) -> Option<&HashMap<String, String>> {
        self.index.as_ref().filter(|(since, _)| since.elapsed() < FRESH).map(|(_, index)| index)
    }

    /// What is known of a kind by an index that is believed; none: the server must be asked.
    fn recall(&self, place: &str, kind: &str) -> Option<Known> {
        match self.fresh()?.get(place) {
            Some(address) => self.kept(&(address.clone(), kind.to_owned())),
            None => Some(Known::Nothing(Instant::now())),
        }
    }

    fn kept(&self, key: &(String, String)) -> Option<Known> {
        let believed = |known: &&Known| match known {
            Known::Schema(_) => true,
            Known::Nothing(since) => since.elapsed() < FRESH,
        };
        self.known.get(key).filter(believed).cloned()
    }
}

impl Known {
    fn schema(self) -> Option<Arc<Schema>> {
        match self {
            Self::Schema(schema) => Some(schema),
            Self::Nothing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use serde_json::json;
    use tokio::sync::Mutex;

    use super::{FAILED, Known, Library};
    use crate::cluster::error::Error;
    use crate::cluster::kinds::Served;
    use crate::cluster::wire::Wire;

    /// A server of schemas: what it is asked, and the hash that it gives.
    #[derive(Clone, Default)]
    struct Server {
        asked: Arc<Mutex<Vec<String>>>,
        hash: Arc<Mutex<u32>>,
        /// What it answers in place of a document.
        refuses: Arc<Mutex<Option<StatusCode>>>,
        /// Held: the server does not answer.
        gate: Arc<Mutex<()>>,
    }

    impl Server {
        async fn answer(&self, request: Request<Body>) -> Response<Body> {
            drop(self.gate.lock().await);
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
            let refuses = *self.refuses.lock().await;
            let code = refuses.filter(|_| path != "/openapi/v3").unwrap_or(StatusCode::OK);
            self.asked.lock().await.push(path);
            Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
        }

        fn wire(&self) -> Wire {
            let server = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move { Ok::<_, std::io::Error>(server.answer(request).await) }
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
        let read = async |kind: &str| library.schema(&wire, &x, kind).await.unwrap();
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
        assert!(library.schema(&server.wire(), &served("y"), "A").await.unwrap().is_none());
        assert!(library.schema(&server.wire(), &served("z"), "A").await.unwrap().is_none());
        assert_eq!(server.asked().await, ["/openapi/v3"]);
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_told_from_what_is_not_there() {
        let (server, library) = (Server::default(), Library::default());
        let (wire, x) = (server.wire(), served("x"));
        *server.refuses.lock().await = Some(StatusCode::SERVICE_UNAVAILABLE);
        assert!(matches!(library.schema(&wire, &x, "A").await, Err(Error::Unwell { code: 503, .. })));
        server.asked().await;
        assert!(matches!(library.schema(&wire, &x, "A").await, Err(Error::Away { .. })));
        assert_eq!(server.asked().await, [""; 0], "nobody waits for it twice");
        *server.refuses.lock().await = None;
        for (since, _) in library.shelves.lock().await.failed.values_mut() {
            *since -= FAILED;
        }
        assert!(library.schema(&wire, &x, "A").await.unwrap().is_some(), "and it is never taken for nothing");
        for code in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
            let library = Library::default();
            *server.refuses.lock().await = Some(code);
            assert!(library.schema(&wire, &x, "A").await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_the_server_to_forget_and_what_it_said_before_is_not_believed() {
        let (server, library) = (Server::default(), Library::default());
        let (wire, x) = (server.wire(), served("x"));
        let held = server.gate.lock().await;
        let asking = library.schema(&wire, &x, "A");
        tokio::pin!(asking);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut asking).await.is_err());
        tokio::time::timeout(Duration::from_secs(5), library.forget()).await.unwrap();
        drop(held);
        assert!(asking.await.unwrap().is_some());
        server.asked().await;
        assert!(library.schema(&wire, &x, "A").await.unwrap().is_some());
        assert_eq!(server.asked().await, ["/openapi/v3"]);
    }
}
