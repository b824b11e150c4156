//! Each rule finds what it is for, and leaves what is right alone.

use serde_json::Value;
use serde_json::json;

use super::*;

fn call(operation: &str, body: &Value, query: &[(&str, &str)], path: &[(&str, &str)]) -> Vec<&'static str> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let (query, path) = (owned(query), owned(path));
    let call = Call { operation, path: &path, query: &query, body };
    check(&call, true).into_iter().map(|(rule, _)| rule.name).collect()
}

/// A request that keeps every rule, and one that breaks the named rule and no other.
#[track_caller]
fn told_apart(rule: &str, operation: &str, right: &Value, wrong: &Value) {
    assert_eq!(call(operation, right, &[], &[]), Vec::<&str>::new(), "the right one");
    assert_eq!(call(operation, wrong, &[], &[]), [rule], "the wrong one");
}

fn output(extra: &Value) -> Value {
    let mut output = json!({"title": "t", "summary": "s"});
    output.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({ "output": output })
}

fn annotation(extra: &Value) -> Value {
    let mut one =
        json!({"path": "a", "start_line": 1, "end_line": 2, "annotation_level": "notice", "message": "m"});
    one.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    output(&json!({ "annotations": [one] }))
}

#[test]
fn rules_have_names_of_their_own_and_https_pages() {
    let mut names: Vec<_> = all().map(|rule| rule.name).collect();
    assert!(names.len() >= 15, "{}", names.len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().count());
    assert!(all().all(|rule| rule.page.starts_with("https://docs.github.com/")));
}

#[test]
fn rules_speak_of_described_operations() {
    let contract = crate::contract::Contract::load().unwrap();
    for rule in all() {
        for operation in rule.operations {
            assert!(contract.description.operation(operation).is_some(), "{}: {operation}", rule.name);
        }
    }
}

#[test]
fn a_run_completes_with_a_conclusion() {
    let op = "checks/update";
    told_apart(
        "completed-needs-conclusion",
        op,
        &json!({"status": "completed", "conclusion": "success"}),
        &json!({"status": "completed"}),
    );
    told_apart(
        "completed-needs-conclusion",
        op,
        &json!({"conclusion": "success"}),
        &json!({"completed_at": "2026-01-01T00:00:00Z"}),
    );
    told_apart(
        "conclusion-means-completed",
        op,
        &json!({"status": "queued"}),
        &json!({"status": "queued", "conclusion": "failure"}),
    );
    told_apart("conclusion-reserved", op, &json!({"conclusion": "neutral"}), &json!({"conclusion": "stale"}));
    told_apart("check-status-reserved", op, &json!({"status": "in_progress"}), &json!({"status": "waiting"}));
}

#[test]
fn a_runs_output_has_limits() {
    let op = "checks/update";
    told_apart("check-output-title", op, &output(&json!({})), &json!({"output": {"summary": "s"}}));
    told_apart(
        "check-text-size",
        op,
        &output(&json!({"text": "x".repeat(65_535)})),
        &output(&json!({"text": "x".repeat(65_536)})),
    );
    told_apart(
        "check-text-size",
        op,
        &output(&json!({"summary": "é".repeat(30_000)})),
        &output(&json!({"summary": "é".repeat(33_000)})),
    );
    let many = |n: usize| output(&json!({"annotations": vec![json!({"start_line": 1, "end_line": 1}); n]}));
    told_apart("annotations-per-request", op, &many(50), &many(51));
    told_apart("annotation-lines", op, &annotation(&json!({})), &annotation(&json!({"start_line": 3})));
    told_apart("annotation-lines", op, &annotation(&json!({})), &annotation(&json!({"start_line": 0})));
    let columns = json!({"start_column": 1, "end_column": 2});
    told_apart(
        "annotation-columns",
        op,
        &annotation(&json!({"end_line": 1, "start_column": 1})),
        &annotation(&columns),
    );
    told_apart(
        "annotation-size",
        op,
        &annotation(&json!({"title": "t".repeat(255)})),
        &annotation(&json!({"title": "t".repeat(256)})),
    );
    told_apart(
        "annotation-size",
        op,
        &annotation(&json!({})),
        &annotation(&json!({"message": "m".repeat(65_537)})),
    );
}

#[test]
fn a_run_has_few_short_buttons() {
    let action = |label: &str| json!({"label": label, "description": "d", "identifier": "i"});
    told_apart(
        "actions-per-run",
        "checks/create",
        &json!({"actions": vec![action("a"); 3]}),
        &json!({"actions": vec![action("a"); 4]}),
    );
    let label = |n: usize| json!({"actions": [action(&"é".repeat(n))]});
    told_apart("action-text", "checks/create", &label(20), &label(21));
    let sha = "0123456789abcdef0123456789abcdef01234567";
    told_apart(
        "check-names-full-sha",
        "checks/create",
        &json!({ "head_sha": sha }),
        &json!({"head_sha": "0123456"}),
    );
}

#[test]
fn deployments_say_what_would_surprise() {
    let op = "repos/create-deployment";
    let right = json!({"ref": "main", "auto_merge": false, "required_contexts": []});
    told_apart("deployment-says-auto-merge", op, &right, &json!({"ref": "main", "required_contexts": []}));
    told_apart("deployment-says-required-contexts", op, &right, &json!({"ref": "main", "auto_merge": false}));
    let op = "repos/create-deployment-status";
    let text = |n: usize| json!({"description": "d".repeat(n)});
    told_apart("deployment-status-description", op, &text(140), &text(141));
    told_apart("commit-status-description", "repos/create-commit-status", &text(140), &text(141));
    let comment = |n: usize| json!({"comment": "d".repeat(n)});
    told_apart("gate-comment-size", "actions/review-custom-gates-for-run", &comment(1024), &comment(1025));
    told_apart("link-scheme", op, &json!({"log_url": "https://x"}), &json!({"log_url": "javascript:x"}));
}

#[test]
fn advice_can_be_switched_off() {
    let body = json!({"ref": "main"});
    let call = Call { operation: "repos/create-deployment", path: &[], query: &[], body: &body };
    assert_eq!((check(&call, true).len(), check(&call, false).len()), (2, 0));
}

#[test]
fn texts_have_limits() {
    let body = |n: usize| json!({"body": "é".repeat(n)});
    for op in ["issues/create-comment", "issues/update-comment", "repos/create-commit-comment"] {
        told_apart("comment-body", op, &body(65_536), &body(65_537));
        told_apart("comment-body", op, &body(1), &json!({"body": " \n"}));
    }
    told_apart("body-size", "pulls/update", &body(65_536), &body(65_537));
    told_apart("pull-title-or-issue", "pulls/create", &json!({"title": "t"}), &json!({"head": "h"}));
    told_apart(
        "review-body",
        "pulls/create-review",
        &json!({"event": "APPROVE"}),
        &json!({"event": "COMMENT"}),
    );
    told_apart(
        "reaction-content",
        "reactions/create-for-issue",
        &json!({"content": "eyes"}),
        &json!({"content": "👀"}),
    );
}

#[test]
fn queries_say_what_github_heeds() {
    let queried = |operation: &str, query: &[(&str, &str)]| call(operation, &Value::Null, query, &[]);
    assert!(queried("pulls/list", &[("per_page", "100"), ("page", "1"), ("head", "o:b")]).is_empty());
    assert_eq!(queried("pulls/list", &[("per_page", "101")]), ["page-size"]);
    assert_eq!(queried("pulls/list", &[("per_page", "0")]), ["page-size"]);
    assert_eq!(queried("pulls/list", &[("page", "0")]), ["page-number"]);
    assert_eq!(queried("pulls/list", &[("head", "branch")]), ["pull-head-filter"]);
    assert_eq!(queried("issues/list-comments-for-repo", &[("direction", "asc")]), ["direction-needs-sort"]);
    assert!(
        queried("issues/list-comments-for-repo", &[("direction", "asc"), ("sort", "created")]).is_empty()
    );
    let op = "apps/create-installation-access-token";
    told_apart(
        "token-repositories",
        op,
        &json!({"repository_ids": vec![1; 500]}),
        &json!({"repository_ids": vec![1; 501]}),
    );
    told_apart(
        "token-repository-names",
        op,
        &json!({"repositories": ["r"]}),
        &json!({"repositories": ["o/r"]}),
    );
}

#[test]
fn references_and_files_are_written_as_github_wants() {
    let at = |operation: &str, name: &str, value: &str| call(operation, &Value::Null, &[], &[(name, value)]);
    assert!(at("git/get-ref", "ref", "heads/main").is_empty());
    assert_eq!(at("git/get-ref", "ref", "refs/heads/main"), ["ref-without-prefix"]);
    assert!(at("repos/get-branch", "branch", "release/1").is_empty());
    assert_eq!(at("repos/get-branch", "branch", "release/*"), ["branch-without-wildcard"]);
    told_apart("ref-is-full", "git/create-ref", &json!({"ref": "refs/heads/a"}), &json!({"ref": "heads/a"}));
    let op = "repos/create-or-update-file-contents";
    told_apart("content-is-base64", op, &json!({"content": "aGVs\nbG8="}), &json!({"content": "hello!"}));
}
