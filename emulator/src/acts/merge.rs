//! Merging a pull request, and what stands in its way.

use super::Move;
use crate::core::World;
use crate::error::Refusal;
use crate::git::NewCommit;
use crate::state::issue::Merged;
use crate::state::issue::Pull;
use crate::state::issue::Verdict;
use crate::state::repository::Repository;
use crate::state::repository::RequiredCheck;
use serde_json::json;
use std::collections::BTreeMap;

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeMethod {
    /// A merge commit.
    Merge,
    /// One new commit with all changes.
    Squash,
    /// The commits replayed on the base.
    Rebase,
}

impl World<'_> {
    /// Merges, if `sha` (when given) is still the head and nothing stands in the way.
    pub(crate) fn merge_pull(
        &mut self,
        repository: u64,
        number: u64,
        (method, by): (MergeMethod, u64),
        sha: Option<&str>,
    ) -> Result<String, Refusal> {
        self.test_merge(repository, number)?;
        let (issue, pull) = self.pull(repository, number)?;
        let target = self.repository(repository)?;
        if issue.closed_at.is_some() || pull.draft {
            return Err(Refusal::new(405, "Pull Request is not mergeable"));
        }
        if sha.is_some_and(|sha| sha != pull.head.sha) {
            let message = "Head branch was modified. Review and try the merge again.";
            return Err(Refusal::new(409, message));
        }
        if let Some(reason) = blocked(target, pull) {
            return Err(Refusal::new(405, reason));
        }
        let message = match method {
            MergeMethod::Merge => {
                let from = self.state.repositories.get(&pull.head.repository).map(|head| head.owner);
                let owner = from.map_or("ghost", |owner| self.state.login(owner));
                format!("Merge pull request #{number} from {owner}/{}\n\n{}", pull.head.branch, issue.title)
            }
            MergeMethod::Squash | MergeMethod::Rebase => format!("{} (#{number})", issue.title),
        };
        let base = format!("refs/heads/{}", pull.base.branch);
        let commit = NewCommit { author: self.state.login(by), at: self.now(), message: &message };
        let conflict = || Refusal::new(405, "Pull Request has merge conflicts");
        let before = target.git.resolve(&base)?.ok_or_else(conflict)?;
        let after = merge_commit(target, (&before, &pull.head.sha), method, &commit)?.ok_or_else(conflict)?;
        target.git.set_ref(&base, Some(&after))?;
        // Closed before the push is told, so that the push does not take it for merged by hand.
        self.finish_merge(repository, number, Merged { at: self.now(), by, sha: after.clone() })?;
        let moved = Move { name: base, before: Some(before), after: Some(after.clone()) };
        self.moved(repository, by, &moved)?;
        Ok(after)
    }

    /// Merges one commit into a branch that is at another; none when they conflict.
    pub(crate) fn merge_into(
        &mut self,
        repository: u64,
        (name, tip, other): (&str, &str, &str),
        by: u64,
    ) -> Result<Option<String>, Refusal> {
        let target = self.repository(repository)?;
        let message = format!("Merge {other} into {}", name.trim_start_matches("refs/heads/"));
        let commit = NewCommit { author: self.state.login(by), at: self.now(), message: &message };
        let merged = merge_commit(target, (tip, other), MergeMethod::Merge, &commit)?;
        let Some(after) = merged else { return Ok(None) };
        target.git.set_ref(name, Some(&after))?;
        let moved = Move { name: name.to_owned(), before: Some(tip.to_owned()), after: Some(after.clone()) };
        self.moved(repository, by, &moved)?;
        Ok(Some(after))
    }

    pub(crate) fn finish_merge(
        &mut self,
        repository: u64,
        number: u64,
        merged: Merged,
    ) -> Result<(), Refusal> {
        let by = merged.by;
        self.pull_mut(repository, number)?.merged = Some(merged);
        self.set_closed(repository, number, true)?;
        let target = self.repository(repository)?;
        let name = format!("refs/pull/{number}/merge");
        if target.git.resolve(&name)?.is_some() {
            target.git.set_ref(&name, None)?;
        }
        self.emit_pull(repository, number, ("closed", by), json!({}))
    }
}

/// What the base's protection still asks for; none when the pull request may be merged.
pub(crate) fn blocked(repository: &Repository, pull: &Pull) -> Option<String> {
    let protection = repository.protections.get(&pull.base.branch)?;
    if !approved(pull, protection.required_reviews) {
        return Some(format!("At least {} approving review is required.", protection.required_reviews));
    }
    let missing = protection.required_checks.iter().find(|check| !passed(repository, pull, check))?;
    Some(format!("Required status check \"{}\" is expected.", missing.context))
}

fn merge_commit(
    repository: &Repository,
    (base, head): (&str, &str),
    method: MergeMethod,
    commit: &NewCommit<'_>,
) -> Result<Option<String>, Refusal> {
    let git = &repository.git;
    if method == MergeMethod::Rebase {
        return Ok(git.rebase(base, head, commit)?);
    }
    let Some(tree) = git.merge_tree(base, head)? else { return Ok(None) };
    let parents = if method == MergeMethod::Merge { vec![base, head] } else { vec![base] };
    Ok(Some(git.commit_tree(&tree, &parents, commit)?))
}

/// Whether so many reviewers' last verdict (comments aside) approves.
pub(crate) fn approved(pull: &Pull, wanted: u32) -> bool {
    let mut last = BTreeMap::new();
    for review in pull.reviews.iter().filter(|review| review.verdict != Verdict::Commented) {
        last.insert(review.author, review.verdict);
    }
    let approvals = last.values().filter(|verdict| **verdict == Verdict::Approved).count();
    approvals >= usize::try_from(wanted).unwrap_or(usize::MAX)
}

fn passed(repository: &Repository, pull: &Pull, wanted: &RequiredCheck) -> bool {
    let sha = &pull.head.sha;
    let good = |conclusion: Option<&str>| matches!(conclusion, Some("success" | "neutral" | "skipped"));
    let run = repository.runs.values().rev().find(|run| {
        let source = wanted.app_id.is_none_or(|app| app == run.app);
        run.sha == *sha && run.name == wanted.context && source
    });
    if let Some(run) = run {
        return good(run.conclusion.as_deref());
    }
    let mut statuses = repository.statuses.iter().rev();
    let status = statuses.find(|status| status.sha == *sha && status.context == wanted.context);
    wanted.app_id.is_none() && status.is_some_and(|status| status.state == "success")
}
