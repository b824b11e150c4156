//! What an earlier run wrote and did not see ready: looked at again and waited for, as if this run had written it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::address::Address;
use crate::cluster::apply::order::{Stage, stage};
use crate::cluster::apply::record::Fate;
use crate::cluster::apply::{Course, STOPPED, outcome, writes};
use crate::cluster::look::lives::{Found, lives};
use crate::cluster::owner::owner;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Action;
use crate::model::report::Done;
use crate::model::target::Run;
use crate::model::view::{Owned, Owner};

/// What the outcome of such an object tells: an earlier run was to bring it up to date, and this one ends that.
const MEANT: Action = Action::Update;
/// It was written long ago, so `stopped before it was written` would be wrong.
const UNSEEN: &str = "stopped before it was seen ready";

/// The bundle's objects that no run has confirmed and that this plan does not write.
pub(super) fn owed(run: &Run<'_>, owned: &HashMap<ObjectId, Owned>) -> HashSet<ObjectId> {
    let written: HashSet<&ObjectId> = run
        .plan
        .changes
        .iter()
        .filter(|change| writes(change, run.bundle))
        .map(|change| &change.id)
        .collect();
    let confirmed = |id: &ObjectId| owned.get(id).is_some_and(|owned| owned.digest.is_some());
    run.bundle
        .objects
        .iter()
        .filter(|object| !object.generated() && !written.contains(&object.id) && !confirmed(&object.id))
        .map(|object| object.id.clone())
        .collect()
}

impl Course<'_> {
    /// Looks again at what is owed of a stage. Nothing is written: the plan found it as it should be.
    pub(super) async fn recall(&mut self, due: Stage) {
        let run = self.run;
        let owed: Vec<&Object> = run
            .bundle
            .objects
            .iter()
            .filter(|object| self.owed.contains(&object.id) && stage(&object.id) == due)
            .collect();
        if owed.is_empty() {
            return;
        }
        // Without a word on them a run that stopped here would look like one that saw everything ready.
        if let Some(why) = self.over() {
            return self.leave(&owed, &why);
        }
        let kinds = match self.desk.cluster.kinds().await {
            Ok(kinds) => kinds,
            Err(error) => return self.end_all(&owed, &error.to_string()),
        };
        let atlas = self.atlas(&kinds);
        let since = Instant::now();
        let places: Vec<Option<Address>> = owed.iter().map(|object| atlas.of(object)).collect();
        let known: Vec<Address> = places.iter().flatten().cloned().collect();
        let mut found = match lives(&self.desk.cluster.wire, &known).await {
            Ok(found) => found,
            Err(error) => return self.end_all(&owed, &error.to_string()),
        };
        for (object, place) in owed.into_iter().zip(places) {
            let id = &object.id;
            match (place, found.remove(id)) {
                (Some(address), Some(Found::Live(live))) => self.resume(id, address, live, since),
                (_, Some(Found::Hidden(why))) => self.end(id, MEANT, why),
                (_, Some(Found::Absent | Found::Live(_)) | None) => {
                    self.end(id, MEANT, "it is gone since the plan was made".to_owned());
                }
            }
        }
    }

    fn resume(&mut self, id: &ObjectId, address: Address, live: Value, since: Instant) {
        if owner(&live, self.desk.set, self.owned.get(id)) != Owner::Us {
            return self.end(id, MEANT, "it is not ours any more".to_owned());
        }
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
        self.fates.insert(id.clone(), Fate::Held(uid));
        self.results.push(outcome(id, MEANT, Done::Unchanged, None));
        self.expect(id.clone(), address, live, since);
    }

    /// They stay owed: why they were not waited for.
    pub(super) fn leave(&mut self, owed: &[&Object], why: &str) {
        let why = if why == STOPPED { UNSEEN } else { why };
        for object in owed {
            self.results.push(outcome(&object.id, MEANT, Done::Skipped(why.to_owned()), None));
        }
    }

    fn end_all(&mut self, owed: &[&Object], why: &str) {
        for object in owed {
            self.end(&object.id, MEANT, why.to_owned());
        }
    }
}
