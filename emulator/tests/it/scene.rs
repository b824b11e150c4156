//! A small GitHub for each test, an app installed in it, its client, and where its webhooks go.

use crate::receiver::Receiver;
use github_emulator::App;
use github_emulator::AppOptions;
use github_emulator::Emulator;
use github_emulator::Installation;
use github_emulator::Options;
use github_emulator::Pull;
use github_emulator::Repository;
use github_emulator::Role;
use github_emulator::Visibility;
use github_emulator::contract::Contract;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;

pub(crate) const SECRET: &str = "It's a Secret to Everybody";

pub(crate) const PERMISSIONS: &[(&str, &str)] = &[
    ("metadata", "read"),
    ("contents", "write"),
    ("pull_requests", "write"),
    ("issues", "write"),
    ("checks", "write"),
    ("deployments", "write"),
    ("statuses", "write"),
    ("merge_queues", "read"),
    ("members", "read"),
    ("administration", "read"),
];

pub(crate) const EVENTS: &[&str] = &[
    "push",
    "pull_request",
    "pull_request_review",
    "issue_comment",
    "check_run",
    "check_suite",
    "deployment",
    "deployment_status",
    "merge_group",
    "repository",
];

/// The description is parsed once for all tests.
pub(crate) fn contract() -> Arc<Contract> {
    static LOADED: OnceLock<Arc<Contract>> = OnceLock::new();
    Arc::clone(LOADED.get_or_init(|| Arc::new(Contract::load().unwrap())))
}

pub(crate) fn start() -> Emulator {
    Emulator::start(Options { contract: Some(contract()), ..Options::default() }).unwrap()
}

pub(crate) fn permissions(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of an answer that must have this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// `team/shop` with `main`, a branch `change` and its pull request; the app installed; a receiver.
pub(crate) struct Scene {
    pub(crate) github: Emulator,
    pub(crate) app: App,
    pub(crate) repo: Repository,
    pub(crate) installation: Installation,
    pub(crate) receiver: Receiver,
    pub(crate) token: String,
    client: reqwest::Client,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        Scene::with(PERMISSIONS).await
    }

    pub(crate) async fn with(granted: &[(&str, &str)]) -> Scene {
        let github = start();
        let receiver = Receiver::start();
        let app = github
            .app(AppOptions {
                slug: "shipper".to_owned(),
                permissions: permissions(granted),
                events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
                webhook_url: Some(receiver.url.clone()),
                webhook_secret: SECRET.to_owned(),
            })
            .unwrap();
        github.organization("team");
        let repo = github.repository("team", "shop", Visibility::Private).unwrap();
        repo.collaborator("ada", Role::Write).unwrap();
        repo.commit("main", "Begin", "ada", &[("app.yaml", Some("replicas: 1\n"))]).unwrap();
        let installation = repo.install(&app).unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let token = installation.token().unwrap();
        github.hooks().settle().await;
        receiver.clear();
        Scene { github, app, repo, installation, receiver, token, client }
    }

    /// A pull request from `change` to `main` by ada.
    pub(crate) fn pull(&self) -> Pull {
        self.repo.commit("change", "Scale up", "ada", &[("app.yaml", Some("replicas: 3\n"))]).unwrap();
        self.repo.open_pull("ada", "Scale up", "change", "main").unwrap()
    }

    pub(crate) fn jwt(&self) -> String {
        let now = jiff::Timestamp::now().as_second();
        self.jwt_with(&json!({"iss": self.app.id.to_string(), "iat": now - 60, "exp": now + 500}))
    }

    pub(crate) fn jwt_with(&self, claims: &Value) -> String {
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(self.app.private_key_pem.as_bytes()).unwrap();
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    /// A request without any of the conveniences below.
    pub(crate) fn raw(&self, method: Method, path: &str, bearer: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.github.api_url()));
        match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Answer {
        let mut request = self.raw(method, path, Some(bearer));
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request.send().await.unwrap()).await
    }

    /// A request with the installation's token; the path is below `/repos/team/shop` unless it begins with `/`.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.send(method, &below(path), &self.token, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// A request with the app's JWT.
    pub(crate) async fn as_app(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.send(method, path, &self.jwt(), body).await
    }

    /// A request with any token.
    pub(crate) async fn with_token(&self, token: &str, path: &str) -> Answer {
        self.send(Method::GET, &below(path), token, None).await
    }

    /// The end of a test is itself a check.
    pub(crate) async fn clean(&self) {
        self.github.hooks().settle().await;
        assert_eq!(self.github.violations(), [], "the contract was broken");
        assert_eq!(self.github.unknown_requests(), Vec::<String>::new());
        assert!(self.github.exchanges() > 0, "nothing was held to the contract");
    }
}

pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status, headers, body }
}

fn below(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/repos/team/shop/{path}") }
}
