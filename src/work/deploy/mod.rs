//! One deployment, from queued to its end: admit, plan again, compare with what was shown, apply, report.

pub(crate) mod admit;
pub(crate) mod bind;
pub(crate) mod end;

use jiff::Timestamp;
use serde_json::json;

use crate::git::Want;
use crate::github::Record;
use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::github::{Progress, Pull};
use crate::model::job::{Job, Leased};
use crate::model::permit::Permit;
use crate::model::refusal::Refusal;
use crate::model::target::Run;
use crate::render::Budget;
use crate::work::deploy::admit::{Admitted, Verdict};
use crate::work::deploy::bind::Bound;
use crate::work::files::Files;
use crate::work::ground::{FILE, Ground, ground, settings_at};
use crate::work::survey::Survey;
use crate::work::target::Target;
use crate::work::{Context, Then, preview};

/// Runs a queued deployment, or goes on with one that a crash interrupted.
pub(crate) async fn run(cx: &Context, leased: &Leased, id: &str, permit: &Permit) -> Result<Then, Failure> {
    let Some(mut deployment) = cx.store.deployment(id).await? else {
        return Err(Failure::Ours(Cause::plain(format!("deployment {id} is not in the store"))));
    };
    if deployment.state.ended() {
        // A crash between the end and the words about it: say them again, they are found and not repeated.
        end::tell(cx, &deployment, None).await?;
        return Ok(Then::done());
    }
    let now = (cx.clock)();
    let pull = match deployment.pull {
        Some(number) => cx.github.pull(&deployment.repo, number).await?,
        None => None,
    };
    let ground = match ground(cx, &deployment.repo, &wants(&deployment, pull.as_ref())).await {
        Err(Failure::Author(faults)) => {
            let words = faults.first().map(ToString::to_string).unwrap_or_default();
            let refusal = Refusal::new(
                format!("the file in force is broken: {words}"),
                "mend it on the default branch",
            );
            return end::refuse(cx, leased, deployment, refusal, Vec::new()).await;
        }
        other => other?,
    };
    let admitted = match admit::admit(cx, &ground, &deployment, pull.as_ref(), now).await? {
        Verdict::Go(admitted) => admitted,
        Verdict::Wait(at) => return Ok(Then::wait(at)),
        Verdict::Refuse(refusal) => return end::refuse(cx, leased, deployment, refusal, Vec::new()).await,
        Verdict::Overtaken(words) => return end::skip(cx, leased, deployment, words).await,
    };
    deployment.commits = admitted.commits.clone();
    deployment.approved = admitted.approved.first().and_then(|plan| plan.digest);
    let mut files = Files::new(&ground.objects);
    let (survey, target) = match look(cx, &ground, &deployment, &admitted, &mut files).await {
        Err(Failure::Author(faults)) => {
            let words = faults.first().map(ToString::to_string).unwrap_or_default();
            let refusal = Refusal::new(
                format!("it cannot be deployed: {words}"),
                "mend it, and look at the new preview",
            );
            return end::refuse(cx, leased, deployment, refusal, Vec::new()).await;
        }
        other => other?,
    };
    match bind::bind(&deployment, &admitted, &survey) {
        Bound::Go(notes) => {
            let found = (survey, target, notes);
            make(cx, (leased, permit), deployment, (&ground, &admitted), found).await
        }
        Bound::Nothing => {
            end::skip(cx, leased, deployment, "nothing would change: it is deployed already".to_owned()).await
        }
        Bound::Stop(refusal) => {
            let again = refresh(&deployment, pull.as_ref());
            end::refuse(cx, leased, deployment, refusal, again).await
        }
    }
}

fn wants(deployment: &Deployment, pull: Option<&Pull>) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    if let Some(pull) = pull {
        wants.push(Want::Branch(pull.base.clone()));
        wants.push(Want::Pull(pull.number));
    }
    if deployment.state == State::Running {
        wants.push(Want::Commit(deployment.commits.head.clone()));
    }
    wants
}

/// What would change now, at the trees that are to be deployed.
async fn look(
    cx: &Context,
    ground: &Ground,
    deployment: &Deployment,
    admitted: &Admitted,
    files: &mut Files<'_>,
) -> Result<(Survey, Target), Failure> {
    let name = &deployment.environment.name;
    let commits = &deployment.commits;
    let base_tree = match &admitted.base {
        Some(base) => Some(ground.objects.tree_of(base).await?),
        None => None,
    };
    files.write(&commits.tree).await?;
    if let Some(tree) = &base_tree {
        files.write(tree).await?;
    }
    let proposed = match settings_at(cx, &ground.objects, &commits.tree).await? {
        Some(Ok(settings)) => settings.environments.get(name).cloned(),
        Some(Err(faults)) => return Err(Failure::Author(faults)),
        None => None,
    };
    let Some(proposed) = proposed else {
        let fault = Fault::new(format!("the tree to deploy no longer names `{name}`")).file(FILE);
        return Err(Failure::author(
            fault.hint("nothing there is deleted; restore it, or leave it as it is"),
        ));
    };
    let at_base = match &base_tree {
        Some(tree) => settings_at(cx, &ground.objects, tree).await?.and_then(Result::ok),
        None => None,
    };
    let at_base = at_base.as_ref().and_then(|settings| settings.environments.get(name));
    let (survey, target) = preview::at(
        cx,
        ground,
        files,
        preview::At {
            name,
            proposed: &proposed,
            base: at_base,
            base_tree: base_tree.as_ref(),
            tree: &commits.tree,
            look: preview::Look::Live,
            budget: &Budget::new(&cx.renderers.limits),
        },
    )
    .await?;
    match target {
        Some(target) => Ok((survey, target)),
        None => Err(Failure::Ours(Cause::plain(format!("environment {name} lost its target")))),
    }
}

/// Applies and reports. From here on a crash is mended by running again: the state says that it began.
async fn make(
    cx: &Context,
    (leased, permit): (&Leased, &Permit),
    mut deployment: Deployment,
    (ground, admitted): (&Ground, &Admitted),
    (survey, target, notes): (Survey, Target, Vec<String>),
) -> Result<Then, Failure> {
    if deployment.record.is_none() {
        deployment.record = Some(cx.github.record(&deployment.repo, &record(&deployment)).await?);
    }
    deployment.state = State::Running;
    keep(cx, leased, &mut deployment).await?;
    end::progress(cx, &deployment, Progress::Running, "applying").await?;
    publish_check(cx, &deployment).await?;
    let scope = ground.scope(&deployment.environment.name, &admitted.environment);
    let run = Run {
        plan: &survey.plan,
        bundle: &survey.facts.bundle,
        inventory: survey.facts.inventory.as_ref(),
        deployment: &deployment,
        permit,
    };
    keep_bundle(cx, &survey).await;
    let applied = match target.apply(&scope, &run).await {
        Err(failure) => {
            preview::forget_refused(cx, ground, &failure).await;
            return Err(failure);
        }
        applied => applied?,
    };
    if !permit.holds()
        && cx.store.deployment(&deployment.id).await?.is_none_or(|now| now.state == State::Running)
    {
        // The lease is gone or we are shutting down: whoever holds the job next goes on from what is recorded.
        return Err(Failure::weather("apply", "asked to stop before it was done"));
    }
    let report = survey.facts.report(&scope, &cx.mask, &applied);
    deployment.state = if report.succeeded() { State::Succeeded } else { State::Failed };
    deployment.message = bind::summary(&report);
    deployment.report = Some(report);
    keep(cx, leased, &mut deployment).await?;
    end::tell(cx, &deployment, Some((&survey.plan, &notes))).await?;
    Ok(Then::done())
}

/// Keeps what is about to be deployed. A database that does not take it must not stop the deployment.
async fn keep_bundle(cx: &Context, survey: &Survey) {
    let Some(digest) = survey.plan.bundle else { return };
    if let Err(error) = cx.store.keep_bundle(digest, &survey.facts.bundle, (cx.clock)()).await {
        tracing::warn!(error = %crate::model::fault::chain(&error), "what is deployed could not be kept");
    }
}

/// GitHub's record of it.
fn record(deployment: &Deployment) -> Record {
    let commits = &deployment.commits;
    Record {
        key: deployment.id.clone(),
        commit: commits.head.clone(),
        environment: deployment.environment.name.clone(),
        description: format!("by Tidegate, for {}", deployment.by),
        payload: json!({
            "base": commits.base.as_str(),
            "tree": commits.tree.as_str(),
            "plan": deployment.approved.map(|digest| digest.to_string()),
            "pull": deployment.pull.map(|pull| pull.0),
        }),
    }
}

async fn publish_check(cx: &Context, deployment: &Deployment) -> Result<(), Failure> {
    let check = end::check(deployment, crate::model::check::Conclusion::InProgress, "Applying", "", "");
    cx.github.check(&deployment.repo, &deployment.commits.head, &check).await?;
    Ok(())
}

/// Stores a deployment's new state, if the lease still holds.
pub(crate) async fn keep(cx: &Context, leased: &Leased, deployment: &mut Deployment) -> Result<(), Failure> {
    deployment.changed = (cx.clock)();
    if cx.store.update_deployment(leased, deployment).await? {
        Ok(())
    } else {
        Err(Failure::Gone(Cause::plain("the deployment was cancelled meanwhile")))
    }
}

/// The preview is made afresh after a stop, so that the difference can be seen and approved.
fn refresh(deployment: &Deployment, pull: Option<&Pull>) -> Vec<Job> {
    pull.filter(|pull| pull.open && deployment.cause != Trigger::Close)
        .map(|pull| Job::Preview { repo: deployment.repo.clone(), pull: pull.number })
        .into_iter()
        .collect()
}

/// How long a deployment waits before it looks again at what it waits for.
pub(crate) fn soon(now: Timestamp) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(5)).unwrap_or(now)
}
