//! How a deployment ended, told on GitHub: reply, reaction, status, check. Each is found again before it is made.

use crate::comment::Ending;
use crate::model::check::{Check, Conclusion};
use crate::model::deployment::{Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::{Progress, Reaction};
use crate::model::id::EnvironmentName;
use crate::model::job::{Job, Leased};
use crate::model::plan::Plan;
use crate::model::refusal::Refusal;
use crate::work::deploy::keep;
use crate::work::{Context, Then};

/// Refuses: nothing was written to the target.
pub(crate) async fn refuse(
    cx: &Context,
    leased: &Leased,
    mut deployment: Deployment,
    refusal: Refusal,
    follow: Vec<Job>,
) -> Result<Then, Failure> {
    // What had begun has written something: that is a failure to be looked at, not a refusal.
    deployment.state = if deployment.state == State::Running { State::Failed } else { State::Refused };
    deployment.message.clone_from(&refusal.message);
    keep(cx, leased, &mut deployment).await?;
    let comment = cx.templates.refused(&deployment.by, &deployment.environment.name, &refusal)?;
    if let Some(number) = deployment.pull {
        cx.github.reply(&deployment.repo, number, &key(&deployment), &comment).await?;
    }
    let held = check(&deployment, Conclusion::ActionRequired, "Not deployed", &comment.body, "");
    cx.github.check(&deployment.repo, &deployment.commits.head, &held).await?;
    settle(cx, &deployment).await?;
    Ok(Then::follow(follow))
}

/// Ends without writing: what was asked for is so already, or something newer is.
pub(crate) async fn skip(
    cx: &Context,
    leased: &Leased,
    mut deployment: Deployment,
    words: String,
) -> Result<Then, Failure> {
    deployment.state = State::Succeeded;
    deployment.message = words;
    keep(cx, leased, &mut deployment).await?;
    tell(cx, &deployment, None).await?;
    Ok(Then::done())
}

/// Tells how it ended. Safe to repeat; without a plan (after a crash) the report is told without its differences.
pub(crate) async fn tell(
    cx: &Context,
    deployment: &Deployment,
    details: Option<(&Plan, &[String])>,
) -> Result<(), Failure> {
    let quiet = deployment.report.is_none() && !matches!(deployment.cause, Trigger::Command { .. });
    if deployment.state != State::Refused && !quiet {
        let empty = nothing(&deployment.environment.name);
        let (plan, notes) = details.unwrap_or((&empty, &[]));
        let public = cx.github.repo(&deployment.repo).await?.public;
        let ending = Ending { deployment, plan, report: deployment.report.as_ref(), notes, public };
        let shown = cx.templates.ended(&ending)?;
        if let Some(number) = deployment.pull {
            cx.github.reply(&deployment.repo, number, &key(deployment), &shown.comment).await?;
        }
        let conclusion = match deployment.state {
            State::Succeeded => Conclusion::Success,
            State::Cancelled => Conclusion::Cancelled,
            State::Failed | State::Refused | State::Queued | State::Running => Conclusion::Failure,
        };
        let check = check(deployment, conclusion, &shown.title, &shown.summary, &shown.text);
        cx.github.check(&deployment.repo, &deployment.commits.head, &check).await?;
    }
    settle(cx, deployment).await
}

/// The record's last status and the reaction on the comment.
async fn settle(cx: &Context, deployment: &Deployment) -> Result<(), Failure> {
    let (state, reaction) = match deployment.state {
        State::Succeeded => (Progress::Success, Reaction::Rocket),
        State::Failed => (Progress::Failure, Reaction::Confused),
        State::Refused | State::Cancelled | State::Queued | State::Running => {
            (Progress::Error, Reaction::Confused)
        }
    };
    progress(cx, deployment, state, &deployment.message).await?;
    if let Trigger::Command { comment } = deployment.cause {
        cx.github.unreact(&deployment.repo, comment, Reaction::Eyes).await?;
        cx.github.react(&deployment.repo, comment, reaction).await?;
    }
    Ok(())
}

/// Sets the status of GitHub's record, where there is one.
pub(crate) async fn progress(
    cx: &Context,
    deployment: &Deployment,
    state: Progress,
    words: &str,
) -> Result<(), Failure> {
    if let Some(record) = deployment.record {
        cx.github.progress(&deployment.repo, record, (state, words), None).await?;
    }
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
        name: name.clone(),
        target: String::new(),
        digest: None,
        fidelity: crate::model::plan::Fidelity::Live,
        counts: crate::model::plan::Counts::default(),
        baseline: false,
        changes: Vec::new(),
        hooks: Vec::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
        bundle: None,
        owned: 0,
    }
}
