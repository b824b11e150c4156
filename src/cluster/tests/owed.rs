//! What was written and never seen ready is no success, however often it is deployed again.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{World, config, web};
use crate::model::object::Bundle;
use crate::model::permit::Permit;
use crate::model::plan::Action;
use crate::model::report::{Applied, Done};

/// A rollout of pods that fit no node until one gets the label.
fn stuck(world: &World) -> Bundle {
    let mut stuck = web(1, "web:1");
    stuck["spec"]["template"]["spec"]["nodeSelector"] = json!({"tidegate.test/owed": "here"});
    world.bundle(&[stuck])
}

async fn make_room(world: &World) {
    let nodes = world.get("/api/v1/nodes").await.unwrap();
    let name = nodes["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let labelled = json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"tidegate.test/owed": "here"}}});
    world.act_as("owed-test", &format!("/api/v1/nodes/{name}"), &labelled).await;
}

#[tokio::test]
async fn a_rollout_that_nobody_saw_ready_is_waited_for_again_and_nothing_is_deleted_before() {
    let mut world = World::settled("owed").await;
    world.must_deploy(&world.bundle(&[config("doomed", "1")])).await;
    let bundle = stuck(&world);
    let path = "/apis/apps/v1/namespaces/owed/deployments/web";

    // Killed while it waits.
    let written = async {
        while world.get(path).await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        applied = world.deploy(&bundle) => panic!("{applied:#?}"),
        () = written => {}
    }

    // A run that is stopped says that it did not see it.
    world.permit.revoke();
    let applied = world.deploy(&world.bundle(&[bundle.objects[0].body.clone(), config("doomed", "1")])).await;
    let skipped = |one: &Applied, why: &str| matches!(&one.result, Done::Skipped(said) if said.contains(why));
    assert!(
        matches!(applied.as_deref().unwrap(), [web] if web.id.name == "web" && skipped(web, "seen ready")),
        "{applied:#?}"
    );
    world.permit = Permit::default();
    // So does one in which something before it failed.
    let mut invalid = config("doomed", "1");
    invalid["data"]["not a key!"] = "1".into();
    let applied = world.deploy(&world.bundle(&[bundle.objects[0].body.clone(), invalid])).await.unwrap();
    let web = applied.iter().find(|one| one.id.name == "web").unwrap();
    assert!(skipped(web, "doomed failed"), "{applied:#?}");

    // The next runs find it as rendered, and fail as often as it does not come up.
    world.cluster = world.cluster.patience(Duration::from_secs(12));
    for _ in 0..2 {
        let applied = world.deploy(&bundle).await.unwrap();
        let web = applied.iter().find(|one| one.id.name == "web").unwrap();
        assert_eq!(web.action, Action::Update, "{applied:#?}");
        assert!(matches!(&web.result, Done::Failed(why) if why.contains("pod web-")), "{applied:#?}");
        let doomed = applied.iter().find(|one| one.id.name == "doomed").unwrap();
        assert!(matches!(doomed.result, Done::Skipped(_)), "{applied:#?}");
        let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
        assert_eq!((own.entries[&bundle.objects[0].id].digest, own.entries.len()), (None, 2));
    }

    make_room(&world).await;
    world.cluster = world.cluster.patience(Duration::from_mins(1));
    let applied = world.must_deploy(&bundle).await;
    assert_eq!(applied.last().unwrap().id.name, "doomed", "{applied:#?}");
    assert_eq!(world.get(path).await.unwrap()["status"]["availableReplicas"], 1, "it was waited for");
    let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert!(own.entries.values().all(|owned| owned.digest.is_some()), "{own:#?}");
    assert!(world.must_deploy(&bundle).await.is_empty(), "and then there is nothing to do");
}
