//! GitHub's example payloads, and what they must become.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::read;
use crate::model::event::Event;

const PAYLOADS: &str = include_str!("../../../tests/data/webhooks/payloads.jsonl");

fn examples() -> Vec<(String, Value)> {
    let line = |line: &str| {
        let mut one: Value = serde_json::from_str(line).unwrap();
        (one["event"].as_str().unwrap().to_owned(), one["payload"].take())
    };
    PAYLOADS.lines().map(line).collect()
}

fn read_value(event: &str, payload: &Value) -> Event {
    read(event, payload.to_string().as_bytes()).unwrap()
}

fn word(event: &Event) -> &'static str {
    match event {
        Event::Proposed { .. } => "proposed",
        Event::Closed { .. } => "closed",
        Event::Commented { .. } => "commented",
        Event::Tampered { .. } => "tampered",
        Event::Pushed { .. } => "pushed",
        Event::Rerequested { .. } => "rerequested",
        Event::Pressed { .. } => "pressed",
        Event::Queued { .. } => "queued",
        Event::Renamed { .. } => "renamed",
        Event::Installed { .. } => "installed",
        Event::Ignored { .. } => "ignored",
    }
}

fn counts(examples: &[(String, Value)]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (event, payload) in examples {
        *counts.entry(word(&read_value(event, payload))).or_default() += 1;
    }
    counts
}

#[test]
fn every_example_is_read_and_those_that_concern_us_are_understood() {
    let examples = examples();
    assert_eq!(examples.len(), 329);
    let wanted = [
        ("closed", 2),
        ("ignored", 299),
        ("installed", 10),
        ("pressed", 1),
        ("proposed", 7),
        ("pushed", 2),
        ("queued", 2),
        ("renamed", 2),
        ("rerequested", 4),
    ];
    assert_eq!(counts(&examples), BTreeMap::from(wanted));
}

/// Many examples come from repository webhooks, which name no installation; an App's always do.
#[test]
fn every_example_is_understood_as_an_app_would_get_it() {
    let mut examples = examples();
    for (event, payload) in &mut examples {
        if payload.get("installation").is_none() {
            payload["installation"] = json!({"id": 7, "node_id": "x"});
        }
        if event == "issue_comment" {
            payload["issue"]["pull_request"] = json!({"url": "https://api.github.com/repos/a/b/pulls/1"});
        }
    }
    let wanted = [
        ("closed", 2),
        ("commented", 5),
        ("ignored", 289),
        ("installed", 10),
        ("pressed", 1),
        ("proposed", 10),
        ("pushed", 2),
        ("queued", 2),
        ("renamed", 4),
        ("rerequested", 4),
    ];
    assert_eq!(counts(&examples), BTreeMap::from(wanted));
}

fn comment(sender: (u64, &str), author: (u64, &str), action: &str) -> Value {
    json!({
        "action": action,
        "installation": {"id": 5},
        "repository": {"id": 9, "full_name": "acme/shop"},
        "issue": {"number": 12, "pull_request": {"url": "x"}},
        "comment": {
            "id": 77, "body": "/deploy staging", "created_at": "2026-11-02T10:00:00Z",
            "user": {"id": author.0, "login": author.1, "type": if author.1.contains('[') { "Bot" } else { "User" }},
        },
        "sender": {"id": sender.0, "login": sender.1, "type": if sender.1.contains('[') { "Bot" } else { "User" }},
    })
}

#[test]
fn a_comment_by_a_person_on_a_pull_request_is_told_whole() {
    let event = read_value("issue_comment", &comment((3, "alice"), (3, "alice"), "created"));
    let Event::Commented { repo, pull, comment } = event else { panic!("{event:?}") };
    assert_eq!((repo.installation.0, repo.id.0, repo.name.to_string().as_str()), (5, 9, "acme/shop"));
    assert_eq!((pull.0, comment.id.0, comment.author_id.0), (12, 77, 3));
    assert_eq!(
        (comment.author.as_str(), comment.body.as_str(), comment.bot),
        ("alice", "/deploy staging", false)
    );
    assert_eq!(comment.written.to_string(), "2026-11-02T10:00:00Z");
}

#[test]
fn bots_impostors_issues_and_unknown_actions_command_nothing() {
    let mut on_issue = comment((3, "alice"), (3, "alice"), "created");
    on_issue["issue"]["pull_request"] = Value::Null;
    for payload in [
        on_issue,
        comment((4, "x[bot]"), (4, "x[bot]"), "created"),
        comment((4, "mallory"), (3, "alice"), "created"),
        comment((3, "alice"), (3, "alice"), "edited"),
        comment((3, "alice"), (3, "alice"), "pinned"),
        comment((3, "alice"), (3, "alice"), "some_action_of_tomorrow"),
    ] {
        let event = read_value("issue_comment", &payload);
        assert_eq!(word(&event), "ignored", "{payload}");
    }
}

#[test]
fn a_comment_of_ours_that_another_edits_or_deletes_was_tampered_with() {
    for action in ["edited", "deleted"] {
        let mut payload = comment((3, "alice"), (8, "tidegate[bot]"), action);
        payload["comment"]["body"] = "gone".into();
        assert_eq!(word(&read_value("issue_comment", &payload)), "ignored");
        payload["changes"] = json!({"body": {"from": "<!-- tidegate:preview -->\nall is well"}});
        assert_eq!(word(&read_value("issue_comment", &payload)), "tampered");
        payload["sender"] = json!({"id": 8, "login": "tidegate[bot]", "type": "Bot"});
        assert_eq!(word(&read_value("issue_comment", &payload)), "ignored");
    }
}

#[test]
fn a_deleted_branch_and_a_retargeted_pull_request_are_told() {
    let push = json!({
        "installation": {"id": 5}, "repository": {"id": 9, "full_name": "acme/shop"}, "ref": "refs/heads/topic/x",
        "after": "0".repeat(40), "deleted": true, "pusher": {"name": "alice"},
    });
    let event = read_value("push", &push);
    let Event::Pushed { branch, after, by, .. } = event else { panic!("{event:?}") };
    assert_eq!((branch.as_str(), after, by.as_str()), ("topic/x", None, "alice"));

    let mut edit = json!({
        "action": "edited", "installation": {"id": 5}, "repository": {"id": 9, "full_name": "acme/shop"},
        "pull_request": {"number": 1, "head": {"sha": "a".repeat(40)}}, "changes": {"title": {"from": "x"}},
    });
    assert_eq!(word(&read_value("pull_request", &edit)), "ignored");
    edit["changes"] = json!({"base": {"ref": {"from": "main"}}});
    assert_eq!(word(&read_value("pull_request", &edit)), "proposed");
}

#[test]
fn what_is_not_json_or_lacks_what_it_must_have_is_an_error_and_no_panic() {
    for body in ["", "{", "7", "null", "\u{1f}", r#"{"installation":{"id":1},"action":"opened"}"#] {
        assert!(read("pull_request", body.as_bytes()).is_err(), "{body}");
        assert_eq!(word(&read("unheard_of", body.as_bytes()).unwrap()), "ignored");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read("push", deep.as_bytes()).is_err());
}
