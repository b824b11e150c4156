//! Commits, what changed between them, their statuses and comments.

use super::Call;
use super::Handler;
use super::Reply;
use crate::core::World;
use crate::error::Refusal;
use crate::show::extend;
use crate::state::check::Status;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("repos/list-commits", list),
    ("repos/get-commit", get),
    ("repos/list-pull-requests-associated-with-commit", pulls),
    ("repos/get-combined-status-for-ref", combined),
    ("repos/list-commit-statuses-for-ref", statuses),
    ("repos/create-commit-status", create_status),
    ("repos/compare-commits-with-basehead", compare),
    ("repos/list-comments-for-commit", comments),
    ("repos/create-commit-comment", create_comment),
];

/// GitHub compares no more commits and files than these at once.
const COMPARED: usize = 250;
const FILES: usize = 300;

/// The commit a branch, tag, `heads/…` or id stands for.
pub(super) fn resolved(repository: &Repository, name: &str) -> Result<String, Refusal> {
    let candidates = [format!("refs/heads/{name}"), format!("refs/{name}"), name.to_owned()];
    for candidate in &candidates {
        if let Some(sha) = repository.git.resolve(candidate)? {
            return Ok(sha);
        }
    }
    Err(Refusal::new(422, format!("No commit found for SHA: {name}")))
}

fn list(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let start = call.query("sha").unwrap_or(&repository.default_branch);
    let sha = resolved(repository, start)?;
    let mut range = vec![sha.as_str()];
    if let Some(path) = call.query("path") {
        range.extend(["--", path]);
    }
    let log = repository.git.log(&range)?;
    let items: Vec<Value> = log.iter().map(|commit| world.commit_object(repository, commit)).collect();
    Ok(call.page(world, &items))
}

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = resolved(repository, call.param("ref"))?;
    let mut body = world.commit_json(repository, &sha)?;
    let parent = repository.git.show(&sha)?.parents.first().cloned();
    if let Some(parent) = parent {
        let changes = repository.git.changes(&parent, &sha)?;
        let additions: u64 = changes.iter().map(|change| change.additions).sum();
        let deletions: u64 = changes.iter().map(|change| change.deletions).sum();
        let files: Vec<Value> =
            changes.iter().map(|change| world.change_json(repository, &sha, change)).collect();
        let total = additions + deletions;
        let stats = json!({"additions": additions, "deletions": deletions, "total": total});
        extend(&mut body, json!({"stats": stats, "files": files}));
    }
    Ok(Reply::json(200, body))
}

/// Pull requests that contain the commit.
fn pulls(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = resolved(repository, call.param("commit_sha"))?;
    let mut items = Vec::new();
    for issue in repository.issues.values() {
        let Some(pull) = &issue.pull else { continue };
        let merged = pull.merged.as_ref().is_some_and(|merged| merged.sha == sha);
        let inside = repository.git.is_ancestor(&sha, &pull.head.sha)?
            && !repository.git.is_ancestor(&sha, &pull.base.sha)?;
        if merged || inside {
            items.push(world.simple_pull_json(repository, issue, pull));
        }
    }
    Ok(call.page(world, &items))
}

/// The newest status of each context.
fn newest<'a>(repository: &'a Repository, sha: &str) -> Vec<&'a Status> {
    let mut last = BTreeMap::new();
    for status in repository.statuses.iter().filter(|status| status.sha == sha) {
        last.insert(status.context.as_str(), status);
    }
    last.into_values().collect()
}

fn combined(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = resolved(repository, call.param("ref"))?;
    let last = newest(repository, &sha);
    let any = |states: &[&str]| last.iter().any(|status| states.contains(&status.state.as_str()));
    let state = if any(&["error", "failure"]) {
        "failure"
    } else if last.is_empty() || any(&["pending"]) {
        "pending"
    } else {
        "success"
    };
    let items: Vec<Value> = last.iter().map(|status| world.status_json(repository, status)).collect();
    let api = world.repository_api(repository);
    let mut reply = call.counted(world, "statuses", &items);
    if let Some(body) = &mut reply.body {
        extend(
            body,
            json!({
                "state": state,
                "sha": sha,
                "repository": world.repository_json(repository),
                "commit_url": format!("{api}/commits/{sha}"),
                "url": format!("{api}/commits/{sha}/status"),
            }),
        );
    }
    Ok(reply)
}

fn statuses(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = resolved(repository, call.param("ref"))?;
    let own = repository.statuses.iter().rev().filter(|status| status.sha == sha);
    let items: Vec<Value> = own.map(|status| world.status_json(repository, status)).collect();
    Ok(call.page(world, &items))
}

fn create_status(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let state = call.wanted("Status", "state")?;
    let what = (call.param("sha"), call.text("context").unwrap_or("default"), state);
    let more = (actor.user, call.text("description"), call.text("target_url"));
    let status = world.set_status(id, what, more)?;
    let body = world.status_json(call.repository(world)?, &status);
    Ok(Reply::json(201, body))
}

fn compare(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let git = &repository.git;
    let basehead = call.param("basehead");
    let (base, head) = basehead.split_once("...").ok_or_else(Refusal::not_found)?;
    let find = |name: &str| resolved(repository, name).map_err(|_| Refusal::not_found());
    let (base, head) = (find(base)?, find(head)?);
    let merge_base = git.merge_base(&base, &head)?.ok_or_else(Refusal::not_found)?;
    let ahead = git.count(&format!("{base}..{head}"))?;
    let behind = git.count(&format!("{head}..{base}"))?;
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (0, _) => "behind",
        (_, 0) => "ahead",
        _ => "diverged",
    };
    let log = git.log(&["--reverse", &format!("{base}..{head}")])?;
    let listed = log.iter().take(COMPARED);
    let commits: Vec<Value> = listed.map(|commit| world.commit_object(repository, commit)).collect();
    let changes = git.changes(&merge_base, &head)?;
    let listed = changes.iter().take(FILES);
    let files: Vec<Value> = listed.map(|change| world.change_json(repository, &head, change)).collect();
    let html = format!("{}/compare/{basehead}", world.repository_html(repository));
    let body = json!({
        "url": world.api(&call.path),
        "html_url": html,
        "permalink_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "base_commit": world.commit_json(repository, &base)?,
        "merge_base_commit": world.commit_json(repository, &merge_base)?,
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": commits,
        "files": files,
    });
    Ok(Reply::json(200, body))
}

fn comments(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = resolved(repository, call.param("commit_sha"))?;
    let own = repository.commit_comments.iter().filter(|comment| comment.sha == sha);
    let items: Vec<Value> = own.map(|one| world.commit_comment_json(repository, one)).collect();
    Ok(call.page(world, &items))
}

fn create_comment(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let sha = resolved(call.repository(world)?, call.param("commit_sha"))?;
    let body = call.wanted("CommitComment", "body")?;
    let position = call.body["position"].as_u64();
    let comment = world.comment_on_commit(id, (actor.user, body), (&sha, call.text("path"), position))?;
    let body = world.commit_comment_json(call.repository(world)?, &comment);
    Ok(Reply::json(201, body))
}
