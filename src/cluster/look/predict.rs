//! What an object would become: the API server's own answer, and what is known where it cannot answer.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::clean::{clean, clean_created, forget_allocated};
use crate::cluster::conflict::Settlement;
use crate::cluster::error::Error;
use crate::cluster::intent::Intent;
use crate::cluster::look::allocated::allocated;
use crate::cluster::look::twice::{stamped, unlike};
use crate::cluster::look::verdict::{Barrier, Verdict, verdict};
use crate::cluster::migrate::Migration;
use crate::cluster::payload::remove;
use crate::cluster::send::{self, Force, Mode};
use crate::cluster::submit::{Bid, Opening, open, press};
use crate::cluster::wire::{Answer, Call, Refusal, Trouble, Wire};
use crate::model::canonical;
use crate::model::plan::{Conflict, Fidelity};
use crate::model::settings::FieldRule;
use crate::model::view::Prediction;

/// A clock that is read to the second is another after this.
const CLOCK: Duration = Duration::from_millis(1_100);
/// Kinds whose name follows from their content, so that another name proves nothing.
const NAMED_BY_CONTENT: [&str; 2] = ["CustomResourceDefinition", "APIService"];

/// Why what is terminating is replaced.
const GOING: &str = "it is being deleted; once it is gone it is created anew";

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
    /// Where the server answers otherwise each time it is asked.
    pub volatile: Vec<String>,
    /// Why the server could not say, where it could not; the next best answer is still to be found.
    pub barrier: Option<Barrier>,
}

impl Forecast {
    fn live(prediction: Prediction, warnings: Vec<String>) -> Self {
        Self {
            prediction,
            fidelity: Fidelity::Live,
            reason: String::new(),
            warnings,
            conflicts: Vec::new(),
            volatile: Vec::new(),
            barrier: None,
        }
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
            volatile: Vec::new(),
            barrier: None,
        }
    }
}

/// One object to be predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Where it goes.
    pub address: &'a Address,
    /// What would be sent, after what.
    pub intent: &'a Intent,
    /// What is there.
    pub live: Option<&'a Value>,
    /// Is it there and not ours, so that applying it would adopt it?
    pub adopting: bool,
    /// The repository's rules on fields.
    pub rules: &'a [FieldRule],
    /// May admission change objects of its kind, so that it is worth asking twice?
    pub mutated: bool,
}

impl<'a> Question<'a> {
    /// What would be sent.
    pub(crate) fn payload(&self) -> &'a Value {
        &self.intent.payload
    }

    fn past(&self) -> &'a [String] {
        self.intent.migration.as_ref().map(|migration| migration.managers.as_slice()).unwrap_or_default()
    }
}

/// Asks the server with dry runs: one, more only for conflicts, refusals, and what is migrated first.
pub(crate) async fn predict(wire: &Wire, question: Question<'_>) -> Result<Forecast, Error> {
    let Question { address, live, adopting, rules, .. } = question;
    let payload = question.payload();
    if address.id.name.ends_with('*') {
        let answer = send::create(wire, address, payload, Mode::DryRun).await;
        return finish(wire, question, answer, (Settlement::default(), payload)).await;
    }
    if live.is_some_and(|live| live.pointer("/metadata/deletionTimestamp").is_some()) {
        // What is written to it now goes with it.
        let going = Refusal { message: GOING.to_owned(), ..Refusal::default() };
        if let Probe::Replaceable(prediction) = probe(wire, address, payload, &going).await? {
            return Ok(Forecast::live(prediction, Vec::new()));
        }
    }
    let bid = Bid { address, payload, live, rules, adopting, past: question.past() };
    match open(wire, &bid, Mode::DryRun).await {
        Opening::Answered(answer) => finish(wire, question, answer, (Settlement::default(), payload)).await,
        Opening::Contested(settlement) => {
            if let Some((message, path)) = settlement.refusal() {
                let refused = Forecast::refused(message, Some(path), Vec::new());
                return Ok(Forecast { conflicts: settlement.all(), ..refused });
            }
            let (answer, sent) = press(wire, &bid, &settlement, Mode::DryRun).await;
            finish(wire, question, answer, (settlement, &sent)).await
        }
    }
}

async fn finish(
    wire: &Wire,
    question: Question<'_>,
    answer: Result<Answer, Trouble>,
    (settlement, sent): (Settlement, &Value),
) -> Result<Forecast, Error> {
    let refusal = match answer {
        Ok(answer) => return success(wire, question, answer, (settlement, sent)).await,
        Err(Trouble::Refused(refusal)) => refusal,
        Err(trouble) => return Err(wire.error(&doing(question), trouble)),
    };
    let warnings = refusal.warnings.clone();
    match verdict(&refusal) {
        Verdict::Unknowable(barrier) => {
            let reason = barrier.to_string();
            let forecast = Forecast::schema(question.payload(), reason);
            Ok(Forecast { warnings, barrier: Some(barrier), ..forecast })
        }
        Verdict::Refused { message, path } => Ok(Forecast::refused(message, path, warnings)),
        Verdict::Invalid { message, path } => {
            let Some(_) = question.live else { return Ok(Forecast::refused(message, path, warnings)) };
            Ok(match probe(wire, question.address, sent, &refusal).await? {
                Probe::Replaceable(prediction) => {
                    let volatile = drawn(wire, question, (sent, &refusal), &prediction).await?;
                    Forecast { volatile, ..Forecast::live(prediction, warnings) }
                }
                Probe::Invalid => Forecast::refused(message, path, warnings),
                Probe::Unclear => Forecast::refused(
                    format!("{message} (refused; whether replacing would help cannot be told)"),
                    path,
                    warnings,
                ),
            })
        }
        Verdict::Weather => Err(weather(wire, question, refusal)),
    }
}

/// What passes by itself, whatever the code of the refusal.
fn weather(wire: &Wire, question: Question<'_>, refusal: Refusal) -> Error {
    let Refusal { code, message, .. } = refusal;
    Error::Unwell { target: wire.target().to_owned(), doing: doing(question), code, message }
}

/// Where the successor of what is replaced would be another each time.
async fn drawn(
    wire: &Wire,
    question: Question<'_>,
    (sent, refusal): (&Value, &Refusal),
    prediction: &Prediction,
) -> Result<Vec<String>, Error> {
    let Prediction::Replaced { after, .. } = prediction else { return Ok(Vec::new()) };
    if !question.mutated {
        return Ok(Vec::new());
    }
    pause(after, question).await;
    match probe(wire, question.address, sent, refusal).await? {
        Probe::Replaceable(Prediction::Replaced { after: again, .. }) => Ok(unlike(after, &again)),
        Probe::Replaceable(_) | Probe::Invalid | Probe::Unclear => Ok(Vec::new()),
    }
}

/// Lets a second pass before the same is asked again, if the answer holds a time that nobody stated: clocks are often read to
/// the second.
async fn pause(answer: &Value, question: Question<'_>) {
    let known: Vec<&Value> = question.live.into_iter().chain([question.payload()]).collect();
    if stamped(answer, &known) {
        tokio::time::sleep(CLOCK).await;
    }
}

fn doing(question: Question<'_>) -> String {
    format!("dry-run apply {}", question.address.id)
}

async fn success(
    wire: &Wire,
    question: Question<'_>,
    answer: Answer,
    (settlement, sent): (Settlement, &Value),
) -> Result<Forecast, Error> {
    let Answer { body, mut warnings } = answer;
    let again = if question.mutated {
        pause(&body, question).await;
        repeat(wire, question, &settlement, sent).await?
    } else {
        None
    };
    let clean_answer = |body: Value| match question.live {
        Some(_) => clean(body),
        None => clean_created(body, question.payload()),
    };
    let mut volatile =
        again.map_or_else(Vec::new, |again| unlike(&clean_answer(body.clone()), &clean_answer(again)));
    if let Some(live) = question.live {
        volatile.extend(allocated(&body, live, sent));
        volatile.sort();
        volatile.dedup();
    }
    let conflicts = settlement.all();
    let body = match &question.intent.migration {
        None => body,
        Some(migration) => {
            warnings.push(format!(
                "its fields pass from {} to Tidegate, so that what Git does not hold is removed",
                migration.managers.join(", ")
            ));
            match migrated(wire, question, (migration, body)).await? {
                Ok(body) => body,
                Err(forecast) => return Ok(Forecast { warnings, conflicts, volatile, ..forecast }),
            }
        }
    };
    let prediction = Prediction::Becomes(clean_answer(body));
    Ok(Forecast { conflicts, volatile, ..Forecast::live(prediction, warnings) })
}

/// The same question once more: a webhook that draws a value or reads a clock answers otherwise each time.
async fn repeat(
    wire: &Wire,
    question: Question<'_>,
    settlement: &Settlement,
    sent: &Value,
) -> Result<Option<Value>, Error> {
    let address = question.address;
    let answer = if address.id.name.ends_with('*') {
        send::create(wire, address, sent, Mode::DryRun).await
    } else {
        let force = if settlement.takes() { Force::Yes } else { Force::No };
        send::apply(wire, address, sent, Mode::DryRun, force).await
    };
    match answer {
        Ok(answer) => Ok(Some(answer.body)),
        // A webhook that refuses every other time: what comes is not to be told, and a deployment will say so.
        Err(Trouble::Refused(refusal)) if verdict(&refusal) != Verdict::Weather => Ok(None),
        Err(Trouble::Refused(refusal)) => Err(weather(wire, question, refusal)),
        Err(trouble) => Err(wire.error(&doing(question), trouble)),
    }
}

/// What an apply after the migration would give, since a dry run of an apply cannot bring the migration along: an update to
/// the answer without what then nobody holds.
async fn migrated(
    wire: &Wire,
    question: Question<'_>,
    (migration, body): (&Migration, Value),
) -> Result<Result<Value, Forecast>, Error> {
    let Some(mut after) = migration.without(&body) else { return Ok(Ok(body)) };
    if let Some(metadata) = after.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    let refusal = match send::dry_run_update(wire, question.address, &after).await {
        Ok(answer) => return Ok(Ok(answer.body)),
        Err(Trouble::Refused(refusal)) => refusal,
        Err(trouble) => return Err(wire.error(&doing(question), trouble)),
    };
    Ok(Err(match verdict(&refusal) {
        Verdict::Unknowable(barrier) => {
            let forecast = Forecast::schema(&after, barrier.to_string());
            Forecast { barrier: Some(barrier), ..forecast }
        }
        Verdict::Refused { message, path } | Verdict::Invalid { message, path } => {
            Forecast::refused(message, path, Vec::new())
        }
        Verdict::Weather => return Err(weather(wire, question, refusal)),
    }))
}

/// What another name told.
enum Probe {
    /// It is the change that is refused: the object itself would be this.
    Replaceable(Prediction),
    /// The object is refused, whatever was there.
    Invalid,
    /// Another name proves nothing.
    Unclear,
}

/// Would the same object be accepted under another name? Then it was the change that was refused and not the object.
async fn probe(wire: &Wire, address: &Address, payload: &Value, refusal: &Refusal) -> Result<Probe, Error> {
    if NAMED_BY_CONTENT.contains(&address.id.kind.as_str()) {
        return Ok(Probe::Unclear);
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
            Ok(Probe::Replaceable(Prediction::Replaced { after, because: refusal.message.clone() }))
        }
        Err(Trouble::Refused(refusal)) if refusal.code == 422 => Ok(Probe::Invalid),
        // A quota that has no room for both, a webhook that knows the name, a right that is missing.
        Err(Trouble::Refused(refusal)) if !refusal.is_weather() => Ok(Probe::Unclear),
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
