//! What is said of an object that the server cannot dry-run: the next best answer, how good it is, and why.
//!
//! In this order: a stand-in in the operator's scratch namespace, where only the namespace is missing; the object's schema,
//! as this change defines it or as the server has it; what was rendered, if not even that can be had.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::cluster::Cluster;
use crate::cluster::address::Address;
use crate::cluster::clean::clean;
use crate::cluster::error::Error;
use crate::cluster::kinds::Kinds;
use crate::cluster::look::lives::Found;
use crate::cluster::look::predict::{Forecast, Question};
use crate::cluster::look::released::released;
use crate::cluster::look::scratch::{Tried, scratch};
use crate::cluster::look::verdict::{Barrier, missing_right, silent_webhook};
use crate::model::kinds::shipped;
use crate::model::lists::ListKeys;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Fidelity;
use crate::schema::{Definition, Judgement, Mistake, Schema};

/// Mistakes that are told beside the first one.
const FURTHER: usize = 4;

/// What is known beside the server's answers: which kinds and namespaces this change brings.
pub(super) struct Fallback<'a> {
    pub cluster: &'a Cluster,
    pub kinds: &'a Kinds,
    definitions: BTreeMap<(String, String), Defined>,
    /// Namespaces that this change makes.
    namespaces: HashSet<String>,
}

/// A custom kind as this change defines it, and as it is defined now.
pub(super) struct Defined {
    pub next: Definition,
    pub now: Option<Definition>,
}

impl<'a> Fallback<'a> {
    /// Reads the definitions among the wanted objects of which some is used; `found` is what is there.
    pub(super) fn new<'o>(
        cluster: &'a Cluster,
        kinds: &'a Kinds,
        wanted: &[&'o Object],
        found: impl Fn(&ObjectId) -> Option<&'o Found>,
    ) -> Self {
        let used: HashSet<(&str, &str)> =
            wanted.iter().map(|object| (object.id.group.as_str(), object.id.kind.as_str())).collect();
        let defined = |object: &Object| {
            let now = match found(&object.id) {
                Some(Found::Live(live)) => Definition::read(live),
                Some(Found::Absent | Found::Hidden(_)) | None => None,
            };
            let next = Definition::read(&object.body)?;
            Some(((next.group.clone(), next.kind.clone()), Defined { next, now }))
        };
        let subjects = wanted.iter().filter(|object| {
            Definition::subject(&object.body).is_some_and(|subject| used.contains(&subject))
        });
        let definitions = subjects.filter_map(|object| defined(object)).collect();
        let space = |object: &&&Object| object.id.kind == "Namespace" && object.id.group.is_empty();
        let absent = |object: &&&Object| found(&object.id) == Some(&Found::Absent);
        let namespaces = wanted.iter().filter(space).filter(absent);
        let namespaces = namespaces.map(|object| object.id.name.clone()).collect();
        Self { cluster, kinds, definitions, namespaces }
    }

    /// The kind of an object, where this change defines it.
    pub(super) fn defined(&self, id: &ObjectId) -> Option<&Defined> {
        self.definitions.get(&(id.group.clone(), id.kind.clone()))
    }

    /// What is there may not be seen; these are the server's words.
    pub(super) async fn hidden(&self, question: Question<'_>, message: &str) -> Result<Forecast, Error> {
        let barrier = match (missing_right(message), silent_webhook(message)) {
            (Some(right), _) => Barrier::Right(right),
            (None, Some(name)) => Barrier::Webhook { name, message: message.to_owned() },
            (None, None) => Barrier::Group(message.to_owned()),
        };
        // Whoever has rights in single namespaces has none in one that does not exist, where nothing can hide.
        if matches!(barrier, Barrier::Right(_)) && self.comes(question) {
            return self.around(question, &barrier, Vec::new()).await;
        }
        let because = format!("{barrier}; whether the object exists is not known");
        Ok(self.by_schema(question, &because, Vec::new()).await)
    }

    /// Finds the next best answer where the server had none, and holds its answer beside a definition that changes, too.
    pub(super) async fn settle(&self, question: Question<'_>, forecast: Forecast) -> Result<Forecast, Error> {
        match &forecast.barrier {
            Some(barrier) => self.around(question, barrier, forecast.warnings.clone()).await,
            None => Ok(self.revise(question, forecast)),
        }
    }

    async fn around(
        &self,
        question: Question<'_>,
        barrier: &Barrier,
        warnings: Vec<String>,
    ) -> Result<Forecast, Error> {
        let because = match (barrier, &question.address.namespace) {
            (Barrier::Right(right), Some(namespace)) if self.comes(question) => {
                format!("{} ({right})", Barrier::Namespace(namespace.clone()))
            }
            (Barrier::Namespace(_), _) => barrier.to_string(),
            (Barrier::Right(_) | Barrier::Webhook { .. } | Barrier::Group(_), _) => {
                return Ok(self.by_schema(question, &barrier.to_string(), warnings).await);
            }
        };
        // A stand-in would be judged by the definition that is being replaced.
        if self.changes(question).is_some() {
            return Ok(self.by_schema(question, &because, warnings).await);
        }
        let Some(namespace) = &self.cluster.scratch else {
            let because = format!("{because}, and no scratch namespace is set");
            return Ok(self.by_schema(question, &because, warnings).await);
        };
        match scratch(&self.cluster.wire, question, (&because, namespace)).await? {
            Tried::Said(forecast) => Ok(*forecast),
            Tried::Unsaid(why) => {
                Ok(self.by_schema(question, &format!("{because}, and {why}"), warnings).await)
            }
        }
    }

    /// Does the namespace of an object come with this change?
    fn comes(&self, question: Question<'_>) -> bool {
        question.address.namespace.as_ref().is_some_and(|namespace| self.namespaces.contains(namespace))
    }

    /// What the object's schema says: as this change defines it, else as the server has it.
    pub(super) async fn by_schema(
        &self,
        question: Question<'_>,
        because: &str,
        mut warnings: Vec<String>,
    ) -> Forecast {
        let Address { id, served, .. } = question.address;
        let next = self.defined(id).and_then(|defined| defined.next.served(&served.version));
        if let Some(version) = next {
            warnings.extend(version.warning.clone());
            return told(question, &version.schema, because, warnings);
        }
        let schema = self.cluster.library.schema(&self.cluster.wire, served, &id.kind).await;
        // Whoever asks has no better answer, so that this one is told as what it is.
        if let Ok(Some(schema)) = schema {
            return told(question, &schema, because, warnings);
        }
        let reason = format!("{because}; its schema could not be read either, so it is shown as rendered");
        Forecast { warnings, ..Forecast::schema(question.payload(), reason) }
    }

    /// The keys of a custom kind's lists, where it has lists of objects; what Kubernetes ships is known. An error: the
    /// server could not say, and without them another plan would be made than with them.
    pub(super) async fn keys(
        &self,
        address: &Address,
        payload: &Value,
        live: Option<&Value>,
    ) -> Result<ListKeys, Error> {
        let Address { id, served, .. } = address;
        if shipped(&id.group, &id.kind).is_some() || !(has_lists(payload) || live.is_some_and(has_lists)) {
            return Ok(ListKeys::default());
        }
        let next = self.defined(id).and_then(|defined| defined.next.served(&served.version));
        if let Some(version) = next {
            return Ok(version.schema.keys());
        }
        match self.cluster.library.schema(&self.cluster.wire, served, &id.kind).await {
            Ok(schema) => Ok(schema.map(|schema| schema.keys()).unwrap_or_default()),
            // A group that does not answer describes nothing either, and spoils nothing else.
            Err(_) if self.kinds.is_stale(&id.group) => Ok(ListKeys::default()),
            Err(error) => Err(error),
        }
    }
}

/// What is said of a group that does not answer.
pub(super) fn silent(group: &str) -> String {
    format!("API group {group} does not answer")
}

/// What a schema says of an object.
pub(super) fn told(
    question: Question<'_>,
    schema: &Schema,
    because: &str,
    warnings: Vec<String>,
) -> Forecast {
    let judged = judge(question, schema);
    if let Some((first, further)) = judged.mistakes.split_first() {
        let said = |mistake: &Mistake| format!("{} {}", mistake.path, mistake.words).trim_start().to_owned();
        let mut all = vec![format!("{}, by its schema ({because})", said(first))];
        all.extend(further.iter().take(FURTHER).map(said));
        if further.len() > FURTHER {
            all.push(format!("and {} more", further.len() - FURTHER));
        }
        let message = all.join("; ");
        let refused = Forecast::refused(message, Some(first.path.clone()), warnings);
        return Forecast { fidelity: Fidelity::Schema, reason: because.to_owned(), ..refused };
    }
    let reason = format!("{because}{}", limits(schema, judged.part));
    Forecast { warnings, ..Forecast::schema(&judged.after, reason) }
}

/// What is sent, laid over what is there.
pub(super) fn judge(question: Question<'_>, schema: &Schema) -> Judgement {
    aside(|| judge_here(question, schema))
}

fn judge_here(question: Question<'_>, schema: &Schema) -> Judgement {
    let Some(live) = question.live else { return schema.judge(question.payload()) };
    let mut live = live.clone();
    if let Some(migration) = &question.intent.migration {
        live["metadata"]["managedFields"] = migration.fields.clone();
    }
    schema.judge_over(&clean(released(&live, question.payload())), question.payload())
}

/// What an answer by schema does not cover.
fn limits(schema: &Schema, part: bool) -> &'static str {
    match (schema.has_rules(), part) {
        (true, false) => "; checked against its schema only, without the rules in CEL",
        (false, false) => "; checked against its schema only",
        (true, true) => {
            "; checked in part against its schema, which is too much to check, without the rules in CEL"
        }
        (false, true) => "; checked in part against its schema, which is too much to check",
    }
}

/// Work that may take long must not keep others waiting; a runtime of one thread has no other place for it.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) | Err(_) => work(),
    }
}

/// Are there lists of objects in it?
fn has_lists(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| item.is_object() || has_lists(item)),
        Value::Object(map) => map.iter().any(|(key, value)| key != "managedFields" && has_lists(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
