//! Who may deploy what, now. Pure: facts in, a refusal or nothing out. Anything unclear refuses.

use crate::model::deployment::Trigger;
use crate::model::github::{Gates, Pull, Standing};
use crate::model::id::{Branch, Login, UserId};
use crate::model::refusal::Refusal;
use crate::model::settings::{Allow, BeforeMerge, Environment, Gate, Permission, When};
use crate::model::target::TargetSettings;
use crate::work::ground::FILE;

/// Whoever asks, as GitHub tells it now.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The login.
    pub login: Login,
    /// The id that the webhook named.
    pub id: UserId,
    /// What GitHub answers about the login; none: it would not say.
    pub standing: Option<Standing>,
    /// The teams, of those that the rules name, that the person is in.
    pub teams: Vec<String>,
}

/// May this person command in this environment? The stricter of the repository's rule and the floor.
pub(crate) fn may_command(
    person: &Person,
    environment: &Environment,
    target: &TargetSettings,
) -> Result<(), Refusal> {
    let place = place_of(environment);
    let Some(standing) = person.standing.as_ref().filter(|standing| standing.user == person.id) else {
        return Err(Refusal::new(
            format!("GitHub does not say what @{} may do here", person.login),
            "try again; if it stays so, ask an administrator of the repository",
        )
        .person());
    };
    let allow = &environment.deploy.allow;
    let floor = target.floor.permission.unwrap_or(Permission::None);
    for (least, rule) in [(allow.permission, place.clone()), (floor, floor_of(target))] {
        if standing.permission < least {
            return Err(Refusal::new(
                format!(
                    "@{} has {} here, and this needs {}",
                    person.login,
                    standing.permission.word(),
                    least.word()
                ),
                format!("ask somebody with {} to do it", least.word()),
            )
            .by(rule)
            .person());
        }
    }
    if !listed(person, allow) {
        return Err(Refusal::new(
            format!("@{} is not among those who may deploy this environment", person.login),
            format!("ask one of {}", names(allow)),
        )
        .by(place)
        .person());
    }
    Ok(())
}

fn listed(person: &Person, allow: &Allow) -> bool {
    let anyone = allow.users.is_empty() && allow.teams.is_empty();
    anyone
        || allow.users.iter().any(|user| user.as_str().eq_ignore_ascii_case(person.login.as_str()))
        || allow.teams.iter().any(|team| person.teams.contains(team))
}

fn names(allow: &Allow) -> String {
    let users = allow.users.iter().map(|user| format!("@{user}"));
    users.chain(allow.teams.iter().map(|team| format!("team {team}"))).collect::<Vec<_>>().join(", ")
}

/// May this start a deployment here, as `when` is in force now?
pub(crate) fn may_start(cause: Trigger, environment: &Environment) -> Result<(), Refusal> {
    let (message, hint) = match (environment.deploy.when, cause) {
        (When::Never, _) => (
            "nothing is deployed to this environment: `when: never`",
            "change `when` on the default branch first",
        ),
        (When::Comment, Trigger::Merge | Trigger::Push) => (
            "this environment is deployed by `/deploy`, not by a merge",
            "comment `/deploy` on the pull request",
        ),
        (When::Comment, Trigger::Command { .. } | Trigger::Close) | (When::Merge, _) => return Ok(()),
    };
    Err(Refusal::new(message, hint).by(place_of(environment)))
}

/// May content of this branch be deployed to this target at all?
pub(crate) fn may_track(branch: &Branch, default: &Branch, target: &TargetSettings) -> Result<(), Refusal> {
    let allowed = if target.floor.branches.is_empty() {
        branch == default
    } else {
        target.floor.branches.contains(branch)
    };
    if allowed {
        return Ok(());
    }
    let listed = if target.floor.branches.is_empty() {
        default.to_string()
    } else {
        target.floor.branches.iter().map(Branch::as_str).collect::<Vec<_>>().join(", ")
    };
    Err(Refusal::new(
        format!("target `{}` takes content of {listed} only, not of {branch}", target.name),
        "merge into one of these, or ask whoever runs Tidegate to widen the floor",
    )
    .by(floor_of(target)))
}

/// May this pull request be deployed before it is merged?
pub(crate) fn may_before_merge(
    pull: &Pull,
    environment: &Environment,
    target: &TargetSettings,
    gates: &Gates,
) -> Result<(), Refusal> {
    let allowed = before_merge(environment, target);
    let own = environment.deploy.before_merge;
    let rule = if allowed < own { floor_of(target) } else { place_of(environment) };
    match allowed {
        BeforeMerge::AnyTime => Ok(()),
        BeforeMerge::Never => Err(Refusal::new(
            "this environment is deployed after the merge only",
            "merge the pull request; `/deploy` works then too",
        )
        .by(rule)),
        BeforeMerge::WhenMergeable if pull.draft => {
            Err(Refusal::new("a draft cannot be merged, so it is not deployed", "mark it ready for review")
                .by(rule))
        }
        BeforeMerge::WhenMergeable => match unmergeable(gates) {
            None => Ok(()),
            Some(missing) => Err(Refusal::new(
                format!("the branch's rules would not let it be merged yet: {missing}"),
                "repeat the command when that is settled",
            )
            .by(rule)),
        },
    }
}

/// What may happen before a merge: the stricter of the repository's rule and the floor.
pub(crate) fn before_merge(environment: &Environment, target: &TargetSettings) -> BeforeMerge {
    let own = environment.deploy.before_merge;
    target.floor.before_merge.map_or(own, |floor| own.min(floor))
}

fn unmergeable(gates: &Gates) -> Option<String> {
    let mut missing = Vec::new();
    if let Some(required) = gates.required_approvals.filter(|required| gates.approvals < *required) {
        missing.push(format!("{} of {required} approvals", gates.approvals));
    }
    if gates.required_approvals.is_some() && !gates.objections.is_empty() {
        missing.push(format!("changes requested by {}", logins(&gates.objections)));
    }
    if !gates.missing.is_empty() {
        missing.push(format!("required checks: {}", gates.missing.join(", ")));
    }
    (!missing.is_empty()).then(|| missing.join("; "))
}

fn logins(people: &[Login]) -> String {
    people.iter().map(|login| format!("@{login}")).collect::<Vec<_>>().join(", ")
}

/// Do the gates of the environment and of the floor hold? They hold for commands and merges alike.
pub(crate) fn gates_hold(
    environment: &Environment,
    target: &TargetSettings,
    gates: &Gates,
    up_to_date: bool,
) -> Result<(), Refusal> {
    for (gate, rule) in required(environment, target) {
        let fault = match gate {
            Gate::Approved if !gates.objections.is_empty() => {
                Some((format!("changes are requested by {}", logins(&gates.objections)), "settle the review"))
            }
            Gate::Approved if gates.approvals == 0 => {
                Some(("nobody has approved it".to_owned(), "ask for a review"))
            }
            Gate::Checks if !gates.failed.is_empty() => {
                Some((format!("checks failed: {}", gates.failed.join(", ")), "fix them"))
            }
            Gate::Checks if !gates.pending.is_empty() => Some((
                format!("checks have not ended: {}", gates.pending.join(", ")),
                "repeat the command then",
            )),
            Gate::UpToDate if !up_to_date => Some((
                "the head does not contain the tip of its base".to_owned(),
                "merge or rebase the base into it, look at the new preview, and repeat the command",
            )),
            Gate::Approved | Gate::Checks | Gate::UpToDate => None,
        };
        if let Some((message, hint)) = fault {
            return Err(Refusal::new(message, hint).by(rule));
        }
    }
    Ok(())
}

/// A push that no pull request brought cannot pass a gate: each of them is about a pull request.
pub(crate) fn gates_hold_for_push(environment: &Environment, target: &TargetSettings) -> Result<(), Refusal> {
    match required(environment, target).next() {
        None => Ok(()),
        Some((gate, rule)) => Err(Refusal::new(
            format!("it was pushed without a pull request, and `{}` is required of one", word(gate)),
            "open a pull request: its preview shows this too, and its merge deploys it",
        )
        .by(rule)),
    }
}

/// The gates of the environment and of the floor, each with where it is written.
fn required(environment: &Environment, target: &TargetSettings) -> impl Iterator<Item = (Gate, String)> {
    let own = environment.deploy.requires.iter().map(|gate| (*gate, place_of(environment)));
    let floor = target.floor.requires.iter().map(|gate| (*gate, floor_of(target)));
    own.chain(floor)
}

fn word(gate: Gate) -> &'static str {
    match gate {
        Gate::Approved => "approved",
        Gate::Checks => "checks",
        Gate::UpToDate => "up-to-date",
    }
}

fn place_of(environment: &Environment) -> String {
    format!("{FILE}:{}", environment.line)
}

fn floor_of(target: &TargetSettings) -> String {
    format!("the floor of target {}", target.name)
}

#[cfg(test)]
pub(crate) mod tests;
