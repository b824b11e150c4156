//! What people are told when a job cannot end: no check stays pending, no command stays unanswered.

use crate::model::check::Conclusion;
use crate::model::deployment::State;
use crate::model::fault::Failure;
use crate::model::github::Reaction;
use crate::model::job::{Job, Leased};
use crate::work::{Context, publish};

/// Why a job did not end, for people.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// It is tried again by itself.
    Again(String),
    /// It is not: our fault, or the weather stayed too long.
    Ended(String),
}

/// Says it on the pull request. Best effort: GitHub itself may be what is away.
pub(crate) async fn tell(cx: &Context, leased: &Leased, words: &Words) -> Result<(), Failure> {
    let (weather, text) = match words {
        Words::Again(text) => (Some(text.clone()), text),
        Words::Ended(text) => (None, text),
    };
    match &leased.job {
        Job::Preview { repo, pull } => {
            let Some(now) = cx.github.pull(repo, *pull).await? else { return Ok(()) };
            let shown = cx.templates.broken(&leased.id.to_string(), weather)?;
            let place = (*pull, &now.head);
            publish::conclude(cx, repo, place, Conclusion::Failure, (&shown.title, &shown.summary)).await?;
        }
        Job::Command { repo, pull, comment } => {
            if weather.is_some() {
                return Ok(());
            }
            let shown = cx.templates.broken(&leased.id.to_string(), None)?;
            cx.github.reply(repo, *pull, &format!("command/{}", comment.id), &shown.comment).await?;
            cx.github.unreact(repo, comment.id, Reaction::Eyes).await?;
            cx.github.react(repo, comment.id, Reaction::Confused).await?;
        }
        Job::Deploy { deployment, .. } => {
            if weather.is_some() {
                return Ok(());
            }
            if let Some(mut deployment) =
                cx.store.deployment(deployment).await?.filter(|own| !own.state.ended())
            {
                deployment.state = State::Failed;
                deployment.message = format!("{text} (job {})", leased.id);
                crate::work::deploy::keep(cx, leased, &mut deployment).await?;
                crate::work::deploy::end::tell(cx, &deployment, None).await?;
            }
        }
        Job::Queue { repo, head, .. } => {
            let shown = cx.templates.broken(&leased.id.to_string(), weather)?;
            let check = crate::model::check::Check {
                name: publish::PREVIEW.to_owned(),
                external_id: format!("queue/{head}"),
                conclusion: Conclusion::Failure,
                title: shown.title,
                summary: shown.summary,
                text: String::new(),
                faults: Vec::new(),
            };
            cx.github.check(repo, head, &check).await?;
        }
        Job::Intake { .. } | Job::Tip { .. } | Job::Close { .. } | Job::Recheck { .. } => {}
    }
    Ok(())
}
