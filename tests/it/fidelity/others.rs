//! What others do to a cluster beside Tidegate: people with kubectl, autoscalers, other tools.
//!
//! An action is a mapping with one of these keys: `create`, `apply` (server-side, `force: true` to take), `patch` (RFC 7386),
//! `json-patch`, `scale` (objects with what is sent; `as` names the field manager), `kubectl` (the arguments; `objects` are
//! its input), `delete` (a list of objects), `begun` (waits until the environment's inventory was written), `wait` (objects with what must be in them before it goes on).

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use kube::Client;
use serde_json::{Map, Value, json};

use super::case::object;
use super::snapshot::{Resource, get, resources};
use crate::support::controlplane::tools;
use crate::support::program::command;

/// Somebody else at the same cluster.
pub(super) struct Others<'a> {
    /// The administrator's client.
    pub client: &'a Client,
    /// The same for kubectl.
    pub kubeconfig: &'a str,
    /// The namespace of the case.
    pub namespace: &'a str,
}

impl Others<'_> {
    /// Does what a case tells.
    pub(super) async fn act(&self, actions: &[Map<String, Value>]) {
        for action in actions {
            self.one(action).await;
        }
    }

    async fn one(&self, action: &Map<String, Value>) {
        let manager = action.get("as").and_then(Value::as_str).unwrap_or("somebody");
        let each = |verb: &str| action.get(verb).and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, body) in each("create") {
            let (whole, path, _) = self.place(&key, &body).await;
            self.send(Method::POST, &format!("{path}?fieldManager={manager}"), "application/json", &whole)
                .await;
        }
        for (key, body) in each("apply") {
            let (whole, path, name) = self.place(&key, &body).await;
            let force = action.get("force") == Some(&Value::Bool(true));
            let path = format!("{path}/{name}?fieldManager={manager}&force={force}");
            self.send(Method::PATCH, &path, "application/apply-patch+yaml", &whole).await;
        }
        if action.contains_key("begun") {
            self.begun().await;
        }
        for (verb, sort) in [("patch", "merge-patch"), ("json-patch", "json-patch")] {
            for (key, patch) in each(verb) {
                let of = patch.get("apiVersion").map_or(json!({}), |version| json!({"apiVersion": version}));
                let (_, path, name) = self.place(&key, &of).await;
                let path = format!("{path}/{name}?fieldManager={manager}");
                self.send(Method::PATCH, &path, &format!("application/{sort}+json"), &patch).await;
            }
        }
        for (key, replicas) in each("scale") {
            let (_, path, name) = self.place(&key, &json!({})).await;
            let path = format!("{path}/{name}/scale?fieldManager={manager}");
            let patch = json!({"spec": {"replicas": replicas}});
            self.send(Method::PATCH, &path, "application/merge-patch+json", &patch).await;
        }
        for key in action.get("delete").and_then(Value::as_array).into_iter().flatten() {
            let (_, path, name) = self.place(key.as_str().unwrap(), &json!({})).await;
            self.send(Method::DELETE, &format!("{path}/{name}"), "application/json", &json!({})).await;
        }
        if let Some(arguments) = action.get("kubectl").and_then(Value::as_str) {
            self.kubectl(arguments, &each("objects")).await;
        }
        for (key, part) in each("wait") {
            self.wait(&key, &part).await;
        }
    }

    /// A whole object, where its kind lies, and its name. A kind that was just defined takes a moment.
    async fn place(&self, key: &str, body: &Value) -> (Value, String, String) {
        let mut whole = object(key, body);
        let resource = resource(self.client, &whole).await;
        if resource.namespaced && whole.pointer("/metadata/namespace").is_none() {
            whole["metadata"]["namespace"] = self.namespace.into();
        }
        let text = |path: &str| whole.pointer(path).and_then(Value::as_str);
        let path = resource.path(text("/metadata/namespace"));
        let name = text("/metadata/name").unwrap_or_default().to_owned();
        (whole, path, name)
    }

    async fn send(&self, method: Method, path: &str, sort: &str, body: &Value) {
        let request = http::Request::builder().method(method.clone()).uri(path).header("Content-Type", sort);
        let request = request.body(serde_json::to_vec(body).unwrap()).unwrap();
        if let Err(error) = self.client.request::<Value>(request).await {
            panic!("{}: {method} {path}: {error}", self.namespace);
        }
    }

    async fn kubectl(&self, arguments: &str, objects: &Map<String, Value>) {
        let items: Vec<Value> = objects.iter().map(|(key, body)| object(key, body)).collect();
        let input = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let mut kubectl = command(tools().path("kubectl").unwrap());
        kubectl.env_clear().args(["--kubeconfig", self.kubeconfig, "--namespace", self.namespace]);
        // It goes with the control plane's folder.
        kubectl.arg(format!("--cache-dir={}.cache", self.kubeconfig));
        kubectl
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ran = tokio::task::spawn_blocking(move || {
            let mut child = kubectl.spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        let output = ran.await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: kubectl {arguments}: {said}", self.namespace);
    }

    /// Until an apply has written the environment's inventory ahead.
    async fn begun(&self) {
        let version = async || {
            let list = get(self.client, "/api/v1/namespaces/tidegate/configmaps").await.unwrap();
            let suffix = format!(".{}", self.namespace);
            let all = list["items"].as_array().unwrap().iter();
            all.map(|map| &map["metadata"])
                .find(|metadata| metadata["name"].as_str().is_some_and(|name| name.ends_with(&suffix)))
                .map(|metadata| metadata["resourceVersion"].clone())
        };
        let first = version().await;
        for _ in 0..600 {
            if version().await != first {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}: nothing was applied", self.namespace);
    }

    async fn wait(&self, key: &str, part: &Value) {
        let of = part.get("apiVersion").map_or(json!({}), |version| json!({"apiVersion": version}));
        let (_, path, name) = self.place(key, &of).await;
        for _ in 0..300 {
            let live = get(self.client, &format!("{path}/{name}")).await.unwrap_or_default();
            if holds(part, &live) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let live = get(self.client, &format!("{path}/{name}")).await;
        panic!("{}: {key} is never {part}: {live:?}", self.namespace);
    }
}

/// The kind of a whole object, once it is served.
pub(super) async fn resource(client: &Client, whole: &Value) -> Resource {
    let (version, kind) = (whole["apiVersion"].as_str().unwrap(), whole["kind"].as_str().unwrap());
    let root = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    for _ in 0..100 {
        let list = get(client, &root).await.unwrap_or_default();
        let all = list["resources"].as_array();
        let one = all
            .into_iter()
            .flatten()
            .find(|one| one["kind"] == kind && !one["name"].as_str().unwrap().contains('/'));
        if let Some(one) = one {
            return Resource {
                version: version.to_owned(),
                kind: kind.to_owned(),
                root,
                plural: one["name"].as_str().unwrap().to_owned(),
                namespaced: one["namespaced"].as_bool().unwrap(),
            };
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{version} {kind} is not served: {}", resources(client).await.len())
}

/// Is every value of `part` in `live`? Lists must be equal in length.
pub(super) fn holds(part: &Value, live: &Value) -> bool {
    match (part, live) {
        (Value::String(text), live) if text == "$absent" => live.is_null(),
        (Value::String(text), live) if text == "$present" => !live.is_null(),
        (Value::Object(part), live) => {
            part.iter().all(|(key, value)| holds(value, live.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(part), Value::Array(live)) => {
            part.len() == live.len() && part.iter().zip(live).all(|(part, live)| holds(part, live))
        }
        (part, live) => part == live,
    }
}
