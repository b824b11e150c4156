//! Writing a commit without a work tree, and pushing it so that a race is seen.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::git::call::{Call, Reach};
use crate::git::error::Error;
use crate::git::mirror::Mirror;
use crate::git::objects::{Objects, sha};
use crate::model::fault::Fault;
use crate::model::id::{Branch, Sha};

/// What a commit changes against its parent, and what it says.
pub(super) struct Draft<'a> {
    /// The commit it follows; none: it begins a branch.
    pub parent: Option<&'a Sha>,
    /// Files to write, by path.
    pub files: BTreeMap<String, Sha>,
    /// Files to remove; those that are not there are no error.
    pub removed: Vec<String>,
    /// The message.
    pub message: String,
    /// Who makes it, as `(name, address)`.
    pub author: (&'a str, &'a str),
    /// When.
    pub now: Timestamp,
}

impl Objects {
    /// Stores contents as blobs, all in one run; the ids come in the order of the contents. `scratch` is a private folder.
    pub(super) async fn store(&self, contents: &[&[u8]], scratch: &Path) -> Result<Vec<Sha>, Error> {
        let doing = "store files";
        let mut paths = String::new();
        for (index, content) in contents.iter().enumerate() {
            let path = scratch.join(index.to_string());
            tokio::fs::write(&path, content).await.map_err(Error::io("cannot write", &path))?;
            paths.push_str(&path.to_string_lossy());
            paths.push('\n');
        }
        let call = Call::new(doing, ["hash-object", "-w", "--no-filters", "--stdin-paths"]).stdin(paths);
        let out = self.succeed(&call).await?;
        let shas: Vec<Sha> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| sha(doing, line))
            .collect::<Result<_, _>>()?;
        if shas.len() == contents.len() { Ok(shas) } else { Err(Error::odd(doing, &out)) }
    }

    /// Makes a commit of a draft, through an index in `scratch`.
    pub(super) async fn commit(&self, draft: &Draft<'_>, scratch: &Path) -> Result<Sha, Error> {
        let index = scratch.join("index");
        if let Some(parent) = draft.parent {
            let call = Call::new("read a tree", ["read-tree", parent.as_str()]).env("GIT_INDEX_FILE", &index);
            self.succeed(&call).await?;
        }
        let none = "0".repeat(40);
        let removed = draft.removed.iter().map(|path| format!("0 {none}\t{path}\0"));
        let written = draft.files.iter().map(|(path, blob)| format!("100644 {blob}\t{path}\0"));
        let lines: String = removed.chain(written).collect();
        let call = Call::new("write a tree", ["update-index", "-z", "--index-info"])
            .env("GIT_INDEX_FILE", &index)
            .stdin(lines);
        self.succeed(&call).await?;
        // Files that are not ours may not be here; their ids are all that a tree needs.
        let doing = "write a tree";
        let call = Call::new(doing, ["write-tree", "--missing-ok"]).env("GIT_INDEX_FILE", &index);
        let tree = sha(doing, &self.succeed(&call).await?)?;
        let doing = "make a commit";
        let date = format!("@{} +0000", draft.now.as_second());
        let mut call = Call::new(doing, ["commit-tree", tree.as_str(), "-F", "-"])
            .stdin(draft.message.clone())
            .env("GIT_AUTHOR_NAME", draft.author.0)
            .env("GIT_AUTHOR_EMAIL", draft.author.1)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", draft.author.0)
            .env("GIT_COMMITTER_EMAIL", draft.author.1)
            .env("GIT_COMMITTER_DATE", &date);
        if let Some(parent) = draft.parent {
            call = call.arg("-p").arg(parent.as_str());
        }
        sha(doing, &self.succeed(&call).await?)
    }

    /// The message of a commit.
    pub(super) async fn message(&self, commit: &Sha) -> Result<String, Error> {
        let call = Call::new("read a commit", ["cat-file", "commit", commit.as_str()]).most(1 << 20);
        let text = String::from_utf8_lossy(&self.succeed(&call).await?).into_owned();
        Ok(text.split_once("\n\n").map_or_else(String::new, |(_, message)| message.to_owned()))
    }
}

impl Mirror {
    /// Moves a branch of the host from `old` (none: it is not there) to `new`; if it is elsewhere by now: [`Error::Stale`].
    pub(super) async fn push(
        &self,
        token: &SecretString,
        branch: &Branch,
        old: Option<&Sha>,
        new: &Sha,
    ) -> Result<(), Error> {
        let doing = "push to the branch";
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", old.map_or("", Sha::as_str));
        let args = ["push", "--porcelain", "--no-verify", "--recurse-submodules=no"];
        let call = Call::new(doing, args)
            .arg(lease)
            .arg("origin")
            .arg(format!("{new}:refs/heads/{branch}"))
            .reaching(Reach::Origin);
        let answer = self.run(token, &call).await?;
        if answer.status == 0 {
            return Ok(());
        }
        let out = String::from_utf8_lossy(&answer.stdout);
        Err(match out.lines().find(|line| line.starts_with('!')) {
            Some(line) => rejected(doing, branch, line, &answer.said),
            // The token was taken for reading and is refused for writing: a permission is missing, not the token.
            None if answer.said.contains("returned error: 403") => Error::Forbidden {
                doing,
                said: format!(
                    "the App lacks the permission contents: write, or a rule forbids it: {}",
                    answer.said
                ),
            },
            None => Error::of(doing, answer.said),
        })
    }
}

/// `!\t<new>:<branch>\t[rejected] (stale info)`
fn rejected(doing: &'static str, branch: &Branch, line: &str, said: &str) -> Error {
    let raced = [
        "(stale info)",
        "(fetch first)",
        "(non-fast-forward)",
        "(already exists)",
        "cannot lock ref",
        "failed to lock",
        "incorrect old value",
        "reference already exists",
    ];
    if raced.iter().any(|sign| line.contains(sign) || said.contains(sign)) {
        return Error::Stale { what: format!("branch {branch}") };
    }
    if line.contains("directory file conflict") || said.contains("directory file conflict") {
        return Error::Author(Fault::new(format!(
            "branch {branch} cannot be made beside another branch's name"
        )));
    }
    let why = line.rsplit('\t').next().unwrap_or(line).to_owned();
    Error::Forbidden { doing, said: format!("{branch}: {why} {said}") }
}
