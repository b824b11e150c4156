//! The probe for what differs at each render: an app rendered twice from the same files, and where the two part. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::fault::Fault;
use crate::model::object::{Object, ObjectId};
use crate::model::volatile::LONG;
use crate::render::document::{Part, Piece};

/// From so many differing items on a list differs as a whole: nobody would read them one by one.
const ITEMS: usize = 50;
/// More places of one object than this are not kept apart from the rest of it.
const PLACES: usize = 1_000;

/// Compares what two renders of an app gave: the first is told what in it differs from the second, and its warnings say so.
pub(super) fn compare(part: &mut Part, again: Part) {
    if !again.faults.is_empty() {
        part.faults.extend(again.faults);
        return;
    }
    match volatile(&part.pieces, &again.pieces) {
        Ok(paths) => {
            for (piece, paths) in part.pieces.iter_mut().zip(paths) {
                piece.volatile = paths;
            }
            part.warnings.extend(warning(&part.pieces));
        }
        Err(fault) => part.faults.push(fault),
    }
}

/// For each piece of the first render, the JSON Pointers at which the second has another value, sorted; as deep as the two
/// have the same shape. An object that only one of the two has is the author's fault: nothing could be said of the next.
pub(super) fn volatile(first: &[Piece], second: &[Piece]) -> Result<Vec<Vec<String>>, Fault> {
    let mut others: BTreeMap<Key, Vec<&Piece>> = BTreeMap::new();
    // Of two pieces with one identity, which is a fault told elsewhere, the first goes with the first.
    for piece in second.iter().rev() {
        others.entry(key(piece)).or_default().push(piece);
    }
    let mut found = Vec::with_capacity(first.len());
    for piece in first {
        let other = others.get_mut(&key(piece)).and_then(Vec::pop).ok_or_else(|| random(piece))?;
        let mut paths = Vec::new();
        walk(&mut String::new(), &piece.body, &other.body, &mut paths);
        if paths.len() > PLACES {
            let message = format!("more than {PLACES} values of one object differ at each render");
            return Err(fault(piece, message).hint("draw fewer, or write them into the chart's values"));
        }
        paths.sort();
        found.push(paths);
    }
    match others.into_values().flatten().next() {
        Some(piece) => Err(random(piece)),
        None => Ok(found),
    }
}

/// What the reader should know of an app with volatile values: the first file, the first place and how many more.
pub(super) fn warning(pieces: &[Piece]) -> Option<String> {
    let volatile = || pieces.iter().filter(|piece| !piece.volatile.is_empty());
    // What stays matters more than what runs.
    let first = volatile().find(|piece| !piece.hook).or_else(|| volatile().next())?;
    let (id, path) = (Object::identify(&first.body).ok()?, first.volatile.first()?);
    let file = first.origin.file.as_ref().unwrap_or(&first.origin.app);
    let more = match volatile().map(|piece| piece.volatile.len()).sum::<usize>() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let then = if first.hook {
        "each run has those of its own render"
    } else {
        "they are set when the object is created and kept from then on"
    };
    Some(format!("{file}: gives other values at each render ({id}: {path}{more}); {then}"))
}

/// What makes two pieces of two renders the same one.
type Key = (bool, Option<ObjectId>);

fn key(piece: &Piece) -> Key {
    (piece.hook, Object::identify(&piece.body).ok())
}

/// The fault of an object that is there in one render only. Its name would be another one in each report.
fn random(piece: &Piece) -> Fault {
    let kind = piece.body.get("kind").and_then(Value::as_str).unwrap_or("object");
    fault(piece, format!("a {kind} has another name at each render, or is not always there"))
        .hint("give it a fixed name: what is to be deployed must be what was shown")
}

fn fault(piece: &Piece, message: String) -> Fault {
    let mut fault = Fault::new(message).app(piece.origin.app.clone());
    fault.file.clone_from(&piece.origin.file);
    fault.line = piece.origin.line;
    fault
}

fn walk(path: &mut String, first: &Value, second: &Value, found: &mut Vec<String>) {
    if first == second {
        return;
    }
    match (first, second) {
        (Value::Object(a), Value::Object(b)) if same_keys(path, a, b) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let token = key.replace('~', "~0").replace('/', "~1");
                step(path, &token, |path| match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => walk(path, a, b, found),
                    _ => found.push(path.clone()),
                });
            }
        }
        (Value::Array(a), Value::Array(b)) if same_order(a, b) => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                step(path, &at.to_string(), |path| walk(path, a, b, found));
            }
        }
        _ => found.push(path.clone()),
    }
}

fn step(path: &mut String, token: &str, walk: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(token);
    walk(path);
    path.truncate(length);
}

/// Has one mapping all keys of the other? Keys that both have of their own are made up, so that a third render has others
/// still. An object and its metadata never are of that kind: without their other fields they would be no object.
fn same_keys(path: &str, a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let within = |a: &Map<String, Value>, b: &Map<String, Value>| a.keys().all(|key| b.contains_key(key));
    matches!(path, "" | "/metadata") || within(a, b) || within(b, a)
}

/// Do two lists have the same items at the same places, as far as that can be told?
fn same_order(a: &[Value], b: &[Value]) -> bool {
    let differing: Vec<(&Value, &Value)> = a.iter().zip(b).filter(|(a, b)| a != b).collect();
    let moved = |item: &Value, to: &[Value]| to.iter().any(|other| name(other) == name(item));
    a.len() == b.len()
        && a.len() <= LONG
        && differing.len() <= ITEMS
        && differing
            .iter()
            .all(|(one, other)| name(one) == name(other) || !(moved(one, b) || moved(other, a)))
}

/// What an item of a list is known by: its name, or all of it.
fn name(item: &Value) -> &Value {
    item.get("name").unwrap_or(item)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Piece, volatile, warning};
    use crate::model::object::Origin;
    use crate::model::volatile::blank;

    fn piece(body: Value) -> Piece {
        let origin = Origin {
            app: "charts/web".to_owned(),
            file: Some("charts/web/templates/secret.yaml".to_owned()),
            line: None,
        };
        Piece { body, origin, hook: false, volatile: Vec::new() }
    }

    fn map(name: &str, data: &Value) -> Piece {
        piece(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}))
    }

    /// The paths of one object of which the two renders have these data.
    fn paths(first: &Value, second: &Value) -> Vec<String> {
        let mut found = volatile(&[map("a", first)], &[map("a", second)]).unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn a_path_is_as_deep_as_the_shape_is_the_same() {
        assert_eq!(paths(&json!({"a": "1", "b": "x"}), &json!({"b": "x", "a": "1"})), Vec::<String>::new());
        assert_eq!(
            paths(&json!({"a/b~": {"c": 1, "d": 2}}), &json!({"a/b~": {"c": 1, "d": 3}})),
            ["/data/a~1b~0/d"]
        );
        assert_eq!(paths(&json!({"a": 1}), &json!({"a": [1]})), ["/data/a"]);
        assert_eq!(paths(&json!({"a": 1, "b": 1}), &json!({"a": 2})), ["/data/a", "/data/b"], "now and then");
        assert_eq!(paths(&json!({"x1": 1, "b": 1}), &json!({"x2": 1, "b": 1})), ["/data"], "made up");
    }

    #[test]
    fn a_list_of_another_order_or_length_is_volatile_as_a_whole() {
        let list = |first: Value, second: Value| paths(&json!({"l": first}), &json!({"l": second}));
        assert_eq!(list(json!([1, 2, 3]), json!([1, 9, 3])), ["/data/l/1"]);
        assert_eq!(list(json!([1, 2, 3]), json!([2, 1, 3])), ["/data/l"]);
        assert_eq!(list(json!([1, 2, 8]), json!([2, 1, 9])), ["/data/l"]);
        assert_eq!(list(json!([1]), json!([1, 2])), ["/data/l"]);
        let named =
            |names: [&str; 2], value: u32| json!([{"name": names[0], "v": value}, {"name": names[1]}]);
        assert_eq!(list(named(["a", "b"], 1), named(["a", "b"], 2)), ["/data/l/0/v"]);
        assert_eq!(list(named(["a", "b"], 1), named(["b", "a"], 1)), ["/data/l"]);
        let many: Vec<u32> = (0..60).collect();
        assert_eq!(list(json!(many), json!((100..160).collect::<Vec<u32>>())), ["/data/l"]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let numbers = |from: usize, count: usize| {
            let pairs = (0..count).map(|at| (format!("k{at}"), json!(from + at)));
            Value::Object(pairs.collect())
        };
        assert_eq!(paths(&numbers(0, 1_000), &numbers(1, 1_000)).len(), 1_000);
        let fault = volatile(&[map("a", &numbers(0, 1_001))], &[map("a", &numbers(1, 1_001))]).unwrap_err();
        assert!(fault.message.contains("more than 1000 values"), "{fault}");
        let long = |first: usize| json!({"l": std::iter::once(first).chain(1..=1_000).collect::<Vec<_>>()});
        assert_eq!(paths(&long(7_000), &long(8_000)), ["/data/l"]);
    }

    #[test]
    fn an_object_is_never_volatile_as_a_whole() {
        let with = |key: &str| {
            piece(json!({"apiVersion": "v1", "kind": "ConfigMap", key: "x",
                "metadata": {"name": "a", key: "x", "labels": {key: "x"}}}))
        };
        let found = volatile(&[with("p")], &[with("q")]).unwrap();
        assert_eq!(found, [["/metadata/labels", "/metadata/p", "/metadata/q", "/p", "/q"]]);
    }

    #[test]
    fn pieces_are_paired_whatever_their_order() {
        let (a, b) = (|v| map("a", &json!({"v": v})), |v| map("b", &json!({"v": v})));
        let found = volatile(&[a(1), b(1)], &[b(2), a(1)]).unwrap();
        assert_eq!(found, [vec![], vec!["/data/v".to_owned()]]);
        // The same object as a hook and in earnest; the same one twice, which is told elsewhere.
        let hook = |v| Piece { hook: true, ..a(v) };
        let found = volatile(&[a(1), hook(1), b(1), b(2)], &[b(1), b(2), hook(2), a(1)]).unwrap();
        assert_eq!(found, [vec![], vec!["/data/v".to_owned()], vec![], vec![]]);
        let nameless = piece(json!({"kind": "ConfigMap"}));
        assert_eq!(
            volatile(&[nameless], &[piece(json!({"kind": "ConfigMap"}))]).unwrap(),
            [Vec::<String>::new()]
        );
    }

    #[test]
    fn a_random_name_is_the_authors_fault() {
        let none = json!({});
        for (first, second) in [
            (vec![map("a-x1", &none)], vec![map("a-x2", &none)]),
            (vec![map("a", &none)], vec![]),
            (vec![], vec![map("a", &none)]),
        ] {
            let fault = volatile(&first, &second).unwrap_err();
            assert_eq!(fault.file.as_deref(), Some("charts/web/templates/secret.yaml"));
            assert!(fault.message.contains("a ConfigMap has another name at each render"), "{fault}");
            assert!(!fault.to_string().contains("a-x"), "another one each time: {fault}");
        }
    }

    #[test]
    fn the_warning_names_the_file_one_place_and_how_many_more() {
        let mut first = map("a", &json!({}));
        assert_eq!(warning(&[map("b", &json!({}))]), None);
        first.body["metadata"]["namespace"] = "shop".into();
        first.volatile = vec!["/data/password".to_owned()];
        assert_eq!(
            warning(&[map("b", &json!({})), Piece { hook: true, ..map("c", &json!({})) }, first]).unwrap(),
            "charts/web/templates/secret.yaml: gives other values at each render (ConfigMap shop/a: /data/password); \
             they are set when the object is created and kept from then on"
        );
        let two = || vec!["/data/x".to_owned(), "/data/y".to_owned()];
        let hook = Piece { hook: true, volatile: two(), ..map("h", &json!({})) };
        let stays = Piece { volatile: two(), ..map("s", &json!({})) };
        let said = warning(&[hook, stays]).unwrap();
        assert!(said.contains("(ConfigMap s: /data/x, and 3 more); they are set"), "{said}");
        let hook = Piece { hook: true, volatile: two(), ..map("h", &json!({})) };
        assert!(warning(&[hook]).unwrap().ends_with("; each run has those of its own render"));
    }

    /// Values with few keys and texts, so that two of them are often alike in part.
    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(json!(null)), (0..3_u32).prop_map(|n| json!(n)), "[a-c]".prop_map(|s| json!(s))];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c/~]|name", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn equal_renders_differ_nowhere_and_two_renders_are_equal_but_for_what_is_found(
            (one, other) in (value(), value())
        ) {
            let (one, other) = (map("x", &one), map("x", &other));
            let same = map("x", &one.body["data"]);
            prop_assert_eq!(volatile(std::slice::from_ref(&one), &[same]).unwrap(), [Vec::<String>::new()]);
            let (first, second) = (std::slice::from_ref(&one), std::slice::from_ref(&other));
            let paths = volatile(first, second).unwrap().remove(0);
            prop_assert_eq!(blank(&one.body, &paths), blank(&other.body, &paths));
            prop_assert_eq!(paths.is_empty(), one.body == other.body);
            prop_assert_eq!(&paths, &volatile(second, first).unwrap().remove(0));
        }
    }
}
