//! Tokens: minted once, renewed, refused.

use github_emulator::{Fault, FaultKind, TokenStyle};
use secrecy::ExposeSecret;

use super::{permissions, preview, world};
use crate::github::Kind;
use crate::model::check::{Check, Conclusion};

#[tokio::test]
async fn ten_who_want_the_same_token_ask_for_it_once() {
    let world = world();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (github, repo) = (world.github.clone(), world.repo.clone());
        tasks.spawn(async move { github.token(&repo).await.unwrap().expose_secret().to_owned() });
    }
    let tokens = tasks.join_all().await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(world.asked("POST", "/access_tokens"), 1);
    world.end();
}

#[tokio::test]
async fn a_token_of_any_form_is_used_and_never_printed() {
    let world = world();
    world.emulator.set_token_style(TokenStyle::Stateless520);
    let token = world.github.token(&world.repo).await.unwrap();
    assert!(token.expose_secret().len() > 400 && token.expose_secret().contains('.'));
    assert!(!format!("{token:?}").contains("ghs_"));
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    world.end();
}

#[tokio::test]
async fn a_token_that_is_refused_in_flight_is_made_anew_once() {
    let world = world();
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    world.emulator.fault(Fault::once("GET", "/repositories/*/pulls/*", FaultKind::Unauthorized401));
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    assert_eq!(world.asked("POST", "/access_tokens"), 2);

    // A token may be refused that was made just now: GitHub does not know it everywhere yet, and later it does.
    world.emulator.fault(Fault::once("GET", "/repositories/*/pulls/*", FaultKind::Unauthorized401).times(2));
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    assert_eq!(world.asked("POST", "/access_tokens"), 4);
    world.emulator.fault(Fault::once("GET", "/repositories/*/pulls/*", FaultKind::Unauthorized401).times(6));
    let refused = world.github.pull(&world.repo, world.number).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Weather);
    world.end();
}

#[tokio::test]
async fn a_token_that_git_found_refused_is_made_anew() {
    let world = world();
    let first = world.github.token(&world.repo).await.unwrap();
    world.github.refused(&world.repo, &first).await;
    let second = world.github.token(&world.repo).await.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    world.end();
}

#[tokio::test]
async fn a_permission_that_was_not_granted_is_named() {
    let world = world();
    let mut granted = permissions(&[]);
    granted.remove("deployments");
    granted.insert("checks".into(), "read".into());
    world.installation.set_permissions(granted).unwrap();
    // The rest goes on, so that somebody can be told.
    assert!(world.github.pull(&world.repo, world.number).await.unwrap().is_some());
    world.github.say(&world.repo, world.number, &preview("one")).await.unwrap();
    let sha = world.pull.head_sha().unwrap().parse().unwrap();
    let check = Check {
        name: "tidegate/preview".into(),
        external_id: "1".into(),
        conclusion: Conclusion::Success,
        title: "x".into(),
        summary: "x".into(),
        text: String::new(),
        faults: Vec::new(),
    };
    let denied = world.github.check(&world.repo, &sha, &check).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Denied);
    assert!(denied.to_string().contains("grant it `checks: write`, `deployments: write`"), "{denied}");
    world.installation.set_permissions(permissions(&[])).unwrap();
    world.github.check(&world.repo, &sha, &check).await.expect("granted meanwhile, and seen at once");
    let denied = world.github.push_token(&world.repo).await.unwrap_err();
    assert!(denied.to_string().contains("`contents: write`"), "{denied}");
}

#[tokio::test]
async fn an_app_that_was_taken_away_is_gone_and_a_suspended_one_denied() {
    let world = world();
    world.installation.suspend().unwrap();
    assert_eq!(world.github.token(&world.repo).await.unwrap_err().kind(), Kind::Denied);
    world.installation.unsuspend().unwrap();
    world.shop.uninstall(&world.app).unwrap();
    assert_eq!(world.github.token(&world.repo).await.unwrap_err().kind(), Kind::Gone);
    world.end();
}
