//! How a deployment ended: kept first, then told on GitHub by reply, reaction, status and check, each found again before it
//! is made. So an end can be told as often as need be.

use crate::comment::Ending;
use crate::model::check::{Check, Comment, Conclusion};
use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::{Progress, Reaction};
use crate::model::id::{CommentId, EnvironmentName};
use crate::model::job::{Job, deploy_lane};
use crate::model::plan::Plan;
use crate::model::refusal::{Refusal, Why};
use crate::work::deploy::{Runner, keep};
use crate::work::{Context, Then};

/// Refuses: nothing was written to the target.
pub(crate) async fn refuse(
    runner: Runner<'_>,
    mut deployment: Deployment,
    refusal: Refusal,
) -> Result<Then, Failure> {
    // What had begun has written something: that is a failure to be looked at, not a refusal.
    if deployment.state == State::Running {
        let words = words(&refusal);
        return fail(runner, deployment, words).await;
    }
    deployment.state = State::Refused;
    deployment.message.clone_from(&refusal.message);
    deployment.refusal = Some(refusal);
    keep(runner, &mut deployment).await?;
    close(runner.cx, &deployment, None).await
}

/// Fails without a report: what was begun cannot be brought to its end, or the target will not take it.
pub(crate) async fn fail(
    runner: Runner<'_>,
    mut deployment: Deployment,
    words: String,
) -> Result<Then, Failure> {
    deployment.state = State::Failed;
    deployment.message = words;
    keep(runner, &mut deployment).await?;
    close(runner.cx, &deployment, None).await
}

/// Succeeds without writing: what was asked for is so already.
pub(crate) async fn proved(
    runner: Runner<'_>,
    mut deployment: Deployment,
    words: String,
) -> Result<Then, Failure> {
    deployment.state = State::Succeeded;
    deployment.message = words;
    keep(runner, &mut deployment).await?;
    close(runner.cx, &deployment, None).await
}

/// Gives way to something newer. What must follow is queued first: a crash between must not lose it.
pub(crate) async fn overtaken(
    runner: Runner<'_>,
    mut deployment: Deployment,
    words: String,
    follow: Option<Job>,
) -> Result<Then, Failure> {
    let cx = runner.cx;
    if let Some(job) = follow {
        let now = (cx.clock)();
        cx.store.push(&job, now, now).await?;
    }
    deployment.state = State::Cancelled;
    deployment.message = words;
    keep(runner, &mut deployment).await?;
    close(cx, &deployment, None).await
}

/// What follows from an end, whichever it is: a lock of no use is released, the end is told, a new preview is made where
/// the old one was not what would happen. Safe to repeat; without a plan (after a crash) a report is told without its
/// differences.
pub(crate) async fn close(
    cx: &Context,
    deployment: &Deployment,
    details: Option<(&Plan, &[String])>,
) -> Result<Then, Failure> {
    release(cx, deployment).await?;
    tell(cx, deployment, details).await?;
    Ok(Then::follow(follow(deployment)))
}

/// A deployment that wrote nothing holds nothing, unless an earlier one of its pull request did, or a person locked it.
pub(super) async fn release(cx: &Context, deployment: &Deployment) -> Result<(), Failure> {
    let Some(pull) = deployment.pull.filter(|pull| deployment.is_of(*pull) && deployment.began.is_none())
    else {
        return Ok(());
    };
    let environment = &deployment.environment;
    let newest = cx.store.last_begun(environment).await?;
    if !newest.is_some_and(|newest| newest.is_of(pull)) && cx.store.release_taken(environment, pull).await? {
        cx.store.wake(&deploy_lane(environment), (cx.clock)()).await?;
    }
    Ok(())
}

/// What remains to be done after an end. Pure.
pub(super) fn follow(deployment: &Deployment) -> Vec<Job> {
    let differs = deployment.refusal.as_ref().is_some_and(|refusal| refusal.why == Why::Effect);
    let shown = deployment.pull.filter(|_| differs && deployment.cause != Trigger::Close);
    shown.map(|pull| Job::Preview { repo: deployment.repo.clone(), pull }).into_iter().collect()
}

async fn tell(
    cx: &Context,
    deployment: &Deployment,
    details: Option<(&Plan, &[String])>,
) -> Result<(), Failure> {
    match deployment.refusal.as_ref().filter(|_| deployment.state == State::Refused) {
        Some(refusal) => refused(cx, deployment, refusal).await?,
        None if quiet(deployment) => {}
        None => ended(cx, deployment, details).await?,
    }
    settle(cx, deployment).await
}

/// Is there nothing to tell? A merge that changed nothing here, and of which nothing was announced.
pub(super) fn quiet(deployment: &Deployment) -> bool {
    deployment.state == State::Succeeded
        && deployment.report.is_none()
        && deployment.record.is_none()
        && !matches!(deployment.cause, Trigger::Command { .. })
}

/// Replies on the pull request. Where comments may not be written, as in a locked conversation, the check says it alone.
async fn say(cx: &Context, deployment: &Deployment, comment: &Comment) -> Result<(), Failure> {
    let Some(number) = deployment.pull else { return Ok(()) };
    let said = cx.github.reply(&deployment.repo, number, &key(deployment), comment).await;
    match said.map_err(Failure::from) {
        Ok(_) | Err(Failure::Denied { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn refused(cx: &Context, deployment: &Deployment, refusal: &Refusal) -> Result<(), Failure> {
    let comment = cx.templates.refused(&deployment.by, &deployment.environment.name, refusal)?;
    say(cx, deployment, &comment).await?;
    // Whoever may not ask must not put a mark on somebody else's commit; but what was announced is ended.
    if refusal.why != Why::Person || deployment.record.is_some() {
        let held = check(deployment, Conclusion::ActionRequired, "Not deployed", &comment.body, "");
        cx.github.check(&deployment.repo, &deployment.commits.head, &held).await?;
    }
    Ok(())
}

async fn ended(
    cx: &Context,
    deployment: &Deployment,
    details: Option<(&Plan, &[String])>,
) -> Result<(), Failure> {
    let empty = nothing(&deployment.environment.name);
    let (plan, notes) = details.unwrap_or((&empty, &[]));
    let public = cx.github.repo(&deployment.repo).await?.public;
    let ending = Ending { deployment, plan, report: deployment.report.as_ref(), notes, public };
    let shown = cx.templates.ended(&ending)?;
    say(cx, deployment, &shown.comment).await?;
    let conclusion = match deployment.state {
        State::Succeeded => Conclusion::Success,
        State::Cancelled => Conclusion::Cancelled,
        State::Refused => Conclusion::ActionRequired,
        State::Failed | State::Queued | State::Running => Conclusion::Failure,
    };
    let check = check(deployment, conclusion, &shown.title, &shown.summary, &shown.text);
    cx.github.check(&deployment.repo, &deployment.commits.head, &check).await?;
    Ok(())
}

/// The record's last status, and the reaction on the comment once all that it asked for has ended.
async fn settle(cx: &Context, deployment: &Deployment) -> Result<(), Failure> {
    let state = match deployment.state {
        State::Succeeded => Progress::Success,
        State::Failed => Progress::Failure,
        State::Refused | State::Cancelled | State::Queued | State::Running => Progress::Error,
    };
    progress(cx, deployment, state, &deployment.message).await?;
    let (Trigger::Command { comment }, Some(pull)) = (deployment.cause, deployment.pull) else {
        return Ok(());
    };
    let all = cx.store.deployments_of(deployment.repo.id, pull).await?;
    if let Some(reaction) = reaction(&all, comment) {
        cx.github.unreact(&deployment.repo, comment, Reaction::Eyes).await?;
        cx.github.react(&deployment.repo, comment, reaction).await?;
    }
    Ok(())
}

/// The answer to a comment, from all deployments that it asked for; none while one of them has not ended. Pure.
pub(crate) fn reaction(all: &[Deployment], comment: CommentId) -> Option<Reaction> {
    let asked = || all.iter().filter(|one| one.cause == Trigger::Command { comment });
    if asked().any(|one| !one.state.ended()) {
        return None;
    }
    let well = asked().all(|one| one.state == State::Succeeded);
    Some(if well { Reaction::Rocket } else { Reaction::Confused })
}

/// A refusal in one text, where there is no room for its parts.
pub(crate) fn words(refusal: &Refusal) -> String {
    if refusal.hint.is_empty() {
        refusal.message.clone()
    } else {
        format!("{}; {}", refusal.message, refusal.hint)
    }
}

/// Sets the status of GitHub's record, where there is one: somebody may have deleted it.
pub(crate) async fn progress(
    cx: &Context,
    deployment: &Deployment,
    state: Progress,
    words: &str,
) -> Result<(), Failure> {
    let Some(record) = deployment.record else { return Ok(()) };
    match cx.github.progress(&deployment.repo, record, (state, words), None).await.map_err(Failure::from) {
        Ok(()) | Err(Failure::Gone(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Takes back what was announced of a deployment that is to be announced on another commit.
pub(super) async fn withdraw(runner: Runner<'_>, deployment: &mut Deployment) -> Result<(), Failure> {
    let words = "It is announced anew on another commit.";
    let check = check(deployment, Conclusion::Cancelled, "Superseded", words, "");
    runner.cx.github.check(&deployment.repo, &deployment.commits.head, &check).await?;
    progress(runner.cx, deployment, Progress::Error, words).await?;
    deployment.record = None;
    Ok(())
}

/// The check of one deployment.
pub(crate) fn check(
    deployment: &Deployment,
    conclusion: Conclusion,
    title: &str,
    summary: &str,
    text: &str,
) -> Check {
    Check {
        name: format!("tidegate/deploy ({})", deployment.environment.name),
        external_id: key(deployment),
        conclusion,
        title: title.to_owned(),
        summary: if summary.is_empty() { title.to_owned() } else { summary.to_owned() },
        text: text.to_owned(),
        faults: Vec::new(),
    }
}

fn key(deployment: &Deployment) -> String {
    format!("deploy/{}", deployment.id)
}

fn nothing(name: &EnvironmentName) -> Plan {
    Plan {
        fidelity: crate::model::plan::Fidelity::Live,
        counts: crate::model::plan::Counts::default(),
        ..Plan::new(name.clone(), String::new())
    }
}
