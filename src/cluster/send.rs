//! The writes that Kubernetes knows, in earnest or as a dry run.

use http::Method;
use serde_json::{Value, json};

use crate::cluster::address::Address;
use crate::cluster::fields::MANAGER;
use crate::cluster::wire::{Answer, Call, Trouble, Wire};

/// Is it meant?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The server computes the outcome and forgets it.
    DryRun,
    /// It happens.
    Earnest,
}

/// Are other managers' fields taken?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// A conflict is refused.
    No,
    /// Every conflict is won: only after each of them was looked at.
    Yes,
}

impl Mode {
    fn query(self) -> &'static str {
        match self {
            Self::DryRun => "&dryRun=All",
            Self::Earnest => "",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run ",
            Self::Earnest => "",
        }
    }
}

/// Server-side apply: says what we want of an object, creates it if absent. Twice is the same as once.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/>
pub(super) async fn apply(
    wire: &Wire,
    address: &Address,
    payload: &Value,
    mode: Mode,
    force: Force,
) -> Result<Answer, Trouble> {
    let path = format!(
        "{}?fieldManager={MANAGER}&fieldValidation=Strict&force={}{}",
        address.path(),
        force == Force::Yes,
        mode.query()
    );
    let doing = format!("{}apply {}", mode.prefix(), address.id);
    wire.call(&Call::send(Method::PATCH, doing, path).apply(payload).safe()).await
}

/// A server-side apply in earnest that creates or is refused (409). It names a version that no object has: the store's
/// first, which it had before anything was in it. Without that it would write over what somebody else created since we
/// looked, and where that was another environment of ours there would not even be a conflict, for the manager is the same.
/// Sent once: whether an unanswered one took effect, a look tells.
pub(super) async fn apply_new(wire: &Wire, address: &Address, payload: &Value) -> Result<Answer, Trouble> {
    let path = format!("{}?fieldManager={MANAGER}&fieldValidation=Strict&force=false", address.path());
    let mut body = payload.clone();
    body["metadata"]["resourceVersion"] = "1".into();
    wire.call(&Call::send(Method::PATCH, format!("create {}", address.id), path).apply(&body)).await
}

/// Plain creation, for names that the server makes up. Never sent again: it could create two.
pub(super) async fn create(
    wire: &Wire,
    address: &Address,
    payload: &Value,
    mode: Mode,
) -> Result<Answer, Trouble> {
    let path = format!("{}?fieldManager={MANAGER}&fieldValidation=Strict{}", address.all(), mode.query());
    let call =
        Call::send(Method::POST, format!("{}create {}", mode.prefix(), address.id), path).json(payload);
    wire.call(&match mode {
        Mode::DryRun => call.safe(),
        Mode::Earnest => call,
    })
    .await
}

/// Writes `metadata.managedFields` of the version that was looked at, and nothing else. Sent once: whether an unanswered one
/// took effect, a look tells.
pub(super) async fn migrate(wire: &Wire, address: &Address, patch: &Value) -> Result<Answer, Trouble> {
    let path = format!("{}?fieldManager={MANAGER}", address.path());
    let doing = format!("migrate the managers of {}", address.id);
    wire.call(&Call::send(Method::PATCH, doing, path).patch(patch)).await
}

/// What an update to this whole body would give.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run>
pub(super) async fn dry_run_update(wire: &Wire, address: &Address, body: &Value) -> Result<Answer, Trouble> {
    let path = format!("{}?fieldManager={MANAGER}&fieldValidation=Strict&dryRun=All", address.path());
    let doing = format!("dry-run update {}", address.id);
    wire.call(&Call::send(Method::PUT, doing, path).json(body).safe()).await
}

/// Deletes this incarnation and no other. Workloads go after their pods, so that gone means gone. Other kinds go at once,
/// and what they own is collected by the cluster afterwards: its garbage collector learns of a new kind only after half a
/// minute, and a deletion in the foreground would hang for as long. Twice is the same as once.
pub(super) async fn delete(wire: &Wire, address: &Address, uid: &str) -> Result<Answer, Trouble> {
    let propagation = match address.served.group.as_str() {
        "apps" | "batch" => "Foreground",
        _ => "Background",
    };
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions",
        "preconditions": {"uid": uid}, "propagationPolicy": propagation});
    let call = Call::send(Method::DELETE, format!("delete {}", address.id), address.path());
    wire.call(&call.json(&options).safe()).await
}
