//! What a deployment is bound to: the plan that its pull request showed, and those that go along with it.

use crate::model::deployment::Trigger;
use crate::model::fault::Failure;
use crate::model::id::{Branch, Sha};
use crate::model::plan::{Plan, Preview};
use crate::work::deploy::admit::Case;

/// A plan as it was shown on the deployment's own pull request.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The head that it was shown for.
    pub head: Sha,
    /// The base that it was shown for.
    pub base: Sha,
    /// The plan.
    pub plan: Plan,
}

impl Case<'_> {
    /// The plan that this deployment is bound to: for a command, the newest that was complete before it was written.
    pub(super) async fn shown(&self) -> Result<Option<Shown>, Failure> {
        let (repo, Some(number)) = (self.deployment.repo.id, self.deployment.pull) else { return Ok(None) };
        let preview = match self.deployment.cause {
            Trigger::Command { .. } => {
                self.cx.store.newest_preview_before(repo, number, self.deployment.asked).await?
            }
            Trigger::Merge => self.cx.store.latest_preview(repo, number).await?,
            Trigger::Push | Trigger::Close => None,
        };
        Ok(preview.and_then(|shown| {
            let Preview { head, base, environments, .. } = shown.preview;
            let plan = environments.into_iter().find(|plan| plan.name == self.deployment.environment.name)?;
            Some(Shown { head, base, plan })
        }))
    }

    /// Plans that were shown on other pull requests and merged meanwhile: their entries go along with what is deployed at
    /// the tracked branch's tip. What is deployed before its merge takes nothing along that it did not show itself.
    pub(super) async fn others(&self, tracked: &Branch, tip: &Sha) -> Result<Vec<Plan>, Failure> {
        let mut merged = Vec::new();
        for shown in self.cx.store.recent_previews(self.deployment.repo.id).await? {
            if Some(shown.pull) == self.deployment.pull {
                continue;
            }
            let Preview { head, environments, .. } = shown.preview;
            let plan = environments.into_iter().find(|plan| plan.name == self.deployment.environment.name);
            // What could not be shown approves nothing.
            let Some(plan) = plan.filter(|plan| plan.digest.is_some() && !plan.is_empty()) else { continue };
            let landed = self.ground.objects.is_ancestor(&head, tip).await.unwrap_or(false)
                || self
                    .cx
                    .github
                    .pull(&self.deployment.repo, shown.pull)
                    .await?
                    .is_some_and(|pull| pull.merged && pull.base == *tracked);
            if landed {
                merged.push(plan);
            }
        }
        Ok(merged)
    }
}
