//! Reading commits, trees and differences.

use super::Git;
use crate::error::Error;

/// A commit's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: String,
    pub(crate) author_email: String,
    /// RFC 3339, as GitHub writes it.
    pub(crate) at: String,
    pub(crate) message: String,
}

/// How one file differs between two commits.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// `added`, `removed`, `modified`, `renamed` …
    pub(crate) status: &'static str,
    pub(crate) path: String,
    pub(crate) previous: Option<String>,
    /// The blob after the change (before it, for a removal).
    pub(crate) blob: String,
    pub(crate) additions: u64,
    pub(crate) deletions: u64,
    /// The hunks; none for binary files.
    pub(crate) patch: Option<String>,
}

/// One entry of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: &'static str,
    pub(crate) sha: String,
    pub(crate) size: u64,
    pub(crate) path: String,
}

impl Git {
    /// The commit a name stands for; none when there is none.
    pub(crate) fn resolve(&self, name: &str) -> Result<Option<String>, Error> {
        if name.starts_with('-') {
            return Ok(None);
        }
        let output = self.attempt(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{name}^{{commit}}"),
        ])?;
        let sha = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !sha.is_empty()).then_some(sha))
    }

    /// Each reference with the object it points at.
    pub(crate) fn refs(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let list = self.run(&["for-each-ref", "--format=%(refname) %(objectname)", prefix])?;
        let pair = |line: &str| line.split_once(' ').map(|(name, sha)| (name.to_owned(), sha.to_owned()));
        Ok(list.lines().filter_map(pair).collect())
    }

    pub(crate) fn show(&self, sha: &str) -> Result<Commit, Error> {
        Ok(self.log(&["--max-count=1", "--end-of-options", sha])?.remove(0))
    }

    /// Commits of a range, newest first; never empty when the arguments name a commit.
    pub(crate) fn log(&self, range: &[&str]) -> Result<Vec<Commit>, Error> {
        let format = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%ct%x00%B%x00%x1e%x00";
        let text = self.run(&[&["log", format], range].concat())?;
        let commits: Vec<Commit> = text.split("\0\u{1e}\0").filter_map(parsed).collect();
        if commits.is_empty() && range.contains(&"--max-count=1") {
            return Err(super::fault("log", format!("no commit in {range:?}")));
        }
        Ok(commits)
    }

    pub(crate) fn merge_base(&self, one: &str, two: &str) -> Result<Option<String>, Error> {
        let output = self.attempt(&["merge-base", one, two])?;
        let sha = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(output.status.success().then_some(sha))
    }

    pub(crate) fn count(&self, range: &str) -> Result<u64, Error> {
        Ok(self.run(&["rev-list", "--count", range])?.parse().unwrap_or(0))
    }

    pub(crate) fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, Error> {
        Ok(self.attempt(&["merge-base", "--is-ancestor", old, new])?.status.success())
    }

    /// The content of a file at a commit.
    pub(crate) fn file(&self, sha: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let output = self.attempt(&["cat-file", "blob", &format!("{sha}:{path}")])?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// The entries of a folder at a commit; none when there is no such folder.
    pub(crate) fn entries(&self, sha: &str, path: &str) -> Result<Option<Vec<Entry>>, Error> {
        let tree = if path.is_empty() { sha.to_owned() } else { format!("{sha}:{path}") };
        let output = self.attempt(&["ls-tree", "-z", "--long", &tree])?;
        if !output.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(Some(text.split('\0').filter_map(|line| entry(line, path)).collect()))
    }

    /// What changed from one commit to another, file by file, with the hunks.
    pub(crate) fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, Error> {
        let mut changes = self.touched(from, to)?;
        for change in &mut changes {
            self.fill(from, to, change)?;
        }
        Ok(changes)
    }

    /// How many files, added and removed lines are between two commits.
    pub(crate) fn extent(&self, from: &str, to: &str) -> Result<(u64, u64, u64), Error> {
        let text = self.run(&["diff", "--numstat", "--find-renames", from, to])?;
        let mut sums = (0, 0, 0);
        for line in text.lines() {
            let mut words = line.split('\t').map(|word| word.parse::<u64>().unwrap_or(0));
            sums.0 += 1;
            sums.1 += words.next().unwrap_or(0);
            sums.2 += words.next().unwrap_or(0);
        }
        Ok(sums)
    }

    /// Which files changed and how, without looking into them.
    pub(crate) fn touched(&self, from: &str, to: &str) -> Result<Vec<Change>, Error> {
        let raw = self.run(&["diff", "--raw", "-z", "--no-abbrev", "--find-renames", from, to])?;
        let mut fields = raw.split('\0').filter(|field| !field.is_empty());
        let mut changes = Vec::new();
        while let Some(head) = fields.next() {
            let words: Vec<&str> = head.split(' ').collect();
            let &[_, _, old, new, letter] = words.as_slice() else { break };
            let first = fields.next().unwrap_or_default().to_owned();
            let moved = letter.starts_with('R') || letter.starts_with('C');
            let (path, previous) = if moved {
                (fields.next().unwrap_or_default().to_owned(), Some(first))
            } else {
                (first, None)
            };
            let blob = if letter == "D" { old } else { new }.to_owned();
            let status = status(letter);
            changes.push(Change { status, path, previous, blob, additions: 0, deletions: 0, patch: None });
        }
        Ok(changes)
    }

    fn fill(&self, from: &str, to: &str, change: &mut Change) -> Result<(), Error> {
        let mut args = vec!["diff", "--find-renames", from, to, "--", &change.path];
        args.extend(change.previous.as_deref());
        let text = self.run(&args)?;
        change.patch = text.find("\n@@").map(|at| text[at + 1..].to_owned());
        let hunks = change.patch.as_deref().unwrap_or_default();
        let lines = |sign: char| hunks.lines().filter(|line| line.starts_with(sign)).count() as u64;
        (change.additions, change.deletions) = (lines('+'), lines('-'));
        Ok(())
    }
}

fn parsed(record: &str) -> Option<Commit> {
    let record = record.trim_start_matches('\n');
    let mut fields = record.splitn(7, '\0');
    let mut next = || fields.next().map(ToOwned::to_owned);
    let (sha, tree, parents) = (next()?, next()?, next()?);
    let (author, author_email, seconds) = (next()?, next()?, next()?);
    let at = jiff::Timestamp::from_second(seconds.parse().ok()?).ok()?;
    Some(Commit {
        sha,
        tree,
        parents: parents.split_whitespace().map(ToOwned::to_owned).collect(),
        author,
        author_email,
        at: crate::clock::written(at),
        message: next()?.trim_end_matches('\n').to_owned(),
    })
}

fn entry(line: &str, folder: &str) -> Option<Entry> {
    let (head, name) = line.split_once('\t')?;
    let mut words = head.split_whitespace();
    let (mode, kind, sha, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let kind = match (mode, kind) {
        ("120000", _) => "symlink",
        (_, "tree") => "dir",
        (_, "commit") => "submodule",
        _ => "file",
    };
    let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    Some(Entry { kind, sha: sha.to_owned(), size: size.parse().unwrap_or(0), path })
}

fn status(letter: &str) -> &'static str {
    match letter.chars().next() {
        Some('A') => "added",
        Some('D') => "removed",
        Some('R') => "renamed",
        Some('C') => "copied",
        Some('T') => "changed",
        _ => "modified",
    }
}
