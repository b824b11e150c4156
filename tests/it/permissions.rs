//! The manifest asks for the least: for each of its permissions, what fails without it.

use std::collections::BTreeSet;
use std::time::Duration;

use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;

use crate::support::fixture::NAMES;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::permissions;
use crate::support::world::previews;

const CHECK: &str = "tidegate/preview";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\ndata: {a: b}\n";
const FILES: [(&str, Option<&str>); 1] = [("apps/red.yaml", Some(OBJECT))];

/// The permissions that have a test below; `metadata` cannot be refused to an App.
const SHOWN: [&str; 7] =
    ["metadata", "contents", "pull_requests", "issues", "checks", "deployments", "merge_queues"];

/// A world whose installation was granted everything but `name`, or that at another level.
async fn without(name: &str, level: Option<&str>) -> (World, Repository) {
    let world = World::with_branches().await;
    let (repository, installation) = world.repository("acme/shop", "plain", NAMES);
    let mut granted = permissions(&[("contents", "write")]);
    granted.remove(name);
    granted.extend(level.map(|level| (name.to_owned(), level.to_owned())));
    installation.set_permissions(granted).unwrap();
    world.settle().await;
    (world, repository)
}

/// The server lives, answers, and broke no rule of GitHub's; that it was refused is the point.
async fn lives(world: World) {
    world.settle().await;
    assert_eq!(world.server.get("/healthz").await.map(|(status, _)| status), Some(200));
    let violations = world.hub.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    let mut server = world.server;
    assert_eq!(server.terminate(Duration::from_secs(15)).await.code(), Some(0));
}

#[test]
fn each_permission_of_the_manifest_has_a_test() {
    let asked: BTreeSet<String> = permissions(&[]).into_keys().collect();
    let shown: BTreeSet<String> = SHOWN.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(asked, shown);
}

/// The last reaction of ours to the last comment of a person.
fn answered(pull: &Pull) -> String {
    let comments = pull.comments();
    let last = comments.iter().rev().find(|comment| !comment.author.ends_with("[bot]")).unwrap();
    last.reactions.last().map(|(_, what)| what.clone()).unwrap_or_default()
}

#[tokio::test]
async fn without_pull_requests_no_pull_request_is_heard_of() {
    let (world, repository) = without("pull_requests", None).await;
    let pull = world.propose(&repository, "red", &FILES);
    world.settle().await;
    assert!(previews(&pull).is_empty());
    assert!(repository.check_runs(&pull.head_sha().unwrap()).is_empty());
    lives(world).await;
}

#[tokio::test]
async fn without_merge_queues_a_queue_is_not_heard_of_and_with_it_it_is_answered() {
    let (world, repository) = without("merge_queues", None).await;
    let pull = world.previewed(&repository, "red", &FILES).await;
    let group = repository.enqueue(&pull, "ann").unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, group.head_sha(), CHECK), "none");
    lives(world).await;

    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &FILES).await;
    let group = repository.enqueue(&pull, "ann").unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, group.head_sha(), CHECK), "success");
    group.finish("merged").unwrap();
    world.settle().await;
    assert!(repository.head("rendered/production").is_some());
    world.finish().await;
}

#[tokio::test]
async fn with_the_manifests_permissions_alone_all_but_branch_targets_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let target = serde_json::json!({"directory": {"path": folder.path()}, "repositories": ["acme/shop"]});
    let world = World::start(&serde_json::json!({"staging": target, "production": target}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &FILES).await;
    world.says(&pull, "bob", "/deploy staging\n/status").await;
    assert_eq!(answered(&pull), "rocket", "{:#?}", pull.comments());
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(repository.deployments().len(), 2);
    let refused: Vec<_> = world.hub.requests().into_iter().filter(|one| one.status == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    world.finish().await;
}
