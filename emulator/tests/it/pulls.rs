//! The life of a pull request.

use crate::scene::PERMISSIONS;
use crate::scene::Scene;
use github_emulator::MergeMethod;
use github_emulator::Protection;
use github_emulator::RequiredCheck;
use github_emulator::Verdict;
use reqwest::Method;
use serde_json::json;

fn pulls(scene: &Scene) -> Vec<String> {
    let titles = scene.receiver.titles().into_iter();
    titles.filter(|title| title.starts_with("pull_request.")).collect()
}

#[tokio::test]
async fn a_pull_is_opened_pushed_to_closed_reopened_and_merged() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let before = pull.head_sha().unwrap();
    let after = pull.push("ada", &[("app.yaml", Some("replicas: 4\n"))]).unwrap();
    pull.close("ada").unwrap();
    pull.reopen("ada").unwrap();
    pull.draft("ada").unwrap();
    pull.ready("ada").unwrap();
    pull.set_title("ada", "Scale more").unwrap();
    let merged = pull.merge("ada", MergeMethod::Merge).unwrap();
    scene.github.hooks().settle().await;
    assert_eq!(
        pulls(&scene),
        [
            "pull_request.opened",
            "pull_request.synchronize",
            "pull_request.closed",
            "pull_request.reopened",
            "pull_request.converted_to_draft",
            "pull_request.ready_for_review",
            "pull_request.edited",
            "pull_request.closed",
        ]
    );
    let all = scene.receiver.all();
    let sync = all.iter().find(|one| one.title() == "pull_request.synchronize").unwrap().json();
    assert_eq!((&sync["before"], &sync["after"]), (&json!(before), &json!(after)));
    assert_eq!(sync["installation"]["id"], scene.installation.id);
    let closed = all.iter().rfind(|one| one.title() == "pull_request.closed").unwrap().json();
    assert_eq!(closed["pull_request"]["merged"], true);
    assert_eq!(closed["pull_request"]["merge_commit_sha"], merged);
    assert_eq!(scene.repo.head("main").unwrap(), merged);
    assert_eq!(scene.repo.file("main", "app.yaml").unwrap(), b"replicas: 4\n");
    let seen = scene.get("pulls/1").await.expect(200);
    assert_eq!((&seen["merged"], &seen["state"]), (&json!(true), &json!("closed")));
    scene.get("pulls/1/merge").await.expect(204);
    scene.clean().await;
}

#[tokio::test]
async fn a_closed_pull_is_reopened_as_its_branch_is_then() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let opened = pull.head_sha().unwrap();
    pull.close("ada").unwrap();
    let pushed = pull.push("ada", &[("app.yaml", Some("replicas: 4\n"))]).unwrap();
    assert_eq!(pull.head_sha().unwrap(), opened, "closed ones do not follow their branch");
    pull.reopen("ada").unwrap();
    assert_eq!(pull.head_sha().unwrap(), pushed);
    assert_eq!(scene.repo.file("refs/pull/1/head", "app.yaml").unwrap(), b"replicas: 4\n");
    assert_eq!(scene.get("pulls/1").await.expect(200)["head"]["sha"], pushed);
    assert_eq!(scene.get("pulls/1").await.expect(200)["mergeable"], true);

    pull.close("ada").unwrap();
    scene.repo.commit("rewritten", "Otherwise", "ada", &[("b", Some("b"))]).unwrap();
    scene.repo.force_push("change", &scene.repo.head("rewritten").unwrap(), "ada").unwrap();
    scene.patch("pulls/1", json!({"state": "open"})).await.expect(422);
    scene.repo.force_push("change", &pushed, "ada").unwrap();
    scene.repo.delete_branch("change", "ada").unwrap();
    scene.patch("pulls/1", json!({"state": "open"})).await.expect(422);
    assert!(!pull.view().unwrap().open);
    scene.repo.force_push("change", &pushed, "ada").unwrap();
    scene.patch("pulls/1", json!({"state": "open"})).await.expect(200);
    scene.github.hooks().settle().await;
    assert_eq!(pulls(&scene).iter().filter(|title| *title == "pull_request.reopened").count(), 2);
    assert!(!pulls(&scene).contains(&"pull_request.synchronize".to_owned()));

    let all = scene.receiver.all();
    let first = all.iter().find(|one| one.event() == "push").unwrap().json();
    assert_eq!((&first["ref"], &first["created"]), (&json!("refs/heads/change"), &json!(true)));
    assert_eq!((&first["before"], &first["after"]), (&json!("0".repeat(40)), &json!(opened)));
    assert_eq!(first["commits"].as_array().unwrap().len(), 1, "those of main are known");
    scene.clean().await;
}

#[tokio::test]
async fn mergeability_is_unknown_first_and_again_after_each_move() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    assert_eq!(scene.get("pulls/1").await.expect(200)["mergeable"], json!(null));
    let known = scene.get("pulls/1").await.expect(200);
    assert_eq!((&known["mergeable"], &known["mergeable_state"]), (&json!(true), &json!("clean")));
    let merge = known["merge_commit_sha"].as_str().unwrap();
    assert_eq!(scene.repo.file("refs/pull/1/merge", "app.yaml").unwrap(), b"replicas: 3\n");
    assert_eq!(scene.repo.file(merge, "app.yaml").unwrap(), b"replicas: 3\n");
    scene.repo.commit("main", "Base moves", "ada", &[("app.yaml", Some("replicas: 9\n"))]).unwrap();
    assert_eq!(scene.get("pulls/1").await.expect(200)["mergeable"], json!(null));
    let dirty = scene.get("pulls/1").await.expect(200);
    assert_eq!((&dirty["mergeable"], &dirty["mergeable_state"]), (&json!(false), &json!("dirty")));
    assert_eq!(scene.repo.file("refs/pull/1/merge", "app.yaml"), None, "a conflict leaves no merge");
    assert!(pull.merge("ada", MergeMethod::Merge).is_err());
    pull.mergeable_null(2).unwrap();
    for wanted in [json!(null), json!(null), json!(false)] {
        assert_eq!(scene.get("pulls/1").await.expect(200)["mergeable"], wanted);
    }
    scene.clean().await;
}

#[tokio::test]
async fn files_commits_reviews_and_lists_are_shown() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    pull.push("ada", &[("new.yaml", Some("a: 1\nb: 2\n")), ("app.yaml", None)]).unwrap();
    pull.review("bob", Verdict::Approved).unwrap();
    let files = scene.get("pulls/1/files").await.expect(200);
    let named: Vec<_> =
        files.as_array().unwrap().iter().map(|file| (&file["filename"], &file["status"])).collect();
    assert_eq!(named, [(&json!("app.yaml"), &json!("removed")), (&json!("new.yaml"), &json!("added"))]);
    assert_eq!(files[1]["additions"], 2);
    assert_eq!(files[1]["patch"], "@@ -0,0 +1,2 @@\n+a: 1\n+b: 2");
    assert_eq!(scene.get("pulls/1/commits").await.expect(200).as_array().unwrap().len(), 2);
    let reviews = scene.get("pulls/1/reviews").await.expect(200);
    assert_eq!((&reviews[0]["state"], &reviews[0]["user"]["login"]), (&json!("APPROVED"), &json!("bob")));
    assert_eq!(scene.get("pulls").await.expect(200)[0]["number"], 1);
    assert_eq!(scene.get("pulls?head=team:change&state=all").await.expect(200)[0]["number"], 1);
    assert_eq!(scene.get("pulls?head=team:other").await.expect(200), json!([]));
    assert_eq!(scene.get("issues/1").await.expect(200)["pull_request"]["merged_at"], json!(null));
    let head = pull.head_sha().unwrap();
    let found = scene.get(&format!("commits/{head}/pulls")).await.expect(200);
    assert_eq!(found[0]["number"], 1);
    scene.clean().await;
}

#[tokio::test]
async fn the_merge_route_checks_the_head_and_merges_in_three_ways() {
    let scene = Scene::new().await;
    for (number, method) in [(1, "merge"), (2, "squash"), (3, "rebase")] {
        let branch = format!("change-{number}");
        let file = format!("{number}.yaml");
        scene.repo.commit(&branch, "One", "ada", &[(&file, Some("1\n"))]).unwrap();
        let pull = scene.repo.open_pull("ada", "Add", &branch, "main").unwrap();
        pull.push("ada", &[(&file, Some("2\n"))]).unwrap();
        scene.repo.commit("main", "Aside", "ada", &[(&format!("aside-{number}"), Some("x"))]).unwrap();
        let path = format!("pulls/{number}/merge");
        let stale = json!({"sha": "0".repeat(40), "merge_method": method});
        scene.call(Method::PUT, &path, Some(stale)).await.expect(409);
        let body = json!({"sha": pull.head_sha().unwrap(), "merge_method": method});
        let merged = scene.call(Method::PUT, &path, Some(body)).await.expect(200);
        assert_eq!(scene.repo.head("main").as_deref(), merged["sha"].as_str());
        assert_eq!(scene.repo.file("main", &file).unwrap(), b"2\n", "{method}");
        let commit = scene.get("commits/main").await.expect(200);
        let parents = commit["parents"].as_array().unwrap().len();
        assert_eq!(parents, if method == "merge" { 2 } else { 1 }, "{method}");
        scene.call(Method::PUT, &path, Some(json!({}))).await.expect(405);
    }
    scene.clean().await;
}

#[tokio::test]
async fn a_protected_branch_waits_for_checks_and_reviews() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let check = RequiredCheck { context: "preview".to_owned(), app_id: Some(scene.app.id) };
    let protection = Protection { required_reviews: 1, required_checks: vec![check], as_ruleset: false };
    scene.repo.protect("main", Some(protection.clone())).unwrap();
    let shown = scene.get("branches/main/protection").await.expect(200);
    assert_eq!(shown["required_status_checks"]["checks"][0]["context"], "preview");
    assert_eq!(shown["required_pull_request_reviews"]["required_approving_review_count"], 1);
    assert_eq!(scene.get("branches/main").await.expect(200)["protected"], true);
    assert_eq!(scene.get("rules/branches/main").await.expect(200), json!([]));
    scene.call(Method::PUT, "pulls/1/merge", Some(json!({}))).await.expect(405);
    pull.review("bob", Verdict::Approved).unwrap();
    scene.call(Method::PUT, "pulls/1/merge", Some(json!({}))).await.expect(405);
    let sha = pull.head_sha().unwrap();
    let run = json!({"name": "preview", "head_sha": sha, "status": "completed", "conclusion": "success"});
    scene.post("check-runs", run).await.expect(201);
    pull.review("bob", Verdict::ChangesRequested).unwrap();
    scene.call(Method::PUT, "pulls/1/merge", Some(json!({}))).await.expect(405);
    scene.repo.protect("main", Some(Protection { as_ruleset: true, ..protection })).unwrap();
    let rules = scene.get("rules/branches/main").await.expect(200);
    assert_eq!(rules[0]["parameters"]["required_status_checks"][0]["integration_id"], scene.app.id);
    scene.get("branches/main/protection").await.expect(404);
    pull.review("bob", Verdict::Approved).unwrap();
    scene.call(Method::PUT, "pulls/1/merge", Some(json!({}))).await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn a_forks_head_is_readable_in_the_base_and_named_in_no_check() {
    let scene = Scene::new().await;
    let files = [("app.yaml", Some("replicas: 7\n"))];
    let pull = scene.repo.fork_pull("mallory", "From outside", ("patch", "main"), &files).unwrap();
    let sha = pull.head_sha().unwrap();
    assert_eq!(scene.repo.file("refs/pull/1/head", "app.yaml").unwrap(), b"replicas: 7\n");
    let shown = scene.get("pulls/1").await.expect(200);
    assert_eq!(shown["head"]["repo"]["fork"], true);
    assert_eq!(shown["head"]["label"], "mallory:patch");
    let run = scene.post("check-runs", json!({"name": "preview", "head_sha": sha})).await.expect(201);
    assert_eq!(run["pull_requests"], json!([]));
    pull.push("mallory", &[("app.yaml", Some("replicas: 8\n"))]).unwrap();
    assert_eq!(scene.repo.file("refs/pull/1/head", "app.yaml").unwrap(), b"replicas: 8\n");
    scene.clean().await;
}

#[tokio::test]
async fn a_pull_merged_by_hand_and_one_without_its_branch_are_closed() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    scene.repo.force_push("main", &pull.head_sha().unwrap(), "ada").unwrap();
    assert!(pull.view().unwrap().merged.is_some());
    scene.repo.commit("second", "More", "ada", &[("b", Some("b"))]).unwrap();
    let second = scene.repo.open_pull("ada", "More", "second", "main").unwrap();
    scene.repo.delete_branch("second", "ada").unwrap();
    let view = second.view().unwrap();
    assert!(!view.open && view.merged.is_none());
    scene.get("pulls/2").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn the_merge_queue_asks_for_checks_on_a_branch_of_its_own() {
    let scene = Scene::with(PERMISSIONS).await;
    let pull = scene.pull();
    let group = scene.repo.enqueue(&pull, "ada").unwrap();
    assert!(group.head_ref().starts_with("refs/heads/gh-readonly-queue/main/pr-1-"));
    let run = json!({"name": "preview", "head_sha": group.head_sha()});
    scene.post("check-runs", run).await.expect(201);
    group.finish("merged").unwrap();
    assert_eq!(scene.repo.head("main").unwrap(), group.head_sha());
    assert_eq!(pull.view().unwrap().merged.as_deref(), Some(group.head_sha()));
    scene.github.hooks().settle().await;
    let titles = scene.receiver.titles();
    assert!(titles.contains(&"merge_group.checks_requested".to_owned()), "{titles:?}");
    assert!(titles.contains(&"merge_group.destroyed".to_owned()), "{titles:?}");
    scene.clean().await;
}

#[tokio::test]
async fn an_app_edits_closes_and_reviews_pulls() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let done = scene.patch("pulls/1", json!({"title": "Better", "state": "closed"})).await.expect(200);
    assert_eq!((&done["title"], &done["state"]), (&json!("Better"), &json!("closed")));
    scene.patch("pulls/1", json!({"state": "open"})).await.expect(200);
    let review = json!({"event": "APPROVE", "body": "Good"});
    assert_eq!(scene.post("pulls/1/reviews", review).await.expect(200)["state"], "APPROVED");
    assert!(pull.view().unwrap().open);
    let protection = Protection { required_reviews: 2, ..Protection::default() };
    scene.repo.protect("main", Some(protection)).unwrap();
    let wanted = scene.get("branches/main/protection/required_pull_request_reviews").await.expect(200);
    assert_eq!(wanted["required_approving_review_count"], 2);
    scene.get("branches/main/protection/required_status_checks").await.expect(200);
    scene.clean().await;
}
