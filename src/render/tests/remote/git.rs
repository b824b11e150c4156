//! Git repositories over `git http-backend`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use tempfile::TempDir;

use super::{ANN, basic, fault, git_program, host, remote, remote_with, resource, small, weather};
use crate::model::host::Host;
use crate::process::{self, Program};
use crate::render::remote::Limits;

/// A host with the bare repository `acme/base.git`, and what it was asked.
pub(super) struct Upstream {
    root: TempDir,
    port: u16,
    seen: Mutex<Vec<(String, Option<String>)>>,
    /// The status of every answer, if it is not to be a real one.
    status: Mutex<Option<u16>>,
}

async fn git(dir: &Path, args: &[&str], stdin: &str) -> String {
    let mut run = Program::new(git_program(), dir, args.iter().copied()).stdin(stdin);
    for who in ["AUTHOR", "COMMITTER"] {
        run = run.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.com");
    }
    let run = run.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let out = process::run(&run).await.unwrap();
    assert!(out.success(), "git {args:?}: {}", out.message());
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

impl Upstream {
    pub(super) async fn start() -> Arc<Self> {
        let root = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream = Arc::new(Self { root, port, seen: Mutex::default(), status: Mutex::default() });
        std::fs::create_dir_all(upstream.dir()).unwrap();
        git(&upstream.dir(), &["init", "-q", "--bare", "--initial-branch=main"], "").await;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&upstream));
        #[expect(clippy::disallowed_methods, reason = "the test's host runs beside it")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        upstream
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("acme/base.git")
    }

    pub(super) fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}/acme/base.git{rest}", self.port)
    }

    /// Commits these files, and no others, onto a branch: mode, path, content.
    pub(super) async fn commit(&self, branch: &str, files: &[(&str, &str, &str)]) -> String {
        let dir = self.dir();
        let mut lines = String::new();
        for (mode, path, content) in files {
            let id = match *mode {
                "160000" => (*content).to_owned(),
                _ => git(&dir, &["hash-object", "-w", "--stdin"], content).await,
            };
            lines.extend([mode, " ", &id, "\t", path, "\n"]);
        }
        drop(std::fs::remove_file(dir.join("index")));
        git(&dir, &["--work-tree=.", "update-index", "--add", "--index-info"], &lines).await;
        let tree = git(&dir, &["write-tree"], "").await;
        let commit = git(&dir, &["commit-tree", &tree, "-m", "a change"], "").await;
        git(&dir, &["update-ref", &format!("refs/heads/{branch}"), &commit], "").await;
        commit
    }

    pub(super) fn host(&self) -> Host {
        host("127.0.0.1", self.port)
    }

    fn seen(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn answer(
    State(upstream): State<Arc<Upstream>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    upstream.seen.lock().unwrap().push((uri.to_string(), text("authorization")));
    let plain = |status: u16| Response::builder().status(status);
    if let Some(status) = *upstream.status.lock().unwrap() {
        let answer = plain(status).header("location", format!("/acme/other.git{uri}"));
        return answer.body(Body::from("the words of a stranger")).unwrap();
    }
    if !uri.path().contains(".git/") {
        let to = uri.to_string().replacen("/base/", "/base.git/", 1);
        return plain(301).header("location", to).body(Body::empty()).unwrap();
    }
    let run = Program::new(git_program(), upstream.root.path(), ["http-backend"])
        .env("GIT_PROJECT_ROOT", upstream.root.path())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", text("git-protocol").unwrap_or_default())
        .stdin(body.to_vec());
    let output = process::run(&run).await.unwrap().stdout;
    let end = output.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let mut answer = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        answer = match name {
            "Status" => answer.status(value[..3].parse::<u16>().unwrap()),
            _ => answer.header(name, value),
        };
    }
    answer.body(Body::from(output[end + 4..].to_vec())).unwrap()
}

pub(super) const FILE: &str = "100644";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_tags_and_commits_give_their_files() {
    let upstream = Upstream::start().await;
    let first = upstream.commit("main", &[(FILE, "web/a.yaml", "kind: A\n"), ("100755", "run", "")]).await;
    git(&upstream.dir(), &["tag", "-a", "-m", "x", "v1", &first], "").await;
    git(&upstream.dir(), &["tag", "light/1", &first], "").await;
    let second = upstream.commit("main", &[(FILE, "web/a.yaml", "kind: B\n")]).await;
    git(&upstream.dir(), &["update-ref", "refs/heads/other", &first], "").await;
    let (remote, _store) = remote(vec![upstream.host()]);
    for (rest, commit) in [
        ("//web?ref=v1", &first),
        ("//web?ref=light/1", &first),
        ("//web?ref=refs/tags/v1", &first),
        ("//web?ref=refs/heads/main", &second),
        ("?ref=other", &first),
        ("", &second),
        ("//web?ref=main", &second),
        (&format!("?ref={first}"), &first),
    ] {
        let got = resource(&remote.visit(), &upstream.url(rest)).await.unwrap();
        assert_eq!(got.digest, format!("commit:{commit}"), "{rest}");
        let content = std::fs::read_to_string(got.place.join("web/a.yaml")).unwrap();
        assert_eq!(content, if *commit == first { "kind: A\n" } else { "kind: B\n" });
        assert!(got.from.starts_with(&upstream.url("")), "{}", got.from);
    }
    let said = fault(resource(&remote.visit(), &upstream.url("?ref=nope")).await);
    assert!(said.message.contains("no such branch, tag or commit"), "{said}");
    let gone = "0123456789abcdef0123456789abcdef01234567";
    let said = fault(resource(&remote.visit(), &upstream.url(&format!("?ref={gone}"))).await);
    assert!(said.message.contains("no such branch, tag or commit"), "{said}");
    let blob = git(&upstream.dir(), &["rev-parse", "main:web/a.yaml"], "").await;
    fault(resource(&remote.visit(), &upstream.url(&format!("?ref={blob}"))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_fetched_once_and_a_branch_asked_for_once_per_job() {
    let upstream = Upstream::start().await;
    let first = upstream.commit("main", &[(FILE, "a.yaml", "kind: A\n")]).await;
    let (remote, _store) = remote(vec![upstream.host()]);
    let (job, branch) = (remote.visit(), upstream.url("?ref=main"));
    let before = resource(&job, &branch).await.unwrap();
    upstream.seen();
    let second = upstream.commit("main", &[(FILE, "a.yaml", "kind: B\n")]).await;
    assert_eq!(resource(&job, &branch).await.unwrap(), before, "within a job nothing moves");
    let folder = upstream.url("//folder?ref=main");
    assert_eq!(resource(&job, &folder).await.unwrap(), before, "nor between two folders of it");
    assert_eq!(upstream.seen().len(), 0);
    let after = resource(&remote.visit(), &branch).await.unwrap();
    assert_eq!((before.digest, after.digest), (format!("commit:{first}"), format!("commit:{second}")));
    upstream.seen();
    resource(&remote.visit(), &branch).await.unwrap();
    assert!(upstream.seen().iter().all(|(path, _)| !path.contains("upload-pack")
        || path.contains("info/refs")
        || path.ends_with("git-upload-pack")));
    *upstream.status.lock().unwrap() = Some(500);
    for commit in [first, second] {
        resource(&remote.visit(), &upstream.url(&format!("?ref={commit}"))).await.expect("it is pinned");
    }
    assert_eq!(upstream.seen().len(), 0);
    weather(resource(&remote.visit(), &branch).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_lies_in_a_repository_leads_out_of_it() {
    let upstream = Upstream::start().await;
    let link = "120000";
    let attributes = "*.yaml filter=evil ident export-ignore\n*.txt text eol=crlf\n";
    upstream
        .commit(
            "main",
            &[
                (FILE, ".gitattributes", attributes),
                (FILE, ".gitmodules", "[submodule \"m\"]\n\tpath = m\n\turl = http://127.0.0.1:1/x.git\n"),
                (FILE, "a.yaml", "$Id$\r\n"),
                (FILE, "empty", ""),
                (FILE, "deep/er/b.txt", "x\n"),
                ("160000", "m", "0123456789abcdef0123456789abcdef01234567"),
                (link, "good", "deep/er/b.txt"),
                (link, "deep/up", "../a.yaml"),
                (link, "folder", "deep"),
                (link, "out", "../../../../../../etc/passwd"),
                (link, "absolute", "/etc/passwd"),
                (link, "nowhere", "nothing"),
                (link, "circle", "circle"),
                (link, "deep/er/root", "../.."),
                (link, "sly", "deep/er/root/.."),
                (link, "through", "sly/etc"),
            ],
        )
        .await;
    let (remote, store) = remote(vec![upstream.host()]);
    let got = resource(&remote.visit(), &upstream.url("")).await.unwrap();
    let read = |path: &str| std::fs::read_to_string(got.place.join(path));
    assert_eq!(read("a.yaml").unwrap(), "$Id$\r\n", "no filter, no attribute");
    assert_eq!((read("empty").unwrap().as_str(), read("deep/er/b.txt").unwrap().as_str()), ("", "x\n"));
    assert_eq!((read("good").unwrap().as_str(), read("deep/up").unwrap().as_str()), ("x\n", "$Id$\r\n"));
    assert_eq!(read("folder/er/b.txt").unwrap(), "x\n");
    for left_out in ["out", "absolute", "nowhere", "circle", "sly", "through", "m", ".git"] {
        assert!(got.place.join(left_out).symlink_metadata().is_err(), "{left_out}");
    }
    assert_eq!(std::fs::read_dir(store.path().join("store/new")).unwrap().count(), 0);
    // Trees that no git would make: a name that is a path of git's own, and one beneath a link.
    let dir = upstream.dir();
    let blob = git(&dir, &["hash-object", "-w", "--stdin"], "x").await;
    for (name, inner) in [(".GIT", "100644"), ("..", "100644")] {
        let raw = hex::decode(&blob).unwrap();
        let mut tree = format!("{inner} {name}\0").into_bytes();
        tree.extend(raw);
        let file = upstream.root.path().join("tree");
        std::fs::write(&file, tree).unwrap();
        let made =
            git(&dir, &["hash-object", "-w", "-t", "tree", "--literally", file.to_str().unwrap()], "").await;
        let commit = git(&dir, &["commit-tree", &made, "-m", "x"], "").await;
        git(&dir, &["update-ref", "refs/heads/odd", &commit], "").await;
        let said = fault(resource(&remote.visit(), &upstream.url("?ref=odd")).await);
        assert!(said.message.contains("damaged"), "{name}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_asks_only_as_it_may() {
    let upstream = Upstream::start().await;
    upstream.commit("main", &[(FILE, "a.yaml", "kind: A\n")]).await;
    let ann = Host { credentials: Some(basic("ann", "hunter2")), ..upstream.host() };
    let (with, _store) = remote(vec![ann, Host { private: false, ..host("localhost", upstream.port) }]);
    resource(&with.visit(), &upstream.url("")).await.unwrap();
    let seen = upstream.seen();
    assert!(seen.len() >= 2 && seen.iter().all(|(_, proof)| proof.as_deref() == Some(ANN)), "{seen:?}");
    // The longer name, after a redirect that was not followed.
    let short = format!("git::http://127.0.0.1:{}/acme/base", upstream.port);
    resource(&with.visit(), &short).await.unwrap();
    assert!(upstream.seen()[0].0.starts_with("/acme/base/info/refs"));

    let said = fault(resource(&with.visit(), &upstream.url("").replace("127.0.0.1", "localhost")).await);
    assert!(said.message.contains("private network"), "{said}");
    let (none, _store) = remote(Vec::new());
    let said = fault(resource(&none.visit(), &upstream.url("")).await);
    assert!(said.message.contains("is not a host"), "{said}");
    assert_eq!(upstream.seen().len(), 0);
    let (named, _store) = remote(vec![host("localhost", upstream.port)]);
    resource(&named.visit(), &upstream.url("").replace("127.0.0.1", "localhost")).await.unwrap();
    upstream.seen();

    for (status, words) in [
        (301, "redirect"),
        (302, "redirect"),
        (307, "redirect"),
        (401, "does not let us"),
        (403, "does not let us"),
        (404, "there is no repository"),
    ] {
        *upstream.status.lock().unwrap() = Some(status);
        let said = fault(resource(&with.visit(), &upstream.url("")).await);
        assert!(said.message.contains(words), "{status}: {said}");
        assert!(upstream.seen().iter().all(|(path, _)| path.starts_with("/acme/base.git/")), "{status}");
    }
    for status in [500, 503] {
        *upstream.status.lock().unwrap() = Some(status);
        weather(resource(&with.visit(), &upstream.url("")).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_is_no_larger_than_it_may_be() {
    let upstream = Upstream::start().await;
    let (remote, _store) = remote_with(vec![upstream.host()], Limits { pack: 64 << 10, ..small() });
    // It packs to nothing, and unpacks to too much.
    upstream.commit("main", &[(FILE, "a.yaml", &"#".repeat(300 << 10))]).await;
    let said = fault(resource(&remote.visit(), &upstream.url("")).await);
    assert!(said.message.contains("is larger than"), "{said}");
    // It does not even pack.
    let mut word = 7_u64;
    let mut noise = String::new();
    for _ in 0..20_000 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push_str(&hex::encode((word >> 32).to_be_bytes()));
    }
    upstream.commit("noise", &[(FILE, "a.yaml", &noise)]).await;
    let said = fault(resource(&remote.visit(), &upstream.url("?ref=noise")).await);
    assert!(said.message.contains("is larger than"), "{said}");
    let names: Vec<String> = (0..60).map(|index| format!("{index}")).collect();
    let files: Vec<_> = names.iter().map(|name| (FILE, name.as_str(), "")).collect();
    upstream.commit("many", &files).await;
    let said = fault(resource(&remote.visit(), &upstream.url("?ref=many")).await);
    assert!(said.message.contains("is larger than"), "{said}");
    // Few files, many folders; and one that lies too deep.
    let names: Vec<String> = (0..9).map(|index| format!("{index}/a/b/c/d/e/f")).collect();
    let files: Vec<_> = names.iter().map(|name| (FILE, name.as_str(), "")).collect();
    upstream.commit("folders", &files).await;
    upstream.commit("deep", &[(FILE, &format!("{}f", "a/".repeat(64)), "")]).await;
    for branch in ["folders", "deep"] {
        let said = fault(resource(&remote.visit(), &upstream.url(&format!("?ref={branch}"))).await);
        assert!(said.message.contains("is larger than"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_is_broken_off_leaves_no_half_commit() {
    let upstream = Upstream::start().await;
    let names: Vec<String> = (0..20).map(|index| format!("{index}/a.yaml")).collect();
    let mut files: Vec<_> = names.iter().map(|name| (FILE, name.as_str(), "kind: A\n")).collect();
    files.push(("120000", "link", "0/a.yaml"));
    upstream.commit("main", &files).await;
    let (remote, store) = remote(vec![upstream.host()]);
    let (mut time, mut broken_off, url) = (std::time::Duration::from_millis(1), 0, upstream.url(""));
    let got = loop {
        match tokio::time::timeout(time, resource(&remote.visit(), &url)).await {
            Ok(got) => break got.unwrap(),
            Err(_) => broken_off += 1,
        }
        time += time / 8 + std::time::Duration::from_millis(1);
    };
    assert!(broken_off > 0);
    for name in names.iter().map(String::as_str).chain(["link"]) {
        assert_eq!(std::fs::read_to_string(got.place.join(name)).unwrap(), "kind: A\n", "{name}");
    }
    // What could not be broken off ends, and takes its folder along.
    let new = store.path().join("store/new");
    for _ in 0..500 {
        if std::fs::read_dir(&new).unwrap().count() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a scratch folder was left");
}
