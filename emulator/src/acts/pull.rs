//! Pull requests are opened, edited, brought up to date, closed.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::git::NewCommit;
use crate::state::issue::Base;
use crate::state::issue::Head;
use crate::state::issue::Issue;
use crate::state::issue::MergeTest;
use crate::state::issue::Pull;
use serde_json::Value;
use serde_json::json;

/// What a pull request is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewPull<'a> {
    pub(crate) author: u64,
    pub(crate) title: &'a str,
    pub(crate) body: Option<&'a str>,
    pub(crate) draft: bool,
    /// The repository and branch it comes from.
    pub(crate) head: (u64, &'a str),
    pub(crate) base: &'a str,
}

/// What an edit changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PullEdit<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    pub(crate) base: Option<&'a str>,
}

impl World<'_> {
    /// The pull request's issue and its pull part.
    pub(crate) fn pull(&self, repository: u64, number: u64) -> Result<(&Issue, &Pull), Refusal> {
        let issue = self.repository(repository)?.issues.get(&number).ok_or_else(Refusal::not_found)?;
        Ok((issue, issue.pull.as_ref().ok_or_else(Refusal::not_found)?))
    }

    pub(crate) fn pull_mut(&mut self, repository: u64, number: u64) -> Result<&mut Pull, Refusal> {
        let now = self.now();
        let issue =
            self.repository_mut(repository)?.issues.get_mut(&number).ok_or_else(Refusal::not_found)?;
        issue.updated_at = now;
        issue.pull.as_mut().ok_or_else(Refusal::not_found)
    }

    pub(crate) fn open_issue(
        &mut self,
        repository: u64,
        author: u64,
        (title, body): (&str, Option<&str>),
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.state.next_id(), self.now());
        let target = self.repository_mut(repository)?;
        target.last_number += 1;
        let number = target.last_number;
        let issue = Issue {
            id,
            number,
            title: title.to_owned(),
            body: body.map(ToOwned::to_owned),
            author,
            created_at: now,
            updated_at: now,
            closed_at: None,
            pull: None,
        };
        target.issues.insert(number, issue);
        Ok(number)
    }

    pub(crate) fn open_pull(&mut self, repository: u64, new: NewPull<'_>) -> Result<u64, Refusal> {
        let (from, branch) = new.head;
        let head = self.repository(from)?.git.resolve(&format!("refs/heads/{branch}"))?;
        let head = head.ok_or_else(|| Refusal::invalid("PullRequest", "head", "invalid"))?;
        let base = self.repository(repository)?.git.resolve(&format!("refs/heads/{}", new.base))?;
        let base = base.ok_or_else(|| Refusal::invalid("PullRequest", "base", "invalid"))?;
        if head == base {
            return Err(Refusal::invalid("PullRequest", "head", "no commits between base and head"));
        }
        let id = self.state.next_id();
        let number = self.open_issue(repository, new.author, (new.title, new.body))?;
        let pull = Pull {
            id,
            draft: new.draft,
            head: Head { repository: from, branch: branch.to_owned(), sha: head.clone() },
            base: Base { branch: new.base.to_owned(), sha: base },
            merged: None,
            reviews: Vec::new(),
            merge_test: None,
            nulls: 0,
        };
        if let Some(issue) = self.repository_mut(repository)?.issues.get_mut(&number) {
            issue.pull = Some(pull);
        }
        self.keep_head(repository, number)?;
        self.emit_pull(repository, number, ("opened", new.author), json!({}))?;
        Ok(number)
    }

    /// Points `refs/pull/N/head` at the head; a fork's commits are taken over for it.
    fn keep_head(&mut self, repository: u64, number: u64) -> Result<(), Refusal> {
        let (_, pull) = self.pull(repository, number)?;
        let name = format!("refs/pull/{number}/head");
        let base = &self.repository(repository)?.git;
        if pull.head.repository == repository {
            base.set_ref(&name, Some(&pull.head.sha))?;
        } else {
            base.take(&self.repository(pull.head.repository)?.git, &pull.head.sha, &name)?;
        }
        Ok(())
    }

    pub(crate) fn synchronize(
        &mut self,
        repository: u64,
        number: u64,
        (sha, sender): (&str, u64),
    ) -> Result<(), Refusal> {
        let before = self.pull(repository, number)?.1.head.sha.clone();
        if before == sha {
            return Ok(());
        }
        self.take_head(repository, number, sha)?;
        let body = json!({"before": before, "after": sha});
        self.emit_pull(repository, number, ("synchronize", sender), body)
    }

    /// The head is at that commit now, and compared with the base's tip.
    fn take_head(&mut self, repository: u64, number: u64, sha: &str) -> Result<(), Refusal> {
        let (_, pull) = self.pull(repository, number)?;
        let tip = self.repository(repository)?.git.resolve(&format!("refs/heads/{}", pull.base.branch))?;
        let pull = self.pull_mut(repository, number)?;
        sha.clone_into(&mut pull.head.sha);
        pull.merge_test = None;
        if let Some(tip) = tip {
            pull.base.sha = tip;
        }
        self.keep_head(repository, number)
    }

    pub(crate) fn edit_pull(
        &mut self,
        repository: u64,
        number: u64,
        (edit, sender): (PullEdit<'_>, u64),
    ) -> Result<(), Refusal> {
        let (issue, pull) = self.pull(repository, number)?;
        let mut changes = json!({});
        if edit.title.is_some() {
            changes["title"] = json!({"from": issue.title});
        }
        if edit.body.is_some() {
            changes["body"] = json!({"from": issue.body.clone().unwrap_or_default()});
        }
        let mut base = None;
        if let Some(branch) = edit.base {
            let tip = self.repository(repository)?.git.resolve(&format!("refs/heads/{branch}"))?;
            let tip = tip.ok_or_else(|| Refusal::invalid("PullRequest", "base", "invalid"))?;
            changes["base"] = json!({"ref": {"from": pull.base.branch}, "sha": {"from": pull.base.sha}});
            base = Some(Base { branch: branch.to_owned(), sha: tip });
        }
        let issue =
            self.repository_mut(repository)?.issues.get_mut(&number).ok_or_else(Refusal::not_found)?;
        if let Some(title) = edit.title {
            title.clone_into(&mut issue.title);
        }
        if let Some(body) = edit.body {
            issue.body = Some(body.to_owned());
        }
        let pull = self.pull_mut(repository, number)?;
        if let Some(base) = base {
            pull.base = base;
            pull.merge_test = None;
        }
        self.emit_pull(repository, number, ("edited", sender), json!({"changes": changes}))
    }

    pub(crate) fn close_pull(&mut self, repository: u64, number: u64, sender: u64) -> Result<(), Refusal> {
        self.set_closed(repository, number, true)?;
        self.emit_pull(repository, number, ("closed", sender), json!({}))
    }

    /// Opens it again as its branch is now: closed ones do not follow their branch, and one whose branch is gone or was
    /// rewritten stays closed.
    pub(crate) fn reopen_pull(&mut self, repository: u64, number: u64, sender: u64) -> Result<(), Refusal> {
        let (_, pull) = self.pull(repository, number)?;
        let stays = |why: String| Refusal::invalid("PullRequest", "state", &why);
        if pull.merged.is_some() {
            return Err(stays("a merged pull request stays closed".to_owned()));
        }
        let branch = &pull.head.branch;
        let gone = || stays(format!("state cannot be changed. The {branch} branch has been deleted."));
        let source = self.repository(pull.head.repository).map_err(|_| gone())?;
        let tip = source.git.resolve(&format!("refs/heads/{branch}"))?.ok_or_else(gone)?;
        if !source.git.is_ancestor(&pull.head.sha, &tip)? {
            let why = "was force-pushed or recreated";
            return Err(stays(format!("state cannot be changed. The {branch} branch {why}.")));
        }
        self.take_head(repository, number, &tip)?;
        self.set_closed(repository, number, false)?;
        self.emit_pull(repository, number, ("reopened", sender), json!({}))
    }

    pub(crate) fn set_closed(&mut self, repository: u64, number: u64, closed: bool) -> Result<(), Refusal> {
        let now = self.now();
        let issue =
            self.repository_mut(repository)?.issues.get_mut(&number).ok_or_else(Refusal::not_found)?;
        issue.closed_at = closed.then_some(now);
        issue.updated_at = now;
        Ok(())
    }

    pub(crate) fn set_draft(
        &mut self,
        repository: u64,
        number: u64,
        (draft, sender): (bool, u64),
    ) -> Result<(), Refusal> {
        let pull = self.pull_mut(repository, number)?;
        if pull.draft == draft {
            return Ok(());
        }
        pull.draft = draft;
        let action = if draft { "converted_to_draft" } else { "ready_for_review" };
        self.emit_pull(repository, number, (action, sender), json!({}))
    }

    /// Merges head and base for a test and keeps the result as `refs/pull/N/merge`, as GitHub does after a
    /// pull request was asked for. Gives whether that was already known.
    pub(crate) fn test_merge(&mut self, repository: u64, number: u64) -> Result<Option<MergeTest>, Refusal> {
        let (_, pull) = self.pull(repository, number)?;
        let git = self.repository(repository)?.git.clone();
        let tip = git.resolve(&format!("refs/heads/{}", pull.base.branch))?;
        let tip = tip.unwrap_or_else(|| pull.base.sha.clone());
        let head = pull.head.sha.clone();
        let known = pull.merge_test.as_ref().filter(|test| test.base == tip && test.head == head);
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let message = format!("Merge {head} into {tip}");
        let commit = NewCommit { author: "GitHub", at: self.now(), message: &message };
        let sha = match git.merge_tree(&tip, &head)? {
            Some(tree) => Some(git.commit_tree(&tree, &[&tip, &head], &commit)?),
            None => None,
        };
        let name = format!("refs/pull/{number}/merge");
        if sha.is_some() || git.resolve(&name)?.is_some() {
            git.set_ref(&name, sha.as_deref())?;
        }
        let test = MergeTest { base: tip, head, sha };
        let issue = self.repository_mut(repository)?.issues.get_mut(&number);
        if let Some(pull) = issue.and_then(|issue| issue.pull.as_mut()) {
            pull.merge_test = Some(test);
        }
        Ok(None)
    }

    /// Tells the apps about a pull request; the payload never knows yet whether it can be merged.
    pub(crate) fn emit_pull(
        &mut self,
        repository: u64,
        number: u64,
        (action, sender): (&str, u64),
        more: Value,
    ) -> Result<(), Refusal> {
        let (issue, pull) = self.pull(repository, number)?;
        let object = self.pull_json(self.repository(repository)?, issue, pull, None)?;
        let mut body = json!({"number": number, "pull_request": object});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        self.emit(&Happening { event: "pull_request", action: Some(action), repository, sender, body });
        Ok(())
    }
}
