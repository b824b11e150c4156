//! Deployments: the three answers to a request for one, statuses, filters.

use crate::scene::Scene;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

fn body(reference: &str, environment: &str) -> Value {
    json!({
        "ref": reference, "environment": environment, "auto_merge": false, "required_contexts": [],
        "payload": {"key": "k1"}, "description": "By hand",
    })
}

#[tokio::test]
async fn a_deployment_goes_through_its_statuses() {
    let scene = Scene::new().await;
    let sha = scene.repo.head("main").unwrap();
    let made = scene.post("deployments", body(&sha, "staging")).await.expect(201);
    let statuses = format!("deployments/{}/statuses", made["id"]);
    for state in ["queued", "in_progress", "success"] {
        let status = json!({"state": state, "description": "So far", "log_url": "https://example.com/log"});
        scene.post(&statuses, status).await.expect(201);
    }
    let shown = scene.get(&statuses).await.expect(200);
    assert_eq!(shown[0]["state"], "success", "newest first");
    assert_eq!(scene.get(&format!("deployments/{}", made["id"])).await.expect(200)["payload"]["key"], "k1");
    let again = scene.post("deployments", body(&sha, "staging")).await.expect(201);
    scene.post("deployments", body(&sha, "production")).await.expect(201);
    let path = format!("deployments/{}/statuses", again["id"]);
    scene.post(&path, json!({"state": "success"})).await.expect(201);
    let views = scene.repo.deployments();
    assert_eq!(views[0].statuses.last().unwrap().state, "inactive", "the earlier one gave way");
    let filtered = scene.get("deployments?environment=staging").await.expect(200);
    assert_eq!(filtered.as_array().unwrap().len(), 2);
    scene.github.hooks().settle().await;
    let titles = scene.receiver.titles();
    assert!(titles.contains(&"deployment.created".to_owned()), "{titles:?}");
    assert!(titles.contains(&"deployment_status.created".to_owned()), "{titles:?}");
    scene.clean().await;
}

#[tokio::test]
async fn unless_told_otherwise_the_default_branch_is_merged_and_checks_must_have_passed() {
    let scene = Scene::new().await;
    scene.pull();
    scene.repo.commit("main", "Ahead", "ada", &[("other", Some("x"))]).unwrap();
    let before = scene.repo.head("change").unwrap();
    let merged = scene.post("deployments", json!({"ref": "change"})).await.expect(202);
    assert!(merged["message"].as_str().unwrap().starts_with("Auto-merged main into change"));
    let tip = scene.repo.head("change").unwrap();
    assert_ne!(tip, before);
    assert_eq!(scene.repo.deployments(), []);
    scene.repo.set_status(&tip, "build", "failure", "ada").unwrap();
    scene.post("deployments", json!({"ref": "change"})).await.expect(409);
    scene.post("deployments", body("nowhere", "staging")).await.expect(422);
    scene.post("deployments", body("change", "staging")).await.expect(201);
    let advice: Vec<String> = scene.github.violations().into_iter().map(|one| one.rule).collect();
    assert!(advice.contains(&"deployment-says-auto-merge".to_owned()), "{advice:?}");
    assert!(advice.iter().all(|rule| rule.starts_with("deployment-says")), "{advice:?}");
}

#[tokio::test]
async fn only_an_inactive_deployment_can_be_deleted() {
    let scene = Scene::new().await;
    let sha = scene.repo.head("main").unwrap();
    let one = scene.post("deployments", body(&sha, "staging")).await.expect(201)["id"].clone();
    scene.post("deployments", body(&sha, "staging")).await.expect(201);
    let path = format!("deployments/{one}");
    scene.call(Method::DELETE, &path, None).await.expect(422);
    scene.post(&format!("{path}/statuses"), json!({"state": "inactive"})).await.expect(201);
    scene.call(Method::DELETE, &path, None).await.expect(204);
    scene.github.hooks().settle().await;
    let titles = scene.receiver.titles();
    assert!(titles.contains(&"deployment.created".to_owned()), "{titles:?}");
    assert!(
        !titles.contains(&"deployment_status.created".to_owned()),
        "nothing tells of inactive: {titles:?}"
    );
    scene.clean().await;
}
