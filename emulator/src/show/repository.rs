//! Repositories, branches and references.

use super::user::extend;
use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::error::Refusal;
use crate::state::repository::Protection;
use crate::state::repository::Repository;
use crate::state::repository::Visibility;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Keys whose address is the repository's own with this behind it.
const LINKS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl World<'_> {
    pub(crate) fn repository_api(&self, repository: &Repository) -> String {
        self.api(&format!("/repos/{}", self.state.full_name(repository)))
    }

    pub(crate) fn repository_html(&self, repository: &Repository) -> String {
        self.html(&format!("/{}", self.state.full_name(repository)))
    }

    /// The form used inside other objects, in lists and in webhooks.
    pub(crate) fn repository_json(&self, repository: &Repository) -> Value {
        let api = self.repository_api(repository);
        let html = self.repository_html(repository);
        let mut object = json!({
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": self.state.full_name(repository),
            "owner": self.user_json(repository.owner),
            "private": repository.visibility == Visibility::Private,
            "html_url": html,
            "fork": repository.fork_of.is_some(),
            "url": api,
            "git_url": format!("git://{}", html.trim_start_matches("http://")),
            "ssh_url": format!("git@127.0.0.1:{}.git", self.state.full_name(repository)),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
        });
        extend(&mut object, Self::repository_facts(repository));
        let links: Map<String, Value> =
            LINKS.iter().map(|(key, path)| ((*key).to_owned(), json!(format!("{api}{path}")))).collect();
        extend(&mut object, Value::Object(links));
        object
    }

    /// What a repository is like, apart from its name and addresses.
    fn repository_facts(repository: &Repository) -> Value {
        let open = repository.issues.values().filter(|issue| issue.closed_at.is_none()).count();
        json!({
            "description": null,
            "mirror_url": null, "homepage": null, "language": null, "license": null,
            "forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0,
            "size": 0,
            "default_branch": repository.default_branch,
            "open_issues_count": open, "open_issues": open,
            "is_template": false, "topics": [], "has_issues": true, "has_projects": false,
            "has_wiki": false, "has_pages": false, "has_downloads": false, "has_discussions": false,
            "archived": repository.archived, "disabled": false,
            "visibility": if repository.visibility == Visibility::Private { "private" } else { "public" },
            "allow_forking": true, "web_commit_signoff_required": false,
            "pushed_at": written(repository.pushed_at),
            "created_at": written(repository.created_at),
            "updated_at": written(repository.updated_at),
        })
    }

    /// The full form, as `GET /repos/{owner}/{repo}` answers.
    pub(crate) fn full_repository_json(&self, repository: &Repository) -> Value {
        let mut object = self.repository_json(repository);
        extend(
            &mut object,
            json!({
                "subscribers_count": 0, "network_count": 0,
                "permissions": {"admin": false, "maintain": false, "push": false, "triage": false, "pull": false},
                "allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
                "allow_auto_merge": false, "delete_branch_on_merge": false,
            }),
        );
        if let Some(parent) = repository.fork_of.and_then(|id| self.state.repositories.get(&id)) {
            object["parent"] = self.repository_json(parent);
            object["source"] = self.repository_json(parent);
        }
        object
    }

    /// The few keys of `installation` webhooks.
    pub(crate) fn repository_stub(&self, repository: &Repository) -> Value {
        json!({
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": self.state.full_name(repository),
            "private": repository.visibility == Visibility::Private,
        })
    }

    pub(crate) fn reference_json(&self, repository: &Repository, name: &str, sha: &str) -> Value {
        let api = self.repository_api(repository);
        json!({
            "ref": name,
            "node_id": node_id("Ref", repository.id),
            "url": format!("{api}/git/{name}"),
            "object": {"type": "commit", "sha": sha, "url": format!("{api}/git/commits/{sha}")},
        })
    }

    pub(crate) fn branch_json(
        &self,
        repository: &Repository,
        branch: &str,
        sha: &str,
    ) -> Result<Value, Refusal> {
        let api = format!("{}/branches/{branch}", self.repository_api(repository));
        let protection = repository.protections.get(branch);
        Ok(json!({
            "name": branch,
            "commit": self.commit_json(repository, sha)?,
            "_links": {
                "html": format!("{}/tree/{branch}", self.repository_html(repository)),
                "self": api,
            },
            "protected": protection.is_some(),
            "protection": protection.map_or_else(
                || json!({"enabled": false}),
                |protection| self.protection_json(repository, branch, protection),
            ),
            "protection_url": format!("{api}/protection"),
        }))
    }

    pub(crate) fn protection_json(
        &self,
        repository: &Repository,
        branch: &str,
        protection: &Protection,
    ) -> Value {
        let url = format!("{}/branches/{branch}/protection", self.repository_api(repository));
        let contexts: Vec<&str> =
            protection.required_checks.iter().map(|check| check.context.as_str()).collect();
        let checks: Vec<Value> = protection
            .required_checks
            .iter()
            .map(|check| json!({"context": check.context, "app_id": check.app_id}))
            .collect();
        let mut object = json!({
            "url": url,
            "enabled": true,
            "required_status_checks": {
                "url": format!("{url}/required_status_checks"),
                "strict": false,
                "contexts": contexts,
                "contexts_url": format!("{url}/required_status_checks/contexts"),
                "checks": checks,
                "enforcement_level": "non_admins",
            },
        });
        if protection.required_reviews > 0 {
            object["required_pull_request_reviews"] = json!({
                "url": format!("{url}/required_pull_request_reviews"),
                "dismiss_stale_reviews": false,
                "require_code_owner_reviews": false,
                "required_approving_review_count": protection.required_reviews,
                "require_last_push_approval": false,
            });
        }
        object
    }

    /// The rules that apply to a branch, when the protection is given as a ruleset.
    pub(crate) fn rules_json(&self, repository: &Repository, branch: &str) -> Value {
        let Some(protection) = repository.protections.get(branch).filter(|one| one.as_ruleset) else {
            return json!([]);
        };
        let source = json!({
            "ruleset_source_type": "Repository",
            "ruleset_source": self.state.full_name(repository),
            "ruleset_id": repository.id,
        });
        let mut rules = Vec::new();
        if !protection.required_checks.is_empty() {
            let checks: Vec<Value> = protection.required_checks.iter().map(required).collect();
            rules.push(json!({
                "type": "required_status_checks",
                "parameters": {
                    "required_status_checks": checks,
                    "strict_required_status_checks_policy": false,
                },
            }));
        }
        if protection.required_reviews > 0 {
            rules.push(json!({
                "type": "pull_request",
                "parameters": {
                    "dismiss_stale_reviews_on_push": false,
                    "require_code_owner_review": false,
                    "require_last_push_approval": false,
                    "required_approving_review_count": protection.required_reviews,
                    "required_review_thread_resolution": false,
                },
            }));
        }
        for rule in &mut rules {
            extend(rule, source.clone());
        }
        Value::Array(rules)
    }
}

fn required(check: &crate::state::repository::RequiredCheck) -> Value {
    match check.app_id {
        Some(app) => json!({"context": check.context, "integration_id": app}),
        None => json!({"context": check.context}),
    }
}
