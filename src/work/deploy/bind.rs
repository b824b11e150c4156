//! Is what would happen now what was shown? Pure: the promise of the product is decided here.

use crate::diff::digest::{Comparison, compare};
use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::object::{Bundle, ObjectId};
use crate::model::plan::{Action, Change, Plan};
use crate::model::refusal::Refusal;
use crate::model::view::Inventory;
use crate::work::deploy::admit::Admitted;
use crate::work::deploy::shown::Shown;
use crate::work::ground::FILE;
use crate::work::survey::{Excess, excess};

/// The decision.
#[derive(Debug, PartialEq)]
pub(crate) enum Bound {
    /// Go, and say this.
    Go(Vec<String>),
    /// There is nothing to do, which is proved by the plan.
    Nothing,
    /// Stop: something else would happen, or too much.
    Stop(Refusal),
}

/// Compares the plan made now with what was shown, and minds the limits. `found` is what the plan was made from.
pub(crate) fn bind(
    deployment: &Deployment,
    admitted: &Admitted,
    plan: &Plan,
    found: (&Bundle, Option<&Inventory>),
) -> Bound {
    if !plan.errors.is_empty() {
        return Bound::Stop(Refusal::of(&plan.errors, "see the preview").effect());
    }
    if plan.is_empty() && deployment.state != State::Running && !unconfirmed(found) {
        return Bound::Nothing;
    }
    let bound = match &admitted.shown {
        None if matches!(deployment.cause, Trigger::Command { .. }) => Err(forgotten(plan)),
        None => unshown(deployment, &admitted.others, plan),
        Some(shown) if shown.plan.digest.is_none() => Err(unseen(&shown.plan, admitted)),
        Some(shown) => covered(shown, &admitted.others, plan, deployment)
            .map_err(|objects| differs(shown, admitted, plan, &objects)),
    };
    let notes = match bound {
        Ok(notes) => notes,
        Err(refusal) => return Bound::Stop(refusal),
    };
    match limits(deployment, admitted, plan, found.0) {
        Some(refusal) => Bound::Stop(refusal),
        None => Bound::Go(notes),
    }
}

/// Did a deployment that wrote ahead not confirm what it did?
fn unconfirmed((bundle, inventory): (&Bundle, Option<&Inventory>)) -> bool {
    inventory.is_some_and(|inventory| {
        inventory.entries.values().any(|owned| owned.digest.is_none())
            || bundle.objects.iter().any(|object| !inventory.entries.contains_key(&object.id))
    })
}

/// Is what would happen now covered by what was shown: here, or on pull requests that were merged since? The objects that
/// are not, otherwise.
fn covered(
    shown: &Shown,
    others: &[Plan],
    now: &Plan,
    deployment: &Deployment,
) -> Result<Vec<String>, Vec<ObjectId>> {
    let objects = match compare(&shown.plan, now) {
        Comparison::Equal => return Ok(Vec::new()),
        Comparison::Subset { done } => {
            return Ok(vec![format!("{} of what the preview showed is live already.", count(done.len()))]);
        }
        Comparison::Sharper => {
            return Ok(vec![
                "The target answers more than when it was previewed; only side effects differ.".to_owned(),
            ]);
        }
        Comparison::Differs { objects } => objects,
    };
    let begun = Begun { deployment, shown: &shown.plan, others, now };
    let open: Vec<ObjectId> = objects.into_iter().filter(|id| !begun.has_done(id)).collect();
    if open.is_empty() {
        return Ok(vec!["Went on after an interruption.".to_owned()]);
    }
    let elsewhere = |id: &ObjectId| change_of(now, id).is_some_and(|change| previewed(change, others, now));
    if open.iter().all(elsewhere) { Ok(vec![went_along(open.len())]) } else { Err(open) }
}

/// A deployment that was interrupted, and what it finds when it goes on.
struct Begun<'a> {
    deployment: &'a Deployment,
    shown: &'a Plan,
    others: &'a [Plan],
    now: &'a Plan,
}

impl Begun<'_> {
    /// Is a difference only what this very deployment has done before it was interrupted?
    fn has_done(&self, id: &ObjectId) -> bool {
        if self.deployment.state != State::Running {
            return false;
        }
        match change_of(self.now, id) {
            None => true,
            // Between the delete and the create of a replacement there is nothing: what is left of it is the create, which
            // was approved with it, as long as the same bytes are to be created.
            Some(change) => change.action == Action::Create && self.same_bytes() && self.replaces(id),
        }
    }

    fn same_bytes(&self) -> bool {
        let then = self.deployment.began.as_ref().and_then(|began| began.bundle);
        then.is_some() && then == self.now.bundle
    }

    fn replaces(&self, id: &ObjectId) -> bool {
        let mut approved = std::iter::once(self.shown).chain(self.others).flat_map(|plan| &plan.changes);
        approved.any(|change| change.id == *id && change.action == Action::Replace)
    }
}

fn change_of<'a>(plan: &'a Plan, id: &ObjectId) -> Option<&'a Change> {
    plan.changes.iter().chain(&plan.hooks).find(|change| change.id == *id)
}

fn went_along(number: usize) -> String {
    format!("{} previewed on other pull requests went along.", count(number))
}

/// Was this very change shown on another pull request?
fn previewed(change: &Change, others: &[Plan], now: &Plan) -> bool {
    let only = Plan { changes: vec![change.clone()], hooks: Vec::new(), digest: None, ..now.clone() };
    others.iter().any(|other| {
        !matches!(compare(other, &only), Comparison::Differs { .. })
            || (other.target == now.target && holds(other, change))
    })
}

/// Does another pull request's plan hold this very change?
fn holds(other: &Plan, change: &Change) -> bool {
    other.changes.iter().chain(&other.hooks).any(|old| {
        old.id == change.id
            && old.action == change.action
            && old.uid.as_deref().filter(|_| old.action == Action::Delete)
                == change.uid.as_deref().filter(|_| change.action == Action::Delete)
            && (change.action == Action::Delete || (old.effect.is_some() && old.effect == change.effect))
    })
}

/// Without a preview: what was shown on other pull requests goes on, and so do creates and updates of our own objects;
/// anything else is held.
fn unshown(deployment: &Deployment, others: &[Plan], plan: &Plan) -> Result<Vec<String>, Refusal> {
    let restores = deployment.cause == Trigger::Close;
    let careful = plan.changes.iter().filter(|change| match change.action {
        Action::Create | Action::Update | Action::Keep | Action::None => false,
        Action::Delete => !restores,
        // Who gives up an object does nothing to it, and between apps of one environment it stays where it is.
        Action::Move => change.transfer.as_ref().is_none_or(|moved| moved.from.environment != plan.name),
        Action::Replace | Action::Adopt => true,
    });
    let (along, held): (Vec<&Change>, Vec<&Change>) =
        careful.partition(|change| previewed(change, others, plan));
    if held.is_empty() {
        let words = match deployment.cause {
            Trigger::Close => "Back to the tracked branch.",
            Trigger::Push => "A push without a pull request: no preview was shown.",
            Trigger::Merge | Trigger::Command { .. } => "No preview of this pull request was shown.",
        };
        let along = (!along.is_empty()).then(|| went_along(along.len()));
        return Ok(std::iter::once(words.to_owned()).chain(along).collect());
    }
    let held: Vec<String> = held.iter().map(|change| format!("{} {}", change.action, change.id)).collect();
    Err(Refusal::new(
        format!("no preview showed this, and it would {}", held.join(", ")),
        "propose it in a pull request, or approve it there with `/deploy`",
    ))
}

/// How many deletes are too many to go on without an answer.
fn limits(deployment: &Deployment, admitted: &Admitted, plan: &Plan, bundle: &Bundle) -> Option<Refusal> {
    let Excess { deletes, why } = excess(plan, bundle, admitted.environment.deploy.limits)?;
    let name = &deployment.environment.name;
    let answered = match deployment.deletes {
        // It was asked before it began, and some of them are done.
        Some(meant) if deployment.state == State::Running => deletes <= meant,
        Some(meant) => deletes == meant,
        None => deployment.state == State::Running,
    };
    if answered {
        return None;
    }
    Some(
        Refusal::new(
            format!("{} would be deleted in `{name}`; {why}", count(deletes)),
            format!("if that is meant: `/deploy {name} deletes={deletes}`"),
        )
        .by(format!("{FILE}:{}", admitted.environment.line)),
    )
}

/// What to do about an effect that was not approved.
fn anew(admitted: &Admitted) -> &'static str {
    if admitted.commits.head == admitted.commits.base {
        "open a pull request: its preview shows what remains, and its merge or `/deploy` deploys it"
    } else {
        "look at the new preview and repeat the command"
    }
}

/// A command is bound to what its writer saw.
fn forgotten(plan: &Plan) -> Refusal {
    let message = format!("the preview that this command was about does not show `{}`", plan.name);
    Refusal::new(message, "look at the new preview and repeat the command").effect()
}

/// The preview had no effect to approve: an error, or a target that could not be looked at.
fn unseen(shown: &Plan, admitted: &Admitted) -> Refusal {
    let why = shown.errors.first().map_or_else(String::new, |fault| format!(": {}", fault.message));
    let name = &shown.name;
    Refusal::new(format!("the preview did not show what would happen in `{name}`{why}"), anew(admitted))
        .effect()
}

/// Which of the five moved: head, base, rendered bytes, config, live state.
fn differs(shown: &Shown, admitted: &Admitted, now: &Plan, objects: &[ObjectId]) -> Refusal {
    let mut moved = Vec::new();
    let commits = &admitted.commits;
    if shown.head != commits.head && commits.head != commits.base {
        moved.push(format!("the head (shown {}, now {})", shown.head.short(), commits.head.short()));
    }
    if shown.base != commits.base {
        moved.push(format!("the base (shown {}, now {})", shown.base.short(), commits.base.short()));
    }
    if shown.plan.bundle != now.bundle {
        moved.push("the rendered bytes".to_owned());
    }
    if shown.plan.target != now.target {
        moved.push("the config".to_owned());
    }
    if moved.is_empty() {
        moved.push("the live state".to_owned());
    }
    let listed = objects.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = if objects.len() > 5 { format!(" and {} more", objects.len() - 5) } else { String::new() };
    Refusal::new(
        format!(
            "what would happen in `{}` is not what the preview showed; moved: {}. Different: {listed}{more}",
            now.name,
            moved.join(", ")
        ),
        anew(admitted),
    )
    .effect()
}

fn count(number: usize) -> String {
    if number == 1 { "1 object".to_owned() } else { format!("{number} objects") }
}
