//! Deployments and their statuses.

use crate::clock::written;
use crate::core::World;
use crate::core::node_id;
use crate::state::deployment::Deployment;
use crate::state::deployment::DeploymentStatus;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

impl World<'_> {
    pub(crate) fn deployment_json(&self, repository: &Repository, deployment: &Deployment) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/deployments/{}", deployment.id);
        json!({
            "id": deployment.id,
            "node_id": node_id("Deployment", deployment.id),
            "url": url,
            "sha": deployment.sha,
            "ref": deployment.reference,
            "task": deployment.task,
            "payload": deployment.payload,
            "original_environment": deployment.environment,
            "environment": deployment.environment,
            "description": deployment.description,
            "creator": self.user_json(deployment.creator),
            "created_at": written(deployment.created_at),
            "updated_at": written(deployment.updated_at),
            "statuses_url": format!("{url}/statuses"),
            "repository_url": api,
            "transient_environment": deployment.transient,
            "production_environment": deployment.production,
            "performed_via_github_app": self.via_app(deployment.app),
        })
    }

    pub(crate) fn deployment_status_json(
        &self,
        repository: &Repository,
        deployment: u64,
        status: &DeploymentStatus,
    ) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/deployments/{deployment}");
        let at = written(status.at);
        json!({
            "id": status.id,
            "node_id": node_id("DeploymentStatus", status.id),
            "url": format!("{url}/statuses/{}", status.id),
            "state": status.state,
            "creator": self.user_json(status.creator),
            "description": status.description,
            "environment": status.environment,
            "target_url": status.log_url,
            "created_at": at,
            "updated_at": at,
            "deployment_url": url,
            "repository_url": api,
            "environment_url": status.environment_url,
            "log_url": status.log_url,
            "performed_via_github_app": self.via_app(status.app),
        })
    }
}
