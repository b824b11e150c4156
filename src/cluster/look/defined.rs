//! Custom kinds that the same change defines, or defines anew.

use crate::cluster::address::Address;
use crate::cluster::kinds::Served;
use crate::cluster::look::fallback::{Defined, Fallback, judge, silent, told};
use crate::cluster::look::predict::{Forecast, Question};
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Fidelity;
use crate::model::view::Prediction;
use crate::schema::Definition;

impl Fallback<'_> {
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
                    some => format!("; {kind} is served as {}", some.join(", ")),
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

    /// The definition of a question's kind, where this change makes another of the version that is asked about.
    pub(super) fn changes(&self, question: Question<'_>) -> Option<&Defined> {
        let Address { id, served, .. } = question.address;
        let defined = self.defined(id)?;
        let schema = |definition: &Definition| {
            definition.served(&served.version).map(|version| version.schema.clone())
        };
        (defined.now.as_ref().and_then(schema) != schema(&defined.next)).then_some(defined)
    }

    /// The server answers by the definition that is there; what counts is the one that this change brings.
    pub(super) fn revise(&self, question: Question<'_>, forecast: Forecast) -> Forecast {
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
                let whole = next.schema.fill(&mut revised) && !judged.part;
                if whole && revised == after && !next.schema.has_rules() {
                    let prediction = Prediction::Becomes(after);
                    return Forecast { prediction, ..forecast };
                }
                let limits = if !whole {
                    "the new one was tried in part only, since all of it is too much"
                } else if next.schema.has_rules() {
                    "the new one's rules in CEL were not tried"
                } else {
                    "its new defaults are filled in"
                };
                Forecast {
                    prediction: Prediction::Becomes(revised),
                    fidelity: Fidelity::Schema,
                    reason: format!("{because}; {limits}"),
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
            Prediction::Becomes(_)
            | Prediction::Replaced { .. }
            | Prediction::Refused { .. }
            | Prediction::Gone => told(question, &next.schema, &because, forecast.warnings),
        }
    }
}
