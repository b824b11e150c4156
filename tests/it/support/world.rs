//! The world around one server: an emulated GitHub with people and repositories, and the server that it talks to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use github_emulator::App;
use github_emulator::AppOptions;
use github_emulator::Comment;
use github_emulator::Emulator;
use github_emulator::Installation;
use github_emulator::Options;
use github_emulator::Pull;
use github_emulator::Repository;
use github_emulator::Role;
use github_emulator::Visibility;
use github_emulator::contract::Contract;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::support::fixture;
use crate::support::server::Server;

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// The longest that everything may take to come to rest.
const REST: Duration = Duration::from_secs(90);

/// The preview's comment begins with it.
pub(crate) const PREVIEW: &str = "<!-- tidegate:preview";

/// GitHub, its App, and the server.
pub(crate) struct World {
    /// The emulated GitHub.
    pub(crate) hub: Emulator,
    /// The App as it is registered there.
    pub(crate) app: App,
    /// The program under test.
    pub(crate) server: Server,
}

/// The manifest as the project ships it.
pub(crate) fn manifest() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("app-manifest.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The manifest's permissions with one more, such as an opt-in, or another level.
pub(crate) fn permissions(with: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all = AppOptions::from_manifest(&manifest(), SECRET).permissions;
    all.extend(with.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())));
    all
}

/// A target of the kind `branch`, named `NAME`, for one repository.
pub(crate) fn branch_target(repository: &str) -> Value {
    json!({"branch": {"name": "rendered/{environment}"}, "repositories": [repository]})
}

impl World {
    /// An App with the manifest's permissions and `contents: write`, and the targets `staging` and `production` as
    /// branches of `acme/shop`.
    pub(crate) async fn with_branches() -> Self {
        let targets =
            json!({"staging": branch_target("acme/shop"), "production": branch_target("acme/shop")});
        Self::start(&targets, &[("contents", "write")]).await
    }

    /// GitHub with an App of the manifest's permissions and `extra`, and a server with these targets.
    pub(crate) async fn start(targets: &Value, extra: &[(&str, &str)]) -> Self {
        Self::configured(&json!({"targets": targets}), extra).await
    }

    /// The same with further keys of the operator's file.
    pub(crate) async fn configured(config: &Value, extra: &[(&str, &str)]) -> Self {
        static CONTRACT: OnceLock<Arc<Contract>> = OnceLock::new();
        // All tests share one cluster, as all repositories share one GitHub: no two of them may have the same id.
        static WORLDS: AtomicU64 = AtomicU64::new(1);
        let contract = Arc::clone(CONTRACT.get_or_init(|| Arc::new(Contract::load().unwrap())));
        let ids_after = WORLDS.fetch_add(1, Ordering::Relaxed) * 10_000;
        let options = Options { contract: Some(contract), ids_after, ..Options::default() };
        let hub = Emulator::start(options).unwrap();
        let server = Server::new();
        let options = AppOptions::from_manifest(&manifest(), SECRET);
        let webhook_url = Some(format!("{}/github/webhook", server.url()));
        let app = hub.app(AppOptions { permissions: permissions(extra), webhook_url, ..options }).unwrap();
        let mut world = Self { hub, app, server };
        world.configure(config);
        world.server.start().await;
        world
    }

    /// Writes the operator's file: what every server here needs, and `more` keys over it.
    pub(crate) fn configure(&self, more: &Value) {
        let server = &self.server;
        let mut config = json!({
            "listen": server.url().trim_start_matches("http://"),
            "url": server.url(),
            "database": format!("sqlite://{}", server.folder().join("tidegate.db").display()),
            "github": {
                "app_id": self.app.id,
                "private_key_file": server.file("key.pem", &self.app.private_key_pem),
                "webhook_secret_file": server.file("secret", SECRET),
                "api": self.hub.api_url(),
            },
        });
        let more = more.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(more);
        server.configure(&config);
    }

    /// A private repository with a fixture on `main` and the App installed. Ann maintains it, Bob may write, Rita read.
    pub(crate) fn repository(
        &self,
        name: &str,
        from: &str,
        replace: &[(&str, &str)],
    ) -> (Repository, Installation) {
        let (owner, name) = name.split_once('/').unwrap();
        let repository = self.hub.repository(owner, name, Visibility::Private).unwrap();
        for (login, role) in [("ann", Role::Maintain), ("bob", Role::Write), ("rita", Role::Read)] {
            repository.collaborator(login, role).unwrap();
        }
        let files = fixture::files(from, replace);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        repository.commit("main", "Begin", "ann", &files).unwrap();
        let installation = repository.install(&self.app).unwrap();
        (repository, installation)
    }

    /// Ann commits files to a branch and opens a pull request from it into `main`.
    pub(crate) fn propose(
        &self,
        repository: &Repository,
        branch: &str,
        files: &[(&str, Option<&str>)],
    ) -> Pull {
        repository.commit(branch, "Change it", "ann", files).unwrap();
        repository.open_pull("ann", "Change it", branch, "main").unwrap()
    }

    /// The same, seen to its end: the preview stands.
    pub(crate) async fn previewed(
        &self,
        repository: &Repository,
        branch: &str,
        files: &[(&str, Option<&str>)],
    ) -> Pull {
        let pull = self.propose(repository, branch, files);
        self.settle().await;
        assert_eq!(previews(&pull).len(), 1, "{:#?}", pull.comments());
        pull
    }

    /// Somebody writes a comment in a later second than all that happened so far, and all that follows is waited for.
    /// Gives the comment as it is then, and what our App answered.
    pub(crate) async fn says(&self, pull: &Pull, login: &str, text: &str) -> (Comment, Vec<String>) {
        self.later().await;
        let before: Vec<u64> = pull.comments().iter().map(|comment| comment.id).collect();
        let id = pull.comment(login, text).unwrap();
        self.settle().await;
        let comments = pull.comments();
        let asked = comments.iter().find(|comment| comment.id == id).unwrap().clone();
        let new = comments.into_iter().filter(|comment| comment.id != id && !before.contains(&comment.id));
        (asked, new.map(|comment| comment.body).collect())
    }

    /// GitHub's times are whole seconds, and a command must be later than what it approves: waits for the next second.
    pub(crate) async fn later(&self) {
        #[expect(clippy::disallowed_methods, reason = "the test waits for the real clock")]
        let millis = Timestamp::now().subsec_nanosecond() / 1_000_000;
        tokio::time::sleep(Duration::from_millis(u64::try_from(1_020 - millis).unwrap())).await;
    }

    /// Waits until every webhook was delivered and no job is due or running, and this led to no further webhook.
    pub(crate) async fn settle(&self) {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < REST, "not at rest after {REST:?}: {}", self.metrics().await);
            self.hub.hooks().settle().await;
            let (before, requests) = (self.hub.hooks().deliveries().len(), self.hub.requests().len());
            if self.server.jobs(&["queued", "running"]).await > 0 {
                tokio::time::sleep(Duration::from_millis(15)).await;
                continue;
            }
            self.hub.hooks().settle().await;
            if (before, requests) == (self.hub.hooks().deliveries().len(), self.hub.requests().len()) {
                return;
            }
        }
    }

    async fn metrics(&self) -> String {
        self.server.get("/metrics").await.map(|(_, text)| text).unwrap_or_default()
    }

    /// Waits for what does not follow at once: a retry, a lease that runs out.
    pub(crate) async fn until(&self, what: &str, limit: Duration, is_so: impl AsyncFn() -> bool) {
        let started = Instant::now();
        while !is_so().await {
            assert!(started.elapsed() < limit, "not after {limit:?}: {what}; {}", self.metrics().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills the server as a power cut would and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        self.server.kill();
        self.server.start().await;
    }

    /// The end of a test that gives the server no reason to speak with GitHub.
    pub(crate) async fn server_only(mut self) {
        self.settle().await;
        assert_eq!(self.server.jobs(&["buried", "waiting"]).await, 0, "{}", self.server.log());
        assert_eq!(
            self.server.terminate(Duration::from_secs(15)).await.code(),
            Some(0),
            "{}",
            self.server.log()
        );
    }

    /// The end of every test is itself a check: all is at rest, nothing is buried, GitHub was spoken to and no
    /// request broke its contract, and the server ends in order.
    pub(crate) async fn finish(self) {
        self.settle().await;
        assert_eq!(self.server.jobs(&["waiting"]).await, 0, "a job waits for a later time");
        self.finish_waiting().await;
    }

    /// The same where a job may wait for a later time, such as for a cluster that is away.
    pub(crate) async fn finish_waiting(mut self) {
        self.settle().await;
        assert_eq!(self.server.jobs(&["buried"]).await, 0, "a job is buried");
        let violations = self.hub.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        assert_eq!(self.hub.unknown_requests(), Vec::<String>::new());
        assert!(self.hub.exchanges() > 0, "nobody spoke with GitHub");
        assert_eq!(
            self.hub.unspent_faults(),
            Vec::<String>::new(),
            "a fault that never struck tested nothing"
        );
        let status = self.server.terminate(Duration::from_secs(15)).await;
        assert_eq!(status.code(), Some(0), "{}", self.server.log());
    }
}

/// The preview comments of a pull request; there should be one.
pub(crate) fn previews(pull: &Pull) -> Vec<Comment> {
    pull.comments().into_iter().filter(|comment| comment.body.contains(PREVIEW)).collect()
}

/// The conclusion of the newest run of a check on a commit; `none` while it is not completed or where there is no run.
pub(crate) fn conclusion(repository: &Repository, sha: &str, check: &str) -> String {
    let runs = repository.check_runs(sha);
    let newest = runs.iter().rev().find(|run| run.name == check);
    newest.and_then(|run| run.conclusion.clone()).unwrap_or_else(|| "none".to_owned())
}
