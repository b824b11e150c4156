//! Secrets through the front door: what is deployed and what only the cluster knows shows nowhere, in no form.
#![allow(clippy::format_collect, reason = "short texts of tests")]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use github_emulator::MergeMethod;
use github_emulator::Pull;
use github_emulator::Repository;
use serde_json::Value;
use serde_json::json;
use sqlx::Connection as _;
use sqlx::Row as _;

use crate::support::checkout::Checkout;
use crate::support::cluster::Cluster;
use crate::support::page;
use crate::support::page::stable;
use crate::support::world::World;
use crate::support::world::conclusion;
use crate::support::world::previews;

/// In Git, in a Secret and in much else.
const GIT: &str = "c0rrect&horse\"battery/st\\aple";
/// In Git, in a Secret of several lines.
const PEM: &str = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4M2b\nXQ\n-----END KEY-----\n";
/// Put into the cluster by hand.
const LIVE: &str = "only-the-cluster-knows-this";

/// A text as it may lie open in another.
fn traces(secret: &str) -> Vec<String> {
    let quoted = Value::from(secret).to_string();
    let again = Value::from(quoted.as_str()).to_string();
    let mut all = vec![
        secret.to_owned(),
        quoted.trim_matches('"').to_owned(),
        again.trim_matches(['"', '\\']).to_owned(),
        secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        hex::encode(secret),
        hex::encode(secret).to_uppercase(),
        secret.replace('&', "&amp;").replace('"', "&quot;"),
    ];
    for before in 0..3 {
        // Without the characters that what stands beside it has a part in.
        let text = format!("{}{secret}", "x".repeat(before));
        for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            let inner = encoded.trim_end_matches('=');
            all.push(inner[if before == 0 { 0 } else { 4 }..inner.len() - 2].to_owned());
        }
    }
    all.retain(|trace| trace.len() >= 8);
    all
}

fn assert_hidden(place: &str, text: &str) {
    let lines = PEM.lines().filter(|line| line.len() > 16 && !line.starts_with('-'));
    for secret in [GIT, LIVE].into_iter().chain(lines) {
        for trace in traces(secret) {
            assert!(!text.contains(&trace), "{place} holds {trace}:\n{text}");
        }
    }
}

fn secret(user: &str) -> String {
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"user": user, "password": GIT, "key": PEM}});
    body.to_string()
}

/// The same secrets wherever an author may have put them.
fn settings(colour: &str) -> String {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
    "metadata": {"name": "web", "annotations": {"note": format!("the password is {GIT}"),
        "manifest": json!({"kind": "Secret", "apiVersion": "v1", "data": {"p": STANDARD.encode(GIT)}}).to_string()}},
    "data": {
        "colour": colour,
        "url": format!("postgres://joe:{GIT}@db/x"),
        "json": json!({"password": GIT}).to_string(),
        "base64": STANDARD.encode(GIT),
        "more": STANDARD.encode(format!("joe:{GIT}")),
        "address": URL_SAFE_NO_PAD.encode(format!("ab{GIT}yz")),
        "percent": GIT.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>(),
        "hex": hex::encode(GIT),
        "line": PEM.lines().nth(1),
        "file": format!("key: |\n  {}", PEM.replace('\n', "\n  ")),
    }});
    body.to_string()
}

/// Every row of the database as text, but for the bundles of what was deployed, which hold what must be applied again.
async fn rows(world: &World) -> String {
    let file = world.server.folder().join("tidegate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'bundles'")
            .fetch_all(&mut database)
            .await
            .unwrap();
    assert!(tables.iter().any(|table| table == "previews"), "{tables:?}");
    let mut out = String::new();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(&table)
            .fetch_all(&mut database)
            .await
            .unwrap();
        let columns: Vec<String> = columns.iter().map(|name| format!("CAST(\"{name}\" AS BLOB)")).collect();
        let query = format!("SELECT {} FROM \"{table}\"", columns.join(", "));
        for row in sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut database).await.unwrap() {
            for at in 0..columns.len() {
                let bytes: Option<Vec<u8>> = row.get(at);
                writeln!(out, "{table}: {}", String::from_utf8_lossy(&bytes.unwrap_or_default())).unwrap();
            }
        }
    }
    out
}

/// Everything that people or other programs read.
async fn assert_nothing_shows(world: &World, repository: &Repository, pull: &Pull) {
    assert_hidden("the conversation", &page::conversation(repository, pull));
    for comment in pull.comments() {
        assert_hidden("a comment", &comment.body);
    }
    let head = pull.head_sha().unwrap();
    for run in repository.check_runs(&head) {
        for text in [&run.title, &run.summary, &run.text].into_iter().flatten() {
            assert_hidden("a check", text);
        }
        assert_hidden("a check's annotations", &format!("{:?}", run.annotations));
    }
    assert_hidden("a deployment", &page::deployments(repository));
    assert_hidden("the log", &world.server.log());
    assert_hidden("the database", &rows(world).await);
    // What only the cluster knows is in no file at all, not even where old rows lay.
    for name in ["tidegate.db", "tidegate.db-wal"] {
        let bytes = std::fs::read(world.server.folder().join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for trace in traces(LIVE) {
            assert!(!text.contains(&trace), "{name} holds {trace}");
        }
    }
}

/// A world in which the secrets are deployed, and one more lies in the cluster alone, at several places.
async fn deployed() -> (Cluster, World, Repository) {
    let cluster = Cluster::start().await;
    let target = cluster.target("acme/shop");
    let world = World::start(&json!({"staging": target, "production": target}), &[]).await;
    let (repository, _) = world.repository("acme/shop", "plain", &cluster.names());
    let files = [("apps/db.json", Some(secret("joe"))), ("apps/web.yaml", Some(settings("green")))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
    let pull = world.previewed(&repository, "first", &files).await;
    assert_nothing_shows(&world, &repository, &pull).await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    let namespace = cluster.production.clone();
    let held = cluster.object("v1", "Secret", &namespace, "db").await.expect("it was deployed");
    assert_eq!(held["data"]["password"], STANDARD.encode(GIT), "what is masked is not what is applied");
    cluster.edit("Secret", &namespace, "db", &json!({"stringData": {"token": LIVE}})).await;
    let copies = json!({"metadata": {"annotations": {"by-hand": format!("token={LIVE}")}},
        "data": {"by-hand": LIVE, "encoded": STANDARD.encode(format!("joe:{LIVE}")), "colour": LIVE}});
    cluster.edit("ConfigMap", &namespace, "web", &copies).await;
    (cluster, world, repository)
}

#[tokio::test]
async fn no_form_of_a_secret_shows_anywhere() {
    let (cluster, world, repository) = deployed().await;
    // Both objects change, so that all that is beside the change may show.
    let bad = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "bad", "labels": {"x": GIT}}, "data": {}});
    let (user, red, bad) = (secret("somebody-else"), settings("red"), bad.to_string());
    let files = [("apps/db.json", Some(user.as_str())), ("apps/web.yaml", Some(red.as_str()))];
    let refused = world
        .previewed(&repository, "refused", &[files[0], files[1], ("apps/bad.json", Some(bad.as_str()))])
        .await;
    assert_eq!(conclusion(&repository, &refused.head_sha().unwrap(), "tidegate/preview"), "failure");
    assert!(previews(&refused)[0].body.contains("‹secret "), "{}", previews(&refused)[0].body);
    assert_nothing_shows(&world, &repository, &refused).await;

    let pull = world.previewed(&repository, "red", &files).await;
    let body = previews(&pull).remove(0).body;
    assert!(body.contains("‹secret›") && body.contains("‹secret "), "{body}");
    insta::assert_snapshot!("preview", stable(&body, &cluster.unnamed()));
    assert_nothing_shows(&world, &repository, &pull).await;
    world.says(&pull, "bob", "/deploy staging").await;
    pull.merge("ann", MergeMethod::Squash).unwrap();
    world.settle().await;
    assert_nothing_shows(&world, &repository, &pull).await;
    let live = cluster.data(&cluster.production, "web").await.unwrap();
    assert_eq!((&live["colour"], &live["by-hand"]), (&json!("red"), &json!(LIVE)), "{:#?}", pull.comments());
    world.finish().await;
}

/// Pull requests that state a guess in plain text, and more as a Secret too; nothing tells which of them is right.
#[tokio::test]
async fn guesses_learn_nothing() {
    let (cluster, world, repository) = deployed().await;
    let mut told = Vec::new();
    for (branch, guess) in [("right", LIVE), ("wrong", "not-what-the-cluster-knows!")] {
        assert_eq!(guess.len(), LIVE.len());
        let list = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "guesses"},
            "data": {"a": guess, "b": STANDARD.encode(guess), "c": format!("x{guess}y")}});
        let mut own: Value = serde_json::from_str(&secret("joe")).unwrap();
        own["stringData"]["guess"] = json!(guess);
        let mut beside: Value = serde_json::from_str(&settings("green")).unwrap();
        beside["data"]["guess"] = json!(guess);
        let bad = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "bad", "labels": {"x": format!("{guess} {guess}")}}, "data": {}});
        let all = [("bad.json", &bad), ("a.json", &list), ("web.yaml", &beside), ("db.json", &own)];
        let texts: Vec<_> =
            all.iter().map(|(name, body)| (format!("apps/{name}"), body.to_string())).collect();
        let mut seen = String::new();
        // As plain text alone, what the server refuses among it; then beside a Secret of the author's, in which it is one.
        // What is not looked at is not known: the Secret changes both times.
        let other = secret("somebody-else");
        for (range, branch) in [(0..3, format!("{branch}-plain")), (1..4, branch.to_owned())] {
            let mut files: Vec<_> =
                texts[range].iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
            if !files.iter().any(|(path, _)| *path == "apps/db.json") {
                files.push(("apps/db.json", Some(other.as_str())));
            }
            let pull = world.previewed(&repository, &branch, &files).await;
            seen.push_str(&page::conversation(&repository, &pull));
        }
        for form in [guess.to_owned(), STANDARD.encode(guess)] {
            seen = seen.replace(&form, "GUESS");
        }
        told.push(stable(&seen, &cluster.unnamed()));
    }
    assert!(told[0].contains("GUESS") && told[0].contains("‹secret MARK"), "{}", told[0]);
    assert_eq!(told[0], told[1]);
    world.finish().await;
}

#[test]
fn no_form_of_a_secret_shows_on_the_command_line() {
    let checkout = Checkout::of("plain");
    checkout.commit(&[("apps/db.json", Some(&secret("joe"))), ("apps/web.yaml", Some(&settings("green")))]);
    checkout.branch("red");
    checkout.commit(&[
        ("apps/db.json", Some(&secret("somebody-else"))),
        ("apps/web.yaml", Some(&settings("red"))),
    ]);
    for format in ["text", "markdown", "json"] {
        let ran = checkout.tidegate(&["plan", "--rendered", "--base", "main", "--format", format]).ended(2);
        assert!(ran.out.contains("‹secret "), "{}", ran.out);
        assert_hidden(format, &format!("{}{}", ran.out, ran.err));
        if format == "json" {
            // As it is read, and not only as it is escaped.
            let plan: Value = serde_json::from_str(&ran.out).unwrap();
            for text in plan.as_object().unwrap().values().flat_map(texts) {
                assert_hidden("the plan", &text);
            }
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let mut all = texts(value);
                all.push(key.clone());
                all
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
