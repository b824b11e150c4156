//! Looking: what is there, whose it is, and what it would become. Nothing is written.

mod allocated;
pub(super) mod cascade;
mod defined;
mod fallback;
pub(super) mod lives;
pub(super) mod memory;
pub(super) mod predict;
mod released;
mod scratch;
mod twice;
pub(super) mod verdict;

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::address::{Address, Atlas};
use crate::cluster::admission::Admission;
use crate::cluster::clean::clean;
use crate::cluster::error::Error;
use crate::cluster::fields::by_hand;
use crate::cluster::intent::{Intent, Matter, intend};
use crate::cluster::kinds::Kinds;
use crate::cluster::look::fallback::{Fallback, silent};
use crate::cluster::look::lives::{Found, lives, single};
use crate::cluster::look::predict::{Forecast, Question, predict};
use crate::cluster::look::verdict::Barrier;
use crate::cluster::owner::{controlled, owner, part_of};
use crate::cluster::payload::trespass;
use crate::cluster::scaler::scaled;
use crate::cluster::wire::Wire;
use crate::cluster::{Cluster, FLIGHT, inventory, owner as names};
use crate::model::keep::kept;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Fidelity;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owned, Owner, Prediction, Seen};
use crate::schema::deprecated;

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
    // What lies there in another version than the manifest's, which may be served only after this change.
    let now =
        targets.iter().zip(wanted).map(|(target, object)| target.clone().or_else(|| atlas.find(&object.id)));
    let addresses: Vec<Address> = now.chain(gone.iter().map(|(id, _)| atlas.find(id))).flatten().collect();
    // Where nothing is tried, nothing stands in its way.
    let admission = async {
        Ok(if wanted.is_empty() { Admission::default() } else { Admission::read(wire, &kinds).await })
    };
    let (found, record, admission) = tokio::try_join!(
        visible(wire, &kinds, &addresses),
        inventory::read(wire, &scope.environment),
        admission
    )?;
    let gaze = Gaze {
        cluster,
        scope,
        set: names::set(&scope.environment),
        record: record.map(|record| record.inventory).unwrap_or_default(),
        wanted,
        admission,
        fallback: Fallback::new(cluster, &kinds, wanted, |id| found.get(id)),
        found: &found,
        namespace: atlas.environment.unwrap_or(atlas.connection),
        version: kinds.version().map(str::to_owned),
    };
    let asks: Vec<_> =
        wanted.iter().zip(&targets).map(|(object, address)| gaze.see(object, address.as_ref())).collect();
    let mut seen = Vec::with_capacity(wanted.len() + gone.len());
    let mut seeing = futures_util::stream::iter(asks).buffered(FLIGHT);
    while let Some(one) = seeing.next().await {
        seen.push(one?);
    }
    seen.extend(gone.iter().map(|(id, owned)| gaze.lost(id, owned)));
    gaze.introduce(&mut seen).await;
    cascade::cascades(wire, &kinds, scope.prune, &mut seen).await;
    Ok(seen)
}

/// Looks at every place. A group that does not answer hides its objects, which are not gone: it is asked once.
async fn visible(wire: &Wire, kinds: &Kinds, places: &[Address]) -> Result<HashMap<ObjectId, Found>, Error> {
    let (shaky, sound): (Vec<Address>, Vec<Address>) =
        places.iter().cloned().partition(|place| kinds.is_stale(&place.id.group));
    let mut found = lives(wire, &sound).await?;
    let mut dead: HashSet<String> = HashSet::new();
    for place in shaky.iter().filter(|place| !place.id.name.ends_with('*')) {
        let group = &place.id.group;
        let one = if dead.contains(group) { None } else { Some(single(wire, place).await) };
        match one {
            Some(Ok((id, one))) => drop(found.insert(id, one)),
            Some(Err(Error::Unwell { .. })) | None => {
                dead.insert(group.clone());
                found.insert(place.id.clone(), Found::Hidden(silent(group)));
            }
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(found)
}

/// One look: what was found, beside what is asked.
struct Gaze<'a> {
    cluster: &'a Cluster,
    scope: &'a Scope,
    wanted: &'a [&'a Object],
    admission: Admission,
    set: String,
    record: Inventory,
    found: &'a HashMap<ObjectId, Found>,
    fallback: Fallback<'a>,
    /// The namespace of objects that name none.
    namespace: &'a str,
    /// The server's own version.
    version: Option<String>,
}

impl Gaze<'_> {
    async fn see(&self, object: &Object, address: Option<&Address>) -> Result<Seen, Error> {
        let mut seen = self.look_at(object, address).await?;
        let (id, version) = (&object.id, self.version.as_deref());
        let told = seen.warnings.iter().any(|warning| warning.contains("deprecated"));
        if !told && let Some(warning) = deprecated(object.api_version(), &id.kind, version) {
            seen.warnings.push(warning);
        }
        Ok(seen)
    }

    async fn look_at(&self, object: &Object, address: Option<&Address>) -> Result<Seen, Error> {
        let to_come = address.is_none().then(|| self.fallback.address(object, self.namespace)).flatten();
        let Some(address) = address.or(to_come.as_ref()) else {
            return Ok(seen(&object.id, None, self.fallback.unknown(object)));
        };
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
            Found::Absent | Found::Hidden(_) => None,
        };
        let (intent, view) = self.intent(object, address, live).await?;
        let question = Question {
            address,
            intent: &intent,
            live,
            adopting: view.as_ref().is_some_and(|view| view.owner != Owner::Us),
            rules: &self.scope.fields,
            mutated: self.admission.mutates(&address.served),
        };
        let forecast = match found {
            Found::Hidden(message) => self.fallback.hidden(question, message).await?,
            Found::Live(_) | Found::Absent if to_come.is_some() => self.fallback.to_come(question).await,
            Found::Live(_) | Found::Absent => self.ask(question).await?,
        };
        let keys = self.fallback.keys(address, &intent.payload, live).await?;
        Ok(Seen { keys, ..seen(&object.id, view, forecast) })
    }

    /// What is meant for an object, and what is there.
    async fn intent(
        &self,
        object: &Object,
        address: &Address,
        live: Option<&Value>,
    ) -> Result<(Intent, Option<Live>), Error> {
        let owned = self.record.entries.get(&object.id);
        let owner = live.map_or(Owner::Us, |live| owner(live, &self.set, owned));
        let scaled = match live {
            Some(live) => {
                let others = self.wanted.iter().copied();
                scaled(&self.cluster.wire, address, (object, live, &owner), others).await?
            }
            None => false,
        };
        let (set, rules) = (self.set.as_str(), self.scope.fields.as_slice());
        let intent = intend(&Matter { object, address, set, live, owner: &owner, rules, scaled });
        let view = live.map(|live| self.view(live, owned, Some(&intent.payload)));
        Ok((intent, view))
    }

    /// The server's answer, or what it answered before, or the next best.
    async fn ask(&self, question: Question<'_>) -> Result<Forecast, Error> {
        let key = memory::key(&self.admission, &question);
        let known = key.as_ref().and_then(|key| self.cluster.memory.recall(key, Instant::now()));
        if let Some(known) = known {
            return self.fallback.settle(question, known).await;
        }
        let forecast = self.try_out(question).await?;
        if let Some(key) = key {
            self.cluster.memory.keep(key, &forecast, Instant::now());
        }
        self.fallback.settle(question, forecast).await
    }

    async fn try_out(&self, question: Question<'_>) -> Result<Forecast, Error> {
        let group = &question.address.id.group;
        match predict(&self.cluster.wire, question).await {
            Err(Error::Unwell { message, .. }) if self.fallback.kinds.is_stale(group) => {
                let barrier = Barrier::Group(format!("{}: {message}", silent(group)));
                let forecast = Forecast::schema(question.payload(), barrier.to_string());
                Ok(Forecast { barrier: Some(barrier), ..forecast })
            }
            other => other,
        }
    }

    fn lost(&self, id: &ObjectId, owned: &Owned) -> Seen {
        let (live, fidelity, reason) = match self.found.get(id) {
            Some(Found::Live(live)) => {
                (Some(self.view(live, Some(owned), None)), Fidelity::Live, String::new())
            }
            Some(Found::Hidden(message)) => {
                (None, Fidelity::Schema, format!("it may not be seen: {message}"))
            }
            None if self.fallback.kinds.is_stale(&id.group) => (None, Fidelity::Schema, silent(&id.group)),
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
            set: part_of(live).map(str::to_owned),
            keep: kept(live).is_some(),
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
    let Forecast { prediction, fidelity, reason, warnings, conflicts, volatile, barrier: _ } = forecast;
    Seen { fidelity, reason, warnings, conflicts, volatile, ..Seen::new(id.clone(), live, prediction) }
}
