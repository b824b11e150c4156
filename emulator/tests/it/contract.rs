//! The checker is awake: wrong calls and spoilt answers are caught.

use crate::scene::Scene;
use github_emulator::Emulator;
use github_emulator::contract::Contract;
use reqwest::Method;
use serde_json::json;

fn rules(scene: &Scene) -> Vec<String> {
    scene.github.violations().into_iter().map(|one| one.rule).collect()
}

#[tokio::test]
async fn a_corrupted_answer_is_caught() {
    let scene = Scene::new().await;
    scene.pull();
    scene.get("pulls/1").await.expect(200);
    assert_eq!(scene.github.violations(), []);
    scene.github.corrupt("GET", "/repos/*/*/pulls/*", |body| body["head"]["sha"] = json!(7));
    scene.get("pulls/1").await.expect(200);
    let seen = scene.github.violations();
    assert_eq!(
        (seen.len(), seen[0].operation.as_str(), seen[0].pointer.as_str()),
        (1, "pulls/get", "/head/sha")
    );
}

#[tokio::test]
async fn wrong_calls_are_recorded_and_refused_as_github_would() {
    let scene = Scene::new().await;
    let sha = scene.pull().head_sha().unwrap();
    let run = |more: serde_json::Value| {
        let mut body = json!({"name": "preview", "head_sha": sha});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let misspelt = run(json!({"conclusoin": "success"}));
    scene.post("check-runs", misspelt).await.expect(422);
    scene.post("check-runs", run(json!({"status": "completed"}))).await.expect(422);
    scene.post("check-runs", run(json!({"conclusion": "good"}))).await.expect(422);
    scene.post("issues/1/comments", json!({"body": 7})).await.expect(422);
    scene.post("issues/1/comments", json!({"body": "x".repeat(65_537)})).await.expect(422);
    scene.post("issues/comments/1", json!({"body": "POST is not PATCH"})).await.expect(404);
    scene.get("pulls?per_page=1000").await.expect(200);
    let count = rules(&scene).len();
    assert!(count >= 7, "{:?}", scene.github.violations());
    assert_eq!(scene.github.unknown_requests(), ["POST /repos/team/shop/issues/comments/1"]);
    let broken = scene.raw(Method::POST, "/repos/team/shop/check-runs", Some(&scene.token)).body("{").send();
    assert_eq!(broken.await.unwrap().status(), 400);
    assert_eq!(rules(&scene)[count..], ["json"]);
}

#[tokio::test]
async fn a_body_that_is_too_large_and_a_panic_are_told_too() {
    let scene = Scene::new().await;
    let large = vec![b' '; 25 * 1024 * 1024 + 1];
    // The answer may come before all is sent; whether the client still reads it then is not the question.
    let sent = scene.raw(Method::POST, "/repos/team/shop/check-runs", Some(&scene.token)).body(large).send();
    assert!(sent.await.map_or(true, |answer| answer.status() == 413));
    assert_eq!(rules(&scene), ["size"]);
    scene.github.corrupt("GET", "/repos/team/shop", |_| panic!("on purpose"));
    let answer = scene.raw(Method::GET, "/repos/team/shop", Some(&scene.token)).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    let told = scene.github.violations();
    assert_eq!((told.len(), told[1].rule.as_str()), (2, "panic"));
    assert!(told[1].message.contains("on purpose"), "{}", told[1]);
    let statuses: Vec<u16> = scene.github.requests().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [413, 500]);
}

#[tokio::test]
async fn every_emulated_operation_is_described() {
    let contract = Contract::load().unwrap();
    let described: Vec<String> = contract.operations().iter().map(ToString::to_string).collect();
    for operation in Emulator::operations() {
        assert!(described.iter().any(|one| one == operation), "{operation}");
    }
    assert!(Emulator::operations().len() > 70);
}

#[tokio::test]
async fn a_described_operation_that_is_not_emulated_is_told_too() {
    let scene = Scene::new().await;
    scene.get("environments").await.expect(404);
    assert_eq!(scene.github.unknown_requests().len(), 1);
}
