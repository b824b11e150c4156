//! The part of GraphQL that is emulated.

use crate::scene::Answer;
use crate::scene::Scene;
use crate::scene::answer;
use crate::scene::permissions;
use github_emulator::Protection;
use github_emulator::Verdict;
use serde_json::Value;
use serde_json::json;

async fn ask(scene: &Scene, query: &str, variables: Value) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(scene.github.graphql_url()).bearer_auth(&scene.token);
    let body = json!({"query": query, "variables": variables});
    answer(request.json(&body).send().await.unwrap()).await
}

const PULL: &str = "query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    defaultBranchRef { name target { oid } }
    pullRequest(number: $number) {
      ...state
      author { login }
      comments(first: 1) { totalCount nodes { id body isMinimized } pageInfo { hasNextPage } }
      reviews(last: 5) { nodes { state author { login } } }
    }
  }
}
fragment state on PullRequest { __typename number headRefOid reviewDecision mergeStateStatus mergeable state }";

#[tokio::test]
async fn a_pull_is_read_whole() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    scene.repo.protect("main", Some(Protection { required_reviews: 1, ..Protection::default() })).unwrap();
    pull.comment("ada", "one").unwrap();
    pull.comment("ada", "two").unwrap();
    let variables = json!({"owner": "team", "name": "shop", "number": 1});
    let first = ask(&scene, PULL, variables.clone()).await.expect(200);
    let seen = &first["data"]["repository"]["pullRequest"];
    assert_eq!(seen["mergeable"], "UNKNOWN", "{first}");
    assert_eq!(seen["reviewDecision"], "REVIEW_REQUIRED");
    assert_eq!(seen["headRefOid"], pull.head_sha().unwrap());
    assert_eq!(seen["comments"]["totalCount"], 2);
    assert_eq!(seen["comments"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(seen["comments"]["pageInfo"]["hasNextPage"], true);
    pull.review("bob", Verdict::Approved).unwrap();
    let second = ask(&scene, PULL, variables).await.expect(200);
    let seen = &second["data"]["repository"]["pullRequest"];
    assert_eq!(seen["mergeStateStatus"], "CLEAN");
    assert_eq!((&seen["reviewDecision"], &seen["state"]), (&json!("APPROVED"), &json!("OPEN")));
    assert_eq!(seen["reviews"]["nodes"], json!([{"state": "APPROVED", "author": {"login": "bob"}}]));
    let missing = ask(&scene, PULL, json!({"owner": "team", "name": "none", "number": 1})).await.expect(200);
    assert_eq!(missing["errors"][0]["type"], "NOT_FOUND");
    scene.clean().await;
}

#[tokio::test]
async fn a_comment_is_minimized_by_its_node_id() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let made = scene.post("issues/1/comments", json!({"body": "old preview"})).await.expect(201);
    let minimize = "mutation($id: ID!) {
      minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
        minimizedComment { isMinimized minimizedReason }
      }
    }";
    let answer = ask(&scene, minimize, json!({"id": made["node_id"]})).await.expect(200);
    let shown = &answer["data"]["minimizeComment"]["minimizedComment"];
    assert_eq!(shown, &json!({"isMinimized": true, "minimizedReason": "outdated"}), "{answer}");
    assert_eq!(pull.comments()[0].minimized.as_deref(), Some("OUTDATED"));
    scene.clean().await;
}

#[tokio::test]
async fn unknown_fields_and_callers_are_refused() {
    let scene = Scene::new().await;
    scene.pull();
    let wrong = "query { repository(owner: \"team\", name: \"shop\") { nickname } }";
    let answer = ask(&scene, wrong, Value::Null).await.expect(200);
    assert!(answer["data"].is_null() && answer["errors"].is_array(), "{answer}");
    let count = scene.github.violations().len();
    assert_eq!(count, 1, "{:?}", scene.github.violations());
    let other = "query { repository(owner: \"team\", name: \"shop\") { mergeQueue { id } } }";
    ask(&scene, other, Value::Null).await.expect(200);
    assert_eq!(scene.github.violations().len(), 2, "known to GitHub, but not emulated");
    let scene = Scene::with(&[("metadata", "read")]).await;
    scene.pull();
    let query = "query { repository(owner: \"team\", name: \"shop\") { pullRequest(number: 1) { title } } }";
    let answer = ask(&scene, query, Value::Null).await.expect(200);
    assert_eq!(answer["errors"][0]["type"], "FORBIDDEN", "{answer}");
    let none = query.replace("number: 1", "number: 2");
    let answer = ask(&scene, &none, Value::Null).await.expect(200);
    assert_eq!(answer["errors"][0]["type"], "FORBIDDEN", "not even that there is none: {answer}");
    scene.clean().await;
}

#[tokio::test]
async fn a_node_is_shown_only_with_the_permission_it_needs() {
    let scene = Scene::new().await;
    scene.pull().comment("ada", "hello").unwrap();
    let pull = scene.get("pulls/1").await.expect(200)["node_id"].clone();
    let comment = scene.get("issues/1/comments").await.expect(200)[0]["node_id"].clone();
    let query = "query($id: ID!) { node(id: $id) { __typename } }";
    let grants: [(&[&str], bool, bool); 3] =
        [(&[], false, false), (&["issues"], false, true), (&["pull_requests"], true, true)];
    for (granted, pulls, comments) in grants {
        let granted: Vec<_> = granted.iter().map(|name| (*name, "read")).collect();
        scene.installation.set_permissions(permissions(&granted)).unwrap();
        for (id, kind, open) in [(&pull, "PullRequest", pulls), (&comment, "IssueComment", comments)] {
            let answer = ask(&scene, query, json!({"id": id})).await.expect(200);
            if open {
                assert_eq!(answer["data"]["node"]["__typename"], kind, "{granted:?}: {answer}");
            } else {
                assert_eq!(answer["errors"][0]["type"], "FORBIDDEN", "{granted:?}: {answer}");
                assert!(answer["data"]["node"].is_null(), "{answer}");
            }
        }
    }
    scene.clean().await;
}
