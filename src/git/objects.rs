//! Questions to a repository's objects, the same for a mirror and a local checkout.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::git::call::{Call, Place, Reach};
use crate::git::error::{Error, Lost};
use crate::model::id::Sha;

/// Most entries of one tree, folders below included.
const ENTRIES: usize = 500_000;
/// Longest path, in bytes.
const PATH: usize = 4_096;

/// The objects of one repository, and what a process needs to read them. Holds its place open: a mirror that is in use
/// is not swept, a local's temporary folder is not removed.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    pub(super) program: Arc<PathBuf>,
    pub(super) place: Place,
    /// What must stay while objects are read.
    pub(super) held: Held,
}

/// What must stay while objects are read.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// The folder that merge results of a local repository are written to.
    Scratch {
        /// Removed with the last one who holds it.
        _folder: Arc<TempDir>,
    },
    /// A mirror's slot, which is told when objects turn out to be damaged.
    Slot {
        /// What all users of the mirror share.
        slot: Arc<crate::git::mirror::Slot>,
        /// The mirror that is read, of those that were made in its place.
        incarnation: u64,
    },
}

/// What lies at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path from the tree's root.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// The blob's id; a submodule's commit.
    pub blob: Sha,
}

/// What lies at a path of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; the blob is where it leads.
    Symlink,
    /// Another repository's commit.
    Submodule,
    /// Something whose name is not UTF-8 (the path shows it as well as can be) or whose mode is unknown: never written.
    Foreign,
}

/// A commit in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Its id.
    pub sha: Sha,
    /// The first line of its message; anybody's text.
    pub subject: String,
}

impl Objects {
    /// Is this commit here? Nothing is fetched.
    #[allow(dead_code, reason = "a question that tests ask, and that a refusal will: what went along")]
    pub(crate) async fn has(&self, commit: &Sha) -> Result<bool, Error> {
        let call = Call::new("look for a commit", ["cat-file", "-e"]).arg(format!("{commit}^{{commit}}"));
        Ok(self.run(&call).await?.status == 0)
    }

    /// The tree of a commit.
    pub(crate) async fn tree_of(&self, commit: &Sha) -> Result<Sha, Error> {
        let doing = "find a commit's tree";
        let call = Call::new(doing, ["rev-parse", "--verify", "--quiet"]).arg(format!("{commit}^{{tree}}"));
        let answer = self.run(&call).await?;
        if answer.status != 0 {
            let said = format!("there is no commit {}", commit.short());
            return Err(Error::Gone { doing, lost: Lost::Object, said });
        }
        sha(doing, &answer.stdout)
    }

    /// Is `old` reachable from `new` (or the same)?
    pub(crate) async fn is_ancestor(&self, old: &Sha, new: &Sha) -> Result<bool, Error> {
        let doing = "compare two commits";
        let call = Call::new(doing, ["merge-base", "--is-ancestor", old.as_str(), new.as_str()]);
        let answer = self.run(&call).await?;
        match answer.status {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(self.failed(doing, answer.said)),
        }
    }

    /// The best common ancestor, if there is one.
    #[allow(dead_code, reason = "a question that tests ask, and that a refusal will: what went along")]
    pub(crate) async fn merge_base(&self, a: &Sha, b: &Sha) -> Result<Option<Sha>, Error> {
        let doing = "find where two commits parted";
        let call = Call::new(doing, ["merge-base", a.as_str(), b.as_str()]);
        let answer = self.run(&call).await?;
        match answer.status {
            0 => sha(doing, &answer.stdout).map(Some),
            1 => Ok(None),
            _ => Err(self.failed(doing, answer.said)),
        }
    }

    /// Commits that `to` has and `from` has not, newest first, at most `most`.
    #[allow(dead_code, reason = "a question that tests ask, and that a refusal will: what went along")]
    pub(crate) async fn log(&self, from: &Sha, to: &Sha, most: usize) -> Result<Vec<Logged>, Error> {
        self.touching(from, to, &[], most).await
    }

    /// The same of those that touched one of these files and folders; without any, of all.
    pub(crate) async fn touching(
        &self,
        from: &Sha,
        to: &Sha,
        paths: &[String],
        most: usize,
    ) -> Result<Vec<Logged>, Error> {
        let doing = "list commits";
        let args =
            ["--literal-pathspecs", "log", "-z", "--format=%H %s", "--no-color", "--no-show-signature"];
        let call =
            Call::new(doing, args).arg(format!("--max-count={most}")).arg(format!("{from}..{to}")).arg("--");
        let out = self.succeed(&paths.iter().fold(call, Call::arg)).await?;
        split(&out)
            .map(|line| {
                let text = String::from_utf8_lossy(line);
                let (sha, subject) = text.split_once(' ').unwrap_or((&text, ""));
                let sha = sha.parse().map_err(|_| Error::odd(doing, line))?;
                Ok(Logged { sha, subject: subject.to_owned() })
            })
            .collect()
    }

    /// Paths whose content differs between two trees, both sides of a rename among them. A name that is not UTF-8 is
    /// shown as well as can be.
    #[allow(dead_code, reason = "a question that tests ask, and that a refusal will: what went along")]
    pub(crate) async fn changed(&self, from: &Sha, to: &Sha) -> Result<Vec<String>, Error> {
        let args = ["diff-tree", "-r", "-z", "--no-renames", "--name-only"];
        let call = Call::new("compare two trees", args).arg(from.as_str()).arg(to.as_str());
        let out = self.succeed(&call).await?;
        Ok(split(&out).map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// All that lies in a tree or a commit's tree, folders below included, sorted as git sorts. More than 500,000
    /// entries, or a path of more than 4,096 bytes, is the author's fault.
    pub(crate) async fn list(&self, tree: &Sha) -> Result<Vec<Entry>, Error> {
        self.entries(tree, None).await
    }

    /// What lies at exactly this path.
    pub(crate) async fn entry(&self, tree: &Sha, path: &str) -> Result<Option<Entry>, Error> {
        if path.is_empty() || path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Ok(None);
        }
        let found = self.entries(tree, Some(path)).await?;
        Ok(found.into_iter().find(|entry| entry.path == path))
    }

    async fn entries(&self, tree: &Sha, path: Option<&str>) -> Result<Vec<Entry>, Error> {
        let doing = "list a tree";
        let mut call =
            Call::new(doing, ["ls-tree", "-r", "-z", "--full-tree"]).arg(tree.as_str()).most(256 << 20);
        if let Some(path) = path {
            call = call.arg("--").arg(path);
        }
        let out = self.succeed(&call).await?;
        let mut entries = Vec::new();
        for line in split(&out) {
            if entries.len() == ENTRIES {
                return Err(Error::Author(crate::model::fault::Fault::new(format!(
                    "the repository holds more than {ENTRIES} files"
                ))));
            }
            entries.push(read_entry(doing, line)?);
        }
        Ok(entries)
    }

    /// The content of a plain file, or none if there is none at this path. One of more than `most` bytes is the author's
    /// fault. Fetched from the host if it is not here.
    pub(crate) async fn read(&self, tree: &Sha, path: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let plain = |entry: &Entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable);
        let Some(entry) = self.entry(tree, path).await?.filter(plain) else { return Ok(None) };
        let limits = crate::git::materialise::Limits { files: 1, bytes: most, file: most };
        let mut files = self.contents(vec![entry], &limits).await?;
        Ok(files.remove(path))
    }

    pub(super) async fn run(&self, call: &Call) -> Result<crate::git::call::Answer, Error> {
        call.run(&self.program, &self.place).await
    }

    pub(super) async fn succeed(&self, call: &Call) -> Result<Vec<u8>, Error> {
        let result = call.succeed(&self.program, &self.place).await;
        result.inspect_err(|error| self.suspect(error))
    }

    /// What a status that is an error means; damage is remembered, so that the next fetch mends it.
    pub(super) fn failed(&self, doing: &'static str, said: String) -> Error {
        let error = Error::of(doing, said);
        self.suspect(&error);
        error
    }

    fn suspect(&self, error: &Error) {
        if let (Error::Corrupt { .. }, Held::Slot { slot, incarnation }) = (error, &self.held) {
            slot.suspect(*incarnation);
        }
    }

    /// How far a call may reach that may need blobs.
    pub(super) fn reach(&self) -> Reach {
        if self.place.origin.is_some() { Reach::Origin } else { Reach::Here }
    }
}

/// The parts of an answer that end in NUL.
pub(super) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}

/// An answer that is one object id.
pub(super) fn sha(doing: &'static str, answer: &[u8]) -> Result<Sha, Error> {
    let text = std::str::from_utf8(answer).unwrap_or_default().trim();
    text.parse().map_err(|_| Error::odd(doing, answer))
}

/// `100644 blob <id>\t<path>`
fn read_entry(doing: &'static str, line: &[u8]) -> Result<Entry, Error> {
    let odd = || Error::odd(doing, line);
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
    let (facts, path) = line.split_at(tab);
    let path = path.get(1..).ok_or_else(odd)?;
    if path.len() > PATH {
        let begin = String::from_utf8_lossy(path).chars().take(80).collect::<String>();
        return Err(Error::Author(crate::model::fault::Fault::new(format!(
            "a path is longer than {PATH} bytes: {begin}…"
        ))));
    }
    let facts = std::str::from_utf8(facts).map_err(|_| odd())?;
    let mut facts = facts.split(' ');
    let (mode, _type, blob) = (facts.next(), facts.next(), facts.next());
    let blob = blob.and_then(|blob| blob.parse().ok()).ok_or_else(odd)?;
    let kind = match mode {
        Some("100644" | "100664") => EntryKind::File,
        Some("100755") => EntryKind::Executable,
        Some("120000") => EntryKind::Symlink,
        Some("160000") => EntryKind::Submodule,
        _ => EntryKind::Foreign,
    };
    if let Ok(path) = std::str::from_utf8(path) {
        return Ok(Entry { path: path.to_owned(), kind, blob });
    }
    Ok(Entry { path: String::from_utf8_lossy(path).into_owned(), kind: EntryKind::Foreign, blob })
}
