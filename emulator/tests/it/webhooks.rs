//! Webhooks: signed, in order or in the disorder that was asked for, recorded, sent again on request.

use crate::receiver::Receiver;
use crate::scene::EVENTS;
use crate::scene::PERMISSIONS;
use crate::scene::SECRET;
use crate::scene::Scene;
use crate::scene::permissions;
use github_emulator::HookMode;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_webhook_is_signed_over_its_very_bytes_and_says_whom_it_is_for() {
    let scene = Scene::new().await;
    scene.repo.commit("main", "Go on", "ada", &[("app.yaml", Some("replicas: 2\n"))]).unwrap();
    scene.github.hooks().settle().await;
    let all = scene.receiver.all();
    let push = all.iter().find(|one| one.event() == "push").unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let given = push.headers["x-hub-signature-256"].strip_prefix("sha256=").unwrap();
    aws_lc_rs::hmac::verify(&key, &push.bytes, &hex::decode(given).unwrap()).unwrap();
    assert_eq!(push.headers["x-github-hook-installation-target-id"], scene.app.id.to_string());
    assert_eq!(push.headers["x-github-hook-installation-target-type"], "integration");
    assert!(push.headers["user-agent"].starts_with("GitHub-Hookshot/"));
    let body = push.json();
    assert_eq!(body["ref"], "refs/heads/main");
    assert_eq!(body["head_commit"]["modified"], json!(["app.yaml"]));
    assert_eq!(body["pusher"]["name"], "ada");
    assert_eq!((&body["forced"], &body["created"]), (&json!(false), &json!(false)));
    assert_eq!(body["organization"]["login"], "team");
    assert!(scene.receiver.titles().contains(&"check_suite.requested".to_owned()));
    assert!(scene.github.webhooks_validated() > 0);
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn both_of_a_doubled_delivery_are_waited_for() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let hooks = scene.github.hooks();
    hooks.settle().await;
    scene.app.set_events(&["issue_comment"]);
    let receiver = Receiver::slow(Duration::from_millis(300));
    scene.app.set_webhook_url(Some(&receiver.url));
    hooks.set_mode_for_next(1, HookMode::Duplicate);
    pull.comment("ada", "twice").unwrap();
    hooks.settle().await;
    let guids: Vec<String> =
        receiver.all().iter().map(|one| one.headers["x-github-delivery"].clone()).collect();
    assert_eq!((guids.len(), &guids[0]), (2, &guids[1]));
    assert_eq!(receiver.titles(), ["issue_comment.created", "issue_comment.created"]);
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn deliveries_can_be_swapped_delayed_and_lost() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let hooks = scene.github.hooks();
    scene.app.set_events(&["issue_comment"]);
    let texts = async || -> Vec<String> {
        hooks.settle().await;
        let all = scene.receiver.all();
        let comments = all.iter().filter(|one| one.event() == "issue_comment");
        let texts = comments.map(|one| one.json()["comment"]["body"].as_str().unwrap().to_owned()).collect();
        scene.receiver.clear();
        texts
    };
    texts().await;
    let say = |text: &str| pull.comment("ada", text).unwrap();

    hooks.set_mode_for_next(1, HookMode::Reorder);
    say("first");
    say("second");
    assert_eq!(texts().await, ["second", "first"]);

    hooks.set_mode_for_next(1, HookMode::Reorder);
    say("alone");
    assert_eq!(texts().await, ["alone"], "nothing overtakes it, so it comes all the same");

    hooks.set_mode_for_next(1, HookMode::Delay(Duration::from_secs(5)));
    say("late");
    say("prompt");
    assert_eq!(texts().await, ["prompt", "late"]);

    hooks.set_mode_for_event("issue_comment", HookMode::Drop);
    say("lost");
    assert_eq!(texts().await, Vec::<String>::new());
    hooks.set_mode_for_event("issue_comment", HookMode::Normal);
    say("back");
    assert_eq!(texts().await, ["back"]);
    let lost = hooks.deliveries().into_iter().find(|one| one.status == 0).unwrap();
    hooks.redeliver(lost.id).unwrap();
    assert_eq!(texts().await, ["lost"]);
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn the_deliveries_interface_lists_shows_and_sends_again() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    for number in 0..3 {
        pull.comment("ada", &format!("comment {number}")).unwrap();
    }
    scene.github.hooks().settle().await;
    scene.github.hooks().set_mode_for_next(1, HookMode::Drop);
    pull.comment("ada", "lost").unwrap();
    scene.github.hooks().settle().await;
    scene.receiver.clear();
    let first = scene.as_app(Method::GET, "/app/hook/deliveries?per_page=2", None).await;
    let link = first.header("link").unwrap().to_owned();
    let first = first.expect(200);
    let path = link.split(['<', '>']).nth(1).unwrap().split("/api/v3").nth(1).unwrap();
    let second = scene.as_app(Method::GET, path, None).await.expect(200);
    assert!(second[0]["id"].as_u64() < first[1]["id"].as_u64());
    let failed = scene.as_app(Method::GET, "/app/hook/deliveries?status=failure", None).await.expect(200);
    assert_eq!(failed.as_array().unwrap().len(), 1);
    let one = format!("/app/hook/deliveries/{}", failed[0]["id"]);
    let whole = scene.as_app(Method::GET, &one, None).await.expect(200);
    assert_eq!(whole["request"]["payload"]["comment"]["body"], "lost");
    scene.as_app(Method::POST, &format!("{one}/attempts"), None).await.expect(202);
    scene.github.hooks().settle().await;
    let again = &scene.receiver.all()[0];
    assert_eq!(again.headers["x-github-delivery"], failed[0]["guid"].as_str().unwrap());
    let newest = scene.as_app(Method::GET, "/app/hook/deliveries?per_page=1", None).await.expect(200);
    assert_eq!((&newest[0]["redelivery"], &newest[0]["guid"]), (&json!(true), &failed[0]["guid"]));
    assert_eq!(newest[0]["status_code"], 202);
    scene.clean().await;
}

#[tokio::test]
async fn an_app_hears_only_what_it_subscribed_to_and_may_know() {
    let scene = Scene::new().await;
    scene.app.set_events(&["pull_request"]);
    let pull = scene.pull();
    pull.comment("ada", "hello").unwrap();
    scene.github.hooks().settle().await;
    let titles = scene.receiver.titles();
    assert!(titles.contains(&"pull_request.opened".to_owned()));
    assert!(!titles.iter().any(|title| title.starts_with("issue_comment") || title == "push"), "{titles:?}");
    scene.app.set_events(EVENTS);
    let fewer: Vec<_> = PERMISSIONS.iter().copied().filter(|(name, _)| *name != "issues").collect();
    scene.installation.set_permissions(permissions(&fewer)).unwrap();
    scene.receiver.clear();
    pull.comment("ada", "again").unwrap();
    scene.github.hooks().settle().await;
    assert!(!scene.receiver.titles().iter().any(|title| title.starts_with("issue_comment")));
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn the_apps_own_life_is_always_told() {
    let scene = Scene::new().await;
    scene.app.set_events(&[]);
    scene.app.ping();
    let visibility = github_emulator::Visibility::Private;
    let other = scene.github.repository("team", "other", visibility).unwrap();
    other.install(&scene.app).unwrap();
    other.uninstall(&scene.app).unwrap();
    scene.installation.set_permissions(permissions(&[("metadata", "read")])).unwrap();
    scene.repo.uninstall(&scene.app).unwrap();
    scene.github.hooks().settle().await;
    assert_eq!(
        scene.receiver.titles(),
        [
            "ping",
            "installation_repositories.added",
            "installation_repositories.removed",
            "installation.new_permissions_accepted",
            "installation.deleted",
        ]
    );
    scene.get("/repos/team/shop").await.expect(401);
    scene.clean().await;
}

#[tokio::test]
async fn a_receiver_that_is_away_is_tried_once() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    scene.github.hooks().settle().await;
    scene.app.set_webhook_url(Some("http://127.0.0.1:9/hook"));
    let before = scene.github.hooks().deliveries().len();
    pull.comment("ada", "anyone there?").unwrap();
    scene.github.hooks().settle().await;
    let all = scene.github.hooks().deliveries();
    assert_eq!(all.len(), before + 1);
    assert_eq!((all[before].status, all[before].outcome.as_str()), (0, "failed to connect to host"));
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn a_receiver_that_is_too_slow_is_timed_out_and_tried_once() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let hooks = scene.github.hooks();
    hooks.settle().await;
    scene.app.set_events(&["issue_comment"]);
    let receiver = Receiver::slow(Duration::from_mins(10));
    scene.app.set_webhook_url(Some(&receiver.url));
    hooks.set_timeout(Duration::from_secs(4));
    let before = hooks.deliveries().len();
    pull.comment("ada", "hurry").unwrap();
    hooks.settle().await;
    let all = hooks.deliveries();
    assert_eq!((all.len(), receiver.arrived()), (before + 1, 1));
    assert_eq!((all[before].status, all[before].outcome.as_str()), (0, "timed out"));
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_waited_for() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let hooks = scene.github.hooks();
    hooks.settle().await;
    scene.get("/repos/team/shop").await.expect(200);
    let receiver = Receiver::slow(Duration::from_mins(10));
    scene.app.set_webhook_url(Some(&receiver.url));
    pull.comment("ada", "on its way").unwrap();
    pull.comment("ada", "queued").unwrap();
    let settling = tokio::spawn(async move { hooks.settle().await });
    tokio::task::yield_now().await;
    assert!(!settling.is_finished(), "one is under way, one is queued");
    scene.github.shutdown();
    tokio::time::timeout(Duration::from_mins(1), settling).await.unwrap().unwrap();
    scene.clean().await;
}

#[tokio::test]
async fn a_payload_of_the_tests_own_is_signed_too() {
    let scene = Scene::new().await;
    scene.github.hooks().send_raw(&scene.app, "unheard_of", &json!({"action": "new"})).unwrap();
    scene.github.hooks().settle().await;
    let got = &scene.receiver.all()[0];
    assert_eq!(got.title(), "unheard_of.new");
    assert!(got.headers.contains_key("x-hub-signature-256"));
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn an_app_can_move_its_own_webhook() {
    let scene = Scene::new().await;
    let shown = scene.as_app(Method::GET, "/app/hook/config", None).await.expect(200);
    assert_eq!((&shown["url"], &shown["secret"]), (&json!(scene.receiver.url), &json!("********")));
    let other = Receiver::start();
    let body = json!({"url": other.url, "secret": "another"});
    scene.as_app(Method::PATCH, "/app/hook/config", Some(body)).await.expect(200);
    scene.app.ping();
    scene.github.hooks().settle().await;
    assert_eq!((scene.receiver.titles().len(), other.titles()), (0, vec!["ping".to_owned()]));
    scene.clean().await;
}
