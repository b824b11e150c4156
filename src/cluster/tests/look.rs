//! Looking at a real API server.

use serde_json::json;

use super::{World, becomes, change, config, namespace, plan, service, web};
use crate::model::object::{Bundle, Object};
use crate::model::plan::{Action, Conflict, Fidelity};
use crate::model::report::Done;
use crate::model::settings::{FieldRule, Winner};
use crate::model::view::{Owner, Prediction};

#[tokio::test]
async fn a_namespace_to_come_lowers_the_fidelity_and_says_so() {
    let world = World::new("look-new").await;
    let seen = world.look(&world.bundle(&[namespace("look-new"), config("a", "1")])).await;
    let map = seen.iter().find(|seen| seen.id.kind == "ConfigMap").unwrap();
    assert_eq!(
        (map.fidelity, map.reason.as_str()),
        (
            Fidelity::Schema,
            "namespace look-new does not exist yet, and no scratch namespace is set; checked against its schema only"
        )
    );
    assert_eq!(becomes(map)["data"], json!({"key": "1"}));
    let space = seen.iter().find(|seen| seen.id.kind == "Namespace").unwrap();
    assert_eq!((space.fidelity, &space.live), (Fidelity::Live, &None));
}

#[tokio::test]
async fn the_servers_defaults_are_part_of_the_prediction_and_our_label_is_not() {
    let world = World::settled("look-defaults").await;
    let after = world.see(&web(2, "web:1")).await;
    let after = becomes(&after);
    assert_eq!(after["spec"]["revisionHistoryLimit"], 10);
    assert!(after.pointer("/metadata/labels").is_none(), "{after:#}");
    assert!(after.pointer("/metadata/managedFields").is_none() && after.get("status").is_none());
    let service = world.see(&service()).await;
    let service = becomes(&service);
    assert!(service.pointer("/spec/clusterIP").is_none() && service["spec"]["type"] == "ClusterIP");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_its_field() {
    let world = World::settled("look-refused").await;
    let mut unknown = web(1, "web:1");
    unknown["spec"]["replica"] = 3.into();
    let mut invalid = service();
    invalid["spec"]["ports"][0]["port"] = 99_999.into();
    let mut mistyped = web(1, "web:1");
    mistyped["spec"]["replicas"] = "three".into();
    let fields = [(unknown, "/spec/replica"), (invalid, "/spec/ports/0/port"), (mistyped, "/spec/replicas")];
    for (body, field) in fields {
        let seen = world.see(&body).await;
        assert!(
            matches!(&seen.prediction, Prediction::Refused { path: Some(path), .. } if path == field),
            "{seen:#?}"
        );
    }
    let strange = json!({"apiVersion": "example.com/v1", "kind": "Nothing", "metadata": {"name": "x"}});
    let seen = world.see(&strange).await;
    assert!(
        matches!(&seen.prediction, Prediction::Refused { message, .. } if message.contains("does not know"))
    );
    let own =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "tidegate"}});
    assert!(matches!(world.see(&own).await.prediction, Prediction::Refused { .. }));
}

#[tokio::test]
async fn what_would_land_elsewhere_than_it_was_rendered_for_is_refused() {
    let world = World::settled("look-astray").await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "seas.look.example.com"}, "spec": {"group": "look.example.com", "scope": "Cluster",
            "names": {"plural": "seas", "singular": "sea", "kind": "Sea", "listKind": "SeaList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    world.must_deploy(&world.bundle(&[definition])).await;

    // Rendered before the cluster knew the kind: with the namespace that it names, which a floor may have let pass.
    let wide =
        json!({"apiVersion": "look.example.com/v1", "kind": "Sea", "metadata": {"name": "look-astray"}});
    let placeless = Object::identify(&config("a", "1")).unwrap();
    let cases = [
        (world.object(&wide), "is cluster-scoped"),
        (Object { id: placeless, ..world.object(&config("a", "1")) }, "land in namespace look-astray"),
    ];
    for (object, words) in cases {
        let seen = world.cluster.look(&world.scope, &[&object], &[]).await.unwrap();
        assert!(
            matches!(&seen[0].prediction, Prediction::Refused { message, .. } if message.contains(words)),
            "{seen:#?}"
        );
        let mut planned = plan(&[]);
        planned.changes = vec![change(&object.id, Action::Create, None)];
        let bundle = Bundle { objects: vec![object], ..Bundle::default() };
        let applied = world.run(&bundle, &planned).await.unwrap();
        assert!(matches!(&applied[0].result, Done::Failed(why) if why.contains(words)), "{applied:#?}");
    }
    assert!(world.get("/apis/look.example.com/v1/seas/look-astray").await.is_none());
}

#[tokio::test]
async fn immutability_is_proved_and_a_mistake_is_not_taken_for_it() {
    let world = World::settled("look-immutable").await;
    world.must_deploy(&world.bundle(&[web(1, "web:1"), service()])).await;
    let mut selector = web(1, "web:1");
    selector["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    selector["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    let seen = world.see(&selector).await;
    let Prediction::Replaced { after, because } = &seen.prediction else { panic!("{seen:#?}") };
    assert!(because.contains("immutable"), "{because}");
    assert_eq!(after["metadata"]["name"], "web");
    let mut mismatch = web(1, "web:1");
    mismatch["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    assert!(matches!(world.see(&mismatch).await.prediction, Prediction::Refused { .. }));
    let mut address = service();
    address["spec"]["clusterIP"] = "10.0.200.200".into();
    let seen = world.see(&address).await;
    let Prediction::Replaced { after, .. } = &seen.prediction else { panic!("{seen:#?}") };
    assert_eq!(after["spec"]["clusterIP"], "10.0.200.200");
}

#[tokio::test]
async fn conflicts_with_people_are_taken_and_with_controllers_need_a_rule() {
    let mut world = World::settled("look-conflict").await;
    world.must_deploy(&world.bundle(&[web(1, "web:1")])).await;
    let path = "/apis/apps/v1/namespaces/look-conflict/deployments/web";
    let scale = |replicas: i64| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": replicas}})
    };
    world.act_as("kubectl-edit", path, &scale(3)).await;
    let seen = world.see(&web(2, "web:1")).await;
    assert_eq!(becomes(&seen)["spec"]["replicas"], 2);
    let conflict = |manager: &str, rule, live: i64| Conflict {
        path: "/spec/replicas".to_owned(),
        manager: manager.to_owned(),
        rule,
        live: live.into(),
        git: 2.into(),
    };
    assert_eq!(seen.conflicts, [conflict("kubectl-edit", Winner::Take, 3)]);

    world.act_as("autoscaler", path, &scale(4)).await;
    let seen = world.see(&web(2, "web:1")).await;
    assert!(
        matches!(&seen.prediction, Prediction::Refused { message, .. } if message.contains("autoscaler")),
        "{seen:#?}"
    );
    world.scope.fields = vec![FieldRule {
        kinds: vec!["Deployment".to_owned()],
        path: "/spec/replicas".to_owned(),
        rule: Winner::Yield,
        to: vec!["autoscaler".to_owned(), "kubectl-edit".to_owned()],
    }];
    let seen = world.see(&web(2, "web:2")).await;
    assert_eq!(becomes(&seen)["spec"]["replicas"], 4);
    assert_eq!(seen.conflicts, [conflict("autoscaler", Winner::Yield, 4)]);
    world.must_deploy(&world.bundle(&[web(2, "web:2")])).await;
    let live = world.get(path).await.unwrap();
    assert_eq!(
        (&live["spec"]["replicas"], &live["spec"]["template"]["spec"]["containers"][0]["image"]),
        (&json!(4), &json!("web:2"))
    );
}

#[tokio::test]
async fn owners_and_fields_set_by_hand_are_seen() {
    let world = World::settled("look-owners").await;
    let maps = "/api/v1/namespaces/look-owners/configmaps";
    let mut helm = config("helm", "1");
    helm["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "web", "helm.sh/resource-policy": "keep"});
    for body in [helm, config("plain", "1")] {
        world.send(http::Method::POST, maps, &body).await.unwrap();
    }
    let seen = world.see(&config("helm", "2")).await;
    let live = seen.live.unwrap();
    assert_eq!((live.owner, live.keep), (Owner::Other("Helm release default/web".to_owned()), true));
    assert_eq!(world.see(&config("plain", "2")).await.live.unwrap().owner, Owner::Nobody);

    world.must_deploy(&world.bundle(&[config("ours", "1")])).await;
    let extra =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours"}, "data": {"hand": "x"}});
    world.act_as("kubectl-patch", &format!("{maps}/ours"), &extra).await;
    let live = world.see(&config("ours", "1")).await.live.unwrap();
    assert_eq!((live.owner, live.by_hand), (Owner::Us, vec!["/data/hand".to_owned()]));
}

#[tokio::test]
async fn many_objects_are_listed_and_the_servers_warnings_are_kept() {
    let world = World::settled("look-many").await;
    let maps: Vec<_> = (0..20).map(|n| config(&format!("map-{n}"), "1")).collect();
    world.must_deploy(&world.bundle(&maps)).await;
    let seen = world.look(&world.bundle(&maps)).await;
    assert!(seen.iter().all(|seen| becomes(seen) == &seen.live.as_ref().unwrap().body), "{seen:#?}");
    let old = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "old"}});
    let seen = world.see(&old).await;
    assert!(seen.warnings.iter().any(|warning| warning.contains("deprecated")), "{seen:#?}");
}

#[tokio::test]
async fn another_environments_objects_bear_its_name() {
    let (ours, theirs) = (World::settled("look-neighbour").await, World::new("look-neighbour").await);
    theirs.must_deploy(&theirs.bundle(&[config("shared", "1")])).await;
    let live = ours.see(&config("shared", "2")).await.live.unwrap();
    let name = format!("environment prod of repository {}", theirs.scope.environment.repo);
    assert_eq!(live.owner, Owner::Other(name));
}

#[tokio::test]
async fn capabilities_are_the_clusters_own() {
    let world = World::new("look-kinds").await;
    let capabilities = world.cluster.capabilities().await.unwrap();
    assert!(capabilities.kube_version.unwrap().starts_with("v1."));
    assert!(
        capabilities.api_versions.contains("apps/v1/Deployment") && capabilities.api_versions.contains("v1")
    );
    assert_eq!(capabilities.namespaced.get("/Namespace"), Some(&false));
    assert_eq!(capabilities.namespaced.get("apps/Deployment"), Some(&true));
}
