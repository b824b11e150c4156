//! Check runs: output, annotations, buttons, re-runs, suites and statuses.

use crate::scene::Scene;
use serde_json::json;

#[tokio::test]
async fn a_run_is_made_updated_and_completed() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let sha = pull.head_sha().unwrap();
    let body = json!({"name": "preview", "head_sha": sha, "status": "in_progress", "external_id": "7"});
    let run = scene.post("check-runs", body).await.expect(201);
    assert_eq!(run["pull_requests"][0]["number"], 1);
    let one = format!("check-runs/{}", run["id"]);
    let annotation = json!({"path": "app.yaml", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "Look"});
    let output = json!({"title": "3 changes", "summary": "Fine", "annotations": [annotation]});
    let action =
        json!({"label": "Deploy staging", "description": "Deploys it", "identifier": "deploy:staging"});
    let done = json!({"status": "completed", "conclusion": "success", "output": output, "actions": [action]});
    let done = scene.patch(&one, done).await.expect(200);
    assert_eq!((&done["status"], &done["conclusion"]), (&json!("completed"), &json!("success")));
    scene.patch(&one, json!({"output": output})).await.expect(200);
    let notes = scene.get(&format!("{one}/annotations")).await.expect(200);
    assert_eq!(notes.as_array().unwrap().len(), 2, "annotations are appended");
    let listed = scene.get("commits/change/check-runs?check_name=preview").await.expect(200);
    assert_eq!(listed["total_count"], 1);
    let suites = scene.get(&format!("commits/{sha}/check-suites")).await.expect(200);
    assert_eq!(suites["check_suites"][0]["conclusion"], "success");
    scene.get(&format!("check-suites/{}", run["check_suite"]["id"])).await.expect(200);
    scene.get(&format!("check-suites/{}/check-runs", run["check_suite"]["id"])).await.expect(200);
    let view = &scene.repo.check_runs(&sha)[0];
    assert_eq!((view.external_id.as_str(), view.actions.len()), ("7", 1));
    scene.clean().await;
}

#[tokio::test]
async fn pressing_re_run_or_a_button_tells_the_runs_app() {
    let scene = Scene::new().await;
    let sha = scene.pull().head_sha().unwrap();
    let action = json!({"label": "Deploy", "description": "Deploys it", "identifier": "deploy"});
    let body = json!({"name": "preview", "head_sha": sha, "status": "completed", "conclusion": "neutral", "actions": [action]});
    let run = scene.post("check-runs", body).await.expect(201)["id"].as_u64().unwrap();
    scene.repo.rerequest_check(run, "ada").unwrap();
    scene.repo.rerequest_suite(run, "ada").unwrap();
    scene.repo.check_action(run, "deploy", "ada").unwrap();
    assert!(scene.repo.check_action(run, "other", "ada").is_err(), "no such button");
    scene.github.hooks().settle().await;
    let all = scene.receiver.all();
    let titles = scene.receiver.titles();
    for wanted in
        ["check_run.created", "check_run.completed", "check_run.rerequested", "check_suite.rerequested"]
    {
        assert!(titles.iter().any(|title| title == wanted), "{wanted} in {titles:?}");
    }
    let pressed = all.iter().find(|one| one.title() == "check_run.requested_action").unwrap().json();
    assert_eq!(pressed["requested_action"]["identifier"], "deploy");
    assert_eq!(pressed["sender"]["login"], "ada");
    scene.clean().await;
}

#[tokio::test]
async fn statuses_are_combined_over_their_contexts() {
    let scene = Scene::new().await;
    let sha = scene.repo.head("main").unwrap();
    assert_eq!(scene.get("commits/main/status").await.expect(200)["state"], "pending");
    scene.repo.set_status(&sha, "build", "failure", "ada").unwrap();
    assert_eq!(scene.get("commits/main/status").await.expect(200)["state"], "failure");
    let body = json!({"state": "success", "context": "build", "description": "Built"});
    scene.post(&format!("statuses/{sha}"), body).await.expect(201);
    let combined = scene.get("commits/main/status").await.expect(200);
    assert_eq!((&combined["state"], &combined["total_count"]), (&json!("success"), &json!(1)));
    assert_eq!(scene.get("commits/main/statuses").await.expect(200).as_array().unwrap().len(), 2);
    scene.clean().await;
}
