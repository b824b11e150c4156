//! What goes wrong: rollouts that do not come up, runs that end in the middle, servers that are away.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{World, becomes, config, service, web};
use crate::cluster::Cluster;
use crate::cluster::error::{Error, Kind};
use crate::model::object::Bundle;
use crate::model::report::{Applied, Done};
use crate::model::target::Place;

#[tokio::test]
async fn what_somebody_else_deleted_is_forgotten() {
    let world = World::settled("trouble-forget").await;
    world.must_deploy(&world.bundle(&[config("a", "1"), config("b", "1")])).await;
    let path = "/api/v1/namespaces/trouble-forget/configmaps/b";
    world.send(http::Method::DELETE, path, &json!({})).await.unwrap();
    let bundle = world.bundle(&[config("a", "1")]);
    let mut planned = super::plan(&world.look(&bundle).await);
    planned.changes.retain(|change| change.id.name != "b");
    world.run(&bundle, &planned).await.unwrap();
    assert_eq!(world.cluster.own(&world.scope).await.unwrap().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_run_that_ends_anywhere_is_finished_by_the_next() {
    let world = World::settled("trouble-crash").await;
    let first: Vec<_> = (0..12).map(|n| config(&format!("map-{n}"), "1")).collect();
    world.must_deploy(&world.bundle(&[&first[..], &[web(1, "web:0"), service()]].concat())).await;
    for (round, millis) in [3_u64, 12, 25, 45, 80, 200].into_iter().enumerate() {
        let mut wanted: Vec<_> = (0..12).map(|n| config(&format!("map-{round}-{n}"), "1")).collect();
        wanted.extend([config("map-0", &round.to_string()), web(1, &format!("web:{round}")), service()]);
        let bundle = world.bundle(&wanted);
        let cut = timeout(Duration::from_millis(millis), world.deploy(&bundle)).await;
        drop(cut);
        finish(&world, &bundle).await;
        let seen = world.look(&bundle).await;
        assert_eq!(seen.len(), wanted.len(), "nothing is left to delete after {millis} ms");
        for seen in &seen {
            assert_eq!(becomes(seen), &seen.live.as_ref().unwrap().body, "{} after {millis} ms", seen.id);
        }
        let maps = world.get("/api/v1/namespaces/trouble-crash/configmaps").await.unwrap();
        let names =
            maps["items"].as_array().unwrap().iter().filter_map(|item| item["metadata"]["name"].as_str());
        assert_eq!(
            names.filter(|name| name.starts_with("map-")).count(),
            13,
            "nothing is orphaned after {millis} ms"
        );
        let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
        assert!(own.entries.values().all(|owned| owned.digest.is_some()), "all is confirmed");
    }
}

/// Deploys to the end. A write of the run that was cut off may still be on its way and arrive between our look and our
/// apply, which then says so and is to be repeated.
async fn finish(world: &World, bundle: &Bundle) {
    for _ in 0..20 {
        match world.deploy(bundle).await {
            Err(Error::Moved { .. }) => {}
            applied => {
                let applied = applied.unwrap();
                let well = |one: &Applied| matches!(one.result, Done::Changed | Done::Unchanged);
                assert!(applied.iter().all(well), "{applied:#?}");
                return;
            }
        }
    }
    panic!("the inventory is written without end");
}

#[tokio::test]
async fn a_cluster_that_is_away_is_the_weather_and_a_missing_file_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let place = |file: &std::path::Path| Place::Kubernetes {
        kubeconfig: Some(file.to_owned()),
        context: None,
        impersonate: None,
        scratch: None,
    };
    let world = World::new("trouble-away").await;
    let missing = Cluster::connect(&place(&file), &world.scope).await.map(|_| ()).unwrap_err();
    assert_eq!(missing.kind(), Kind::Ours);
    // A port that nobody listens on.
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "c", "user": {"token": "x"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    std::fs::write(&file, config.to_string()).unwrap();
    let away = Cluster::connect(&place(&file), &world.scope).await.unwrap();
    let error = away.own(&world.scope).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Weather, "{error}");
    assert!(error.to_string().contains("get the inventory of"), "{error}");
}
