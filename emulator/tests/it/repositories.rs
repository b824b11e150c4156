//! Repositories: names that change, roles, branches, files, and reading without a change.

use crate::scene::Scene;
use crate::scene::answer;
use base64::Engine;
use github_emulator::Membership;
use github_emulator::Role;
use github_emulator::Visibility;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_renamed_repository_leads_on_to_its_id() {
    let scene = Scene::new().await;
    scene.pull();
    scene.repo.rename("store").unwrap();
    let moved = scene.get("pulls/1?state=open").await;
    let location = moved.header("location").unwrap().to_owned();
    moved.expect(301);
    let path = location.split("/api/v3").nth(1).unwrap();
    assert_eq!(path, format!("/repositories/{}/pulls/1?state=open", scene.repo.id));
    let shown = scene.get(&format!("/repositories/{}/pulls/1", scene.repo.id)).await.expect(200);
    assert_eq!(shown["base"]["repo"]["full_name"], "team/store");
    scene.post("issues/1/comments", json!({"body": "x"})).await.expect(307);
    assert_eq!(scene.get(&format!("/repositories/{}", scene.repo.id)).await.expect(200)["name"], "store");
    scene.github.hooks().settle().await;
    let renamed = scene.receiver.all().into_iter().find(|one| one.title() == "repository.renamed").unwrap();
    assert_eq!(renamed.json()["changes"]["repository"]["name"]["from"], "shop");
    let seen = scene.github.violations();
    assert!(seen.iter().all(|one| one.rule == "parameter"), "only `state` on one pull: {seen:?}");
}

#[tokio::test]
async fn transfer_archive_and_deletion_are_told_and_felt() {
    let scene = Scene::new().await;
    scene.pull();
    scene.repo.archive().unwrap();
    scene.post("issues/1/comments", json!({"body": "x"})).await.expect(403);
    scene.get("/repos/team/shop").await.expect(200);
    scene.repo.unarchive().unwrap();
    scene.repo.transfer("elsewhere").unwrap();
    assert_eq!(scene.repo.full_name(), "elsewhere/shop");
    scene.get("/repos/elsewhere/shop").await.expect(404);
    scene.repo.install(&scene.app).unwrap();
    scene.repo.delete().unwrap();
    scene.get("/repos/elsewhere/shop").await.expect(404);
    scene.github.hooks().settle().await;
    let told: Vec<String> =
        scene.receiver.titles().into_iter().filter(|title| title.starts_with("repository.")).collect();
    assert_eq!(
        told,
        ["repository.archived", "repository.unarchived", "repository.transferred", "repository.deleted"]
    );
    scene.clean().await;
}

#[tokio::test]
async fn roles_map_to_permissions_as_github_maps_them() {
    let scene = Scene::new().await;
    let roles = [Role::Read, Role::Triage, Role::Write, Role::Maintain, Role::Admin];
    for role in roles {
        scene.repo.collaborator("eve", role).unwrap();
        let shown = scene.get("collaborators/eve/permission").await.expect(200);
        assert_eq!(
            (&shown["role_name"], &shown["permission"]),
            (&json!(role.name()), &json!(role.permission()))
        );
    }
    scene.get("collaborators/eve").await.expect(204);
    scene.repo.remove_collaborator("eve").unwrap();
    let shown = scene.get("collaborators/eve/permission").await.expect(200);
    assert_eq!(shown["permission"], "none");
    scene.get("collaborators/eve").await.expect(404);
    scene.get("collaborators/nobody-there/permission").await.expect(404);
    let open = scene.github.repository("team", "open", Visibility::Public).unwrap();
    open.install(&scene.app).unwrap();
    let shown = scene.get("/repos/team/open/collaborators/eve/permission").await.expect(200);
    assert_eq!(shown["permission"], "read", "everyone may read what is public");
    scene.clean().await;
}

#[tokio::test]
async fn branches_references_commits_and_files_are_shown() {
    let scene = Scene::new().await;
    scene.pull();
    let main = scene.repo.head("main").unwrap();
    assert_eq!(scene.get("branches").await.expect(200).as_array().unwrap().len(), 2);
    assert_eq!(scene.get("branches/main").await.expect(200)["commit"]["sha"], main);
    scene.get("branches/none").await.expect(404);
    assert_eq!(scene.get("git/ref/heads/main").await.expect(200)["object"]["sha"], main);
    assert_eq!(scene.get("git/matching-refs/heads/").await.expect(200).as_array().unwrap().len(), 2);
    assert_eq!(scene.get(&format!("git/commits/{main}")).await.expect(200)["sha"], main);
    assert_eq!(scene.get("commits").await.expect(200).as_array().unwrap().len(), 1);
    let commit = scene.get("commits/heads/change").await.expect(200);
    assert_eq!(commit["files"][0]["filename"], "app.yaml");
    scene.get("commits/none").await.expect(422);
    let compared = scene.get("compare/main...change").await.expect(200);
    assert_eq!((&compared["status"], &compared["ahead_by"]), (&json!("ahead"), &json!(1)));
    let file = scene.get("contents/app.yaml?ref=change").await.expect(200);
    let text: String = file["content"].as_str().unwrap().split_whitespace().collect();
    let engine = base64::engine::general_purpose::STANDARD;
    assert_eq!(engine.decode(text).unwrap(), b"replicas: 3\n");
    assert_eq!(scene.get("contents/").await.expect(200)[0]["type"], "file");
    scene.get("contents/none.yaml").await.expect(404);
    let note = json!({"body": "Look here", "path": "app.yaml", "position": 1});
    scene.post(&format!("commits/{main}/comments"), note).await.expect(201);
    assert_eq!(scene.get(&format!("commits/{main}/comments")).await.expect(200)[0]["body"], "Look here");
    scene.clean().await;
}

#[tokio::test]
async fn files_and_references_can_be_written() {
    let scene = Scene::new().await;
    let main = scene.repo.head("main").unwrap();
    scene.post("git/refs", json!({"ref": "refs/heads/bump", "sha": main})).await.expect(201);
    scene.post("git/refs", json!({"ref": "refs/heads/bump", "sha": main})).await.expect(422);
    let content = base64::engine::general_purpose::STANDARD.encode("replicas: 5\n");
    let body = json!({"message": "Bump", "content": content, "branch": "bump"});
    let put = async |body| scene.call(Method::PUT, "contents/app.yaml", Some(body)).await;
    put(body.clone()).await.expect(409);
    let old = scene.get("contents/app.yaml?ref=bump").await.expect(200)["sha"].clone();
    let body = json!({"message": "Bump", "content": content, "branch": "bump", "sha": old});
    let done = put(body).await.expect(200);
    assert_eq!(scene.repo.head("bump").as_deref(), done["commit"]["sha"].as_str());
    let body = json!({"title": "Bump", "head": "bump", "base": "main"});
    let pull = scene.post("pulls", body).await.expect(201);
    assert_eq!(pull["user"]["login"], "shipper[bot]");
    let back = json!({"sha": main});
    scene.patch("git/refs/heads/bump", back).await.expect(422);
    scene.patch("git/refs/heads/bump", json!({"sha": main, "force": true})).await.expect(200);
    scene.call(Method::DELETE, "git/refs/heads/bump", None).await.expect(204);
    assert_eq!(scene.repo.branches(), ["main"]);
    scene.clean().await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let scene = Scene::new().await;
    let first = scene.get("/repos/team/shop").await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = async || {
        let request = scene.raw(Method::GET, "/repos/team/shop", Some(&scene.token));
        answer(request.header("if-none-match", &tag).send().await.unwrap()).await
    };
    let same = again().await;
    assert_eq!((same.status, &same.body), (304, &json!(null)));
    scene.github.clock().advance(std::time::Duration::from_secs(5));
    scene.repo.commit("main", "Change", "ada", &[("b", Some("b"))]).unwrap();
    again().await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn people_and_teams_can_be_asked_for() {
    let scene = Scene::new().await;
    let team = scene.github.organization("team");
    team.team("ops", "ada", Membership::Member);
    team.team("ops", "bob", Membership::Pending);
    assert_eq!(scene.get("/users/ada").await.expect(200)["login"], "ada");
    let ada = scene.get("/orgs/team/teams/ops/memberships/ada").await.expect(200);
    assert_eq!((&ada["state"], &ada["role"]), (&json!("active"), &json!("member")));
    let bob = scene.get("/orgs/team/teams/ops/memberships/bob").await.expect(200);
    assert_eq!(bob["state"], "pending");
    scene.get("/orgs/team/teams/ops/memberships/eve").await.expect(404);
    scene.get("/rate_limit").await.expect(200);
    scene.clean().await;
}
