//! The lives of deployments: refused, overtaken, cancelled, closed; each ends once, is told, and leaves what it should.

use std::time::Duration;

use github_emulator::Fault;
use github_emulator::FaultKind;
use github_emulator::HookMode;
use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;
use serde_json::json;

use crate::support::fixture::NAMES;
use crate::support::page;
use crate::support::world::World;
use crate::support::world::branch_target;
use crate::support::world::conclusion;

const STAGING: &str = "tidegate/deploy (staging)";
const PRODUCTION: &str = "tidegate/deploy (production)";

/// The longest that retries and waits may take on a loaded machine.
const LONG: Duration = Duration::from_secs(80);

/// The fixture's object with another colour.
fn colour(colour: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  colour: {colour}\n")
}

/// An object of another name.
fn object(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

async fn plain() -> (World, Repository) {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    (world, repository)
}

/// A world whose production is deployed like this.
async fn with(deploy: &str) -> (World, Repository) {
    let (world, repository) = plain().await;
    let file = format!(
        "version: 1\nenvironments:\n  staging:\n    sources: [{{path: apps}}]\n    namespace: shop-staging\n    \
         deploy: {{when: comment, before_merge: any-time}}\n  production:\n    sources: [{{path: apps}}]\n    \
         namespace: shop-production\n    deploy: {deploy}\n"
    );
    repository.commit("main", "Set it up", "ann", &[(".tidegate.yaml", Some(&file))]).unwrap();
    world.settle().await;
    (world, repository)
}

async fn painted(world: &World, repository: &Repository, branch: &str) -> Pull {
    world.previewed(repository, branch, &[("apps/web.yaml", Some(&colour(branch)))]).await
}

/// The colour that lies in an environment; none: nothing does.
fn lies(repository: &Repository, environment: &str) -> Option<String> {
    let path = format!("shop-{environment}/configmap.core/web.yaml");
    let text = String::from_utf8(repository.file(&format!("rendered/{environment}"), &path)?).unwrap();
    text.lines().find_map(|line| line.trim().strip_prefix("colour: ")).map(str::to_owned)
}

fn reactions(pull: &Pull, comment: u64) -> Vec<String> {
    let all = pull.comments();
    let comment = all.iter().find(|one| one.id == comment).unwrap();
    comment.reactions.iter().map(|(_, what)| what.clone()).collect()
}

/// Waits until no job is left, retries among them.
async fn at_rest(world: &World) {
    let none = async || world.server.jobs(&["queued", "running", "waiting"]).await == 0;
    world.until("all jobs ended", LONG, none).await;
    world.settle().await;
}

/// The last states of GitHub's deployments of an environment.
fn states(repository: &Repository, environment: &str) -> Vec<String> {
    let all = repository.deployments();
    let of = all.iter().filter(|one| one.environment == environment);
    of.map(|one| one.statuses.last().map(|last| last.state.clone()).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_deployment_that_met_an_outage_does_not_come_back_over_a_newer_one() {
    let (world, repository) = plain().await;
    // GitHub fails as the first deployment is announced: twice, because a write is tried again once it was looked for.
    let outage = Fault::once("POST", "/repos/acme/shop/deployments/*/statuses", FaultKind::Before500);
    world.hub.fault(outage.times(2));
    let old = repository.commit("main", "Red", "ann", &[("apps/web.yaml", Some(&colour("red")))]).unwrap();
    let failed = async || world.hub.requests().iter().filter(|one| one.status == 500).count() == 2;
    world.until("the outage struck", LONG, failed).await;
    repository.commit("main", "Blue", "ann", &[("apps/web.yaml", Some(&colour("blue")))]).unwrap();
    at_rest(&world).await;
    assert_eq!(lies(&repository, "production").as_deref(), Some("blue"));
    assert_eq!(conclusion(&repository, &old, PRODUCTION), "cancelled", "{}", page::checks(&repository, &old));
    assert!(page::checks(&repository, &old).contains("its new tip is deployed instead"));
    world.finish().await;
}

#[tokio::test]
async fn a_branch_that_was_forced_back_is_deployed_as_it_was() {
    let (world, repository) = plain().await;
    let red = repository.commit("main", "Red", "ann", &[("apps/web.yaml", Some(&colour("red")))]).unwrap();
    world.settle().await;
    repository.commit("main", "Blue", "ann", &[("apps/web.yaml", Some(&colour("blue")))]).unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "production").as_deref(), Some("blue"));
    repository.force_push("main", &red, "ann").unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "production").as_deref(), Some("red"));
    world.finish().await;
}

#[tokio::test]
async fn an_overtaken_deployment_is_no_success_and_brings_the_new_tip_though_its_webhook_was_lost() {
    let (world, repository) = plain().await;
    let holder = painted(&world, &repository, "green").await;
    world.says(&holder, "bob", "/lock production").await;
    let old = repository.commit("main", "Red", "ann", &[("apps/web.yaml", Some(&colour("red")))]).unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "production"), None, "it waits for the lock");
    world.hub.hooks().set_mode_for_event("push", HookMode::Drop);
    repository.commit("main", "Blue", "ann", &[("apps/web.yaml", Some(&colour("blue")))]).unwrap();
    world.settle().await;
    world.says(&holder, "bob", "/unlock production").await;
    assert_eq!(lies(&repository, "production").as_deref(), Some("blue"));
    assert_eq!(conclusion(&repository, &old, PRODUCTION), "cancelled");
    assert_eq!(states(&repository, "production"), ["success"], "what never began has no record");
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_is_told_though_github_was_away_when_it_was_decided() {
    let (world, repository) = plain().await;
    let pull = painted(&world, &repository, "red").await;
    let outage = Fault::once("POST", "/repos/acme/shop/issues/*/comments", FaultKind::Before500);
    world.hub.fault(outage.times(2));
    world.later().await;
    let comment = pull.comment("rita", "/deploy staging").unwrap();
    let answered = async || reactions(&pull, comment) == ["confused"];
    world.until("it was answered", LONG, answered).await;
    at_rest(&world).await;
    let said = page::conversation(&repository, &pull);
    assert!(said.contains("rita has read here, and this needs write"), "{said}");
    // Who may not ask leaves no mark on the commit, and is not what the environment holds.
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), STAGING), "none", "{said}");
    let (_, answers) = world.says(&pull, "bob", "/status").await;
    assert!(answers.join("\n").contains("never deployed"), "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn where_no_comment_may_be_written_the_check_tells_the_end_alone() {
    let (world, repository) = plain().await;
    let pull = painted(&world, &repository, "red").await;
    // As in a locked conversation.
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", FaultKind::Status(403)));
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging").await;
    assert!(answers.is_empty(), "{answers:#?}");
    assert_eq!(asked.reactions.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["rocket"]);
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), STAGING), "success");
    assert_eq!(lies(&repository, "staging").as_deref(), Some("red"));
    world.finish().await;
}

#[tokio::test]
async fn a_branch_that_may_not_be_pushed_to_fails_in_words_and_no_check_is_left_pending() {
    let targets = json!({"staging": branch_target("acme/shop"), "production": branch_target("acme/shop")});
    let world = World::start(&targets, &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = painted(&world, &repository, "red").await;
    let tip = pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(conclusion(&repository, &tip, PRODUCTION), "failure");
    let said = page::conversation(&repository, &pull);
    assert!(said.contains("contents: write") && !said.contains("fault of Tidegate"), "{said}");
    assert_eq!(states(&repository, "production"), ["failure"]);
    world.finish().await;
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_prepared_does_not_begin_and_is_told() {
    let (world, repository) = plain().await;
    let pull = painted(&world, &repository, "red").await;
    // GitHub takes its time to record the deployment; meanwhile somebody changes their mind.
    let slow = FaultKind::Slow(Duration::from_secs(8));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/deployments", slow));
    world.later().await;
    let comment = pull.comment("bob", "/deploy staging").unwrap();
    let begun = async || world.hub.requests().iter().any(|one| one.path.contains("/deployments?sha="));
    world.until("it is prepared", LONG, begun).await;
    pull.comment("bob", "/cancel staging").unwrap();
    world.settle().await;
    assert_eq!(reactions(&pull, comment), ["confused"], "{:#?}", pull.comments());
    assert!(page::conversation(&repository, &pull).contains("Cancelled by bob"), "{:#?}", pull.comments());
    assert_eq!(states(&repository, "staging"), ["error"]);
    assert_eq!(lies(&repository, "staging"), None);
    world.finish().await;
}

#[tokio::test]
async fn the_answer_to_a_comment_is_that_of_all_its_deployments() {
    let (world, repository) = with("{when: comment, before_merge: never}").await;
    let pull = painted(&world, &repository, "red").await;
    let (asked, answers) = world.says(&pull, "bob", "/deploy staging production").await;
    assert_eq!(reactions(&pull, asked.id), ["confused"], "{answers:#?}");
    assert_eq!(lies(&repository, "staging").as_deref(), Some("red"));
    assert_eq!(lies(&repository, "production"), None);
    world.finish().await;
}

#[tokio::test]
async fn a_refused_deployment_holds_nothing_against_others() {
    let (world, repository) = plain().await;
    let (one, two) = (painted(&world, &repository, "red").await, painted(&world, &repository, "blue").await);
    repository.commit("main", "By hand", "ann", &[("apps/other.yaml", Some(&object("other")))]).unwrap();
    world.settle().await;
    let (_, answers) = world.says(&one, "bob", "/deploy staging").await;
    assert!(answers.join("\n").contains("the base"), "{answers:#?}");
    world.says(&two, "bob", "/deploy staging").await;
    let (asked, answers) = world.says(&two, "bob", "/deploy staging").await;
    assert_eq!(reactions(&two, asked.id), ["rocket"], "{answers:#?}");
    // What is deployed holds it, until it is closed.
    let (_, answers) = world.says(&one, "bob", "/deploy staging").await;
    assert!(answers.join("\n").contains("deployed from"), "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn closing_what_deployed_nothing_deploys_nothing() {
    let (world, repository) = with("{when: comment, before_merge: any-time}").await;
    let pull = painted(&world, &repository, "red").await;
    world.says(&pull, "rita", "/deploy production").await;
    world.says(&pull, "bob", "/lock production").await;
    pull.close("ann").unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "production"), None, "what main has pending there stays pending");
    let other = painted(&world, &repository, "blue").await;
    let (asked, answers) = world.says(&other, "bob", "/deploy production").await;
    assert_eq!(reactions(&other, asked.id), ["rocket"], "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn what_others_were_refused_does_not_keep_a_closed_pull_requests_content_there() {
    let (world, repository) = plain().await;
    let (one, two) = (painted(&world, &repository, "red").await, painted(&world, &repository, "blue").await);
    world.says(&one, "bob", "/deploy staging").await;
    world.says(&two, "rita", "/deploy staging").await;
    assert_eq!(lies(&repository, "staging").as_deref(), Some("red"));
    one.close("ann").unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "staging").as_deref(), Some("green"));
    world.finish().await;
}

#[tokio::test]
async fn closing_frees_what_was_held_though_the_file_on_main_is_broken() {
    let (world, repository) = plain().await;
    let pull = painted(&world, &repository, "red").await;
    world.says(&pull, "bob", "/deploy staging").await;
    let file = String::from_utf8(repository.file("main", ".tidegate.yaml").unwrap()).unwrap();
    repository.commit("main", "Break it", "ann", &[(".tidegate.yaml", Some("version: [\n"))]).unwrap();
    world.settle().await;
    let (asked, answers) = world.says(&pull, "bob", "/status").await;
    assert_eq!(reactions(&pull, asked.id), ["confused"]);
    assert!(answers.join("\n").contains("on main") && answers.join("\n").contains(".tidegate.yaml:1"));
    pull.close("ann").unwrap();
    world.settle().await;
    repository.commit("main", "Mend it", "ann", &[(".tidegate.yaml", Some(&file))]).unwrap();
    world.settle().await;
    let other = painted(&world, &repository, "blue").await;
    let (asked, answers) = world.says(&other, "bob", "/deploy staging").await;
    assert_eq!(reactions(&other, asked.id), ["rocket"], "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn a_direct_push_passes_no_gate_and_its_commit_says_so() {
    let (world, repository) = with("{when: merge, requires: [approved]}").await;
    let tip = repository.commit("main", "Red", "ann", &[("apps/web.yaml", Some(&colour("red")))]).unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "production"), None);
    assert_eq!(conclusion(&repository, &tip, PRODUCTION), "action_required");
    let said = page::checks(&repository, &tip);
    assert!(said.contains("pushed without a pull request, and `approved` is required"), "{said}");
    world.finish().await;
}

#[tokio::test]
async fn what_is_never_deployed_is_not_deployed_by_a_command() {
    let (world, repository) = with("{when: never, before_merge: any-time}").await;
    let pull = painted(&world, &repository, "red").await;
    let (asked, answers) = world.says(&pull, "bob", "/deploy production").await;
    assert_eq!(reactions(&pull, asked.id), ["confused"]);
    assert!(answers.join("\n").contains("`when: never`"), "{answers:#?}");
    assert_eq!(lies(&repository, "production"), None);
    world.finish().await;
}

#[tokio::test]
async fn a_merged_pull_request_is_deployed_with_what_was_merged_after_it() {
    let (world, repository) = plain().await;
    let one = painted(&world, &repository, "red").await;
    let two = world.previewed(&repository, "more", &[("apps/more.yaml", Some(&object("more")))]).await;
    one.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    two.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let (asked, answers) = world.says(&one, "bob", "/deploy staging").await;
    assert_eq!(reactions(&one, asked.id), ["rocket"], "{answers:#?}");
    assert!(answers.join("\n").contains("went along"), "{answers:#?}");
    assert_eq!(lies(&repository, "staging").as_deref(), Some("red"));
    assert!(repository.file("rendered/staging", "shop-staging/configmap.core/more.yaml").is_some());
    let (_, answers) = world.says(&one, "bob", "/preview").await;
    assert!(answers.join("\n").contains("there is nothing to preview"), "{answers:#?}");
    world.finish().await;
}

#[tokio::test]
async fn an_environment_is_deployed_after_those_that_it_comes_after() {
    let (world, repository) = with("{when: merge, after: [zone]}").await;
    let file = String::from_utf8(repository.file("main", ".tidegate.yaml").unwrap()).unwrap();
    let file = format!(
        "{file}  zone:\n    sources: [{{path: apps}}]\n    namespace: shop-zone\n    target: staging\n    deploy: {{when: merge}}\n"
    );
    let pull = world.previewed(&repository, "zone", &[(".tidegate.yaml", Some(&file))]).await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_eq!(lies(&repository, "zone").as_deref(), Some("green"), "{:#?}", pull.comments());
    assert_eq!(lies(&repository, "production").as_deref(), Some("green"), "{:#?}", pull.comments());
    world.finish().await;
}
