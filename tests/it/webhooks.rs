//! The front door itself: what is let in, what is not, and that nothing that comes in ends the process.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::Value;
use serde_json::json;
use sqlx::Connection as _;

use crate::support::fixture::NAMES;
use crate::support::world::SECRET;
use crate::support::world::World;
use crate::support::world::previews;

/// The limit that GitHub itself keeps.
const LARGEST: usize = 25_000_000;

fn signed(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Posts a payload as GitHub does, signed with the right secret; gives the status.
async fn post(world: &World, (id, event): (&str, &str), body: &[u8]) -> u16 {
    post_signed(world, (id, event), body, &signed(SECRET, body)).await
}

async fn post_signed(world: &World, (id, event): (&str, &str), body: &[u8], signature: &str) -> u16 {
    let app = world.app.id.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-github-delivery", id),
        ("x-github-event", event),
        ("x-github-hook-installation-target-id", app.as_str()),
        ("x-github-hook-installation-target-type", "integration"),
        ("x-hub-signature-256", signature),
    ];
    let (status, text) = world.server.post(&headers, body.to_vec()).await;
    assert!(status < 500, "{status} for {event}: {text}");
    status
}

/// How many deliveries the database holds.
async fn stored(world: &World) -> i64 {
    let file = world.server.folder().join("tidegate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM deliveries").fetch_one(&mut database).await.unwrap()
}

fn guid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[tokio::test]
async fn every_example_payload_is_taken_and_none_ends_the_process() {
    let mut world = World::with_branches().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/webhooks/payloads.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let mut posted = 0;
    for (number, line) in text.lines().enumerate() {
        let example: Value = serde_json::from_str(line).unwrap();
        let event = example["event"].as_str().unwrap();
        let body = serde_json::to_vec(&example["payload"]).unwrap();
        assert_eq!(post(&world, (&guid(number), event), &body).await, 202, "{event}");
        posted += 1;
    }
    assert!(posted > 300, "{posted}");
    world.settle().await;
    assert!(world.server.lives());
    assert_eq!(stored(&world).await, i64::try_from(posted).unwrap());
    let log = world.server.log();
    assert!(!log.contains("could not be read"), "a payload that concerns us was not understood:\n{log}");
    assert_eq!(world.server.jobs(&["buried"]).await, 0, "{log}");
    assert_eq!(world.server.get("/healthz").await.map(|(status, _)| status), Some(200));
    assert_eq!(world.server.terminate(Duration::from_secs(15)).await.code(), Some(0));
}

#[tokio::test]
async fn a_forged_delivery_is_refused_and_leaves_no_trace() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    world.settle().await;
    let before = stored(&world).await;
    let body = json!({"action": "created", "installation": {"id": 1}}).to_string();
    let body = body.as_bytes();
    let right = signed(SECRET, body);
    let forged = [
        signed("another secret", body),
        signed(SECRET, b"another body"),
        right.replace("sha256=", "sha1="),
        right.replace("sha256=", ""),
        right[..right.len() - 2].to_owned(),
        "sha256=".to_owned(),
        String::new(),
    ];
    for signature in &forged {
        let status = post_signed(&world, (&guid(1), "issue_comment"), body, signature).await;
        assert_eq!(status, 401, "{signature:?}");
    }
    assert_eq!(stored(&world).await, before);
    // The forger's id is not taken either: GitHub's own delivery under it is still new.
    assert_eq!(post(&world, (&guid(1), "star"), body).await, 202);
    assert_eq!(stored(&world).await, before + 1);
    assert_eq!(repository.pull(1).comments().len(), 0);
    world.server_only().await;
}

#[tokio::test]
async fn a_replayed_delivery_is_taken_once() {
    let world = World::with_branches().await;
    let body = json!({"action": "created"}).to_string();
    for _ in 0..5 {
        assert_eq!(post(&world, (&guid(1), "star"), body.as_bytes()).await, 202);
    }
    assert_eq!(stored(&world).await, 1);
    world.server_only().await;
}

#[tokio::test]
async fn a_redelivered_command_is_done_once() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    world.says(&pull, "bob", "/deploy staging").await;
    let count = pull.comments().len();
    for delivery in world.hub.hooks().deliveries() {
        world.hub.hooks().redeliver(delivery.id).unwrap();
    }
    world.settle().await;
    assert_eq!(pull.comments().len(), count, "{:#?}", pull.comments());
    assert_eq!(repository.deployments().len(), 1);
    world.finish().await;
}

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: red}\ndata: {a: b}\n";

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    use std::io::Read as _;
    use std::io::Write as _;
    let world = World::with_branches().await;
    let mut stream = std::net::TcpStream::connect(world.server.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST /github/webhook HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\ncontent-type: application/json\r\n\
         x-github-delivery: {}\r\nx-github-event: push\r\nx-hub-signature-256: {}\r\n\r\n",
        LARGEST + 1,
        guid(1),
        signed(SECRET, b"")
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
    assert_eq!(stored(&world).await, 0);
    world.server_only().await;
}

#[tokio::test]
async fn what_is_no_json_is_taken_and_ends_nothing_and_what_lacks_its_headers_is_refused_with_4xx() {
    let world = World::with_branches().await;
    let bodies = [&b"{"[..], b"", b"null", b"[1, 2]", b"\xff\xfe", &b"[".repeat(100_000)];
    for (number, body) in bodies.iter().enumerate() {
        // GitHub signed it: it is kept, whatever it is, and read later.
        assert_eq!(post(&world, (&guid(number), "issue_comment"), body).await, 202, "{number}");
    }
    world.settle().await;
    assert_eq!(stored(&world).await, i64::try_from(bodies.len()).unwrap());
    let headers = [("content-type", "application/json")];
    let (status, _) = world.server.post(&headers, "{}").await;
    assert_eq!(status, 401, "without a signature nothing is said of anything else");
    let (status, _) = world.server.get("/github/webhook").await.unwrap();
    assert_eq!(status, 405);
    world.server_only().await;
}

#[tokio::test]
async fn unknown_events_and_actions_are_taken_and_nothing_follows() {
    let world = World::with_branches().await;
    let (repository, installation) = world.repository("acme/shop", "plain", NAMES);
    let pull = world.previewed(&repository, "red", &[("apps/red.yaml", Some(OBJECT))]).await;
    let requests = world.hub.requests().len();
    let payload = json!({
        "action": "levitated",
        "installation": {"id": installation.id},
        "repository": {"id": repository.id, "name": "shop", "full_name": "acme/shop", "owner": {"login": "acme", "id": 1}},
    });
    let body = payload.to_string();
    for (number, event) in
        ["pull_request", "issue_comment", "check_run", "merge_group", "hologram"].into_iter().enumerate()
    {
        assert_eq!(post(&world, (&guid(number), event), body.as_bytes()).await, 202, "{event}");
    }
    world.settle().await;
    assert_eq!(world.hub.requests().len(), requests, "nobody was asked anything");
    assert_eq!(previews(&pull).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_delivery_for_another_app_is_refused() {
    let world = World::with_branches().await;
    let body = b"{}";
    let signature = signed(SECRET, body);
    let headers = [
        ("content-type", "application/json"),
        ("x-github-delivery", "00000000-0000-4000-8000-000000000001"),
        ("x-github-event", "star"),
        ("x-github-hook-installation-target-id", "424242"),
        ("x-hub-signature-256", signature.as_str()),
    ];
    let (status, _) = world.server.post(&headers, body.to_vec()).await;
    assert_eq!(status, 403);
    assert_eq!(stored(&world).await, 0);
    world.server_only().await;
}
