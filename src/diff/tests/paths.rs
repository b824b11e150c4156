//! Where two values differ: exact, and no more than what differs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::trees;
use crate::diff::paths::{Difference, at, differences};
use crate::model::lists::ListKeys;

fn pod(containers: &Value) -> Value {
    json!({"spec": {"containers": containers}})
}

fn told(before: &Value, after: &Value, keys: &ListKeys) -> Vec<(String, String)> {
    differences(before, after, keys).into_iter().map(|one| (one.path, one.place)).collect()
}

fn pair(path: &str, place: &str) -> (String, String) {
    (path.to_owned(), place.to_owned())
}

#[test]
fn lists_are_aligned_by_their_keys() {
    let keys = ListKeys::shipped("", "Pod");
    let before = pod(&json!([{"name": "web", "image": "web:1",
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}], "env": [{"name": "A"}, {"name": "B"}]}]));
    let after = pod(&json!([{"name": "proxy", "image": "proxy:1"}, {"name": "web", "image": "web:2",
        "ports": [{"containerPort": 53, "protocol": "TCP", "name": "dns"}], "env": [{"name": "B"}, {"name": "A"}]}]));
    assert_eq!(
        told(&before, &after, &keys),
        [
            pair("/spec/containers/0", "/spec/containers/[proxy]"),
            pair("/spec/containers/1/image", "/spec/containers/[web]/image"),
            pair("/spec/containers/1/ports/0/protocol", "/spec/containers/[web]/ports/[53~1TCP]/protocol"),
            pair("/spec/containers/1/ports/0/name", "/spec/containers/[web]/ports/[53~1TCP]/name"),
            // A removal points into the object as it was.
            pair("/spec/containers/0/ports/0", "/spec/containers/[web]/ports/[53~1UDP]"),
            // The order of variables can matter: the list as a whole.
            pair("/spec/containers/1/env", "/spec/containers/[web]/env"),
        ]
    );
    assert_eq!(at(&before, "/spec/containers/[web]/image", &keys), Some(&json!("web:1")));
    assert_eq!(at(&after, "/spec/containers/[web]/ports/[53~1TCP]/name", &keys), Some(&json!("dns")));
    assert_eq!(at(&after, "/spec/containers/[none]/image", &keys), None);
}

#[test]
fn an_item_in_front_is_one_addition() {
    let (keys, long) = (ListKeys::default(), (0..10_000).collect::<Vec<u32>>());
    let args = |items: &[&str]| json!({ "args": items });
    assert_eq!(
        told(&args(&["a", "b", "c"]), &args(&["x", "a", "b", "c"]), &keys),
        [pair("/args/0", "/args/0")]
    );
    assert_eq!(told(&args(&["a", "b", "c"]), &args(&["a", "B", "c"]), &keys), [pair("/args/1", "/args/1")]);
    assert_eq!(
        told(&args(&["a", "b", "c"]), &args(&["c"]), &keys),
        [pair("/args/0", "/args/0"), pair("/args/1", "/args/1")]
    );
    let mut more = long.clone();
    more.insert(0, 20_000);
    more.insert(5_000, 20_001);
    more.remove(9_000);
    assert_eq!(
        told(&json!(long), &json!(more), &keys),
        [pair("/0", "/0"), pair("/5000", "/5000"), pair("/8998", "/8998")]
    );
    // Nothing in common: still one step for each.
    let other: Vec<u32> = (30_000..40_000).collect();
    assert_eq!(told(&json!(long), &json!(other), &keys).len(), 10_000);
}

#[test]
fn keys_that_are_there_twice_tell_nothing_apart() {
    let keys = ListKeys::shipped("", "Service");
    let ports = |items: Value| json!({"spec": {"ports": items}});
    let before = ports(json!([{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]));
    let after =
        ports(json!([{"port": 1, "name": "z"}, {"port": 80, "name": "a"}, {"port": 80, "name": "b"}]));
    assert_eq!(told(&before, &after, &keys), [pair("/spec/ports/0", "/spec/ports/0")]);
}

#[test]
fn sets_are_aligned_by_their_values() {
    let keys = ListKeys::shipped("", "ConfigMap");
    let of = |items: Value| json!({"metadata": {"finalizers": items}});
    assert_eq!(
        told(&of(json!(["a", "b"])), &of(json!(["c", "b"])), &keys),
        [
            pair("/metadata/finalizers/0", "/metadata/finalizers/[c]"),
            pair("/metadata/finalizers/0", "/metadata/finalizers/[a]")
        ]
    );
    assert_eq!(
        told(&of(json!(["a", "b"])), &of(json!(["b", "a"])), &keys),
        [pair("/metadata/finalizers", "/metadata/finalizers")]
    );
}

/// What differs, done to what was before: what goes from the end, then what comes or changes from the front.
fn apply(before: &Value, differences: &[Difference]) -> Value {
    let mut value = before.clone();
    let position = |path: &str| {
        let tokens = path.split('/');
        tokens.map(|token| (token.parse::<usize>().ok(), token.to_owned())).collect::<Vec<_>>()
    };
    let mut gone: Vec<_> = differences.iter().filter(|one| one.after.is_none()).collect();
    gone.sort_by_key(|one| position(&one.path));
    for one in gone.into_iter().rev() {
        let (parent, token) = one.path.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap();
        let old = match parent.as_object_mut() {
            Some(map) => map.remove(&unescape(token)),
            None => Some(parent.as_array_mut().unwrap().remove(token.parse().unwrap())),
        };
        assert_eq!(old, one.before);
    }
    for one in differences {
        let Some(new) = one.after.clone() else { continue };
        if let Some(old) = &one.before {
            let place = value.pointer_mut(&one.path).unwrap();
            assert_eq!(std::mem::replace(place, new), *old);
            continue;
        }
        let (parent, token) = one.path.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap();
        match parent.as_object_mut() {
            Some(map) => assert_eq!(map.insert(unescape(token), new), None),
            None => parent.as_array_mut().unwrap().insert(token.parse().unwrap(), new),
        }
    }
    value
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Keys for lists of the random trees at any place that they are found at.
fn keys(value: &Value, place: &str, found: &mut ListKeys) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                match key.as_str() {
                    "list" => drop(found.0.insert(place.clone(), vec!["name".to_owned(), "port".to_owned()])),
                    "set" => drop(found.0.insert(place.clone(), Vec::new())),
                    _ => {}
                }
                keys(value, &place, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, place, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_done_to_what_was_gives_what_will_be(before in trees::value(), after in trees::value()) {
        let mut known = ListKeys::default();
        keys(&after, "", &mut known);
        prop_assert_eq!(differences(&before, &before, &known), Vec::new());
        for keys in [&known, &ListKeys::default()] {
            let found = differences(&before, &after, keys);
            prop_assert_eq!(apply(&before, &found), after.clone());
            for one in &found {
                if let Some(new) = &one.after {
                    prop_assert_eq!(after.pointer(&one.path), Some(new));
                    prop_assert_eq!(at(&after, &one.place, keys), Some(new));
                } else {
                    prop_assert_eq!(before.pointer(&one.path), one.before.as_ref());
                }
            }
        }
    }
}
