//! Fetching from servers of our own on loopback: honest, slow, huge and lying ones.

mod apps;
mod archives;
mod charts;
mod git;
mod registry;
mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use flate2::Compression;
use flate2::write::GzEncoder;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::model::fault::{Failure, Fault};
use crate::model::host::{Credentials, Host};
use crate::render::remote::{Fetched, Limits, Locator, Remote, Visit};

/// A server whose pages a test writes, and what it was asked.
struct Site {
    port: u16,
    pages: Mutex<BTreeMap<String, Page>>,
    seen: Mutex<Vec<(String, Option<String>)>>,
}

/// What a page answers.
#[derive(Clone)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    /// How often the body comes, and with which pause.
    times: usize,
    pause: Duration,
    /// Only with this `Authorization`; otherwise 401 and the challenge.
    guard: Option<(String, String)>,
}

fn page(body: impl Into<Bytes>) -> Page {
    let body = body.into();
    Page { status: 200, headers: Vec::new(), body, times: 1, pause: Duration::ZERO, guard: None }
}

fn status(status: u16) -> Page {
    Page { status, ..page("the words of a stranger") }
}

fn redirect(to: impl Into<String>) -> Page {
    Page { headers: vec![("location", to.into())], ..status(302) }
}

impl Page {
    fn guarded(self, authorization: &str, challenge: &str) -> Self {
        Self { guard: Some((authorization.to_owned(), challenge.to_owned())), ..self }
    }
}

impl Site {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Arc::new(Self { port, pages: Mutex::default(), seen: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&site));
        #[expect(clippy::disallowed_methods, reason = "the test's host runs beside it")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was asked since it was asked this the last time: paths, with what proved who asks.
    fn seen(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|(path, _)| path).collect()
    }

    /// Its entry in `render.hosts`.
    fn host(&self) -> Host {
        host("127.0.0.1", self.port)
    }
}

async fn answer(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let proof = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    site.seen.lock().unwrap().push((uri.to_string(), proof.clone()));
    let page = site.pages.lock().unwrap().get(uri.path()).cloned().unwrap_or_else(|| status(404));
    if let Some((wanted, challenge)) = &page.guard
        && proof.as_ref() != Some(wanted)
    {
        let answer = Response::builder().status(401).header("www-authenticate", challenge);
        return answer.body(Body::from("who are you")).unwrap();
    }
    let mut answer = Response::builder().status(page.status);
    for (name, value) in &page.headers {
        answer = answer.header(*name, value);
    }
    if page.times == 1 && page.pause.is_zero() {
        return answer.body(Body::from(page.body)).unwrap();
    }
    let chunks = futures_util::stream::unfold(0, move |sent| {
        let page = page.clone();
        async move {
            if sent >= page.times {
                return None;
            }
            tokio::time::sleep(page.pause).await;
            Some((Ok::<_, std::io::Error>(page.body.clone()), sent + 1))
        }
    });
    answer.body(Body::from_stream(chunks)).unwrap()
}

fn host(name: &str, port: u16) -> Host {
    Host { name: name.to_owned(), port: Some(port), credentials: None, private: true, tokens: None }
}

fn basic(user: &str, password: &str) -> Credentials {
    Credentials::Basic { user: user.to_owned(), password: SecretString::from(password) }
}

/// `Basic …` of ann and her password.
const ANN: &str = "Basic YW5uOmh1bnRlcjI=";

/// Small limits, so that tests of them are quick.
fn small() -> Limits {
    Limits {
        things: 50,
        time: Duration::from_secs(20),
        redirects: 5,
        file: 64 << 10,
        index: 64 << 10,
        chart: 64 << 10,
        unpacked: 256 << 10,
        entries: 50,
        pack: 256 << 10,
        store: 1 << 30,
    }
}

fn git_program() -> std::path::PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its programs as the shell does")]
    let path = std::env::var_os("PATH");
    crate::process::find("git", None, path.as_deref()).expect("git must be installed")
}

/// A store of its own, and what fetches into it.
fn remote_with(hosts: Vec<Host>, limits: Limits) -> (Remote, TempDir) {
    let store = tempfile::tempdir().unwrap();
    let remote = Remote::with(hosts, store.path().join("store"), Some(git_program()), limits).unwrap();
    (remote, store)
}

fn remote(hosts: Vec<Host>) -> (Remote, TempDir) {
    remote_with(hosts, small())
}

async fn resource(visit: &Visit, address: &str) -> Result<Fetched, Failure> {
    visit.resource(&Locator::read(address).map_err(Failure::author)?).await
}

/// The one fault of the author's. Nothing that a stranger said is in it, no path of ours, no secret.
#[track_caller]
fn fault(result: Result<Fetched, Failure>) -> Fault {
    let failure = result.unwrap_err();
    let Failure::Author(faults) = failure else { panic!("it is the author's: {failure}") };
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults.into_iter().next().unwrap();
    clean(&fault.to_string());
    assert!(!fault.hint.is_empty(), "{fault}");
    fault
}

/// What the weather was.
#[track_caller]
fn weather(result: Result<Fetched, Failure>) -> String {
    let failure = result.unwrap_err();
    assert!(matches!(failure, Failure::Weather(_)), "it is the weather's: {failure}");
    clean(&format!("{failure} {failure:?}"));
    failure.to_string()
}

#[track_caller]
fn clean(said: &str) {
    for never in ["stranger", "hunter2", "who are you", ANN, "/tmp", "store/"] {
        assert!(!said.contains(never), "{never}: {said}");
    }
}

/// A `tar.gz` of files.
fn pack(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A packed chart with one template.
fn chart(name: &str, version: &str) -> Vec<u8> {
    pack(&[
        (&format!("{name}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: {version}\n")),
        (
            &format!("{name}/templates/map.yaml"),
            &format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{v: \"{version}\"}}\n"
            ),
        ),
    ])
}
