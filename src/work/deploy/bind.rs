//! Is what would happen now what was shown? Pure: the promise of the product is decided here.

use crate::diff::digest::{Comparison, compare};
use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::id::EnvironmentName;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Plan};
use crate::model::refusal::Refusal;
use crate::model::report::{Done, Report};
use crate::work::deploy::admit::Admitted;
use crate::work::survey::Survey;

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

/// Compares the plan made now with what was shown, and minds the limits.
pub(crate) fn bind(deployment: &Deployment, admitted: &Admitted, survey: &Survey) -> Bound {
    let plan = &survey.plan;
    if let Some(fault) = plan.errors.first() {
        let more = plan.errors.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        return Bound::Stop(Refusal::new(format!("it cannot be deployed: {fault}{more}"), "see the preview"));
    }
    if plan.is_empty() && deployment.state != State::Running && !unconfirmed(survey) {
        return Bound::Nothing;
    }
    let notes = match admitted.approved.split_first() {
        None => match unshown(deployment, plan) {
            Ok(notes) => notes,
            Err(refusal) => return Bound::Stop(refusal),
        },
        Some((shown, others)) => match shown_covers(shown, others, plan, deployment) {
            Ok(notes) => notes,
            Err(objects) => {
                return Bound::Stop(differs(&deployment.environment.name, admitted, survey, &objects));
            }
        },
    };
    match limits(deployment, admitted, survey) {
        Some(refusal) => Bound::Stop(refusal),
        None => Bound::Go(notes),
    }
}

/// Did a deployment that wrote ahead not confirm what it did?
fn unconfirmed(survey: &Survey) -> bool {
    survey.facts.inventory.as_ref().is_some_and(|inventory| {
        inventory.entries.values().any(|owned| owned.digest.is_none())
            || survey.facts.bundle.objects.iter().any(|object| !inventory.entries.contains_key(&object.id))
    })
}

fn shown_covers(
    shown: &Plan,
    others: &[Plan],
    now: &Plan,
    deployment: &Deployment,
) -> Result<Vec<String>, Vec<ObjectId>> {
    let objects = match compare(shown, now) {
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
    // Running: what this very deployment has done already is missing from the plan now.
    if deployment.state == State::Running && now.changes.iter().all(|change| !objects.contains(&change.id)) {
        return Ok(vec!["Went on after an interruption.".to_owned()]);
    }
    let only = |change: &crate::model::plan::Change| Plan {
        changes: vec![change.clone()],
        hooks: Vec::new(),
        digest: None,
        ..now.clone()
    };
    let elsewhere = |id: &ObjectId| {
        now.changes.iter().find(|change| change.id == *id).is_some_and(|change| {
            others.iter().any(|other| {
                !matches!(compare(other, &only(change)), Comparison::Differs { .. }) || holds(other, change)
            })
        })
    };
    if objects.iter().all(elsewhere) {
        return Ok(vec![format!("{} previewed on other pull requests went along.", count(objects.len()))]);
    }
    Err(objects)
}

/// Does another pull request's plan hold this very change?
fn holds(other: &Plan, change: &crate::model::plan::Change) -> bool {
    other.changes.iter().any(|old| {
        old.id == change.id
            && old.action == change.action
            && old.uid.as_deref().filter(|_| old.action == Action::Delete)
                == change.uid.as_deref().filter(|_| change.action == Action::Delete)
            && effective(old) == effective(change)
    })
}

fn effective(change: &crate::model::plan::Change) -> Vec<(&str, &serde_json::Value, &serde_json::Value)> {
    let mut paths: Vec<_> = change
        .paths
        .iter()
        .filter(|path| path.class.has_effect() && change.action != Action::Delete)
        .map(|path| (path.path.as_str(), &path.before, &path.after))
        .collect();
    paths.sort_by(|a, b| a.0.cmp(b.0));
    paths
}

/// Without a preview: creates and updates of our own objects go on, anything else is held.
fn unshown(deployment: &Deployment, plan: &Plan) -> Result<Vec<String>, Refusal> {
    let restores = deployment.cause == Trigger::Close;
    let held: Vec<String> = plan
        .changes
        .iter()
        .filter(|change| match change.action {
            Action::Create | Action::Update | Action::Keep | Action::None => false,
            Action::Delete => !restores,
            Action::Replace | Action::Move | Action::Adopt => true,
        })
        .map(|change| format!("{} {}", change.action, change.id))
        .collect();
    if held.is_empty() {
        let words = if restores {
            "Back to the tracked branch."
        } else {
            "A push without a pull request: no preview was shown."
        };
        return Ok(vec![words.to_owned()]);
    }
    Err(Refusal::new(
        format!("no preview showed this, and it would {}", held.join(", ")),
        "propose it in a pull request, or approve it there with `/deploy`",
    ))
}

fn limits(deployment: &Deployment, admitted: &Admitted, survey: &Survey) -> Option<Refusal> {
    let plan = &survey.plan;
    let deletes = plan.changes.iter().filter(|change| change.action == Action::Delete).count();
    let name = &deployment.environment.name;
    if deletes == 0 || deployment.deletes == Some(deletes) {
        return None;
    }
    let limit = admitted.environment.deploy.limits.deletes(plan.owned);
    let emptied = survey.facts.bundle.objects.is_empty();
    if deletes <= limit && !emptied {
        return None;
    }
    let why = if emptied {
        "nothing at all would be left".to_owned()
    } else {
        format!("the limit is {limit} of {} objects", plan.owned)
    };
    Some(
        Refusal::new(
            format!("{} would be deleted in `{name}`; {why}", count(deletes)),
            format!("if that is meant: `/deploy {name} deletes={deletes}`"),
        )
        .by(format!(".tidegate.yaml:{}", admitted.environment.line)),
    )
}

/// Which of the five moved: head, base, rendered bytes, config, live state.
fn differs(name: &EnvironmentName, admitted: &Admitted, survey: &Survey, objects: &[ObjectId]) -> Refusal {
    let mut moved = Vec::new();
    if let Some((head, base)) = &admitted.shown {
        if *head != admitted.commits.head && admitted.commits.head != admitted.commits.base {
            moved.push(format!("the head (shown {}, now {})", head.short(), admitted.commits.head.short()));
        }
        if *base != admitted.commits.base {
            moved.push(format!("the base (shown {}, now {})", base.short(), admitted.commits.base.short()));
        }
    }
    let shown = admitted.approved.first();
    if shown.is_some_and(|shown| shown.bundle != survey.plan.bundle) {
        moved.push("the rendered bytes".to_owned());
    }
    if shown.is_some_and(|shown| shown.target != survey.plan.target) {
        moved.push("the config".to_owned());
    }
    if moved.is_empty() {
        moved.push("the live state".to_owned());
    }
    let listed = objects.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = if objects.len() > 5 { format!(" and {} more", objects.len() - 5) } else { String::new() };
    Refusal::new(
        format!(
            "what would happen in `{name}` is not what the preview showed; moved: {}. Different: {listed}{more}",
            moved.join(", ")
        ),
        "look at the new preview and repeat the command",
    )
}

/// One line on how it ended.
pub(crate) fn summary(report: &Report) -> String {
    let (mut changed, mut unchanged, mut failed, mut skipped) = (0, 0, 0, 0);
    for outcome in &report.outcomes {
        match outcome.result {
            Done::Changed => changed += 1,
            Done::Unchanged => unchanged += 1,
            Done::Failed(_) => failed += 1,
            Done::Skipped(_) => skipped += 1,
        }
    }
    let mut words = vec![format!("{} changed", count(changed))];
    for (number, word) in [(unchanged, "already so"), (failed, "failed"), (skipped, "not tried")] {
        if number > 0 {
            words.push(format!("{number} {word}"));
        }
    }
    words.join(", ")
}

fn count(number: usize) -> String {
    if number == 1 { "1 object".to_owned() } else { format!("{number} objects") }
}
