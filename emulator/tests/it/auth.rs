//! JWTs and installation tokens.

use crate::scene::Scene;
use github_emulator::TokenStyle;
use github_emulator::Visibility;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

async fn mint(scene: &Scene, body: serde_json::Value) -> crate::scene::Answer {
    let path = format!("/app/installations/{}/access_tokens", scene.installation.id);
    scene.as_app(Method::POST, &path, Some(body)).await
}

#[tokio::test]
async fn an_app_knows_itself_and_its_installations() {
    let scene = Scene::new().await;
    let app = scene.as_app(Method::GET, "/app", None).await.expect(200);
    assert_eq!((app["slug"].as_str(), app["id"].as_u64()), (Some("shipper"), Some(scene.app.id)));
    let list = scene.as_app(Method::GET, "/app/installations", None).await.expect(200);
    assert_eq!(list[0]["id"], scene.installation.id);
    let one = format!("/app/installations/{}", scene.installation.id);
    let one = scene.as_app(Method::GET, &one, None).await.expect(200);
    assert_eq!(one["account"]["login"], "team");
    assert_eq!(one["target_type"], "Organization");
    let found = scene.as_app(Method::GET, "/repos/team/shop/installation", None).await.expect(200);
    assert_eq!(found["id"], scene.installation.id);
    let found = scene.as_app(Method::GET, "/orgs/team/installation", None).await.expect(200);
    assert_eq!(found["id"], scene.installation.id);
    scene.as_app(Method::GET, "/users/ada/installation", None).await.expect(404);
    assert_eq!(scene.get("/apps/shipper").await.expect(200)["id"], scene.app.id);
    scene.as_app(Method::GET, "/app/installations/1", None).await.expect(404);
    scene.clean().await;
}

#[tokio::test]
async fn a_jwt_must_be_signed_fresh_and_short_lived() {
    let scene = Scene::new().await;
    let now = jiff::Timestamp::now().as_second();
    let id = scene.app.id;
    let status = async |jwt: String| {
        let request = scene.raw(Method::GET, "/app", Some(&jwt)).send().await.unwrap();
        request.status().as_u16()
    };
    assert_eq!(status(scene.jwt_with(&json!({"iss": id, "iat": now, "exp": now + 600}))).await, 200);
    assert_eq!(status(scene.jwt_with(&json!({"iss": id, "iat": now, "exp": now + 700}))).await, 401);
    assert_eq!(status(scene.jwt_with(&json!({"iss": id, "iat": now, "exp": now - 1}))).await, 401);
    assert_eq!(status(scene.jwt_with(&json!({"iss": id, "iat": now + 300, "exp": now + 500}))).await, 401);
    assert_eq!(status(scene.jwt_with(&json!({"iss": id, "iat": now}))).await, 401);
    assert_eq!(status(scene.jwt_with(&json!({"iss": 1, "iat": now, "exp": now + 60}))).await, 401);
    let other = Scene::new().await;
    let forged = other.jwt_with(&json!({"iss": id, "iat": now, "exp": now + 60}));
    assert_eq!(status(forged).await, 401, "another app's key must not do");
    let mut spoilt = scene.jwt();
    spoilt.replace_range(spoilt.len() - 8.., "AAAAAAAA");
    assert_eq!(status(spoilt).await, 401);
    scene.clean().await;
}

#[tokio::test]
async fn a_token_is_good_for_an_hour_by_the_emulators_clock() {
    let scene = Scene::new().await;
    let answer = mint(&scene, json!({})).await.expect(201);
    let token = answer["token"].as_str().unwrap();
    assert!(token.starts_with("ghs_") && token.len() == 40, "{token}");
    scene.with_token(token, "/repos/team/shop").await.expect(200);
    scene.github.clock().advance(Duration::from_mins(59));
    scene.with_token(token, "/repos/team/shop").await.expect(200);
    scene.github.clock().advance(Duration::from_mins(2));
    scene.with_token(token, "/repos/team/shop").await.expect(401);
    scene.with_token("ghs_unknown", "/repos/team/shop").await.expect(401);
    mint(&scene, json!({})).await.expect(201);
    scene.clean().await;
}

#[tokio::test]
async fn a_token_can_be_narrowed_and_never_widened() {
    let scene = Scene::new().await;
    let other = scene.github.repository("team", "other", Visibility::Public).unwrap();
    scene.github.repository("team", "foreign", Visibility::Private).unwrap();
    other.install(&scene.app).unwrap();
    let all = scene.get("/installation/repositories").await.expect(200);
    assert_eq!(all["total_count"], 2);
    let narrow = json!({"repositories": ["other"], "permissions": {"checks": "read"}});
    let answer = mint(&scene, narrow).await.expect(201);
    assert_eq!(answer["permissions"], json!({"checks": "read"}));
    assert_eq!(answer["repositories"][0]["name"], "other");
    let token = answer["token"].as_str().unwrap();
    scene.with_token(token, "/repos/team/other").await.expect(200);
    scene.with_token(token, "/repos/team/shop").await.expect(404);
    scene.with_token(token, "/repos/team/other/pulls").await.expect(403);
    let by_id = mint(&scene, json!({"repository_ids": [scene.repo.id]})).await.expect(201);
    scene.with_token(by_id["token"].as_str().unwrap(), "/repos/team/other").await.expect(404);
    mint(&scene, json!({"repositories": ["foreign"]})).await.expect(422);
    mint(&scene, json!({"permissions": {"workflows": "write"}})).await.expect(422);
    scene.clean().await;
}

#[tokio::test]
async fn a_suspended_installation_gets_no_token_and_old_ones_fail() {
    let scene = Scene::new().await;
    scene.installation.suspend().unwrap();
    mint(&scene, json!({})).await.expect(403);
    scene.get("/repos/team/shop").await.expect(403);
    scene.installation.unsuspend().unwrap();
    scene.get("/repos/team/shop").await.expect(200);
    scene.github.hooks().settle().await;
    assert_eq!(scene.receiver.titles(), ["installation.suspend", "installation.unsuspend"]);
    scene.clean().await;
}

#[tokio::test]
async fn long_tokens_with_dots_work_like_short_ones() {
    let scene = Scene::new().await;
    scene.github.set_token_style(TokenStyle::Stateless520);
    let answer = mint(&scene, json!({})).await.expect(201);
    let token = answer["token"].as_str().unwrap();
    assert!(token.len() > 500 && token.matches('.').count() == 2, "{token}");
    scene.with_token(token, "/repos/team/shop").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn the_manifest_flows_code_is_good_once() {
    let scene = Scene::new().await;
    let options = github_emulator::AppOptions { slug: "fresh".to_owned(), ..Default::default() };
    let (app, code) = scene.github.manifest_code(options).unwrap();
    let path = format!("/app-manifests/{code}/conversions");
    let send =
        async || crate::scene::answer(scene.raw(Method::POST, &path, None).send().await.unwrap()).await;
    let body = send().await.expect(201);
    assert_eq!(body["id"], app.id);
    assert_eq!(body["pem"], app.private_key_pem);
    send().await.expect(404);
    scene.clean().await;
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let scene = Scene::new().await;
    scene.call(Method::DELETE, "/installation/token", None).await.expect(204);
    scene.get("/repos/team/shop").await.expect(401);
    scene.clean().await;
}

#[test]
fn an_app_can_be_registered_from_its_manifest() {
    let manifest = json!({
        "name": "Ship It (staging)",
        "hook_attributes": {"url": "https://example.com/hook"},
        "default_permissions": {"checks": "write"},
        "default_events": ["push"],
    });
    let options = github_emulator::AppOptions::from_manifest(&manifest, "secret");
    assert_eq!(options.slug, "ship-it-staging");
    assert_eq!(options.permissions["checks"], "write");
    assert_eq!(options.events, ["push"]);
    assert_eq!(options.webhook_url.as_deref(), Some("https://example.com/hook"));
}
