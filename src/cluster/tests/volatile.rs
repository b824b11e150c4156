//! What is another at each render, on a real API server: set once, then kept, also by a successor.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{World, becomes, config, plan, web};
use crate::model::object::{Bundle, Object};
use crate::model::report::Done;
use crate::model::view::Prediction;

/// A bundle as one render gives it: of a Secret and of a Deployment with a drawn salt behind a fixed variable.
fn rendered(world: &World, draw: &str, image: &str) -> Bundle {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": draw, "user": "shop"}});
    let mut web = web(1, image);
    web["spec"]["template"]["metadata"]["annotations"] = json!({"checksum/db": draw});
    web["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "FIXED", "value": image}, {"name": "SALT", "value": draw}]);
    let mut bundle = world.bundle(&[secret, web]);
    for object in &mut bundle.objects {
        object.volatile = match object.id.kind.as_str() {
            "Secret" => vec!["/stringData/password".to_owned()],
            _ => vec![
                "/spec/template/metadata/annotations/checksum~1db".to_owned(),
                "/spec/template/spec/containers/0/env/1/value".to_owned(),
            ],
        };
    }
    bundle
}

async fn web_now(world: &World) -> Value {
    let namespace = world.namespace();
    world.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/web")).await.unwrap()
}

#[tokio::test]
async fn a_drawn_value_is_set_once_and_then_kept() {
    let world = World::settled("volatile-kept").await;
    let first = rendered(&world, "first-draw", "web:1");
    world.must_deploy(&first).await;
    let path = "/api/v1/namespaces/volatile-kept/secrets/db";
    let made = world.get(path).await.unwrap();
    assert_eq!(made["data"], json!({"password": "Zmlyc3QtZHJhdw==", "user": "c2hvcA=="}));

    let again = rendered(&world, "second-draw", "web:1");
    for seen in &world.look(&again).await {
        assert_eq!(becomes(seen), &seen.live.as_ref().unwrap().body, "{}", seen.id);
    }
    assert_eq!(again.digest(), first.digest());

    // Another cause to write: the rest changes, and what was drawn stays, in the same hands.
    world
        .act_as(
            "kubectl-edit",
            path,
            &json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "db"}, "data": {"password": "YnktaGFuZA=="}}),
        )
        .await;
    let mut third = rendered(&world, "third-draw", "web:2");
    third.objects[0].body["stringData"]["user"] = "other".into();
    let applied = world.must_deploy(&third).await;
    assert!(applied.iter().all(|one| one.result == Done::Changed), "{applied:#?}");
    let now = world.get(path).await.unwrap();
    assert_eq!(now["data"], json!({"password": "YnktaGFuZA==", "user": "b3RoZXI="}), "also what people set");
    let template = web_now(&world).await["spec"]["template"].clone();
    assert_eq!(template["metadata"]["annotations"]["checksum/db"], "first-draw");
    assert_eq!(
        template["spec"]["containers"][0]["env"],
        json!([{"name": "FIXED", "value": "web:2"}, {"name": "SALT", "value": "first-draw"}])
    );
}

#[tokio::test]
async fn a_successor_takes_over_what_was_drawn() {
    let world = World::settled("volatile-replaced").await;
    world.must_deploy(&rendered(&world, "first-draw", "web:1")).await;
    let uid = web_now(&world).await["metadata"]["uid"].clone();
    let mut second = rendered(&world, "second-draw", "web:1");
    let web: &mut Object = second.objects.iter_mut().find(|object| object.id.kind == "Deployment").unwrap();
    web.body["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    web.body["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    let seen = world.look(&second).await;
    let replaced = seen.iter().find(|seen| seen.id.kind == "Deployment").unwrap();
    let Prediction::Replaced { after, .. } = &replaced.prediction else { panic!("{replaced:#?}") };
    let salt = "/spec/template/spec/containers/0/env/1/value";
    assert_eq!(after.pointer(salt).unwrap(), "first-draw", "it is predicted");
    let applied = world.run(&second, &plan(&seen)).await.unwrap();
    assert!(applied.iter().all(|one| one.result == Done::Changed), "{applied:#?}");
    let now = web_now(&world).await;
    assert_ne!(now["metadata"]["uid"], uid);
    assert_eq!(now.pointer(salt).unwrap(), "first-draw");
}

#[tokio::test]
async fn a_value_that_only_now_is_drawn_is_new_where_none_is_live() {
    let world = World::settled("volatile-new").await;
    world.must_deploy(&world.bundle(&[config("settings", "1")])).await;
    let mut body = config("settings", "1");
    body["data"]["salt"] = "drawn".into();
    let mut bundle = world.bundle(&[body]);
    bundle.objects[0].volatile = vec!["/data/salt".to_owned()];
    world.must_deploy(&bundle).await;
    let now = world.get("/api/v1/namespaces/volatile-new/configmaps/settings").await.unwrap();
    assert_eq!(now["data"]["salt"], "drawn");
}

#[tokio::test]
async fn what_goes_while_we_look_leaves_what_was_drawn_to_its_successor() {
    let world = World::settled("volatile-gone").await;
    world.must_deploy(&rendered(&world, "first-draw", "web:1")).await;
    let path = "/api/v1/namespaces/volatile-gone/secrets/db";
    let held = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "db", "finalizers": ["example.com/hold"]}});
    world.act_as("holder", path, &held).await;
    world.send(Method::DELETE, path, &json!({})).await.unwrap();
    let mut second = rendered(&world, "second-draw", "web:1");
    second.objects[0].body["stringData"]["user"] = "other".into();
    let release = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let free = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
        world.act_as("holder", path, &free).await;
    };
    let (applied, ()) = tokio::join!(world.must_deploy(&second), release);
    assert!(applied.iter().any(|one| one.id.kind == "Secret" && one.result == Done::Changed), "{applied:#?}");
    let now = world.get(path).await.unwrap();
    assert!(now.pointer("/metadata/deletionTimestamp").is_none(), "{now:#}");
    assert_eq!(now["data"]["password"], "Zmlyc3QtZHJhdw==");
}
