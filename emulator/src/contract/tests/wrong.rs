//! Wrong exchanges, each caught by the rule that is there for it, at the place where it is wrong.

use serde_json::Value;
use serde_json::json;

use crate::contract::OperationId;
use crate::contract::Violation;
use crate::contract::tests::CONTRACT;
use crate::contract::tests::sample;

const CHECKS: &str = "/repos/o/r/check-runs";
const RUN: &str = "/repos/o/r/check-runs/7";
const COMMENTS: &str = "/repos/o/r/issues/1/comments";
const DEPLOYMENTS: &str = "/repos/o/r/deployments";
const STATUSES: &str = "/repos/o/r/deployments/5/statuses";
const PULLS: &str = "/repos/o/r/pulls";
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn op(id: &str) -> OperationId {
    OperationId(id.to_owned())
}

/// The violations of a request as it would come over the wire.
fn request(method: &str, target: &str, body: &Value) -> Vec<Violation> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query: Vec<_> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let op = CONTRACT.operation(method, path).unwrap_or_else(|| panic!("no operation {method} {path}"));
    CONTRACT.check_request(&op, path, &query, Some(body).filter(|body| !body.is_null()))
}

#[track_caller]
fn passes(method: &str, target: &str, body: &Value) {
    assert_eq!(request(method, target, body), []);
}

#[track_caller]
fn caught(rule: &str, pointer: &str, violations: &[Violation]) {
    let found = violations.iter().any(|violation| violation.rule == rule && violation.pointer == pointer);
    assert!(found, "no {rule} at {pointer:?} in {violations:#?}");
}

fn run(extra: &Value) -> Value {
    let mut run = json!({"name": "n", "head_sha": SHA, "status": "in_progress", "output": {"title": "t", "summary": "s"}});
    run.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    run
}

#[test]
fn right_requests_pass() {
    passes("POST", CHECKS, &run(&json!({})));
    passes("POST", CHECKS, &run(&json!({"status": "completed", "conclusion": "success", "actions": []})));
    passes("PATCH", RUN, &json!({"conclusion": "failure", "output": {"title": "t", "summary": "s"}}));
    passes("PATCH", RUN, &json!({"output": {"title": "t", "summary": "s"}}));
    passes("POST", COMMENTS, &json!({"body": "hello"}));
    passes("GET", &format!("{COMMENTS}?per_page=100&page=2&since=2026-01-02T03:04:05Z"), &Value::Null);
    let deployment = json!({"ref": SHA, "auto_merge": false, "required_contexts": [], "payload": {"any": [1]}, "description": null});
    passes("POST", DEPLOYMENTS, &deployment);
    passes(
        "POST",
        "/app/installations/9/access_tokens",
        &json!({"repository_ids": [1], "permissions": {"checks": "write"}}),
    );
    passes("POST", "/app/installations/9/access_tokens", &Value::Null);
    passes("GET", "/repositories/42/issues/1/comments", &Value::Null);
    passes("GET", "/repos/o/r/contents/a/b.yaml?ref=main", &Value::Null);
    passes("DELETE", "/installation/token", &json!({}));
}

#[test]
fn operations_are_found_by_the_most_exact_path() {
    let found = |method: &str, path: &str| CONTRACT.operation(method, path).map(|op| op.to_string());
    assert_eq!(found("GET", "/repos/o/r/commits/heads/x/check-runs").unwrap(), "checks/list-for-ref");
    assert_eq!(found("GET", "/repos/o/r/commits/abc").unwrap(), "repos/get-commit");
    assert_eq!(found("GET", "/repos/o/r/issues/comments").unwrap(), "issues/list-comments-for-repo");
    assert_eq!(
        found("GET", "/repos/o/r/branches/release/1/protection").unwrap(),
        "repos/get-branch-protection"
    );
    assert_eq!(found("GET", "/repos/o/r/branches/release%2F1").unwrap(), "repos/get-branch");
    assert_eq!(found("get", "/repositories/42").unwrap(), "repos/get");
    assert_eq!(
        found("GET", "/repos/o/r/compare/main...o:topic").unwrap(),
        "repos/compare-commits-with-basehead"
    );
    assert_eq!(CONTRACT.template(&op("git/get-ref")), Some(("GET", "/repos/{owner}/{repo}/git/ref/{ref}")));
}

#[test]
fn operations_that_do_not_exist_are_not_found() {
    assert_eq!(
        CONTRACT.operation("POST", "/repos/o/r/issues/comments/1"),
        None,
        "a comment is edited by PATCH"
    );
    assert_eq!(CONTRACT.operation("GET", "/repos/o/r/chek-runs/1"), None);
    assert_eq!(CONTRACT.operation("GET", "/api/v3/app"), None);
    assert_eq!(CONTRACT.operation("GET", ""), None);
    caught("operation", "", &CONTRACT.check_request(&op("checks/create"), "/repos/o/r", &[], None));
    caught("operation", "", &CONTRACT.check_response(&op("checks/destroy"), 200, None));
}

#[test]
fn bodies_are_held_to_their_schemas() {
    caught("schema", "", &request("POST", CHECKS, &run(&json!({"conclusoin": "success"}))));
    caught(
        "schema",
        "/output",
        &request("POST", CHECKS, &run(&json!({"output": {"title": "t", "summary": "s", "txt": "x"}}))),
    );
    caught("schema", "", &request("PATCH", RUN, &json!({"state": "queued"})));
    caught("schema", "/status", &request("POST", CHECKS, &run(&json!({"status": "done"}))));
    caught("schema", "/name", &request("POST", CHECKS, &run(&json!({"name": 7}))));
    caught("schema", "/started_at", &request("POST", CHECKS, &run(&json!({"started_at": "yesterday"}))));
    caught("schema", "", &request("POST", CHECKS, &json!({"name": "n"})));
    caught("schema", "", &request("POST", CHECKS, &Value::Null));
    caught("schema", "", &request("GET", RUN, &json!({"a": 1})));
    let token = json!({"permissions": {"cheks": "write"}});
    caught("schema", "/permissions", &request("POST", "/app/installations/9/access_tokens", &token));
    let state = json!({"state": "deployed"});
    caught("schema", "/state", &request("POST", STATUSES, &state));
}

#[test]
fn prose_rules_are_held() {
    let notes = vec![
        json!({"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"});
        51
    ];
    let output = json!({"output": {"title": "t", "summary": "s", "annotations": notes}});
    caught("annotations-per-request", "/output/annotations", &request("PATCH", RUN, &output));
    caught(
        "completed-needs-conclusion",
        "/conclusion",
        &request("POST", CHECKS, &run(&json!({"status": "completed"}))),
    );
    let status = json!({"state": "success", "description": "d".repeat(141)});
    caught("deployment-status-description", "/description", &request("POST", STATUSES, &status));
    caught("comment-body", "/body", &request("POST", COMMENTS, &json!({"body": "b".repeat(65_537)})));
    caught(
        "deployment-says-auto-merge",
        "/auto_merge",
        &request("POST", DEPLOYMENTS, &json!({"ref": "main"})),
    );
    caught("page-size", "query/per_page", &request("GET", &format!("{PULLS}?per_page=1000"), &Value::Null));
    caught("pull-head-filter", "query/head", &request("GET", &format!("{PULLS}?head=topic"), &Value::Null));
}

#[test]
fn parameters_are_held_to_their_schemas() {
    caught("parameter", "query/pagesize", &request("GET", &format!("{PULLS}?pagesize=5"), &Value::Null));
    caught("parameter", "query/state", &request("GET", &format!("{PULLS}?state=merged"), &Value::Null));
    caught("parameter", "query/page", &request("GET", &format!("{PULLS}?page=two"), &Value::Null));
    caught("parameter", "query/page", &request("GET", &format!("{PULLS}?page=1&page=2"), &Value::Null));
    caught("parameter", "query/since", &request("GET", &format!("{COMMENTS}?since=monday"), &Value::Null));
    caught("parameter", "path/pull_number", &request("GET", &format!("{PULLS}/latest"), &Value::Null));
}

#[test]
fn answers_are_held_to_status_and_schema() {
    let schemas = &CONTRACT.description.schemas;
    let run = sample::of(&schemas["check-run"], schemas);
    let answer =
        |status: u16, body: Option<&Value>| CONTRACT.check_response(&op("checks/create"), status, body);
    assert_eq!(answer(201, Some(&run)), []);
    caught("status", "", &answer(200, Some(&run)));
    caught("status", "", &answer(409, None));
    caught("schema", "", &answer(201, None));
    let mut wrong = run.clone();
    wrong.as_object_mut().unwrap().remove("head_sha");
    caught("schema", "", &answer(201, Some(&wrong)));
    wrong = run.clone();
    wrong["app"] = json!("tidy");
    caught("schema", "/app", &answer(201, Some(&wrong)));
    wrong = run.clone();
    wrong["output"]["annotations_count"] = json!("3");
    caught("schema", "/output/annotations_count", &answer(201, Some(&wrong)));
    caught("schema", "", &CONTRACT.check_response(&op("issues/delete-comment"), 204, Some(&json!({}))));
}

#[test]
fn answers_that_anything_may_get_need_githubs_error_object() {
    let answer =
        |status: u16, body: &Value| CONTRACT.check_response(&op("checks/create"), status, Some(body));
    let error = json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"});
    for status in [301, 307, 400, 401, 403, 404, 422, 429, 500, 502, 503] {
        assert_eq!(answer(status, &error), [], "{status}");
    }
    caught("schema", "", &answer(404, &json!({"error": "not found"})));
    caught("schema", "/message", &answer(401, &json!({"message": 401})));
    assert_eq!(CONTRACT.check_response(&op("checks/get"), 304, None), []);
    caught("status", "", &CONTRACT.check_response(&op("checks/create"), 304, None));
    assert_eq!(CONTRACT.check_response(&op("pulls/get"), 200, None), [], "a diff is no JSON");
}

#[test]
fn webhooks_are_held_to_their_schemas() {
    let webhook = CONTRACT.description.webhook("merge-group-checks-requested").unwrap();
    let payload = sample::of(&webhook.schema, &CONTRACT.description.schemas);
    let sent = |action: &str, payload: &Value| CONTRACT.check_webhook("merge_group", Some(action), payload);
    assert_eq!(sent("checks_requested", &payload), []);
    caught("webhook", "", &sent("checks_begged", &payload));
    caught("webhook", "", &CONTRACT.check_webhook("merge_groop", None, &payload));
    caught("schema", "/action", &sent("destroyed", &payload));
    let mut wrong = payload.clone();
    wrong["merge_group"].as_object_mut().unwrap().remove("head_sha");
    caught("schema", "/merge_group", &sent("checks_requested", &wrong));
    wrong = payload;
    wrong["merge_group"]["head_ref"] = json!(null);
    caught("schema", "/merge_group/head_ref", &sent("checks_requested", &wrong));
}

#[test]
fn graphql_is_checked_through_the_contract() {
    let violations = CONTRACT.check_graphql("{ viewer { password } }", &Value::Null);
    caught("graphql", "query.viewer.password", &violations);
}

#[test]
fn violations_say_where_and_why_but_never_show_the_value() {
    let secret = "hunter2-".repeat(1_000);
    let violations = request("POST", CHECKS, &run(&json!({ "status": secret })));
    let text: String = violations.iter().map(ToString::to_string).collect();
    assert!(text.contains("checks/create breaks `schema` at /status"), "{text}");
    assert!(text.contains("https://docs.github.com/"), "{text}");
    assert!(!text.contains("hunter2") && text.len() < 1_000, "{text}");
}
