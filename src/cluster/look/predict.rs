//! What an object would become: the API server's own answer, and what is known where it cannot answer.

use http::Method;
use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::clean::{clean, clean_created, forget_allocated};
use crate::cluster::conflict::{Settlement, conflicts, settle};
use crate::cluster::error::Error;
use crate::cluster::look::verdict::{Verdict, verdict};
use crate::cluster::payload::remove;
use crate::cluster::send::{self, Force, Mode};
use crate::cluster::wire::{Call, Refusal, Trouble, Wire};
use crate::model::canonical;
use crate::model::plan::{Conflict, Fidelity};
use crate::model::settings::FieldRule;
use crate::model::view::Prediction;

/// Kinds whose name follows from their content, so that another name proves nothing.
const NAMED_BY_CONTENT: [&str; 2] = ["CustomResourceDefinition", "APIService"];

/// A prediction with its quality.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forecast {
    /// What would be there.
    pub prediction: Prediction,
    /// How good that is.
    pub fidelity: Fidelity,
    /// Why it is not `live`; empty otherwise.
    pub reason: String,
    /// What the server warned of.
    pub warnings: Vec<String>,
    /// Fields that other managers hold too, and what is done about each.
    pub conflicts: Vec<Conflict>,
}

impl Forecast {
    fn live(prediction: Prediction, warnings: Vec<String>) -> Self {
        Self { prediction, fidelity: Fidelity::Live, reason: String::new(), warnings, conflicts: Vec::new() }
    }

    /// The target refuses.
    pub(crate) fn refused(message: String, path: Option<String>, warnings: Vec<String>) -> Self {
        Self::live(Prediction::Refused { message, path }, warnings)
    }

    /// The server could not say; what was rendered stands for what would be.
    pub(crate) fn schema(payload: &Value, reason: String) -> Self {
        Self {
            prediction: Prediction::Becomes(clean(payload.clone())),
            fidelity: Fidelity::Schema,
            reason,
            warnings: Vec::new(),
            conflicts: Vec::new(),
        }
    }
}

/// One object to be predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Where it goes.
    pub address: &'a Address,
    /// What would be sent.
    pub payload: &'a Value,
    /// What is there.
    pub live: Option<&'a Value>,
    /// Is it there and not ours, so that applying it would adopt it?
    pub adopting: bool,
    /// The repository's rules on fields.
    pub rules: &'a [FieldRule],
}

/// Asks the server with dry runs: one, more only for conflicts and refusals.
pub(crate) async fn predict(wire: &Wire, question: Question<'_>) -> Result<Forecast, Error> {
    let address = question.address;
    if address.id.name.ends_with('*') {
        let answer = send::create(wire, address, question.payload, Mode::DryRun).await;
        return finish(
            wire,
            question,
            answer.map(|answer| (answer, Settlement::default())),
            question.payload,
        )
        .await;
    }
    let mut payload = question.payload.clone();
    let first = send::apply(wire, address, &payload, Mode::DryRun, Force::No).await;
    let Some(contested) = first
        .as_ref()
        .err()
        .and_then(Trouble::refusal)
        .map(|refusal| conflicts(refusal, &payload, question.live))
    else {
        return finish(wire, question, first.map(|answer| (answer, Settlement::default())), &payload).await;
    };
    if contested.is_empty() {
        return finish(wire, question, first.map(|answer| (answer, Settlement::default())), &payload).await;
    }
    let settlement = settle(contested, &address.id.kind, question.rules, question.adopting);
    if let Some((message, path)) = settlement.refusal() {
        let refused = Forecast::refused(message, Some(path), Vec::new());
        return Ok(Forecast { conflicts: settlement.all(), ..refused });
    }
    leave_out(&mut payload, &settlement);
    let force = if settlement.take.is_empty() { Force::No } else { Force::Yes };
    let second = send::apply(wire, address, &payload, Mode::DryRun, force).await;
    finish(wire, question, second.map(|answer| (answer, settlement)), &payload).await
}

/// Leaves the yielded paths out, last first, so that list positions stay right. Only paths that another manager owns get
/// here, so none of them falls to its default.
pub(crate) fn leave_out(payload: &mut Value, settlement: &Settlement) {
    let mut paths: Vec<_> = settlement.yields.iter().map(|conflict| conflict.path.as_str()).collect();
    paths.sort_unstable();
    for path in paths.into_iter().rev() {
        remove(payload, path);
    }
}

async fn finish(
    wire: &Wire,
    question: Question<'_>,
    answer: Result<(crate::cluster::wire::Answer, Settlement), Trouble>,
    payload: &Value,
) -> Result<Forecast, Error> {
    let doing = format!("dry-run apply {}", question.address.id);
    let refusal = match answer {
        Ok((answer, settlement)) => return Ok(success(question, answer.body, answer.warnings, settlement)),
        Err(Trouble::Refused(refusal)) => refusal,
        Err(trouble) => return Err(wire.error(&doing, trouble)),
    };
    let warnings = refusal.warnings.clone();
    match verdict(&refusal) {
        Verdict::Unknowable(reason) => {
            Ok(Forecast { warnings, ..Forecast::schema(question.payload, reason) })
        }
        Verdict::Refused { message, path } => Ok(Forecast::refused(message, path, warnings)),
        Verdict::Invalid { message, path } => {
            let replaced = match question.live {
                Some(_) => probe(wire, question.address, payload, &refusal).await?,
                None => None,
            };
            Ok(replaced.map_or_else(
                || Forecast::refused(message, path, warnings.clone()),
                |prediction| Forecast::live(prediction, warnings.clone()),
            ))
        }
        Verdict::Weather => Err(wire.error(&doing, Trouble::Refused(refusal))),
    }
}

fn success(question: Question<'_>, body: Value, warnings: Vec<String>, settlement: Settlement) -> Forecast {
    let after = match question.live {
        Some(_) => clean(body),
        None => clean_created(body, question.payload),
    };
    Forecast { conflicts: settlement.all(), ..Forecast::live(Prediction::Becomes(after), warnings) }
}

/// Would the same object be accepted under another name? Then it was the change that was refused and not the object.
async fn probe(
    wire: &Wire,
    address: &Address,
    payload: &Value,
    refusal: &Refusal,
) -> Result<Option<Prediction>, Error> {
    if NAMED_BY_CONTENT.contains(&address.id.kind.as_str()) || refusal.message.contains("denied request") {
        return Ok(None);
    }
    let mut copy = payload.clone();
    copy["metadata"]["name"] = format!("tidegate-probe-{}", canonical::digest(payload).short()).into();
    if address.id.kind == "Service" {
        forget_allocated(&mut copy, &Value::Null);
    }
    if address.id.kind == "PersistentVolumeClaim" {
        remove(&mut copy, "/spec/volumeName");
    }
    let path = format!("{}?fieldManager=tidegate&fieldValidation=Strict&dryRun=All", address.all());
    let call = Call::send(Method::POST, format!("dry-run create {}", address.id), path).json(&copy).safe();
    match wire.call(&call).await {
        Ok(answer) => {
            let mut after = clean_created(answer.body, payload);
            after["metadata"]["name"] = address.id.name.as_str().into();
            restore(&mut after, payload);
            Ok(Some(Prediction::Replaced { after, because: refusal.message.clone() }))
        }
        Err(Trouble::Refused(refusal)) if !refusal.is_weather() => Ok(None),
        Err(trouble) => Err(wire.error(&call.doing, trouble)),
    }
}

/// Puts back what the probe had to leave out.
fn restore(after: &mut Value, payload: &Value) {
    for path in ["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort", "/spec/volumeName"] {
        let (Some(value), Some(key)) = (payload.pointer(path), path.rsplit('/').next()) else { continue };
        if let Some(spec) = after.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert(key.to_owned(), value.clone());
        }
    }
    let asked = payload.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let ports = after.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for (port, asked) in ports.into_iter().flatten().zip(asked) {
        if let (Some(port), Some(number)) = (port.as_object_mut(), asked.get("nodePort")) {
            port.insert("nodePort".to_owned(), number.clone());
        }
    }
}
