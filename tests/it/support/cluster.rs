//! The run's cluster as tests look at it: objects as JSON, straight from the API server.

use kube::Client;
use serde_json::Value;
use serde_json::json;

use crate::support::controlplane;

/// A client and two namespaces that no other test has.
pub(crate) struct Cluster {
    client: Client,
    /// The namespace of the environment `staging`.
    pub(crate) staging: String,
    /// The namespace of the environment `production`.
    pub(crate) production: String,
    kubeconfig: String,
}

impl Cluster {
    /// Takes the run's control plane and makes two namespaces.
    pub(crate) async fn start() -> Self {
        let plane = controlplane::shared().await;
        let client = controlplane::client().await;
        let staging = controlplane::namespace(&client, "staging").await;
        let production = controlplane::namespace(&client, "production").await;
        Self { client, staging, production, kubeconfig: plane.kubeconfig().display().to_string() }
    }

    /// A target for one repository, confined to the two namespaces.
    pub(crate) fn target(&self, repository: &str) -> Value {
        json!({
            "kubernetes": {"kubeconfig": self.kubeconfig},
            "repositories": [repository],
            "floor": {"namespaces": [self.staging, self.production], "cluster_objects": "deny"},
        })
    }

    /// What a fixture's place holders stand for.
    pub(crate) fn names(&self) -> [(&str, &str); 2] {
        [("STAGING", &self.staging), ("PRODUCTION", &self.production)]
    }

    /// The same the other way round, for snapshots.
    pub(crate) fn unnamed(&self) -> [(&str, &str); 2] {
        [(&self.staging, "STAGING"), (&self.production, "PRODUCTION")]
    }

    /// An object as it is now; none if there is none.
    pub(crate) async fn object(
        &self,
        version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Value> {
        let api = if version.contains('/') { "apis" } else { "api" };
        let plural = format!("{}s", kind.to_lowercase());
        let path = format!("/{api}/{version}/namespaces/{namespace}/{plural}/{name}");
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        match self.client.request::<Value>(request).await {
            Ok(object) => Some(object),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("{kind} {namespace}/{name}: {error}"),
        }
    }

    /// Somebody changes an object of a core kind by hand: a merge patch.
    pub(crate) async fn edit(&self, kind: &str, namespace: &str, name: &str, patch: &Value) {
        let plural = format!("{}s", kind.to_lowercase());
        let path = format!("/api/v1/namespaces/{namespace}/{plural}/{name}?fieldManager=kubectl-edit");
        let request = http::Request::patch(path).header("content-type", "application/merge-patch+json");
        let request = request.body(patch.to_string().into_bytes()).unwrap();
        self.client.request::<Value>(request).await.unwrap();
    }

    /// A `ConfigMap`'s data.
    pub(crate) async fn data(&self, namespace: &str, name: &str) -> Option<Value> {
        Some(self.object("v1", "ConfigMap", namespace, name).await?["data"].clone())
    }

    /// The names of all objects of a core kind in a namespace, but for what the cluster itself puts there.
    pub(crate) async fn names_of(&self, plural: &str, namespace: &str) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{namespace}/{plural}");
        let list: Value =
            self.client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
        let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
        let names = list["items"].as_array().unwrap().iter().map(name);
        names.filter(|name| name != "kube-root-ca.crt").collect()
    }

    /// Each rendered object is live, and each rendered field has its rendered value there.
    pub(crate) async fn holds(&self, rendered: &[Value]) {
        assert!(!rendered.is_empty(), "nothing was rendered");
        for object in rendered {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            let live = self.object(text("/apiVersion"), kind, text("/metadata/namespace"), name).await;
            let live = live.unwrap_or_else(|| panic!("{kind} {name} is not live"));
            within(object, &live, &format!("{kind} {name}"));
        }
    }
}

/// Every value of `wanted` is in `live`; lists have the same length and order.
pub(crate) fn within(wanted: &Value, live: &Value, at: &str) {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, value) in wanted {
                within(value, live.get(key).unwrap_or(&Value::Null), &format!("{at}/{key}"));
            }
        }
        (Value::Array(wanted), Value::Array(live)) => {
            assert_eq!(wanted.len(), live.len(), "{at}");
            for (index, (wanted, live)) in wanted.iter().zip(live).enumerate() {
                within(wanted, live, &format!("{at}/{index}"));
            }
        }
        _ => assert_eq!(wanted, live, "{at}"),
    }
}
