//! Admission webhooks that the test serves itself, on loopback, with the API server's own certificate for 127.0.0.1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Path;
use axum::{Json, Router, routing::post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::case::Words;

/// The server; it ends with this value.
pub(super) struct Webhooks {
    /// `https://127.0.0.1:PORT`.
    url: String,
    /// Its certificate, in base64, as a `caBundle`.
    ca: String,
    _task: JoinSet<()>,
}

impl Webhooks {
    /// Serves with the certificate that lies in this file and the key beside it.
    pub(super) async fn start(certificate: &std::path::Path) -> Self {
        let chain: Vec<_> =
            CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(certificate.with_extension("key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let router = Router::new().route("/{what}", post(review));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, ca: STANDARD.encode(std::fs::read(certificate).unwrap()), _task: task }
    }

    /// What stands for it in the tables.
    pub(super) fn words(&self) -> Words {
        Words { webhook: self.url.clone(), ca: self.ca.clone() }
    }
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        TcpListener::local_addr(&self.listener)
    }
}

/// Answers an admission review as the path says.
async fn review(Path(what): Path<String>, Json(review): Json<Value>) -> Json<Value> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let object = &review["request"]["object"];
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    let patch = match what.as_str() {
        "label" => vec![annotate(object, "admission.example.com/seen", "yes")],
        "sidecar" => vec![json!({"op": "add", "path": "/spec/template/spec/containers/0",
            "value": {"name": "sidecar", "image": "proxy:1"}})],
        "registry" => registry(object),
        "count" => {
            let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
            vec![annotate(object, "admission.example.com/count", &count)]
        }
        "warn" => {
            response["warnings"] = json!(["this team's objects need an owner"]);
            Vec::new()
        }
        "deny" => {
            response["allowed"] = false.into();
            response["status"] = json!({"code": 403, "message": "nothing may be called that"});
            Vec::new()
        }
        other => panic!("there is no webhook {other}"),
    };
    let patch: Vec<Value> = patch.into_iter().filter(|one| !one.is_null()).collect();
    if !patch.is_empty() && review["request"]["operation"] != "DELETE" {
        response["patchType"] = "JSONPatch".into();
        response["patch"] = STANDARD.encode(json!(patch).to_string()).into();
    }
    Json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

/// The patch that sets an annotation.
fn annotate(object: &Value, key: &str, value: &str) -> Value {
    if object.pointer("/metadata/annotations").is_some() {
        let path = format!("/metadata/annotations/{}", key.replace('/', "~1"));
        json!({"op": "add", "path": path, "value": value})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {key: value}})
    }
}

/// Every image from a mirror; what is from there already stays.
fn registry(object: &Value) -> Vec<Value> {
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let images = containers.into_iter().flatten().enumerate();
    let foreign =
        images.filter(|(_, one)| !one["image"].as_str().unwrap().starts_with("mirror.example.com/"));
    foreign
        .map(|(index, one)| {
            json!({"op": "replace", "path": format!("/spec/template/spec/containers/{index}/image"),
                "value": format!("mirror.example.com/{}", one["image"].as_str().unwrap())})
        })
        .collect()
}
