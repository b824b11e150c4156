//! Comments and reactions: said once, found again, in whatever way GitHub fails.

use std::time::Duration;

use github_emulator::{Fault, FaultKind};

use super::{World, preview, world};
use crate::github::Kind;
use crate::model::check::{Comment, PREVIEW, REPLY};
use crate::model::github::Reaction;
use crate::model::id::CommentId;

const COMMENTS: &str = "/repositories/*/issues/*/comments";

/// What the pull request's comments say, after their markers.
fn texts(world: &World) -> Vec<String> {
    let comments = world.pull.comments();
    comments.iter().map(|one| one.body.lines().last().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_is_said_again_changes_the_one_comment() {
    let world = world();
    world.pull.comment("alice", &format!("{PREVIEW}\nmine")).unwrap();
    let first = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let again = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let changed = world.github.say(&world.repo, world.number, &preview("two")).await.unwrap();
    assert!(first == again && again == changed);
    assert_eq!(texts(&world), ["mine", "two"], "a person's comment with our marker is not ours");
    assert_eq!(world.asked("PATCH", &format!("/{first}")), 1, "the same text is not written again");
    world.end();
}

#[tokio::test]
async fn a_comment_is_found_again_after_a_restart_and_made_again_after_its_deletion() {
    let world = world();
    let first = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let restarted = super::GitHub::connect(
        &super::App { id: world.app.id, key: world.app.private_key_pem.clone().into() },
        &world.emulator.api_url(),
    )
    .unwrap();
    assert_eq!(restarted.say(&world.repo, world.number, &preview("two")).await.unwrap(), first);
    world.pull.delete_comment(first.0, "alice").unwrap();
    let second = restarted.say(&world.repo, world.number, &preview("three")).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(texts(&world), ["three"]);
    world.end();
}

#[tokio::test]
async fn a_marker_edited_away_is_put_back_where_the_comment_is_known() {
    let world = world();
    let id = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    world.pull.edit_comment(id.0, "alice", "all is well").unwrap();
    assert_eq!(world.github.say(&world.repo, world.number, &preview("one")).await.unwrap(), id);
    assert_eq!(texts(&world), ["one"]);
    world.end();
}

#[tokio::test]
async fn a_write_that_happened_though_github_failed_is_not_made_twice() {
    let world = world();
    world.emulator.fault(Fault::once("POST", COMMENTS, FaultKind::AfterWrite502));
    let id = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    assert_eq!(texts(&world), ["one"]);
    assert_eq!(world.pull.comments()[0].id, id.0);
    assert_eq!(world.asked("POST", "/comments"), 1);
    world.end();
}

#[tokio::test]
async fn a_write_that_did_not_happen_is_made_once_more() {
    let world = world();
    world.emulator.fault(Fault::once("POST", COMMENTS, FaultKind::Before500));
    world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    assert_eq!(texts(&world), ["one"]);
    assert_eq!(world.asked("POST", "/comments"), 2);
}

#[tokio::test]
async fn a_second_copy_is_taken_away() {
    let world = world();
    let other = super::GitHub::connect(
        &super::App { id: world.app.id, key: world.app.private_key_pem.clone().into() },
        &world.emulator.api_url(),
    )
    .unwrap();
    // As if a write whose outcome was unknown had come late: two Tidegates that did not know of each other.
    let body = Comment { marker: "<!-- tidegate:x -->".into(), body: format!("{PREVIEW}\nold") };
    other.say(&world.repo, world.number, &body).await.unwrap();
    let twin = Comment { marker: "<!-- tidegate:y -->".into(), body: format!("{PREVIEW}\ntwin") };
    other.say(&world.repo, world.number, &twin).await.unwrap();
    assert_eq!(texts(&world), ["old", "twin"]);
    world.github.say(&world.repo, world.number, &preview("new")).await.unwrap();
    assert_eq!(texts(&world), ["new"]);
    world.end();
}

#[tokio::test]
async fn many_at_once_say_it_once() {
    let world = world();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (github, repo, number) = (world.github.clone(), world.repo.clone(), world.number);
        tasks.spawn(async move { github.say(&repo, number, &preview("one")).await.unwrap() });
    }
    let ids = tasks.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(world.pull.comments().len(), 1);
    world.end();
}

#[tokio::test]
async fn our_comment_is_found_beyond_the_first_page() {
    let world = world();
    for at in 0..105 {
        world.pull.comment("alice", &format!("{at}")).unwrap();
    }
    let first = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let restarted = super::GitHub::connect(
        &super::App { id: world.app.id, key: world.app.private_key_pem.clone().into() },
        &world.emulator.api_url(),
    )
    .unwrap();
    assert_eq!(restarted.say(&world.repo, world.number, &preview("two")).await.unwrap(), first);
    assert_eq!(world.pull.comments().len(), 106);
    world.end();
}

#[tokio::test]
async fn replies_are_said_once_for_each_key() {
    let world = world();
    let reply = |text: &str| Comment { marker: REPLY.to_owned(), body: format!("{REPLY}\n{text}") };
    let say = async |key: &str, text: &str| {
        world.github.reply(&world.repo, world.number, key, &reply(text)).await.unwrap()
    };
    let first = say("comment/7", "no").await;
    assert_eq!(say("comment/7", "no").await, first);
    assert_ne!(say("comment/8", "yes").await, first);
    // A key cannot end the comment that hides it.
    say("--><b>", "bold").await;
    assert_eq!(texts(&world), ["no", "yes", "bold"]);
    let body = &world.pull.comments()[0].body;
    assert_eq!(body, "<!-- tidegate:reply -->\n<!-- tidegate:key comment/7 -->\nno");
    assert_eq!(world.pull.comments()[2].body.matches("-->").count(), 2);
    world.end();
}

#[tokio::test]
async fn a_comment_is_told_with_its_author_and_a_missing_one_is_none() {
    let world = world();
    let id = CommentId(world.pull.comment("alice", "/deploy staging").unwrap());
    let remark = world.github.remark(&world.repo, id).await.unwrap().unwrap();
    assert_eq!(
        (remark.author.as_str(), remark.app, remark.body.as_str()),
        ("alice", None, "/deploy staging")
    );
    let ours = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let remark = world.github.remark(&world.repo, ours).await.unwrap().unwrap();
    assert_eq!((remark.author.as_str(), remark.app), ("tidegate[bot]", Some(world.app.id)));
    assert_eq!(world.github.remark(&world.repo, CommentId(999_999)).await.unwrap(), None);
    world.end();
}

#[tokio::test]
async fn reactions_come_once_and_go() {
    let world = world();
    let id = CommentId(world.pull.comment("alice", "/deploy staging").unwrap());
    world.pull.react(id.0, "alice", "eyes").unwrap();
    let reactions = || world.pull.comments()[0].reactions.clone();
    world.emulator.fault(Fault::once(
        "POST",
        "/repositories/*/issues/comments/*/reactions",
        FaultKind::AfterWrite502,
    ));
    world.github.react(&world.repo, id, Reaction::Eyes).await.unwrap();
    world.github.react(&world.repo, id, Reaction::Eyes).await.unwrap();
    assert_eq!(reactions().iter().filter(|(who, _)| who == "tidegate[bot]").count(), 1);
    world.github.unreact(&world.repo, id, Reaction::Eyes).await.unwrap();
    world.github.unreact(&world.repo, id, Reaction::Eyes).await.unwrap();
    world.github.react(&world.repo, id, Reaction::Rocket).await.unwrap();
    let wanted = [("alice".to_owned(), "eyes".to_owned()), ("tidegate[bot]".to_owned(), "rocket".to_owned())];
    assert_eq!(reactions(), wanted);
    world.github.react(&world.repo, CommentId(999_999), Reaction::Eyes).await.unwrap();
    world.end();
}

#[tokio::test]
async fn a_limit_says_how_long_and_nothing_more_is_asked_meanwhile() {
    let world = world();
    let kind = FaultKind::Secondary { status: 403, retry_after: Some(30) };
    world.emulator.fault(Fault::once("POST", COMMENTS, kind));
    let limited = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap_err();
    assert_eq!((limited.kind(), limited.wait()), (Kind::Limited, Some(Duration::from_secs(30))));
    let asked = world.emulator.requests().len();
    let limited = world.github.pull(&world.repo, world.number).await.unwrap_err();
    assert_eq!(limited.kind(), Kind::Limited);
    assert_eq!(world.emulator.requests().len(), asked);
    assert!(world.pull.comments().is_empty());
}

#[tokio::test]
async fn primary_exhaustion_lasts_until_the_reset() {
    let world = world();
    let kind = FaultKind::PrimaryExhausted { reset: 600 };
    world.emulator.fault(Fault::once("GET", "/repositories/*/pulls/*", kind));
    let limited = world.github.pull(&world.repo, world.number).await.unwrap_err();
    let wait = limited.wait().unwrap().as_secs();
    assert!((590..=602).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_commit_is_commented_once() {
    let world = world();
    let sha = world.shop.head("main").unwrap().parse().unwrap();
    let first = world.github.say_on_commit(&world.repo, &sha, &preview("one")).await.unwrap();
    let again = world.github.say_on_commit(&world.repo, &sha, &preview("one")).await.unwrap();
    assert_eq!(first, again);
    world.end();
}
