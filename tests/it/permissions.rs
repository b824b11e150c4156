//! The manifest asks for the least: for each of its permissions, what people see without it; docs/permissions.md says
//! the same in words.

use std::time::Duration;

use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;

use crate::support::fixture::NAMES;
use crate::support::page;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::permissions;
use crate::support::world::previews;

const CHECK: &str = "tidegate/preview";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\ndata: {a: b}\n";
const FILES: [(&str, Option<&str>); 1] = [("apps/red.yaml", Some(OBJECT))];

/// A world whose installation was granted all that it may need but `name`, with `instead` at other levels, and a pull
/// request in it that everything was done about that could be done.
async fn without(name: &str, instead: &[(&str, &str)]) -> (World, Repository, Pull) {
    let world = World::with_branches().await;
    let (repository, installation) = world.repository("acme/shop", "plain", NAMES);
    let mut granted = permissions(&[("contents", "write")]);
    assert!(granted.remove(name).is_some(), "{name} is not asked for");
    granted.extend(instead.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())));
    installation.set_permissions(granted).unwrap();
    let pull = world.propose(&repository, "red", &FILES);
    world.settle().await;
    (world, repository, pull)
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

#[tokio::test]
async fn each_permission_of_the_manifest_is_missed_when_it_is_not_there() {
    let asked: Vec<String> = permissions(&[]).into_keys().collect();
    assert!(asked.len() > 3, "the manifest is not read: {asked:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md")).unwrap();
    for name in &asked {
        assert!(page.contains(&format!("| `{name}: ")), "docs/permissions.md does not explain {name}");
        match name.as_str() {
            // GitHub gives it to every App, asked for or not.
            "metadata" => {}
            "contents" => without_contents().await,
            "pull_requests" => without_pull_requests().await,
            "issues" => without_issues().await,
            "checks" => without_checks().await,
            "deployments" => without_deployments().await,
            "merge_queues" => without_merge_queues().await,
            other => panic!("the manifest asks for {other}, and nothing here shows what fails without it"),
        }
    }
}

async fn without_contents() {
    let (world, repository, pull) = without("contents", &[]).await;
    let head = pull.head_sha().unwrap();
    assert_eq!(conclusion(&repository, &head, CHECK), "failure");
    let said = page::checks(&repository, &head);
    assert!(said.contains("contents: read"), "{said}");
    lives(world).await;
}

async fn without_pull_requests() {
    let (world, repository, pull) = without("pull_requests", &[]).await;
    assert!(previews(&pull).is_empty());
    assert!(repository.check_runs(&pull.head_sha().unwrap()).is_empty());
    lives(world).await;
}

async fn without_issues() {
    let (world, repository, pull) = without("issues", &[]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    assert_eq!(previews(&pull).len(), 1, "{:#?}", pull.comments());
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(asked.reactions.is_empty() && answers.is_empty(), "commands are not heard: {answers:#?}");
    assert!(repository.deployments().is_empty());
    lives(world).await;
}

async fn without_checks() {
    let (world, repository, pull) = without("checks", &[]).await;
    let comments = pull.comments();
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].body.contains("checks: write"), "{}", comments[0].body);
    assert!(repository.check_runs(&pull.head_sha().unwrap()).is_empty());
    lives(world).await;
}

async fn without_deployments() {
    let (world, repository, pull) = without("deployments", &[]).await;
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(answered(&pull), "confused", "{:#?}", pull.comments());
    assert!(answers.iter().any(|answer| answer.contains("deployments: write")), "{answers:#?}");
    assert!(repository.head("rendered/staging").is_none(), "nothing is deployed unrecorded");
    lives(world).await;
}

async fn without_merge_queues() {
    let (world, repository, pull) = without("merge_queues", &[]).await;
    let group = repository.enqueue(&pull, "ann").unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, group.head_sha(), CHECK), "none");
    lives(world).await;
}

#[tokio::test]
async fn without_comments_the_check_says_what_to_grant() {
    let (world, repository, pull) = without("issues", &[("pull_requests", "read")]).await;
    let head = pull.head_sha().unwrap();
    let said = page::checks(&repository, &head);
    assert_eq!(conclusion(&repository, &head, CHECK), "failure");
    assert!(said.contains("issues: write"), "{said}");
    assert!(pull.comments().is_empty());
    lives(world).await;
}

#[tokio::test]
async fn without_the_opt_in_a_branch_target_is_not_written_and_the_answer_says_what_to_grant() {
    let (world, repository, pull) = without("contents", &[("contents", "read")]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(answered(&pull), "confused", "{:#?}", pull.comments());
    assert!(answers.iter().any(|answer| answer.contains("contents: write")), "{answers:#?}");
    assert!(repository.head("rendered/staging").is_none());
    lives(world).await;
}

#[tokio::test]
async fn a_merge_queue_is_answered_and_its_merge_deployed() {
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

/// The last reaction of ours to the last comment of a person.
fn answered(pull: &Pull) -> String {
    let comments = pull.comments();
    let last = comments.iter().rev().find(|comment| !comment.author.ends_with("[bot]")).unwrap();
    last.reactions.last().map(|(_, what)| what.clone()).unwrap_or_default()
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
