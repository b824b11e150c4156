//! A stored delivery becomes an event, an event becomes jobs.

use crate::github::webhook;
use crate::model::event::Event;
use crate::model::fault::{Cause, Failure};
use crate::model::id::{DeliveryId, Repo, Sha};
use crate::model::job::Job;
use crate::work::{Context, Then};

/// Reads a stored delivery and decides what follows from it.
pub(crate) async fn run(cx: &Context, id: &DeliveryId) -> Result<Then, Failure> {
    let Some(delivery) = cx.store.delivery(id).await? else {
        return Err(Failure::Ours(Cause::plain(format!("delivery {id} is not in the store"))));
    };
    let event = match webhook::read(&delivery.event, &delivery.body) {
        Ok(event) => event,
        Err(unreadable) => {
            // GitHub signed it, so it is not an attack; it is a form that we do not know. Kept, counted, not retried.
            tracing::warn!(delivery.id = %id, event.name = %delivery.event, error = %unreadable, "a delivery could not be read");
            return Ok(Then::done());
        }
    };
    if let Event::Ignored { because } = &event {
        tracing::debug!(delivery.id = %id, event.name = %delivery.event, reason = %because, "nothing to do");
    }
    Ok(Then::follow(decide(event)))
}

/// What remains to be done after an event. Pure.
pub(crate) fn decide(event: Event) -> Vec<Job> {
    match event {
        Event::Proposed { repo, pull, head: _ } | Event::Tampered { repo, pull } => {
            vec![Job::Preview { repo, pull }]
        }
        Event::Closed { repo, pull, merged: _ } => vec![Job::Close { repo, pull }],
        Event::Commented { repo, pull, comment } => {
            // Cheap and certain: a comment without a line that begins with `/` holds no command.
            if comment.bot || !comment.body.lines().any(|line| line.trim_start().starts_with('/')) {
                return Vec::new();
            }
            vec![Job::Command { repo, pull, comment }]
        }
        Event::Pushed { repo, branch, after: Some(after), by } => vec![Job::Tip { repo, branch, after, by }],
        Event::Rerequested { repo, head } | Event::Pressed { repo, head, .. } => {
            vec![Job::Recheck { repo, head }]
        }
        Event::Queued { repo, head, base } => vec![Job::Queue { repo, head, base }],
        Event::Pushed { after: None, .. }
        | Event::Renamed { .. }
        | Event::Installed { .. }
        | Event::Ignored { .. } => Vec::new(),
    }
}

/// Our checks were asked for again on a commit: preview the open pull requests whose head it is.
pub(crate) async fn recheck(cx: &Context, repo: &Repo, head: &Sha) -> Result<Then, Failure> {
    let pulls = cx.github.pulls_of(repo, head).await?;
    let jobs = pulls
        .into_iter()
        .filter(|pull| pull.open && pull.head == *head)
        .map(|pull| Job::Preview { repo: repo.clone(), pull: pull.number })
        .collect();
    Ok(Then::follow(jobs))
}
