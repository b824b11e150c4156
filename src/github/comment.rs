//! Comments and reactions: said once, changed in place, found again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::GitHub;
use super::error::{Error, present};
use super::once::{self, Made};
use super::page::{Of, TEXTS};
use super::wire::{Ask, Method};
use crate::model::check::{Comment, REPLY};
use crate::model::github::{Reaction, Remark};
use crate::model::id::{CommentId, Login, PullNumber, Repo, RepoId, Sha, UserId};

/// Pages of comments that are looked through for ours: 5,000 comments.
const PAGES: usize = 5_000 / TEXTS;
/// Comments that are remembered; beyond that all are forgotten, and looked for again.
const REMEMBERED: usize = 10_000;
/// Pull requests share this many queues, so that two tasks never say the same thing at the same moment.
const QUEUES: usize = 64;

#[derive(Deserialize)]
struct Told {
    id: u64,
    /// Null: the account is gone.
    #[serde(default)]
    user: Option<Account>,
    #[serde(default)]
    body: Option<String>,
    created_at: Timestamp,
    #[serde(default)]
    performed_via_github_app: Option<ViaApp>,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: Login,
}

#[derive(Deserialize)]
struct ViaApp {
    id: u64,
}

#[derive(Deserialize)]
struct Written {
    id: u64,
}

#[derive(Deserialize)]
struct Reacted {
    id: u64,
    #[serde(default)]
    user: Option<Account>,
}

/// Where our comments were last seen, and who is saying something just now.
pub(super) struct Known {
    seen: Mutex<HashMap<(RepoId, PullNumber, String), CommentId>>,
    queues: Vec<tokio::sync::Mutex<()>>,
}

impl Default for Known {
    fn default() -> Self {
        let queues = (0..QUEUES).map(|_| tokio::sync::Mutex::default()).collect();
        Self { seen: Mutex::default(), queues }
    }
}

impl Known {
    fn get(&self, thread: &Thread<'_>) -> Option<CommentId> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&thread.name()).copied()
    }

    fn set(&self, thread: &Thread<'_>, id: CommentId) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(thread.name(), id);
    }

    async fn turn(&self, repo: &Repo, pull: PullNumber) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        (repo.id, pull).hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % QUEUES as u64).unwrap_or_default();
        match self.queues.get(at) {
            Some(queue) => Some(queue.lock().await),
            None => None,
        }
    }
}

/// One comment of ours: on which pull request, by which mark, with which text.
struct Thread<'a> {
    github: &'a GitHub,
    repo: &'a Repo,
    pull: PullNumber,
    /// What the body begins with.
    mark: String,
    body: String,
    ours: String,
}

impl Thread<'_> {
    fn name(&self) -> (RepoId, PullNumber, String) {
        (self.repo.id, self.pull, self.mark.clone())
    }

    /// Is it written by our App, under this mark? The mark alone proves nothing: anybody can write it.
    fn owns(&self, told: &Told) -> bool {
        self.wrote(told) && told.body.as_deref().is_some_and(|body| body.trim_start().starts_with(&self.mark))
    }

    fn wrote(&self, told: &Told) -> bool {
        told.user.as_ref().is_some_and(|user| user.login.as_str() == self.ours)
    }

    async fn look(&self) -> Result<Option<Told>, Error> {
        if let Some(id) = self.github.inner.known.get(self) {
            let told = self.github.comment(self.repo, id).await?;
            // Somebody may have edited the mark away; that it is ours is enough where we know which it is.
            if let Some(told) = told.filter(|told| self.wrote(told)) {
                return Ok(Some(told));
            }
        }
        let doing = format!("listing the comments on pull request {} of {}", self.pull, self.repo.name);
        let path = format!("/repositories/{}/issues/{}/comments?per_page={TEXTS}", self.repo.id, self.pull);
        let (key, _) = GitHub::acting(self.repo);
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let listed = self.github.wire().list::<Told>(&key, of).await?;
        let mut owned = listed.items.into_iter().filter(|told| self.owns(told));
        let first = owned.next();
        // A write that GitHub carried out after we had looked: never two comments.
        for twin in owned {
            self.github.remove(self.repo, CommentId(twin.id)).await?;
        }
        Ok(first)
    }

    /// Brings it to this text; gives its id.
    async fn say(&self) -> Result<CommentId, Error> {
        let id = match self.look().await? {
            Some(told) if told.body.as_deref().is_some_and(|body| same(body, &self.body)) => {
                CommentId(told.id)
            }
            Some(told) => match self.change(CommentId(told.id)).await? {
                Some(id) => id,
                // It was deleted in between.
                None => once::make(self).await?,
            },
            None => once::make(self).await?,
        };
        self.github.inner.known.set(self, id);
        Ok(id)
    }

    /// Changes the text. Doing so twice is doing so once, so an unknown outcome is simply tried again.
    async fn change(&self, id: CommentId) -> Result<Option<CommentId>, Error> {
        let doing = format!("changing comment {id} on pull request {} of {}", self.pull, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let body = json!({"body": self.body});
        let ask = Ask::write(&doing, Method::Patch, format!("{root}/issues/comments/{id}"), Some(&body));
        let answer = match self.github.wire().call(&key, &ask).await {
            Err(Error::Weather { .. }) => self.github.wire().call(&key, &ask).await,
            settled => settled,
        };
        Ok(present(answer)?.map(|_| id))
    }
}

impl Made for Thread<'_> {
    type Out = CommentId;

    async fn find(&self) -> Result<Option<CommentId>, Error> {
        Ok(self.look().await?.map(|told| CommentId(told.id)))
    }

    /// <https://docs.github.com/en/rest/issues/comments#create-an-issue-comment>
    async fn make(&self) -> Result<CommentId, Error> {
        let doing = format!("commenting on pull request {} of {}", self.pull, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let body = json!({"body": self.body});
        let path = format!("{root}/issues/{}/comments", self.pull);
        let ask = Ask::write(&doing, Method::Post, path, Some(&body)).content();
        let made: Written = self.github.wire().call(&key, &ask).await?.read(&doing)?;
        Ok(CommentId(made.id))
    }
}

/// GitHub keeps bodies without what is blank at their ends, and some with other line ends.
fn same(there: &str, ours: &str) -> bool {
    let mut there = there.trim().lines();
    let mut ours = ours.trim().lines();
    loop {
        match (there.next(), ours.next()) {
            (None, None) => return true,
            (there, ours) if there == ours => {}
            _ => return false,
        }
    }
}

impl GitHub {
    /// Says something on a pull request once: our comment with this marker is made, or brought to this text. Safe to
    /// repeat.
    pub(crate) async fn say(
        &self,
        repo: &Repo,
        pull: PullNumber,
        comment: &Comment,
    ) -> Result<CommentId, Error> {
        self.bring(repo, pull, (comment.marker.clone(), comment.body.clone())).await
    }

    /// Answers on a pull request, once for each `key`. Safe to repeat.
    pub(crate) async fn reply(
        &self,
        repo: &Repo,
        pull: PullNumber,
        key: &str,
        comment: &Comment,
    ) -> Result<CommentId, Error> {
        let key: String = key
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._:/-".contains(c) { c } else { '.' })
            .collect();
        let mark = format!("{REPLY}\n<!-- tidegate:key {key} -->\n");
        let text = comment.body.trim_start();
        let text = text.strip_prefix(&comment.marker).unwrap_or(text).trim_start();
        let text = text.strip_prefix(REPLY).unwrap_or(text).trim_start();
        let body = format!("{mark}{text}");
        self.bring(repo, pull, (mark, body)).await
    }

    /// Tells where a comment of ours was seen before, so that it is found even if somebody edited its marker away.
    pub(crate) fn recall(&self, repo: &Repo, pull: PullNumber, marker: &str, id: CommentId) {
        let thread = Thread {
            github: self,
            repo,
            pull,
            mark: marker.to_owned(),
            body: String::new(),
            ours: String::new(),
        };
        self.inner.known.set(&thread, id);
    }

    async fn bring(
        &self,
        repo: &Repo,
        pull: PullNumber,
        (mark, body): (String, String),
    ) -> Result<CommentId, Error> {
        let ours = self.app_login().await?;
        let _turn = self.inner.known.turn(repo, pull).await;
        Thread { github: self, repo, pull, mark, body, ours }.say().await
    }

    /// A comment as it is now; none: it is gone.
    /// <https://docs.github.com/en/rest/issues/comments#get-an-issue-comment>
    pub(crate) async fn remark(&self, repo: &Repo, id: CommentId) -> Result<Option<Remark>, Error> {
        let Some(told) = self.comment(repo, id).await? else { return Ok(None) };
        let Some(user) = told.user else { return Ok(None) };
        let by_app = told.performed_via_github_app.map(|app| app.id);
        let ours = self.app_login().await?;
        // GitHub does not always name the App on what it wrote itself.
        let app = by_app.or_else(|| (user.login.as_str() == ours).then_some(self.inner.id));
        Ok(Some(Remark {
            id: CommentId(told.id),
            author: user.login,
            author_id: UserId(user.id),
            app,
            body: told.body.unwrap_or_default(),
            written: told.created_at,
        }))
    }

    async fn comment(&self, repo: &Repo, id: CommentId) -> Result<Option<Told>, Error> {
        let doing = format!("reading comment {id} of {}", repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/issues/comments/{id}");
        let answer = present(self.wire().call(&key, &Ask::get(&doing, path)).await)?;
        answer.map(|answer| answer.read(&doing)).transpose()
    }

    async fn remove(&self, repo: &Repo, id: CommentId) -> Result<(), Error> {
        let doing = format!("removing the second copy {id} of a comment of ours in {}", repo.name);
        let (key, root) = Self::acting(repo);
        let ask = Ask::write(&doing, Method::Delete, format!("{root}/issues/comments/{id}"), None);
        present(self.wire().call(&key, &ask).await).map(|_| ())
    }

    /// Shows a reaction of ours on a comment; one that is there stays. A comment that is gone needs none.
    /// <https://docs.github.com/en/rest/reactions/reactions#create-reaction-for-an-issue-comment>
    pub(crate) async fn react(&self, repo: &Repo, id: CommentId, reaction: Reaction) -> Result<(), Error> {
        let doing = format!("reacting to comment {id} of {}", repo.name);
        let (key, root) = Self::acting(repo);
        let body = json!({"content": word(reaction)});
        let path = format!("{root}/issues/comments/{id}/reactions");
        let ask = Ask::write(&doing, Method::Post, path, Some(&body));
        let answer = match self.wire().call(&key, &ask).await {
            // GitHub keeps one of each kind from everybody, so a second try makes no second reaction.
            Err(Error::Weather { .. }) => self.wire().call(&key, &ask).await,
            settled => settled,
        };
        present(answer).map(|_| ())
    }

    /// Takes our reaction away again, if it is there.
    pub(crate) async fn unreact(&self, repo: &Repo, id: CommentId, reaction: Reaction) -> Result<(), Error> {
        let doing = format!("taking back a reaction to comment {id} of {}", repo.name);
        let ours = self.app_login().await?;
        let (key, root) = Self::acting(repo);
        let root = format!("{root}/issues/comments/{id}/reactions");
        let path = format!("{root}?content={}&per_page=100", word(reaction));
        let of = Of { doing: &doing, path: &path, under: None, pages: 10 };
        let Some(listed) = present(self.wire().list::<Reacted>(&key, of).await)? else { return Ok(()) };
        let mine = |one: &Reacted| one.user.as_ref().is_some_and(|user| user.login.as_str() == ours);
        for one in listed.items.into_iter().filter(mine) {
            let ask = Ask::write(&doing, Method::Delete, format!("{root}/{}", one.id), None);
            present(self.wire().call(&key, &ask).await)?;
        }
        Ok(())
    }

    /// Says something on a commit that no pull request brought, once for each marker: what was said stays as it is.
    /// <https://docs.github.com/en/rest/commits/comments#create-a-commit-comment>
    #[allow(dead_code, reason = "the plan of a push without a pull request will be said there")]
    pub(crate) async fn say_on_commit(
        &self,
        repo: &Repo,
        sha: &Sha,
        comment: &Comment,
    ) -> Result<CommentId, Error> {
        let ours = self.app_login().await?;
        let on = OnCommit { github: self, repo, sha, comment, ours };
        match on.find().await? {
            Some(id) => Ok(id),
            None => once::make(&on).await,
        }
    }
}

#[allow(dead_code, reason = "for `say_on_commit`")]
struct OnCommit<'a> {
    github: &'a GitHub,
    repo: &'a Repo,
    sha: &'a Sha,
    comment: &'a Comment,
    ours: String,
}

impl Made for OnCommit<'_> {
    type Out = CommentId;

    async fn find(&self) -> Result<Option<CommentId>, Error> {
        let doing = format!("listing the comments on commit {} of {}", self.sha.short(), self.repo.name);
        let path = format!("/repositories/{}/commits/{}/comments?per_page={TEXTS}", self.repo.id, self.sha);
        let (key, _) = GitHub::acting(self.repo);
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let listed = self.github.wire().list::<Told>(&key, of).await?;
        let owns = |told: &&Told| {
            told.user.as_ref().is_some_and(|user| user.login.as_str() == self.ours)
                && told
                    .body
                    .as_deref()
                    .is_some_and(|body| body.trim_start().starts_with(&self.comment.marker))
        };
        Ok(listed.items.iter().find(owns).map(|told| CommentId(told.id)))
    }

    async fn make(&self) -> Result<CommentId, Error> {
        let doing = format!("commenting on commit {} of {}", self.sha.short(), self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let body = json!({"body": self.comment.body});
        let path = format!("{root}/commits/{}/comments", self.sha);
        let ask = Ask::write(&doing, Method::Post, path, Some(&body)).content();
        let made: Written = self.github.wire().call(&key, &ask).await?.read(&doing)?;
        Ok(CommentId(made.id))
    }
}

fn word(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Eyes => "eyes",
        Reaction::Rocket => "rocket",
        Reaction::Confused => "confused",
    }
}
