//! May this deployment begin, and what exactly is it bound to? Facts are asked of GitHub at this moment.

use jiff::{SignedDuration, Timestamp};

use crate::git::Merge;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::fault::Failure;
use crate::model::github::Pull;
use crate::model::id::{Branch, EnvironmentId, EnvironmentName, Sha};
use crate::model::job::Job;
use crate::model::plan::Plan;
use crate::model::refusal::Refusal;
use crate::model::settings::Environment;
use crate::model::target::TargetSettings;
use crate::store::{Lock, Taken};
use crate::work::command::lock;
use crate::work::deploy::shown::Shown;
use crate::work::ground::{FILE, Ground};
use crate::work::{Context, gate, rules, status};

/// How long a deployment waits for another one before it gives up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);
/// How long it waits before it looks again whether the earlier environment is done; its end wakes who waits for it.
const AFTER: SignedDuration = SignedDuration::from_secs(60);
/// The same for a lock: its release wakes who waits for it.
const LOCKED: SignedDuration = SignedDuration::from_mins(10);

/// The answer.
pub(crate) enum Verdict {
    /// It may, bound to this.
    Go(Box<Admitted>),
    /// Something else must end first: look again then.
    Wait(Timestamp),
    /// A rule says no.
    Refuse(Refusal),
    /// Something newer took its place: in which words, and what must follow so that the newer is there.
    Overtaken(String, Option<Job>),
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
    /// What its own pull request showed; none: no preview of it was shown.
    pub shown: Option<Shown>,
    /// What was shown on other pull requests that were merged since.
    pub others: Vec<Plan>,
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
        return Ok(refuse(
            &format!("`{name}` is not in force: the default branch's {FILE} does not name it"),
            "merge the file first",
        ));
    };
    let target = match target {
        Ok(target) => target,
        Err(unavailable) => {
            let fault = unavailable.fault(name).unwrap_or_default();
            return Ok(refuse(&fault.message, &fault.hint));
        }
    };
    let tracked = ground.tracked(environment);
    if let Err(refusal) = rules::may_track(&tracked, &ground.facts.default_branch, target) {
        return Ok(Verdict::Refuse(refusal));
    }
    let case = Case { cx, ground, deployment, pull, environment, target, now };
    if deployment.state == State::Running {
        return case.resumed(&tracked).await;
    }
    // Of a command, who asks is decided first: whoever may not ask learns no more.
    if !matches!(deployment.cause, Trigger::Command { .. })
        && let Err(refusal) = rules::may_start(deployment.cause, environment)
    {
        return Ok(Verdict::Refuse(refusal));
    }
    match deployment.cause {
        Trigger::Command { .. } => case.command(&tracked).await,
        Trigger::Merge | Trigger::Push => case.tip(&tracked).await,
        Trigger::Close => case.closed(&tracked).await,
    }
}

/// One deployment and the facts that it is decided by.
pub(super) struct Case<'a> {
    pub(super) cx: &'a Context,
    pub(super) ground: &'a Ground,
    pub(super) deployment: &'a Deployment,
    pull: Option<&'a Pull>,
    environment: &'a Environment,
    target: &'a TargetSettings,
    now: Timestamp,
}

impl Case<'_> {
    /// It was admitted and began; whatever moved since, what began is brought to its end, unless another one has begun
    /// after it: what this one left half done is then that one's already.
    async fn resumed(&self, tracked: &Branch) -> Result<Verdict, Failure> {
        let began = |deployment: &Deployment| deployment.began.as_ref().map(|began| began.at);
        let newest = self.cx.store.last_begun(&self.deployment.environment).await?;
        if newest
            .is_some_and(|newest| newest.id != self.deployment.id && began(&newest) > began(self.deployment))
        {
            let words = "it was interrupted, and a newer deployment has been made meanwhile";
            return Ok(Verdict::Overtaken(words.to_owned(), None));
        }
        let commits = self.deployment.commits.clone();
        // The tree of an unmerged pull request is nowhere but here: it is made anew, should our copy have been lost.
        if commits.base != commits.head {
            let again = self.ground.objects.merge(&commits.base, &commits.head).await?;
            if !matches!(&again, Merge::Clean { tree } if *tree == commits.tree) {
                return Ok(refuse(
                    "it was interrupted, and the merge that it began with cannot be made again",
                    "deploy the pull request again",
                ));
            }
        }
        self.go(commits, tracked).await
    }

    async fn command(&self, tracked: &Branch) -> Result<Verdict, Failure> {
        let (Some(pull), Some(by_id)) = (self.pull, self.deployment.by_id) else {
            return Ok(refuse("the pull request is gone", "open it again"));
        };
        let person =
            gate::person(self.cx, &self.deployment.repo, (&self.deployment.by, by_id), &[self.environment])
                .await?;
        if let Err(refusal) = rules::may_command(&person, self.environment, self.target) {
            return Ok(Verdict::Refuse(refusal));
        }
        if let Err(refusal) = rules::may_start(self.deployment.cause, self.environment) {
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
        let stopped = if pull.merged { self.respect().await? } else { self.take(pull).await? };
        match stopped {
            Some(verdict) => Ok(verdict),
            None => self.go(commits, tracked).await,
        }
    }

    /// What a command cannot mean: another head than was shown, a closed pull request, another base.
    fn moved(&self, pull: &Pull, tracked: &Branch) -> Option<Refusal> {
        let shown = &self.deployment.commits.head;
        if pull.base != *tracked {
            return Some(elsewhere(&self.deployment.environment.name, tracked, &pull.base));
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
            return Ok(Ok(self.at(base).await?));
        }
        match self.ground.objects.merge(base, &pull.head).await? {
            Merge::Clean { tree } => Ok(Ok(Commits { base: base.clone(), head: pull.head.clone(), tree })),
            Merge::Conflict { files } => Ok(Err(Refusal::new(
                format!("it no longer merges cleanly: conflicts in {}", files.join(", ")),
                "resolve them, look at the new preview, and repeat the command",
            ))),
        }
    }

    /// The tip of the tracked branch, as what is deployed.
    async fn at(&self, tip: &Sha) -> Result<Commits, Failure> {
        let tree = self.ground.objects.tree_of(tip).await?;
        Ok(Commits { base: tip.clone(), head: tip.clone(), tree })
    }

    async fn tip(&self, tracked: &Branch) -> Result<Verdict, Failure> {
        let commits = self.deployment.commits.clone();
        let tip = self.ground.mirror.tip(tracked).await?;
        if tip.as_ref() != Some(&commits.head) {
            // Its push may have reached us, or its webhook may be lost: asked for here it is deployed either way.
            // Unless it was decided already.
            let recent = self.cx.store.recent_deployments(&self.deployment.environment).await?;
            let decided = recent.iter().any(|other| {
                other.id != self.deployment.id
                    && matches!(other.cause, Trigger::Merge | Trigger::Push)
                    && Some(&other.commits.head) == tip.as_ref()
                    && other.created >= self.deployment.created
            });
            let follow = tip.filter(|_| !decided).map(|tip| Job::Tip {
                repo: self.deployment.repo.clone(),
                branch: tracked.clone(),
                after: tip,
                by: self.deployment.by.clone(),
            });
            let words = format!("{tracked} has moved on; its new tip is deployed instead");
            return Ok(Verdict::Overtaken(words, follow));
        }
        let held = match self.pull.filter(|_| self.deployment.cause == Trigger::Merge) {
            Some(pull) => {
                let gates =
                    gate::gates(self.cx, &self.deployment.repo, pull, (self.environment, self.target))
                        .await?;
                rules::gates_hold(self.environment, self.target, &gates, true)
            }
            None => rules::gates_hold_for_push(self.environment, self.target),
        };
        if let Err(refusal) = held {
            return Ok(Verdict::Refuse(refusal));
        }
        if let Some(verdict) = self.earlier(&commits.tree).await? {
            return Ok(verdict);
        }
        match self.respect().await? {
            Some(verdict) => Ok(verdict),
            None => self.go(commits, tracked).await,
        }
    }

    /// Back to the tracked branch as it is now, if what the closed pull request left is still there.
    async fn closed(&self, tracked: &Branch) -> Result<Verdict, Failure> {
        let newest = self.cx.store.last_begun(&self.deployment.environment).await?;
        let still = newest.zip(self.deployment.pull).is_some_and(|(newest, pull)| newest.is_of(pull));
        if self.pull.is_some_and(|pull| pull.open) {
            return Ok(Verdict::Overtaken("the pull request was opened again".to_owned(), None));
        }
        if !still {
            let words = "another deployment has taken the place of what the pull request left";
            return Ok(Verdict::Overtaken(words.to_owned(), None));
        }
        let Some(tip) = self.ground.mirror.tip(tracked).await? else {
            return Ok(refuse(&format!("the branch {tracked} is gone"), "restore it"));
        };
        let commits = self.at(&tip).await?;
        match self.respect().await? {
            Some(verdict) => Ok(verdict),
            None => self.go(commits, tracked).await,
        }
    }

    /// Admits these commits, bound to what was shown.
    async fn go(&self, commits: Commits, tracked: &Branch) -> Result<Verdict, Failure> {
        let shown = self.shown().await?;
        let merged = commits.base == commits.head && self.deployment.cause != Trigger::Close;
        let others = if merged { self.others(tracked, &commits.head).await? } else { Vec::new() };
        let base = if let Some(shown) = &shown {
            Some(shown.base.clone())
        } else {
            let last = self.cx.store.last_success(&self.deployment.environment).await?;
            last.map(|last| last.commits.head)
        };
        let environment = self.environment.clone();
        Ok(Verdict::Go(Box::new(Admitted { environment, commits, base, shown, others })))
    }

    /// `after`: the same tree must be deployed there first; what is on its way there is waited for.
    async fn earlier(&self, tree: &Sha) -> Result<Option<Verdict>, Failure> {
        for name in &self.environment.deploy.after {
            let before = EnvironmentId { repo: self.deployment.repo.id, name: name.clone() };
            // What is on its way is asked first: should it end between both questions, the second one sees it.
            let on_the_way = self.cx.store.open_deployments(&before).await?;
            let last = self.cx.store.last_success(&before).await?;
            if last.is_some_and(|last| last.commits.tree == *tree) {
                continue;
            }
            if on_the_way.iter().any(|other| other.commits.tree == *tree) && self.patient() {
                return Ok(Some(Verdict::Wait(later(self.now, AFTER))));
            }
            let refusal = Refusal::new(
                format!(
                    "`{}` comes after `{name}`, where this tree is not deployed",
                    self.deployment.environment.name
                ),
                format!("deploy `{name}` first"),
            )
            .by(format!("{FILE}:{}", self.environment.line));
            return Ok(Some(Verdict::Refuse(refusal)));
        }
        Ok(None)
    }

    fn patient(&self) -> bool {
        self.now.duration_since(self.deployment.created) < PATIENCE
    }

    /// Takes the environment's lock for an unmerged pull request. None: it has it.
    async fn take(&self, pull: &Pull) -> Result<Option<Verdict>, Failure> {
        let environment = &self.deployment.environment;
        let wanted = lock(environment.clone(), pull.number, &self.deployment.by, "", self.now);
        if let Taken::HeldBy(lock) = self.cx.store.take_lock(&wanted).await? {
            return Ok(Some(self.held(&lock)));
        }
        // Merged or closed while it was taken: what its end released must not be held again.
        let now = self.cx.github.pull(&self.deployment.repo, pull.number).await?;
        if now.is_some_and(|now| now.open) {
            return Ok(None);
        }
        self.cx.store.release_lock(environment, Some(pull.number)).await?;
        Ok(Some(Verdict::Wait(self.now)))
    }

    /// Waits while another pull request holds the environment. None: it is free.
    async fn respect(&self) -> Result<Option<Verdict>, Failure> {
        let held = self.cx.store.lock(&self.deployment.environment, self.now).await?;
        let Some(lock) = held.filter(|lock| Some(lock.pull) != self.deployment.pull) else { return Ok(None) };
        if self.patient() {
            return Ok(Some(Verdict::Wait(later(self.now, LOCKED).min(lock.expires))));
        }
        Ok(Some(self.held(&lock)))
    }

    fn held(&self, lock: &Lock) -> Verdict {
        Verdict::Refuse(status::held(&self.deployment.environment.name, lock, self.now))
    }
}

/// An environment is deployed from pull requests into the branch that it tracks, and from no others.
pub(crate) fn elsewhere(name: &EnvironmentName, tracked: &Branch, base: &Branch) -> Refusal {
    Refusal::new(
        format!("`{name}` tracks {tracked}, and the pull request goes into {base}"),
        format!("deploy it from a pull request into {tracked}"),
    )
}

fn refuse(message: &str, hint: &str) -> Verdict {
    Verdict::Refuse(Refusal::new(message, hint))
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(now)
}
