//! The facts that the rules ask for: who somebody is, how a pull request's gates stand.

use std::collections::BTreeSet;

use crate::model::fault::Failure;
use crate::model::github::{Gates, Pull};
use crate::model::id::{Login, Repo, UserId};
use crate::model::settings::{BeforeMerge, Environment};
use crate::model::target::TargetSettings;
use crate::work::rules::Person;
use crate::work::{Context, rules};

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
    if asks(pull, environment, target) {
        Ok(cx.github.gates(repo, pull).await?)
    } else {
        Ok(Gates::default())
    }
}

/// Does any rule, of the repository or of the floor, ask how the gates stand?
fn asks(pull: &Pull, environment: &Environment, target: &TargetSettings) -> bool {
    let before = rules::before_merge(environment, target) == BeforeMerge::WhenMergeable && !pull.merged;
    before || !environment.deploy.requires.is_empty() || !target.floor.requires.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::model::settings::{BeforeMerge, Deploy};
    use crate::model::target::Floor;
    use crate::work::gate::asks;
    use crate::work::rules::tests::{environment, pull, target};

    #[test]
    fn the_gates_are_asked_for_where_only_the_floor_asks() {
        let loose = environment(Deploy { before_merge: BeforeMerge::AnyTime, ..Deploy::default() });
        assert!(!asks(&pull(), &loose, &target(Floor::default())));
        let floor = Floor { before_merge: Some(BeforeMerge::WhenMergeable), ..Floor::default() };
        assert!(asks(&pull(), &loose, &target(floor)));
    }
}
