//! Issues, comments and reactions.

use super::Call;
use super::Handler;
use super::Reply;
use crate::core::World;
use crate::error::Refusal;
use crate::state::issue::Comment;
use crate::state::issue::Issue;
use serde_json::Value;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("issues/get", issue),
    ("issues/list-for-repo", issues),
    ("issues/list-comments-for-repo", all_comments),
    ("issues/list-comments", comments),
    ("issues/create-comment", create_comment),
    ("issues/get-comment", comment),
    ("issues/update-comment", update_comment),
    ("issues/delete-comment", delete_comment),
    ("reactions/list-for-issue-comment", reactions),
    ("reactions/create-for-issue-comment", react),
    ("reactions/delete-for-issue-comment", unreact),
];

fn issue(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let issue = repository.issues.get(&call.id("issue_number")?).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.issue_json(repository, issue)))
}

/// Issues and, as GitHub counts them among these, pull requests; newest first.
fn issues(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let state = call.query("state").unwrap_or("open");
    let fits = |issue: &&Issue| state == "all" || (state == "open") == issue.closed_at.is_none();
    let newest_first = repository.issues.values().rev().filter(fits);
    let items: Vec<Value> = newest_first.map(|issue| world.issue_json(repository, issue)).collect();
    Ok(call.page(world, &items))
}

fn all_comments(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let all = repository.comments.values();
    let items: Vec<Value> = all.map(|one| world.comment_json(repository, one)).collect();
    Ok(call.page(world, &items))
}

fn comments(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let number = call.id("issue_number")?;
    repository.issues.get(&number).ok_or_else(Refusal::not_found)?;
    let since = call.query("since").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let recent = |one: &&Comment| since.is_none_or(|since| one.updated_at >= since);
    let own = repository.comments.values().filter(|one| one.issue == number).filter(recent);
    let items: Vec<Value> = own.map(|one| world.comment_json(repository, one)).collect();
    Ok(call.page(world, &items))
}

fn shown(world: &World<'_>, call: &Call, status: u16, id: u64) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let comment = repository.comments.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(status, world.comment_json(repository, comment)))
}

fn create_comment(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    let body = call.wanted("IssueComment", "body")?;
    let id = world.comment(call.repository_id()?, call.id("issue_number")?, (actor, body))?;
    shown(world, call, 201, id)
}

fn comment(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    shown(world, call, 200, call.id("comment_id")?)
}

fn update_comment(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.id("comment_id")?);
    let body = call.wanted("IssueComment", "body")?;
    world.edit_comment(call.repository_id()?, id, (actor.user, body))?;
    shown(world, call, 200, id)
}

fn delete_comment(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    world.delete_comment(call.repository_id()?, call.id("comment_id")?, actor.user)?;
    Ok(Reply::empty(204))
}

fn reactions(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let comment = repository.comments.get(&call.id("comment_id")?).ok_or_else(Refusal::not_found)?;
    let wanted = call.query("content");
    let fitting = comment.reactions.iter().filter(|one| wanted.is_none_or(|content| one.content == content));
    let items: Vec<Value> = fitting.map(|one| world.reaction_json(one)).collect();
    Ok(call.page(world, &items))
}

fn react(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    let content = call.wanted("Reaction", "content")?;
    let id = call.id("comment_id")?;
    let (reaction, new) = world.react(call.repository_id()?, id, (actor.user, content))?;
    Ok(Reply::json(if new { 201 } else { 200 }, world.reaction_json(&reaction)))
}

fn unreact(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    let (id, reaction) = (call.id("comment_id")?, call.id("reaction_id")?);
    let comment = world.comment_mut(call.repository_id()?, id)?;
    let at = comment.reactions.iter().position(|one| one.id == reaction && one.author == actor.user);
    comment.reactions.remove(at.ok_or_else(Refusal::not_found)?);
    Ok(Reply::empty(204))
}
