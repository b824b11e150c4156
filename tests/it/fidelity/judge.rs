//! Was a case predicted well? Every complaint in words; none: it was.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Client;
use serde_json::{Value, json};

use super::case::{Case, object, parted};
use super::others::{holds, resource};
use super::predict::{Comparison, beneath, mismatches, rebuilt};
use super::run::Deployed;
use super::snapshot::{Key, Snapshot, controlled, plain};

/// The classes of which a plan says that it happens.
const OPEN: [&str; 4] = ["this-change", "pending", "drift", "side-effect"];

/// What the server makes up when an object is created; no plan can know it.
const ALLOCATED: [(&str, &[&str]); 1] = [(
    "Service",
    &["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort", "/spec/ports/*/nodePort"],
)];

/// What became of a case.
pub(super) struct Outcome {
    /// Its environment.
    pub name: String,
    /// How many paths were predicted to change.
    pub predicted: usize,
    /// How many of them came as predicted.
    pub held: usize,
    /// Everything that was not as it should be.
    pub wrong: Vec<String>,
}

/// Everything that is known of a case after it was played.
pub(super) struct Scene<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its environment.
    pub name: &'a str,
    /// What was planned.
    pub plan: &'a Value,
    /// What is planned after it was applied.
    pub again: &'a Value,
    /// What was there.
    pub before: &'a Snapshot,
    /// What is there.
    pub after: &'a Snapshot,
    /// How the apply ended.
    pub applied: &'a Deployed,
}

/// Judges a case.
pub(super) async fn judge(client: &Client, scene: &Scene<'_>) -> Outcome {
    let mut outcome = Outcome { name: scene.name.to_owned(), predicted: 0, held: 0, wrong: Vec::new() };
    let said = scene.plan.to_string();
    for words in &scene.case.says {
        if !said.contains(words.as_str()) {
            outcome.wrong.push(format!("the plan does not say {words:?}"));
        }
    }
    if let Some(words) = &scene.case.refused {
        refused(client, scene, words, &mut outcome).await;
        untouched(scene, &BTreeSet::new(), &mut outcome);
    } else if let Some(words) = &scene.case.mistake {
        stopped(scene, words, &mut outcome);
        untouched(scene, &BTreeSet::new(), &mut outcome);
    } else if scene.plan["errors"] == json!([]) {
        went(scene, &mut outcome);
    } else {
        outcome.wrong.push(format!("the plan has errors: {}", scene.plan["errors"]));
    }
    outcome
}

/// A predicted refusal: nothing was done, and the server does refuse.
async fn refused(client: &Client, scene: &Scene<'_>, words: &str, outcome: &mut Outcome) {
    stopped(scene, words, outcome);
    let mut refusals = 0;
    for (key, body) in &scene.case.proposed_tree() {
        let mut whole = object(key, body);
        let kind = resource(client, &whole).await;
        if kind.namespaced && whole.pointer("/metadata/namespace").is_none() {
            whole["metadata"]["namespace"] = scene.name.into();
        }
        let (_, _, name) = parted(key);
        let path = kind.path(whole.pointer("/metadata/namespace").and_then(Value::as_str));
        let path = format!("{path}/{name}?fieldManager=tidegate&fieldValidation=Strict&dryRun=All");
        let request = http::Request::patch(path).header("Content-Type", "application/apply-patch+yaml");
        let request = request.body(serde_json::to_vec(&whole).unwrap()).unwrap();
        refusals += usize::from(client.request::<Value>(request).await.is_err());
    }
    if refusals == 0 {
        outcome.wrong.push("the plan is an error, and the server would take every object".to_owned());
        outcome.held = 0;
    }
}

/// The plan is an error with these words, and nothing was applied.
fn stopped(scene: &Scene<'_>, words: &str, outcome: &mut Outcome) {
    outcome.predicted += 1;
    let errors = scene.plan["errors"].to_string();
    let short: String = errors.chars().take(600).collect();
    if !errors.contains(words) {
        outcome.wrong.push(format!("the plan's errors do not say {words:?}: {short}"));
    } else if scene.applied.ran.code == Some(1) {
        outcome.held += 1;
    } else {
        outcome.wrong.push("what was refused was applied".to_owned());
    }
}

/// A plan that was applied.
fn went(scene: &Scene<'_>, outcome: &mut Outcome) {
    let ran = &scene.applied.ran;
    if ran.code != Some(0) {
        outcome.wrong.push(format!(
            "the apply ended with {:?}: {}{}",
            ran.code,
            ran.out.trim(),
            ran.err.trim()
        ));
    }
    outcome.wrong.extend(
        scene.applied.surprises().into_iter().map(|line| format!("the report says: {}", line.trim())),
    );
    acted(scene, outcome);
    let mut named = BTreeSet::new();
    for change in scene.plan["changes"].as_array().unwrap() {
        let key = key(&change["id"]);
        compared(scene, change, &key, outcome);
        classes(scene, change, outcome);
        named.insert(key);
    }
    named.extend(scene.plan["hooks"].as_array().unwrap().iter().map(|hook| key(&hook["id"])));
    untouched(scene, &named, outcome);
    for (key, part) in &scene.case.after {
        let (kind, name) = kind_and_name(key);
        let live = scene.after.iter().find(|((_, k, namespace, n), _)| {
            let stated = part.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(scene.name);
            *k == kind && *n == name && namespace.as_deref().is_none_or(|namespace| namespace == stated)
        });
        let nothing = Value::Null;
        let live = live.map_or(&nothing, |(_, body)| body);
        if !holds(part, live) {
            outcome.wrong.push(format!("{key} does not hold {part}: {live}"));
        }
    }
    let left = scene.again["changes"].as_array().unwrap();
    match &scene.case.again {
        None if !left.is_empty() || scene.again["errors"] != json!([]) => {
            outcome.wrong.push(format!(
                "the next plan is not empty: {} {}",
                brief(left),
                scene.again["errors"]
            ));
        }
        Some(why) if left.is_empty() => outcome.wrong.push(format!("the next plan is empty, though {why}")),
        _ => {}
    }
}

fn brief(changes: &[Value]) -> String {
    let one = |change: &Value| {
        let paths = change["paths"].as_array().unwrap().iter();
        let paths: Vec<_> = paths
            .map(|path| format!("{} {} {}→{}", path["path"], path["class"], path["before"], path["after"]))
            .take(6)
            .collect();
        format!("{} {} [{}]", change["action"], change["id"]["name"], paths.join("; "))
    };
    changes.iter().filter(|change| change["action"] != "keep").map(one).collect::<Vec<_>>().join(", ")
}

fn kind_and_name(key: &str) -> (String, String) {
    let (_, kind, name) = parted(key);
    (kind.to_owned(), name.to_owned())
}

/// Does the plan do with each object what the case says, with the fidelity that it says?
fn acted(scene: &Scene<'_>, outcome: &mut Outcome) {
    let changes = scene.plan["changes"].as_array().unwrap();
    let mut expected = 0;
    for (key, action) in scene.case.actions() {
        let (kind, name) = kind_and_name(&key);
        let change =
            changes.iter().find(|change| change["id"]["kind"] == kind && change["id"]["name"] == name);
        expected += usize::from(action != "none");
        let planned = change.map_or("none", |change| change["action"].as_str().unwrap());
        if planned != action {
            outcome.wrong.push(format!("{key}: planned is {planned}, not {action}"));
        }
        let fidelity = scene.case.fidelity.get(&key).and_then(Value::as_str).unwrap_or("live");
        if let Some(change) = change.filter(|change| change["fidelity"] != fidelity) {
            let warnings = &change["warnings"];
            outcome
                .wrong
                .push(format!("{key}: its fidelity is {}, not {fidelity}: {warnings}", change["fidelity"]));
        }
    }
    if expected != changes.len() {
        outcome.wrong.push(format!("{expected} changes were meant, and planned are {}", brief(changes)));
    }
}

fn classes(scene: &Scene<'_>, change: &Value, outcome: &mut Outcome) {
    for (key, wanted) in &scene.case.classes {
        let (kind, name) = kind_and_name(key);
        if change["id"]["kind"] != kind || change["id"]["name"] != name {
            continue;
        }
        for (path, class) in wanted.as_object().unwrap() {
            let has = change["paths"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["path"] == *path && one["class"] == *class);
            if !has {
                outcome
                    .wrong
                    .push(format!("{key}: {path} is not {class}: {}", brief(std::slice::from_ref(change))));
            }
        }
    }
}

fn key(id: &Value) -> Key {
    let text = |key: &str| id[key].as_str().map(str::to_owned);
    (text("group").unwrap(), text("kind").unwrap(), text("namespace"), text("name").unwrap())
}

/// The after-state of one object beside what was predicted.
fn compared(scene: &Scene<'_>, change: &Value, key: &Key, outcome: &mut Outcome) {
    let (before, after) = (scene.before.get(key), find(scene.after, key, scene.before));
    let words = format!("{} {}", key.1, key.3);
    let uid = |body: &Value| body["metadata"]["uid"].clone();
    let open: Vec<&Value> = change["paths"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|path| OPEN.contains(&path["class"].as_str().unwrap()))
        .collect();
    outcome.predicted += open.len();
    let action = change["action"].as_str().unwrap();
    let fault = match (action, before, after) {
        ("delete", Some(_), None) => None,
        ("delete", _, Some(_)) => Some("it was to be deleted and is there".to_owned()),
        ("keep" | "none", Some(a), Some(b)) if plain(a) == plain(b) && uid(a) == uid(b) => None,
        ("create", None, Some(live)) => {
            return same(scene, (change, key), &open, (&Value::Null, live), outcome);
        }
        ("update" | "adopt" | "move", Some(old), Some(live)) if uid(old) == uid(live) => {
            return same(scene, (change, key), &open, (old, live), outcome);
        }
        ("replace", Some(old), Some(live)) if uid(old) != uid(live) => {
            return same(scene, (change, key), &open, (old, live), outcome);
        }
        _ => Some(format!(
            "{action}, but before it is {}there and after it is {}there",
            not(before),
            not(after)
        )),
    };
    match fault {
        None => outcome.held += open.len(),
        Some(fault) => outcome.wrong.push(format!("{words}: {fault}")),
    }
}

fn not(body: Option<&Value>) -> &'static str {
    if body.is_some() { "" } else { "not " }
}

/// The object, or the one that was created with a name made up from its prefix.
fn find<'a>(after: &'a Snapshot, key: &Key, before: &Snapshot) -> Option<&'a Value> {
    match key.3.strip_suffix('*') {
        None => after.get(key),
        Some(prefix) => after
            .iter()
            .find(|(one, _)| {
                one.1 == key.1 && one.2 == key.2 && one.3.starts_with(prefix) && !before.contains_key(*one)
            })
            .map(|(_, body)| body),
    }
}

/// Is what is live what the paths give over what was?
fn same(
    scene: &Scene<'_>,
    (change, key): (&Value, &Key),
    open: &[&Value],
    (before, live): (&Value, &Value),
    outcome: &mut Outcome,
) {
    let words = format!("{} {}", key.1, key.3);
    let (old, mut actual) = (plain(before), plain(live));
    let fresh = before.is_null() || change["action"] == "replace";
    let mut free = free(scene, change, key);
    if fresh {
        made_up(&key.1, &mut actual);
        free.extend(allocated(key, before, change));
        if key.3.ends_with('*') {
            free.push("/metadata/name".to_owned());
        }
    }
    let mut predicted = match rebuilt(&old, open) {
        Ok(predicted) => predicted,
        Err(why) => {
            return outcome.wrong.push(format!("{words}: its paths do not fit what was there: {why}"));
        }
    };
    if fresh {
        made_up(&key.1, &mut predicted);
    }
    if predicted["metadata"]["namespace"].is_null() && !actual["metadata"]["namespace"].is_null() {
        predicted["metadata"]["namespace"] = actual["metadata"]["namespace"].clone();
    }
    for path in open {
        let (at, was) = (path["path"].as_str().unwrap(), &path["before"]);
        // Positions in lists are those of the after-state, and masks hide what was there.
        let plain =
            !at.split('/').any(|step| step.parse::<usize>().is_ok()) && !was.to_string().contains('‹');
        if plain && !before.is_null() && old.pointer(at).unwrap_or(&Value::Null) != was {
            outcome
                .wrong
                .push(format!("{words} {at}: before is {:?}, and the plan says {was}", old.pointer(at)));
        }
    }
    let git = git(scene, key);
    let part = change["fidelity"] == "schema" || change["fidelity"] == "scratch";
    let comparison = Comparison { git: &git, before: &old, free: &free, part };
    let mismatches = mismatches(&predicted, &actual, &comparison);
    let held = open.iter().filter(|path| {
        let path = path["path"].as_str().unwrap();
        !mismatches.iter().any(|(at, _)| beneath(at, path) || beneath(path, at))
    });
    outcome.held += held.count();
    outcome.wrong.extend(mismatches.iter().map(|(at, what)| format!("{words} {at}: {what}")));
}

/// Where a value may differ: what controllers write later, and what the plan itself calls volatile.
fn free(scene: &Scene<'_>, change: &Value, key: &Key) -> Vec<String> {
    let mut free = later(scene, key);
    let paths = change["paths"].as_array().unwrap().iter();
    free.extend(
        paths
            .filter(|path| path["class"] == "volatile")
            .map(|path| path["path"].as_str().unwrap().to_owned()),
    );
    free
}

fn later(scene: &Scene<'_>, key: &Key) -> Vec<String> {
    let all = scene.case.later.iter().filter(|(one, _)| {
        let (kind, name) = kind_and_name(one);
        kind == key.1 && name == key.3
    });
    let paths = all.flat_map(|(_, paths)| paths.as_array().unwrap().iter());
    paths.map(|path| path.as_str().unwrap().to_owned()).collect()
}

/// What is made up for a new object, but for what the plan names.
fn allocated(key: &Key, _before: &Value, change: &Value) -> Vec<String> {
    let stated = |pattern: &str| {
        let whole = &change["paths"][0]["after"];
        !pattern.contains('*') && change["paths"][0]["path"] == "" && whole.pointer(pattern).is_some()
    };
    let all = ALLOCATED.iter().filter(|(kind, _)| *kind == key.1).flat_map(|(_, paths)| paths.iter());
    all.filter(|pattern| !stated(pattern)).map(|pattern| (*pattern).to_owned()).collect()
}

/// A Job's own ids, which are new with every Job.
fn made_up(kind: &str, body: &mut Value) {
    if kind != "Job" {
        return;
    }
    let own =
        ["batch.kubernetes.io/controller-uid", "controller-uid", "batch.kubernetes.io/job-name", "job-name"];
    for (place, key) in [
        ("/spec/selector", "matchLabels"),
        ("/spec", "selector"),
        ("/metadata", "labels"),
        ("/spec/template/metadata", "labels"),
    ] {
        let Some(parent) = body.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        let Some(map) = parent.get_mut(key).and_then(Value::as_object_mut) else { continue };
        for key in own {
            map.shift_remove(key);
        }
        if map.is_empty() {
            parent.shift_remove(key);
        }
    }
}

/// What Git holds of an object, with a Secret's texts as they are stored.
fn git(scene: &Scene<'_>, key: &Key) -> Value {
    let tree = scene.case.proposed_tree();
    let one = tree.iter().find(|(one, _)| kind_and_name(one) == (key.1.clone(), key.3.clone()));
    let Some((key, body)) = one else { return Value::Null };
    let mut whole = object(key, body);
    if let Some(Value::Object(texts)) = whole.as_object_mut().unwrap().shift_remove("stringData") {
        for (key, text) in texts {
            whole["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
        }
    }
    whole
}

/// What the plan does not name is as it was: the same incarnation, the same generation, the same content.
fn untouched(scene: &Scene<'_>, named: &BTreeSet<Key>, outcome: &mut Outcome) {
    let mine = |key: &Key| key.2.as_ref().unwrap_or(&key.3).contains(scene.name);
    let listed = |key: &Key| {
        named.contains(key)
            || named.iter().any(|one| {
                one.1 == key.1
                    && one.2 == key.2
                    && one.3.strip_suffix('*').is_some_and(|prefix| key.3.starts_with(prefix))
            })
    };
    let keys: BTreeSet<&Key> =
        scene.before.keys().chain(scene.after.keys()).filter(|key| mine(key)).collect();
    for key in keys.into_iter().filter(|key| !listed(key)) {
        let (old, new) = (scene.before.get(key), scene.after.get(key));
        let mut free = later(scene, key);
        if free.iter().any(String::is_empty) || old.or(new).is_some_and(controlled) {
            continue;
        }
        // The server prefers another version once it is defined.
        free.push("/apiVersion".to_owned());
        let words = format!("{} {}, which the plan does not name", key.1, key.3);
        match (old, new) {
            (Some(old), Some(new)) => {
                let comparison =
                    Comparison { git: &Value::Null, before: &Value::Null, free: &free, part: false };
                let mismatches = mismatches(&plain(old), &plain(new), &comparison);
                outcome
                    .wrong
                    .extend(mismatches.into_iter().map(|(at, what)| format!("{words} {at}: {what}")));
                if old["metadata"]["uid"] != new["metadata"]["uid"] {
                    outcome.wrong.push(format!("{words}: it is another one"));
                }
                if old["metadata"]["deletionTimestamp"] != new["metadata"]["deletionTimestamp"] {
                    outcome.wrong.push(format!("{words}: it is being deleted"));
                }
            }
            (Some(_), None) => outcome.wrong.push(format!("{words}: it is gone")),
            (None, Some(_)) => outcome.wrong.push(format!("{words}: it was made")),
            (None, None) => {}
        }
    }
}
