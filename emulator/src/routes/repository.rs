//! Repositories, branches and their rules, collaborators.

use super::Call;
use super::Handler;
use super::Reply;
use crate::core::World;
use crate::error::Refusal;
use crate::show::extend;
use crate::state::user::Role;
use serde_json::Value;
use serde_json::json;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("repos/get", get),
    ("repos/list-branches", branches),
    ("repos/get-branch", branch),
    ("repos/get-branch-protection", protection),
    ("repos/get-status-checks-protection", required_checks),
    ("repos/get-pull-request-review-protection", required_reviews),
    ("repos/get-branch-rules", rules),
    ("repos/get-collaborator-permission-level", permission),
    ("repos/check-collaborator", collaborator),
];

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    Ok(Reply::json(200, world.full_repository_json(repository)))
}

fn branches(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let api = world.repository_api(repository);
    let items: Vec<Value> = repository
        .git
        .refs("refs/heads")?
        .into_iter()
        .map(|(name, sha)| {
            let name = name.trim_start_matches("refs/heads/");
            json!({
                "name": name,
                "commit": {"sha": sha, "url": format!("{api}/commits/{sha}")},
                "protected": repository.protections.contains_key(name),
            })
        })
        .collect();
    Ok(call.page(world, &items))
}

fn branch(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let name = call.param("branch");
    let sha = repository.git.resolve(&format!("refs/heads/{name}"))?;
    let sha = sha.ok_or_else(|| Refusal::new(404, "Branch not found"))?;
    Ok(Reply::json(200, world.branch_json(repository, name, &sha)?))
}

fn protection(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let name = call.param("branch");
    let found = repository.protections.get(name).filter(|one| !one.as_ruleset);
    let found = found.ok_or_else(|| Refusal::new(404, "Branch not protected"))?;
    Ok(Reply::json(200, world.protection_json(repository, name, found)))
}

/// One part of a branch's protection; 404 when the branch does not ask for it.
fn part(world: &World<'_>, call: &Call, key: &str) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let name = call.param("branch");
    let found = repository.protections.get(name).filter(|one| !one.as_ruleset);
    let found = found.ok_or_else(|| Refusal::new(404, "Branch not protected"))?;
    let whole = world.protection_json(repository, name, found);
    let part = whole.get(key).cloned().ok_or_else(|| Refusal::new(404, "Not enabled"))?;
    Ok(Reply::json(200, part))
}

fn required_checks(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    part(world, call, "required_status_checks")
}

fn required_reviews(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    part(world, call, "required_pull_request_reviews")
}

fn rules(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    Ok(Reply::json(200, world.rules_json(repository, call.param("branch"))))
}

/// `maintain` shows as `write` and `triage` as `read`; on a public repository everyone has `read`.
fn permission(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let id = world.user_id(call.param("username"))?;
    let role = repository.role(id);
    let name = role.map_or("none", Role::name);
    let at_least = |wanted: Role| role.is_some_and(|role| role >= wanted);
    let mut user = world.user_json(id);
    extend(
        &mut user,
        json!({
            "role_name": name,
            "permissions": {
                "pull": at_least(Role::Read),
                "triage": at_least(Role::Triage),
                "push": at_least(Role::Write),
                "maintain": at_least(Role::Maintain),
                "admin": at_least(Role::Admin),
            },
        }),
    );
    let level = role.map_or("none", Role::permission);
    Ok(Reply::json(200, json!({"permission": level, "role_name": name, "user": user})))
}

fn collaborator(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let id = world.user_id(call.param("username"))?;
    let known = id == repository.owner || repository.collaborators.contains_key(&id);
    if known { Ok(Reply::empty(204)) } else { Err(Refusal::not_found()) }
}
