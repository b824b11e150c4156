//! One deployment, from queued to its end: admit, plan again, compare with what was shown, apply, report.
//!
//! Its life: queued until everything is decided and announced (GitHub's record, status and check); then it *begins*, which
//! is kept right before the first write. Before that moment it may be refused, cancelled or overtaken, and a crash repeats
//! it from the start. After it, a crash is mended by going on. Every end is told by [`end::close`], as often as need be.

pub(crate) mod admit;
pub(crate) mod bind;
pub(crate) mod end;
mod moves;
pub(crate) mod shown;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::git::Want;
use crate::github::Record;
use crate::model::check::Conclusion;
use crate::model::deployment::{Began, Deployment, State};
use crate::model::fault::{Cause, Failure, Fault, chain};
use crate::model::github::{Progress, Pull};
use crate::model::id::{EnvironmentId, EnvironmentName};
use crate::model::job::{Leased, deploy_lane};
use crate::model::permit::Permit;
use crate::model::refusal::Refusal;
use crate::model::report::Applied;
use crate::model::target::Run;
use crate::render::Budget;
use crate::work::deploy::admit::{Admitted, Verdict};
use crate::work::deploy::bind::Bound;
use crate::work::files::Files;
use crate::work::ground::{FILE, Ground, ground, settings_at};
use crate::work::siblings::{Siblings, members};
use crate::work::survey::Survey;
use crate::work::target::Target;
use crate::work::{Context, Then, preview};

/// How often a deployment that runs looks whether somebody asked it to stop.
const LOOK: Duration = Duration::from_secs(2);

/// The author's to fix, where a fault says no better.
const FIX: &str = "fix it, and look at the new preview";

/// Whoever runs a deployment: what it may use, the job that it holds, and its right to go on writing.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) leased: &'a Leased,
    permit: &'a Permit,
}

/// Runs a queued deployment, or goes on with one that a crash interrupted.
pub(crate) async fn run(cx: &Context, leased: &Leased, id: &str, permit: &Permit) -> Result<Then, Failure> {
    let ended = Box::pin(live(cx, leased, id, permit)).await;
    if let Err(Failure::Gone(cause)) = &ended {
        forget(cx, leased, id, &chain(cause)).await?;
    }
    ended
}

/// What it was about is gone, so nobody can be told; what waits for it must not wait for ever.
async fn forget(cx: &Context, leased: &Leased, id: &str, why: &str) -> Result<(), Failure> {
    let Some(deployment) = cx.store.deployment(id).await?.filter(|one| !one.state.ended()) else {
        return Ok(());
    };
    let (state, message, changed) = (State::Failed, why.to_owned(), (cx.clock)());
    let failed = Deployment { state, message, changed, ..deployment };
    if cx.store.update_deployment(leased, &failed).await? {
        end::release(cx, &failed).await?;
    }
    Ok(())
}

async fn live(cx: &Context, leased: &Leased, id: &str, permit: &Permit) -> Result<Then, Failure> {
    let runner = Runner { cx, leased, permit };
    let Some(deployment) = cx.store.deployment(id).await? else {
        return Err(Failure::Ours(Cause::plain(format!("deployment {id} is not in the store"))));
    };
    if deployment.state.ended() {
        // A crash between the end and the words about it: say them again, they are found and not repeated.
        return end::close(cx, &deployment, None).await;
    }
    if let Some(words) = cx.store.stop_asked(id).await? {
        return end::fail(runner, deployment, words).await;
    }
    let pull = match deployment.pull {
        Some(number) => cx.github.pull(&deployment.repo, number).await?,
        None => None,
    };
    let name = deployment.environment.name.clone();
    let ground = match ground(cx, &deployment.repo, &wants(&deployment, pull.as_ref())).await {
        Err(Failure::Author(faults)) => {
            let refusal = Refusal::of(&faults, "fix it on the default branch");
            return end::refuse(runner, deployment, refusal).await;
        }
        other => other?,
    };
    let then = one(runner, &ground, deployment, pull.as_ref()).await?;
    if then.wait.is_none() {
        wake(cx, &ground, &name).await?;
    }
    Ok(then)
}

async fn one(
    runner: Runner<'_>,
    ground: &Ground,
    mut deployment: Deployment,
    pull: Option<&Pull>,
) -> Result<Then, Failure> {
    let cx = runner.cx;
    let admitted = match admit::admit(cx, ground, &deployment, pull, (cx.clock)()).await? {
        Verdict::Go(admitted) => admitted,
        Verdict::Wait(at) => return Ok(Then::wait(at)),
        Verdict::Refuse(refusal) => return end::refuse(runner, deployment, refusal).await,
        Verdict::Overtaken(words, follow) => return end::overtaken(runner, deployment, words, follow).await,
    };
    if deployment.record.is_some() && deployment.commits.head != admitted.commits.head {
        end::withdraw(runner, &mut deployment).await?;
    }
    deployment.commits = admitted.commits.clone();
    deployment.approved = admitted.shown.as_ref().and_then(|shown| shown.plan.digest);
    let mut files = Files::new(&ground.objects);
    let (survey, target) = match look(cx, ground, &deployment, &admitted, &mut files).await {
        Err(Failure::Author(faults)) => {
            return end::refuse(runner, deployment, Refusal::of(&faults, FIX)).await;
        }
        other => other?,
    };
    let facts = &survey.facts;
    match bind::bind(&deployment, &admitted, &survey.plan, (&facts.bundle, facts.inventory.as_ref())) {
        Bound::Go(notes) => {
            if let Some(refusal) = moves::refused(cx, ground, &deployment, pull, &survey.plan).await? {
                return end::refuse(runner, deployment, refusal).await;
            }
            Box::pin(make(runner, deployment, (ground, &admitted), (survey, target, notes))).await
        }
        Bound::Nothing => {
            end::proved(runner, deployment, "nothing would change: it is deployed already".to_owned()).await
        }
        Bound::Stop(refusal) => end::refuse(runner, deployment, refusal).await,
    }
}

fn wants(deployment: &Deployment, pull: Option<&Pull>) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    if let Some(pull) = pull {
        wants.push(Want::Branch(pull.base.clone()));
        wants.push(Want::Pull(pull.number));
    }
    if deployment.state == State::Running {
        let commits = &deployment.commits;
        wants.push(Want::Commit(commits.head.clone()));
        if commits.base != commits.head {
            wants.push(Want::Commit(commits.base.clone()));
        }
    }
    wants
}

/// Lets what waits for this environment look again.
async fn wake(cx: &Context, ground: &Ground, ended: &EnvironmentName) -> Result<(), Failure> {
    let all = ground.settings.iter().flat_map(|settings| &settings.environments);
    for (name, _) in all.filter(|(_, environment)| environment.deploy.after.contains(ended)) {
        let waiting = EnvironmentId { repo: ground.repo.id, name: name.clone() };
        cx.store.wake(&deploy_lane(&waiting), (cx.clock)()).await?;
    }
    Ok(())
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
        // After a forced push it may be gone. It only helps to find what to look at.
        Some(base) if ground.objects.has(base).await? => Some(ground.objects.tree_of(base).await?),
        _ => None,
    };
    files.write(&commits.tree).await?;
    if let Some(tree) = &base_tree {
        files.write(tree).await?;
    }
    let settings = match settings_at(cx, &ground.objects, &commits.tree).await? {
        Some(Ok(settings)) => Some(settings),
        Some(Err(faults)) => return Err(Failure::Author(faults)),
        None => None,
    };
    let proposed = settings.as_ref().and_then(|settings| Some((settings, settings.environments.get(name)?)));
    let Some((settings, proposed)) = proposed else {
        let fault = Fault::new(format!("the tree to deploy no longer names `{name}`")).file(FILE);
        return Err(Failure::author(
            fault.hint("nothing there is deleted; restore it, or leave it as it is"),
        ));
    };
    let at_base = match &base_tree {
        Some(tree) => settings_at(cx, &ground.objects, tree).await?.and_then(Result::ok),
        None => None,
    };
    let budget = Budget::new(&cx.renderers.limits);
    let branch = ground.tracked(&admitted.environment);
    let members = members(settings, at_base.as_ref(), |name, environment| {
        ground.shares(cx, (name, environment), &branch)
    });
    let trees = (base_tree.as_ref().and_then(|tree| files.path(tree)), files.expect(&commits.tree)?);
    let siblings = Siblings::new((&cx.renderers, &budget), trees, members);
    let at_base = at_base.as_ref().and_then(|settings| settings.environments.get(name));
    let (survey, target) = preview::at(
        cx,
        ground,
        files,
        preview::At {
            name,
            proposed,
            base: at_base,
            base_tree: base_tree.as_ref(),
            tree: &commits.tree,
            look: preview::Look::Live,
            budget: &budget,
            siblings: Some(&siblings),
        },
    )
    .await?;
    match target {
        Some(target) => Ok((survey, target)),
        None => Err(Failure::Ours(Cause::plain(format!("environment {name} lost its target")))),
    }
}

/// Announces, begins, applies and reports.
async fn make(
    runner: Runner<'_>,
    mut deployment: Deployment,
    (ground, admitted): (&Ground, &Admitted),
    (survey, target, notes): (Survey, Target, Vec<String>),
) -> Result<Then, Failure> {
    let Runner { cx, permit, .. } = runner;
    announce(runner, &mut deployment).await?;
    if !permit.holds() {
        return Err(stopping());
    }
    begin(runner, &mut deployment, &survey).await?;
    let scope = ground.scope(&deployment.environment.name, &admitted.environment);
    let run = Run {
        plan: &survey.plan,
        bundle: &survey.facts.bundle,
        inventory: survey.facts.inventory.as_ref(),
        deployment: &deployment,
        permit,
    };
    keep_bundle(cx, &survey).await;
    let applied: Vec<Applied> = tokio::select! {
        applied = target.apply(&scope, &run) => match applied {
            Err(Failure::Author(faults)) => {
                let words = end::words(&Refusal::of(&faults, FIX));
                return end::fail(runner, deployment, words).await;
            }
            Err(failure) => {
                preview::forget_refused(cx, ground, &failure).await;
                return Err(failure);
            }
            Ok(applied) => applied,
        },
        never = obey(cx, &deployment.id, permit) => match never {},
    };
    let stop = if permit.holds() { None } else { cx.store.stop_asked(&deployment.id).await? };
    if !permit.holds() && stop.is_none() {
        // The lease is gone or we are shutting down: whoever holds the job next goes on from what is recorded.
        return Err(stopping());
    }
    let report = survey.facts.report(&scope, &cx.mask, &applied);
    deployment.state = if report.succeeded() { State::Succeeded } else { State::Failed };
    let summary = report.summary();
    deployment.message = stop.map_or(summary.clone(), |words| format!("{words}: {summary}"));
    deployment.report = Some(report);
    keep(runner, &mut deployment).await?;
    end::close(cx, &deployment, Some((&survey.plan, &notes))).await
}

fn stopping() -> Failure {
    Failure::weather("apply", "asked to stop before it was done")
}

/// Says on GitHub that it is about to begin. Nothing was written yet: whatever fails here, it is all done again.
async fn announce(runner: Runner<'_>, deployment: &mut Deployment) -> Result<(), Failure> {
    let cx = runner.cx;
    if deployment.record.is_none() {
        deployment.record = Some(cx.github.record(&deployment.repo, &record(deployment)).await?);
        keep(runner, deployment).await?;
    }
    end::progress(cx, deployment, Progress::Running, "applying").await?;
    let check = end::check(deployment, Conclusion::InProgress, "Applying", "", "");
    cx.github.check(&deployment.repo, &deployment.commits.head, &check).await?;
    Ok(())
}

/// From here on a crash is mended by going on: the state says that it began.
async fn begin(runner: Runner<'_>, deployment: &mut Deployment, survey: &Survey) -> Result<(), Failure> {
    if deployment.began.is_none() {
        deployment.began = Some(Began { at: (runner.cx.clock)(), bundle: survey.plan.bundle });
    }
    deployment.state = State::Running;
    keep(runner, deployment).await
}

/// Takes the right to go on away once somebody asks the deployment to stop. Never ends by itself.
async fn obey(cx: &Context, id: &str, permit: &Permit) -> std::convert::Infallible {
    loop {
        sleep(LOOK).await;
        // A store that does not answer for a moment is asked again.
        if let Ok(Some(_)) = cx.store.stop_asked(id).await {
            permit.revoke();
            return std::future::pending().await;
        }
    }
}

/// Keeps what is about to be deployed. A database that does not take it must not stop the deployment.
async fn keep_bundle(cx: &Context, survey: &Survey) {
    let Some(digest) = survey.plan.bundle else { return };
    if let Err(error) = cx.store.keep_bundle(digest, &survey.facts.bundle, (cx.clock)()).await {
        tracing::warn!(error = %chain(&error), "what is deployed could not be kept");
    }
}

/// GitHub's record of it.
fn record(deployment: &Deployment) -> Record {
    let commits = &deployment.commits;
    Record {
        // A record is of one commit: announced on another one, it is another record.
        key: format!("{}@{}", deployment.id, commits.head),
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

/// Stores a deployment's new state, if the lease still holds. If it was cancelled meanwhile, that is told, with what was
/// announced already, and the failure says that nothing remains.
pub(crate) async fn keep(runner: Runner<'_>, deployment: &mut Deployment) -> Result<(), Failure> {
    let Runner { cx, leased, .. } = runner;
    deployment.changed = (cx.clock)();
    if cx.store.update_deployment(leased, deployment).await? {
        return Ok(());
    }
    if let Some(ended) = cx.store.deployment(&deployment.id).await? {
        let record = ended.record.or(deployment.record);
        end::close(cx, &Deployment { record, ..ended }, None).await?;
    }
    Err(Failure::Gone(Cause::plain("the deployment was cancelled meanwhile")))
}

/// Ends a deployment whose job is given up: kept and told as any other end.
pub(crate) async fn bury(cx: &Context, leased: &Leased, id: &str, words: String) -> Result<(), Failure> {
    let Some(deployment) = cx.store.deployment(id).await? else { return Ok(()) };
    if deployment.state.ended() {
        return end::close(cx, &deployment, None).await.map(drop);
    }
    let permit = Permit::default();
    end::fail(Runner { cx, leased, permit: &permit }, deployment, words).await.map(drop)
}
