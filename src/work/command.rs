//! What a comment asks: read once more, authorised, queued or answered.

use jiff::{SignedDuration, Timestamp};

use crate::comment::{Answer, Reply};
use crate::git::Want;
use crate::model::command::Command;
use crate::model::deployment::{Commits, Deployment, Trigger};
use crate::model::event::Spoken;
use crate::model::fault::Failure;
use crate::model::github::{Pull, Reaction};
use crate::model::id::{Branch, EnvironmentId, EnvironmentName, Login, PullNumber, Repo};
use crate::model::job::{Job, deploy_lane};
use crate::model::plan::Preview;
use crate::model::refusal::Refusal;
use crate::model::settings::{Environment, Permission};
use crate::parse::command::commands;
use crate::work::deploy::admit::elsewhere;
use crate::work::ground::{Ground, ground};
use crate::work::{Context, Forks, Then, gate, rules, status};

/// A comment seen later than this is answered "repeat it if still meant": an old redelivery must not deploy.
const STALE: SignedDuration = SignedDuration::from_mins(60);

/// A lock that nobody releases ends by itself.
const HELD: SignedDuration = SignedDuration::from_hours(72);

/// What one command came to.
#[derive(Default)]
struct Outcome {
    answers: Vec<Answer>,
    jobs: Vec<Job>,
    /// A deployment was queued: its own end sets the reaction.
    queued: bool,
    refused: bool,
}

/// Does what a comment asks. Safe to run twice: replies are found again, deployments have the comment's id.
pub(crate) async fn run(
    cx: &Context,
    repo: &Repo,
    number: PullNumber,
    spoken: &Spoken,
    now: Timestamp,
) -> Result<Then, Failure> {
    let lines = commands(&spoken.body);
    if lines.is_empty() {
        return Ok(Then::done());
    }
    let Some(remark) = cx.github.remark(repo, spoken.id).await? else { return Ok(Then::done()) };
    let Some(pull) = cx.github.pull(repo, number).await? else { return Ok(Then::done()) };
    cx.github.react(repo, spoken.id, Reaction::Eyes).await?;
    let asked = Asked { cx, repo, pull: &pull, spoken, now };
    let mut all = Outcome::default();
    if remark.author_id != spoken.author_id || remark.body != spoken.body {
        all.refuse(Refusal::new("the comment was changed after it was written", "write the command anew"));
    } else if now.duration_since(spoken.written) > STALE {
        let minutes = now.duration_since(spoken.written).as_mins();
        all.refuse(Refusal::new(
            format!("this was written {minutes} minutes ago"),
            "repeat it if it is still meant",
        ));
    } else {
        for line in lines {
            match line {
                Err(misread) => {
                    all.refused = true;
                    all.answers.push(Answer::Misread(misread));
                }
                Ok(command) => match asked.one(&command, &mut all).await {
                    // Such as a broken file on the default branch: whoever asks reads it, and can mend it.
                    Err(Failure::Author(faults)) => {
                        all.refuse(Refusal::of(&faults, "fix it, and repeat the command"));
                    }
                    done => done?,
                },
            }
        }
    }
    asked.answer(&all).await?;
    Ok(Then::follow(all.jobs))
}

impl Outcome {
    fn refuse(&mut self, refusal: Refusal) {
        self.refused = true;
        self.answers.push(Answer::Refused(refusal));
    }
}

struct Asked<'a> {
    cx: &'a Context,
    repo: &'a Repo,
    pull: &'a Pull,
    spoken: &'a Spoken,
    now: Timestamp,
}

impl Asked<'_> {
    async fn one(&self, command: &Command, all: &mut Outcome) -> Result<(), Failure> {
        match command {
            Command::Preview { .. } => self.preview(all).await,
            Command::Deploy { environments, sha, deletes } => {
                self.deploy(environments, (sha.as_deref(), *deletes), all).await
            }
            Command::Cancel { environment } => self.cancel(environment.as_ref(), all).await,
            Command::Lock { environment, reason } => self.lock(environment, reason, all).await,
            Command::Unlock { environment } => self.unlock(environment, all).await,
            Command::Status => {
                all.answers
                    .push(Answer::Status(status::status(self.cx, self.repo, self.pull, self.spoken).await?));
                Ok(())
            }
            Command::Help => {
                all.answers.push(Answer::Help);
                Ok(())
            }
        }
    }

    async fn preview(&self, all: &mut Outcome) -> Result<(), Failure> {
        if !self.pull.open {
            all.refuse(Refusal::new(
                "this pull request is closed, so there is nothing to preview",
                if self.pull.merged { "open a new one" } else { "reopen it, or open a new one" },
            ));
            return Ok(());
        }
        let person = self.person(&[]).await?;
        let fork = self.pull.is_fork(self.repo.id);
        let public = self.cx.github.repo(self.repo).await?.public;
        let least = if fork || public { Permission::Write } else { Permission::Triage };
        let has =
            person.standing.filter(|standing| standing.user == person.id).map(|standing| standing.permission);
        if has.is_none_or(|has| has < least) {
            let has = has.map_or("no permission that GitHub confirms", Permission::word);
            all.refuse(Refusal::new(
                format!("@{} has {has} here, and a preview needs {}", person.login, least.word()),
                format!("ask somebody with {}", least.word()),
            ));
        } else if fork && self.cx.forks == Forks::Never {
            all.refuse(Refusal::new(
                "pull requests from forks are not previewed here",
                "push the branch to this repository",
            ));
        } else if fork {
            let asked = crate::work::preview::Asked::Writer;
            crate::work::preview::run(self.cx, self.repo, self.pull.number, asked).await?;
        } else {
            all.jobs.push(Job::Preview { repo: self.repo.clone(), pull: self.pull.number });
        }
        Ok(())
    }

    async fn deploy(
        &self,
        named: &[EnvironmentName],
        (sha, deletes): (Option<&str>, Option<usize>),
        all: &mut Outcome,
    ) -> Result<(), Failure> {
        let (repo, number) = (self.repo.id, self.pull.number);
        let shown = self.cx.store.newest_preview_before(repo, number, self.spoken.written).await?;
        let Some(preview) = shown.map(|shown| shown.preview) else {
            let (newest, hint) = match self.cx.store.latest_preview(self.repo.id, self.pull.number).await? {
                Some(_) => (
                    "the newest preview was completed after this comment was written",
                    "look at it and repeat the command",
                ),
                None => (
                    "there is no completed preview of this pull request",
                    "if its check `tidegate/preview` has failed, fix what it names and push; repeat the command when the \
                     preview stands",
                ),
            };
            all.refuse(Refusal::new(newest, hint));
            return Ok(());
        };
        let environments = match choose(named, &preview, &self.pull.base) {
            Ok(environments) => environments,
            Err(Unchosen::Unclear(refusal)) => {
                all.refuse(refusal);
                return Ok(());
            }
            Err(Unchosen::Unshown(name)) => {
                all.refuse(self.unshown(&name, &preview).await?);
                return Ok(());
            }
        };
        let deployments: Vec<Deployment> =
            environments.iter().map(|name| self.deployment(name, &preview, (sha, deletes))).collect();
        // Together: the first may end before the last is kept, and the answer to the comment is that of all of them.
        self.cx.store.queue_deployments(&deployments, self.now).await?;
        all.queued = true;
        Ok(())
    }

    /// Why the preview does not show an environment that somebody names.
    async fn unshown(&self, name: &EnvironmentName, preview: &Preview) -> Result<Refusal, Failure> {
        let ground = self.ground().await?;
        let tracked = ground.environment(name).map(|environment| ground.tracked(environment));
        if let Some(tracked) = tracked.filter(|tracked| *tracked != self.pull.base) {
            return Ok(elsewhere(name, &tracked, &self.pull.base));
        }
        let known: Vec<_> = preview.environments.iter().map(|plan| &plan.name).collect();
        let hint = if known.is_empty() {
            "there is none to deploy".to_owned()
        } else {
            format!("it knows {}", names(&known))
        };
        Ok(Refusal::new(format!("the preview knows no environment `{name}`"), hint))
    }

    fn deployment(
        &self,
        name: &EnvironmentName,
        preview: &Preview,
        (sha, deletes): (Option<&str>, Option<usize>),
    ) -> Deployment {
        let approved =
            preview.environments.iter().find(|plan| plan.name == *name).and_then(|plan| plan.digest);
        let commits =
            Commits { base: preview.base.clone(), head: preview.head.clone(), tree: preview.tree.clone() };
        let id = format!("comment-{}-{name}", self.spoken.id);
        let cause = (Trigger::Command { comment: self.spoken.id }, &self.spoken.author);
        Deployment {
            pull: Some(self.pull.number),
            by_id: Some(self.spoken.author_id),
            asked: self.spoken.written,
            deletes,
            approved,
            named: sha.map(str::to_owned),
            ..Deployment::queued(id, (self.repo, name), commits, cause, self.now)
        }
    }

    async fn cancel(&self, environment: Option<&EnvironmentName>, all: &mut Outcome) -> Result<(), Failure> {
        let mut open = self.cx.store.deployments_of(self.repo.id, self.pull.number).await?;
        open.retain(|deployment| {
            !deployment.state.ended() && environment.is_none_or(|name| deployment.environment.name == *name)
        });
        if open.is_empty() {
            all.refuse(Refusal::new("nothing of this pull request waits or runs", "see `/status`"));
            return Ok(());
        }
        for deployment in open {
            let Some(_) = self.may(&deployment.environment.name, all).await? else { continue };
            let name = &deployment.environment.name;
            let (store, id) = (&self.cx.store, &deployment.id);
            let by = &self.spoken.author;
            all.answers.push(Answer::Said(
                if store.cancel_deployment(id, &format!("cancelled by {by}"), self.now).await? {
                    format!("`{name}`: what waited is dropped.")
                } else if store.stop_deployment(id, &format!("stopped by {by}")).await? {
                    format!("`{name}`: what runs was asked to stop at its next safe point.")
                } else {
                    format!("`{name}`: it has ended in the meantime.")
                },
            ));
            store.wake(&deploy_lane(&deployment.environment), self.now).await?;
        }
        Ok(())
    }

    async fn lock(&self, name: &EnvironmentName, reason: &str, all: &mut Outcome) -> Result<(), Failure> {
        if self.may(name, all).await?.is_none() {
            return Ok(());
        }
        let environment = EnvironmentId { repo: self.repo.id, name: name.clone() };
        let words = if reason.is_empty() { "locked by command" } else { reason };
        let wanted = lock(environment, self.pull.number, &self.spoken.author, words, self.now);
        match self.cx.store.take_lock(&wanted).await? {
            crate::store::Taken::Ours => {
                all.answers.push(Answer::Said(format!(
                    "`{name}` is held for pull request {} for 72 hours.",
                    self.pull.number
                )));
            }
            crate::store::Taken::HeldBy(lock) => all.refuse(status::held(name, &lock, self.now)),
        }
        Ok(())
    }

    async fn unlock(&self, name: &EnvironmentName, all: &mut Outcome) -> Result<(), Failure> {
        if self.may(name, all).await?.is_none() {
            return Ok(());
        }
        let environment = EnvironmentId { repo: self.repo.id, name: name.clone() };
        let held = self.cx.store.lock(&environment, self.now).await?;
        let freed = match &held {
            Some(lock) => self.cx.store.release_lock(&environment, Some(lock.pull)).await?,
            None => false,
        };
        all.answers.push(Answer::Said(match held.filter(|_| freed) {
            Some(lock) => format!("`{name}` was held for pull request {} and is free.", lock.pull),
            None => format!("`{name}` is not held."),
        }));
        self.cx.store.wake(&deploy_lane(&environment), self.now).await?;
        Ok(())
    }

    /// May the author command in this environment? Refuses in words if not.
    async fn may(&self, name: &EnvironmentName, all: &mut Outcome) -> Result<Option<Environment>, Failure> {
        let ground = self.ground().await?;
        let Some(environment) = ground.environment(name).cloned() else {
            all.refuse(unknown(name, &ground));
            return Ok(None);
        };
        let target = match ground.target(self.cx, name).await? {
            Ok(target) => target,
            Err(unavailable) => {
                let fault = unavailable.fault(name).map_or_else(String::new, |fault| fault.to_string());
                all.refuse(Refusal::new(fault, "see the preview"));
                return Ok(None);
            }
        };
        let person = self.person(&[&environment]).await?;
        match rules::may_command(&person, &environment, target) {
            Ok(()) => Ok(Some(environment)),
            Err(refusal) => {
                all.refuse(refusal);
                Ok(None)
            }
        }
    }

    async fn ground(&self) -> Result<Ground, Failure> {
        ground(self.cx, self.repo, &[Want::Branch(self.pull.base.clone())]).await
    }

    async fn person(&self, environments: &[&Environment]) -> Result<rules::Person, Failure> {
        gate::person(self.cx, self.repo, (&self.spoken.author, self.spoken.author_id), environments).await
    }

    async fn answer(&self, all: &Outcome) -> Result<(), Failure> {
        if !all.answers.is_empty() {
            let reply = Reply { to: &self.spoken.author, answers: &all.answers };
            let comment = self.cx.templates.reply(&reply)?;
            self.cx
                .github
                .reply(self.repo, self.pull.number, &format!("command/{}", self.spoken.id), &comment)
                .await?;
        }
        // Deployments set the reaction at their end; after a crash here they may have ended already.
        let end = if all.queued {
            let asked = self.cx.store.deployments_of(self.repo.id, self.pull.number).await?;
            crate::work::deploy::end::reaction(&asked, self.spoken.id)
        } else {
            Some(if all.refused { Reaction::Confused } else { Reaction::Rocket })
        };
        if let Some(end) = end {
            self.cx.github.unreact(self.repo, self.spoken.id, Reaction::Eyes).await?;
            self.cx.github.react(self.repo, self.spoken.id, end).await?;
        }
        Ok(())
    }
}

/// A lock as it is asked for.
pub(crate) fn lock(
    environment: EnvironmentId,
    pull: PullNumber,
    by: &Login,
    reason: &str,
    now: Timestamp,
) -> crate::store::Lock {
    let expires = now.checked_add(HELD).unwrap_or(now);
    crate::store::Lock { environment, pull, by: by.clone(), reason: reason.to_owned(), taken: now, expires }
}

/// Why a command's environments cannot be told.
enum Unchosen {
    /// Say so.
    Unclear(Refusal),
    /// This one is not in the preview.
    Unshown(EnvironmentName),
}

/// Which environments are meant. Without a name only if just one can be.
fn choose(
    named: &[EnvironmentName],
    preview: &Preview,
    base: &Branch,
) -> Result<Vec<EnvironmentName>, Unchosen> {
    let known: Vec<&EnvironmentName> = preview.environments.iter().map(|plan| &plan.name).collect();
    if let Some(stranger) = named.iter().find(|name| !known.contains(name)) {
        return Err(Unchosen::Unshown(stranger.clone()));
    }
    if !named.is_empty() {
        let mut chosen: Vec<EnvironmentName> = Vec::new();
        for name in named {
            if !chosen.contains(name) {
                chosen.push(name.clone());
            }
        }
        return Ok(chosen);
    }
    let changing: Vec<&EnvironmentName> =
        preview.environments.iter().filter(|plan| !plan.is_empty()).map(|plan| &plan.name).collect();
    match (changing.as_slice(), known.as_slice()) {
        ([one], _) | ([], [one]) => Ok(vec![(*one).clone()]),
        ([], []) => Err(Unchosen::Unclear(Refusal::new(
            format!("no environment tracks {base}, so there is none to deploy"),
            "open the pull request into a branch that an environment tracks",
        ))),
        _ => Err(Unchosen::Unclear(Refusal::new(
            "more than one environment could be meant",
            format!("name one of {}", names(&known)),
        ))),
    }
}

fn unknown(name: &EnvironmentName, ground: &Ground) -> Refusal {
    let known: Vec<_> = ground.settings.iter().flat_map(|settings| settings.environments.keys()).collect();
    Refusal::new(format!("there is no environment `{name}`"), format!("known are {}", names(&known)))
}

fn names(names: &[&EnvironmentName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
