//! What is put on a pull request: found again before it is made, so that a repeat changes nothing.

use jiff::Timestamp;

use crate::comment::Shown;
use crate::model::check::{Check, Conclusion};
use crate::model::fault::{Failure, Fault};
use crate::model::id::{PullNumber, Repo, Sha};
use crate::work::Context;

/// The name of the check that reviewers and branch rules look at.
pub(crate) const PREVIEW: &str = "tidegate/preview";

/// The key that makes equal checks one run.
pub(crate) fn key(pull: PullNumber, head: &Sha) -> String {
    format!("preview/{pull}/{head}")
}

/// Says that a preview is being made, where nothing is said of this head yet.
///
/// Remembered first: a check that was begun and then forgotten, by a crash between the two, would be pending for ever.
pub(crate) async fn begin(cx: &Context, repo: &Repo, pull: PullNumber, head: &Sha) -> Result<(), Failure> {
    cx.store.begin_check((repo.id, pull), head, (cx.clock)()).await?;
    let words = ("Looking", "What would change in each environment is being found out.");
    cx.github.check(repo, head, &plain((pull, head), Conclusion::InProgress, words)).await?;
    Ok(())
}

/// Ends the preview's check without touching the comment.
pub(crate) async fn conclude(
    cx: &Context,
    repo: &Repo,
    (pull, head): (PullNumber, &Sha),
    conclusion: Conclusion,
    words: (&str, &str),
) -> Result<(), Failure> {
    cx.github.check(repo, head, &plain((pull, head), conclusion, words)).await?;
    cx.store.end_check((repo.id, pull), head).await?;
    Ok(())
}

/// Says on the preview's check why it is not there yet; the job comes back, and so the check counts as begun.
pub(crate) async fn delay(
    cx: &Context,
    repo: &Repo,
    (pull, head): (PullNumber, &Sha),
    words: (&str, &str),
) -> Result<(), Failure> {
    cx.store.begin_check((repo.id, pull), head, (cx.clock)()).await?;
    cx.github.check(repo, head, &plain((pull, head), Conclusion::Failure, words)).await?;
    Ok(())
}

/// Ends the checks that were begun on other heads of a pull request than `present` (none: it is closed, all of them):
/// their preview will not be made.
pub(crate) async fn supersede(
    cx: &Context,
    repo: &Repo,
    pull: PullNumber,
    present: Option<&Sha>,
) -> Result<(), Failure> {
    let words = match present {
        Some(_) => ("Superseded", "The pull request moved on before this was found out."),
        None => ("Closed", "The pull request was closed before this was found out."),
    };
    for head in cx.store.begun_checks(repo.id, pull).await? {
        if present == Some(&head) {
            continue;
        }
        match conclude(cx, repo, (pull, &head), Conclusion::Cancelled, words).await {
            Ok(()) => {}
            // It will go no better later, and the head that counts must not wait for it.
            Err(failure @ (Failure::Gone(_) | Failure::Denied { .. } | Failure::Ours(_))) => {
                tracing::warn!(commit.sha = %head, error = %failure, "an older check could not be ended");
                cx.store.end_check((repo.id, pull), &head).await?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Puts a page on the pull request: the one comment, then the check that ends. Gives the moment at which GitHub had it
/// all, by its clock where it told it.
pub(crate) async fn show(
    cx: &Context,
    repo: &Repo,
    (pull, head): (PullNumber, &Sha),
    shown: &Shown,
    (conclusion, faults): (Conclusion, Vec<Fault>),
) -> Result<Timestamp, Failure> {
    let marker = &shown.comment.marker;
    // Whoever may write may edit the marker away; that we know its id is then the only way to find it.
    if let Some(id) = cx.store.comment(repo.id, pull, marker).await? {
        cx.github.recall(repo, pull, marker, id);
    }
    let id = cx.github.say(repo, pull, &shown.comment).await?;
    cx.store.remember_comment((repo.id, pull), marker, id).await?;
    let check = Check {
        summary: shown.summary.clone(),
        text: shown.text.clone(),
        faults,
        ..plain((pull, head), conclusion, (&shown.title, ""))
    };
    let marked = cx.github.check(repo, head, &check).await?;
    cx.store.end_check((repo.id, pull), head).await?;
    Ok(marked.at.unwrap_or_else(cx.clock))
}

/// The preview's check of one head, with words alone.
fn plain((pull, head): (PullNumber, &Sha), conclusion: Conclusion, (title, summary): (&str, &str)) -> Check {
    Check {
        name: PREVIEW.to_owned(),
        external_id: key(pull, head),
        conclusion,
        title: title.to_owned(),
        summary: summary.to_owned(),
        text: String::new(),
        faults: Vec::new(),
    }
}
