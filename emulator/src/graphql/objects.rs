//! The objects as GraphQL shows them.

use super::Caller;
use crate::acts::approved;
use crate::acts::blocked;
use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::error::Refusal;
use crate::state::issue::MergeTest;
use crate::state::issue::Review;
use crate::state::issue::Verdict;
use crate::state::repository::Repository;
use crate::state::repository::Visibility;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// What a field leads to.
pub(super) enum Object {
    Repository(u64),
    Pull(u64, u64),
    Comment(u64, u64),
    /// All of it is there already.
    Plain(Value),
    Null,
}

/// Whether the caller may be shown an object, by whatever way the document came to it.
pub(super) fn shown(object: &Object, caller: Caller<'_>) -> bool {
    match object {
        Object::Repository(id) => caller.sees(*id),
        Object::Pull(id, _) => caller.sees(*id) && caller.may("pull_requests", "read"),
        Object::Comment(id, _) => {
            caller.sees(*id) && (caller.may("issues", "read") || caller.may("pull_requests", "read"))
        }
        Object::Plain(_) | Object::Null => true,
    }
}

/// The fields of an object that need no arguments and lead to no object of the above.
pub(super) fn plain(world: &mut World<'_>, object: &Object) -> Result<Value, Refusal> {
    match object {
        Object::Plain(value) => Ok(value.clone()),
        Object::Null => Ok(Value::Null),
        Object::Comment(repository, id) => comment(world, *repository, *id),
        Object::Repository(id) => Ok(repository(world, world.repository(*id)?)),
        Object::Pull(repository, number) => {
            let test = world.test_merge(*repository, *number)?;
            pull(world, *repository, *number, test)
        }
    }
}

/// A field that leads to another object; none when it is not such a field.
pub(super) fn below(
    world: &World<'_>,
    object: &Object,
    (name, arguments): (&str, &Value),
    caller: Caller<'_>,
) -> Result<Option<Object>, Refusal> {
    match (object, name) {
        (Object::Repository(id), "pullRequest") => {
            let number = arguments["number"].as_u64().unwrap_or_default();
            let message = format!("Could not resolve to a PullRequest with the number of {number}.");
            let pull = Object::Pull(*id, number);
            // Without the permission not even this is told: whether there is one of that number.
            if shown(&pull, caller) {
                world.pull(*id, number).map_err(|_| Refusal::new(404, message))?;
            }
            Ok(Some(pull))
        }
        (Object::Repository(id), "ref") => {
            let name = arguments["qualifiedName"].as_str().unwrap_or_default();
            let full = if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") };
            Ok(Some(reference(world.repository(*id)?, &full)?.map_or(Object::Null, Object::Plain)))
        }
        (Object::Repository(id), "defaultBranchRef") => {
            let repository = world.repository(*id)?;
            let full = format!("refs/heads/{}", repository.default_branch);
            Ok(Some(reference(repository, &full)?.map_or(Object::Null, Object::Plain)))
        }
        (Object::Pull(id, _), "repository" | "baseRepository") => Ok(Some(Object::Repository(*id))),
        (Object::Pull(id, number), "headRepository") => {
            let head = world.pull(*id, *number)?.1.head.repository;
            Ok(Some(if caller.sees(head) { Object::Repository(head) } else { Object::Null }))
        }
        _ => Ok(None),
    }
}

pub(super) fn actor(world: &World<'_>, id: u64) -> Value {
    let Some(user) = world.state.users.get(&id) else { return Value::Null };
    json!({
        "__typename": user.kind.name(),
        "id": node_id("User", id),
        "databaseId": id,
        // GraphQL leaves out the suffix of a bot's login.
        "login": user.login.trim_end_matches("[bot]"),
        "name": user.login,
        "url": world.html(&format!("/{}", user.login)),
        "resourcePath": format!("/{}", user.login),
        "avatarUrl": world.html(&format!("/avatars/u/{id}")),
    })
}

fn repository(world: &World<'_>, repository: &Repository) -> Value {
    json!({
        "__typename": "Repository",
        "id": node_id("Repository", repository.id),
        "databaseId": repository.id,
        "name": repository.name,
        "nameWithOwner": world.state.full_name(repository),
        "url": world.repository_html(repository),
        "isPrivate": repository.visibility == Visibility::Private,
        "isArchived": repository.archived,
        "isFork": repository.fork_of.is_some(),
        "owner": actor(world, repository.owner),
    })
}

fn reference(repository: &Repository, full: &str) -> Result<Option<Value>, Refusal> {
    let Some(sha) = repository.git.resolve(full)? else { return Ok(None) };
    Ok(Some(json!({
        "__typename": "Ref",
        "id": node_id("Ref", repository.id),
        "name": full.trim_start_matches("refs/heads/"),
        "prefix": "refs/heads/",
        "target": {
            "__typename": "Commit", "id": node_id("Commit", repository.id), "oid": sha,
            "abbreviatedOid": sha.get(..7),
        },
    })))
}

pub(super) fn comment(world: &World<'_>, repository: u64, id: u64) -> Result<Value, Refusal> {
    let target = world.repository(repository)?;
    let comment = target.comments.get(&id).ok_or_else(Refusal::not_found)?;
    let shown = world.comment_json(target, comment);
    Ok(json!({
        "__typename": "IssueComment",
        "id": shown["node_id"],
        "databaseId": id,
        "fullDatabaseId": id.to_string(),
        "body": comment.body,
        "url": shown["html_url"],
        "createdAt": shown["created_at"],
        "updatedAt": shown["updated_at"],
        "isMinimized": comment.minimized.is_some(),
        "minimizedReason": comment.minimized.as_ref().map(|reason| reason.to_lowercase()),
        "viewerCanMinimize": true,
        "author": actor(world, comment.author),
    }))
}

fn list(nodes: &[Value]) -> Value {
    json!({"totalCount": nodes.len(), "nodes": nodes})
}

fn review(world: &World<'_>, one: &Review) -> Value {
    json!({
        "__typename": "PullRequestReview",
        "id": node_id("PullRequestReview", one.id),
        "databaseId": one.id,
        "state": one.verdict.name(),
        "body": one.body,
        "submittedAt": written(one.at),
        "author": actor(world, one.author),
        "commit": {"oid": one.commit},
    })
}

fn pull(world: &World<'_>, id: u64, number: u64, test: Option<MergeTest>) -> Result<Value, Refusal> {
    let repository = world.repository(id)?;
    let (issue, pull) = world.pull(id, number)?;
    let open = issue.closed_at.is_none();
    let clean = test.filter(|_| open).map(|test| test.sha.is_some());
    let merge_state = match clean {
        None => "UNKNOWN",
        Some(false) => "DIRTY",
        Some(true) if pull.draft => "DRAFT",
        Some(true) if blocked(repository, pull).is_some() => "BLOCKED",
        Some(true) => "CLEAN",
    };
    let wanted = repository.protections.get(&pull.base.branch).map_or(0, |one| one.required_reviews);
    let refused = latest(&pull.reviews).values().any(|one| one.verdict == Verdict::ChangesRequested);
    let decision = match (wanted, refused, approved(pull, wanted)) {
        (0, _, _) => None,
        (_, true, _) => Some("CHANGES_REQUESTED"),
        (_, false, true) => Some("APPROVED"),
        (_, false, false) => Some("REVIEW_REQUIRED"),
    };
    let shown = world.pull_json(repository, issue, pull, clean)?;
    let mut comments = Vec::new();
    for one in repository.comments.values().filter(|one| one.issue == number) {
        comments.push(comment(world, id, one.id)?);
    }
    let all: Vec<Value> = pull.reviews.iter().map(|one| review(world, one)).collect();
    let last: Vec<Value> = latest(&pull.reviews).values().map(|one| review(world, one)).collect();
    let mut object = json!({
        "__typename": "PullRequest",
        "mergeable": match clean { None => "UNKNOWN", Some(true) => "MERGEABLE", Some(false) => "CONFLICTING" },
        "mergeStateStatus": merge_state,
        "reviewDecision": decision,
        "state": match (&pull.merged, open) { (Some(_), _) => "MERGED", (None, true) => "OPEN", (None, false) => "CLOSED" },
        "isCrossRepository": pull.head.repository != id,
        "closed": !open,
        "author": actor(world, issue.author),
        "mergedBy": pull.merged.as_ref().map_or(Value::Null, |merged| actor(world, merged.by)),
        "mergeCommit": pull.merged.as_ref().map_or(Value::Null, |merged| json!({"oid": merged.sha})),
        "comments": list(&comments),
        "reviews": list(&all),
        "latestReviews": list(&last),
        "latestOpinionatedReviews": list(&last),
    });
    copy(&shown, &mut object);
    Ok(object)
}

/// Each reviewer's last word, comments aside.
fn latest(reviews: &[Review]) -> BTreeMap<u64, &Review> {
    let opinions = reviews.iter().filter(|one| one.verdict != Verdict::Commented);
    opinions.map(|one| (one.author, one)).collect()
}

/// Fields that are the same as in REST under another name.
fn copy(rest: &Value, object: &mut Value) {
    const SAME: &[(&str, &str)] = &[
        ("id", "/node_id"),
        ("databaseId", "/id"),
        ("number", "/number"),
        ("title", "/title"),
        ("body", "/body"),
        ("url", "/html_url"),
        ("isDraft", "/draft"),
        ("locked", "/locked"),
        ("merged", "/merged"),
        ("mergedAt", "/merged_at"),
        ("closedAt", "/closed_at"),
        ("createdAt", "/created_at"),
        ("updatedAt", "/updated_at"),
        ("headRefName", "/head/ref"),
        ("headRefOid", "/head/sha"),
        ("baseRefName", "/base/ref"),
        ("baseRefOid", "/base/sha"),
        ("maintainerCanModify", "/maintainer_can_modify"),
        ("changedFiles", "/changed_files"),
        ("additions", "/additions"),
        ("deletions", "/deletions"),
        ("authorAssociation", "/author_association"),
    ];
    for (name, pointer) in SAME {
        object[*name] = rest.pointer(pointer).cloned().unwrap_or(Value::Null);
    }
}
