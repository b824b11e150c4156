//! The adapter against an emulated GitHub, which holds every request to GitHub's published description.

mod comments;
mod gates;
mod reads;
mod shown;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use github_emulator::contract::Contract;
use github_emulator::{AppOptions, Emulator, Installation, Options, Pull, Repository, Role, Visibility};
use secrecy::SecretString;

use super::{App, GitHub};
use crate::model::check::Comment;
use crate::model::id::{InstallationId, PullNumber, Repo, RepoId};

static CONTRACT: LazyLock<Arc<Contract>> = LazyLock::new(|| Arc::new(Contract::load().unwrap()));

/// A GitHub with our App, installed on acme/shop, where alice opened a pull request.
struct World {
    emulator: Emulator,
    app: github_emulator::App,
    installation: Installation,
    shop: Repository,
    pull: Pull,
    github: GitHub,
    repo: Repo,
    number: PullNumber,
}

/// The minimal manifest, and more on demand.
fn permissions(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let minimal = [
        ("metadata", "read"),
        ("contents", "read"),
        ("pull_requests", "write"),
        ("issues", "write"),
        ("checks", "write"),
        ("deployments", "write"),
        ("merge_queues", "read"),
    ];
    minimal.iter().chain(more).map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

fn world() -> World {
    let options = Options { contract: Some(Arc::clone(&CONTRACT)), ..Options::default() };
    let emulator = Emulator::start(options).unwrap();
    emulator.organization("acme");
    let options =
        AppOptions { slug: "tidegate".into(), permissions: permissions(&[]), ..AppOptions::default() };
    let app = emulator.app(options).unwrap();
    let shop = emulator.repository("acme", "shop", Visibility::Private).unwrap();
    shop.collaborator("alice", Role::Write).unwrap();
    shop.commit("main", "Begin", "alice", &[("a.yaml", Some("a: 1\n"))]).unwrap();
    let installation = shop.install(&app).unwrap();
    shop.commit("topic", "Change", "alice", &[("a.yaml", Some("a: 2\n"))]).unwrap();
    let pull = shop.open_pull("alice", "Change a", "topic", "main").unwrap();
    let key = SecretString::from(app.private_key_pem.clone());
    let github = GitHub::connect(&App { id: app.id, key }, &emulator.api_url()).unwrap();
    let repo = Repo {
        installation: InstallationId(installation.id),
        id: RepoId(shop.id),
        name: "acme/shop".parse().unwrap(),
    };
    let number = PullNumber(pull.number);
    World { emulator, app, installation, shop, pull, github, repo, number }
}

impl World {
    /// How many requests of this method went to a path that ends so, its query aside.
    fn asked(&self, method: &str, end: &str) -> usize {
        let fits = |path: &str| path.split('?').next().unwrap_or_default().ends_with(end);
        self.emulator.requests().iter().filter(|one| one.method == method && fits(&one.path)).count()
    }

    /// The end of every test: nothing was asked that GitHub does not describe, and the checker was awake.
    fn end(&self) {
        assert_eq!(self.emulator.unknown_requests(), Vec::<String>::new());
        let violations = self.emulator.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        assert!(self.emulator.exchanges() > 0);
    }
}

fn preview(text: &str) -> Comment {
    let marker = crate::model::check::PREVIEW.to_owned();
    Comment { body: format!("{marker}\n{text}"), marker }
}

/// Jobs run as tasks, so every call must be able to move between threads.
#[test]
fn every_call_can_run_in_a_task() {
    fn check<T: Send>(_: impl Fn(GitHub, Repo) -> T) {}
    check(|github, repo| async move { github.say(&repo, PullNumber(1), &preview("x")).await });
    check(|github, repo| async move { github.token(&repo).await });
    check(|github, repo| async move { github.pull(&repo, PullNumber(1)).await });
}
