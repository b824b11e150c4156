//! A branch moved: what tracks it is deployed where a merge deploys.

use jiff::Timestamp;

use crate::git::Want;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::id::{Branch, EnvironmentId, Login, Repo, Sha};
use crate::model::settings::{Environment, When};
use crate::work::ground::{Unavailable, ground};
use crate::work::{Context, Then};

/// Queues a deployment of the tip for each environment that tracks the branch and deploys on merge.
///
/// The tip now is taken, not the one that the webhook named: a newer push has overtaken it.
pub(crate) async fn run(
    cx: &Context,
    repo: &Repo,
    (branch, _after): (&Branch, &Sha),
    by: &Login,
    now: Timestamp,
) -> Result<Then, Failure> {
    let ground = match ground(cx, repo, &[Want::Branch(branch.clone())]).await {
        // A broken file on the default branch was said on the pull request that brought it; nothing is deployed.
        Err(Failure::Author(faults)) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(repo.name = %repo.name, branch.name = %branch, fault = %first, "nothing is deployed: the file in force is broken");
            return Ok(Then::done());
        }
        other => other?,
    };
    let (Some(settings), Some(tip)) = (&ground.settings, ground.mirror.tip(branch).await?) else {
        return Ok(Then::done());
    };
    let follows = |environment: &Environment| {
        ground.tracked(environment) == *branch && environment.deploy.when == When::Merge
    };
    if !settings.environments.values().any(follows) {
        return Ok(Then::done());
    }
    let tree = ground.objects.tree_of(&tip).await?;
    let pulls = cx.github.pulls_of(&ground.repo, &tip).await?;
    let pull =
        pulls.iter().filter(|pull| pull.merged && pull.base == *branch).max_by_key(|pull| pull.number.0);
    for (name, environment) in &settings.environments {
        if !follows(environment) {
            continue;
        }
        if let Err(unavailable) = ground.target(cx, name).await? {
            if unavailable != Unavailable::NotInForce {
                tracing::warn!(repo.name = %repo.name, environment.name = %name, reason = ?unavailable, "nothing is deployed");
            }
            continue;
        }
        let deployment = Deployment {
            id: format!("tip-{}-{tip}-{name}", repo.id),
            environment: EnvironmentId { repo: repo.id, name: name.clone() },
            repo: ground.repo.clone(),
            pull: pull.map(|pull| pull.number),
            cause: if pull.is_some() { Trigger::Merge } else { Trigger::Push },
            by: by.clone(),
            by_id: None,
            asked: now,
            deletes: None,
            commits: Commits { base: tip.clone(), head: tip.clone(), tree: tree.clone() },
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
    Ok(Then::done())
}
