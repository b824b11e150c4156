//! Reading repositories, pull requests and branches.

use serde::Deserialize;

use super::GitHub;
use super::error::{Error, present};
use super::page::{Of, escape};
use super::wire::Ask;
use crate::model::github::{Pull, RepoFacts};
use crate::model::id::{Branch, Login, PullNumber, Repo, RepoId, RepoName, Sha};

/// Open pull requests of one base that are looked at: 1,000.
#[allow(dead_code, reason = "for `open_pulls`")]
const OPEN_PAGES: usize = 10;
/// Pull requests of one commit that are looked at: 300.
const COMMIT_PAGES: usize = 3;

#[derive(Deserialize)]
struct Told {
    number: u64,
    state: String,
    /// Only the pull request itself has it; lists have the time alone.
    #[serde(default)]
    merged: Option<bool>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    draft: Option<bool>,
    #[serde(default)]
    title: String,
    /// Null: the account is gone.
    user: Option<Account>,
    head: End,
    base: End,
    #[serde(default)]
    merge_commit_sha: Option<Sha>,
}

#[derive(Deserialize)]
struct Account {
    login: Login,
}

#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: String,
    sha: Sha,
    /// Null: the repository was deleted.
    repo: Option<Whose>,
}

#[derive(Deserialize)]
struct Whose {
    id: u64,
}

#[derive(Deserialize)]
struct Facts {
    id: u64,
    full_name: RepoName,
    default_branch: Branch,
    private: bool,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "for `tip`")]
struct Tip {
    commit: Commit,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "for `tip`")]
struct Commit {
    sha: Sha,
}

impl GitHub {
    /// What the repository is today. <https://docs.github.com/en/rest/repos/repos#get-a-repository>
    pub(crate) async fn repo(&self, repo: &Repo) -> Result<RepoFacts, Error> {
        let doing = format!("reading repository {}", repo.name);
        let (key, path) = Self::acting(repo);
        let facts: Facts = self.wire().call(&key, &Ask::get(&doing, path)).await?.read(&doing)?;
        if facts.id != repo.id.0 {
            return Err(Error::Gone { doing });
        }
        // An internal repository is not public, though GitHub's flag speaks of private ones alone.
        let public = !facts.private && facts.visibility.is_none_or(|visibility| visibility == "public");
        let Facts { default_branch, full_name: name, archived, .. } = facts;
        Ok(RepoFacts { default_branch, public, name, archived })
    }

    /// The branch's tip; none: there is no such branch. <https://docs.github.com/en/rest/branches/branches#get-a-branch>
    #[allow(dead_code, reason = "tests ask for it")]
    pub(crate) async fn tip(&self, repo: &Repo, branch: &Branch) -> Result<Option<Sha>, Error> {
        let doing = format!("reading branch {branch} of {}", repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/branches/{}", escape(branch.as_str()));
        let answer = present(self.wire().call(&key, &Ask::get(&doing, path)).await)?;
        answer.map(|answer| answer.read::<Tip>(&doing).map(|tip| tip.commit.sha)).transpose()
    }

    /// A pull request as it is now; none: there is none. <https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request>
    pub(crate) async fn pull(&self, repo: &Repo, number: PullNumber) -> Result<Option<Pull>, Error> {
        let doing = format!("reading pull request {number} of {}", repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/pulls/{number}");
        let answer = present(self.wire().call(&key, &Ask::get(&doing, path)).await)?;
        answer.map(|answer| answer.read::<Told>(&doing).and_then(|told| told.pull(&doing))).transpose()
    }

    /// The pull requests that a commit belongs to, open or not, of this repository; the newest 300.
    /// <https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit>
    pub(crate) async fn pulls_of(&self, repo: &Repo, commit: &Sha) -> Result<Vec<Pull>, Error> {
        let doing = format!("listing the pull requests of commit {} of {}", commit.short(), repo.name);
        let path = format!("/repositories/{}/commits/{commit}/pulls?per_page=100", repo.id);
        self.pulls(repo, Of { doing: &doing, path: &path, under: None, pages: COMMIT_PAGES }).await
    }

    /// The open pull requests into a branch; the newest 1,000.
    /// <https://docs.github.com/en/rest/pulls/pulls#list-pull-requests>
    #[allow(dead_code, reason = "a push to the base will preview these again")]
    pub(crate) async fn open_pulls(&self, repo: &Repo, base: &Branch) -> Result<Vec<Pull>, Error> {
        let doing = format!("listing the open pull requests into {base} of {}", repo.name);
        let base = escape(base.as_str());
        let path = format!("/repositories/{}/pulls?state=open&base={base}&per_page=100", repo.id);
        self.pulls(repo, Of { doing: &doing, path: &path, under: None, pages: OPEN_PAGES }).await
    }

    async fn pulls(&self, repo: &Repo, of: Of<'_>) -> Result<Vec<Pull>, Error> {
        let (key, _) = Self::acting(repo);
        let told = self.wire().list::<Told>(&key, of).await?;
        if !told.whole {
            tracing::warn!(repo.name = %repo.name, "{}: there are more than are looked at", of.doing);
        }
        // A commit of a fork network also belongs to pull requests of other repositories.
        let here = |told: &Told| told.base.repo.as_ref().is_some_and(|base| base.id == repo.id.0);
        told.items.into_iter().filter(here).map(|told| told.pull(of.doing)).collect()
    }
}

impl Told {
    fn pull(self, doing: &str) -> Result<Pull, Error> {
        let merged = self.merged.unwrap_or(self.merged_at.is_some());
        let author = match self.user {
            Some(user) => user.login,
            None => "ghost".parse().map_err(|source| Error::ours(doing, source))?,
        };
        Ok(Pull {
            number: PullNumber(self.number),
            open: self.state == "open",
            merged,
            draft: self.draft.unwrap_or_default(),
            title: self.title,
            author,
            head: self.head.sha,
            head_repo: self.head.repo.map(|repo| RepoId(repo.id)),
            base: self.base.branch.parse().map_err(|source| Error::ours(doing, source))?,
            // Before the merge it is a test merge, which becomes outdated without warning.
            merge_commit: self.merge_commit_sha.filter(|_| merged),
        })
    }
}
