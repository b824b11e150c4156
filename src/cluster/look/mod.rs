//! Looking: what is there, whose it is, and what it would become. Nothing is written.

pub(super) mod lives;
pub(super) mod memory;
pub(super) mod predict;
mod twice;
mod verdict;

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::address::{Address, Atlas};
use crate::cluster::admission::Admission;
use crate::cluster::clean::clean;
use crate::cluster::error::Error;
use crate::cluster::fields::by_hand;
use crate::cluster::intent::{Matter, intend};
use crate::cluster::look::lives::{Found, lives};
use crate::cluster::look::predict::{Forecast, Question, predict};
use crate::cluster::owner::{controlled, keep, owner};
use crate::cluster::payload::{compose, trespass};
use crate::cluster::scaler::scaled;
use crate::cluster::{Cluster, FLIGHT, inventory, owner as names};
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Fidelity;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owned, Owner, Prediction, Seen};

/// Looks at wanted objects, in their order, and at those that are gone from Git.
pub(super) async fn look(
    cluster: &Cluster,
    scope: &Scope,
    wanted: &[&Object],
    gone: &[(ObjectId, Owned)],
) -> Result<Vec<Seen>, Error> {
    let wire = &cluster.wire;
    let mut kinds = cluster.kinds().await?;
    if !kinds.young()
        && wanted.iter().any(|object| kinds.exact(object.api_version(), &object.id.kind).is_none())
    {
        cluster.forget_kinds().await;
        kinds = cluster.kinds().await?;
    }
    let atlas = Atlas {
        kinds: &kinds,
        environment: scope.namespace.as_deref(),
        connection: wire.default_namespace(),
    };
    let targets: Vec<Option<Address>> = wanted.iter().map(|object| atlas.of(object)).collect();
    let mut lost = Vec::with_capacity(gone.len());
    for (id, owned) in gone {
        let address = atlas.find(id);
        // An API that does not answer hides its objects; they are not gone.
        if address.is_none() && kinds.is_stale(&id.group) {
            return Err(Error::Unwell {
                target: wire.target().to_owned(),
                doing: format!("look for {id}"),
                code: 503,
                message: format!("API group {} does not answer", id.group),
            });
        }
        lost.push((id, owned, address));
    }
    let addresses: Vec<Address> = targets
        .iter()
        .flatten()
        .cloned()
        .chain(lost.iter().filter_map(|(_, _, address)| address.clone()))
        .collect();
    // Where nothing is tried, nothing stands in its way.
    let admission = async {
        Ok(if wanted.is_empty() { Admission::default() } else { Admission::read(wire, &kinds).await })
    };
    let (found, record, admission) =
        tokio::try_join!(lives(wire, &addresses), inventory::read(wire, &scope.environment), admission)?;
    let gaze = Gaze {
        cluster,
        scope,
        wanted,
        set: names::set(&scope.environment),
        record: record.map(|record| record.inventory).unwrap_or_default(),
        found,
        admission,
        stale: |group: &str| kinds.is_stale(group),
    };
    let asks: Vec<_> =
        wanted.iter().zip(&targets).map(|(object, address)| gaze.see(object, address.as_ref())).collect();
    let mut seen = Vec::with_capacity(wanted.len() + gone.len());
    let mut seeing = futures_util::stream::iter(asks).buffered(FLIGHT);
    while let Some(one) = seeing.next().await {
        seen.push(one?);
    }
    seen.extend(lost.iter().map(|(id, owned, _)| gaze.lost(id, owned)));
    gaze.introduce(&mut seen).await;
    Ok(seen)
}

/// One look: what was found, beside what is asked.
struct Gaze<'a, S> {
    cluster: &'a Cluster,
    scope: &'a Scope,
    wanted: &'a [&'a Object],
    set: String,
    record: Inventory,
    found: HashMap<ObjectId, Found>,
    admission: Admission,
    stale: S,
}

impl<S: Fn(&str) -> bool + Sync> Gaze<'_, S> {
    async fn see(&self, object: &Object, address: Option<&Address>) -> Result<Seen, Error> {
        let Some(address) = address else { return Ok(self.unknown(object)) };
        let compose = |live| compose(object, &address.served, address.namespace.as_deref(), &self.set, live);
        let found = self.found.get(&object.id).unwrap_or(&Found::Absent);
        if let Some((message, path)) = trespass(object, address.namespace.as_deref()) {
            return Ok(seen(&object.id, None, Forecast::refused(message, Some(path.to_owned()), Vec::new())));
        }
        if let Some(message) = address.astray() {
            let path = Some("/metadata/namespace".to_owned());
            return Ok(seen(&object.id, None, Forecast::refused(message, path, Vec::new())));
        }
        let live = match found {
            Found::Live(live) => Some(live),
            Found::Absent => None,
            Found::Hidden(message) => {
                return Ok(seen(
                    &object.id,
                    None,
                    Forecast::schema(&compose(None), format!("it may not be seen: {message}")),
                ));
            }
        };
        let owner =
            live.map_or(Owner::Us, |live| owner(live, &self.set, self.record.entries.get(&object.id)));
        let scaled = match live {
            Some(live) => {
                let others = self.wanted.iter().copied();
                scaled(&self.cluster.wire, address, (object, live), others).await?
            }
            None => false,
        };
        let intent = intend(&Matter {
            object,
            address,
            set: &self.set,
            live,
            owner: &owner,
            rules: &self.scope.fields,
            scaled,
        });
        let payload = &intent.payload;
        let view = live.map(|live| self.view(live, self.record.entries.get(&object.id), Some(payload)));
        let question = Question {
            address,
            intent: &intent,
            live,
            adopting: view.as_ref().is_some_and(|view| view.owner != Owner::Us),
            rules: &self.scope.fields,
            mutated: self.admission.mutates(&address.served),
        };
        let key = memory::key(&self.admission, &question);
        if let Some(known) = key.as_ref().and_then(|key| self.cluster.memory.recall(key, Instant::now())) {
            return Ok(seen(&object.id, view, known));
        }
        let forecast = match predict(&self.cluster.wire, question).await {
            Err(Error::Unwell { message, .. }) if (self.stale)(&object.id.group) => {
                Forecast::schema(payload, format!("API group {} does not answer: {message}", object.id.group))
            }
            other => other?,
        };
        if let Some(key) = key {
            self.cluster.memory.keep(key, &forecast, Instant::now());
        }
        Ok(seen(&object.id, view, forecast))
    }

    /// A kind that the server does not serve: to come with this change, or a mistake.
    fn unknown(&self, object: &Object) -> Seen {
        let comes = self.wanted.iter().any(|other| {
            let spec =
                (other.id.kind == "CustomResourceDefinition").then(|| other.body.get("spec")).flatten();
            spec.is_some_and(|spec| {
                spec.get("group").and_then(Value::as_str) == Some(object.id.group.as_str())
                    && spec.pointer("/names/kind").and_then(Value::as_str) == Some(object.id.kind.as_str())
            })
        });
        let kind = format!("{} of {}", object.id.kind, object.api_version());
        let forecast = if comes {
            Forecast::schema(
                &object.body,
                format!("{kind} is defined by this change; the cluster does not serve it yet"),
            )
        } else {
            let message =
                format!("the cluster does not know {kind}, and nothing in this environment defines it");
            Forecast::refused(message, Some("/apiVersion".to_owned()), Vec::new())
        };
        seen(&object.id, None, forecast)
    }

    fn lost(&self, id: &ObjectId, owned: &Owned) -> Seen {
        let (live, fidelity, reason) = match self.found.get(id) {
            Some(Found::Live(live)) => {
                (Some(self.view(live, Some(owned), None)), Fidelity::Live, String::new())
            }
            Some(Found::Hidden(message)) => {
                (None, Fidelity::Schema, format!("it may not be seen: {message}"))
            }
            Some(Found::Absent) | None => (None, Fidelity::Live, String::new()),
        };
        Seen { fidelity, reason, ..Seen::new(id.clone(), live, Prediction::Gone) }
    }

    fn view(&self, live: &Value, owned: Option<&Owned>, payload: Option<&Value>) -> Live {
        let text = |path: &str| live.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Live {
            body: clean(live.clone()),
            uid: text("/metadata/uid"),
            version: text("/metadata/resourceVersion"),
            owner: owner(live, &self.set, owned),
            keep: keep(live),
            controlled: controlled(live),
            by_hand: by_hand(live, payload),
        }
    }

    /// Gives other environments of ours their names in place of their sets' ids, where their inventories may be read.
    async fn introduce(&self, seen: &mut [Seen]) {
        let strange = seen.iter().any(|seen| {
            matches!(seen.live.as_ref().map(|live| &live.owner), Some(Owner::Other(name)) if name.starts_with("ApplySet "))
        });
        if !strange {
            return;
        }
        let known: BTreeMap<String, String> = inventory::neighbours(&self.cluster.wire).await;
        for live in seen.iter_mut().filter_map(|seen| seen.live.as_mut()) {
            if let Owner::Other(name) = &mut live.owner
                && let Some(friend) = name.strip_prefix("ApplySet ").and_then(|set| known.get(set))
            {
                *name = friend.clone();
            }
        }
    }
}

fn seen(id: &ObjectId, live: Option<Live>, forecast: Forecast) -> Seen {
    let Forecast { prediction, fidelity, reason, warnings, conflicts, volatile } = forecast;
    Seen { fidelity, reason, warnings, conflicts, volatile, ..Seen::new(id.clone(), live, prediction) }
}
