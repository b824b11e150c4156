//! Hooks: Jobs that run before or after the objects are applied, in the order of their weights, each to its end.

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
use crate::model::object::Object;
use crate::model::plan::{Action, Change};
use crate::model::report::Done;
use crate::model::view::{Inventory, Owner};

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the objects, but after namespaces and definitions.
    Before,
    /// After the objects are ready.
    After,
}

/// How a hook ended.
enum Outcome {
    Done(Value),
    Failed(String),
    Stopped,
}

impl Course<'_> {
    /// Runs the plan's hooks of this phase, one after the other; the first that fails ends it.
    pub(super) async fn hooks(&mut self, phase: Phase) {
        let run = self.run;
        let installing = installing(run.inventory);
        let mut due: Vec<(&Change, &Object)> = run
            .plan
            .hooks
            .iter()
            .filter_map(|change| {
                Some((change, run.bundle.hooks.iter().find(|object| object.id == change.id)?))
            })
            .filter(|(_, object)| runs(object, phase, installing))
            .collect();
        due.sort_by(|(_, a), (_, b)| (weight(a), &a.id).cmp(&(weight(b), &b.id)));
        for (change, object) in due {
            if self.halted(&[change]) {
                continue;
            }
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
        if deletes(object, "before-hook-creation") && !object.generated() {
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
        let policy = if end == End::Ready { "hook-succeeded" } else { "hook-failed" };
        if end != End::Stopped && deletes(object, policy) {
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

/// Has no deployment succeeded here yet? One that failed or was interrupted leaves the installation to be finished.
fn installing(inventory: Option<&Inventory>) -> bool {
    inventory.is_none_or(|inventory| inventory.commit.is_none() && !inventory.rebuilt)
}

/// Is this a hook of this phase? Tests never are.
fn runs(object: &Object, phase: Phase, installing: bool) -> bool {
    let helm = object.annotation("helm.sh/hook").unwrap_or_default();
    let argo = object.annotation("argocd.argoproj.io/hook").unwrap_or_default();
    let (helm_word, argo_word) = match (phase, installing) {
        (Phase::Before, true) => ("pre-install", "PreSync"),
        (Phase::Before, false) => ("pre-upgrade", "PreSync"),
        (Phase::After, true) => ("post-install", "PostSync"),
        (Phase::After, false) => ("post-upgrade", "PostSync"),
    };
    has(helm, helm_word) || has(argo, argo_word)
}

fn weight(object: &Object) -> i64 {
    object.annotation("helm.sh/hook-weight").and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Does the hook's delete policy say this? Without any, what an earlier run left is deleted first.
fn deletes(object: &Object, policy: &str) -> bool {
    match object.annotation("helm.sh/hook-delete-policy") {
        Some(policies) => has(policies, policy),
        None => policy == "before-hook-creation",
    }
}

fn has(list: &str, word: &str) -> bool {
    list.split(',').any(|part| part.trim() == word)
}

fn change(object: &Object) -> Change {
    Change {
        app: object.origin.app.clone(),
        fidelity: crate::model::plan::Fidelity::Live,
        ..Change::new(Action::Create, object.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Phase, deletes, runs, weight};
    use crate::model::object::{Object, Origin};

    fn hook(annotations: &serde_json::Value) -> Object {
        let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "annotations": annotations}});
        Object { id: Object::identify(&body).unwrap(), body, origin: Origin::default(), volatile: Vec::new() }
    }

    #[test]
    fn install_and_upgrade_are_told_apart_and_tests_never_run() {
        let install =
            hook(&json!({"helm.sh/hook": "pre-install, post-upgrade", "helm.sh/hook-weight": "-5"}));
        assert!(runs(&install, Phase::Before, true) && runs(&install, Phase::After, false));
        assert!(!runs(&install, Phase::Before, false) && !runs(&install, Phase::After, true));
        assert_eq!(weight(&install), -5);
        let test = hook(&json!({"helm.sh/hook": "test"}));
        assert!([Phase::Before, Phase::After].iter().all(|phase| !runs(&test, *phase, true)));
    }

    #[test]
    fn an_earlier_run_is_cleared_unless_the_policy_says_otherwise() {
        assert!(deletes(&hook(&json!({})), "before-hook-creation"));
        let succeeded = hook(&json!({"helm.sh/hook-delete-policy": "hook-succeeded"}));
        assert!(!deletes(&succeeded, "before-hook-creation") && deletes(&succeeded, "hook-succeeded"));
    }
}
