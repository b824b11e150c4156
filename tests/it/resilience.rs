//! Power cuts, lost answers, limits and disorder: nothing twice, nothing lost, nothing half and forgotten.

use std::time::Duration;

use github_emulator::Fault;
use github_emulator::FaultKind;
use github_emulator::HookMode;
use github_emulator::Pull;
use github_emulator::Repository;

use crate::support::fixture::NAMES;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::previews;

const CHECK: &str = "tidegate/preview";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\ndata: {a: b}\n";
const FILES: [(&str, Option<&str>); 1] = [("apps/red.yaml", Some(OBJECT))];

/// After a kill, work goes on within a minute.
const LEASE: Duration = Duration::from_mins(1);

async fn plain() -> (World, Repository) {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    (world, repository)
}

/// Waits until every fault has struck: what it holds up has begun, and has not happened.
async fn struck(world: &World) {
    let all = async || world.hub.unspent_faults().is_empty();
    world.until("the fault struck", Duration::from_mins(1), all).await;
}

/// Exactly one comment and one check that ended well, on the head as it is.
fn previewed_once(repository: &Repository, pull: &Pull) {
    let head = pull.head_sha().unwrap();
    assert_eq!(previews(pull).len(), 1, "{:#?}", pull.comments());
    assert!(previews(pull)[0].body.contains(&head[..7]), "{}", previews(pull)[0].body);
    let runs = repository.check_runs(&head);
    assert_eq!(runs.iter().filter(|run| run.name == CHECK).count(), 1, "{runs:#?}");
    assert_eq!(conclusion(repository, &head, CHECK), "success");
}

#[tokio::test]
async fn killed_between_the_202_and_the_comment_there_is_one_comment_and_one_check_in_the_end() {
    let (mut world, repository) = plain().await;
    // GitHub is slow to take the comment: the delivery was answered with 202 long ago when the power fails.
    let slow = FaultKind::Slow(Duration::from_mins(5));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", slow));
    let pull = world.propose(&repository, "red", &FILES);
    struck(&world).await;
    assert!(previews(&pull).is_empty());
    world.restart().await;
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn killed_right_after_the_202_nothing_is_lost() {
    let (mut world, repository) = plain().await;
    let pull = world.propose(&repository, "red", &FILES);
    world.hub.hooks().settle().await;
    world.restart().await;
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn killed_during_an_apply_it_ends_once() {
    let (mut world, repository) = plain().await;
    let pull = world.previewed(&repository, "red", &FILES).await;
    // The end of the deployment cannot be told for a while: by then the branch is pushed.
    let slow = FaultKind::Slow(Duration::from_mins(5));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/deployments/*/statuses", slow).after(1));
    world.later().await;
    pull.comment("bob", "/deploy staging").unwrap();
    struck(&world).await;
    assert!(repository.head("rendered/staging").is_some());
    world.restart().await;
    world
        .until("the deployment ended", LEASE, async || {
            let deployments = repository.deployments();
            deployments.iter().any(|one| one.statuses.last().is_some_and(|status| status.state == "success"))
        })
        .await;
    world.settle().await;
    let deployments = repository.deployments();
    assert_eq!(deployments.len(), 1, "{deployments:#?}");
    assert_eq!(deployments[0].statuses.last().unwrap().state, "success");
    let replies: Vec<_> =
        pull.comments().into_iter().filter(|one| one.body.contains("is deployed")).collect();
    assert_eq!(replies.len(), 1, "{replies:#?}");
    let mut git = crate::support::program::command("git");
    let count = git.current_dir(repository.git_dir()).args(["rev-list", "--count", "rendered/staging"]);
    assert_eq!(crate::support::program::run(count).ended(0).out.trim(), "1");
    world.finish().await;
}

#[tokio::test]
async fn sigterm_hands_work_back_and_the_next_start_goes_on() {
    let (mut world, repository) = plain().await;
    let slow = FaultKind::Slow(Duration::from_mins(5));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", slow));
    let pull = world.propose(&repository, "red", &FILES);
    struck(&world).await;
    assert_eq!(
        world.server.terminate(Duration::from_secs(15)).await.code(),
        Some(0),
        "{}",
        world.server.log()
    );
    world.server.start().await;
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn a_comment_that_was_made_and_answered_with_502_is_not_made_again() {
    let (world, repository) = plain().await;
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", FaultKind::AfterWrite502));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/check-runs", FaultKind::AfterWrite502));
    let pull = world.propose(&repository, "red", &FILES);
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn a_deployment_that_was_made_and_answered_with_502_is_not_made_again() {
    let (world, repository) = plain().await;
    let pull = world.previewed(&repository, "red", &FILES).await;
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/deployments", FaultKind::AfterWrite502));
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/deployments/*/statuses", FaultKind::AfterWrite502));
    world.says(&pull, "bob", "/deploy staging").await;
    world
        .until("the deployment ended", LEASE, async || {
            repository
                .deployments()
                .iter()
                .any(|one| one.statuses.last().is_some_and(|last| last.state == "success"))
        })
        .await;
    assert_eq!(repository.deployments().len(), 1, "{:#?}", repository.deployments());
    world.finish().await;
}

/// Waits for a preview that may be tried again, and looks that it stands once.
async fn stands(world: &World, repository: &Repository, pull: &Pull) {
    world
        .until("the preview stands", LEASE, async || {
            conclusion(repository, &pull.head_sha().unwrap(), CHECK) == "success"
        })
        .await;
    world.settle().await;
    previewed_once(repository, pull);
}

#[tokio::test]
async fn a_token_that_is_refused_in_flight_is_renewed() {
    let (world, repository) = plain().await;
    world.hub.fault(Fault::once("GET", "/repos/acme/shop/pulls/*", FaultKind::Unauthorized401));
    let pull = world.propose(&repository, "red", &FILES);
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn long_tokens_with_dots_serve_as_well() {
    let (world, repository) = plain().await;
    world.hub.set_token_style(github_emulator::TokenStyle::Stateless520);
    let pull = world.previewed(&repository, "red", &FILES).await;
    previewed_once(&repository, &pull);
    world.finish().await;
}

#[tokio::test]
async fn a_secondary_limit_is_waited_out() {
    let (world, repository) = plain().await;
    let limit = FaultKind::Secondary { status: 403, retry_after: Some(2) };
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", limit));
    let limit = FaultKind::Secondary { status: 429, retry_after: Some(1) };
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/check-runs", limit));
    let pull = world.propose(&repository, "red", &FILES);
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn an_outage_and_a_broken_connection_are_waited_out() {
    let (world, repository) = plain().await;
    world.hub.fault(Fault::once("GET", "/repos/acme/shop", FaultKind::Before500));
    world.hub.fault(Fault::once("GET", "/repos/acme/shop/pulls/*", FaultKind::Drop));
    world.hub.fault(Fault::once("PATCH", "/repos/acme/shop/check-runs/*", FaultKind::Status(503)));
    let pull = world.propose(&repository, "red", &FILES);
    stands(&world, &repository, &pull).await;
    world.finish().await;
}

#[tokio::test]
async fn duplicated_deliveries_are_done_once() {
    let (world, repository) = plain().await;
    world.hub.hooks().set_mode(HookMode::Duplicate);
    let pull = world.previewed(&repository, "red", &FILES).await;
    previewed_once(&repository, &pull);
    world.says(&pull, "bob", "/deploy staging").await;
    let replies = pull.comments().into_iter().filter(|one| one.body.contains("is deployed")).count();
    assert_eq!((replies, repository.deployments().len()), (1, 1));
    world.finish().await;
}

#[tokio::test]
async fn many_pushes_at_once_end_in_one_comment_for_the_last() {
    let (world, repository) = plain().await;
    let pull = world.propose(&repository, "red", &FILES);
    for number in 0..8 {
        let text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: red}}\ndata: {{a: \"{number}\"}}\n");
        pull.push("ann", &[("apps/red.yaml", Some(&text))]).unwrap();
    }
    stands(&world, &repository, &pull).await;
    for run in repository.check_runs(&pull.head_sha().unwrap()) {
        assert_eq!(run.status, "completed", "{run:#?}");
    }
    world.finish().await;
}

/// A preview that began on its head and then had to wait.
async fn waiting(world: &World, repository: &Repository) -> (Pull, String) {
    let limit = FaultKind::Secondary { status: 403, retry_after: Some(3) };
    world.hub.fault(Fault::once("POST", "/repos/acme/shop/issues/*/comments", limit));
    let pull = world.propose(repository, "red", &FILES);
    struck(world).await;
    let head = pull.head_sha().unwrap();
    assert_eq!(repository.check_runs(&head).len(), 1);
    (pull, head)
}

#[tokio::test]
async fn the_check_of_a_head_that_was_overtaken_while_it_waited_is_ended() {
    let (world, repository) = plain().await;
    let (pull, first) = waiting(&world, &repository).await;
    pull.push("ann", &[("apps/blue.yaml", Some(&OBJECT.replace("red", "blue")))]).unwrap();
    stands(&world, &repository, &pull).await;
    assert_eq!(conclusion(&repository, &first, CHECK), "cancelled");
    assert_eq!(repository.check_runs(&first).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn the_check_of_a_pull_request_that_was_closed_while_it_waited_is_ended() {
    let (world, repository) = plain().await;
    let (pull, head) = waiting(&world, &repository).await;
    pull.close("ann").unwrap();
    let ended = async || conclusion(&repository, &head, CHECK) == "cancelled";
    world.until("the check ended", LEASE, ended).await;
    assert!(previews(&pull).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_comment_whose_marker_was_edited_away_meanwhile_is_changed_and_not_written_again() {
    let (mut world, repository) = plain().await;
    let pull = world.previewed(&repository, "red", &FILES).await;
    let ours = previews(&pull)[0].id;
    // Nothing but the database remembers it.
    world.server.kill();
    pull.edit_comment(ours, "ann", "I know better.").unwrap();
    world.hub.hooks().settle().await;
    world.server.start().await;
    pull.push("ann", &[("apps/blue.yaml", Some(&OBJECT.replace("red", "blue")))]).unwrap();
    stands(&world, &repository, &pull).await;
    assert_eq!(pull.comments().len(), 1, "{:#?}", pull.comments());
    assert_eq!(previews(&pull)[0].id, ours);
    world.finish().await;
}
