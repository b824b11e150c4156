//! Documents that must pass, and wrong ones of each kind.

use serde_json::Value;
use serde_json::json;

use super::check_graphql;

fn faults(query: &str, variables: &Value) -> Vec<String> {
    check_graphql(query, variables)
        .into_iter()
        .map(|found| format!("{} {}", found.pointer, found.message))
        .collect()
}

#[track_caller]
fn refused(query: &str, variables: &Value, because: &str) {
    let faults = faults(query, variables);
    assert!(faults.iter().any(|fault| fault.contains(because)), "{because:?} is not in {faults:?}");
}

const MINIMIZE: &str = "mutation($input: MinimizeCommentInput!) { minimizeComment(input: $input) {
    minimizedComment { isMinimized minimizedReason } } }";

#[test]
fn a_comment_is_minimized_by_variable_or_literal() {
    let none: Vec<String> = Vec::new();
    assert_eq!(faults(MINIMIZE, &json!({"input": {"subjectId": "IC_1", "classifier": "OUTDATED"}})), none);
    let inline = r#"mutation Hide($id: ID!) {
        minimizeComment(input: {subjectId: $id, classifier: OUTDATED, clientMutationId: "a \" b"}) { clientMutationId } }"#;
    assert_eq!(faults(inline, &json!({"id": "IC_1"})), none);
}

#[test]
fn a_pull_request_is_read_with_aliases_fragments_and_pages() {
    let query = r"
        query Pull($owner: String!, $name: String!, $number: Int!, $after: String) { # a comment
          repository(owner: $owner, name: $name) {
            pullRequest(number: $number) {
              decision: reviewDecision mergeStateStatus headRefOid isDraft
              author { __typename login ... on Bot { databaseId } }
              ...People
              comments(first: 100, after: $after) { nodes { id isMinimized } edges { cursor node { body } } pageInfo { hasNextPage endCursor } }
            }
          }
          rateLimit { cost remaining }
        }
        fragment People on PullRequest { reviews(last: 10) { totalCount nodes { state author { login } } } }";
    assert_eq!(faults(query, &json!({"owner": "o", "name": "r", "number": 1})), Vec::<String>::new());
    assert_eq!(faults("{ viewer { login } }", &Value::Null), Vec::<String>::new());
}

#[test]
fn unknown_names_are_refused() {
    refused("{ viewer { logn } }", &Value::Null, "query.viewer.logn Actor has no field logn");
    refused(
        "mutation { deleteRef(input: {}) { clientMutationId } }",
        &Value::Null,
        "Mutation has no field deleteRef",
    );
    refused("{ node(id: 1, of: 2) { id } }", &Value::Null, "takes no argument of");
    refused("{ node(id: 1) { ... on Gist { id } } }", &Value::Null, "Node is never a Gist");
    refused("{ node(id: 1) { ...Missing } }", &Value::Null, "there is no fragment Missing");
    refused(
        MINIMIZE,
        &json!({"input": {"subjectId": "1", "classifier": "SPAM", "subject": "2"}}),
        "has no field subject",
    );
}

#[test]
fn wrong_values_are_refused() {
    refused(
        MINIMIZE,
        &json!({"input": {"subjectId": "1", "classifier": "STALE"}}),
        "no value of its enumeration",
    );
    refused(
        MINIMIZE,
        &json!({"input": {"classifier": "SPAM"}}),
        "mutation.minimizeComment.input.subjectId is required",
    );
    refused(MINIMIZE, &json!({}), "$input is required and was not sent");
    let quoted =
        r#"mutation { minimizeComment(input: {subjectId: "1", classifier: "SPAM"}) { clientMutationId } }"#;
    refused(quoted, &Value::Null, "no value of its enumeration");
    refused("{ repository(owner: \"o\") { id } }", &Value::Null, "query.repository.name is required");
    refused("query($a: ID!) { viewer { login } }", &json!({"a": "1"}), "$a is declared but not used");
    refused("{ node(id: $a) { id } }", &json!({"a": "1"}), "variable $a is not declared");
    let page = "{ repository(owner: \"o\", name: \"r\") { pullRequests(first: 101) { totalCount } } }";
    refused(page, &Value::Null, "from 1 to 100");
    refused(&page.replace("(first: 101)", ""), &Value::Null, "needs first or last");
}

#[test]
fn leaves_and_objects_are_told_apart() {
    refused("{ viewer }", &Value::Null, "fields of it must be selected");
    refused("{ viewer { login { x } } }", &Value::Null, "is a leaf");
}

#[test]
fn hostile_documents_end_quickly() {
    refused(&"{ viewer ".repeat(5_000), &Value::Null, "nested deeper");
    refused(&format!("{{ node(id: {}1", "[".repeat(5_000)), &Value::Null, "nested deeper");
    refused(&"a ".repeat(50_000), &Value::Null, "more than 20000 tokens");
    refused("{ node(id: 1) { ...A } } fragment A on Node { ...A ...A ...A }", &Value::Null, "circle");
    let doubling: Vec<String> =
        (0..30).map(|n| format!("fragment F{n} on Node {{ ...F{} ...F{} }} ", n + 1, n + 1)).collect();
    let doubling = doubling.concat();
    refused(
        &format!("{{ node(id: 1) {{ ...F0 }} }} {doubling} fragment F30 on Node {{ id }}"),
        &Value::Null,
        "too large",
    );
    refused("{ viewer { login }", &Value::Null, "expected a name");
    refused("{ node(id: \"\\", &Value::Null, "a string has no end");
    refused("{ é }", &Value::Null, "unexpected character");
    refused("subscription { x }", &Value::Null, "expected a query");
    refused("", &Value::Null, "0 operations");
}
