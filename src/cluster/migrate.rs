//! Fields that another tool's history holds, folded into our own at first contact: otherwise what Git no longer states
//! would stay for ever, since its former manager never lets go of it.
//!
//! The same as `csaupgrade` of client-go does for kubectl. Source:
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply>.

use serde_json::{Map, Value, json};

use crate::cluster::fields::{MANAGER, applied_by_us, entries, place, text};
use crate::model::view::Owner;

/// Whose entries are always history: client-side apply, and what was there before any apply.
const CLIENT_SIDE: [&str; 2] = ["kubectl-client-side-apply", "before-first-apply"];
/// The annotation that client-side apply keeps its own state in.
const LAST_APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// What an object's book-keeping becomes before it is applied for the first time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Migration {
    /// `metadata.managedFields` with the history as ours.
    pub fields: Value,
    /// Whose history it is, sorted.
    pub managers: Vec<String>,
    /// The fields of the history, as one `fieldsV1` set.
    history: Value,
}

/// What must be migrated before an object is applied over; none: nothing. Only an object that we never applied has a
/// history: what somebody applies later beside us is set by hand.
pub(super) fn migration(live: &Value, owner: &Owner) -> Option<Migration> {
    if applied_by_us(live) {
        return None;
    }
    let annotated = live.pointer(LAST_APPLIED).is_some();
    let (past, mut kept): (Vec<&Value>, Vec<&Value>) =
        entries(live).partition(|entry| is_history(entry, owner, annotated));
    let newest = past.last()?;
    let mut history = json!({});
    for entry in &past {
        unite(&mut history, entry.get("fieldsV1").unwrap_or(&Value::Null));
    }
    let mut managers: Vec<String> = past.iter().map(|entry| text(entry, "manager").to_owned()).collect();
    managers.sort();
    managers.dedup();
    let ours = json!({
        "manager": MANAGER, "operation": "Apply", "apiVersion": text(newest, "apiVersion"),
        "fieldsType": "FieldsV1", "fieldsV1": history});
    kept.insert(0, &ours);
    Some(Migration { fields: kept.into_iter().cloned().collect(), managers, history })
}

impl Migration {
    /// The request that performs it: only on the version that was looked at.
    pub(super) fn patch(&self, live: &Value) -> Value {
        json!([
            {"op": "replace", "path": "/metadata/managedFields", "value": self.fields},
            {"op": "replace", "path": "/metadata/resourceVersion",
                "value": live.pointer("/metadata/resourceVersion").cloned().unwrap_or_default()}])
    }

    /// What the server's answer to an apply without the migration becomes with it: fields of the history go that neither we
    /// nor others hold now. None: nothing goes.
    pub(super) fn without(&self, answer: &Value) -> Option<Value> {
        let fields = |entry: &Value| entry.get("fieldsV1").cloned().unwrap_or_default();
        let ours = |entry: &&Value| text(entry, "manager") == MANAGER && text(entry, "operation") == "Apply";
        let mine = entries(answer).find(ours).map(fields).unwrap_or_default();
        let others: Vec<Value> = entries(answer)
            .filter(|entry| {
                !ours(entry)
                    && entry.get("subresource").is_none()
                    && !self.managers.iter().any(|manager| manager == text(entry, "manager"))
            })
            .map(fields)
            .collect();
        let holders: Vec<&Value> = others.iter().chain([&mine]).collect();
        let mut after = answer.clone();
        drop_unheld(&mut after, &self.history, &holders);
        (after != *answer).then_some(after)
    }
}

/// Does an entry of `managedFields` belong to the history that we take over?
fn is_history(entry: &Value, owner: &Owner, annotated: bool) -> bool {
    if entry.get("subresource").is_some() {
        return false;
    }
    let manager = text(entry, "manager");
    // Before it had a name of its own, client-side apply was plain `kubectl`; so is any other command of old.
    let client_side = CLIENT_SIDE.contains(&manager) || (manager == "kubectl" && annotated);
    if client_side && text(entry, "operation") == "Update" {
        return true;
    }
    let Owner::Other(tool) = owner else { return false };
    let managers: &[&str] = match tool.split(' ').next() {
        Some("Helm") => &["helm"],
        Some("Argo") => &["argocd-controller", "argocd-application-controller"],
        Some("Flux") => &["kustomize-controller", "helm-controller"],
        Some(_) | None => &[],
    };
    managers.contains(&manager)
}

/// Adds one `fieldsV1` set to another.
fn unite(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else { return };
    for (step, beneath) in from {
        unite(into.entry(step.as_str()).or_insert_with(|| json!({})), beneath);
    }
}

/// Removes what `history` holds and no `holder` does, as the server does when an applier lets go of it.
fn drop_unheld(here: &mut Value, history: &Value, holders: &[&Value]) {
    let Some(history) = history.as_object() else { return };
    for (step, beneath) in history.iter().filter(|(step, _)| step.as_str() != ".") {
        let held: Vec<&Value> = holders.iter().filter_map(|holder| holder.get(step)).collect();
        // An end is held with everything beneath it.
        if held.iter().any(|holder| is_end(holder)) {
            continue;
        }
        let Some(at) = find(here, step) else { continue };
        if held.is_empty() && (is_end(beneath) || beneath.get(".").is_some()) {
            remove(here, &at);
        } else if let Some(inner) = get_mut(here, &at) {
            drop_unheld(inner, beneath, &held);
        }
    }
}

fn is_end(set: &Value) -> bool {
    set.as_object().is_none_or(Map::is_empty)
}

/// A member of a mapping or a list.
enum At {
    Key(String),
    Index(usize),
}

/// Where a step of a `fieldsV1` set leads.
fn find(here: &Value, step: &str) -> Option<At> {
    let (sort, name) = step.split_once(':')?;
    match sort {
        "f" => here.get(name).map(|_| At::Key(name.to_owned())),
        "i" => name.parse().ok().filter(|index| here.get(index).is_some()).map(At::Index),
        _ => place(here, sort, name).map(At::Index),
    }
}

fn get_mut<'a>(here: &'a mut Value, at: &At) -> Option<&'a mut Value> {
    match at {
        At::Key(key) => here.get_mut(key),
        At::Index(index) => here.get_mut(index),
    }
}

fn remove(here: &mut Value, at: &At) {
    match (here, at) {
        (Value::Object(map), At::Key(key)) => {
            map.remove(key);
        }
        (Value::Array(items), At::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::migration;
    use crate::model::view::Owner;

    fn live(entries: &Value) -> Value {
        json!({"metadata": {"resourceVersion": "7", "labels": {"a": "1", "b": "2", "c": "3"}, "managedFields": entries},
            "spec": {"items": [{"name": "x", "size": 1, "made": true}, {"name": "y"}], "paused": true}})
    }

    fn by_kubectl() -> Value {
        json!({"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}},
            "f:spec": {"f:items": {"k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:size": {}},
                "k:{\"name\":\"y\"}": {".": {}, "f:name": {}}}, "f:paused": {}}}})
    }

    #[test]
    fn history_becomes_ours_and_what_we_do_not_state_goes() {
        let other = json!({"manager": "kubectl-label", "operation": "Update",
            "fieldsV1": {"f:metadata": {"f:labels": {"f:b": {}}}}});
        let status = json!({"manager": "kubectl-client-side-apply", "operation": "Update", "subresource": "status",
            "fieldsV1": {"f:status": {}}});
        let before = live(&json!([by_kubectl(), other, status]));
        let migration = migration(&before, &Owner::Nobody).unwrap();
        assert_eq!(migration.managers, ["kubectl-client-side-apply"]);
        let names: Vec<_> =
            migration.fields.as_array().unwrap().iter().map(|entry| entry["manager"].clone()).collect();
        assert_eq!(names, ["tidegate", "kubectl-label", "kubectl-client-side-apply"]);
        assert_eq!(migration.patch(&before)[1]["value"], "7");

        let ours = json!({"manager": "tidegate", "operation": "Apply", "fieldsV1": {
            "f:metadata": {"f:labels": {"f:a": {}}},
            "f:spec": {"f:items": {"k:{\"name\":\"y\"}": {".": {}, "f:name": {}}}}}});
        let answer = live(&json!([by_kubectl(), other, status, ours]));
        let after = migration.without(&answer).unwrap();
        assert_eq!(after["metadata"]["labels"], json!({"a": "1", "b": "2"}), "b is held by another");
        assert_eq!(after["spec"], json!({"items": [{"name": "y"}]}), "what was defaulted goes with its item");
    }

    #[test]
    fn what_we_applied_already_has_no_history() {
        let ours = json!({"manager": "tidegate", "operation": "Apply", "fieldsV1": {}});
        assert_eq!(migration(&live(&json!([by_kubectl(), ours])), &Owner::Us), None);
        let edited = json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {}});
        assert_eq!(migration(&live(&json!([edited])), &Owner::Nobody), None);
    }

    #[test]
    fn a_tool_that_is_taken_over_from_leaves_its_fields() {
        let helm =
            json!([{"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}}]);
        assert_eq!(migration(&live(&helm), &Owner::Nobody), None);
        let owner = Owner::Other("Helm release shop/web".to_owned());
        assert_eq!(migration(&live(&helm), &owner).unwrap().managers, ["helm"]);
    }
}
