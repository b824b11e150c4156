//! Each permission opens what needs it, and without it GitHub's own refusal comes.

use crate::scene::PERMISSIONS;
use crate::scene::Scene;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

/// A call of each area, with the one permission it fails without.
fn calls(sha: &str) -> Vec<(&'static str, Method, &'static str, Option<Value>)> {
    let deployment =
        json!({"ref": sha, "environment": "staging", "auto_merge": false, "required_contexts": []});
    vec![
        ("contents", Method::GET, "contents/app.yaml", None),
        ("contents", Method::GET, "commits/main", None),
        ("pull_requests", Method::GET, "pulls/1", None),
        ("checks", Method::POST, "check-runs", Some(json!({"name": "preview", "head_sha": sha}))),
        ("checks", Method::GET, "commits/main/check-runs", None),
        ("deployments", Method::POST, "deployments", Some(deployment)),
        ("statuses", Method::GET, "commits/main/status", None),
        ("administration", Method::GET, "branches/main/protection", None),
        ("members", Method::GET, "/orgs/team/teams/ops/memberships/ada", None),
    ]
}

#[tokio::test]
async fn a_call_without_its_permission_is_refused_and_with_it_is_not() {
    let names: Vec<&str> = PERMISSIONS.iter().map(|(name, _)| *name).collect();
    for lacking in names {
        let granted: Vec<_> = PERMISSIONS.iter().copied().filter(|(name, _)| *name != lacking).collect();
        let scene = Scene::with(&granted).await;
        let sha = scene.pull().head_sha().unwrap();
        for (needed, method, path, body) in calls(&sha) {
            let answer = scene.call(method, path, body).await;
            let refused = answer.status == 403;
            assert_eq!(refused, needed == lacking, "{path} without {lacking}: {}", answer.body);
            if refused {
                assert_eq!(answer.body["message"], "Resource not accessible by integration");
            }
        }
        scene.clean().await;
    }
}

#[tokio::test]
async fn read_is_not_write() {
    let readers: Vec<_> = PERMISSIONS.iter().map(|(name, _)| (*name, "read")).collect();
    let scene = Scene::with(&readers).await;
    let sha = scene.pull().head_sha().unwrap();
    scene.get("pulls/1").await.expect(200);
    scene.post("check-runs", json!({"name": "preview", "head_sha": sha})).await.expect(403);
    scene.post("issues/1/comments", json!({"body": "x"})).await.expect(403);
    scene.call(Method::PUT, "pulls/1/merge", Some(json!({}))).await.expect(403);
    scene.clean().await;
}

#[tokio::test]
async fn either_of_two_permissions_lets_an_app_comment_but_only_issues_lets_it_react() {
    let grants = [("issues", 201), ("pull_requests", 403)];
    for (other, reacts) in grants {
        let scene = Scene::with(&[("metadata", "read"), (other, "write")]).await;
        let id = scene.pull().comment("ada", "/deploy").unwrap();
        scene.post("issues/1/comments", json!({"body": "x"})).await.expect(201);
        let path = format!("issues/comments/{id}/reactions");
        scene.post(&path, json!({"content": "eyes"})).await.expect(reacts);
        scene.clean().await;
    }
}
