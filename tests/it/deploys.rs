//! The main job on a real cluster: a signed webhook in; the comment, the check and the live objects out.

use std::time::Duration;

use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;
use serde_json::Value;
use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::page;
use crate::support::page::stable;
use crate::support::program::run;
use crate::support::program::tidegate;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::previews;

const CHECK: &str = "tidegate/preview";

/// The longest that a deployment may take, a lease that runs out and a loaded machine included.
const LONG: Duration = Duration::from_mins(2);

/// A `ConfigMap` of the fixture `plain` with another colour.
fn colour(colour: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  colour: {colour}\n")
}

/// A world whose repository `acme/shop` holds a fixture, and whose two targets are one cluster.
async fn on(cluster: &Cluster, fixture: &str) -> (World, Repository) {
    let target = cluster.target("acme/shop");
    let world = World::start(&json!({"staging": target, "production": target}), &[]).await;
    let (repository, _) = world.repository("acme/shop", fixture, &cluster.names());
    (world, repository)
}

/// What `tidegate render` prints at a commit, with Secrets as the API server keeps them.
fn rendered(repository: &Repository, environment: &str, rev: &str) -> Vec<Value> {
    use base64::Engine as _;
    let git = repository.git_dir();
    let ran = run(tidegate().current_dir(&git).args(["render", environment, "--rev", rev])).ended(0);
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&ran.out).unwrap();
    for object in &mut objects {
        let Some(text) = object.as_object_mut().unwrap().remove("stringData") else { continue };
        let encode = |text: &Value| base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap());
        let data = text.as_object().unwrap().iter().map(|(key, text)| (key.clone(), json!(encode(text))));
        object["data"] = Value::Object(data.collect());
    }
    objects
}

/// Merges a first pull request, so that production is deployed and later previews show single changes.
async fn begun(world: &World, repository: &Repository) {
    let pull = world.previewed(repository, "first", &[("README.md", Some("words\n"))]).await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
}

fn ended(pull: &Pull, repository: &Repository, state: &str) {
    let deployments = repository.deployments();
    let last = deployments.last().unwrap_or_else(|| panic!("no deployment: {:#?}", pull.comments()));
    assert_eq!(last.statuses.last().unwrap().state, state, "{:#?}", pull.comments());
}

#[tokio::test]
async fn all_of_the_shop_is_previewed_deployed_by_command_and_by_merge_and_live_is_what_was_rendered() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "shop").await;
    let pull = world.previewed(&repository, "first", &[("README.md", Some("words\n"))]).await;
    insta::assert_snapshot!(
        "first_preview",
        stable(&page::conversation(&repository, &pull), &cluster.unnamed())
    );
    assert_eq!(
        cluster.names_of("configmaps", &cluster.staging).await,
        Vec::<String>::new(),
        "a preview writes nothing"
    );

    let (asked, _) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(
        asked.reactions.last().map(|(_, what)| what.as_str()),
        Some("rocket"),
        "{:#?}",
        pull.comments()
    );
    cluster.holds(&rendered(&repository, "staging", "first")).await;
    let web = cluster.object("apps/v1", "Deployment", &cluster.staging, "web").await.unwrap();
    assert_eq!(web["status"]["readyReplicas"], 2, "it was waited for");
    ended(&pull, &repository, "success");
    assert!(cluster.object("apps/v1", "Deployment", &cluster.production, "web").await.is_none());

    let tip = pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    cluster.holds(&rendered(&repository, "production", &tip)).await;
    insta::assert_snapshot!(
        "whole_story",
        stable(
            &format!("{}\n{}", page::conversation(&repository, &pull), page::deployments(&repository)),
            &cluster.unnamed()
        )
    );

    let file = rendered_image(&repository, "web:1.1");
    let pull = world.previewed(&repository, "image", &[("apps/web/deployment.yaml", Some(&file))]).await;
    insta::assert_snapshot!(
        "later_preview",
        stable(&page::conversation(&repository, &pull), &cluster.unnamed())
    );
    world.finish().await;
}

fn rendered_image(repository: &Repository, image: &str) -> String {
    let file = repository.file("main", "apps/web/deployment.yaml").unwrap();
    String::from_utf8(file).unwrap().replace("web:1.0", image)
}

#[tokio::test]
async fn a_secrets_value_is_nowhere_on_github() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "shop").await;
    begun(&world, &repository).await;
    let values = "replicas: 1\ntoken: correct-horse-battery\n";
    let pull = world.previewed(&repository, "token", &[("charts/worker/values.yaml", Some(values))]).await;
    let body = &previews(&pull)[0].body;
    assert!(body.contains("‹secret "), "{body}");
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    cluster.holds(&rendered(&repository, "production", "main")).await;
    for sha in [pull.head_sha().unwrap(), repository.head("main").unwrap()] {
        let said = format!("{:#?}{:#?}", repository.check_runs(&sha), pull.comments());
        for secret in
            ["hunter2hunter2", "correct-horse-battery", "aHVudGVyMmh1bnRlcjI", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"]
        {
            assert!(!said.contains(secret), "{secret} is in {said}");
        }
    }
    assert!(!world.server.log().contains("hunter2"), "nor in the log");
    world.finish().await;
}

#[tokio::test]
async fn a_second_push_edits_the_same_comment_and_its_new_preview_is_what_is_deployed() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    begun(&world, &repository).await;
    let pull = world.previewed(&repository, "paint", &[("apps/web.yaml", Some(&colour("red")))]).await;
    let first = previews(&pull).remove(0);
    assert!(first.body.contains("colour: red"), "{}", first.body);
    pull.push("ann", &[("apps/web.yaml", Some(&colour("blue")))]).unwrap();
    world.settle().await;
    let now = previews(&pull).remove(0);
    assert_eq!(now.id, first.id);
    assert!(now.body.contains("colour: blue") && !now.body.contains("colour: red"), "{}", now.body);
    world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(cluster.data(&cluster.staging, "web").await, Some(json!({"colour": "blue"})));
    world.finish().await;
}

#[tokio::test]
async fn deploy_by_a_reader_changes_nothing_and_says_why() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    let pull = world.previewed(&repository, "paint", &[("apps/web.yaml", Some(&colour("red")))]).await;
    let (asked, answers) = world.says(&pull, "rita", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    assert!(answers.join("\n").contains("rita has read here, and this needs write"), "{answers:#?}");
    assert_eq!(cluster.data(&cluster.staging, "web").await, None);
    world.finish().await;
}

#[tokio::test]
async fn two_repositories_with_an_environment_of_one_name_on_one_cluster_do_not_touch_each_other() {
    let cluster = Cluster::start().await;
    let mut target = cluster.target("acme/shop");
    target["repositories"] = json!(["acme/shop", "acme/blog"]);
    let world = World::start(&json!({"staging": target, "production": target}), &[]).await;
    let (shop, _) = world.repository("acme/shop", "plain", &cluster.names());
    // The same namespace and the same environment: only the identity of the environment keeps them apart.
    let (blog, _) = world.repository("acme/blog", "plain", &cluster.names());
    let post = colour("white").replace("name: web", "name: post");
    blog.commit("main", "Begin", "ann", &[("apps/web.yaml", None), ("apps/post.yaml", Some(&post))]).unwrap();
    world.settle().await;
    begun(&world, &shop).await;
    begun(&world, &blog).await;
    let both = cluster.names_of("configmaps", &cluster.production).await;
    for name in ["post", "web"] {
        assert!(both.contains(&name.to_owned()), "{both:?}");
    }

    // One empties its environment but for one object: what the other one has stays.
    let other = post.replace("name: post", "name: page");
    let files = [("apps/post.yaml", None), ("apps/page.yaml", Some(other.as_str()))];
    let pull = world.previewed(&blog, "move", &files).await;
    assert!(!previews(&pull)[0].body.contains("<code>web"), "{}", previews(&pull)[0].body);
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(cluster.data(&cluster.production, "post").await, None);
    assert_eq!(cluster.data(&cluster.production, "web").await, Some(json!({"colour": "green"})));

    // And neither may take what is the other's.
    let pull = world.previewed(&blog, "theft", &[("apps/web.yaml", Some(&colour("black")))]).await;
    assert_eq!(conclusion(&blog, &pull.head_sha().unwrap(), CHECK), "failure", "{}", previews(&pull)[0].body);
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(cluster.data(&cluster.production, "web").await, Some(json!({"colour": "green"})));
    world.finish().await;
}

#[tokio::test]
async fn an_object_outside_the_floors_namespaces_is_refused_before_anything_is_written() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    let evil = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: evil, namespace: kube-system}\n";
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: evil}\nrules: []\n";
    let files = [("apps/evil.yaml", Some(evil)), ("apps/role.yaml", Some(role))];
    let pull = world.previewed(&repository, "evil", &files).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    let body = previews(&pull)[0].body.clone();
    assert!(body.contains("kube-system/evil") && body.contains("ClusterRole"), "{body}");
    let (_, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(!answers.is_empty());
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(cluster.data("kube-system", "evil").await, None);
    for namespace in [&cluster.staging, &cluster.production] {
        assert_eq!(cluster.data(namespace, "web").await, None, "nothing is deployed by halves");
    }
    world.finish().await;
}

/// The fixture's staging with other settings.
fn staging(namespace: &str, more: &str) -> String {
    format!(
        "version: 1\nenvironments:\n  staging:\n    sources: [{{path: apps}}]\n    namespace: {namespace}\n    \
         {more}\n"
    )
}

#[tokio::test]
async fn a_pull_request_that_changes_its_own_target_is_deployed_to_the_one_in_force() {
    let (cluster, other) = (Cluster::start().await, Cluster::start().await);
    let (target, vault) = (cluster.target("acme/shop"), other.target("acme/shop"));
    let world = World::start(&json!({"staging": target, "production": target, "vault": vault}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", &cluster.names());
    let deploy = "target: vault\n    deploy: {when: comment, before_merge: any-time}";
    // Into what the other target holds: the floor of the one in force says no.
    let evil = staging(&other.production, deploy);
    let pull = world.previewed(&repository, "evil", &[(".tidegate.yaml", Some(&evil))]).await;
    let said = page::conversation(&repository, &pull);
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure", "{said}");
    assert!(said.contains("lies outside the namespaces that target `staging` allows"), "{said}");
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    assert!(answers.join("\n").contains("that target `staging` allows"), "{answers:#?}");
    assert_eq!(cluster.data(&cluster.staging, "web").await, None);

    // Into its own namespace, which the other target's floor would not allow: it is the target in force that takes it.
    pull.push("bob", &[(".tidegate.yaml", Some(&staging(&cluster.staging, deploy)))]).unwrap();
    world.settle().await;
    let said = page::conversation(&repository, &pull);
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success", "{said}");
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("rocket"), "{answers:#?}");
    assert_eq!(cluster.data(&cluster.staging, "web").await, Some(json!({"colour": "green"})));
    for namespace in [&cluster.production, &other.staging, &other.production] {
        assert_eq!(cluster.data(namespace, "web").await, None, "{namespace}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_pull_request_that_changes_its_own_rights_is_judged_by_those_in_force() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    let deploy = "deploy: {when: comment, before_merge: any-time, allow: {permission: maintain}}";
    let strict = staging(&cluster.staging, deploy);
    repository.commit("main", "Only maintainers", "ann", &[(".tidegate.yaml", Some(&strict))]).unwrap();
    world.settle().await;
    let loose = strict.replace("maintain", "write");
    let pull = world.previewed(&repository, "evil", &[(".tidegate.yaml", Some(&loose))]).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert_eq!(asked.reactions.last().map(|(_, what)| what.as_str()), Some("confused"));
    let answer = answers.join("\n");
    assert!(answer.contains("bob has write here, and this needs maintain"), "{answer}");
    assert!(answer.contains(".tidegate.yaml:3"), "it names the line: {answer}");
    assert_eq!(cluster.data(&cluster.staging, "web").await, None);
    assert!(repository.deployments().is_empty());
    world.finish().await;
}

/// A Deployment that takes this long to be ready, whatever the machine.
fn slow(name: &str, seconds: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  minReadySeconds: {seconds}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: x, image: \"x:1\"}}]}}\n"
    )
}

#[tokio::test]
async fn killed_during_an_apply_it_goes_on_with_what_it_carried_and_ends_once() {
    let cluster = Cluster::start().await;
    let (mut world, repository) = on(&cluster, "plain").await;
    begun(&world, &repository).await;
    let more = colour("red").replace("name: web", "name: more");
    let first = [("apps/web.yaml", None), ("apps/more.yaml", Some(more.as_str()))];
    let first = world.previewed(&repository, "first-half", &first).await;
    let object = slow("slow", 25);
    let second = world.previewed(&repository, "second-half", &[("apps/slow.yaml", Some(&object))]).await;
    // Both are merged while production is held, so that the second one's deployment carries what the first showed.
    let holder = world.previewed(&repository, "holder", &[("README.md", Some("held\n"))]).await;
    world.says(&holder, "bob", "/lock production").await;
    first.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let tip = second.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let before = repository.deployments().len();
    world.later().await;
    holder.comment("bob", "/unlock production").unwrap();
    let written =
        async || cluster.object("apps/v1", "Deployment", &cluster.production, "slow").await.is_some();
    world.until("objects are written", LONG, written).await;
    assert!(cluster.data(&cluster.production, "web").await.is_some(), "what goes is pruned last");
    world.restart().await;
    let ended = async || conclusion(&repository, &tip, "tidegate/deploy (production)") == "success";
    world.until("the deployment ended", LONG, ended).await;
    world.settle().await;

    cluster.holds(&rendered(&repository, "production", &tip)).await;
    assert_eq!(cluster.data(&cluster.production, "web").await, None, "pruned");
    let deployments = repository.deployments();
    assert_eq!(deployments.len(), before + 1, "{deployments:#?}");
    let states: Vec<_> = deployments[before].statuses.iter().map(|status| status.state.as_str()).collect();
    assert_eq!(states, ["in_progress", "success"]);
    let replies: Vec<_> =
        second.comments().into_iter().filter(|one| one.body.contains("is deployed")).collect();
    assert_eq!(replies.len(), 1, "{replies:#?}");
    world.finish().await;
}

#[tokio::test]
async fn an_interrupted_deployment_goes_on_though_the_copy_of_the_repository_was_lost() {
    let cluster = Cluster::start().await;
    let (mut world, repository) = on(&cluster, "plain").await;
    // The branch moved on since: the tree of the merge is in no repository but our copy.
    let object = slow("slow", 25);
    repository.commit("slow", "Slow", "ann", &[("apps/slow.yaml", Some(&object))]).unwrap();
    repository.commit("main", "Words", "ann", &[("README.md", Some("words\n"))]).unwrap();
    let pull = repository.open_pull("ann", "Slow", "slow", "main").unwrap();
    world.settle().await;
    world.later().await;
    pull.comment("bob", "/deploy staging").unwrap();
    let written = async || cluster.object("apps/v1", "Deployment", &cluster.staging, "slow").await.is_some();
    world.until("objects are written", LONG, written).await;
    world.server.kill();
    std::fs::remove_dir_all(world.server.folder().join("tidegate-cache")).unwrap();
    world.server.start().await;
    let head = pull.head_sha().unwrap();
    let ended = async || conclusion(&repository, &head, "tidegate/deploy (staging)") != "none";
    world.until("the deployment ended", LONG, ended).await;
    world.settle().await;
    let said = page::conversation(&repository, &pull);
    assert_eq!(conclusion(&repository, &head, "tidegate/deploy (staging)"), "success", "{said}");
    assert_eq!(said.matches("is deployed: ").count(), 3, "one reply, and the check's title and text: {said}");
    world.finish().await;
}

#[tokio::test]
async fn what_runs_stops_at_its_next_safe_point_when_somebody_asks_for_it() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    let object = slow("slow", 240);
    let pull = world.previewed(&repository, "slow", &[("apps/slow.yaml", Some(&object))]).await;
    world.later().await;
    let comment = pull.comment("bob", "/deploy staging").unwrap();
    let written = async || cluster.object("apps/v1", "Deployment", &cluster.staging, "slow").await.is_some();
    world.until("objects are written", LONG, written).await;
    pull.comment("bob", "/cancel staging").unwrap();
    world.settle().await;
    let said = page::conversation(&repository, &pull);
    assert!(said.contains("asked to stop at its next safe point"), "{said}");
    assert!(said.contains("Stopped by bob"), "{said}");
    ended(&pull, &repository, "failure");
    let asked = pull.comments().into_iter().find(|one| one.id == comment).unwrap();
    assert_eq!(asked.reactions.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["confused"]);
    world.finish().await;
}

#[tokio::test]
async fn an_object_that_the_api_server_refuses_is_told_before_anything_is_written() {
    let cluster = Cluster::start().await;
    let (world, repository) = on(&cluster, "plain").await;
    begun(&world, &repository).await;
    let broken =
        "apiVersion: v1\nkind: Service\nmetadata: {name: broken}\nspec: {ports: [{port: 99999999}]}\n";
    let files = [("apps/broken.yaml", Some(broken)), ("apps/web.yaml", None)];
    let pull = world.previewed(&repository, "broken", &files).await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "failure");
    assert!(previews(&pull)[0].body.contains("99999999"), "{}", previews(&pull)[0].body);
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert!(cluster.data(&cluster.production, "web").await.is_some(), "nothing was pruned");
    world.finish().await;
}
