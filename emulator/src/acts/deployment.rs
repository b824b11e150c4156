//! Deployments, as records: GitHub deploys nothing itself.

use super::Actor;
use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::state::deployment::Deployment;
use crate::state::deployment::DeploymentStatus;
use serde_json::Value;
use serde_json::json;

/// What a deployment is made with.
#[derive(Clone, Debug)]
pub(crate) struct NewDeployment {
    pub(crate) reference: String,
    pub(crate) sha: String,
    pub(crate) task: String,
    pub(crate) payload: Value,
    pub(crate) environment: String,
    pub(crate) description: Option<String>,
    pub(crate) transient: bool,
    pub(crate) production: bool,
}

/// What a status of a deployment says.
#[derive(Clone, Debug)]
pub(crate) struct NewStatus {
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) environment: Option<String>,
    pub(crate) environment_url: String,
    pub(crate) log_url: String,
    pub(crate) auto_inactive: bool,
}

impl World<'_> {
    pub(crate) fn deploy(
        &mut self,
        repository: u64,
        actor: Actor,
        new: NewDeployment,
    ) -> Result<u64, Refusal> {
        let (id, at) = (self.state.next_id(), self.now());
        let deployment = Deployment {
            id,
            reference: new.reference,
            sha: new.sha,
            task: new.task,
            payload: new.payload,
            environment: new.environment,
            description: new.description,
            transient: new.transient,
            production: new.production,
            creator: actor.user,
            app: actor.app,
            created_at: at,
            updated_at: at,
            statuses: Vec::new(),
        };
        self.repository_mut(repository)?.deployments.insert(id, deployment.clone());
        let target = self.repository(repository)?;
        let body = json!({
            "deployment": self.deployment_json(target, &deployment),
            "workflow": null,
            "workflow_run": null,
        });
        let (event, action) = ("deployment", Some("created"));
        self.emit(&Happening { event, action, repository, sender: actor.user, body });
        Ok(id)
    }

    /// Adds a status and tells the apps, except of `inactive`, for which GitHub sends no webhook.
    /// <https://docs.github.com/webhooks/webhook-events-and-payloads#deployment_status>
    pub(crate) fn deployment_status(
        &mut self,
        repository: u64,
        (id, actor): (u64, Actor),
        new: NewStatus,
    ) -> Result<DeploymentStatus, Refusal> {
        let (status_id, at) = (self.state.next_id(), self.now());
        let target = self.repository_mut(repository)?;
        let deployment = target.deployments.get_mut(&id).ok_or_else(Refusal::not_found)?;
        let status = DeploymentStatus {
            id: status_id,
            state: new.state,
            description: new.description,
            environment: new.environment.unwrap_or_else(|| deployment.environment.clone()),
            environment_url: new.environment_url,
            log_url: new.log_url,
            creator: actor.user,
            app: actor.app,
            at,
        };
        deployment.updated_at = at;
        deployment.environment.clone_from(&status.environment);
        deployment.statuses.push(status.clone());
        if status.state == "success" && new.auto_inactive {
            self.retire_others(repository, id, actor)?;
        }
        if status.state == "inactive" {
            return Ok(status);
        }
        let target = self.repository(repository)?;
        let deployment = target.deployments.get(&id).ok_or_else(Refusal::not_found)?;
        let body = json!({
            "deployment": self.deployment_json(target, deployment),
            "deployment_status": self.deployment_status_json(target, id, &status),
            "check_run": null, "workflow": null, "workflow_run": null,
        });
        let (event, action) = ("deployment_status", Some("created"));
        self.emit(&Happening { event, action, repository, sender: actor.user, body });
        Ok(status)
    }

    /// `auto_inactive`: earlier successful deployments of the same environment become inactive, unless they
    /// are transient or production.
    /// <https://docs.github.com/rest/deployments/statuses#create-a-deployment-status>
    fn retire_others(&mut self, repository: u64, id: u64, actor: Actor) -> Result<(), Refusal> {
        let now = self.now();
        let target = self.repository(repository)?;
        let environment = target.deployments.get(&id).map(|one| one.environment.clone());
        let old: Vec<u64> = target
            .deployments
            .values()
            .filter(|one| Some(&one.environment) == environment.as_ref() && one.id != id)
            .filter(|one| !one.transient && !one.production && one.state() == "success")
            .map(|one| one.id)
            .collect();
        for id in old {
            let status_id = self.state.next_id();
            let Some(deployment) = self.repository_mut(repository)?.deployments.get_mut(&id) else {
                continue;
            };
            deployment.statuses.push(DeploymentStatus {
                id: status_id,
                state: "inactive".to_owned(),
                description: String::new(),
                environment: deployment.environment.clone(),
                environment_url: String::new(),
                log_url: String::new(),
                creator: actor.user,
                app: actor.app,
                at: now,
            });
        }
        Ok(())
    }
}
