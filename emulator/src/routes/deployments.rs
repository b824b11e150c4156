//! Deployments and their statuses.

use super::Call;
use super::Handler;
use super::Reply;
use crate::acts::NewDeployment;
use crate::acts::NewStatus;
use crate::core::World;
use crate::error::Refusal;
use crate::state::deployment::Deployment;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("repos/list-deployments", list),
    ("repos/create-deployment", create),
    ("repos/get-deployment", get),
    ("repos/delete-deployment", delete),
    ("repos/list-deployment-statuses", statuses),
    ("repos/create-deployment-status", create_status),
    ("repos/get-deployment-status", status),
];

fn list(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let is = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
    let fits = |one: &&Deployment| {
        is("sha", &one.sha)
            && is("ref", &one.reference)
            && is("task", &one.task)
            && is("environment", &one.environment)
    };
    let newest_first = repository.deployments.values().rev().filter(fits);
    let items: Vec<Value> = newest_first.map(|one| world.deployment_json(repository, one)).collect();
    Ok(call.page(world, &items))
}

fn found<'a>(repository: &'a Repository, call: &Call) -> Result<&'a Deployment, Refusal> {
    repository.deployments.get(&call.id("deployment_id")?).ok_or_else(Refusal::not_found)
}

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    Ok(Reply::json(200, world.deployment_json(repository, found(repository, call)?)))
}

/// Only an inactive deployment, or the only one, can be deleted.
fn delete(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let id = call.repository_id()?;
    let repository = call.repository(world)?;
    let deployment = found(repository, call)?;
    if repository.deployments.len() > 1 && deployment.state() != "inactive" {
        return Err(Refusal::new(
            422,
            "We cannot delete an active deployment unless it is the only deployment in a given environment.",
        ));
    }
    let deployment = deployment.id;
    world.repository_mut(id)?.deployments.remove(&deployment);
    Ok(Reply::empty(204))
}

/// <https://docs.github.com/rest/deployments/deployments#create-a-deployment>: `auto_merge` and the demand
/// that all checks have passed are on unless the caller turns them off.
fn create(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let reference = call.wanted("Deployment", "ref")?;
    let repository = call.repository(world)?;
    let sha = super::commits::resolved(repository, reference)
        .map_err(|_| Refusal::new(422, format!("No ref found for: {reference}")))?;
    if call.flag("auto_merge").unwrap_or(true)
        && let Some(message) = auto_merge(world, call, (reference, &sha))?
    {
        return Ok(Reply::json(202, json!({"message": message})));
    }
    let repository = call.repository(world)?;
    if let Some(context) = missing_context(repository, call, &sha) {
        let message = "Conflict: Commit status checks failed for ".to_owned() + reference;
        let error = json!({"contexts": [{"context": context}], "resource": "Deployment", "field": "required_contexts", "code": "invalid"});
        return Err(Refusal { errors: vec![error], ..Refusal::new(409, message) });
    }
    let environment = call.text("environment").unwrap_or("production");
    let new = NewDeployment {
        reference: reference.to_owned(),
        sha,
        task: call.text("task").unwrap_or("deploy").to_owned(),
        payload: call.body.get("payload").cloned().unwrap_or_else(|| json!({})),
        environment: environment.to_owned(),
        description: call.owned("description"),
        transient: call.flag("transient_environment").unwrap_or(false),
        production: call.flag("production_environment").unwrap_or(environment == "production"),
    };
    let deployment = world.deploy(id, actor, new)?;
    let repository = call.repository(world)?;
    let deployment = repository.deployments.get(&deployment).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(201, world.deployment_json(repository, deployment)))
}

/// Merges the default branch into a branch that lacks some of it; then no deployment is made.
fn auto_merge(
    world: &mut World<'_>,
    call: &Call,
    (reference, sha): (&str, &str),
) -> Result<Option<String>, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let repository = call.repository(world)?;
    let default = repository.default_branch.clone();
    let name = format!("refs/heads/{reference}");
    let Some(tip) = repository.git.resolve(&format!("refs/heads/{default}"))? else { return Ok(None) };
    let branch = repository.git.resolve(&name)?.is_some();
    if !branch || reference == default || repository.git.is_ancestor(&tip, sha)? {
        return Ok(None);
    }
    world
        .merge_into(id, (&name, sha, &tip), actor.user)?
        .ok_or_else(|| Refusal::new(409, format!("Conflict merging {default} into {reference}.")))?;
    Ok(Some(format!("Auto-merged {default} into {reference} on deployment.")))
}

/// The first context that has not succeeded: those named, or all there are.
fn missing_context(repository: &Repository, call: &Call, sha: &str) -> Option<String> {
    let runs = repository.runs.values().filter(|run| run.sha == sha).map(|run| {
        let good = matches!(run.conclusion.as_deref(), Some("success" | "neutral" | "skipped"));
        (run.name.clone(), good)
    });
    let statuses = repository.statuses.iter().filter(|status| status.sha == sha);
    let statuses = statuses.map(|status| (status.context.clone(), status.state == "success"));
    let last: std::collections::BTreeMap<String, bool> = statuses.chain(runs).collect();
    match call.body["required_contexts"].as_array() {
        Some(named) => {
            let mut named = named.iter().filter_map(Value::as_str);
            named.find(|context| last.get(*context) != Some(&true)).map(ToOwned::to_owned)
        }
        None => last.into_iter().find(|(_, good)| !good).map(|(context, _)| context),
    }
}

fn statuses(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let deployment = found(repository, call)?;
    let newest_first = deployment.statuses.iter().rev();
    let items: Vec<Value> =
        newest_first.map(|status| world.deployment_status_json(repository, deployment.id, status)).collect();
    Ok(call.page(world, &items))
}

fn status(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let deployment = found(repository, call)?;
    let id = call.id("status_id")?;
    let status = deployment.statuses.iter().find(|status| status.id == id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.deployment_status_json(repository, deployment.id, status)))
}

fn create_status(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let deployment = found(call.repository(world)?, call)?.id;
    let log = call.text("log_url").or_else(|| call.text("target_url")).unwrap_or_default();
    let new = NewStatus {
        state: call.wanted("DeploymentStatus", "state")?.to_owned(),
        description: call.owned("description").unwrap_or_default(),
        environment: call.owned("environment"),
        environment_url: call.owned("environment_url").unwrap_or_default(),
        log_url: log.to_owned(),
        auto_inactive: call.flag("auto_inactive").unwrap_or(true),
    };
    let status = world.deployment_status(id, (deployment, actor), new)?;
    let repository = call.repository(world)?;
    Ok(Reply::json(201, world.deployment_status_json(repository, deployment, &status)))
}
