//! The main job on the branch target: Tidegate where no cluster is, for Argo CD or Flux to take further.

use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;
use serde_json::Value;
use serde_json::json;

use crate::support::fixture::NAMES;
use crate::support::page;
use crate::support::page::stable;
use crate::support::program::run;
use crate::support::program::tidegate;
use crate::support::world::World;
use crate::support::world::branch_target;
use crate::support::world::conclusion;
use crate::support::world::previews;

/// The preview's check.
const CHECK: &str = "tidegate/preview";

fn web(image: &str) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/shop/apps/web/deployment.yaml");
    std::fs::read_to_string(file).unwrap().replace("web:1.0", image)
}

/// A world whose repository `acme/shop` holds the fixture `shop`.
async fn shop() -> (World, Repository) {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "shop", NAMES);
    (world, repository)
}

async fn image(world: &World, repository: &Repository, image: &str) -> Pull {
    world.previewed(repository, "image", &[("apps/web/deployment.yaml", Some(&web(image)))]).await
}

/// What `tidegate render` prints at a commit.
fn rendered(repository: &Repository, environment: &str, rev: &str) -> Vec<Value> {
    let git = repository.git_dir();
    let ran = run(tidegate().current_dir(&git).args(["render", environment, "--rev", rev])).ended(0);
    serde_saphyr::from_multiple(&ran.out).unwrap()
}

/// The objects that lie in an environment's branch, in the order of `tidegate render`'s.
fn lies(repository: &Repository, environment: &str, of: &[Value]) -> Vec<Value> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let read = |object: &Value| {
        let version = text(&object["apiVersion"]);
        let group = version.split_once('/').map_or("core", |(group, _)| group);
        let kind = format!("{}.{group}", text(&object["kind"]).to_lowercase());
        let path = format!(
            "{}/{kind}/{}.yaml",
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"])
        );
        let file = repository.file(&format!("rendered/{environment}"), &path);
        let file = file.unwrap_or_else(|| panic!("{path} is not in the branch"));
        serde_saphyr::from_slice(&file).unwrap()
    };
    of.iter().map(read).collect()
}

fn message(repository: &Repository, rev: &str) -> String {
    let mut git = crate::support::program::command("git");
    run(git.current_dir(repository.git_dir()).args(["log", "-1", "--format=%B", rev])).ended(0).out
}

fn commits(repository: &Repository, rev: &str) -> String {
    let mut git = crate::support::program::command("git");
    run(git.current_dir(repository.git_dir()).args(["rev-list", "--count", rev]))
        .ended(0)
        .out
        .trim()
        .to_owned()
}

#[tokio::test]
async fn a_pull_request_is_previewed_in_one_comment_and_a_check() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    insta::assert_snapshot!(stable(&page::conversation(&repository, &pull), &[]));
    assert_eq!(repository.branches(), ["image", "main"], "a preview writes nothing to a target");
    world.finish().await;
}

#[tokio::test]
async fn a_second_push_edits_the_same_comment() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let first = previews(&pull).remove(0);
    let old = pull.head_sha().unwrap();

    pull.push("ann", &[("apps/web/deployment.yaml", Some(&web("web:1.2")))]).unwrap();
    world.settle().await;

    let now = previews(&pull);
    assert_eq!(now.len(), 1, "{now:#?}");
    assert_eq!(now[0].id, first.id);
    let head = pull.head_sha().unwrap();
    assert!(now[0].body.contains(&format!("preview of {}", &head[..7])), "{}", now[0].body);
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    assert_eq!(repository.check_runs(&pull.head_sha().unwrap()).len(), 1);
    assert_ne!(conclusion(&repository, &old, CHECK), "none", "no check is left pending");
    world.finish().await;
}

#[tokio::test]
async fn deploy_by_a_writer_renders_into_the_branch_and_ends_a_deployment_as_success() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;

    let reactions: Vec<_> = asked.reactions.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(reactions, ["rocket"], "{answers:#?}");
    let wanted = rendered(&repository, "staging", "image");
    assert_eq!(lies(&repository, "staging", &wanted), wanted);
    assert_eq!(commits(&repository, "rendered/staging"), "1");
    insta::assert_snapshot!(stable(
        &format!(
            "{}\n{}\n{}",
            page::conversation(&repository, &pull),
            page::deployments(&repository),
            message(&repository, "rendered/staging")
        ),
        &[]
    ));
    assert!(
        !repository.branches().contains(&"rendered/production".to_owned()),
        "{:?}",
        repository.branches()
    );
    world.finish().await;
}

#[tokio::test]
async fn a_branch_that_a_pull_request_goes_into_is_not_rendered_into() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(commits(&repository, "rendered/staging"), "1");
    repository.commit("patch", "By hand", "bob", &[("note", Some("x"))]).unwrap();
    let onto = repository.open_pull("bob", "By hand", "patch", "rendered/staging").unwrap();
    world.settle().await;

    let newer = image_again(&world, &repository).await;
    let (asked, answers) = world.says(&newer, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"), "{answers:?}");
    assert_eq!(commits(&repository, "rendered/staging"), "1");
    let comment = previews(&newer).remove(0).body;
    assert!(comment.contains("cannot be written to rendered/staging"), "{comment}");
    onto.close("bob").unwrap();
    world.settle().await;
    // The preview is made again by itself: the hindrance may go.
    world.finish_waiting().await;
}

/// A further pull request.
async fn image_again(world: &World, repository: &Repository) -> Pull {
    world.previewed(repository, "again", &[("apps/web/deployment.yaml", Some(&web("web:1.2")))]).await
}

#[tokio::test]
async fn deploy_by_a_reader_is_refused_with_the_reason() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let (asked, answers) = world.says(&pull, "rita", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    insta::assert_snapshot!(stable(&answers.join("\n"), &[]));
    assert_eq!(repository.branches(), ["image", "main"]);
    assert!(repository.deployments().is_empty(), "{:#?}", repository.deployments());
    world.finish().await;
}

#[tokio::test]
async fn a_merge_deploys_production() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let tip = pull.merge("ann", MergeMethod::Merge).unwrap();
    world.settle().await;

    let wanted = rendered(&repository, "production", &tip);
    assert_eq!(lies(&repository, "production", &wanted), wanted);
    assert!(!repository.branches().contains(&"rendered/staging".to_owned()), "staging waits for a command");
    let deployed = repository.deployments();
    assert_eq!(deployed.len(), 1, "{deployed:#?}");
    assert_eq!((deployed[0].environment.as_str(), deployed[0].sha.as_str()), ("production", tip.as_str()));
    assert_eq!(deployed[0].statuses.last().unwrap().state, "success");
    let message = message(&repository, "rendered/production");
    for trailer in
        [format!("Tidegate-Pull-Request: acme/shop#{}", pull.number), format!("Tidegate-Source: {tip}")]
    {
        assert!(message.contains(&trailer), "{trailer} is not in {message}");
    }
    world.finish().await;
}

#[tokio::test]
async fn each_way_to_merge_deploys_what_was_shown() {
    let (world, repository) = shop().await;
    for (number, method) in
        [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase].into_iter().enumerate()
    {
        let text = web(&format!("web:2.{number}"));
        let branch = format!("change-{number}");
        let pull = world.previewed(&repository, &branch, &[("apps/web/deployment.yaml", Some(&text))]).await;
        let tip = pull.merge("ann", method).unwrap();
        world.settle().await;
        let wanted = rendered(&repository, "production", &tip);
        assert_eq!(lies(&repository, "production", &wanted), wanted);
    }
    assert_eq!(commits(&repository, "rendered/production"), "3", "one commit per deployment");
    world.finish().await;
}

#[tokio::test]
async fn what_a_pull_request_removes_is_pruned_and_said_before() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    pull.merge("ann", MergeMethod::Merge).unwrap();
    world.settle().await;
    let service = "shop-production/service.core/web.yaml";
    assert!(repository.file("rendered/production", service).is_some());

    let pull = world.previewed(&repository, "less", &[("apps/web/service.yaml", None)]).await;
    assert!(previews(&pull)[0].body.contains("<b>delete</b> Service"), "{}", previews(&pull)[0].body);
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert!(repository.file("rendered/production", service).is_none());
    world.finish().await;
}

#[tokio::test]
async fn a_command_for_a_head_that_moved_is_refused() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let old = pull.head_sha().unwrap();
    pull.push("ann", &[("apps/web/deployment.yaml", Some(&web("web:6.6")))]).unwrap();
    let (_, answers) = world.says(&pull, "bob", &format!("/deploy staging {}", &old[..7])).await;
    assert!(answers.join("\n").contains(&old[..7]), "{answers:#?}");
    assert!(repository.deployments().iter().all(|one| one.statuses.last().unwrap().state != "success"));
    assert!(!repository.branches().contains(&"rendered/staging".to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn what_another_pull_request_merged_meanwhile_stops_a_command_and_shows_the_new_preview() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n";
    repository.commit("main", "By hand", "ann", &[("apps/web/other.yaml", Some(other))]).unwrap();
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(!repository.branches().contains(&"rendered/staging".to_owned()), "{answers:#?}");
    assert!(answers.join("\n").contains("base"), "it says which of the five moved: {answers:#?}");
    assert!(previews(&pull)[0].body.contains("| **staging** | 6 |"), "{}", previews(&pull)[0].body);

    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("rocket"), "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn status_and_help_are_answered_to_anyone() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let (asked, answers) = world.says(&pull, "rita", "/status\n/help").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("rocket"));
    insta::assert_snapshot!(stable(&answers.join("\n"), &[]));
    world.finish().await;
}

#[tokio::test]
async fn an_unknown_command_is_answered_with_the_nearest() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    let (_, answers) = world.says(&pull, "bob", "/deplyo staging").await;
    assert!(answers.join("\n").contains("/deploy"), "{answers:#?}");
    assert!(repository.deployments().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn closing_what_was_deployed_unmerged_restores_the_tracked_branch() {
    let (world, repository) = shop().await;
    let pull = image(&world, &repository, "web:1.1").await;
    world.says(&pull, "bob", "/deploy staging").await;
    pull.close("ann").unwrap();
    world.settle().await;
    let wanted = rendered(&repository, "staging", "main");
    assert_eq!(lies(&repository, "staging", &wanted), wanted);
    world.finish().await;
}

#[tokio::test]
async fn a_branch_whose_own_config_tracks_itself_deploys_nothing_and_says_why() {
    let (world, repository) = shop().await;
    let evil = "version: 1\nbranch: evil\nenvironments:\n  production:\n    sources: [{path: apps/web}]\n    deploy: {when: merge}\n";
    repository.commit("evil", "Take over", "bob", &[(".tidegate.yaml", Some(evil))]).unwrap();
    world.settle().await;
    assert_eq!(
        repository.branches(),
        ["evil", "main"],
        "a push to a branch that nobody tracks deploys nothing"
    );
    assert!(repository.deployments().is_empty());

    let change = [("apps/web/service.yaml", None)];
    repository.commit("step", "Take over", "bob", &[(".tidegate.yaml", Some(evil))]).unwrap();
    repository.commit("step", "Take over", "bob", &change).unwrap();
    let pull = repository.open_pull("bob", "Take over", "step", "evil").unwrap();
    world.settle().await;
    let (asked, answers) = world.says(&pull, "bob", "/deploy production").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    insta::assert_snapshot!(stable(&answers.join("\n"), &[]));
    pull.merge("bob", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(repository.branches(), ["evil", "main", "step"]);
    assert!(repository.deployments().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn an_environment_that_tracks_a_branch_outside_the_floor_deploys_nothing_and_says_why() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let file = "version: 1\nenvironments:\n  staging:\n    sources: [{path: apps}]\n    branch: feature\n    deploy: {when: merge}\n";
    repository.commit("main", "Track a branch", "ann", &[(".tidegate.yaml", Some(file))]).unwrap();
    repository
        .commit(
            "feature",
            "Push",
            "bob",
            &[("apps/extra.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"))],
        )
        .unwrap();
    world.settle().await;
    assert!(!repository.branches().contains(&"rendered/staging".to_owned()), "{:?}", repository.branches());
    let tip = repository.head("feature").unwrap();
    let said = page::checks(&repository, &tip);
    assert!(said.contains("takes content of main only, not of feature"), "{said}");
    world.finish().await;
}

#[tokio::test]
async fn a_pull_request_that_changes_its_own_target_gets_the_one_in_force() {
    let targets = json!({
        "staging": branch_target("acme/shop"),
        "production": branch_target("acme/shop"),
        "vault": {"branch": {"name": "vault"}, "repositories": ["acme/shop"]},
    });
    let world = World::start(&targets, &[("contents", "write")]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let file = "version: 1\nenvironments:\n  staging:\n    sources: [{path: apps}]\n    target: vault\n    deploy: {when: comment, before_merge: any-time}\n";
    let pull = world.previewed(&repository, "evil", &[(".tidegate.yaml", Some(file))]).await;
    world.says(&pull, "bob", "/deploy staging").await;
    assert!(!repository.branches().contains(&"vault".to_owned()), "{:?}", repository.branches());
    world.finish().await;
}

#[tokio::test]
async fn a_pull_request_that_changes_its_own_rights_does_not_get_them() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let strict = "version: 1\nenvironments:\n  staging:\n    sources: [{path: apps}]\n    deploy: {when: comment, before_merge: any-time, allow: {permission: maintain}}\n";
    repository.commit("main", "Only maintainers", "ann", &[(".tidegate.yaml", Some(strict))]).unwrap();
    let loose = strict.replace("maintain", "write");
    let pull = world.previewed(&repository, "evil", &[(".tidegate.yaml", Some(&loose))]).await;
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    let answer = answers.join("\n");
    assert!(answer.contains("bob has write here, and this needs maintain"), "{answer}");
    assert!(answer.contains(".tidegate.yaml:3"), "it names the line: {answer}");
    assert!(!repository.branches().contains(&"rendered/staging".to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn an_object_outside_the_floors_namespaces_deploys_nothing_and_says_why() {
    let mut target = branch_target("acme/shop");
    target["floor"] = json!({"namespaces": ["shop-*"], "cluster_objects": "deny"});
    let world =
        World::start(&json!({"staging": target, "production": target}), &[("contents", "write")]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let evil = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: evil, namespace: kube-system}\n";
    let pull = world.previewed(&repository, "evil", &[("apps/evil.yaml", Some(evil))]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    insta::assert_snapshot!(stable(&page::conversation(&repository, &pull), &[]));
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(answers.join("\n").contains("kube-system"), "{answers:#?}");
    pull.merge("ann", MergeMethod::Merge).unwrap();
    world.settle().await;
    assert!(
        repository.branches().iter().all(|branch| !branch.starts_with("rendered/")),
        "{:?}",
        repository.branches()
    );
    world.finish().await;
}

#[tokio::test]
async fn a_repository_that_the_target_does_not_list_gets_a_failed_check_and_nothing_else() {
    let (world, _) = shop().await;
    let (stranger, _) = world.repository("acme/other", "plain", NAMES);
    let change = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {colour: red}\n";
    let pull = world.previewed(&stranger, "red", &[("apps/web.yaml", Some(change))]).await;
    assert_eq!(conclusion(&stranger, &pull.head_sha().unwrap(), CHECK), "failure");
    let said = page::conversation(&stranger, &pull);
    assert!(said.contains("this repository may not use target"), "{said}");
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"), "{answers:#?}");
    pull.merge("ann", MergeMethod::Merge).unwrap();
    world.settle().await;
    assert_eq!(stranger.branches(), ["main", "red"]);
    world.finish().await;
}
