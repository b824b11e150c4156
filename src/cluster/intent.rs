//! What is meant for one object, before anybody is asked: the payload, and what must be migrated first. Pure, and shared by
//! the look and the apply.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::conflict::lies_under;
use crate::cluster::fields::{MANAGER, held};
use crate::cluster::migrate::{Migration, migration};
use crate::cluster::payload::compose;
use crate::model::object::Object;
use crate::model::settings::{FieldRule, Winner};
use crate::model::view::Owner;

/// Where a workload says how many of it there shall be.
pub(super) const REPLICAS: &str = "/spec/replicas";

/// What an intent is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matter<'a> {
    /// As rendered.
    pub object: &'a Object,
    /// Where it goes.
    pub address: &'a Address,
    /// Our ApplySet.
    pub set: &'a str,
    /// What is there, or was there until it was deleted to make place.
    pub live: Option<&'a Value>,
    /// Whose that is.
    pub owner: &'a Owner,
    /// The repository's rules on fields.
    pub rules: &'a [FieldRule],
    /// Does an autoscaler set how many replicas it has?
    pub scaled: bool,
}

/// What is meant for an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Intent {
    /// What is sent.
    pub payload: Value,
    /// What becomes ours first.
    pub migration: Option<Migration>,
}

/// Decides what is sent for an object.
pub(super) fn intend(matter: &Matter<'_>) -> Intent {
    let Matter { object, address, set, live, owner, .. } = *matter;
    let mut payload = compose(object, &address.served, address.namespace.as_deref(), set, live);
    let migration = live.and_then(|live| migration(live, owner));
    if let Some(live) = live {
        stay(&mut payload, &as_ours(live, migration.as_ref()), matter);
    }
    Intent { payload, migration }
}

/// What is there as it will be booked when it is applied over: a history is ours by then.
fn as_ours<'v>(live: &'v Value, migration: Option<&Migration>) -> Cow<'v, Value> {
    let Some(migration) = migration else { return Cow::Borrowed(live) };
    let mut live = live.clone();
    live["metadata"]["managedFields"] = migration.fields.clone();
    Cow::Owned(live)
}

/// Would the number of replicas fall to its default, since Git states none any more and nobody else holds it yet?
pub(super) fn lets_go_of_replicas(object: &Object, live: &Value, owner: &Owner) -> bool {
    let stated = object.body.pointer(REPLICAS).is_some() || live.pointer(REPLICAS).is_none();
    let ours = || as_ours(live, migration(live, owner).as_ref()).into_owned();
    !stated && abandoned(&ours()).iter().any(|path| path == REPLICAS)
}

/// What a rule yields and Git no longer states goes on being sent as it is live for as long as only we hold it: what nobody
/// holds falls to its default, and an autoscaler that was added with this change has not taken the number of replicas yet.
fn stay(payload: &mut Value, live: &Value, matter: &Matter<'_>) {
    let kind = &matter.address.id.kind;
    let rules: Vec<&str> = matter
        .rules
        .iter()
        .filter(|rule| rule.rule == Winner::Yield && (rule.kinds.is_empty() || rule.kinds.contains(kind)))
        .map(|rule| rule.path.as_str())
        .chain(matter.scaled.then_some(REPLICAS))
        .collect();
    if rules.is_empty() {
        return;
    }
    for path in abandoned(live) {
        if rules.iter().any(|rule| lies_under(&path, rule)) {
            put(payload, live, &path);
        }
    }
}

/// JSON Pointers into the live object of what only we hold.
fn abandoned(live: &Value) -> Vec<String> {
    let ours = |manager: &str, operation: &str| manager == MANAGER && operation == "Apply";
    let others: HashSet<String> =
        held(live, |manager, operation| !ours(manager, operation)).into_iter().collect();
    let mut mine = held(live, ours);
    mine.retain(|path| !others.contains(path));
    mine
}

/// Puts the live value at this place into the payload if the payload has none there. Items of lists are known by their names:
/// where the payload has no such item, nothing is added.
fn put(payload: &mut Value, live: &Value, path: &str) {
    let Some(value) = live.pointer(path).cloned() else { return };
    let steps: Vec<String> =
        path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let Some((last, way)) = steps.split_last() else { return };
    let (mut here, mut there) = (payload, live);
    for step in way {
        let (next, beside) = match (here, there) {
            (Value::Object(map), Value::Object(live)) => {
                let Some(beside) = live.get(step) else { return };
                let empty = if beside.is_array() {
                    Value::Array(Vec::new())
                } else {
                    Value::Object(serde_json::Map::new())
                };
                (map.entry(step.clone()).or_insert(empty), beside)
            }
            (Value::Array(items), Value::Array(live)) => {
                let Some(beside) = step.parse::<usize>().ok().and_then(|at| live.get(at)) else { return };
                let named = items
                    .iter_mut()
                    .find(|item| item.get("name").is_some() && item.get("name") == beside.get("name"));
                let Some(next) = named else { return };
                (next, beside)
            }
            _ => return,
        };
        (here, there) = (next, beside);
    }
    if let Value::Object(map) = here {
        map.entry(last.clone()).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Matter, intend, lets_go_of_replicas};
    use crate::cluster::address::Address;
    use crate::cluster::kinds::Served;
    use crate::model::object::{Object, Origin};
    use crate::model::settings::{FieldRule, Winner};
    use crate::model::view::Owner;

    fn live(by_scaler: bool) -> Value {
        let mut entries = json!([{"manager": "tidegate", "operation": "Apply", "fieldsV1": {"f:spec": {
            "f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {},
                "f:image": {}, "f:resources": {}}}}}}}}]);
        if by_scaler {
            let scaler = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}});
            entries.as_array_mut().unwrap().push(scaler);
        }
        json!({"metadata": {"name": "web", "managedFields": entries}, "spec": {"replicas": 5, "template": {"spec": {
            "containers": [{"name": "web", "image": "a", "resources": {"cpu": 1}}]}}}})
    }

    fn sent(live: &Value, scaled: bool, rules: &[FieldRule]) -> Value {
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"name": "side"}, {"name": "web", "image": "b"}]}}}});
        let id = Object::identify(&body).unwrap();
        let object = Object { id: id.clone(), body, origin: Origin::default(), volatile: Vec::new() };
        assert_eq!(
            lets_go_of_replicas(&object, live, &Owner::Us),
            live["metadata"]["managedFields"][1].is_null()
        );
        let served = Served {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            plural: "deployments".to_owned(),
            namespaced: true,
            status: true,
            listed: true,
        };
        let address = Address { id, served, namespace: None };
        let matter = Matter {
            object: &object,
            address: &address,
            set: "set",
            live: Some(live),
            owner: &Owner::Us,
            rules,
            scaled,
        };
        intend(&matter).payload["spec"].clone()
    }

    #[test]
    fn what_is_scaled_keeps_its_replicas_until_the_scaler_holds_them() {
        assert_eq!(sent(&live(false), true, &[])["replicas"], 5);
        assert!(sent(&live(false), false, &[]).get("replicas").is_none());
        assert!(sent(&live(true), true, &[]).get("replicas").is_none());
    }

    #[test]
    fn what_a_rule_yields_is_sent_as_it_is_until_another_holds_it() {
        let rule = |path: &str| FieldRule {
            kinds: Vec::new(),
            path: path.to_owned(),
            rule: Winner::Yield,
            to: Vec::new(),
        };
        let rules = [
            rule("/spec/template/spec/containers/*/resources"),
            rule("/spec/template/spec/containers/*/image"),
        ];
        let containers = sent(&live(false), false, &rules)["template"]["spec"]["containers"].clone();
        assert_eq!(
            containers,
            json!([{"name": "side"}, {"name": "web", "image": "b", "resources": {"cpu": 1}}])
        );
    }
}
