//! Bad input: each has an answer that a person can act on, and no check is left hanging.

use std::time::Duration;

use github_emulator::MergeMethod;
use serde_json::json;

use crate::support::fixture::NAMES;
use crate::support::page;
use crate::support::page::stable;
use crate::support::world::World;
use crate::support::world::branch_target;
use crate::support::world::conclusion;
use crate::support::world::previews;

const CHECK: &str = "tidegate/preview";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\ndata: {a: b}\n";

#[tokio::test]
async fn a_broken_config_is_a_failed_check_with_annotations_on_the_lines() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let broken =
        "version: 1\nenvironments:\n  staging:\n    sorces: [{path: apps}]\n    deploy: {when: sometimes}\n";
    let pull = world.previewed(&repository, "broken", &[(".tidegate.yaml", Some(broken))]).await;
    insta::assert_snapshot!(stable(&page::conversation(&repository, &pull), &[]));
    let (asked, _) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    world.finish().await;
}

#[tokio::test]
async fn a_config_that_is_broken_on_the_default_branch_is_said_where_it_is_needed() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    repository.commit("main", "Break it", "ann", &[(".tidegate.yaml", Some("version: [\n"))]).unwrap();
    let pull = world.propose(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]);
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    let said = page::conversation(&repository, &pull);
    assert!(said.contains("on main") && said.contains(".tidegate.yaml:1"), "{said}");
    assert!(repository.deployments().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn an_app_that_does_not_render_is_a_failed_check_and_the_others_are_shown() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "shop", NAMES);
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.nothing.here }}\n";
    let gone = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [gone.yaml]\n";
    let files = [
        ("charts/worker/templates/worker.yaml", Some(broken)),
        ("apps/api/overlays/staging/kustomization.yaml", Some(gone)),
    ];
    let pull = world.previewed(&repository, "broken", &files).await;
    let said = page::conversation(&repository, &pull);
    assert!(!said.contains("/tmp/"), "a path of ours: {said}");
    insta::assert_snapshot!(stable(&said, &[]));
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(repository.branches(), ["broken", "main"], "nothing is deployed by halves");
    world.finish().await;
}

#[tokio::test]
async fn a_manifest_that_is_no_yaml_is_told_with_its_line() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "broken", &[("apps/x.yaml", Some("a: b\n  c: [\n"))]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    let said = page::checks(&repository, &pull.head_sha().unwrap());
    assert!(said.contains(r#""path":"apps/x.yaml","start_line":2"#), "{said}");
    world.finish().await;
}

#[tokio::test]
async fn a_conflict_is_a_result_that_names_the_files() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let text = |colour| OBJECT.replace("a: b", colour);
    repository.commit("red", "Red", "ann", &[("apps/web.yaml", Some(&text("a: red")))]).unwrap();
    repository.commit("main", "Blue", "ann", &[("apps/web.yaml", Some(&text("a: blue")))]).unwrap();
    let pull = repository.open_pull("ann", "Red", "red", "main").unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    assert!(previews(&pull)[0].body.contains("apps/web.yaml"), "{}", previews(&pull)[0].body);
    world.finish().await;
}

#[tokio::test]
async fn a_repository_without_a_config_gets_a_check_and_no_comment() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    repository.commit("main", "Leave", "ann", &[(".tidegate.yaml", None)]).unwrap();
    let pull = world.propose(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]);
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    assert!(previews(&pull).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn the_pull_request_that_brings_the_first_config_sees_what_it_would_do_and_no_target_is_touched() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let file = String::from_utf8(repository.file("main", ".tidegate.yaml").unwrap()).unwrap();
    repository.commit("main", "Leave", "ann", &[(".tidegate.yaml", None)]).unwrap();
    let pull = world.previewed(&repository, "first", &[(".tidegate.yaml", Some(&file))]).await;
    assert!(previews(&pull)[0].body.contains("once it is merged"), "{}", previews(&pull)[0].body);
    let (asked, _) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    assert_eq!(repository.branches(), ["first", "main"]);
    world.finish().await;
}

#[tokio::test]
async fn a_cluster_that_is_away_ends_the_check_as_could_not_look_and_is_tried_again() {
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "away",
        "clusters": [{"name": "away", "cluster": {"server": format!("https://127.0.0.1:{refused}")}}],
        "users": [{"name": "away", "user": {"token": "none"}}],
        "contexts": [{"name": "away", "context": {"cluster": "away", "user": "away"}}],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let away = json!({"kubernetes": {"kubeconfig": file}, "repositories": ["acme/shop"]});
    let world = World::start(&json!({"staging": away, "production": away}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.propose(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]);
    world
        .until("the check ended", Duration::from_secs(40), async || {
            conclusion(&repository, &pull.head_sha().unwrap(), CHECK) == "failure"
        })
        .await;
    let said = page::checks(&repository, &pull.head_sha().unwrap());
    assert!(!said.contains("token"), "{said}");
    insta::assert_snapshot!(stable(&said, &[(refused.to_string().as_str(), "PORT")]));
    world.finish_waiting().await;
}

#[tokio::test]
async fn a_repository_that_is_gone_ends_its_work_in_peace() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let (other, _) = world.repository("acme/other", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    world.later().await;
    pull.comment("bob", "/deploy staging").unwrap();
    repository.delete().unwrap();
    world.settle().await;
    // Others are served as before.
    let pull = world.previewed(&other, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    assert_ne!(conclusion(&other, &pull.head_sha().unwrap(), CHECK), "none");
    world.finish().await;
}

#[tokio::test]
async fn a_repository_that_was_renamed_keeps_its_target_and_who_takes_the_name_does_not_get_it() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    repository.rename("store").unwrap();
    world.settle().await;
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(repository.head("rendered/staging").is_some(), "{answers:#?}");

    let (successor, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&successor, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    assert_eq!(conclusion(&successor, &pull.head_sha().unwrap(), CHECK), "failure");
    world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(successor.branches(), ["main", "red"]);
    world.finish().await;
}

#[tokio::test]
async fn a_forks_pull_request_is_not_rendered_and_asks_for_action() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = repository
        .fork_pull("mallory", "Hello", ("hello", "main"), &[("apps/red.yaml", Some(OBJECT))])
        .unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "action_required");
    assert!(previews(&pull).is_empty());
    let (asked, _) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    assert!(repository.head("rendered/staging").is_none());
    world.finish().await;
}

#[tokio::test]
async fn a_branch_target_that_is_a_tracked_branch_is_refused() {
    let mut target = branch_target("acme/shop");
    target["branch"]["name"] = json!("main");
    let world =
        World::start(&json!({"staging": target, "production": target}), &[("contents", "write")]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let tip = repository.head("main");
    let pull = world.propose(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]);
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    assert_eq!(repository.head("main"), tip);
    world.finish().await;
}
