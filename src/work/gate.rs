//! The facts that the rules ask for: who somebody is, how a pull request's gates stand.

use std::collections::BTreeSet;

use crate::model::fault::Failure;
use crate::model::github::{Gates, Pull};
use crate::model::id::{Login, Repo, UserId};
use crate::model::settings::{BeforeMerge, Environment};
use crate::model::target::TargetSettings;
use crate::work::Context;
use crate::work::rules::Person;

/// Who a login is, now: GitHub's answer at the moment of acting.
pub(crate) async fn person(
    cx: &Context,
    repo: &Repo,
    (login, id): (&Login, UserId),
    environments: &[&Environment],
) -> Result<Person, Failure> {
    let standing = cx.github.standing(repo, login).await?;
    let wanted: BTreeSet<&String> =
        environments.iter().flat_map(|environment| &environment.deploy.allow.teams).collect();
    let mut teams = Vec::new();
    for team in wanted {
        if cx.github.is_member(repo, team, login).await? {
            teams.push(team.clone());
        }
    }
    Ok(Person { login: login.clone(), id, standing, teams })
}

/// How the gates stand; asked of GitHub only where some rule needs them.
pub(crate) async fn gates(
    cx: &Context,
    repo: &Repo,
    pull: &Pull,
    (environment, target): (&Environment, &TargetSettings),
) -> Result<Gates, Failure> {
    let before = environment.deploy.before_merge == BeforeMerge::WhenMergeable && !pull.merged;
    if !before && environment.deploy.requires.is_empty() && target.floor.requires.is_empty() {
        return Ok(Gates::default());
    }
    Ok(cx.github.gates(repo, pull).await?)
}
