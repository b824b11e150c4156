//! May this deployment begin, and what exactly is it bound to? Facts are asked of GitHub at this moment.

use jiff::{SignedDuration, Timestamp};

use crate::git::Merge;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::Pull;
use crate::model::id::{EnvironmentId, Sha};
use crate::model::plan::Plan;
use crate::model::refusal::Refusal;
use crate::model::settings::Environment;
use crate::model::target::TargetSettings;
use crate::store::Taken;
use crate::work::command::lock;
use crate::work::deploy::soon;
use crate::work::ground::Ground;
use crate::work::{Context, gate, rules, status};

/// How long a deployment waits for another one before it gives up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);

/// The answer.
pub(crate) enum Verdict {
    /// It may, bound to this.
    Go(Box<Admitted>),
    /// Something else must end first: look again then.
    Wait(Timestamp),
    /// A rule says no.
    Refuse(Refusal),
    /// Something newer is there already: nothing to do, and why.
    Overtaken(String),
}

/// What an admitted deployment is bound to.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The environment's rules in force.
    pub environment: Environment,
    /// What is deployed.
    pub commits: Commits,
    /// The commit that its preview had as base: the same candidates are looked at.
    pub base: Option<Sha>,
    /// What was shown: the plan that is approved first, then plans shown on pull requests merged since.
    pub approved: Vec<Plan>,
    /// The head and base that the approved plan was shown for.
    pub shown: Option<(Sha, Sha)>,
}

/// Admits, in the order in which a person would ask: where, who, what, when.
pub(crate) async fn admit(
    cx: &Context,
    ground: &Ground,
    deployment: &Deployment,
    pull: Option<&Pull>,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let name = &deployment.environment.name;
    let (Some(environment), target) = (ground.environment(name), ground.target(cx, name).await?) else {
        let refusal = Refusal::new(
            format!("`{name}` is not in force: the default branch's .tidegate.yaml does not name it"),
            "merge the file first",
        );
        return Ok(Verdict::Refuse(refusal));
    };
    let target = match target {
        Ok(target) => target,
        Err(unavailable) => {
            let fault = unavailable.fault(name).unwrap_or_default();
            return Ok(Verdict::Refuse(Refusal::new(fault.message, fault.hint)));
        }
    };
    let tracked = ground.tracked(environment);
    if let Err(refusal) = rules::may_track(&tracked, &ground.facts.default_branch, target) {
        return Ok(Verdict::Refuse(refusal));
    }
    let case = Case { cx, ground, deployment, pull, environment, target, now };
    if deployment.state == State::Running {
        // It was admitted and began; whatever moved since, what began is brought to its end.
        return case.resumed().await;
    }
    match deployment.cause {
        Trigger::Command { .. } => case.command(&tracked).await,
        Trigger::Merge | Trigger::Push | Trigger::Close => case.tip(&tracked).await,
    }
}

struct Case<'a> {
    cx: &'a Context,
    ground: &'a Ground,
    deployment: &'a Deployment,
    pull: Option<&'a Pull>,
    environment: &'a Environment,
    target: &'a TargetSettings,
    now: Timestamp,
}

impl Case<'_> {
    async fn resumed(&self) -> Result<Verdict, Failure> {
        let shown = self.shown().await?;
        let base = shown.as_ref().map(|(_, base, _)| base.clone());
        Ok(self.go(self.deployment.commits.clone(), base, shown.into_iter().collect()))
    }

    async fn command(&self, tracked: &crate::model::id::Branch) -> Result<Verdict, Failure> {
        let (Some(pull), Some(by_id)) = (self.pull, self.deployment.by_id) else {
            return Ok(refuse("the pull request is gone", "open it again"));
        };
        let person =
            gate::person(self.cx, &self.deployment.repo, (&self.deployment.by, by_id), &[self.environment])
                .await?;
        if let Err(refusal) = rules::may_command(&person, self.environment, self.target) {
            return Ok(Verdict::Refuse(refusal));
        }
        if let Some(refusal) = self.moved(pull, tracked) {
            return Ok(Verdict::Refuse(refusal));
        }
        let gates =
            gate::gates(self.cx, &self.deployment.repo, pull, (self.environment, self.target)).await?;
        let Some(base) = self.ground.mirror.tip(tracked).await? else {
            return Ok(refuse(&format!("the branch {tracked} is gone"), "restore it"));
        };
        let fresh = pull.merged || self.ground.objects.is_ancestor(&base, &pull.head).await?;
        if let Err(refusal) = rules::gates_hold(self.environment, self.target, &gates, fresh) {
            return Ok(Verdict::Refuse(refusal));
        }
        if !pull.merged
            && let Err(refusal) = rules::may_before_merge(pull, self.environment, self.target, &gates)
        {
            return Ok(Verdict::Refuse(refusal));
        }
        let commits = match self.commits(pull, &base).await? {
            Ok(commits) => commits,
            Err(refusal) => return Ok(Verdict::Refuse(refusal)),
        };
        if let Some(verdict) = self.earlier(&commits.tree).await? {
            return Ok(verdict);
        }
        if let Some(verdict) = self.lock(Some(pull)).await? {
            return Ok(verdict);
        }
        let shown = self.shown().await?;
        let base = shown.as_ref().map(|(_, base, _)| base.clone());
        Ok(self.go(commits, base, shown.into_iter().collect()))
    }

    /// What a command cannot mean: another head than was shown, a closed pull request, another base.
    fn moved(&self, pull: &Pull, tracked: &crate::model::id::Branch) -> Option<Refusal> {
        let shown = &self.deployment.commits.head;
        if pull.base != *tracked {
            return Some(Refusal::new(
                format!("this environment tracks {tracked}, and the pull request goes into {}", pull.base),
                "deploy it from a pull request into that branch",
            ));
        }
        if !pull.open && !pull.merged {
            return Some(Refusal::new("the pull request is closed", "reopen it"));
        }
        if pull.is_fork(self.deployment.repo.id) && !pull.merged {
            return Some(Refusal::new("a fork is never deployed before its merge", "merge it first"));
        }
        if let Some(named) = &self.deployment.named
            && !shown.as_str().starts_with(named.as_str())
        {
            return Some(Refusal::new(
                format!("you named {named}, and the preview shows {}", shown.short()),
                "look at the preview and name what it shows",
            ));
        }
        if !pull.merged && pull.head != *shown {
            return Some(Refusal::new(
                format!(
                    "the head moved: the preview showed {}, it is {} now",
                    shown.short(),
                    pull.head.short()
                ),
                "look at the new preview and repeat the command",
            ));
        }
        None
    }

    async fn commits(&self, pull: &Pull, base: &Sha) -> Result<Result<Commits, Refusal>, Failure> {
        if pull.merged {
            let tree = self.ground.objects.tree_of(base).await?;
            return Ok(Ok(Commits { base: base.clone(), head: base.clone(), tree }));
        }
        match self.ground.objects.merge(base, &pull.head).await? {
            Merge::Clean { tree } => Ok(Ok(Commits { base: base.clone(), head: pull.head.clone(), tree })),
            Merge::Conflict { files } => Ok(Err(Refusal::new(
                format!("it no longer merges cleanly: conflicts in {}", files.join(", ")),
                "resolve them, look at the new preview, and repeat the command",
            ))),
        }
    }

    async fn tip(&self, tracked: &crate::model::id::Branch) -> Result<Verdict, Failure> {
        let commits = self.deployment.commits.clone();
        let tip = self.ground.mirror.tip(tracked).await?;
        if tip.as_ref() != Some(&commits.head) {
            return Ok(Verdict::Overtaken(format!(
                "{tracked} has moved on; its new tip is deployed instead"
            )));
        }
        if self.deployment.cause == Trigger::Merge
            && let Some(pull) = self.pull
        {
            let gates =
                gate::gates(self.cx, &self.deployment.repo, pull, (self.environment, self.target)).await?;
            if let Err(refusal) = rules::gates_hold(self.environment, self.target, &gates, true) {
                return Ok(Verdict::Refuse(refusal));
            }
        }
        if let Some(verdict) = self.earlier(&commits.tree).await? {
            return Ok(verdict);
        }
        if let Some(verdict) = self.lock(None).await? {
            return Ok(verdict);
        }
        let shown = self.shown().await?;
        let last = self.cx.store.last_success(&self.deployment.environment).await?;
        let since = last.map(|last| last.commits.head);
        let base = shown.as_ref().map(|(_, base, _)| base.clone()).or(since);
        let mut approved: Vec<_> = shown.into_iter().collect();
        if self.deployment.cause == Trigger::Merge {
            approved.extend(self.others().await?);
        }
        Ok(self.go(commits, base, approved))
    }

    /// Plans that were shown on other pull requests and merged meanwhile: their entries go along.
    async fn others(&self) -> Result<Vec<(Sha, Sha, Plan)>, Failure> {
        let recent = self.cx.store.recent_previews(self.deployment.repo.id).await?;
        let mut merged = Vec::new();
        for shown in recent.into_iter().filter(|shown| Some(shown.pull) != self.deployment.pull) {
            let (number, preview) = (shown.pull, shown.preview);
            let head = &preview.head;
            let lands = self
                .ground
                .objects
                .is_ancestor(head, &self.deployment.commits.head)
                .await
                .unwrap_or(false)
                || self.cx.github.pull(&self.deployment.repo, number).await?.is_some_and(|pull| pull.merged);
            if let Some(plan) =
                preview.environments.into_iter().find(|plan| plan.name == self.deployment.environment.name)
                && lands
            {
                merged.push((preview.head, preview.base, plan));
            }
        }
        Ok(merged)
    }

    /// The plan that this deployment is bound to: shown before it was asked for.
    async fn shown(&self) -> Result<Option<(Sha, Sha, Plan)>, Failure> {
        let (repo, Some(number)) = (self.deployment.repo.id, self.deployment.pull) else { return Ok(None) };
        if self.deployment.cause == Trigger::Close {
            return Ok(None);
        }
        let preview = match self.deployment.cause {
            Trigger::Command { .. } => {
                self.cx.store.newest_preview_before(repo, number, self.deployment.asked).await?
            }
            Trigger::Merge | Trigger::Push | Trigger::Close => {
                self.cx.store.latest_preview(repo, number).await?
            }
        };
        Ok(preview.and_then(|shown| {
            let preview = shown.preview;
            let plan = preview
                .environments
                .into_iter()
                .find(|plan| plan.name == self.deployment.environment.name)?;
            Some((preview.head, preview.base, plan))
        }))
    }

    fn go(&self, commits: Commits, base: Option<Sha>, approved: Vec<(Sha, Sha, Plan)>) -> Verdict {
        let shown = approved.first().map(|(head, base, _)| (head.clone(), base.clone()));
        Verdict::Go(Box::new(Admitted {
            environment: self.environment.clone(),
            commits,
            base,
            approved: approved.into_iter().map(|(_, _, plan)| plan).collect(),
            shown,
        }))
    }

    /// `after`: the same tree must be deployed there first; what is on its way there is waited for.
    async fn earlier(&self, tree: &Sha) -> Result<Option<Verdict>, Failure> {
        for name in &self.environment.deploy.after {
            let before = EnvironmentId { repo: self.deployment.repo.id, name: name.clone() };
            let last = self.cx.store.last_success(&before).await?;
            if last.is_some_and(|last| last.commits.tree == *tree) {
                continue;
            }
            let on_the_way = self.cx.store.open_deployments(&before).await?;
            let waits = on_the_way.iter().any(|other| other.commits.tree == *tree);
            if waits && self.now.duration_since(self.deployment.created) < PATIENCE {
                return Ok(Some(Verdict::Wait(soon(self.now))));
            }
            let refusal = Refusal::new(
                format!(
                    "`{}` comes after `{name}`, where this tree is not deployed",
                    self.deployment.environment.name
                ),
                format!("deploy `{name}` first"),
            )
            .by(format!(".tidegate.yaml:{}", self.environment.line));
            return Ok(Some(Verdict::Refuse(refusal)));
        }
        Ok(None)
    }

    /// The environment's lock: taken for an unmerged pull request, respected by everything else.
    async fn lock(&self, pull: Option<&Pull>) -> Result<Option<Verdict>, Failure> {
        let environment = &self.deployment.environment;
        let name = &environment.name;
        if let Some(pull) = pull.filter(|pull| !pull.merged) {
            let words = format!("deployed from #{}", pull.number);
            let wanted = lock(environment.clone(), pull.number, &self.deployment.by, &words, self.now);
            return Ok(match self.cx.store.take_lock(&wanted).await? {
                Taken::Ours => None,
                Taken::HeldBy(lock) => Some(Verdict::Refuse(status::held(name, &lock, self.now))),
            });
        }
        let held = self.cx.store.lock(environment, self.now).await?;
        let Some(lock) = held.filter(|lock| Some(lock.pull) != self.deployment.pull) else { return Ok(None) };
        if self.now.duration_since(self.deployment.created) < PATIENCE {
            return Ok(Some(Verdict::Wait(soon(self.now))));
        }
        Ok(Some(Verdict::Refuse(status::held(name, &lock, self.now))))
    }
}

fn refuse(message: &str, hint: &str) -> Verdict {
    Verdict::Refuse(Refusal::new(message, hint))
}
