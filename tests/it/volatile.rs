//! A chart that draws a password at each render: set once, kept from then on, never a change, never shown.

use github_emulator::MergeMethod;
use github_emulator::Repository;
use serde_json::Value;
use serde_json::json;

use crate::support::checkout::Checkout;
use crate::support::cluster::Cluster;
use crate::support::fixture::NAMES;
use crate::support::page;
use crate::support::page::stable;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::previews;

const VALUES: &str = "charts/db/values.yaml";

/// The live Secret's data and the pods' checksum.
async fn drawn(cluster: &Cluster, namespace: &str) -> (Value, Value) {
    let secret = cluster.object("v1", "Secret", namespace, "db").await.unwrap();
    let web = cluster.object("apps/v1", "Deployment", namespace, "db").await.unwrap();
    (secret["data"].clone(), web["spec"]["template"]["metadata"]["annotations"]["checksum/secret"].clone())
}

/// The password in clear.
fn password(data: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(data["password"].as_str().unwrap()).unwrap();
    let password = String::from_utf8(bytes).unwrap();
    assert_eq!(password.len(), 24);
    password
}

#[tokio::test]
async fn a_drawn_password_is_told_once_is_no_change_and_is_never_applied_over_the_live_one() {
    let cluster = Cluster::start().await;
    let target = cluster.target("acme/shop");
    let world = World::start(&json!({"staging": target, "production": target}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "drawn", &cluster.names());
    let pull = world.previewed(&repository, "first", &[("README.md", Some("words\n"))]).await;
    insta::assert_snapshot!(
        "first_preview",
        stable(&page::conversation(&repository, &pull), &cluster.unnamed())
    );
    world.says(&pull, "bob", "/deploy staging").await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let made = drawn(&cluster, &cluster.production).await;
    assert_ne!(password(&made.0), password(&drawn(&cluster, &cluster.staging).await.0), "each has its own");

    // Something else in the chart changes.
    let pull = world.previewed(&repository, "paint", &[(VALUES, Some("colour: red\n"))]).await;
    let told = page::conversation(&repository, &pull);
    insta::assert_snapshot!("later_preview", stable(&told, &cluster.unnamed()));
    let body = previews(&pull).remove(0).body;
    assert!(!body.contains("Secret <code>") && !body.contains("<code>Secret"), "it is no change: {body}");
    world.says(&pull, "bob", "/deploy staging").await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let web = cluster.object("apps/v1", "Deployment", &cluster.production, "db").await.unwrap();
    let colour = web.pointer("/spec/template/spec/containers/0/env/0/value").unwrap();
    assert_eq!(colour, "red", "{:#?}", pull.comments());
    assert_eq!(drawn(&cluster, &cluster.production).await, made, "what was there is there");
    let deployments = page::deployments(&repository);
    assert!(!deployments.contains("failure") && !deployments.contains("error"), "{deployments}");

    // Nothing is left to be done.
    let pull = world.previewed(&repository, "quiet", &[("README.md", Some("more words\n"))]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), "tidegate/preview"), "success");
    assert!(previews(&pull)[0].body.contains("no change"), "{}", previews(&pull)[0].body);
    let said = format!("{:#?}{}", pull.comments(), world.server.log());
    for secret in [password(&made.0), made.0["password"].as_str().unwrap().to_owned()] {
        assert!(!said.contains(&secret) && !told.contains(&secret));
    }
    world.finish().await;
}

/// The file of the Secret in production's branch, as text.
fn secret(repository: &Repository) -> String {
    let path = "shop-production/secret.core/db.yaml";
    String::from_utf8(repository.file("rendered/production", path).unwrap()).unwrap()
}

#[tokio::test]
async fn on_a_branch_the_drawn_password_is_the_one_that_lies_there() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "drawn", NAMES);
    let pull = world.previewed(&repository, "first", &[("README.md", Some("words\n"))]).await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let made = secret(&repository);
    let template = repository.file("main", "charts/db/templates/secret.yaml").unwrap();
    let template = String::from_utf8(template).unwrap().replace("user: shop", "user: cart");
    let files = [("charts/db/templates/secret.yaml", Some(template.as_str()))];
    let pull = world.previewed(&repository, "user", &files).await;
    assert!(previews(&pull)[0].body.contains("`/stringData/password`"), "{}", previews(&pull)[0].body);
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_ne!(secret(&repository), made, "{:#?}", pull.comments());
    assert_eq!(secret(&repository), made.replace("user: shop", "user: cart"));
    world.finish().await;
}

#[test]
fn two_plans_of_one_tree_are_the_same_and_without_a_change() {
    let checkout = Checkout::of("drawn");
    checkout.branch("docs");
    checkout.commit(&[("README.md", Some("words\n"))]);
    let plan = |code: i32| checkout.tidegate(&["plan", "--rendered", "--format", "json"]).ended(code).json();
    let (one, two) = (plan(0), plan(0));
    assert_eq!(one, two);
    for environment in one["environments"].as_array().unwrap() {
        assert_eq!(environment["changes"], json!([]), "{environment:#}");
        assert_eq!(environment["counts"]["none"], 2);
        assert!(environment["digest"].is_string() && environment["bundle"].is_string());
        let warnings = environment["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].as_str().unwrap().contains("gives other values at each render"), "{warnings:?}");
    }
    checkout.commit(&[(VALUES, Some("colour: red\n"))]);
    let (one, two) = (plan(2), plan(2));
    assert_eq!(one, two, "nor does a change depend on what was drawn");
    let changes = one["environments"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    let classes: Vec<&str> =
        changes[0]["paths"].as_array().unwrap().iter().map(|path| path["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["this-change", "volatile"]);
}

#[test]
fn a_cache_keeps_what_was_rendered_for_the_next_run_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let checkout = Checkout::of("drawn");
    let folder = tempfile::tempdir().unwrap();
    let (cache, stranger) = (folder.path().join("a/cache"), folder.path().join("a/cache/mine"));
    let kept = ["render", "staging", "--cache", cache.to_str().unwrap()];
    let first = checkout.tidegate(&kept).ended(0).out;
    std::fs::write(&stranger, "not ours").unwrap();
    assert_eq!(checkout.tidegate(&kept).ended(0).out, first, "the password that was drawn before");
    assert_ne!(checkout.tidegate(&["render", "staging"]).ended(0).out, first, "nothing is kept but there");

    checkout.branch("red");
    checkout.commit(&[(VALUES, Some("colour: red\n"))]);
    let plan = ["plan", "--rendered", "--base", "main", "--format", "json", "--cache", kept[3]];
    assert_eq!(checkout.tidegate(&plan).ended(2).json(), checkout.tidegate(&plan).ended(2).json());
    let red = checkout.tidegate(&kept).ended(0).out;
    assert!(red.contains("value: red") && !first.contains("value: red"), "{red}");

    let entries: Vec<_> = std::fs::read_dir(cache.join("rendered")).unwrap().collect();
    assert!(entries.len() >= 2, "{entries:?}");
    for entry in entries {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(stranger.exists());
}

#[test]
fn a_drawn_name_is_an_error_that_names_the_charts_file() {
    let checkout = Checkout::of("drawn");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db-{{ randAlphaNum 5 | lower }}\n";
    checkout.commit(&[("charts/db/templates/secret.yaml", Some(secret))]);
    let ran = checkout.tidegate(&["render", "staging"]).ended(1);
    assert!(ran.err.contains("charts/db/templates/secret.yaml"), "{}", ran.err);
    assert!(ran.err.contains("a Secret has another name at each render"), "{}", ran.err);
}
