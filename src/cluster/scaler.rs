//! Who sets how many replicas a workload has, where Git does not.

use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::error::Error;
use crate::cluster::intent::lets_go_of_replicas;
use crate::cluster::wire::{Call, PAGE, Trouble, Wire};
use crate::model::object::Object;
use crate::model::view::Owner;

/// Does an autoscaler among these objects, or one that is live, set the replicas of a workload of which Git states none any
/// more? Asked of the server only where the number would fall to its default otherwise. Where the server may not be asked:
/// yes, since the number of replicas then stays as it is.
pub(super) async fn scaled(
    wire: &Wire,
    address: &Address,
    (object, live, owner): (&Object, &Value, &Owner),
    others: impl Iterator<Item = &Object>,
) -> Result<bool, Error> {
    if !lets_go_of_replicas(object, live, owner) {
        return Ok(false);
    }
    let namespace = address.namespace.as_deref();
    let near = |other: &&Object| other.id.namespace.as_deref() == namespace;
    if others.filter(near).any(|other| targets(&other.body, address)) {
        return Ok(true);
    }
    let Some(namespace) = namespace else { return Ok(false) };
    let path = format!(
        "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers?limit={PAGE}",
        crate::cluster::kinds::escape(namespace)
    );
    let call = Call::get(format!("list the autoscalers of namespace {namespace}"), path);
    match wire.call(&call).await {
        Ok(answer) => {
            let items = answer.body.get("items").and_then(Value::as_array).map(Vec::as_slice);
            let more = answer.body.pointer("/metadata/continue").and_then(Value::as_str);
            let found = items.unwrap_or_default().iter().any(|scaler| targets(scaler, address));
            Ok(found || more.is_some_and(|more| !more.is_empty()))
        }
        Err(Trouble::Refused(refusal)) if refusal.code == 403 => Ok(true),
        Err(Trouble::Refused(refusal)) if refusal.is_missing() => Ok(false),
        Err(trouble) => Err(wire.error(&call.doing, trouble)),
    }
}

/// Does this object scale that workload? `HorizontalPodAutoscaler`, and KEDA's `ScaledObject`, whose target is a Deployment if
/// it names no kind.
fn targets(scaler: &Value, workload: &Address) -> bool {
    let Some(target) = scaler.pointer("/spec/scaleTargetRef") else { return false };
    let text = |key: &str| target.get(key).and_then(Value::as_str);
    text("name") == Some(workload.id.name.as_str())
        && text("kind").unwrap_or("Deployment") == workload.id.kind
        && text("apiVersion")
            .is_none_or(|version| version.split_once('/').map_or("", |(group, _)| group) == workload.id.group)
}
