//! Pull requests and reviews.

use super::author_association;
use super::user::extend;
use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::error::Refusal;
use crate::state::issue::Issue;
use crate::state::issue::Pull;
use crate::state::issue::Review;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    /// The form of lists and of webhooks' short objects.
    pub(crate) fn simple_pull_json(&self, repository: &Repository, issue: &Issue, pull: &Pull) -> Value {
        let number = issue.number;
        let api = self.repository_api(repository);
        let url = format!("{api}/pulls/{number}");
        let html = format!("{}/pull/{number}", self.repository_html(repository));
        let mut object = json!({
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.id),
            "url": url,
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "issue_url": format!("{api}/issues/{number}"),
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url": format!("{api}/pulls/comments{{/number}}"),
            "comments_url": format!("{api}/issues/{number}/comments"),
            "statuses_url": format!("{api}/statuses/{}", pull.head.sha),
            "number": number,
            "state": if issue.closed_at.is_some() { "closed" } else { "open" },
            "locked": false,
            "active_lock_reason": null,
            "title": issue.title,
            "body": issue.body,
            "user": self.user_json(issue.author),
            "labels": [], "milestone": null, "assignee": null, "assignees": [],
            "requested_reviewers": [], "requested_teams": [],
            "created_at": written(issue.created_at),
            "updated_at": written(issue.updated_at),
            "closed_at": issue.closed_at.map(written),
            "merged_at": pull.merged.as_ref().map(|merged| written(merged.at)),
            "merge_commit_sha": merge_commit(pull),
            "draft": pull.draft,
            "author_association": author_association(repository, issue.author),
            "auto_merge": null,
        });
        extend(&mut object, self.pull_sides(repository, pull));
        object["_links"] = links(&object);
        object
    }

    fn pull_sides(&self, repository: &Repository, pull: &Pull) -> Value {
        let side = |of: Option<&Repository>, branch: &str, sha: &str| {
            let owner = of.map(|repository| repository.owner);
            let login = owner.map_or("ghost", |owner| self.state.login(owner));
            json!({
                "label": format!("{login}:{branch}"),
                "ref": branch,
                "sha": sha,
                "user": owner.map_or(Value::Null, |owner| self.user_json(owner)),
                "repo": of.map_or(Value::Null, |repository| self.repository_json(repository)),
            })
        };
        let head = self.state.repositories.get(&pull.head.repository);
        json!({
            "head": side(head, &pull.head.branch, &pull.head.sha),
            "base": side(Some(repository), &pull.base.branch, &pull.base.sha),
        })
    }

    /// The full form, as `GET /pulls/{number}` and `pull_request` webhooks have it; `mergeable` is given
    /// because GitHub works it out only after it was asked for.
    pub(crate) fn pull_json(
        &self,
        repository: &Repository,
        issue: &Issue,
        pull: &Pull,
        mergeable: Option<bool>,
    ) -> Result<Value, Refusal> {
        let mut object = self.simple_pull_json(repository, issue, pull);
        let git = &repository.git;
        let base = git.merge_base(&pull.base.sha, &pull.head.sha)?.unwrap_or_else(|| pull.base.sha.clone());
        let (files, additions, deletions) = git.extent(&base, &pull.head.sha)?;
        let state = match mergeable {
            None => "unknown",
            Some(false) => "dirty",
            Some(true) if pull.draft => "draft",
            Some(true) if crate::acts::blocked(repository, pull).is_some() => "blocked",
            Some(true) => "clean",
        };
        if mergeable.is_none() && pull.merged.is_none() {
            object["merge_commit_sha"] = Value::Null;
        }
        extend(
            &mut object,
            json!({
                "merged": pull.merged.is_some(),
                "mergeable": mergeable,
                "rebaseable": mergeable,
                "mergeable_state": state,
                "merged_by": pull.merged.as_ref().map_or(Value::Null, |merged| self.user_json(merged.by)),
                "comments": repository.comments_on(issue.number),
                "review_comments": 0,
                "maintainer_can_modify": false,
                "commits": git.count(&format!("{base}..{}", pull.head.sha))?,
                "additions": additions,
                "deletions": deletions,
                "changed_files": files,
            }),
        );
        Ok(object)
    }

    pub(crate) fn review_json(&self, repository: &Repository, number: u64, review: &Review) -> Value {
        let pull = format!("{}/pulls/{number}", self.repository_api(repository));
        let html =
            format!("{}/pull/{number}#pullrequestreview-{}", self.repository_html(repository), review.id);
        json!({
            "id": review.id,
            "node_id": node_id("PullRequestReview", review.id),
            "user": self.user_json(review.author),
            "body": review.body,
            "state": review.verdict.name(),
            "html_url": html,
            "pull_request_url": pull,
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": written(review.at),
            "commit_id": review.commit,
            "author_association": author_association(repository, review.author),
        })
    }
}

fn merge_commit(pull: &Pull) -> Option<&str> {
    match &pull.merged {
        Some(merged) => Some(&merged.sha),
        None => pull.merge_test.as_ref().and_then(|test| test.sha.as_deref()),
    }
}

fn links(object: &Value) -> Value {
    let href = |key: &str| json!({"href": object[key]});
    json!({
        "self": href("url"),
        "html": href("html_url"),
        "issue": href("issue_url"),
        "comments": href("comments_url"),
        "review_comments": href("review_comments_url"),
        "review_comment": href("review_comment_url"),
        "commits": href("commits_url"),
        "statuses": href("statuses_url"),
    })
}
