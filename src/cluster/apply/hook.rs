//! Hooks: Jobs that run before or after the objects are applied, in the plan's order, each to its end.

use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::address::Address;
use crate::cluster::apply::remove::{Gone, gone};
use crate::cluster::apply::wait::{End, Pending, wait};
use crate::cluster::apply::write::{Effect, Step};
use crate::cluster::apply::{Course, STOPPED, millis};
use crate::cluster::look::lives::{Found, single};
use crate::cluster::owner::{owner, part_of};
use crate::cluster::ready::{Goal, State, state};
use crate::model::hook::{Clearing, clears};
use crate::model::object::Object;
use crate::model::plan::{Action, Change, Phase};
use crate::model::report::Done;
use crate::model::view::Owner;

/// How a hook ended.
enum Outcome {
    Done(Value),
    Failed(String),
    Stopped,
}

impl Course<'_> {
    /// Runs the plan's hooks of this phase, in the plan's order, one after the other; the first that fails ends it.
    pub(super) async fn hooks(&mut self, phase: Phase) {
        let run = self.run;
        let due = run.plan.hooks.iter().filter(|change| change.hook.is_some_and(|hook| hook.phase == phase));
        for change in due {
            if self.halted(&[change]) {
                continue;
            }
            let Some(object) = run.bundle.hooks.iter().find(|object| object.id == change.id) else {
                self.fail(change, "the bundle does not hold it".to_owned());
                continue;
            };
            let since = Instant::now();
            match self.hook(object).await {
                Outcome::Done(after) => {
                    self.note(change, Done::Changed, Some(after));
                    if let Some(applied) = self.results.last_mut() {
                        applied.millis = millis(since);
                    }
                }
                Outcome::Failed(why) => self.fail(change, why),
                Outcome::Stopped => {
                    self.stop();
                    self.note(change, Done::Skipped(STOPPED.to_owned()), None);
                }
            }
        }
    }

    async fn hook(&self, object: &Object) -> Outcome {
        let desk = self.desk;
        let kinds = match desk.cluster.kinds().await {
            Ok(kinds) => kinds,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let Some(address) = self.atlas(&kinds).of(object) else {
            return Outcome::Failed(format!("the cluster does not know the kind {}", object.id.kind));
        };
        if clears(object, Clearing::Before) && !object.generated() {
            match self.clear(&address).await {
                Gone::Yes => {}
                Gone::No(why) | Gone::Left(why) => return Outcome::Failed(why),
                Gone::Stopped => return Outcome::Stopped,
            }
        }
        // What is there by now is an earlier run of the hook that its policy keeps: it is applied again.
        let create = Change { action: Action::Create, ..change(object) };
        let since = Instant::now();
        let step = Step { change: &create, object, address, owned: None, former: None };
        let (body, after) = match desk.write(&step, None).await {
            Effect::Written { body, after } => (body, after),
            Effect::Same { body } => (body.clone(), crate::cluster::clean::clean(body)),
            Effect::Failed(why) => return Outcome::Failed(why),
            Effect::Stopped => return Outcome::Stopped,
        };
        let uid = body.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut place = step.address;
        place.name(&body);
        let end = match state(&body, Goal::Done) {
            State::Ready => End::Ready,
            State::Failed(why) => End::Failed(why),
            State::Waiting(_) | State::Failing(_) | State::Silent => {
                let pending =
                    Pending { id: object.id.clone(), address: place.clone(), body, goal: Goal::Done, since };
                let ends = wait(self.vigil(), vec![pending]).await;
                ends.into_values().next().map_or(End::Stopped, |(end, _)| end)
            }
        };
        let policy = if end == End::Ready { Clearing::Succeeded } else { Clearing::Failed };
        if end != End::Stopped && clears(object, policy) {
            // What stays behind is cleared before the hook runs again.
            let left = gone(desk, &place, &uid).await;
            tracing::debug!(hook = %place.id, ?left, "a hook was deleted by its policy");
        }
        match end {
            End::Ready => Outcome::Done(after),
            End::Failed(why) => Outcome::Failed(why),
            End::Stopped => Outcome::Stopped,
        }
    }

    /// Deletes what an earlier run left, if it was ours.
    async fn clear(&self, address: &Address) -> Gone {
        let desk = self.desk;
        let live = match single(&desk.cluster.wire, address).await {
            Ok((_, Found::Absent)) => return Gone::Yes,
            Ok((_, Found::Live(live))) => live,
            Ok((_, Found::Hidden(message))) => return Gone::No(message),
            Err(error) => return Gone::No(error.to_string()),
        };
        if owner(&live, desk.set, None) != Owner::Us && part_of(&live) != Some(desk.set) {
            return Gone::No("an object of its name exists already and is not ours".to_owned());
        }
        if !desk.permit.holds() {
            return Gone::Stopped;
        }
        gone(desk, address, live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default()).await
    }
}

fn change(object: &Object) -> Change {
    Change {
        app: object.origin.app.clone(),
        fidelity: crate::model::plan::Fidelity::Live,
        ..Change::new(Action::Create, object.id.clone())
    }
}
