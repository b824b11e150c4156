//! A pull request was closed: what it held is released, and what it deployed unmerged goes back to the tracked branch.

use jiff::Timestamp;

use crate::git::Want;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::id::{PullNumber, Repo};
use crate::store::Lock;
use crate::work::ground::ground;
use crate::work::{Context, Then};

/// Releases locks; queues the way back where the pull request was deployed and not merged.
pub(crate) async fn run(
    cx: &Context,
    repo: &Repo,
    number: PullNumber,
    now: Timestamp,
) -> Result<Then, Failure> {
    let Some(pull) = cx.github.pull(repo, number).await?.filter(|pull| !pull.open) else {
        return Ok(Then::done());
    };
    let held = cx.store.locks_of(repo.id, number).await?;
    if pull.merged {
        release(cx, &held, now).await?;
        return Ok(Then::done());
    }
    let ground = ground(cx, repo, &[Want::Branch(pull.base.clone())]).await?;
    for lock in &held {
        let environment = &lock.environment;
        let last = cx.store.last_deployment(environment).await?;
        let Some(last) = last.filter(|last| last.pull == Some(number)) else { continue };
        let Some(settings) = ground.environment(&environment.name) else { continue };
        let branch = ground.tracked(settings);
        let Some(tip) = ground.mirror.tip(&branch).await? else { continue };
        let deployment = Deployment {
            id: format!("close-{}-{number}-{}-{}", repo.id, last.id, environment.name),
            environment: environment.clone(),
            repo: repo.clone(),
            pull: Some(number),
            cause: Trigger::Close,
            by: pull.author.clone(),
            by_id: None,
            asked: now,
            deletes: None,
            commits: Commits { base: tip.clone(), tree: ground.objects.tree_of(&tip).await?, head: tip },
            approved: None,
            named: None,
            state: State::Queued,
            record: None,
            report: None,
            message: String::new(),
            created: now,
            changed: now,
        };
        cx.store.queue_deployment(&deployment, now).await?;
    }
    release(cx, &held, now).await?;
    Ok(Then::done())
}

/// Frees what the pull request held, last, so that a crash before leaves it to be done again.
async fn release(cx: &Context, held: &[Lock], now: Timestamp) -> Result<(), Failure> {
    for lock in held {
        cx.store.release_lock(&lock.environment, Some(lock.pull)).await?;
        cx.store.wake(&format!("deploy/{}", lock.environment), now).await?;
    }
    Ok(())
}
