//! Issues, their comments and reactions.

use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::state::issue::Comment;
use crate::state::issue::Issue;
use crate::state::issue::Reaction;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

/// All contents a reaction can have.
pub(crate) const REACTIONS: [&str; 8] =
    ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/// What GitHub says someone is to a repository. As there, it is no ground to allow anything.
pub(crate) fn author_association(repository: &Repository, user: u64) -> &'static str {
    if repository.owner == user {
        "OWNER"
    } else if repository.collaborators.contains_key(&user) {
        "COLLABORATOR"
    } else {
        "NONE"
    }
}

impl World<'_> {
    pub(crate) fn issue_json(&self, repository: &Repository, issue: &Issue) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/issues/{}", issue.number);
        let folder = if issue.pull.is_some() { "pull" } else { "issues" };
        let html = format!("{}/{folder}/{}", self.repository_html(repository), issue.number);
        let mut object = json!({
            "id": issue.id,
            "node_id": node_id("Issue", issue.id),
            "url": url,
            "repository_url": api,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "html_url": html,
            "number": issue.number,
            "state": if issue.closed_at.is_some() { "closed" } else { "open" },
            "state_reason": null,
            "title": issue.title,
            "body": issue.body,
            "user": self.user_json(issue.author),
            "labels": [],
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "locked": false,
            "active_lock_reason": null,
            "comments": repository.comments_on(issue.number),
            "created_at": written(issue.created_at),
            "updated_at": written(issue.updated_at),
            "closed_at": issue.closed_at.map(written),
            "author_association": author_association(repository, issue.author),
            "reactions": rollup(&url, &[]),
            "performed_via_github_app": null,
        });
        if let Some(pull) = &issue.pull {
            object["draft"] = json!(pull.draft);
            object["pull_request"] = json!({
                "url": format!("{api}/pulls/{}", issue.number),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": pull.merged.as_ref().map(|merged| written(merged.at)),
            });
        }
        object
    }

    pub(crate) fn comment_json(&self, repository: &Repository, comment: &Comment) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/issues/comments/{}", comment.id);
        let pull = repository.issues.get(&comment.issue).is_some_and(|issue| issue.pull.is_some());
        let folder = if pull { "pull" } else { "issues" };
        let html = self.repository_html(repository);
        json!({
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": url,
            "html_url": format!("{html}/{folder}/{}#issuecomment-{}", comment.issue, comment.id),
            "issue_url": format!("{api}/issues/{}", comment.issue),
            "user": self.user_json(comment.author),
            "body": comment.body,
            "created_at": written(comment.created_at),
            "updated_at": written(comment.updated_at),
            "author_association": author_association(repository, comment.author),
            "reactions": rollup(&url, &comment.reactions),
            "performed_via_github_app": self.via_app(comment.app),
        })
    }

    pub(crate) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": node_id("Reaction", reaction.id),
            "user": self.user_json(reaction.author),
            "content": reaction.content,
            "created_at": written(reaction.at),
        })
    }
}

fn rollup(url: &str, reactions: &[Reaction]) -> Value {
    let mut object = json!({"url": format!("{url}/reactions"), "total_count": reactions.len()});
    for content in REACTIONS {
        let count = reactions.iter().filter(|reaction| reaction.content == content).count();
        object[content] = json!(count);
    }
    object
}
