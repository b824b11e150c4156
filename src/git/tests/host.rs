//! A host over HTTP: the token goes where it must and is seen nowhere else, and each answer has its meaning.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use base64::Engine as _;
use secrecy::ExposeSecret as _;

use super::{Upstream, mirror_of, program, token};
use crate::git::{Error, Kind, Merge, Want};
use crate::process::{self, Limits, Program};

/// How the host behaves, and what it noticed.
pub(super) struct Host {
    root: PathBuf,
    /// The status of every answer, if it is not to be a real one.
    status: Mutex<Option<StatusCode>>,
    /// Processes that had the token in their arguments while the host was asked.
    leaks: Mutex<Vec<String>>,
    asked: Mutex<usize>,
    /// Do pushes happen and end in a 502?
    lossy: Mutex<bool>,
}

impl Host {
    pub(super) fn lose_answers_to_pushes(&self) {
        *self.lossy.lock().unwrap() = true;
    }
}

/// Serves the upstream by `git http-backend` on loopback for as long as the runtime lives.
pub(super) async fn serve(upstream: &Upstream) -> (String, Arc<Host>) {
    let host = Arc::new(Host {
        root: upstream.root.path().to_owned(),
        status: Mutex::default(),
        leaks: Mutex::default(),
        asked: Mutex::default(),
        lossy: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&host));
    #[expect(clippy::disallowed_methods, reason = "the test's host runs beside it")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, host)
}

async fn answer(
    State(host): State<Arc<Host>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<axum::body::Body> {
    *host.asked.lock().unwrap() += 1;
    host.leaks.lock().unwrap().extend(arguments_with(token().expose_secret()));
    let plain =
        |status: StatusCode| Response::builder().status(status).body(axum::body::Body::empty()).unwrap();
    if let Some(status) = *host.status.lock().unwrap() {
        let mut answer = plain(status);
        answer.headers_mut().insert("location", format!("/acme/other.git{uri}").parse().unwrap());
        return answer;
    }
    let basic = base64::engine::general_purpose::STANDARD
        .encode(format!("x-access-token:{}", token().expose_secret()));
    if headers.get("authorization").is_none_or(|value| value != &format!("Basic {basic}")) {
        return plain(StatusCode::UNAUTHORIZED);
    }
    let output = backend(&host.root, &method, &uri, &headers, body).await;
    if *host.lossy.lock().unwrap() && method == Method::POST && uri.path().ends_with("git-receive-pack") {
        return plain(StatusCode::BAD_GATEWAY);
    }
    let end = output.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let mut answer = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        answer = match name {
            "Status" => answer.status(value[..3].parse::<u16>().unwrap()),
            _ => answer.header(name, value),
        };
    }
    answer.body(axum::body::Body::from(output[end + 4..].to_vec())).unwrap()
}

async fn backend(root: &Path, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Vec<u8> {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let run = Program::new(program(), root, ["http-backend"])
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text("content-encoding"))
        .env("GIT_PROTOCOL", text("git-protocol"))
        .env("REMOTE_USER", "x-access-token")
        .stdin(body.to_vec())
        .limits(Limits::default());
    process::run(&run).await.unwrap().stdout
}

/// Command lines of all processes that hold a text.
fn arguments_with(text: &str) -> Vec<String> {
    let lines = std::fs::read_dir("/proc").unwrap().filter_map(|process| {
        let line = std::fs::read(process.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(text)).collect()
}

fn main() -> Want {
    Want::Branch("main".parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_with_the_token_in_the_environment_alone() {
    let upstream = Upstream::new().await;
    let root = upstream.commit("main", &[("a", Some("1\n2\n3\n4\n5\n"))]).await;
    super::git(&upstream.dir(), &["update-ref", "refs/heads/topic", root.as_str()]).await;
    let base = upstream.commit("main", &[("a", Some("1\n2\n3\n4\nfive\n"))]).await;
    let head = upstream.commit("topic", &[("a", Some("one\n2\n3\n4\n5\n"))]).await;
    let (url, host) = serve(&upstream).await;
    let (_git, mirror, _cache) = mirror_of(&url).await;

    mirror.fetch(&token(), &[main(), Want::Commit(head.clone())]).await.unwrap();
    let objects = mirror.objects(Some(&token()));
    let before = *host.asked.lock().unwrap();
    let Merge::Clean { tree } = objects.merge(&base, &head).await.unwrap() else { panic!("it is clean") };
    assert!(*host.asked.lock().unwrap() > before, "the blobs were fetched for the merge");
    let into = tempfile::TempDir::new().unwrap();
    objects
        .materialise(&tree, into.path(), &|_| true, &crate::git::materialise::Limits::default())
        .await
        .unwrap();
    assert_eq!(std::fs::read(into.path().join("a")).unwrap(), b"one\n2\n3\n4\nfive\n");

    mirror.push(&token(), &"copy".parse().unwrap(), None, &head).await.unwrap();
    assert_eq!(upstream.files("copy").await, ["a"]);
    assert_eq!(*host.leaks.lock().unwrap(), Vec::<String>::new());
    assert!(
        !arguments_with("cargo").is_empty() || !arguments_with("tidegate").is_empty(),
        "the search does search"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_of_a_host_has_its_meaning() {
    let upstream = Upstream::new().await;
    upstream.commit("main", &[("a", Some("a"))]).await;
    let (url, host) = serve(&upstream).await;
    let (_git, mirror, _cache) = mirror_of(&url).await;

    let error = mirror.fetch(&"ghs_wrong".into(), &[main()]).await.unwrap_err();
    assert!(error.is_unauthorised() && error.kind() == Kind::Weather, "{error}");
    for (status, kind) in [
        (404, Kind::Gone),
        (403, Kind::Weather),
        (429, Kind::Weather),
        (500, Kind::Weather),
        (502, Kind::Weather),
    ] {
        *host.status.lock().unwrap() = StatusCode::from_u16(status).ok();
        let error = mirror.fetch(&token(), &[main()]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(token().expose_secret()), "{shown}");
    }
    for status in [301, 302, 307] {
        *host.status.lock().unwrap() = StatusCode::from_u16(status).ok();
        let before = *host.asked.lock().unwrap();
        let error = mirror.fetch(&token(), &[main()]).await.unwrap_err();
        assert!(matches!(error, Error::Renamed { .. }), "{status}: {error}");
        assert_eq!(*host.asked.lock().unwrap(), before + 1, "a redirect is not followed with the token");
    }
    *host.status.lock().unwrap() = None;
    mirror.fetch(&token(), &[main()]).await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_away_is_weather() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (_git, mirror, _cache) = mirror_of(&url).await;
    let error = mirror.fetch(&token(), &[main()]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Weather, "{error}");
}
