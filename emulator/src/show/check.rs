//! Check suites, check runs and statuses.

use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::error::Refusal;
use crate::state::check::Run;
use crate::state::check::Status;
use crate::state::check::Suite;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    pub(crate) fn run_json(&self, repository: &Repository, run: &Run) -> Value {
        let url = format!("{}/check-runs/{}", self.repository_api(repository), run.id);
        let html = format!("{}/runs/{}", self.repository_html(repository), run.id);
        json!({
            "id": run.id,
            "node_id": node_id("CheckRun", run.id),
            "name": run.name,
            "head_sha": run.sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": html,
            "details_url": run.details_url.as_ref().unwrap_or(&html),
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": written(run.started_at),
            "completed_at": run.completed_at.map(written),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": {"id": run.suite},
            "app": self.via_app(Some(run.app)),
            "pull_requests": self.pulls_at(repository, &run.sha),
        })
    }

    /// The pull requests of the repository itself whose head this is. A fork's never appear here.
    pub(crate) fn pulls_at(&self, repository: &Repository, sha: &str) -> Value {
        let name = |of: &Repository| json!({"id": of.id, "url": self.repository_api(of), "name": of.name});
        let pulls =
            repository.issues.values().filter(|issue| issue.closed_at.is_none()).filter_map(|issue| {
                let pull = issue.pull.as_ref()?;
                if pull.head.sha != sha || pull.head.repository != repository.id {
                    return None;
                }
                Some(json!({
                    "id": pull.id,
                    "number": issue.number,
                    "url": format!("{}/pulls/{}", self.repository_api(repository), issue.number),
                    "head": {"ref": pull.head.branch, "sha": pull.head.sha, "repo": name(repository)},
                    "base": {"ref": pull.base.branch, "sha": pull.base.sha, "repo": name(repository)},
                }))
            });
        Value::Array(pulls.collect())
    }

    pub(crate) fn suite_json(&self, repository: &Repository, suite: &Suite) -> Result<Value, Refusal> {
        let runs: Vec<&Run> = repository.runs.values().filter(|run| run.suite == suite.id).collect();
        let done = !runs.is_empty() && runs.iter().all(|run| run.status == "completed");
        let failed = runs.iter().any(|run| run.conclusion.as_deref() == Some("failure"));
        let conclusion = if failed { "failure" } else { "success" };
        let url = format!("{}/check-suites/{}", self.repository_api(repository), suite.id);
        let started = runs.iter().any(|run| run.status != "queued");
        let status = match (done, started) {
            (true, _) => "completed",
            (false, true) => "in_progress",
            (false, false) => "queued",
        };
        Ok(json!({
            "id": suite.id,
            "node_id": node_id("CheckSuite", suite.id),
            "head_branch": suite.branch,
            "head_sha": suite.sha,
            "status": status,
            "conclusion": done.then_some(conclusion),
            "url": url,
            "before": suite.before,
            "after": suite.sha,
            "pull_requests": self.pulls_at(repository, &suite.sha),
            "app": self.via_app(Some(suite.app)),
            "repository": self.repository_json(repository),
            "created_at": written(suite.created_at),
            "updated_at": written(suite.updated_at),
            "head_commit": Self::simple_commit(&repository.git.show(&suite.sha)?),
            "latest_check_runs_count": runs.len(),
            "check_runs_url": format!("{url}/check-runs"),
            "rerequestable": true,
            "runs_rerequestable": true,
        }))
    }

    pub(crate) fn annotation_json(&self, repository: &Repository, run: &Run, sent: &Value) -> Value {
        let path = sent["path"].as_str().unwrap_or_default();
        json!({
            "path": path,
            "start_line": sent["start_line"],
            "end_line": sent["end_line"],
            "start_column": sent["start_column"],
            "end_column": sent["end_column"],
            "annotation_level": sent["annotation_level"],
            "title": sent["title"],
            "message": sent["message"],
            "raw_details": sent["raw_details"],
            "blob_href": format!("{}/blob/{}/{path}", self.repository_html(repository), run.sha),
        })
    }

    pub(crate) fn status_json(&self, repository: &Repository, status: &Status) -> Value {
        let at = written(status.at);
        json!({
            "id": status.id,
            "node_id": node_id("Status", status.id),
            "url": format!("{}/statuses/{}", self.repository_api(repository), status.sha),
            "avatar_url": self.user_json(status.creator)["avatar_url"],
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": at,
            "updated_at": at,
            "creator": self.user_json(status.creator),
        })
    }
}
