//! A branch moved: what tracks it is deployed where a merge deploys.

use jiff::Timestamp;

use crate::git::Want;
use crate::model::deployment::{Commits, Deployment, Trigger};
use crate::model::fault::Failure;
use crate::model::id::{Branch, EnvironmentId, EnvironmentName, Login, Repo, Sha};
use crate::model::job::Leased;
use crate::model::settings::{Environment, Settings, When};
use crate::work::ground::{Unavailable, ground};
use crate::work::{Context, Then};

/// Queues a deployment of the tip for each environment that tracks the branch and deploys on merge.
///
/// The tip now is taken, not the one that the webhook named: a newer push has overtaken it.
pub(crate) async fn run(
    cx: &Context,
    leased: &Leased,
    (repo, branch): (&Repo, &Branch),
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
    let commits = Commits { base: tip.clone(), head: tip.clone(), tree: ground.objects.tree_of(&tip).await? };
    let pulls = cx.github.pulls_of(&ground.repo, &tip).await?;
    let pull =
        pulls.iter().filter(|pull| pull.merged && pull.base == *branch).max_by_key(|pull| pull.number.0);
    let cause = if pull.is_some() { Trigger::Merge } else { Trigger::Push };
    let mut queued = Vec::new();
    for (name, environment) in in_order(settings) {
        if !follows(environment) {
            continue;
        }
        if let Err(unavailable) = ground.target(cx, name).await? {
            if unavailable != Unavailable::NotInForce {
                tracing::warn!(repo.name = %repo.name, environment.name = %name, reason = ?unavailable, "nothing is deployed");
            }
            continue;
        }
        let environment = EnvironmentId { repo: repo.id, name: name.clone() };
        if is_asked(&cx.store.recent_deployments(&environment).await?, &tip, leased.pushed) {
            continue;
        }
        let id = format!("tip-{}-{}-{name}", leased.id, tip.short());
        let deployment = Deployment::queued(id, (&ground.repo, name), commits.clone(), (cause, by), now);
        queued.push(Deployment { pull: pull.map(|pull| pull.number), ..deployment });
    }
    // Together: an environment that comes after another must find that one on its way.
    cx.store.queue_deployments(&queued, now).await?;
    Ok(Then::done())
}

/// Was this tip asked for already, by news as late as this push: does it wait or run, or was it queued since the push?
///
/// What was queued before does not count once it has ended: the branch may have gone elsewhere and come back. `recent` is
/// newest first.
fn is_asked(recent: &[Deployment], tip: &Sha, pushed: Timestamp) -> bool {
    let of_tips = |one: &&Deployment| matches!(one.cause, Trigger::Merge | Trigger::Push);
    recent
        .iter()
        .find(of_tips)
        .is_some_and(|last| last.commits.head == *tip && (!last.state.ended() || last.created >= pushed))
}

/// The environments, each behind those that it comes `after`, otherwise by name. The file has no cycles.
fn in_order(settings: &Settings) -> Vec<(&EnvironmentName, &Environment)> {
    fn visit<'s>(
        settings: &'s Settings,
        (name, environment): (&'s EnvironmentName, &'s Environment),
        order: &mut Vec<(&'s EnvironmentName, &'s Environment)>,
        depth: usize,
    ) {
        if order.iter().any(|(known, _)| *known == name) || depth > settings.environments.len() {
            return;
        }
        for before in &environment.deploy.after {
            if let Some(entry) = settings.environments.get_key_value(before) {
                visit(settings, entry, order, depth + 1);
            }
        }
        order.push((name, environment));
    }
    let mut order = Vec::new();
    for entry in &settings.environments {
        visit(settings, entry, &mut order, 0);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use crate::model::deployment::{Commits, Deployment, State, Trigger};
    use crate::model::id::{CommentId, InstallationId, Repo, RepoId, Sha};
    use crate::model::settings::{Deploy, Settings};
    use crate::work::rules::tests::environment;
    use crate::work::tip::{in_order, is_asked};

    fn sha(digit: char) -> Sha {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn deployed(tip: char, cause: Trigger, state: State, created: i64) -> Deployment {
        let repo =
            Repo { id: RepoId(1), name: "acme/shop".parse().unwrap(), installation: InstallationId(1) };
        let commits = Commits { base: sha(tip), head: sha(tip), tree: sha('e') };
        let by = "ann".parse().unwrap();
        let name = "prod".parse().unwrap();
        let queued = Deployment::queued("d".to_owned(), (&repo, &name), commits, (cause, &by), at(created));
        Deployment { state, ..queued }
    }

    #[test]
    fn a_tip_is_deployed_once_for_each_push_that_leads_to_it() {
        let done = |tip, created| deployed(tip, Trigger::Push, State::Succeeded, created);
        assert!(!is_asked(&[], &sha('a'), at(5)));
        assert!(!is_asked(&[done('b', 9)], &sha('a'), at(5)), "another tip");
        assert!(is_asked(&[done('a', 5)], &sha('a'), at(5)), "the job runs a second time");
        assert!(!is_asked(&[done('b', 3), done('a', 1)], &sha('a'), at(5)), "forced back");
        assert!(!is_asked(&[done('a', 1)], &sha('a'), at(5)), "there and back before anybody looked");
        let waits = deployed('a', Trigger::Merge, State::Queued, 1);
        assert!(is_asked(std::slice::from_ref(&waits), &sha('a'), at(5)), "it is on its way");
        let command = deployed('c', Trigger::Command { comment: CommentId(1) }, State::Running, 2);
        assert!(is_asked(&[command, waits], &sha('a'), at(5)), "a command is no push");
    }

    #[test]
    fn an_environment_is_queued_behind_those_that_it_comes_after() {
        let after = |names: &[&str]| {
            let after = names.iter().map(|name| name.parse().unwrap()).collect();
            environment(Deploy { after, ..Deploy::default() })
        };
        let all =
            [("a", after(&["z", "gone"])), ("b", after(&[])), ("m", after(&["a"])), ("z", after(&["b"]))];
        let environments: BTreeMap<_, _> =
            all.into_iter().map(|(name, environment)| (name.parse().unwrap(), environment)).collect();
        let settings = Settings { branch: None, environments };
        let names: Vec<_> = in_order(&settings).into_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "z", "a", "m"]);
    }
}
