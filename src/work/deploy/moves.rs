//! What moves here leaves another environment: whoever asks for it must be allowed to deploy both.

use std::collections::BTreeSet;

use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::Pull;
use crate::model::id::{EnvironmentId, EnvironmentName};
use crate::model::plan::{Action, Plan};
use crate::model::refusal::Refusal;
use crate::model::settings::Environment;
use crate::model::target::TargetSettings;
use crate::work::ground::Ground;
use crate::work::{Context, gate, rules, status};

/// Why what a plan takes from other environments may not be taken now; none: it may. A merge and a push need nobody's word:
/// the tracked branch is what all of them are to be.
pub(super) async fn refused(
    cx: &Context,
    ground: &Ground,
    deployment: &Deployment,
    pull: Option<&Pull>,
    plan: &Plan,
) -> Result<Option<Refusal>, Failure> {
    let (Trigger::Command { .. }, Some(pull)) = (deployment.cause, pull) else { return Ok(None) };
    if deployment.state == State::Running {
        return Ok(None);
    }
    for name in losers(plan) {
        // One that is in force no more has no rules either.
        let Some(environment) = ground.environment(name) else { continue };
        let Ok(target) = ground.target(cx, name).await? else { continue };
        if let Some(refusal) = refused_by(cx, ground, deployment, pull, (name, environment, target)).await? {
            let message = format!("objects would leave `{name}`, and there: {}", refusal.message);
            return Ok(Some(Refusal { message, ..refusal }));
        }
    }
    Ok(None)
}

/// The environments that lose something to this one.
fn losers(plan: &Plan) -> BTreeSet<&EnvironmentName> {
    let moves = plan.changes.iter().filter(|change| change.action == Action::Move);
    let from = moves.filter_map(|change| change.transfer.as_ref()).map(|transfer| &transfer.from.environment);
    from.filter(|from| **from != plan.name).collect()
}

async fn refused_by(
    cx: &Context,
    ground: &Ground,
    deployment: &Deployment,
    pull: &Pull,
    (name, environment, target): (&EnvironmentName, &Environment, &TargetSettings),
) -> Result<Option<Refusal>, Failure> {
    let Some(by_id) = deployment.by_id else { return Ok(None) };
    let repo = &deployment.repo;
    let person = gate::person(cx, repo, (&deployment.by, by_id), &[environment]).await?;
    if let Err(refusal) = rules::may_command(&person, environment, target) {
        return Ok(Some(refusal));
    }
    let gates = gate::gates(cx, repo, pull, (environment, target)).await?;
    let base = ground.mirror.tip(&pull.base).await?;
    let fresh = match &base {
        _ if pull.merged => true,
        Some(base) => ground.objects.is_ancestor(base, &pull.head).await?,
        None => false,
    };
    if let Err(refusal) = rules::gates_hold(environment, target, &gates, fresh) {
        return Ok(Some(refusal));
    }
    if !pull.merged
        && let Err(refusal) = rules::may_before_merge(pull, environment, target, &gates)
    {
        return Ok(Some(refusal));
    }
    let now = (cx.clock)();
    let of = EnvironmentId { repo: repo.id, name: name.clone() };
    let held = cx.store.lock(&of, now).await?.filter(|lock| lock.pull != pull.number);
    Ok(held.map(|lock| status::held(name, &lock, now)))
}
