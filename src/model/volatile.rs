//! What differs at each render: out of digests, never shown, and kept from what is live.
//!
//! A chart that draws a password gives another one each time. Git does not say which, so what is live has the word: the
//! rendered value is for the creation alone. The paths of an [`Object`] point into its own body as rendered; what is live
//! may have other items in its lists, and a Secret's `stringData` as `data`, so each path is looked for there anew.

use serde_json::{Map, Value, json};

use crate::model::object::Object;

/// What stands for a volatile value wherever a body is compared or shown.
pub(crate) const VEIL: &str = "‹volatile›";

/// What names an item of a list of mappings, best first: the keys that Kubernetes merges its own lists by.
const KEYS: [&str; 8] =
    ["name", "mountPath", "devicePath", "containerPort", "port", "ip", "topologyKey", "key"];

/// In longer lists no item is looked for: they are volatile as a whole.
pub(crate) const LONG: usize = 100;

impl Object {
    /// The body as it is applied over `live`: at each volatile path that is live, the live value.
    pub(crate) fn over(&self, live: &Value) -> Value {
        let mut body = self.body.clone();
        for path in &self.volatile {
            let Some(place) = self.place(path, live) else { continue };
            let Some(value) = live.pointer(&place) else { continue };
            match path.strip_prefix("/stringData").filter(|_| place.starts_with("/data") && self.is_secret())
            {
                Some(rest) => keep_encoded(&mut body, rest, value),
                None => set(&mut body, path, value.clone()),
            }
        }
        body
    }

    /// Where the volatile values lie in another body of this object, live or predicted; those that it lacks are left out.
    pub(crate) fn places(&self, body: &Value) -> Vec<String> {
        self.volatile.iter().filter_map(|path| self.place(path, body)).collect()
    }

    /// Another body of this object with [`VEIL`] in place of its volatile values.
    pub(crate) fn veiled(&self, body: &Value) -> Value {
        veil(body, &self.places(body))
    }

    fn place(&self, path: &str, body: &Value) -> Option<String> {
        locate(self, path, body).or_else(|| {
            // The API server keeps a Secret's plain texts encoded.
            let rest = path.strip_prefix("/stringData").filter(|_| self.is_secret())?;
            let place = format!("/data{rest}");
            body.pointer(&place).is_some().then_some(place)
        })
    }

    fn is_secret(&self) -> bool {
        self.id.group.is_empty() && self.id.kind == "Secret"
    }
}

/// A body with nothing at these paths, whether something was there or not: the same for every render.
pub(crate) fn blank(body: &Value, paths: &[String]) -> Value {
    let mut body = body.clone();
    for path in paths {
        set(&mut body, path, Value::Null);
    }
    body
}

/// A body with [`VEIL`] in place of the values at these paths.
pub(crate) fn veil(body: &Value, paths: &[String]) -> Value {
    let mut body = body.clone();
    for path in paths {
        if let Some(value) = body.pointer_mut(path) {
            *value = Value::from(VEIL);
        }
    }
    body
}

/// Puts a value at a pointer whose parent is there.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match body.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.insert(unescape(last), value);
        }
        Some(Value::Array(items)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                *item = value;
            }
        }
        Some(_) | None => {}
    }
}

/// A Secret's plain text, or all of them, gives way to what is live beneath `data`.
fn keep_encoded(body: &mut Value, rest: &str, live: &Value) {
    let Some(secret) = body.as_object_mut() else { return };
    let mut kept = Map::new();
    match (rest.strip_prefix('/').map(unescape), live) {
        (Some(key), value) => {
            if let Some(plain) = secret.get_mut("stringData").and_then(Value::as_object_mut) {
                plain.shift_remove(&key);
            }
            kept.insert(key, value.clone());
        }
        (None, Value::Object(all)) => {
            secret.shift_remove("stringData");
            kept.clone_from(all);
            // What is said beneath `data` is not volatile.
            kept.retain(|key, _| secret.get("data").is_none_or(|data| data.get(key).is_none()));
        }
        (None, _) => return,
    }
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if let Some(data) = data.as_object_mut() {
        data.extend(kept);
    }
}

/// Where what lies at `path` of an object lies in another body of it.
fn locate(object: &Object, path: &str, body: &Value) -> Option<String> {
    let (mut own, mut there) = (Some(&object.body), body);
    let (mut walked, mut found) = (String::new(), String::new());
    let mut tokens = path.split('/').skip(1).peekable();
    while let Some(token) = tokens.next() {
        if let (Some(Value::Array(items)), Value::Array(others)) = (own, there) {
            let at = token.parse().ok()?;
            let loose = |at: usize| {
                let item = format!("{walked}/{at}");
                object.volatile.iter().any(|path| within(path, &item))
            };
            let twin = twin(items, at, others, tokens.peek().copied(), loose)?;
            (own, there) = (items.get(at), others.get(twin)?);
            found.extend(["/", &twin.to_string()]);
        } else {
            let key = unescape(token);
            own = own.and_then(|own| own.get(&key));
            there = there.as_object()?.get(&key)?;
            found.extend(["/", token]);
        }
        walked.extend(["/", token]);
    }
    Some(found)
}

/// Is `path` this place, or beneath it?
pub(crate) fn within(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The item of another list that stands for the one `at` this position: the one of its name, else the one in its place
/// among what the stable items leave over. None where that is not plain: a value in the wrong place is worse than a new one.
fn twin(
    items: &[Value],
    at: usize,
    others: &[Value],
    beneath: Option<&str>,
    loose: impl Fn(usize) -> bool,
) -> Option<usize> {
    let item = items.get(at).filter(|_| items.len().max(others.len()) <= LONG)?;
    let mut keys = KEYS.into_iter().filter(|key| Some(*key) != beneath);
    if let Some(key) = keys.find(|key| names(items, key)) {
        let mut twins = others.iter().enumerate().filter(|(_, other)| other.get(key) == item.get(key));
        return twins.next().filter(|_| twins.next().is_none()).map(|(twin, _)| twin);
    }
    let slots: Vec<usize> = (0..items.len()).filter(|at| loose(*at)).collect();
    let stable: Vec<&Value> =
        items.iter().enumerate().filter(|(at, _)| !slots.contains(at)).map(|(_, item)| item).collect();
    let mut left = others.iter().enumerate().filter(|(_, other)| !stable.contains(other));
    if let Some(name) = flag(item) {
        let mut twins = left.filter(|(_, other)| flag(other) == Some(name));
        return twins.next().filter(|_| twins.next().is_none()).map(|(twin, _)| twin);
    }
    let rank = slots.iter().position(|slot| *slot == at)?;
    let (count, twin) = (left.clone().count(), left.nth(rank)?.0);
    let before = |list: &'_ [Value], at: usize| at.checked_sub(1).and_then(|at| list.get(at).cloned());
    // What stands before an argument says what it is for.
    let placed = item.is_object()
        || at.checked_sub(1).is_some_and(&loose)
        || before(items, at) == before(others, twin);
    (count == slots.len() && placed).then_some(twin)
}

/// Has every item this key, each with a value of its own?
fn names(items: &[Value], key: &str) -> bool {
    let mut seen = std::collections::HashSet::new();
    let scalar = |value: &Value| value.is_string() || value.is_number();
    items.iter().all(|item| {
        item.get(key).filter(|name| scalar(name)).is_some_and(|name| seen.insert(name.to_string()))
    })
}

/// `--token=` of an argument `--token=x`.
fn flag(item: &Value) -> Option<&str> {
    let text = item.as_str().filter(|text| text.starts_with('-'))?;
    text.split_once('=').and_then(|(flag, _)| text.get(..=flag.len()))
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{VEIL, blank};
    use crate::model::object::{Object, Origin};

    fn object(body: Value, volatile: &[&str]) -> Object {
        let volatile = volatile.iter().map(|path| (*path).to_owned()).collect();
        Object { id: Object::identify(&body).unwrap(), body, origin: Origin::default(), volatile }
    }

    fn secret(parts: &Value, volatile: &[&str]) -> Object {
        let mut body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
        body.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        object(body, volatile)
    }

    /// A Pod whose only container has these arguments and variables, both volatile at these paths below the container.
    fn pod(container: &Value, volatile: &[&str]) -> Object {
        let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [container]}});
        let paths: Vec<String> = volatile.iter().map(|path| format!("/spec/containers/0{path}")).collect();
        object(body, &paths.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn container(object: &Object, live: &Value) -> Value {
        let live = json!({"spec": {"containers": [{"name": "side"}, live]}});
        object.over(&live)["spec"]["containers"][0].clone()
    }

    #[test]
    fn two_renders_have_one_digest_and_a_change_has_another() {
        let one = secret(&json!({"data": {"password": "YQ==", "user": "dQ=="}}), &["/data/password"]);
        let two = secret(&json!({"data": {"password": "Yg==", "user": "dQ=="}}), &["/data/password"]);
        assert_eq!(one.digest(), two.digest());
        let other = secret(&json!({"data": {"password": "YQ==", "user": "dg=="}}), &["/data/password"]);
        assert_ne!(one.digest(), other.digest());
        let fixed = secret(&json!({"data": {"password": null, "user": "dQ=="}}), &[]);
        assert_ne!(one.digest(), fixed.digest(), "no value is not the same as any value");
        let now_and_then = secret(&json!({"data": {"user": "dQ=="}}), &["/data/password"]);
        assert_eq!(one.digest(), now_and_then.digest(), "a key that is not always there");
    }

    #[test]
    fn a_live_value_is_kept_and_a_rendered_one_is_for_the_creation() {
        let own = secret(
            &json!({"data": {"new": "bmV3", "password": "YQ==", "user": "dQ=="}}),
            &["/data/new", "/data/password"],
        );
        let live = json!({"data": {"password": "b2xk", "user": "other"}});
        assert_eq!(own.over(&live)["data"], json!({"new": "bmV3", "password": "b2xk", "user": "dQ=="}));
        assert_eq!(own.over(&json!({})), own.body);
        assert_eq!(own.places(&live), ["/data/password"]);
        assert_eq!(own.veiled(&live)["data"], json!({"password": VEIL, "user": "other"}));
    }

    #[test]
    fn a_secrets_plain_text_gives_way_to_what_is_encoded_there() {
        let own = secret(
            &json!({"data": {"a": "YQ=="}, "stringData": {"b": "plain", "password": "new"}}),
            &["/stringData/password"],
        );
        let live = json!({"data": {"a": "YQ==", "password": "b2xk"}});
        let over = own.over(&live);
        assert_eq!(over["stringData"], json!({"b": "plain"}));
        assert_eq!(over["data"], json!({"a": "YQ==", "password": "b2xk"}));
        assert_eq!(own.places(&live), ["/data/password"]);
        let file = json!({"stringData": {"password": "old"}});
        assert_eq!(own.over(&file)["stringData"]["password"], "old", "as it lies in a file");
        let all = secret(&json!({"data": {"a": "YQ=="}, "stringData": {"x1": "new"}}), &["/stringData"]);
        let over = all.over(&json!({"data": {"a": "b2xk", "x0": "b2xk"}}));
        assert_eq!((over.get("stringData"), &over["data"]), (None, &json!({"a": "YQ==", "x0": "b2xk"})));
    }

    #[test]
    fn items_of_lists_are_found_by_their_names() {
        let own = pod(
            &json!({"name": "web", "env": [{"name": "NEW", "value": "1"}, {"name": "SALT", "value": "new"}]}),
            &["/env/1/value"],
        );
        let live =
            json!({"name": "web", "env": [{"name": "SALT", "value": "old"}, {"name": "GONE", "value": "x"}]});
        let kept = json!([{"name": "NEW", "value": "1"}, {"name": "SALT", "value": "old"}]);
        assert_eq!(container(&own, &live)["env"], kept);
        let renamed = json!({"name": "api", "env": live["env"]});
        assert_eq!(
            container(&own, &renamed)["env"][1]["value"],
            "new",
            "another container's value is not taken"
        );
    }

    #[test]
    fn arguments_are_found_by_their_flags_or_by_what_stands_before_them() {
        let flagged = pod(&json!({"name": "web", "args": ["--b", "--token=new", "--c"]}), &["/args/1"]);
        let kept =
            |own: &Object, live: Value| container(own, &json!({"name": "web", "args": live}))["args"].clone();
        assert_eq!(kept(&flagged, json!(["--token=old", "--a"])), json!(["--b", "--token=old", "--c"]));
        assert_eq!(kept(&flagged, json!(["--a"])), json!(["--b", "--token=new", "--c"]));
        let apart = pod(&json!({"name": "web", "args": ["--v", "--token", "new"]}), &["/args/2"]);
        assert_eq!(kept(&apart, json!(["--token", "old"])), json!(["--v", "--token", "old"]));
        assert_eq!(kept(&apart, json!(["--seed", "old"])), json!(["--v", "--token", "new"]), "not plain");
        let whole = pod(&json!({"name": "web", "args": ["x", "y"]}), &["/args"]);
        assert_eq!(kept(&whole, json!(["z"])), json!(["z"]));
    }

    /// Values with few keys and texts, so that two of them are often alike in part.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            (0..3_u32).prop_map(|n| json!(n)),
            "-?[a-c]=?".prop_map(|s| json!(s))
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c/~]|name|key", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Pointers beneath `data` whose length is a multiple of `every`, none beneath another.
    fn some(value: &Value, path: &str, every: usize, found: &mut Vec<String>) {
        if path != "/data" && path.len().is_multiple_of(every) {
            found.push(path.to_owned());
            return;
        }
        let mut below = |token: &str, value: &Value| some(value, &format!("{path}/{token}"), every, found);
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| below(&key.replace('~', "~0").replace('/', "~1"), value));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| below(&at.to_string(), value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_live_is_kept_and_nothing_else_is_touched((one, live) in (value(), value()), every in 1..5_usize) {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": one});
            let mut paths = Vec::new();
            some(&body["data"], "/data", every, &mut paths);
            let own = object(body, &paths.iter().map(String::as_str).collect::<Vec<_>>());
            let live = json!({"data": live});
            let over = own.over(&live);
            prop_assert_eq!(blank(&over, &own.volatile), blank(&own.body, &own.volatile));
            for path in &own.volatile {
                let kept = own.place(path, &live).and_then(|place| live.pointer(&place).cloned());
                prop_assert_eq!(over.pointer(path), kept.as_ref().or(own.body.pointer(path)));
            }
            let next = Object { body: over.clone(), ..own.clone() };
            prop_assert_eq!(next.digest(), own.digest());
            // What was applied is found again where it was put, so that the next deployment keeps it.
            prop_assert_eq!(&own.over(&over), &over);
        }
    }

    #[test]
    fn blanking_needs_nothing_to_be_there() {
        let paths = ["/a/x~1y".to_owned(), "/l/1".to_owned()];
        assert_eq!(
            blank(&json!({"a": {}, "l": [1, 2]}), &paths),
            json!({"a": {"x/y": null}, "l": [1, null]})
        );
        assert_eq!(blank(&json!({}), &paths), json!({}));
    }
}
