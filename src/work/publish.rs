//! What is put on a pull request: found again before it is made, so that a repeat changes nothing.

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

/// Says that a preview is being made.
pub(crate) async fn begin(cx: &Context, repo: &Repo, pull: PullNumber, head: &Sha) -> Result<(), Failure> {
    // A head that was previewed keeps its check until there is something else to say: no second run for one head.
    let shown = cx.store.latest_preview(repo.id, pull).await?;
    if shown.is_some_and(|shown| shown.preview.head == *head) {
        return Ok(());
    }
    let check = Check {
        name: PREVIEW.to_owned(),
        external_id: key(pull, head),
        conclusion: Conclusion::InProgress,
        title: "Looking".to_owned(),
        summary: "What would change in each environment is being found out.".to_owned(),
        text: String::new(),
        faults: Vec::new(),
    };
    cx.github.check(repo, head, &check).await?;
    Ok(())
}

/// Ends the preview's check without touching the comment.
pub(crate) async fn conclude(
    cx: &Context,
    repo: &Repo,
    (pull, head): (PullNumber, &Sha),
    conclusion: Conclusion,
    (title, summary): (&str, &str),
) -> Result<(), Failure> {
    let check = Check {
        name: PREVIEW.to_owned(),
        external_id: key(pull, head),
        conclusion,
        title: title.to_owned(),
        summary: summary.to_owned(),
        text: String::new(),
        faults: Vec::new(),
    };
    cx.github.check(repo, head, &check).await?;
    Ok(())
}

/// Puts a page on the pull request: the one comment, then the check that ends.
pub(crate) async fn show(
    cx: &Context,
    repo: &Repo,
    (pull, head): (PullNumber, &Sha),
    shown: &Shown,
    (conclusion, faults): (Conclusion, Vec<Fault>),
) -> Result<(), Failure> {
    cx.github.say(repo, pull, &shown.comment).await?;
    let check = Check {
        name: PREVIEW.to_owned(),
        external_id: key(pull, head),
        conclusion,
        title: shown.title.clone(),
        summary: shown.summary.clone(),
        text: shown.text.clone(),
        faults,
    };
    cx.github.check(repo, head, &check).await?;
    Ok(())
}
