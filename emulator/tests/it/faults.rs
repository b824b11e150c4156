//! Faults on demand.

use crate::scene::Scene;
use github_emulator::Fault;
use github_emulator::FaultKind;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use std::time::Instant;

#[tokio::test]
async fn a_502_can_come_after_the_write_happened() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    scene.github.fault(Fault::once("POST", "/repos/*/*/issues/*/comments", FaultKind::AfterWrite502));
    scene.post("issues/1/comments", json!({"body": "once"})).await.expect(502);
    assert_eq!(pull.comments().len(), 1);
    scene.post("issues/1/comments", json!({"body": "twice"})).await.expect(201);
    assert_eq!(pull.comments().len(), 2);
    scene.clean().await;
}

#[tokio::test]
async fn limits_and_refusals_leave_all_as_it_was() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let kinds = [
        (FaultKind::Before500, 500),
        (FaultKind::Unauthorized401, 401),
        (FaultKind::Secondary { status: 403, retry_after: Some(7) }, 403),
        (FaultKind::Secondary { status: 429, retry_after: None }, 429),
        (FaultKind::PrimaryExhausted { reset: 60 }, 403),
        (FaultKind::Status(503), 503),
    ];
    for (kind, status) in kinds {
        scene.github.fault(Fault::once("*", "/repos/**", kind.clone()));
        let answer = scene.post("issues/1/comments", json!({"body": "x"})).await;
        assert_eq!(answer.status, status, "{kind:?}");
        if let FaultKind::Secondary { retry_after, .. } = kind {
            let wanted = retry_after.map(|seconds| seconds.to_string());
            assert_eq!(answer.header("retry-after"), wanted.as_deref());
        } else if matches!(kind, FaultKind::PrimaryExhausted { .. }) {
            assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
            let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
            assert!(reset > scene.github.clock().now().as_second() + 30);
        }
    }
    assert_eq!(pull.comments(), []);
    scene.get("issues/1/comments").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn a_fault_waits_strikes_and_ends() {
    let scene = Scene::new().await;
    scene.github.fault(Fault::once("GET", "/repos/team/shop", FaultKind::Before500).after(1).times(2));
    for status in [200, 500, 500, 200] {
        scene.get("/repos/team/shop").await.expect(status);
    }
    scene.github.fault(Fault::once("GET", "/**", FaultKind::Before500).times(9));
    scene.github.clear_faults();
    scene.get("/repos/team/shop").await.expect(200);
    let statuses: Vec<u16> = scene.github.requests().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    scene.clean().await;
}

#[tokio::test]
async fn answers_can_be_slow_or_never_come() {
    let scene = Scene::new().await;
    let wait = Duration::from_millis(200);
    let long = FaultKind::SlowBody(Duration::from_mins(10));
    scene.github.fault(Fault::once("GET", "/repos/team/shop", long));
    let response = scene.raw(Method::GET, "/repos/team/shop", Some(&scene.token)).send().await.unwrap();
    assert_eq!(response.status(), 200, "the head does not wait for the body");
    assert!(tokio::time::timeout(wait, response.bytes()).await.is_err(), "the body came at once");
    scene.github.fault(Fault::once("GET", "/repos/team/shop", FaultKind::SlowBody(wait)));
    let begun = Instant::now();
    scene.get("/repos/team/shop").await.expect(200);
    assert!(begun.elapsed() >= wait);
    scene.github.fault(Fault::once("GET", "/repos/team/shop", FaultKind::Slow(wait)));
    let begun = Instant::now();
    scene.raw(Method::GET, "/repos/team/shop", Some(&scene.token)).send().await.unwrap();
    assert!(begun.elapsed() >= wait);
    scene.github.fault(Fault::once("GET", "/repos/team/shop", FaultKind::Drop));
    let dropped = scene.raw(Method::GET, "/repos/team/shop", Some(&scene.token)).send().await;
    assert!(dropped.is_err(), "{dropped:?}");
    scene.get("/repos/team/shop").await.expect(200);
    scene.clean().await;
}
