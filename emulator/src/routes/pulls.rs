//! Pull requests, their files, commits, reviews and merging.

use super::Call;
use super::Handler;
use super::Reply;
use crate::acts::MergeMethod;
use crate::acts::NewPull;
use crate::acts::PullEdit;
use crate::core::World;
use crate::error::Refusal;
use crate::state::issue::Issue;
use crate::state::issue::Pull;
use crate::state::issue::Verdict;
use serde_json::Value;
use serde_json::json;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("pulls/list", list),
    ("pulls/create", create),
    ("pulls/get", get),
    ("pulls/update", update),
    ("pulls/list-files", files),
    ("pulls/list-commits", commits),
    ("pulls/list-reviews", reviews),
    ("pulls/create-review", review),
    ("pulls/check-if-merged", merged),
    ("pulls/merge", merge),
];

/// GitHub lists no more files or commits of a pull request than these.
const FILES: usize = 3000;
const COMMITS: usize = 250;

fn list(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let state = call.query("state").unwrap_or("open");
    let fits = |issue: &&Issue, pull: &Pull| {
        let open = issue.closed_at.is_none();
        let owner = world.state.repositories.get(&pull.head.repository).map_or(0, |head| head.owner);
        let label = format!("{}:{}", world.state.login(owner), pull.head.branch);
        (state == "all" || (state == "open") == open)
            && call.query("base").is_none_or(|base| base == pull.base.branch)
            && call.query("head").is_none_or(|head| head == label)
    };
    let mut items = Vec::new();
    for issue in repository.issues.values() {
        let Some(pull) = issue.pull.as_ref().filter(|pull| fits(&issue, pull)) else { continue };
        items.push(world.simple_pull_json(repository, issue, pull));
    }
    if call.query("direction") != Some("asc") {
        items.reverse();
    }
    Ok(call.page(world, &items))
}

fn create(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, repository) = (call.actor(world)?, call.repository_id()?);
    let head = call.wanted("PullRequest", "head")?;
    let branch = head.rsplit_once(':').map_or(head, |(_, branch)| branch);
    let new = NewPull {
        author: actor.user,
        title: call.wanted("PullRequest", "title")?,
        body: call.text("body"),
        draft: call.flag("draft").unwrap_or(false),
        head: (repository, branch),
        base: call.wanted("PullRequest", "base")?,
    };
    let number = world.open_pull(repository, new)?;
    let (issue, pull) = world.pull(repository, number)?;
    let body = world.pull_json(world.repository(repository)?, issue, pull, None)?;
    Ok(Reply::json(201, body))
}

/// The first read after head or base moved answers `mergeable: null` and starts the test merge.
/// <https://docs.github.com/rest/guides/using-the-rest-api-to-interact-with-your-git-database#checking-mergeability-of-pull-requests>
fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (id, number) = (call.repository_id()?, call.id("pull_number")?);
    let open = world.pull(id, number)?.0.closed_at.is_none();
    let known = if open { world.test_merge(id, number)? } else { None };
    let mut mergeable = known.map(|test| test.sha.is_some());
    let issue = world.repository_mut(id)?.issues.get_mut(&number);
    if let Some(pull) = issue.and_then(|issue| issue.pull.as_mut())
        && pull.nulls > 0
        && open
    {
        pull.nulls -= 1;
        mergeable = None;
    }
    let (issue, pull) = world.pull(id, number)?;
    let body = world.pull_json(world.repository(id)?, issue, pull, mergeable)?;
    Ok(Reply::json(200, body))
}

fn update(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id, number) = (call.actor(world)?, call.repository_id()?, call.id("pull_number")?);
    let edit = PullEdit { title: call.text("title"), body: call.text("body"), base: call.text("base") };
    if edit.title.is_some() || edit.body.is_some() || edit.base.is_some() {
        world.edit_pull(id, number, (edit, actor.user))?;
    }
    let open = world.pull(id, number)?.0.closed_at.is_none();
    match call.text("state") {
        Some("closed") if open => world.close_pull(id, number, actor.user)?,
        Some("open") if !open => world.reopen_pull(id, number, actor.user)?,
        _ => {}
    }
    let (issue, pull) = world.pull(id, number)?;
    let body = world.pull_json(world.repository(id)?, issue, pull, None)?;
    Ok(Reply::json(200, body))
}

/// Where the pull request's own commits begin.
fn fork_point(world: &World<'_>, call: &Call) -> Result<(String, String), Refusal> {
    let (_, pull) = world.pull(call.repository_id()?, call.id("pull_number")?)?;
    let git = &call.repository(world)?.git;
    let base = git.merge_base(&pull.base.sha, &pull.head.sha)?;
    Ok((base.unwrap_or_else(|| pull.base.sha.clone()), pull.head.sha.clone()))
}

fn files(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (base, head) = fork_point(world, call)?;
    let repository = call.repository(world)?;
    let changes = repository.git.changes(&base, &head)?;
    let listed = changes.iter().take(FILES);
    let items: Vec<Value> = listed.map(|change| world.change_json(repository, &head, change)).collect();
    Ok(call.page(world, &items))
}

fn commits(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (base, head) = fork_point(world, call)?;
    let repository = call.repository(world)?;
    let log = repository.git.log(&["--reverse", &format!("{base}..{head}")])?;
    let listed = log.iter().take(COMMITS);
    let items: Vec<Value> = listed.map(|commit| world.commit_object(repository, commit)).collect();
    Ok(call.page(world, &items))
}

fn reviews(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let number = call.id("pull_number")?;
    let (_, pull) = world.pull(call.repository_id()?, number)?;
    let repository = call.repository(world)?;
    let all = pull.reviews.iter();
    let items: Vec<Value> = all.map(|review| world.review_json(repository, number, review)).collect();
    Ok(call.page(world, &items))
}

/// A review is submitted at once; one without `event` would stay pending, which is not emulated.
fn review(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id, number) = (call.actor(world)?, call.repository_id()?, call.id("pull_number")?);
    let verdict = match call.wanted("PullRequestReview", "event")? {
        "APPROVE" => Verdict::Approved,
        "REQUEST_CHANGES" => Verdict::ChangesRequested,
        _ => Verdict::Commented,
    };
    let text = call.text("body").unwrap_or_default();
    let made = world.review(id, number, actor.user, (verdict, text))?;
    let (_, pull) = world.pull(id, number)?;
    let review = pull.reviews.iter().find(|review| review.id == made).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.review_json(call.repository(world)?, number, review)))
}

fn merged(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (_, pull) = world.pull(call.repository_id()?, call.id("pull_number")?)?;
    if pull.merged.is_some() { Ok(Reply::empty(204)) } else { Err(Refusal::not_found()) }
}

fn merge(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    let method = match call.text("merge_method") {
        None | Some("merge") => MergeMethod::Merge,
        Some("squash") => MergeMethod::Squash,
        Some("rebase") => MergeMethod::Rebase,
        Some(_) => return Err(Refusal::invalid("PullRequest", "merge_method", "invalid")),
    };
    let (id, number) = (call.repository_id()?, call.id("pull_number")?);
    let sha = world.merge_pull(id, number, (method, actor.user), call.text("sha"))?;
    let body = json!({"sha": sha, "merged": true, "message": "Pull Request successfully merged"});
    Ok(Reply::json(200, body))
}
