//! Git references and objects over REST.

use super::Call;
use super::Handler;
use super::Reply;
use crate::acts::Move;
use crate::core::World;
use crate::error::Refusal;
use serde_json::Value;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("git/get-ref", get),
    ("git/list-matching-refs", matching),
    ("git/create-ref", create),
    ("git/update-ref", update),
    ("git/delete-ref", delete),
    ("git/get-commit", commit),
];

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let name = format!("refs/{}", call.param("ref"));
    let sha = repository.git.resolve(&name)?.ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.reference_json(repository, &name, &sha)))
}

fn matching(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let prefix = format!("refs/{}", call.param("ref"));
    let mut all = repository.git.refs("refs")?;
    all.retain(|(name, _)| name.starts_with(&prefix));
    let items = all.iter().map(|(name, sha)| world.reference_json(repository, name, sha));
    Ok(Reply::json(200, Value::Array(items.collect())))
}

fn create(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let name = call.wanted("Reference", "ref")?;
    if !name.starts_with("refs/") || name.matches('/').count() < 2 {
        return Err(Refusal::new(
            422,
            "Reference name must start with 'refs' and have at least two slashes.",
        ));
    }
    let git = &call.repository(world)?.git;
    if git.resolve(name)?.is_some() {
        return Err(Refusal::new(422, "Reference already exists"));
    }
    let sha = git.resolve(call.wanted("Reference", "sha")?)?;
    let sha = sha.ok_or_else(|| Refusal::new(422, "Object does not exist"))?;
    let moved = Move { name: name.to_owned(), before: None, after: Some(sha) };
    set(world, call, (201, moved))
}

fn update(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let name = format!("refs/{}", call.param("ref"));
    let git = &call.repository(world)?.git;
    let missing = |what: &'static str| move || Refusal::new(422, what);
    let before = git.resolve(&name)?.ok_or_else(missing("Reference does not exist"))?;
    let after =
        git.resolve(call.wanted("Reference", "sha")?)?.ok_or_else(missing("Object does not exist"))?;
    if !call.flag("force").unwrap_or(false) && !git.is_ancestor(&before, &after)? {
        return Err(Refusal::new(422, "Update is not a fast forward"));
    }
    set(world, call, (200, Move { name, before: Some(before), after: Some(after) }))
}

fn set(world: &mut World<'_>, call: &Call, (status, moved): (u16, Move)) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let git = &call.repository(world)?.git;
    git.set_ref(&moved.name, moved.after.as_deref())?;
    let (name, sha) = (moved.name.clone(), moved.after.clone().unwrap_or_default());
    world.moved(id, actor.user, &moved)?;
    Ok(Reply::json(status, world.reference_json(call.repository(world)?, &name, &sha)))
}

fn delete(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let name = format!("refs/{}", call.param("ref"));
    let git = &call.repository(world)?.git;
    let before = git.resolve(&name)?.ok_or_else(|| Refusal::new(422, "Reference does not exist"))?;
    git.set_ref(&name, None)?;
    world.moved(id, actor.user, &Move { name, before: Some(before), after: None })?;
    Ok(Reply::empty(204))
}

fn commit(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = repository.git.resolve(call.param("commit_sha"))?.ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.git_commit_json(repository, &sha)?))
}
