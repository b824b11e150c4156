//! What people are told when a job cannot end: no check stays pending, no command stays unanswered.

use crate::comment::Shown;
use crate::model::check::{Check, Conclusion};
use crate::model::fault::Failure;
use crate::model::github::Reaction;
use crate::model::id::{CommentId, PullNumber, Repo, Sha};
use crate::model::job::{Job, Leased};
use crate::work::{Context, publish};

/// Why a job did not end, for people.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// It is tried again by itself.
    Again(String),
    /// It is not: our fault, or the weather stayed too long.
    Ended(String),
    /// It is not: GitHub does not let the App, and this is what is missing.
    Denied(String),
}

impl Words {
    /// As they are shown; `job` finds the rest in the log.
    fn shown(&self, cx: &Context, job: i64) -> Result<Shown, Failure> {
        match self {
            Self::Again(text) => cx.templates.broken(&job.to_string(), Some(text.clone())),
            Self::Ended(_) => cx.templates.broken(&job.to_string(), None),
            Self::Denied(missing) => cx.templates.denied(missing),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Again(text) | Self::Ended(text) | Self::Denied(text) => text,
        }
    }

    fn again(&self) -> bool {
        matches!(self, Self::Again(_))
    }
}

/// Says it on the pull request, or on the commit that a push brought. The weather is a failure: GitHub itself may be what
/// is away, and then it is to be said later.
pub(crate) async fn tell(cx: &Context, leased: &Leased, words: &Words) -> Result<(), Failure> {
    match &leased.job {
        Job::Preview { repo, pull } => preview(cx, leased, (repo, *pull), words).await,
        Job::Queue { repo, head, .. } => {
            let shown = words.shown(cx, leased.id)?;
            mark(cx, repo, head, (publish::PREVIEW, &format!("queue/{head}")), &shown).await
        }
        // What follows is not seen by anybody yet: there is something to say only when it has failed for good.
        _ if words.again() => Ok(()),
        Job::Command { repo, pull, comment } => command(cx, leased, (repo, *pull, comment.id), words).await,
        Job::Deploy { deployment, .. } => {
            let words = format!("{} (job {})", words.text(), leased.id);
            crate::work::deploy::bury(cx, leased, deployment, words).await
        }
        Job::Tip { repo, after, branch, .. } => {
            let shown = words.shown(cx, leased.id)?;
            mark(cx, repo, after, ("tidegate/deploy", &format!("tip/{branch}/{after}")), &shown).await
        }
        Job::Close { repo, pull } => {
            let shown = words.shown(cx, leased.id)?;
            cx.github.reply(repo, *pull, "close", &shown.comment).await?;
            Ok(())
        }
        Job::Intake { .. } | Job::Recheck { .. } => Ok(()),
    }
}

/// On the check of the head as it is; where that may not be written, in a comment. Checks of older heads end.
async fn preview(
    cx: &Context,
    leased: &Leased,
    (repo, number): (&Repo, PullNumber),
    words: &Words,
) -> Result<(), Failure> {
    let open = cx.github.pull(repo, number).await?.filter(|pull| pull.open);
    publish::supersede(cx, repo, number, open.as_ref().map(|pull| &pull.head)).await?;
    let Some(pull) = open else { return Ok(()) };
    let shown = words.shown(cx, leased.id)?;
    let (place, text) = ((number, &pull.head), (shown.title.as_str(), shown.summary.as_str()));
    if words.again() {
        return publish::delay(cx, repo, place, text).await;
    }
    match publish::conclude(cx, repo, place, Conclusion::Failure, text).await {
        Err(Failure::Denied { .. }) => {
            cx.github.reply(repo, number, "preview", &shown.comment).await?;
            Ok(())
        }
        told => told,
    }
}

/// In a reply, and by the reaction; where comments may not be written, on a check of the head.
async fn command(
    cx: &Context,
    leased: &Leased,
    (repo, number, comment): (&Repo, PullNumber, CommentId),
    words: &Words,
) -> Result<(), Failure> {
    let shown = words.shown(cx, leased.id)?;
    let key = format!("command/{comment}");
    match cx.github.reply(repo, number, &key, &shown.comment).await.map_err(Failure::from) {
        Err(Failure::Denied { .. }) => {
            let Some(pull) = cx.github.pull(repo, number).await? else { return Ok(()) };
            return mark(cx, repo, &pull.head, ("tidegate/command", &key), &shown).await;
        }
        replied => replied?,
    };
    cx.github.unreact(repo, comment, Reaction::Eyes).await?;
    cx.github.react(repo, comment, Reaction::Confused).await?;
    Ok(())
}

/// On a failed check of a commit.
async fn mark(
    cx: &Context,
    repo: &Repo,
    head: &Sha,
    (name, key): (&str, &str),
    shown: &Shown,
) -> Result<(), Failure> {
    let check = Check {
        name: name.to_owned(),
        external_id: key.to_owned(),
        conclusion: Conclusion::Failure,
        title: shown.title.clone(),
        summary: shown.summary.clone(),
        text: String::new(),
        faults: Vec::new(),
    };
    cx.github.check(repo, head, &check).await?;
    Ok(())
}
