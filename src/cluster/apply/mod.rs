//! Applying: a plan made to happen, in stages, under guard, to the end.
//!
//! The inventory is written before the first object (old and new together) and shrinks only after deletes were confirmed;
//! every write says the same when it is said twice; what is created is looked at before. So a run that ends at any point
//! leaves a state that the next plan sees and the next run finishes. What was written is confirmed only once it was seen
//! ready; until then it is owed, and each later run waits for it before it deletes anything or succeeds.

mod hook;
mod order;
mod owed;
mod pods;
mod record;
mod remove;
mod wait;
mod write;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::cluster::address::{Address, Atlas};
use crate::cluster::apply::order::{STAGES, Stage, stage};
use crate::cluster::apply::record::Fate;
use crate::cluster::apply::remove::{Gone, prune};
use crate::cluster::apply::wait::{End, Pending, Vigil, wait};
use crate::cluster::apply::write::{Desk, Effect, Step};
use crate::cluster::clean::clean;
use crate::cluster::error::Error;
use crate::cluster::inventory::{self, Record};
use crate::cluster::kinds::Kinds;
use crate::cluster::look::lives::{Found, lives};
use crate::cluster::ready::{Goal, State, state};
use crate::cluster::{Cluster, FLIGHT, owner};
use crate::model::object::{Bundle, Object, ObjectId};
use crate::model::plan::{Action, Change, Phase};
use crate::model::report::{Applied, Done};
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owned};

/// How long discovery may take to show a kind whose definition is established.
const DISCOVERY: Duration = Duration::from_secs(20);
const STOPPED: &str = "stopped before it was written";

/// Makes a plan happen. An error means that nothing was written, or that its outcome could not be recorded; what single
/// objects did wrong stands in the result.
pub(super) async fn apply(cluster: &Cluster, scope: &Scope, run: &Run<'_>) -> Result<Vec<Applied>, Error> {
    let wire = &cluster.wire;
    let environment = &scope.environment;
    let record = inventory::read(wire, environment).await?;
    let generation = |inventory: Option<&Inventory>| inventory.map_or(0, |inventory| inventory.generation);
    if generation(record.as_ref().map(|record| &record.inventory)) != generation(run.inventory) {
        return Err(Error::Moved { target: wire.target().to_owned(), environment: environment.to_string() });
    }
    let set = owner::set(environment);
    let desk = Desk { cluster, scope, set: &set, permit: run.permit, bundle: run.bundle, plan: run.plan };
    let mut course = Course::new(desk, *run, record.as_ref());
    if run.plan.is_empty() && course.owed.is_empty() {
        course.record(record).await?;
        return Ok(Vec::new());
    }
    if !run.permit.holds() {
        return Ok(course.refuse_all());
    }
    let ahead = course.ahead(record.as_ref());
    let record = inventory::write(wire, environment, record.as_ref(), ahead).await?;
    course.go().await;
    // Without the permit another writer may be at work already; what was written ahead stands and is enough to go on from.
    if run.permit.holds() {
        course.record(Some(record)).await?;
    }
    Ok(course.results)
}

struct Course<'a> {
    desk: Desk<'a>,
    run: Run<'a>,
    /// What was owned before this run.
    owned: HashMap<ObjectId, Owned>,
    /// What an earlier run wrote and did not see ready, and this plan does not write.
    owed: HashSet<ObjectId>,
    results: Vec<Applied>,
    fates: HashMap<ObjectId, Fate>,
    /// Written and not yet ready.
    pending: Vec<Pending>,
    /// Why nothing further is tried.
    halt: Option<String>,
}

impl<'a> Course<'a> {
    fn new(desk: Desk<'a>, run: Run<'a>, record: Option<&Record>) -> Self {
        let known = record.map(|record| &record.inventory).or(run.inventory);
        let owned: HashMap<ObjectId, Owned> = known
            .map(|known| known.entries.iter().map(|(id, owned)| (id.clone(), owned.clone())).collect())
            .unwrap_or_default();
        let owed = owed::owed(&run, &owned);
        let (results, fates, pending) = (Vec::new(), HashMap::new(), Vec::new());
        Self { desk, run, owned, owed, results, fates, pending, halt: None }
    }

    /// Nothing is written: every change says why.
    fn refuse_all(mut self) -> Vec<Applied> {
        let run = self.run;
        for change in run.plan.changes.iter().chain(&run.plan.hooks) {
            self.note(change, Done::Skipped(STOPPED.to_owned()), None);
        }
        let owed: Vec<&Object> =
            run.bundle.objects.iter().filter(|object| self.owed.contains(&object.id)).collect();
        self.leave(&owed, STOPPED);
        self.results
    }

    async fn go(&mut self) {
        for stage in STAGES {
            if stage == Stage::Foundations {
                self.hooks(Phase::Before).await;
            }
            self.write(stage).await;
            self.recall(stage).await;
            // Foundations are waited for with the workloads: a claim may need a pod to be bound.
            if stage != Stage::Foundations {
                self.wait().await;
            }
            if stage == Stage::Definitions {
                self.discover().await;
            }
        }
        self.hooks(Phase::After).await;
        for stage in STAGES.into_iter().rev() {
            self.prune(stage).await;
        }
        let run = self.run;
        let idle = |change: &&Change| change.action != Action::Delete && !writes(change, run.bundle);
        for change in run.plan.changes.iter().filter(idle) {
            self.note(change, Done::Unchanged, None);
        }
    }

    /// Writes all objects of a stage, 16 at a time.
    async fn write(&mut self, due: Stage) {
        let run = self.run;
        let steps: Vec<&Change> = run
            .plan
            .changes
            .iter()
            .filter(|change| writes(change, run.bundle) && stage(&change.id) == due)
            .collect();
        if steps.is_empty() || self.halted(&steps) {
            return;
        }
        let kinds = match self.desk.cluster.kinds().await {
            Ok(kinds) => kinds,
            Err(error) => return self.fail_all(&steps, &error.to_string()),
        };
        let atlas = self.atlas(&kinds);
        let mut ready = Vec::new();
        for change in steps {
            let object = run.bundle.find(&change.id);
            match object.and_then(|object| Some((object, atlas.of(object)?))) {
                Some((object, address)) => {
                    let owned = self.owned.get(&change.id).cloned();
                    ready.push(Step { change, object, address, owned, former: None });
                }
                None if object.is_none() => self.fail(change, "the bundle does not hold it".to_owned()),
                None => self.fail(change, format!("the cluster does not know the kind {}", change.id.kind)),
            }
        }
        let addresses: Vec<Address> = ready.iter().map(|step| step.address.clone()).collect();
        // Without this look each object is looked at by itself.
        let mut found = lives(&self.desk.cluster.wire, &addresses).await.unwrap_or_default();
        let desk = self.desk;
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|step| {
                let found = found.remove(&step.change.id);
                one(desk, step, found)
            })
            .collect();
        let effects: Vec<_> = futures_util::stream::iter(tasks).buffer_unordered(FLIGHT).collect().await;
        for (step, since, took, effect) in effects {
            self.take(step.change, step.address, since, effect);
            if let Some(applied) = self.results.last_mut() {
                applied.millis = took;
            }
        }
    }

    /// Notes a write's outcome.
    fn take(&mut self, change: &Change, mut address: Address, since: Instant, effect: Effect) {
        let (result, body, after) = match effect {
            Effect::Written { body, after } => (Done::Changed, body, after),
            Effect::Same { body } => {
                let after = clean(body.clone());
                (Done::Unchanged, body, after)
            }
            Effect::Failed(why) => return self.fail(change, why),
            Effect::Stopped => {
                self.stop();
                return self.note(change, Done::Skipped(STOPPED.to_owned()), None);
            }
        };
        let uid = body.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
        self.fates.insert(change.id.clone(), Fate::Held(uid));
        self.note(change, result, Some(after));
        address.name(&body);
        self.expect(change.id.clone(), address, body, since);
    }

    /// What is not ready yet is waited for.
    fn expect(&mut self, id: ObjectId, address: Address, body: Value, since: Instant) {
        match state(&body, Goal::Working) {
            State::Ready => {}
            State::Silent if !address.served.status => {}
            State::Failed(why) => self.worsen(&id, why, 0),
            State::Waiting(_) | State::Failing(_) | State::Silent => {
                self.pending.push(Pending { id, address, body, goal: Goal::Working, since });
            }
        }
    }

    /// Waits for what was written.
    async fn wait(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for (id, (end, millis)) in wait(self.vigil(), pending).await {
            match end {
                End::Ready => {
                    if let Some(applied) = self.results.iter_mut().find(|applied| applied.id == id) {
                        applied.millis = millis;
                    }
                }
                End::Failed(why) => self.worsen(&id, why, millis),
                End::Stopped => {
                    self.stop();
                    self.worsen(&id, "written, but not waited for: stopped".to_owned(), millis);
                }
            }
        }
    }

    /// Until discovery shows the kinds that were defined.
    async fn discover(&mut self) {
        let run = self.run;
        let defined: Vec<&Object> = run
            .plan
            .changes
            .iter()
            .filter(|change| writes(change, run.bundle) && stage(&change.id) == Stage::Definitions)
            .filter_map(|change| run.bundle.find(&change.id))
            .collect();
        if defined.is_empty() || self.halt.is_some() {
            return;
        }
        let since = Instant::now();
        while since.elapsed() < DISCOVERY && self.desk.permit.holds() {
            self.desk.cluster.forget_kinds().await;
            let shown = match self.desk.cluster.kinds().await {
                Ok(kinds) => defined.iter().all(|definition| serves(&kinds, definition)),
                Err(_) => false,
            };
            if shown {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Deletes what Git no longer holds, in the opposite order, only after everything else went well.
    async fn prune(&mut self, due: Stage) {
        let run = self.run;
        let steps: Vec<&Change> = run
            .plan
            .changes
            .iter()
            .filter(|change| change.action == Action::Delete && stage(&change.id) == due)
            .collect();
        if steps.is_empty() || self.halted(&steps) {
            return;
        }
        let kinds = match self.desk.cluster.kinds().await {
            Ok(kinds) => kinds,
            Err(error) => return self.fail_all(&steps, &error.to_string()),
        };
        let atlas = self.atlas(&kinds);
        let desk = self.desk;
        let mut tasks = Vec::new();
        for change in steps {
            match atlas.find(&change.id) {
                Some(address) => {
                    tasks.push(delete(desk, change, address, self.owned.get(&change.id).cloned()));
                }
                // Its kind is not served any more: it went with its definition, unless the API is only away.
                None if kinds.is_stale(&change.id.group) => {
                    self.fail(change, format!("API group {} does not answer", change.id.group));
                }
                None => self.gone(change, 0),
            }
        }
        let ends: Vec<_> = futures_util::stream::iter(tasks).buffer_unordered(FLIGHT).collect().await;
        for (change, since, gone) in ends {
            match gone {
                Gone::Yes => self.gone(change, millis(since)),
                Gone::Left(why) => {
                    self.fates.insert(change.id.clone(), Fate::Released);
                    self.fail(change, why);
                }
                Gone::No(why) => self.fail(change, why),
                Gone::Stopped => {
                    self.stop();
                    self.note(change, Done::Skipped(STOPPED.to_owned()), None);
                }
            }
        }
    }

    fn atlas<'k>(&self, kinds: &'k Kinds) -> Atlas<'k>
    where
        'a: 'k,
    {
        Atlas {
            kinds,
            environment: self.desk.scope.namespace.as_deref(),
            connection: self.desk.cluster.wire.default_namespace(),
        }
    }

    fn vigil(&self) -> Vigil<'a> {
        let Desk { cluster, set, permit, .. } = self.desk;
        Vigil { wire: &cluster.wire, set, patience: cluster.patience, permit }
    }

    /// Why it is over, if it is.
    fn over(&mut self) -> Option<String> {
        if !self.desk.permit.holds() {
            self.stop();
        }
        self.halt.clone()
    }

    /// Is it over? Then these steps say so.
    fn halted(&mut self, steps: &[&Change]) -> bool {
        let Some(why) = self.over() else { return false };
        for change in steps {
            self.note(change, Done::Skipped(why.clone()), None);
        }
        true
    }

    fn stop(&mut self) {
        self.halt.get_or_insert_with(|| STOPPED.to_owned());
    }

    fn fail(&mut self, change: &Change, why: String) {
        self.end(&change.id, change.action, why);
    }

    fn end(&mut self, id: &ObjectId, action: Action, why: String) {
        self.halt.get_or_insert_with(|| format!("not tried, because {id} failed"));
        self.results.push(outcome(id, action, Done::Failed(why), None));
    }

    fn fail_all(&mut self, steps: &[&Change], why: &str) {
        for change in steps {
            self.fail(change, why.to_owned());
        }
    }

    /// What was written turns out not to become ready.
    fn worsen(&mut self, id: &ObjectId, why: String, millis: u64) {
        self.halt.get_or_insert_with(|| format!("not tried, because {id} did not become ready"));
        if let Some(applied) = self.results.iter_mut().find(|applied| applied.id == *id) {
            applied.result = Done::Failed(why);
            applied.millis = millis;
        }
    }

    fn gone(&mut self, change: &Change, millis: u64) {
        self.fates.insert(change.id.clone(), Fate::Released);
        self.note(change, Done::Changed, None);
        if let Some(applied) = self.results.last_mut() {
            applied.millis = millis;
        }
    }

    fn note(&mut self, change: &Change, result: Done, after: Option<Value>) {
        self.results.push(outcome(&change.id, change.action, result, after));
    }
}

fn outcome(id: &ObjectId, action: Action, result: Done, after: Option<Value>) -> Applied {
    Applied { id: id.clone(), action, result, after, millis: 0 }
}

async fn one<'a>(
    desk: Desk<'a>,
    mut step: Step<'a>,
    found: Option<Found>,
) -> (Step<'a>, Instant, u64, Effect) {
    let since = Instant::now();
    let effect = match step.change.action {
        Action::Replace => desk.replace(&mut step).await,
        Action::Create
        | Action::Update
        | Action::Adopt
        | Action::Move
        | Action::Delete
        | Action::Keep
        | Action::None => desk.write(&step, found).await,
    };
    (step, since, millis(since), effect)
}

async fn delete<'a>(
    desk: Desk<'a>,
    change: &'a Change,
    address: Address,
    owned: Option<Owned>,
) -> (&'a Change, Instant, Gone) {
    let since = Instant::now();
    (change, since, prune(desk, &address, change.uid.as_deref(), owned.as_ref()).await)
}

/// Does a change write an object? One that moves away is written by whoever takes it.
fn writes(change: &Change, bundle: &Bundle) -> bool {
    match change.action {
        Action::Create | Action::Update | Action::Replace | Action::Adopt => true,
        Action::Move => bundle.find(&change.id).is_some(),
        Action::Delete | Action::Keep | Action::None => false,
    }
}

/// Does discovery show what a definition defines?
fn serves(kinds: &Kinds, definition: &Object) -> bool {
    let text = |path: &str| definition.body.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let shown = kinds.versions(text("/spec/group"), text("/spec/names/kind"));
    let versions = definition.body.pointer("/spec/versions").and_then(Value::as_array);
    versions
        .into_iter()
        .flatten()
        .filter(|version| version.get("served") == Some(&Value::Bool(true)))
        .filter_map(|version| version.get("name")?.as_str())
        .all(|name| shown.iter().any(|served| served.version == name))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
