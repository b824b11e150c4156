//! Applying to a real API server with its controllers.

use serde_json::json;

use super::{World, becomes, change, config, namespace, plan, service, web};
use crate::cluster::Error;
use crate::cluster::inventory;
use crate::model::id::Digest;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Fidelity};
use crate::model::report::Done;
use crate::model::view::{Inventory, Owned, Owner, Prediction};

fn secret() -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": "geheim"}})
}

#[tokio::test]
async fn an_environment_from_nothing_to_change_to_pruning() {
    let world = World::new("apply-story").await;
    let first = world.bundle(&[
        namespace("apply-story"),
        config("settings", "1"),
        config("old", "1"),
        secret(),
        web(2, "web:1"),
        service(),
    ]);
    let applied = world.must_deploy(&first).await;
    assert_eq!(applied.first().unwrap().id.kind, "Namespace");
    assert!(applied.iter().all(|one| one.result == Done::Changed && one.after.is_some()), "{applied:#?}");
    let live = world.get("/apis/apps/v1/namespaces/apply-story/deployments/web").await.unwrap();
    assert_eq!(live["status"]["availableReplicas"], 2, "it was waited for");

    let seen = world.look(&first).await;
    for seen in &seen {
        assert_eq!(becomes(seen), &seen.live.as_ref().unwrap().body, "{}", seen.id);
        assert_eq!((&seen.live.as_ref().unwrap().owner, seen.fidelity), (&Owner::Us, Fidelity::Live));
    }
    let before = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert_eq!(before.entries.len(), 6);
    assert!(before.entries.values().all(|owned| owned.uid.is_some() && owned.digest.is_some()));
    assert!(world.must_deploy(&first).await.is_empty());
    assert_eq!(
        world.cluster.own(&world.scope).await.unwrap().unwrap(),
        before,
        "nothing to do, nothing written"
    );

    let second = world.bundle(&[
        namespace("apply-story"),
        config("settings", "2"),
        secret(),
        web(1, "web:2"),
        service(),
    ]);
    let seen = world.look(&second).await;
    let planned = plan(&seen);
    let actions: Vec<_> =
        planned.changes.iter().map(|change| (change.id.name.as_str(), change.action)).collect();
    assert_eq!(actions, [("settings", Action::Update), ("web", Action::Update), ("old", Action::Delete)]);
    let applied = world.run(&second, &planned).await.unwrap();
    assert!(applied.iter().all(|one| one.result == Done::Changed), "{applied:#?}");
    assert_eq!(applied.last().unwrap().id.name, "old", "pruning is last");
    for one in applied.iter().filter(|one| one.action == Action::Update) {
        let seen = seen.iter().find(|seen| seen.id == one.id).unwrap();
        assert_eq!(Some(becomes(seen)), one.after.as_ref(), "what the preview says is what happens");
    }
    assert!(world.get("/api/v1/namespaces/apply-story/configmaps/old").await.is_none());
    let after = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert_eq!((after.entries.len(), after.commit.unwrap().short()), (5, "2222222"));
}

#[tokio::test]
async fn the_parent_is_an_applyset() {
    let world = World::settled("apply-set").await;
    world.must_deploy(&world.bundle(&[config("a", "1"), web(0, "web:1")])).await;
    let name =
        format!("/api/v1/namespaces/tidegate/configmaps/tidegate.{}.prod", world.scope.environment.repo);
    let parent = world.get(&name).await.unwrap();
    let member = world.get("/api/v1/namespaces/apply-set/configmaps/a").await.unwrap();
    assert_eq!(
        parent["metadata"]["labels"]["applyset.kubernetes.io/id"],
        member["metadata"]["labels"]["applyset.kubernetes.io/part-of"]
    );
    let annotations = &parent["metadata"]["annotations"];
    assert_eq!(annotations["applyset.kubernetes.io/contains-group-kinds"], "ConfigMap,Deployment.apps");
    assert_eq!(annotations["applyset.kubernetes.io/additional-namespaces"], "apply-set");
    assert!(annotations["applyset.kubernetes.io/tooling"].as_str().unwrap().starts_with("tidegate/v"));
}

#[tokio::test]
async fn a_definition_and_its_object_go_in_one_run() {
    let world = World::settled("apply-crd").await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.apply.example.com"}, "spec": {"group": "apply.example.com", "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
                "properties": {"spec": {"type": "object", "properties": {"sails": {"type": "integer", "default": 1}}}}}}}]}});
    let boat = json!({"apiVersion": "apply.example.com/v1", "kind": "Boat", "metadata": {"name": "one"}, "spec": {}});
    let bundle = world.bundle(&[definition, boat.clone()]);
    let seen = world.look(&bundle).await;
    let dry = seen.iter().find(|seen| seen.id.kind == "Boat").unwrap();
    assert_eq!(dry.fidelity, Fidelity::Schema);
    assert!(dry.reason.contains("comes with this change"), "{}", dry.reason);
    world.must_deploy(&bundle).await;
    let seen = world.look(&bundle).await;
    let live = seen.iter().find(|seen| seen.id.kind == "Boat").unwrap();
    assert_eq!((live.fidelity, &becomes(live)["spec"]["sails"]), (Fidelity::Live, &json!(1)));

    let applied = world.must_deploy(&world.bundle(&[config("left", "1")])).await;
    let order: Vec<_> = applied.iter().map(|one| (one.action, one.id.kind.as_str())).collect();
    let deletes = [(Action::Delete, "Boat"), (Action::Delete, "CustomResourceDefinition")];
    assert_eq!(order, [&[(Action::Create, "ConfigMap")], &deletes[..]].concat());
}

#[tokio::test]
async fn a_replacement_is_bound_to_the_incarnation_that_was_planned() {
    let world = World::settled("apply-replace").await;
    world.must_deploy(&world.bundle(&[web(1, "web:1")])).await;
    let path = "/apis/apps/v1/namespaces/apply-replace/deployments/web";
    let uid = world.get(path).await.unwrap()["metadata"]["uid"].clone();
    let mut body = web(1, "web:1");
    body["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    body["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    let bundle = world.bundle(&[body]);
    let seen = world.look(&bundle).await;
    assert!(matches!(seen[0].prediction, Prediction::Replaced { .. }), "{seen:#?}");
    let applied = world.run(&bundle, &plan(&seen)).await.unwrap();
    assert_eq!(applied[0].result, Done::Changed, "{applied:#?}");
    let Prediction::Replaced { after, .. } = &seen[0].prediction else { return };
    assert_eq!(applied[0].after.as_ref(), Some(after));
    assert_ne!(world.get(path).await.unwrap()["metadata"]["uid"], uid);
}

#[tokio::test]
async fn what_an_annotation_keeps_or_another_environment_took_is_not_replaced() {
    let world = World::settled("apply-keep").await;
    let path = "/apis/apps/v1/namespaces/apply-keep/deployments/web";
    world.must_deploy(&world.bundle(&[web(1, "web:1")])).await;
    let mut body = web(1, "web:1");
    body["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    body["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    let bundle = world.bundle(&[body]);
    let planned = plan(&world.look(&bundle).await);
    assert_eq!(planned.changes[0].action, Action::Replace);
    let marks = |metadata: serde_json::Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata});
    let kept = marks(json!({"annotations": {"tidegate.dev/prune": "disabled"}}));
    let taken =
        marks(json!({"annotations": {}, "labels": {"applyset.kubernetes.io/part-of": "applyset-other"}}));
    for (mark, why) in [(kept, "keeps it"), (taken, "belongs to ApplySet applyset-other")] {
        let uid = world.act_as("somebody", path, &mark).await["metadata"]["uid"].clone();
        let applied = world.run(&bundle, &planned).await.unwrap();
        assert!(matches!(&applied[0].result, Done::Failed(said) if said.contains(why)), "{applied:#?}");
        assert_eq!(world.get(path).await.unwrap()["metadata"]["uid"], uid);
    }
}

#[tokio::test]
async fn what_is_not_ours_is_neither_written_nor_deleted() {
    let world = World::settled("apply-foreign").await;
    let maps = "/api/v1/namespaces/apply-foreign/configmaps";
    world.send(http::Method::POST, maps, &config("taken", "theirs")).await.unwrap();
    let bundle = world.bundle(&[config("taken", "ours")]);
    let id = bundle.objects[0].id.clone();
    for action in [Action::Create, Action::Update, Action::Adopt] {
        let mut planned = plan(&[]);
        planned.changes = vec![change(&id, action, None)];
        let applied = world.run(&bundle, &planned).await.unwrap();
        assert!(matches!(&applied[0].result, Done::Failed(why) if why.contains("not ours")), "{applied:#?}");
    }
    let uid =
        world.get(&format!("{maps}/taken")).await.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    let mut planned = plan(&[]);
    planned.changes = vec![change(&id, Action::Delete, Some(uid))];
    let applied = world.run(&world.bundle(&[]), &planned).await.unwrap();
    assert!(matches!(&applied[0].result, Done::Failed(why) if why.contains("left alone")), "{applied:#?}");
    let live = world.get(&format!("{maps}/taken")).await.unwrap();
    assert_eq!(live["data"]["key"], "theirs");
    assert!(
        world.cluster.own(&world.scope).await.unwrap().unwrap().entries.is_empty(),
        "and not remembered as ours"
    );
}

#[tokio::test]
async fn an_adopted_object_is_taken_whole() {
    let mut world = World::settled("apply-adopt").await;
    let maps = "/api/v1/namespaces/apply-adopt/configmaps";
    world.send(http::Method::POST, maps, &config("taken", "theirs")).await.unwrap();
    world.scope.adopt = vec![crate::model::settings::Adopt::Unmanaged];
    let applied = world.must_deploy(&world.bundle(&[config("taken", "ours")])).await;
    assert_eq!((applied[0].action, &applied[0].result), (Action::Adopt, &Done::Changed));
    assert_eq!(world.get(&format!("{maps}/taken")).await.unwrap()["data"]["key"], "ours");
    assert_eq!(world.see(&config("taken", "ours")).await.live.unwrap().owner, Owner::Us);
}

#[tokio::test]
async fn a_run_that_planned_on_an_older_inventory_writes_nothing() {
    let world = World::settled("apply-moved").await;
    world.must_deploy(&world.bundle(&[config("a", "1")])).await;
    let bundle = world.bundle(&[config("a", "2")]);
    let planned = plan(&world.look(&bundle).await);
    let moved = world.run_over(&bundle, &planned, None).await;
    assert!(matches!(moved, Err(Error::Moved { .. })), "{moved:?}");
    world.permit.revoke();
    let applied = world.run(&bundle, &planned).await.unwrap();
    assert!(matches!(applied[0].result, Done::Skipped(_)), "{applied:#?}");
    assert_eq!(world.get("/api/v1/namespaces/apply-moved/configmaps/a").await.unwrap()["data"]["key"], "1");
}

#[tokio::test]
async fn a_large_inventory_is_kept_in_shards_and_guarded() {
    let world = World::settled("apply-shards").await;
    let (wire, environment) = (&world.cluster.wire, &world.scope.environment);
    let entry = |n: usize| {
        let id = ObjectId {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: Some("apply-shards".into()),
            name: format!("web-{n}"),
        };
        (
            id,
            Owned {
                uid: Some(format!("{n:036}")),
                digest: Some(Digest::of(b"x")),
                app: format!("apps/web-{n}"),
            },
        )
    };
    let large = Inventory { entries: (0..6_000).map(entry).collect(), ..Inventory::default() };
    let first = inventory::write(wire, environment, None, large.clone()).await.unwrap();
    let read = inventory::read(wire, environment).await.unwrap().unwrap();
    assert_eq!(read.inventory, Inventory { generation: 1, ..large.clone() });
    // A writer that was held up does no harm to the one that won.
    let (won, other) = (Inventory { generation: 2, ..large.clone() }, (0..5_000).map(entry).collect());
    let second = inventory::write(wire, environment, Some(&read), large).await.unwrap();
    let late = Inventory { entries: other, ..Inventory::default() };
    assert!(matches!(inventory::write(wire, environment, Some(&read), late).await, Err(Error::Moved { .. })));
    assert_eq!(inventory::read(wire, environment).await.unwrap().unwrap().inventory, won);
    let small = Inventory { entries: (0..3).map(entry).collect(), ..Inventory::default() };
    inventory::write(wire, environment, Some(&second), small.clone()).await.unwrap();
    assert!(matches!(
        inventory::write(wire, environment, Some(&first), small).await,
        Err(Error::Moved { .. })
    ));
    let left = world.get("/api/v1/namespaces/tidegate/configmaps").await.unwrap();
    let own = format!("tidegate.{}.prod.", environment.repo);
    let names = left["items"].as_array().unwrap().iter().filter_map(|item| item["metadata"]["name"].as_str());
    assert_eq!(names.filter(|name| name.starts_with(&own)).count(), 0, "old shards are gone");
}

#[tokio::test]
async fn a_lost_inventory_is_rebuilt_from_what_bears_our_mark() {
    let world = World::settled("apply-lost").await;
    world.must_deploy(&world.bundle(&[config("a", "1"), config("b", "1"), service()])).await;
    let maps = "/api/v1/namespaces/apply-lost/configmaps";
    let mut copied = world.get(&format!("{maps}/a")).await.unwrap();
    copied["metadata"] = json!({"name": "copied", "labels": copied["metadata"]["labels"]});
    world.send(http::Method::POST, maps, &copied).await.unwrap();
    let parent =
        format!("/api/v1/namespaces/tidegate/configmaps/tidegate.{}.prod", world.scope.environment.repo);
    world.send(http::Method::DELETE, &parent, &json!({})).await.unwrap();

    let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
    let names: Vec<_> = own.entries.keys().map(|id| id.name.as_str()).collect();
    assert_eq!((names, own.rebuilt), (vec!["a", "b", "web"], true), "a copied label is not our mark");
    world.must_deploy(&world.bundle(&[config("a", "1"), service()])).await;
    let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert_eq!((own.entries.len(), own.rebuilt), (2, false));
    assert!(world.get(&format!("{maps}/b")).await.is_none());
}
