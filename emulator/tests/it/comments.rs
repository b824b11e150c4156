//! The life of a comment, its reactions, and lists in pages.

use crate::scene::Scene;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_comment_is_made_edited_read_and_deleted() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let list = format!("issues/{}/comments", pull.number);
    let made = scene.post(&list, json!({"body": "Preview follows"})).await.expect(201);
    assert_eq!(made["user"]["login"], "shipper[bot]");
    assert_eq!(made["user"]["type"], "Bot");
    assert_eq!(made["performed_via_github_app"]["id"], scene.app.id);
    let one = format!("issues/comments/{}", made["id"]);
    scene.patch(&one, json!({"body": "Preview"})).await.expect(200);
    assert_eq!(scene.get(&one).await.expect(200)["body"], "Preview");
    assert_eq!(scene.get(&list).await.expect(200)[0]["body"], "Preview");
    assert_eq!(pull.comments()[0].author, "shipper[bot]");
    scene.call(Method::DELETE, &one, None).await.expect(204);
    scene.get(&one).await.expect(404);
    assert_eq!(pull.comments(), []);
    scene.github.hooks().settle().await;
    let comments: Vec<String> =
        scene.receiver.titles().into_iter().filter(|title| title.starts_with("issue_comment")).collect();
    assert_eq!(comments, ["issue_comment.created", "issue_comment.edited", "issue_comment.deleted"]);
    scene.clean().await;
}

#[tokio::test]
async fn lists_come_in_pages_with_links_that_name_the_repository_by_id() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    for number in 0..7 {
        pull.comment("ada", &format!("comment {number}")).unwrap();
    }
    let list = format!("issues/{}/comments?per_page=3", pull.number);
    let first = scene.get(&list).await;
    let link = first.header("link").unwrap().to_owned();
    assert_eq!(first.expect(200).as_array().unwrap().len(), 3);
    assert!(link.contains("rel=\"next\"") && link.contains("rel=\"last\""), "{link}");
    let next = link.split(['<', '>']).nth(1).unwrap();
    let path = next.split("/api/v3").nth(1).unwrap();
    assert!(path.starts_with(&format!("/repositories/{}/issues/", scene.repo.id)), "{path}");
    let second = scene.get(path).await;
    let link = second.header("link").unwrap().to_owned();
    assert_eq!(second.expect(200)[0]["body"], "comment 3");
    let last = link.split(", ").find(|part| part.contains("\"last\"")).unwrap();
    let path = last.split(['<', '>']).nth(1).unwrap().split("/api/v3").nth(1).unwrap();
    let third = scene.get(path).await;
    assert!(!third.header("link").unwrap().contains("next"));
    assert_eq!(third.expect(200).as_array().unwrap().len(), 1);
    scene.clean().await;
}

#[tokio::test]
async fn reacting_twice_alike_is_one_reaction() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let id = pull.comment("ada", "/deploy staging").unwrap();
    let list = format!("issues/comments/{id}/reactions");
    let made = scene.post(&list, json!({"content": "eyes"})).await.expect(201);
    let again = scene.post(&list, json!({"content": "eyes"})).await.expect(200);
    assert_eq!(made["id"], again["id"]);
    assert_eq!(scene.get(&list).await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(pull.comments()[0].reactions, [("shipper[bot]".to_owned(), "eyes".to_owned())]);
    scene.call(Method::DELETE, &format!("{list}/{}", made["id"]), None).await.expect(204);
    assert_eq!(pull.comments()[0].reactions, []);
    scene.clean().await;
}

#[tokio::test]
async fn an_edit_by_another_names_both_people_and_the_old_text() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let id = pull.comment("eve", "/help").unwrap();
    pull.edit_comment(id, "ada", "/deploy production").unwrap();
    scene.github.hooks().settle().await;
    let all = scene.receiver.all();
    let edited = all.iter().find(|one| one.title() == "issue_comment.edited").unwrap().json();
    assert_eq!(edited["sender"]["login"], "ada");
    assert_eq!(edited["comment"]["user"]["login"], "eve");
    assert_eq!(edited["changes"]["body"]["from"], "/help");
    assert!(edited["issue"]["pull_request"].is_object());
    assert_eq!(scene.get(&format!("issues/comments/{id}")).await.expect(200)["body"], "/deploy production");
    scene.clean().await;
}

#[tokio::test]
async fn an_issue_is_no_pull_request() {
    let scene = Scene::new().await;
    let number = scene.repo.open_issue("eve", "It broke", "Badly").unwrap();
    scene.repo.comment(number, "eve", "/deploy").unwrap();
    let issue = scene.get(&format!("issues/{number}")).await.expect(200);
    assert!(issue.get("pull_request").is_none());
    scene.get(&format!("pulls/{number}")).await.expect(404);
    assert_eq!(scene.get("issues").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(scene.get("issues/comments").await.expect(200)[0]["body"], "/deploy");
    scene.github.hooks().settle().await;
    let told = &scene.receiver.all()[0];
    assert_eq!(told.title(), "issue_comment.created");
    assert!(told.json()["issue"].get("pull_request").is_none());
    scene.clean().await;
}
