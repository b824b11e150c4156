//! Moves between environments on a real API server: in any order, any number of times, nothing is deleted or made anew.

use serde_json::{Value, json};

use super::{World, change, config, plan};
use crate::cluster::Cluster;
use crate::model::object::Bundle;
use crate::model::permit::Permit;
use crate::model::plan::{Action, Change, Home, Plan, Transfer};
use crate::model::report::Done;
use crate::model::target::Scope;

/// Another environment of the same repository, in the same place.
fn sibling(world: &World, name: &str) -> World {
    let mut environment = world.scope.environment.clone();
    environment.name = name.parse().unwrap();
    let scope = Scope { environment, ..world.scope.clone() };
    World { cluster: world.cluster.clone(), scope, permit: Permit::default() }
}

/// The plan in which `x` moves from `from` to `to`.
fn moves(from: &World, to: &World, bundle: &Bundle) -> Plan {
    let home = |world: &World| Home { environment: world.scope.environment.name.clone(), app: String::new() };
    let id = from.object(&config("x", "1")).id;
    let transfer = Some(Transfer { from: home(from), to: home(to) });
    let moved = Change { transfer, ..change(&id, Action::Move, None) };
    let held = bundle.objects.iter().filter(|object| object.id != id);
    let rest = held.map(|object| change(&object.id, Action::Update, None));
    Plan { changes: rest.chain([moved]).collect(), ..plan(&[]) }
}

async fn labelled(world: &World) -> (String, Value) {
    let live = world.get(&format!("/api/v1/namespaces/{}/configmaps/x", world.namespace())).await.unwrap();
    let uid = live["metadata"]["uid"].as_str().unwrap().to_owned();
    (uid, live["metadata"]["labels"]["applyset.kubernetes.io/part-of"].clone())
}

async fn owns(world: &World) -> bool {
    let own = world.cluster.own(&world.scope).await.unwrap().unwrap_or_default();
    own.entries.keys().any(|id| id.name == "x")
}

#[tokio::test]
async fn in_whatever_order_both_are_deployed_the_object_stays() {
    for (name, loser_first) in [("moves-a", true), ("moves-b", false)] {
        let loser = World::settled(name).await;
        let taker = sibling(&loser, "other");
        loser.must_deploy(&loser.bundle(&[config("x", "1"), config("a", "1")])).await;
        taker.must_deploy(&taker.bundle(&[config("b", "1")])).await;
        let (uid, _) = labelled(&loser).await;
        let (without, with) =
            (loser.bundle(&[config("a", "1")]), taker.bundle(&[config("b", "1"), config("x", "1")]));
        let gives = async || {
            let applied = loser.run(&without, &moves(&loser, &taker, &without)).await.unwrap();
            assert!(applied.iter().all(|one| one.result == Done::Unchanged), "{applied:#?}");
        };
        let takes = async || {
            let applied = taker.run(&with, &moves(&loser, &taker, &with)).await.unwrap();
            assert!(
                applied.iter().all(|one| matches!(one.result, Done::Changed | Done::Unchanged)),
                "{applied:#?}"
            );
        };
        if loser_first {
            gives().await;
            gives().await;
            assert_eq!(labelled(&loser).await, (uid.clone(), json!(Cluster::set(&loser.scope.environment))));
            assert!(owns(&loser).await, "until it is taken somebody must own it");
            takes().await;
            takes().await;
        } else {
            takes().await;
            takes().await;
            gives().await;
            gives().await;
        }
        assert_eq!(labelled(&loser).await, (uid.clone(), json!(Cluster::set(&taker.scope.environment))));
        // The loser's next run sees that it was taken, and the plain deletion of what it still lists touches nothing.
        let deletion = change(&loser.object(&config("x", "1")).id, Action::Delete, Some(uid.clone()));
        let applied = loser.run(&without, &Plan { changes: vec![deletion], ..plan(&[]) }).await.unwrap();
        assert!(
            matches!(&applied[0].result, Done::Failed(why) if why.contains("left alone")),
            "{applied:#?}"
        );
        loser.run(&without, &plan(&[])).await.unwrap();
        assert_eq!((owns(&loser).await, owns(&taker).await), (false, true));
        assert_eq!(labelled(&taker).await.0, uid, "it is the same incarnation");
    }
}

#[tokio::test]
async fn a_move_takes_from_nobody_but_whom_the_plan_names() {
    let owner = World::settled("moves-c").await;
    let (taker, third) = (sibling(&owner, "other"), sibling(&owner, "third"));
    owner.must_deploy(&owner.bundle(&[config("x", "1")])).await;
    let with = taker.bundle(&[config("x", "1")]);
    let applied = taker.run(&with, &moves(&third, &taker, &with)).await.unwrap();
    assert!(matches!(&applied[0].result, Done::Failed(why) if why.contains("somebody else")), "{applied:#?}");
    assert_eq!(labelled(&owner).await.1, json!(Cluster::set(&owner.scope.environment)));
}
