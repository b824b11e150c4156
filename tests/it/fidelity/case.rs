//! A case: the state that is set up and the change that is planned, as the tables in `cases/` say it.
//!
//! Objects are written as `Kind name: body`; where their kind is not Kubernetes' own, the body names its `apiVersion`. A
//! list of bodies is one body, each merged over the one before (RFC 7386). `app:Kind name` puts it into an app of its own,
//! `Kind name-*` gives it a generated name. In texts, `$NS` stands for the case's own namespace, `$null` for an explicit
//! null, `$BIG` for 800 KB of text, `$LINE` for 140 KB in one line, `$WEBHOOK` and `$CA` for where the test's admission webhooks answer and how they are
//! trusted.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A pair of a state and a change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it is about; with the group it names the environment.
    pub name: String,
    /// What is done before anything was ever deployed.
    #[serde(default)]
    pub first: Vec<Map<String, Value>>,
    /// What Git holds at first, and is deployed.
    #[serde(default)]
    pub git: Map<String, Value>,
    /// Is it deployed at all, or is the plan the environment's first?
    #[serde(default = "yes")]
    pub deployed: bool,
    /// What others do then.
    #[serde(default)]
    pub others: Vec<Map<String, Value>>,
    /// What was merged since and is not deployed: edits of `git`, null to remove.
    #[serde(default)]
    pub pending: Map<String, Value>,
    /// What the pull request changes: edits of that.
    #[serde(default)]
    pub change: Map<String, Value>,
    /// Files as they are written, by their names: what Git holds at first.
    #[serde(default)]
    pub texts: Map<String, Value>,
    /// What the pull request makes of them; null removes one.
    #[serde(default)]
    pub new_texts: Map<String, Value>,
    /// What others do between the plan and the apply.
    #[serde(default)]
    pub meanwhile: Vec<Map<String, Value>>,
    /// What others do once the apply has begun.
    #[serde(default)]
    pub during: Vec<Map<String, Value>>,
    /// More keys of the environment, as in the repository's file.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The action planned for an object, where it does not follow from the change: `none` if it is not in the plan.
    #[serde(default)]
    pub plan: Map<String, Value>,
    /// The fidelity of an object's prediction, where it is not `live`.
    #[serde(default)]
    pub fidelity: Map<String, Value>,
    /// Classes that paths of an object must have, by their pointers.
    #[serde(default)]
    pub classes: Map<String, Value>,
    /// What must stand in an object afterwards, as a part of it.
    #[serde(default)]
    pub after: Map<String, Value>,
    /// Pointers that controllers write once the object is there; `""` for the whole object.
    #[serde(default)]
    pub later: Map<String, Value>,
    /// What the environment's plan must say somewhere.
    #[serde(default)]
    pub says: Vec<String>,
    /// The plan is an error with these words, and the server refuses the object, too.
    pub refused: Option<String>,
    /// The plan is an error with these words, which no server need be asked for.
    pub mistake: Option<String>,
    /// Why the next plan is not empty.
    pub again: Option<String>,
}

fn yes() -> bool {
    true
}

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// What the cases share, under anchors.
    #[serde(default, rename = "templates")]
    _templates: Value,
    cases: Vec<Value>,
}

/// What texts stand for in this run.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// Where the webhooks answer.
    pub webhook: String,
    /// The certificate to trust there, in base64.
    pub ca: String,
}

/// The namespace of a case, and its environment's name.
pub(super) fn namespace(group: &str, case: &str) -> String {
    format!("{group}-{case}-x")
}

/// Reads a group's table.
pub(super) fn read(group: &str, text: &str, words: &Words) -> Vec<Case> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let table: Table = serde_saphyr::from_str_with_options(text, options)
        .unwrap_or_else(|error| panic!("cases/{group}.yaml: {error}"));
    table.cases.into_iter().map(|case| one(group, case, words)).collect()
}

fn one(group: &str, mut case: Value, words: &Words) -> Case {
    let name = case["name"].as_str().unwrap_or_else(|| panic!("a case of {group} has no name")).to_owned();
    let fill = [
        ("$NS", namespace(group, &name)),
        ("$WEBHOOK", words.webhook.clone()),
        ("$CA", words.ca.clone()),
        ("$LINE", "no-end ".repeat(20_000)),
        ("$BIG", "all work and no play makes a dull boy\n".repeat(21_000)),
    ];
    filled(&mut case, &fill);
    serde_json::from_value(case).unwrap_or_else(|error| panic!("{group}/{name}: {error}"))
}

/// Replaces place holders in every text and key.
fn filled(value: &mut Value, fill: &[(&str, String)]) {
    let replaced =
        |text: &str| fill.iter().fold(text.to_owned(), |text, (holder, with)| text.replace(holder, with));
    match value {
        Value::String(text) if text.contains('$') => *text = replaced(text),
        Value::Array(items) => {
            for item in items {
                filled(item, fill);
            }
        }
        Value::Object(map) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, mut value)| {
                    filled(&mut value, fill);
                    (replaced(&key), value)
                })
                .collect();
        }
        _ => {}
    }
}

/// The objects that Git holds, by their keys in the tables.
pub(super) type Tree = Map<String, Value>;

impl Case {
    /// What Git holds when it is first deployed.
    pub(super) fn deployed_tree(&self) -> Tree {
        edited(&Tree::new(), &self.git)
    }

    /// What the tracked branch holds.
    pub(super) fn tracked_tree(&self) -> Tree {
        edited(&self.deployed_tree(), &self.pending)
    }

    /// What the pull request proposes.
    pub(super) fn proposed_tree(&self) -> Tree {
        edited(&self.tracked_tree(), &self.change)
    }

    /// The files that are written as they are, before or with the change.
    pub(super) fn files(&self, proposed: bool) -> Map<String, Value> {
        let mut files = self.texts.clone();
        if proposed {
            merge_files(&mut files, &self.new_texts);
        }
        files
    }

    /// The action that the plan must have for each object of the case, by the object's key.
    pub(super) fn actions(&self) -> Vec<(String, String)> {
        let before = self.deployed_tree();
        let after = self.proposed_tree();
        let touched =
            self.git.keys().chain(self.pending.keys()).chain(self.change.keys()).chain(self.plan.keys());
        let mut keys: Vec<&String> = touched.collect();
        keys.sort();
        keys.dedup();
        // What another app renders now is told there.
        let rendered = |key: &String| {
            after.keys().any(|other| {
                other != key && parted(other).1 == parted(key).1 && parted(other).2 == parted(key).2
            })
        };
        keys.retain(|key| after.contains_key(*key) || !rendered(key));
        keys.into_iter()
            .map(|key| {
                let derived = match (before.get(key), after.get(key)) {
                    (None, Some(_)) => "create",
                    (Some(_), None) => "delete",
                    (Some(before), Some(after)) if before != after => "update",
                    _ => "none",
                };
                let told = self.plan.get(key).and_then(Value::as_str);
                (key.clone(), told.unwrap_or(derived).to_owned())
            })
            .collect()
    }
}

fn merge_files(files: &mut Map<String, Value>, edits: &Map<String, Value>) {
    for (name, text) in edits {
        if text.is_null() {
            files.shift_remove(name);
        } else {
            files.insert(name.clone(), text.clone());
        }
    }
}

/// A tree with edits: null removes an object.
fn edited(tree: &Tree, edits: &Map<String, Value>) -> Tree {
    let mut tree = tree.clone();
    for (key, edit) in edits {
        if edit.is_null() {
            assert!(tree.remove(key).is_some(), "there is no {key} to remove");
            continue;
        }
        let mut body = tree.get(key).cloned().unwrap_or_else(|| json!({}));
        for part in edit.as_array().map_or(std::slice::from_ref(edit), Vec::as_slice) {
            merge(&mut body, part);
        }
        tree.insert(key.clone(), body);
    }
    tree
}

/// RFC 7386.
pub(super) fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Value::Object(map) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The app, the kind and the name that a key says.
pub(super) fn parted(key: &str) -> (Option<&str>, &str, &str) {
    let (app, rest) = key.split_once(':').map_or((None, key), |(app, rest)| (Some(app), rest));
    let (kind, name) = rest.split_once(' ').unwrap_or_else(|| panic!("{key:?} is no `Kind name`"));
    (app, kind, name)
}

/// A whole object from its key and body.
pub(super) fn object(key: &str, body: &Value) -> Value {
    let (_, kind, name) = parted(key);
    let mut whole = json!({"apiVersion": version(kind), "kind": kind, "metadata": {}});
    match name.strip_suffix('*') {
        Some(prefix) => whole["metadata"]["generateName"] = prefix.into(),
        None => whole["metadata"]["name"] = name.into(),
    }
    let mut bodies = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice).iter();
    for body in &mut bodies {
        merge(&mut whole, body);
    }
    nulls(&mut whole);
    whole
}

/// `$null` as null.
fn nulls(value: &mut Value) {
    match value {
        Value::String(text) if text == "$null" => *value = Value::Null,
        Value::Array(items) => {
            for item in items {
                nulls(item);
            }
        }
        Value::Object(map) => {
            for value in map.values_mut() {
                nulls(value);
            }
        }
        _ => {}
    }
}

/// The version of Kubernetes' own kinds; other bodies name theirs.
fn version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "Ingress" | "NetworkPolicy" | "IngressClass" => "networking.k8s.io/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
        "PriorityClass" => "scheduling.k8s.io/v1",
        "StorageClass" => "storage.k8s.io/v1",
        "RuntimeClass" => "node.k8s.io/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "MutatingWebhookConfiguration"
        | "ValidatingWebhookConfiguration"
        | "ValidatingAdmissionPolicy"
        | "ValidatingAdmissionPolicyBinding" => "admissionregistration.k8s.io/v1",
        _ => "v1",
    }
}
