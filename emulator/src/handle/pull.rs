//! A pull request as people work on it.

use crate::acts::Actor;
use crate::acts::MergeMethod;
use crate::acts::PullEdit;
use crate::core::Core;
use crate::core::World;
use crate::error::Error;
use crate::error::Refusal;
use crate::handle::view::Comment;
use crate::handle::view::PullView;
use crate::state::issue::Verdict;
use crate::state::user::Kind;
use std::sync::Arc;

/// A pull request.
#[derive(Clone)]
pub struct Pull {
    pub(crate) core: Arc<Core>,
    pub(crate) repository: u64,
    /// Its number in the repository.
    pub number: u64,
}

impl Pull {
    /// As it stands now.
    pub fn view(&self) -> Result<PullView, Error> {
        let world = self.core.world();
        let (issue, pull) = world.pull(self.repository, self.number)?;
        Ok(PullView::of(&world, issue, pull))
    }

    /// Its newest commit.
    pub fn head_sha(&self) -> Result<String, Error> {
        Ok(self.view()?.head_sha)
    }

    fn acting<T>(
        &self,
        login: &str,
        act: impl FnOnce(&mut World<'_>, u64) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let mut world = self.core.world();
        let user = world.make_user(login, Kind::User);
        Ok(act(&mut world, user)?)
    }

    /// Commits files to its branch (a fork's, if it comes from one) and pushes them; `None` removes a file.
    pub fn push(&self, author: &str, files: &[(&str, Option<&str>)]) -> Result<String, Error> {
        self.acting(author, |world, user| {
            let (_, pull) = world.pull(self.repository, self.number)?;
            let (repository, branch) = (pull.head.repository, pull.head.branch.clone());
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.map(str::as_bytes))).collect();
            world.commit(repository, (&branch, "Work on it", user), &files)
        })
    }

    /// Someone comments; gives the comment's id.
    pub fn comment(&self, login: &str, body: &str) -> Result<u64, Error> {
        self.acting(login, |world, user| {
            world.comment(self.repository, self.number, (Actor::person(user), body))
        })
    }

    /// Someone edits a comment, not necessarily their own.
    pub fn edit_comment(&self, id: u64, login: &str, body: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.edit_comment(self.repository, id, (user, body)))
    }

    /// Someone deletes a comment.
    pub fn delete_comment(&self, id: u64, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.delete_comment(self.repository, id, user))
    }

    /// Someone reacts to a comment.
    pub fn react(&self, comment: u64, login: &str, content: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.react(self.repository, comment, (user, content)))?;
        Ok(())
    }

    /// All comments, oldest first.
    pub fn comments(&self) -> Vec<Comment> {
        let world = self.core.world();
        let repository = world.state.repositories.get(&self.repository);
        let all = repository.into_iter().flat_map(|repository| repository.comments.values());
        all.filter(|one| one.issue == self.number).map(|one| Comment::of(&world, one)).collect()
    }

    /// Someone reviews it as it stands.
    pub fn review(&self, login: &str, verdict: Verdict) -> Result<u64, Error> {
        self.acting(login, |world, user| world.review(self.repository, self.number, user, (verdict, "")))
    }

    /// Someone merges it; gives the commit the base is at then.
    pub fn merge(&self, login: &str, method: MergeMethod) -> Result<String, Error> {
        self.acting(login, |world, user| world.merge_pull(self.repository, self.number, (method, user), None))
    }

    /// Someone closes it without merging.
    pub fn close(&self, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.close_pull(self.repository, self.number, user))
    }

    /// Someone opens it again.
    pub fn reopen(&self, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.reopen_pull(self.repository, self.number, user))
    }

    /// A draft becomes ready for review.
    pub fn ready(&self, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.set_draft(self.repository, self.number, (false, user)))
    }

    /// It becomes a draft again.
    pub fn draft(&self, login: &str) -> Result<(), Error> {
        self.acting(login, |world, user| world.set_draft(self.repository, self.number, (true, user)))
    }

    /// Someone changes its title.
    pub fn set_title(&self, login: &str, title: &str) -> Result<(), Error> {
        self.edit(login, PullEdit { title: Some(title), ..PullEdit::default() })
    }

    /// Someone changes its text.
    pub fn set_body(&self, login: &str, body: &str) -> Result<(), Error> {
        self.edit(login, PullEdit { body: Some(body), ..PullEdit::default() })
    }

    /// Someone points it at another base branch.
    pub fn set_base(&self, login: &str, base: &str) -> Result<(), Error> {
        self.edit(login, PullEdit { base: Some(base), ..PullEdit::default() })
    }

    fn edit(&self, login: &str, edit: PullEdit<'_>) -> Result<(), Error> {
        self.acting(login, |world, user| world.edit_pull(self.repository, self.number, (edit, user)))
    }

    /// The next reads answer `mergeable: null` that many times, however often the test merge was made.
    pub fn mergeable_null(&self, times: u32) -> Result<(), Error> {
        self.core.world().pull_mut(self.repository, self.number)?.nulls = times;
        Ok(())
    }
}
