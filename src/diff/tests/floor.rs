//! What the operator's floor allows and refuses.

use serde_json::{Value, json};

use super::{bundle, config, deployment};
use crate::diff::floor;
use crate::model::object::Object;
use crate::model::target::{Capabilities, ClusterObjects, Floor};
use crate::model::view::Owned;

fn refused(floor: &Floor, bodies: &[Value]) -> Vec<String> {
    let (bundle, capabilities) = (bundle(bodies), Capabilities::default());
    let bounds = floor::Bounds { floor, target: "staging", capabilities: &capabilities, bundle: &bundle };
    floor::faults(&bounds).into_iter().map(|fault| fault.message).collect()
}

#[test]
fn the_floor_refuses_what_lies_outside() {
    let inside = config("a", json!({}));
    let outside = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "kube-system"}});
    let wide = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}});
    let floor = Floor {
        namespaces: vec!["shop".to_owned(), "shop-*".to_owned()],
        cluster_objects: ClusterObjects::Deny,
        ..Floor::default()
    };
    let faults = refused(&floor, &[inside, outside, wide]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    for (pattern, text, fits) in [
        ("shop", "shop", true),
        ("shop", "shopper", false),
        ("shop-*", "shop-eu", true),
        ("shop-*", "shop", false),
        ("*", "", true),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "acb", false),
        ("*-eu", "shop-eu", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(floor::matches(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn the_floors_namespaces_hold_for_what_names_none() {
    let floor = Floor { namespaces: vec!["shop".to_owned()], ..Floor::default() };
    let placeless = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    let wide = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}});
    let custom = json!({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "one"}});
    let definition = |scope: &str| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "boats.example.com"},
            "spec": {"group": "example.com", "scope": scope, "names": {"kind": "Boat"}}})
    };
    assert!(refused(&floor, std::slice::from_ref(&placeless))[0].contains("names no namespace"));
    assert!(refused(&floor, &[wide.clone(), definition("Cluster"), custom.clone()]).is_empty());
    assert_eq!(refused(&floor, &[definition("Namespaced"), custom.clone()]).len(), 1);
    assert!(refused(&floor, std::slice::from_ref(&custom))[0].contains("is not known"));
    assert!(refused(&Floor::default(), &[placeless, wide, custom]).is_empty());
}

#[test]
fn a_kind_that_nobody_knows_may_be_cluster_scoped_whatever_namespace_it_names() {
    let mut custom = json!({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "one", "namespace": "shop"}});
    let deny = Floor { cluster_objects: ClusterObjects::Deny, ..Floor::default() };
    assert!(refused(&deny, std::slice::from_ref(&custom))[0].contains("is not known here"));
    assert!(refused(&deny, &[config("a", json!({})), deployment(1, "web:1")]).is_empty());
    let named = Floor { kinds: vec!["Boat".to_owned()], ..deny.clone() };
    assert!(refused(&named, std::slice::from_ref(&custom)).is_empty(), "the operator vouches for it");
    assert!(refused(&Floor::default(), std::slice::from_ref(&custom)).is_empty());
    custom["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    custom["kind"] = json!("ClusterRole");
    assert!(refused(&deny, &[custom])[0].contains("is cluster-scoped"));
}

#[test]
fn the_floor_bounds_what_is_deleted() {
    let owned = Owned { uid: None, digest: None, app: String::new() };
    let outside = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "kube-system"}});
    let [inside, outside] = [config("a", json!({})), outside].map(|body| Object::identify(&body).unwrap());
    let floor = Floor { namespaces: vec!["shop".to_owned()], ..Floor::default() };
    let (empty, capabilities) = (bundle(&[]), Capabilities::default());
    let bounds =
        floor::Bounds { floor: &floor, target: "staging", capabilities: &capabilities, bundle: &empty };
    let gone = vec![(inside.clone(), owned.clone()), (outside, owned)];
    let (within, warning) = floor::within(gone, &bounds);
    assert_eq!(within.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&inside]);
    assert!(warning.unwrap().ends_with("so left as it is: ConfigMap kube-system/x"));
}
