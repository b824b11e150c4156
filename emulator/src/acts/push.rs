//! Git moves: commits, pushes and what follows from them for pull requests.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::git::NONE;
use crate::git::NewCommit;
use crate::state::issue::Merged;
use serde_json::Value;
use serde_json::json;

/// A reference that moved.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    /// Full name, `refs/heads/main`.
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// GitHub lists at most this many commits in a `push`.
const LISTED: usize = 2048;

impl World<'_> {
    /// Commits files to a branch and tells of it; a branch that is not there begins at the default branch.
    pub(crate) fn commit(
        &mut self,
        repository: u64,
        (branch, message, author): (&str, &str, u64),
        files: &[(&str, Option<&[u8]>)],
    ) -> Result<String, Refusal> {
        let author_login = self.state.login(author).to_owned();
        let commit = NewCommit { author: &author_login, at: self.now(), message };
        let target = self.repository(repository)?;
        if target.archived {
            return Err(Refusal::new(403, "Repository was archived so is read-only."));
        }
        let name = format!("refs/heads/{branch}");
        let before = target.git.resolve(&name)?;
        let parent = match &before {
            Some(tip) => Some(tip.clone()),
            None => target.git.resolve(&format!("refs/heads/{}", target.default_branch))?,
        };
        let sha = target.git.commit((branch, parent.as_deref()), &commit, files)?;
        self.moved(repository, author, &Move { name, before, after: Some(sha.clone()) })?;
        Ok(sha)
    }

    /// A reference was moved by `pusher`: tells the apps and brings the pull requests up to date. What they know counts
    /// and not what the mover saw: of acts that overlap, each move is told once and the next begins where it ended.
    pub(crate) fn moved(&mut self, repository: u64, pusher: u64, moved: &Move) -> Result<(), Refusal> {
        let now = self.now();
        let target = self.repository_mut(repository)?;
        let before = target.told.get(&moved.name).unwrap_or(&moved.before).clone();
        let moved = &Move { before, ..moved.clone() };
        if moved.before == moved.after {
            return Ok(());
        }
        target.told.insert(moved.name.clone(), moved.after.clone());
        target.pushed_at = now;
        target.updated_at = now;
        let body = self.push_body(repository, pusher, moved)?;
        self.emit(&Happening { event: "push", action: None, repository, sender: pusher, body });
        let Some(branch) = moved.name.strip_prefix("refs/heads/").map(ToOwned::to_owned) else {
            return Ok(());
        };
        if let Some(after) = &moved.after {
            self.request_suites(repository, &branch, moved.before.as_deref(), (after, pusher))?;
            self.merged_by_push(repository, &branch, after, pusher)?;
        }
        self.head_moved(repository, &branch, moved, pusher)
    }

    fn push_body(&self, repository: u64, pusher: u64, moved: &Move) -> Result<Value, Refusal> {
        let repository = self.repository(repository)?;
        let git = &repository.git;
        let before = moved.before.as_deref();
        let (mut commits, mut forced) = (Vec::new(), false);
        if let Some(after) = &moved.after {
            let excluded =
                before.map_or_else(|| format!("^{}", repository.default_branch), |sha| format!("^{sha}"));
            let known =
                before.is_some() || git.resolve(&repository.default_branch)?.is_some_and(|tip| tip != *after);
            let limit = format!("--max-count={LISTED}");
            let range: Vec<&str> = if known { vec![&limit, after, &excluded] } else { vec![&limit, after] };
            commits = git.log(&range)?;
            commits.reverse();
            forced = before.map(|sha| git.is_ancestor(sha, after)).transpose()? == Some(false);
        }
        let mut written = Vec::new();
        for commit in &commits {
            let changes = match commit.parents.first() {
                Some(parent) => git.touched(parent, &commit.sha)?,
                None => Vec::new(),
            };
            written.push(self.pushed_commit(repository, commit, &changes));
        }
        let html = self.repository_html(repository);
        let (old, new) = (before.unwrap_or(NONE), moved.after.as_deref().unwrap_or(NONE));
        let login = self.state.login(pusher);
        Ok(json!({
            "ref": moved.name,
            "before": old,
            "after": new,
            "base_ref": null,
            "created": before.is_none(),
            "deleted": moved.after.is_none(),
            "forced": forced,
            "compare": format!("{html}/compare/{}...{}", short(old), short(new)),
            "head_commit": written.last(),
            "commits": written,
            "pusher": {"name": login, "email": crate::git::address(login)},
        }))
    }

    /// Pull requests from the branch get its new commit, or are closed with it.
    fn head_moved(
        &mut self,
        repository: u64,
        branch: &str,
        moved: &Move,
        sender: u64,
    ) -> Result<(), Refusal> {
        for (base, number) in self.pulls_from(repository, branch) {
            match &moved.after {
                None => self.close_pull(base, number, sender)?,
                Some(after) => self.synchronize(base, number, (after, sender))?,
            }
        }
        Ok(())
    }

    fn pulls_from(&self, repository: u64, branch: &str) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for base in self.state.repositories.values() {
            for issue in base.issues.values().filter(|issue| issue.closed_at.is_none()) {
                let head = issue.pull.as_ref().map(|pull| &pull.head);
                if head.is_some_and(|head| head.repository == repository && head.branch == branch) {
                    found.push((base.id, issue.number));
                }
            }
        }
        found
    }

    /// A pull request whose head has become part of its base was merged by that push.
    fn merged_by_push(&mut self, id: u64, branch: &str, after: &str, by: u64) -> Result<(), Refusal> {
        let repository = self.repository(id)?;
        let mut merged = Vec::new();
        for issue in repository.issues.values().filter(|issue| issue.closed_at.is_none()) {
            let Some(pull) = issue.pull.as_ref().filter(|pull| pull.base.branch == branch) else { continue };
            let own = pull.head.repository == id && pull.head.branch == branch;
            if !own && pull.head.sha != pull.base.sha && repository.git.is_ancestor(&pull.head.sha, after)? {
                merged.push(issue.number);
            }
        }
        for number in merged {
            let merged = Merged { at: self.now(), by, sha: after.to_owned() };
            self.finish_merge(id, number, merged)?;
        }
        Ok(())
    }
}

fn short(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}
