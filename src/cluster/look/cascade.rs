//! What goes with a namespace or a definition, counted by kind with LISTs that carry no more than names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::cluster::FLIGHT;
use crate::cluster::inventory::PARTIAL;
use crate::cluster::kinds::{Kinds, Served, escape};
use crate::cluster::wire::{Call, Trouble, Wire};
use crate::model::plan::Cascade;
use crate::model::view::{Owner, Prediction, Seen};

/// The longest that a look may count, however much is to go.
const TIME: Duration = Duration::from_secs(10);
/// The most requests that one look counts with. What remains is said to be there, uncounted.
const REQUESTS: usize = 600;
/// Objects in the answer where names must be seen.
const NAMES: usize = 500;
/// Kinds that tell of others and are no loss.
const TOLD: [(&str, &str); 2] = [("", "Event"), ("events.k8s.io", "Event")];

/// What one kind is counted for.
struct Question<'k> {
    /// Which of the objects that go takes it along.
    at: usize,
    kind: &'k str,
    served: &'k Served,
    /// Where: one namespace, or all.
    namespace: Option<String>,
}

/// What was counted.
struct Count {
    number: usize,
    /// The namespaces that they lie in, if all were seen.
    namespaces: Option<usize>,
}

/// Fills in what goes with each namespace and definition that is ours and would be deleted, if only to be created anew.
pub(crate) async fn cascades(wire: &Wire, kinds: &Kinds, prune: bool, seen: &mut [Seen]) {
    let mut questions = Vec::new();
    for (at, one) in seen.iter_mut().enumerate() {
        match (one.id.group.as_str(), one.id.kind.as_str()) {
            _ if !goes(one, prune) => {}
            ("", "Namespace") => {
                let within = kinds.all().filter(|(kind, served)| {
                    served.namespaced && served.listed && !TOLD.contains(&(served.group.as_str(), kind))
                });
                let namespace = one.id.name.clone();
                questions.extend(within.map(|(kind, served)| Question {
                    at,
                    kind,
                    served,
                    namespace: Some(namespace.clone()),
                }));
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => match defined(one, kinds) {
                Some((kind, served)) => questions.push(Question { at, kind, served, namespace: None }),
                None => one.cascade.extend(undefined(one)),
            },
            _ => {}
        }
    }
    // Claims before anything else: should the time not do, they are what must be known.
    questions.sort_by_key(|question| !is_claim(&question.served.group, question.kind));
    for (question, count) in counted(wire, questions).await {
        let one = &mut seen[question.at];
        // Of a definition also that nothing is of its kind: no count at all means that nobody counted.
        if count.as_ref().is_none_or(|count| count.number > 0 || question.namespace.is_none()) {
            one.cascade.push(Cascade {
                group: question.served.group.clone(),
                kind: question.kind.to_owned(),
                count: count.as_ref().map(|count| count.number),
            });
        }
        if let Some(Count { number: number @ 1.., namespaces: Some(namespaces @ 1..) }) = count {
            one.warnings.push(format!("objects of its kind: {number}, in namespaces: {namespaces}"));
        }
    }
    for one in seen {
        one.cascade.sort_by(|a, b| {
            let order =
                |one: &Cascade| (!is_claim(&one.group, &one.kind), one.kind.clone(), one.group.clone());
            order(a).cmp(&order(b))
        });
    }
}

/// Is it ours, there, and to be deleted?
fn goes(seen: &Seen, prune: bool) -> bool {
    let ours = |live: &crate::model::view::Live| live.owner == Owner::Us && !live.keep && !live.controlled;
    let goes = match seen.prediction {
        Prediction::Gone => prune,
        Prediction::Replaced { .. } => true,
        Prediction::Becomes(_) | Prediction::Refused { .. } => false,
    };
    goes && seen.live.as_ref().is_some_and(ours)
}

fn is_claim(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "PersistentVolumeClaim"
}

/// The kind that a live definition defines, as it is served.
fn defined<'k>(seen: &Seen, kinds: &'k Kinds) -> Option<(&'k str, &'k Served)> {
    let Cascade { group, kind, .. } = undefined(seen)?;
    kinds.all().find(|(name, served)| *name == kind && served.group == group)
}

/// The same where it is not served, so that nobody can count it.
fn undefined(seen: &Seen) -> Option<Cascade> {
    let spec = seen.live.as_ref()?.body.get("spec")?;
    let text = |path: &str| spec.pointer(path).and_then(Value::as_str).map(str::to_owned);
    Some(Cascade { group: text("/group")?, kind: text("/names/kind")?, count: None })
}

/// Every question with its answer, as far as time and requests allow; none: it was not answered.
async fn counted<'k>(wire: &Wire, questions: Vec<Question<'k>>) -> Vec<(Question<'k>, Option<Count>)> {
    let until = Instant::now() + TIME;
    let asks = questions
        .iter()
        .take(REQUESTS)
        .enumerate()
        .map(|(index, question)| async move { (index, count(wire, question).await) });
    let asks: Vec<_> = asks.collect();
    let mut answers = BTreeMap::new();
    let mut asking = futures_util::stream::iter(asks).buffer_unordered(FLIGHT);
    while let Ok(Some((index, answer))) = timeout_at(until, asking.next()).await {
        answers.insert(index, answer);
    }
    drop(asking);
    questions
        .into_iter()
        .enumerate()
        .map(|(index, question)| (question, answers.remove(&index).flatten()))
        .collect()
}

/// How many objects of a kind there are; none: it may not be told, or cannot.
async fn count(wire: &Wire, question: &Question<'_>) -> Option<Count> {
    let Question { kind, served, namespace, .. } = question;
    let path = served.all(namespace.as_deref());
    let own = match (served.group.as_str(), *kind) {
        ("", "ConfigMap") => Some("kube-root-ca.crt"),
        ("", "ServiceAccount") => Some("default"),
        _ => None,
    };
    // What the cluster puts into every namespace is nobody's loss.
    if let Some(name) = own.filter(|_| namespace.is_some()) {
        let selector = escape(&format!("metadata.name!={name}"));
        let page = list(wire, format!("{path}?fieldSelector={selector}&limit={NAMES}")).await?;
        if whole(&page) {
            return Some(Count { number: items(&page).len(), namespaces: None });
        }
    }
    let most = if namespace.is_some() { 1 } else { NAMES };
    let page = list(wire, format!("{path}?limit={most}")).await?;
    let rest = page.pointer("/metadata/remainingItemCount").and_then(Value::as_u64);
    let rest = match rest {
        Some(rest) => usize::try_from(rest).unwrap_or(usize::MAX),
        None if whole(&page) => 0,
        // There are more, and the server does not say how many.
        None => return None,
    };
    let places: BTreeSet<&str> =
        items(&page).iter().filter_map(|item| item.pointer("/metadata/namespace")?.as_str()).collect();
    let namespaces = (namespace.is_none() && rest == 0).then_some(places.len());
    Some(Count { number: items(&page).len().saturating_add(rest), namespaces })
}

async fn list(wire: &Wire, path: String) -> Option<Value> {
    let call = Call { accept: PARTIAL, ..Call::get(format!("count {path}"), path) };
    match wire.call(&call).await {
        Ok(answer) => Some(answer.body),
        // Its kind went meanwhile, or cannot be listed after all.
        Err(Trouble::Refused(refusal)) if matches!(refusal.code, 404 | 405) => Some(Value::Null),
        Err(Trouble::Refused(_) | Trouble::Silent(_)) => None,
    }
}

fn items(page: &Value) -> &[Value] {
    page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Is nothing left beyond this page?
fn whole(page: &Value) -> bool {
    page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().is_empty()
}
