//! A pull request was closed: what it held is released, and what it deployed unmerged goes back to the tracked branch.

use jiff::Timestamp;

use crate::git::Want;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::Pull;
use crate::model::id::{PullNumber, Repo};
use crate::model::job::{Leased, deploy_lane};
use crate::work::ground::ground;
use crate::work::{Context, Then};

/// Drops what waits, queues the way back where the pull request was deployed and not merged, and releases locks.
pub(crate) async fn run(
    cx: &Context,
    leased: &Leased,
    repo: &Repo,
    number: PullNumber,
    now: Timestamp,
) -> Result<Then, Failure> {
    let Some(pull) = cx.github.pull(repo, number).await?.filter(|pull| !pull.open) else {
        return Ok(Then::done());
    };
    if !pull.merged {
        let all = cx.store.deployments_of(repo.id, number).await?;
        drop_waiting(cx, &all, now).await?;
        let left = left(cx, number, &all).await?;
        restore(cx, (leased, repo), (&pull, &left), now).await?;
    }
    release(cx, repo, number, now).await?;
    Ok(Then::done())
}

/// What has not begun must not: cancelled in the store before anything else, it cannot begin behind our back.
async fn drop_waiting(cx: &Context, all: &[Deployment], now: Timestamp) -> Result<(), Failure> {
    for waiting in all.iter().filter(|one| one.state == State::Queued && one.cause != Trigger::Close) {
        if cx.store.cancel_deployment(&waiting.id, "the pull request was closed", now).await? {
            cx.store.wake(&deploy_lane(&waiting.environment), now).await?;
        }
    }
    Ok(())
}

/// The deployments of this pull request that environments still hold: the newest there that began is this one's.
async fn left(cx: &Context, number: PullNumber, all: &[Deployment]) -> Result<Vec<Deployment>, Failure> {
    let mut left: Vec<Deployment> = Vec::new();
    for one in all.iter().filter(|one| one.is_of(number)) {
        if left.iter().any(|known| known.environment == one.environment) {
            continue;
        }
        let newest = cx.store.last_begun(&one.environment).await?;
        left.extend(newest.filter(|newest| newest.is_of(number)));
    }
    Ok(left)
}

/// Queues the way back to the tracked branch.
async fn restore(
    cx: &Context,
    (leased, repo): (&Leased, &Repo),
    (pull, left): (&Pull, &[Deployment]),
    now: Timestamp,
) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let ground = match ground(cx, repo, &[Want::Branch(pull.base.clone())]).await {
        // Without the file or the branch nobody can say what should be there. What the pull request held is free all the
        // same, so that somebody can deploy there once they are mended.
        Err(Failure::Author(faults)) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(repo.name = %repo.name, pull.number = pull.number.0, fault = %first, "what a closed pull request deployed stays where it is");
            return Ok(());
        }
        other => other?,
    };
    for last in left {
        let name = &last.environment.name;
        let Some(settings) = ground.environment(name) else { continue };
        let Some(tip) = ground.mirror.tip(&ground.tracked(settings)).await? else { continue };
        // Of this very closing: a run that is repeated queues it once, a pull request that is closed again anew.
        let id = format!("close-{}-{}-{name}", leased.id, last.id);
        let tree = ground.objects.tree_of(&tip).await?;
        let commits = Commits { base: tip.clone(), tree, head: tip };
        let cause = (Trigger::Close, &pull.author);
        let deployment = Deployment::queued(id, (&ground.repo, name), commits, cause, now);
        cx.store.queue_deployment(&Deployment { pull: Some(pull.number), ..deployment }, now).await?;
    }
    Ok(())
}

/// Frees what the pull request held, last, so that a crash before leaves it to be done again.
async fn release(cx: &Context, repo: &Repo, number: PullNumber, now: Timestamp) -> Result<(), Failure> {
    for lock in cx.store.locks_of(repo.id, number).await? {
        cx.store.release_lock(&lock.environment, Some(lock.pull)).await?;
        cx.store.wake(&deploy_lane(&lock.environment), now).await?;
    }
    Ok(())
}
