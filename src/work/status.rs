//! What is where, who holds what, what this person may do.

use jiff::Timestamp;

use crate::comment::{Standing, StatusRow};
use crate::git::Want;
use crate::model::event::Spoken;
use crate::model::fault::Failure;
use crate::model::github::Pull;
use crate::model::id::{EnvironmentId, EnvironmentName, Repo};
use crate::model::refusal::Refusal;
use crate::store::Lock;
use crate::work::ground::ground;
use crate::work::{Context, gate, rules};

/// One row per environment that the pull request's base feeds.
pub(crate) async fn status(
    cx: &Context,
    repo: &Repo,
    pull: &Pull,
    spoken: &Spoken,
) -> Result<Vec<StatusRow>, Failure> {
    let ground = ground(cx, repo, &[Want::Branch(pull.base.clone())]).await?;
    let (mut rows, now) = (Vec::new(), (cx.clock)());
    let Some(settings) = &ground.settings else { return Ok(rows) };
    let all: Vec<_> = settings.environments.values().collect();
    let person = gate::person(cx, repo, (&spoken.author, spoken.author_id), &all).await?;
    for (name, environment) in &settings.environments {
        let id = EnvironmentId { repo: repo.id, name: name.clone() };
        let standing = match ground.target(cx, name).await? {
            Err(unavailable) => {
                Standing::No(unavailable.fault(name).map_or_else(String::new, |fault| fault.message))
            }
            Ok(target) => match rules::may_command(&person, environment, target) {
                Ok(()) => Standing::Yes,
                Err(refusal) => Standing::No(refusal.message),
            },
        };
        rows.push(StatusRow {
            name: name.clone(),
            target: environment.target.clone(),
            last: cx.store.last_begun(&id).await?,
            waiting: cx.store.open_deployments(&id).await?.len(),
            held: cx.store.lock(&id, now).await?.map(|lock| (lock.pull, lock.by.to_string(), lock.why())),
            standing,
        });
    }
    Ok(rows)
}

/// The refusal that names who holds an environment, why and for how long.
pub(crate) fn held(name: &EnvironmentName, lock: &Lock, now: Timestamp) -> Refusal {
    let hours = now.duration_since(lock.taken).as_hours();
    Refusal::new(
        format!("`{name}` is held for #{} by @{} since {hours} h: {}", lock.pull, lock.by, lock.why()),
        format!("wait until #{} is merged or closed, or `/unlock {name}`", lock.pull),
    )
}
