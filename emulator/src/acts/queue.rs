//! The merge queue: a temporary branch that apps are asked to check before it becomes the base.
//!
//! <https://docs.github.com/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/merging-a-pull-request-with-a-merge-queue>

use super::Happening;
use super::Move;
use crate::core::World;
use crate::error::Refusal;
use crate::git::NewCommit;
use serde_json::json;

/// A group of the merge queue.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) head_ref: String,
    pub(crate) head_sha: String,
    pub(crate) base_ref: String,
    pub(crate) base_sha: String,
}

impl World<'_> {
    /// Makes the group's branch with the merge commit and asks for checks on it.
    pub(crate) fn enqueue(&mut self, repository: u64, number: u64, sender: u64) -> Result<Group, Refusal> {
        let (_, pull) = self.pull(repository, number)?;
        let git = &self.repository(repository)?.git;
        let base_ref = format!("refs/heads/{}", pull.base.branch);
        let conflict = || Refusal::new(405, "Pull Request has merge conflicts");
        let base_sha = git.resolve(&base_ref)?.ok_or_else(conflict)?;
        let tree = git.merge_tree(&base_sha, &pull.head.sha)?.ok_or_else(conflict)?;
        let message = format!("Merge pull request #{number} from {}", pull.head.branch);
        let commit = NewCommit { author: self.state.login(sender), at: self.now(), message: &message };
        let head_sha = git.commit_tree(&tree, &[&base_sha, &pull.head.sha], &commit)?;
        let head_ref = format!("refs/heads/gh-readonly-queue/{}/pr-{number}-{base_sha}", pull.base.branch);
        git.set_ref(&head_ref, Some(&head_sha))?;
        let moved = Move { name: head_ref.clone(), before: None, after: Some(head_sha.clone()) };
        self.moved(repository, sender, &moved)?;
        let group = Group { head_ref, head_sha, base_ref, base_sha };
        self.emit_group(repository, ("checks_requested", sender), &group, None)?;
        Ok(group)
    }

    /// Ends a group: `merged` moves the base to it, `invalidated` and `dequeued` drop it.
    pub(crate) fn leave_queue(
        &mut self,
        repository: u64,
        (reason, sender): (&str, u64),
        group: &Group,
    ) -> Result<(), Refusal> {
        self.emit_group(repository, ("destroyed", sender), group, Some(reason))?;
        let git = self.repository(repository)?.git.clone();
        git.set_ref(&group.head_ref, None)?;
        let gone = Move { name: group.head_ref.clone(), before: Some(group.head_sha.clone()), after: None };
        self.moved(repository, sender, &gone)?;
        if reason == "merged" {
            git.set_ref(&group.base_ref, Some(&group.head_sha))?;
            let before = Some(group.base_sha.clone());
            let moved = Move { name: group.base_ref.clone(), before, after: Some(group.head_sha.clone()) };
            self.moved(repository, sender, &moved)?;
        }
        Ok(())
    }

    fn emit_group(
        &mut self,
        repository: u64,
        (action, sender): (&str, u64),
        group: &Group,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let commit = self.repository(repository)?.git.show(&group.head_sha)?;
        let mut body = json!({"merge_group": {
            "head_sha": group.head_sha,
            "head_ref": group.head_ref,
            "base_sha": group.base_sha,
            "base_ref": group.base_ref,
            "head_commit": Self::simple_commit(&commit),
        }});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        self.emit(&Happening { event: "merge_group", action: Some(action), repository, sender, body });
        Ok(())
    }
}
