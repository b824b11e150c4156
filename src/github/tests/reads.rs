//! What is read: pull requests, people, commits, page by page.

use github_emulator::{Fault, FaultKind, MergeMethod, Role};

use super::{permissions, preview, world};
use crate::github::wire::{Ask, Method};
use crate::github::{GitHub, Kind};
use crate::model::id::PullNumber;
use crate::model::settings::Permission;

#[tokio::test]
async fn a_repository_and_its_pull_requests_are_told() {
    let world = world();
    let facts = world.github.repo(&world.repo).await.unwrap();
    assert_eq!((facts.default_branch.as_str(), facts.public, facts.archived), ("main", false, false));
    let pull = world.github.pull(&world.repo, world.number).await.unwrap().unwrap();
    assert_eq!(pull.head.as_str(), world.pull.head_sha().unwrap());
    assert_eq!(
        (pull.author.as_str(), pull.base.as_str(), pull.title.as_str()),
        ("alice", "main", "Change a")
    );
    assert!(pull.open && !pull.merged && !pull.draft && !pull.is_fork(world.repo.id));
    assert_eq!(pull.merge_commit, None);
    assert_eq!(world.github.pull(&world.repo, PullNumber(404)).await.unwrap(), None);

    let tip = world.github.tip(&world.repo, &"main".parse().unwrap()).await.unwrap();
    assert_eq!(tip.unwrap().as_str(), world.shop.head("main").unwrap());
    assert_eq!(world.github.tip(&world.repo, &"no/such".parse().unwrap()).await.unwrap(), None);

    let merged = world.pull.merge("alice", MergeMethod::Merge).unwrap();
    let pull = world.github.pull(&world.repo, world.number).await.unwrap().unwrap();
    assert_eq!(pull.merge_commit.as_ref().map(crate::model::id::Sha::as_str), Some(merged.as_str()));
    let of = world.github.pulls_of(&world.repo, &merged.parse().unwrap()).await.unwrap();
    assert_eq!(of.iter().map(|pull| (pull.number, pull.merged)).collect::<Vec<_>>(), [(world.number, true)]);
    world.end();
}

#[tokio::test]
async fn the_open_pull_requests_of_a_base_are_told() {
    let world = world();
    world.shop.commit("other", "x", "alice", &[("b.yaml", Some("b: 1\n"))]).unwrap();
    let other = world.shop.open_draft("alice", "b", "other", "main").unwrap();
    let closed = world.shop.open_pull("alice", "c", "other", "topic").unwrap();
    closed.close("alice").unwrap();
    let open = world.github.open_pulls(&world.repo, &"main".parse().unwrap()).await.unwrap();
    let told: Vec<_> = open.iter().map(|pull| (pull.number.0, pull.draft)).collect();
    assert_eq!(told, [(other.number, true), (world.pull.number, false)]);
    let none = world.github.open_pulls(&world.repo, &"topic".parse().unwrap()).await.unwrap();
    assert!(none.is_empty());
    world.end();
}

/// By id nothing redirects; a name that is used all the same is followed with its method and body, on this host only.
#[tokio::test]
async fn redirects_are_followed_with_method_and_body() {
    let world = world();
    world.shop.rename("store").unwrap();
    let (key, _) = GitHub::acting(&world.repo);
    let ask = Ask::get("reading", "/repos/acme/shop");
    let answer = world.github.wire().call(&key, &ask).await.unwrap();
    assert_eq!(answer.body["full_name"], "acme/store");
    let body = serde_json::json!({"body": "hello"});
    let path = format!("/repos/acme/shop/issues/{}/comments", world.number);
    let ask = Ask::write("writing", Method::Post, path, Some(&body));
    world.github.wire().call(&key, &ask).await.unwrap();
    assert_eq!(world.pull.comments()[0].body, "hello");
    world.end();
}

#[tokio::test]
async fn a_renamed_repository_stays_the_same_and_one_that_takes_its_name_is_another() {
    let world = world();
    world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    world.shop.rename("store").unwrap();
    let usurper = world.emulator.repository("acme", "shop", github_emulator::Visibility::Public).unwrap();
    usurper.commit("main", "Begin", "mallory", &[("a.yaml", Some("a: 1\n"))]).unwrap();
    let facts = world.github.repo(&world.repo).await.unwrap();
    assert_eq!((facts.name.to_string().as_str(), facts.public), ("acme/store", false));
    world.github.say(&world.repo, world.number, &preview("two")).await.unwrap();
    assert_eq!(world.pull.comments().len(), 1);
    world.end();
}

#[tokio::test]
async fn a_repository_that_is_gone_is_gone() {
    let world = world();
    world.github.repo(&world.repo).await.unwrap();
    world.shop.delete().unwrap();
    assert_eq!(world.github.repo(&world.repo).await.unwrap_err().kind(), Kind::Gone);
    let said = world.github.say(&world.repo, world.number, &preview("one")).await;
    assert_eq!(said.unwrap_err().kind(), Kind::Gone);
}

#[tokio::test]
async fn reads_are_tried_again_and_end() {
    let world = world();
    let failing = |times| Fault::once("GET", "/repositories/*/pulls/*", FaultKind::Before500).times(times);
    world.emulator.fault(failing(1));
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    world.emulator.fault(Fault::once("GET", "/repositories/*/pulls/*", FaultKind::Drop));
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    world.emulator.fault(failing(3));
    let failed = world.github.pull(&world.repo, world.number).await.unwrap_err();
    assert_eq!(failed.kind(), Kind::Weather);
    assert_eq!(world.asked("GET", "/pulls/1"), 2 + 2 + 3);
}

#[tokio::test]
async fn an_archived_repository_is_denied_and_says_why() {
    let world = world();
    world.shop.archive().unwrap();
    assert!(world.github.repo(&world.repo).await.unwrap().archived);
    let denied = world.github.say(&world.repo, world.number, &preview("one")).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Denied);
    assert!(denied.to_string().contains("archived"), "{denied}");
}

#[tokio::test]
async fn standings_are_githubs_own_words_and_strangers_have_none() {
    let world = world();
    let roles = [
        ("reader", Role::Read, Permission::Read),
        ("triager", Role::Triage, Permission::Triage),
        ("writer", Role::Write, Permission::Write),
        ("keeper", Role::Maintain, Permission::Maintain),
        ("boss", Role::Admin, Permission::Admin),
    ];
    for (login, role, wanted) in roles {
        world.shop.collaborator(login, role).unwrap();
        let standing = world.github.standing(&world.repo, &login.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(standing.permission, wanted, "{login}");
        assert_eq!(standing.user.0, world.emulator.user(login).id);
    }
    world.emulator.user("stranger");
    let stranger = world.github.standing(&world.repo, &"stranger".parse().unwrap()).await.unwrap();
    assert!(stranger.is_none_or(|standing| standing.permission == Permission::None));
    assert_eq!(world.github.standing(&world.repo, &"nobody-at-all".parse().unwrap()).await.unwrap(), None);
    world.end();
}

#[tokio::test]
async fn members_of_a_team_are_known_once_the_app_may_see_them() {
    let world = world();
    let org = world.emulator.organization("acme");
    org.team("deployers", "alice", github_emulator::Membership::Member);
    org.team("deployers", "bob", github_emulator::Membership::Pending);
    let member = async |team: &str, login: &str| {
        world.github.is_member(&world.repo, team, &login.parse().unwrap()).await
    };
    let denied = member("deployers", "alice").await.unwrap_err();
    assert!(denied.to_string().contains("`members: read`"), "{denied}");
    world.installation.set_permissions(permissions(&[("members", "read")])).unwrap();
    assert!(member("deployers", "alice").await.unwrap());
    assert!(member("acme/deployers", "alice").await.unwrap());
    assert!(!member("deployers", "bob").await.unwrap());
    assert!(!member("others", "alice").await.unwrap());
}
