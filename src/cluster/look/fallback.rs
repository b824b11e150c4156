//! What is said of an object that the server cannot dry-run: the next best answer, how good it is, and why.
//!
//! In this order: a stand-in in the operator's scratch namespace, where only the namespace is missing; the object's schema,
//! as this change defines it or as the server has it; what was rendered, if not even that can be had.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::address::Address;
use crate::cluster::clean::clean;
use crate::cluster::error::Error;
use crate::cluster::kinds::{Kinds, Served};
use crate::cluster::look::lives::Found;
use crate::cluster::look::predict::{Forecast, Question};
use crate::cluster::look::released::released;
use crate::cluster::look::scratch::{Tried, scratch};
use crate::cluster::look::verdict::{Barrier, missing_right, silent_webhook};
use crate::model::kinds::shipped;
use crate::model::lists::ListKeys;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Fidelity;
use crate::model::view::Prediction;
use crate::schema::{Definition, Judgement, Schema};

/// Mistakes that are told beside the first one.
const FURTHER: usize = 4;

/// What is known beside the server's answers: which kinds this change defines.
pub(super) struct Fallback<'a> {
    pub cluster: &'a Cluster,
    pub kinds: &'a Kinds,
    definitions: BTreeMap<(String, String), Defined>,
}

/// A custom kind as this change defines it, and as it is defined now.
struct Defined {
    next: Definition,
    now: Option<Definition>,
}

impl<'a> Fallback<'a> {
    /// Reads the definitions among the wanted objects; `found` is what is there.
    pub(super) fn new<'o>(
        cluster: &'a Cluster,
        kinds: &'a Kinds,
        wanted: impl Iterator<Item = &'o Object>,
        found: impl Fn(&ObjectId) -> Option<&'o Found>,
    ) -> Self {
        let defined = |object: &Object| {
            let now = match found(&object.id) {
                Some(Found::Live(live)) => Definition::read(live),
                Some(Found::Absent | Found::Hidden(_)) | None => None,
            };
            let next = Definition::read(&object.body)?;
            Some(((next.group.clone(), next.kind.clone()), Defined { next, now }))
        };
        Self { cluster, kinds, definitions: wanted.filter_map(defined).collect() }
    }

    fn defined(&self, id: &ObjectId) -> Option<&Defined> {
        self.definitions.get(&(id.group.clone(), id.kind.clone()))
    }

    /// Where an object of a kind lies that this change defines and the server does not serve, at least not in this version.
    pub(super) fn address(&self, object: &Object, namespace: &str) -> Option<Address> {
        let next = &self.defined(&object.id)?.next;
        let (group, name) = object.api_version().split_once('/')?;
        let version = next.served(name)?;
        let namespace =
            next.namespaced.then(|| object.id.namespace.clone().unwrap_or_else(|| namespace.to_owned()));
        let served = Served {
            group: group.to_owned(),
            version: name.to_owned(),
            plural: next.plural.clone(),
            namespaced: next.namespaced,
            status: version.status,
            listed: true,
        };
        Some(Address { id: object.id.clone(), served, namespace })
    }

    /// A kind that this change defines and the server does not serve, at least not in this version.
    pub(super) async fn to_come(&self, question: Question<'_>) -> Forecast {
        let Served { version, .. } = &question.address.served;
        let id = &question.address.id;
        let known = !self.kinds.versions(&id.group, &id.kind).is_empty();
        let what = if known { format!("version {version} of {}", id.kind) } else { id.kind.clone() };
        self.by_schema(question, &format!("{what} comes with this change and is not served yet"), Vec::new())
            .await
    }

    /// A kind that nobody knows: a mistake, or a group that does not answer.
    pub(super) fn unknown(&self, object: &Object) -> Forecast {
        let ObjectId { group, kind, .. } = &object.id;
        let api_version = object.api_version();
        if self.kinds.is_stale(group) {
            return Forecast::schema(
                &object.body,
                format!("{}; whether the object exists is not known", silent(group)),
            );
        }
        let other = |served: &Served| served.api_version();
        let here: Vec<String> = self.kinds.versions(group, kind).iter().map(other).collect();
        let defined = self.defined(&object.id).map(|defined| {
            let served = defined.next.versions.iter().filter(|version| version.served);
            served.map(|version| format!("{group}/{}", version.name)).collect::<Vec<_>>()
        });
        let message = match defined {
            Some(versions) if versions.is_empty() => {
                format!("the definition of {kind} in this change serves no version")
            }
            Some(versions) => format!(
                "the definition of {kind} in this change does not serve {api_version}; it serves {}",
                versions.join(", ")
            ),
            None if here.is_empty() => {
                let elsewhere =
                    self.kinds.all().filter(|(known, served)| known == kind && served.group != *group);
                let elsewhere: Vec<String> = elsewhere.map(|(_, served)| other(served)).collect();
                let hint = match elsewhere.as_slice() {
                    [] => String::new(),
                    some => format!("; there is a {kind} of {}", some.join(", ")),
                };
                format!(
                    "the cluster does not know {kind} of {api_version}, and nothing in this environment defines it{hint}"
                )
            }
            None => {
                format!("the cluster does not know {kind} of {api_version}; it serves {}", here.join(", "))
            }
        };
        Forecast::refused(message, Some("/apiVersion".to_owned()), Vec::new())
    }

    /// What is there may not be seen; these are the server's words.
    pub(super) async fn hidden(&self, question: Question<'_>, message: &str) -> Forecast {
        let barrier = match (missing_right(message), silent_webhook(message)) {
            (Some(right), _) => Barrier::Right(right),
            (None, Some(name)) => Barrier::Webhook { name, message: message.to_owned() },
            (None, None) => Barrier::Group(message.to_owned()),
        };
        let because = format!("{barrier}; whether the object exists is not known");
        self.by_schema(question, &because, Vec::new()).await
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
        let because = barrier.to_string();
        let Barrier::Namespace(_) = barrier else {
            return Ok(self.by_schema(question, &because, warnings).await);
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

    /// The definition of a question's kind, where this change makes another of the version that is asked about.
    fn changes(&self, question: Question<'_>) -> Option<&Defined> {
        let Address { id, served, .. } = question.address;
        let defined = self.defined(id)?;
        let schema = |definition: &Definition| {
            definition.served(&served.version).map(|version| version.schema.clone())
        };
        (defined.now.as_ref().and_then(schema) != schema(&defined.next)).then_some(defined)
    }

    /// The server answers by the definition that is there; what counts is the one that this change brings.
    fn revise(&self, question: Question<'_>, forecast: Forecast) -> Forecast {
        let Some(defined) = self.changes(question) else { return forecast };
        let Address { id, served, .. } = question.address;
        let Some(next) = defined.next.served(&served.version) else {
            let message = format!(
                "the definition of {} in this change no longer serves {}",
                id.kind,
                served.api_version()
            );
            return Forecast::refused(message, Some("/apiVersion".to_owned()), forecast.warnings);
        };
        let now = defined.now.as_ref().and_then(|now| now.served(&served.version));
        let because = format!("the definition of {} changes with it", id.kind);
        let judged = judge(question, &next.schema);
        match forecast.prediction {
            Prediction::Becomes(after) if judged.mistakes.is_empty() => {
                let mut revised = after.clone();
                next.schema.prune(&mut revised);
                next.schema.fill(&mut revised);
                if revised == after && !next.schema.has_rules() {
                    let prediction = Prediction::Becomes(after);
                    return Forecast { prediction, ..forecast };
                }
                Forecast {
                    prediction: Prediction::Becomes(revised),
                    fidelity: Fidelity::Schema,
                    reason: format!("{because}{}", limits(&next.schema, true)),
                    ..forecast
                }
            }
            Prediction::Refused { .. }
                if judged.mistakes.is_empty()
                    && now.is_some_and(|now| !judge(question, &now.schema).mistakes.is_empty()) =>
            {
                let because = format!("the cluster refuses it by the present definition, and {because}");
                Forecast {
                    conflicts: forecast.conflicts,
                    ..told(question, &next.schema, &because, forecast.warnings)
                }
            }
            prediction if judged.mistakes.is_empty() => Forecast { prediction, ..forecast },
            _ => told(question, &next.schema, &because, forecast.warnings),
        }
    }

    async fn by_schema(&self, question: Question<'_>, because: &str, mut warnings: Vec<String>) -> Forecast {
        let Address { id, served, .. } = question.address;
        let next = self.defined(id).and_then(|defined| defined.next.served(&served.version));
        if let Some(version) = next {
            warnings.extend(version.warning.clone());
            return told(question, &version.schema, because, warnings);
        }
        match self.cluster.library.schema(&self.cluster.wire, served, &id.kind).await {
            Some(schema) => told(question, &schema, because, warnings),
            None => {
                let reason =
                    format!("{because}; its schema could not be read either, so it is shown as rendered");
                Forecast { warnings, ..Forecast::schema(question.payload(), reason) }
            }
        }
    }

    /// The keys of a custom kind's lists, where it has lists of objects; what Kubernetes ships is known.
    pub(super) async fn keys(&self, address: &Address, payload: &Value, live: Option<&Value>) -> ListKeys {
        let Address { id, served, .. } = address;
        if shipped(&id.group, &id.kind).is_some() || !(has_lists(payload) || live.is_some_and(has_lists)) {
            return ListKeys::default();
        }
        let next = self.defined(id).and_then(|defined| defined.next.served(&served.version));
        match next {
            Some(version) => version.schema.keys(),
            None => {
                let schema: Option<Arc<Schema>> =
                    self.cluster.library.schema(&self.cluster.wire, served, &id.kind).await;
                schema.map(|schema| schema.keys()).unwrap_or_default()
            }
        }
    }
}

/// What is said of a group that does not answer.
pub(super) fn silent(group: &str) -> String {
    format!("API group {group} does not answer")
}

/// What a schema says of an object.
fn told(question: Question<'_>, schema: &Schema, because: &str, warnings: Vec<String>) -> Forecast {
    let judged = judge(question, schema);
    if let Some((first, further)) = judged.mistakes.split_first() {
        let place = |path: &str| if path.is_empty() { String::new() } else { format!("{path} ") };
        let mut message = format!("{}{}, by its schema ({because})", place(&first.path), first.words);
        for more in further.iter().take(FURTHER) {
            message.push_str(&format!("; {}{}", place(&more.path), more.words));
        }
        if further.len() > FURTHER {
            message.push_str(&format!("; and {} more", further.len() - FURTHER));
        }
        let refused = Forecast::refused(message, Some(first.path.clone()), warnings);
        return Forecast { fidelity: Fidelity::Schema, reason: because.to_owned(), ..refused };
    }
    let reason = format!("{because}{}", limits(schema, false));
    Forecast { warnings, ..Forecast::schema(&judged.after, reason) }
}

/// What is sent, laid over what is there.
fn judge(question: Question<'_>, schema: &Schema) -> Judgement {
    match question.live {
        Some(live) => schema.judge_over(&clean(released(live, question.payload())), question.payload()),
        None => schema.judge(question.payload()),
    }
}

/// What an answer by schema does not cover.
fn limits(schema: &Schema, revised: bool) -> &'static str {
    match (schema.has_rules(), revised) {
        (true, true) => "; the new one's rules in CEL were not tried",
        (false, true) => "; its new defaults are filled in",
        (true, false) => "; checked against its schema only, without the rules in CEL",
        (false, false) => "; checked against its schema only",
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
