//! Comments and reactions.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::state::issue::Comment;
use crate::state::issue::CommitComment;
use crate::state::issue::Reaction;
use serde_json::Value;
use serde_json::json;

/// Who acts: an account, and the app through which, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    pub(crate) user: u64,
    pub(crate) app: Option<u64>,
}

impl Actor {
    pub(crate) fn person(user: u64) -> Actor {
        Actor { user, app: None }
    }
}

/// <https://docs.github.com/rest/issues/comments>: the limit the answer itself names.
const LONGEST: usize = 65_536;

impl World<'_> {
    pub(crate) fn comment(
        &mut self,
        repository: u64,
        issue: u64,
        (actor, body): (Actor, &str),
    ) -> Result<u64, Refusal> {
        checked(body)?;
        let (id, at) = (self.state.next_id(), self.now());
        let target = self.repository_mut(repository)?;
        let found = target.issues.get_mut(&issue).ok_or_else(Refusal::not_found)?;
        found.updated_at = at;
        let comment = Comment {
            id,
            issue,
            author: actor.user,
            app: actor.app,
            body: body.to_owned(),
            created_at: at,
            updated_at: at,
            reactions: Vec::new(),
            minimized: None,
        };
        target.comments.insert(id, comment);
        self.emit_comment(repository, id, ("created", actor.user), json!({}))?;
        Ok(id)
    }

    /// The sender may be another one than the author: writers may edit others' comments.
    pub(crate) fn edit_comment(
        &mut self,
        repository: u64,
        id: u64,
        (sender, body): (u64, &str),
    ) -> Result<(), Refusal> {
        checked(body)?;
        let now = self.now();
        let comment = self.comment_mut(repository, id)?;
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        comment.updated_at = now;
        let changes = json!({"changes": {"body": {"from": from}}});
        self.emit_comment(repository, id, ("edited", sender), changes)
    }

    pub(crate) fn delete_comment(&mut self, repository: u64, id: u64, sender: u64) -> Result<(), Refusal> {
        self.comment_mut(repository, id)?;
        self.emit_comment(repository, id, ("deleted", sender), json!({}))?;
        self.repository_mut(repository)?.comments.remove(&id);
        Ok(())
    }

    pub(crate) fn comment_mut(&mut self, repository: u64, id: u64) -> Result<&mut Comment, Refusal> {
        self.repository_mut(repository)?.comments.get_mut(&id).ok_or_else(Refusal::not_found)
    }

    fn emit_comment(
        &mut self,
        repository: u64,
        id: u64,
        (action, sender): (&str, u64),
        more: Value,
    ) -> Result<(), Refusal> {
        let target = self.repository(repository)?;
        let comment = target.comments.get(&id).ok_or_else(Refusal::not_found)?;
        let issue = target.issues.get(&comment.issue).ok_or_else(Refusal::not_found)?;
        let mut body = more;
        body["issue"] = self.issue_json(target, issue);
        body["comment"] = self.comment_json(target, comment);
        let event = "issue_comment";
        self.emit(&Happening { event, action: Some(action), repository, sender, body });
        Ok(())
    }

    /// Gives the reaction and whether it is new: reacting twice alike is one reaction.
    pub(crate) fn react(
        &mut self,
        repository: u64,
        comment: u64,
        (author, content): (u64, &str),
    ) -> Result<(Reaction, bool), Refusal> {
        if !crate::show::REACTIONS.contains(&content) {
            return Err(Refusal::invalid("Reaction", "content", "invalid"));
        }
        let (id, at) = (self.state.next_id(), self.now());
        let comment = self.comment_mut(repository, comment)?;
        let same = |one: &&Reaction| one.author == author && one.content == content;
        if let Some(known) = comment.reactions.iter().find(same) {
            return Ok((known.clone(), false));
        }
        let reaction = Reaction { id, author, content: content.to_owned(), at };
        comment.reactions.push(reaction.clone());
        Ok((reaction, true))
    }

    pub(crate) fn comment_on_commit(
        &mut self,
        repository: u64,
        (author, body): (u64, &str),
        (sha, path, position): (&str, Option<&str>, Option<u64>),
    ) -> Result<CommitComment, Refusal> {
        checked(body)?;
        let (id, at) = (self.state.next_id(), self.now());
        let comment = CommitComment {
            id,
            sha: sha.to_owned(),
            author,
            body: body.to_owned(),
            path: path.map(ToOwned::to_owned),
            position,
            at,
        };
        self.repository_mut(repository)?.commit_comments.push(comment.clone());
        Ok(comment)
    }
}

fn checked(body: &str) -> Result<(), Refusal> {
    if body.trim().is_empty() {
        return Err(Refusal::invalid("IssueComment", "body", "missing_field"));
    }
    if body.chars().count() > LONGEST {
        let message = format!("Validation Failed: body is too long (maximum is {LONGEST} characters)");
        return Err(Refusal::new(422, message));
    }
    Ok(())
}
