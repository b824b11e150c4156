//! `tidegate serve` as a child process, with its files in a folder of its own.

use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ExitStatus;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::tidegate;

/// How long the server may take from its start until it takes webhooks.
const START: Duration = Duration::from_secs(20);

/// The server: running, or stopped between two runs on the same files and the same port.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    client: reqwest::Client,
}

impl Server {
    /// Files in a new folder and a port that is free; nothing runs yet.
    pub(crate) fn new() -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let folder = TempDir::with_prefix("tidegate-it-").unwrap();
        Self { folder, port: free(), child: None, client }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that nobody else may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        use std::io::Write as _;
        let path = self.folder().join(name);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }

    /// Sets the operator's file; JSON is YAML.
    pub(crate) fn configure(&self, config: &Value) {
        self.file("server.yaml", &format!("{config:#}\n"));
    }

    /// Starts it and waits until it takes webhooks.
    pub(crate) async fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let child = tidegate()
            .args(["serve", "--config", "server.yaml"])
            .current_dir(self.folder())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let started = Instant::now();
        while self.get("/readyz").await.is_none_or(|(status, _)| status != 200) {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the server ended with {}:\n{}", ended.unwrap(), self.log());
            assert!(started.elapsed() < START, "not ready after {START:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The status and text of a GET; none if nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(format!("{}{path}", self.url())).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Posts bytes with these headers to the webhooks' address.
    pub(crate) async fn post(
        &self,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> (u16, String) {
        let mut request = self.client.post(format!("{}/github/webhook", self.url())).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer, whatever was sent");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// How many jobs there are in these states together, at one moment, as `/metrics` says.
    pub(crate) async fn jobs(&self, states: &[&str]) -> u64 {
        let (status, text) =
            self.get("/metrics").await.unwrap_or_else(|| panic!("nobody answers:\n{}", self.log()));
        assert_eq!(status, 200, "{text}");
        let count = |state: &&str| -> u64 {
            let name = format!("tidegate_jobs{{state=\"{state}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.unwrap_or_else(|| panic!("no {name}in {text}")).parse().unwrap()
        };
        states.iter().map(count).sum()
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// Whether the process lives.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Kills it as a power cut would: nothing is handed back.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("a running server");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end and waits at most `limit`.
    pub(crate) async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("a running server");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if started.elapsed() > limit {
                child.kill().unwrap();
                panic!("alive {limit:?} after SIGTERM:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    /// All that it said so far, over all its runs.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default();
            println!("--- the end of the server's log\n{}", last.join("\n"));
        }
    }
}

/// A port below those that the system gives out by itself, so that a server can be started on it again.
fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    loop {
        let port = 10_000 + (first - 10_000 + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
