//! Commits, differences and files.

use crate::core::World;
use crate::core::node_id;
use crate::error::Refusal;
use crate::git::Change;
use crate::git::Commit;
use crate::state::issue::CommitComment;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    pub(crate) fn commit_json(&self, repository: &Repository, sha: &str) -> Result<Value, Refusal> {
        Ok(self.commit_object(repository, &repository.git.show(sha)?))
    }

    pub(crate) fn commit_object(&self, repository: &Repository, commit: &Commit) -> Value {
        let api = self.repository_api(repository);
        let html = self.repository_html(repository);
        let sha = commit.sha.as_str();
        let person = json!({"name": commit.author, "email": commit.author_email, "date": commit.at});
        let account = self.account(&commit.author);
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| {
                json!({
                    "sha": parent,
                    "url": format!("{api}/commits/{parent}"),
                    "html_url": format!("{html}/commit/{parent}"),
                })
            })
            .collect();
        json!({
            "sha": sha,
            "node_id": node_id("Commit", repository.id),
            "url": format!("{api}/commits/{sha}"),
            "html_url": format!("{html}/commit/{sha}"),
            "comments_url": format!("{api}/commits/{sha}/comments"),
            "commit": {
                "url": format!("{api}/git/commits/{sha}"),
                "author": person,
                "committer": person,
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": commit.tree, "url": format!("{api}/git/trees/{}", commit.tree)},
            },
            "author": account,
            "committer": account,
            "parents": parents,
        })
    }

    /// A commit as the Git database interface shows it.
    pub(crate) fn git_commit_json(&self, repository: &Repository, sha: &str) -> Result<Value, Refusal> {
        let commit = repository.git.show(sha)?;
        let api = self.repository_api(repository);
        let html = self.repository_html(repository);
        let person = json!({"name": commit.author, "email": commit.author_email, "date": commit.at});
        let parent = |sha: &String| {
            json!({
                "sha": sha,
                "url": format!("{api}/git/commits/{sha}"),
                "html_url": format!("{html}/commit/{sha}"),
            })
        };
        Ok(json!({
            "sha": sha,
            "node_id": node_id("Commit", repository.id),
            "url": format!("{api}/git/commits/{sha}"),
            "html_url": format!("{html}/commit/{sha}"),
            "author": person,
            "committer": person,
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": format!("{api}/git/trees/{}", commit.tree)},
            "parents": commit.parents.iter().map(parent).collect::<Vec<_>>(),
            "verification": {
                "verified": false, "reason": "unsigned", "signature": null, "payload": null,
                "verified_at": null,
            },
        }))
    }

    /// The account behind a commit's author, when there is one of that name.
    pub(crate) fn account(&self, author: &str) -> Value {
        self.state.user_by_login(author).map_or(Value::Null, |user| self.user_json(user.id))
    }

    /// The short form of check suites and merge groups.
    pub(crate) fn simple_commit(commit: &Commit) -> Value {
        let person = json!({"name": commit.author, "email": commit.author_email});
        json!({
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.at,
            "author": person,
            "committer": person,
        })
    }

    /// A commit of a `push` event.
    pub(crate) fn pushed_commit(
        &self,
        repository: &Repository,
        commit: &Commit,
        changes: &[Change],
    ) -> Value {
        let mut object = Self::simple_commit(commit);
        let paths = |status: &str| -> Vec<&str> {
            changes
                .iter()
                .filter(|change| change.status == status)
                .map(|change| change.path.as_str())
                .collect()
        };
        let html = self.repository_html(repository);
        object["url"] = json!(format!("{html}/commit/{}", commit.sha));
        object["distinct"] = json!(true);
        object["added"] = json!(paths("added"));
        object["removed"] = json!(paths("removed"));
        object["modified"] = json!(paths("modified"));
        object["author"]["username"] = json!(commit.author);
        object["committer"]["username"] = json!(commit.author);
        object
    }

    pub(crate) fn change_json(&self, repository: &Repository, sha: &str, change: &Change) -> Value {
        let html = self.repository_html(repository);
        let api = self.repository_api(repository);
        let path = change.path.as_str();
        let mut object = json!({
            "sha": change.blob,
            "filename": path,
            "status": change.status,
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": format!("{html}/blob/{sha}/{path}"),
            "raw_url": format!("{html}/raw/{sha}/{path}"),
            "contents_url": format!("{api}/contents/{path}?ref={sha}"),
        });
        if let Some(patch) = &change.patch {
            object["patch"] = json!(patch);
        }
        if let Some(previous) = &change.previous {
            object["previous_filename"] = json!(previous);
        }
        object
    }

    pub(crate) fn commit_comment_json(&self, repository: &Repository, comment: &CommitComment) -> Value {
        let at = crate::clock::written(comment.at);
        json!({
            "id": comment.id,
            "node_id": node_id("CommitComment", comment.id),
            "url": format!("{}/comments/{}", self.repository_api(repository), comment.id),
            "html_url": format!(
                "{}/commit/{}#commitcomment-{}",
                self.repository_html(repository), comment.sha, comment.id
            ),
            "body": comment.body,
            "path": comment.path,
            "position": comment.position,
            "line": comment.position,
            "commit_id": comment.sha,
            "user": self.user_json(comment.author),
            "created_at": at,
            "updated_at": at,
            "author_association": super::author_association(repository, comment.author),
        })
    }
}
