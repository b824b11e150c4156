//! A repository on this machine, for the command line: read, never written.
//!
//! Only names are looked up in the repository itself. Everything else happens in a temporary bare repository that has the
//! real one's objects as its alternate and none of its settings: so merge results go to the temporary folder, nothing is
//! fetched, and no hook, filter, merge driver or monitor that the repository configures is ever started. That is also why
//! the repository may belong to somebody else (`safe.directory` is waived): nothing of theirs runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::git::call::{Answer, Call, Place};
use crate::git::error::Error;
use crate::git::objects::{Held, Objects, sha};
use crate::model::fault::Fault;
use crate::model::id::{Branch, RepoName, Sha};

/// A repository on this machine: a checkout, a folder in one, a linked work tree, or a bare one.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    program: PathBuf,
    folder: PathBuf,
    git_dir: PathBuf,
    common: PathBuf,
    bare: bool,
    objects: Objects,
}

/// Does the work tree hold what is not committed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tidiness {
    /// No, or there is no work tree.
    Clean,
    /// Yes: and that is not seen.
    Dirty,
    /// It could not be told, as where the repository belongs to somebody else.
    Unknown,
}

/// Where a repository was cloned from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `owner/name`, as its address suggests it: for people; other hosts and groups may have the same.
    pub name: Option<RepoName>,
    /// Host and path, the same however it is reached; none where that says nothing beyond this repository.
    pub place: Option<String>,
}

impl Local {
    /// Opens the repository that `folder` lies in.
    pub(crate) async fn open(program: &Path, folder: &Path) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(Error::io("cannot find", folder))?;
        let no_repository = |said: &str| {
            let fault = Fault::new(format!("{} is not in a Git repository: {said}", folder.display()));
            Error::Author(fault.hint("name one with --repo"))
        };
        if !folder.is_dir() {
            return Err(no_repository("there is no such folder"));
        }
        let doing = "open the repository";
        let mut anyones = Place::nowhere();
        anyones.settings.push(("safe.directory".to_owned(), "*".to_owned()));
        let call = Call::new(doing, ["-C"]).arg(&folder).arg("rev-parse").arg("--path-format=absolute");
        let call = ["--git-dir", "--git-common-dir", "--show-object-format", "--is-bare-repository"]
            .into_iter()
            .fold(call, Call::arg);
        let answer = call.run(program, &anyones).await?;
        if answer.status != 0 {
            return Err(no_repository(&answer.said));
        }
        let text = String::from_utf8(answer.stdout).map_err(|error| Error::odd(doing, error.as_bytes()))?;
        let [git_dir, common, format, bare] = text.lines().collect::<Vec<_>>()[..] else {
            return Err(Error::odd(doing, text.as_bytes()));
        };
        let objects = scratch(program, Path::new(common), format).await?;
        Ok(Self {
            program: program.to_owned(),
            git_dir: PathBuf::from(git_dir),
            common: PathBuf::from(common),
            bare: bare == "true",
            objects,
            folder,
        })
    }

    /// The folder that all its work trees share: what is the same repository has the same.
    pub(crate) fn common(&self) -> &Path {
        &self.common
    }

    /// Its objects. Merge results live as long as one of these does.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The commit that a person's words for it mean (`HEAD`, `main~2`, a branch, a short id).
    pub(crate) async fn resolve(&self, revision: &str) -> Result<Sha, Error> {
        self.find(revision).await?.ok_or_else(|| {
            let shown: String = revision.chars().take(100).collect();
            Error::Author(Fault::new(format!("{shown:?} names no commit of this repository")))
        })
    }

    async fn find(&self, revision: &str) -> Result<Option<Sha>, Error> {
        let doing = "look for a commit";
        if revision.is_empty() || revision.contains('\0') {
            return Ok(None);
        }
        let call = Call::new(doing, ["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{revision}^{{commit}}"));
        let answer = self.ask(&call).await?;
        if answer.status == 0 { sha(doing, &answer.stdout).map(Some) } else { Ok(None) }
    }

    /// The branch that others start from: the one that `origin` calls its head, else `main` or `master`, else the one
    /// that is checked out.
    pub(crate) async fn default_branch(&self) -> Result<Option<Branch>, Error> {
        if let Some(name) = self.symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/").await? {
            return Ok(Some(name));
        }
        for name in ["main", "master"] {
            let known = self.find(&format!("refs/heads/{name}")).await?;
            if known.is_some() {
                return Ok(name.parse().ok());
            }
        }
        self.symbolic("HEAD", "refs/heads/").await
    }

    async fn symbolic(&self, reference: &str, prefix: &str) -> Result<Option<Branch>, Error> {
        let answer =
            self.ask(&Call::new("look for a branch", ["symbolic-ref", "--quiet", reference])).await?;
        let text = String::from_utf8_lossy(&answer.stdout);
        Ok(text.trim().strip_prefix(prefix).and_then(|name| name.parse().ok()))
    }

    /// The default of `--base`: the tracked branch's upstream, or itself, or what `origin` has of it.
    pub(crate) async fn base(&self, tracked: &Branch) -> Result<Sha, Error> {
        let places = [
            format!("{tracked}@{{upstream}}"),
            format!("refs/heads/{tracked}"),
            format!("refs/remotes/origin/{tracked}"),
        ];
        for place in places {
            if let Some(sha) = self.find(&place).await? {
                return Ok(sha);
            }
        }
        let fault = Fault::new(format!("this repository has no branch {tracked} to compare with"));
        Err(Error::Author(fault.hint("name a commit with --base")))
    }

    /// Where it was cloned from, by the address of `origin`.
    pub(crate) async fn origin(&self) -> Result<Origin, Error> {
        let answer =
            self.ask(&Call::new("look for origin", ["config", "--get", "remote.origin.url"])).await?;
        let url = String::from_utf8_lossy(&answer.stdout);
        Ok(Origin { name: guess(url.trim()), place: place(url.trim()) })
    }

    /// Does the work tree hold what is not committed? Asked without waiving `safe.directory`, since telling may start
    /// filters that the repository configures.
    pub(crate) async fn tidiness(&self) -> Result<Tidiness, Error> {
        if self.bare {
            return Ok(Tidiness::Clean);
        }
        let call = Call::new("look for changes", ["-C"]).arg(&self.folder);
        let call = ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty"]
            .into_iter()
            .fold(call, Call::arg);
        let answer = call.run(&self.program, &Place::nowhere()).await?;
        Ok(match (answer.status, answer.stdout.is_empty()) {
            (0, true) => Tidiness::Clean,
            (0, false) => Tidiness::Dirty,
            _ => Tidiness::Unknown,
        })
    }

    /// Asks the repository itself; only for names.
    async fn ask(&self, call: &Call) -> Result<Answer, Error> {
        call.run(&self.program, &Place::at(self.git_dir.clone())).await
    }
}

/// A temporary repository with the objects of `common` as its alternate.
async fn scratch(program: &Path, common: &Path, format: &str) -> Result<Objects, Error> {
    let io = |error| Error::io("cannot make", "a scratch folder")(error);
    let folder = TempDir::with_prefix("tidegate-").map_err(io)?;
    let call = Call::new("make a scratch repository", ["init", "--quiet", "--bare", "--template="])
        .arg(format!("--object-format={format}"))
        .arg(folder.path());
    call.succeed(program, &Place::nowhere()).await?;
    let info = folder.path().join("objects/info");
    tokio::fs::create_dir_all(&info).await.map_err(io)?;
    let alternate = format!("{}\n", common.join("objects").display());
    tokio::fs::write(info.join("alternates"), alternate).await.map_err(io)?;
    let shallow = common.join("shallow");
    if shallow.exists() {
        // Where history was cut off; without it the missing parents would be errors.
        tokio::fs::copy(&shallow, folder.path().join("shallow"))
            .await
            .map_err(Error::io("cannot read", &shallow))?;
    }
    let place = Place::at(folder.path().to_owned());
    let held = Held::Scratch { _folder: Arc::new(folder) };
    Ok(Objects { program: Arc::new(program.to_owned()), place, held })
}

/// `git@github.com:acme/shop.git`, `https://github.com/acme/shop`, `/srv/git/acme/shop.git`
fn guess(url: &str) -> Option<RepoName> {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let mut parts = url.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    format!("{owner}/{name}").parse().ok()
}

/// `github.com/acme/shop` for `git@github.com:Acme/shop.git` and `https://me@github.com/acme/shop/` alike: without protocol,
/// user and standard port. A path on this machine stays as it is, and a relative one is none.
fn place(url: &str) -> Option<String> {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        // As Git tells the short form of ssh from a path: by a colon before any slash.
        None => match url.split_once(':').filter(|(host, _)| !host.contains('/')) {
            Some(parts) => parts,
            None => return url.starts_with('/').then(|| url.to_owned()),
        },
    };
    let path = path.trim_start_matches('/');
    if host.is_empty() {
        return Some(format!("/{path}"));
    }
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = [":22", ":80", ":443"].into_iter().find_map(|port| host.strip_suffix(port)).unwrap_or(host);
    Some(format!("{host}/{path}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn an_origin_is_the_same_however_it_is_reached_and_no_other() {
        for url in [
            "git@github.com:acme/shop.git",
            "https://github.com/Acme/shop/",
            "https://me:token@github.com/acme/shop.git",
            "ssh://git@github.com:22/acme/shop",
        ] {
            assert_eq!(place(url).as_deref(), Some("github.com/acme/shop"), "{url}");
        }
        assert_ne!(place("https://gitlab.com/a/sub/app"), place("https://gitlab.com/b/sub/app"));
        assert_ne!(place("https://github.com/acme/shop"), place("https://gitlab.com/acme/shop"));
        assert_ne!(place("http://localhost:3000/acme/shop"), place("http://localhost:4000/acme/shop"));
        assert_eq!(place("file:///srv/git/Shop.git"), place("/srv/git/Shop"));
        for nothing in ["", "nonsense", "../shop"] {
            assert_eq!(place(nothing), None, "{nothing}");
        }
    }
}
