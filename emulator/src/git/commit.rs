//! Making commits without a work tree: new files, merges, squashes and rebases.

use super::Git;
use crate::error::Error;
use jiff::Timestamp;
use std::fmt::Write;

/// Who makes a commit, when and with which words.
#[derive(Clone, Debug)]
pub(crate) struct NewCommit<'a> {
    pub(crate) author: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) message: &'a str,
}

impl NewCommit<'_> {
    /// `Name <address> seconds zone`, free of the characters that would end a field.
    fn person(&self) -> String {
        let name: String = self.author.chars().filter(|c| !"<>\n\0".contains(*c)).collect();
        format!("{name} <{}> {} +0000", address(&name), self.at.as_second())
    }
}

/// The address GitHub gives someone who hides the own one.
pub(crate) fn address(login: &str) -> String {
    format!("{login}@users.noreply.github.com")
}

impl Git {
    /// Commits files on top of a parent (or as a first commit) and points the branch at it; `None` removes a file.
    pub(crate) fn commit(
        &self,
        (branch, parent): (&str, Option<&str>),
        commit: &NewCommit<'_>,
        files: &[(&str, Option<&[u8]>)],
    ) -> Result<String, Error> {
        let reference = format!("refs/heads/{branch}");
        let mut stream = Vec::new();
        let person = commit.person();
        let mut head = format!("commit {reference}\nmark :1\nauthor {person}\ncommitter {person}\n");
        write!(head, "data {}\n{}\n", commit.message.len(), commit.message).ok();
        if let Some(parent) = parent {
            writeln!(head, "from {parent}").ok();
        }
        stream.extend_from_slice(head.as_bytes());
        for (path, content) in files {
            match content {
                Some(content) => {
                    let line = format!("M 100644 inline {}\ndata {}\n", quoted(path), content.len());
                    stream.extend_from_slice(line.as_bytes());
                    stream.extend_from_slice(content);
                    stream.push(b'\n');
                }
                None => stream.extend_from_slice(format!("D {}\n", quoted(path)).as_bytes()),
            }
        }
        stream.extend_from_slice(b"\nget-mark :1\ndone\n");
        let output = self.output(&["fast-import", "--quiet", "--force", "--done"], Some(&stream))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The tree of merging two commits, or none when they conflict.
    pub(crate) fn merge_tree(&self, ours: &str, theirs: &str) -> Result<Option<String>, Error> {
        let output = self.attempt(&["merge-tree", "--write-tree", ours, theirs])?;
        let text = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0) => Ok(Some(text.lines().next().unwrap_or_default().to_owned())),
            Some(1) => Ok(None),
            _ => Err(super::fault("merge-tree", String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }

    /// Writes a commit object over a tree; no reference moves.
    pub(crate) fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        commit: &NewCommit<'_>,
    ) -> Result<String, Error> {
        let person = commit.person();
        let mut object = format!("tree {tree}\n");
        for parent in parents {
            writeln!(object, "parent {parent}").ok();
        }
        write!(object, "author {person}\ncommitter {person}\n\n{}\n", commit.message).ok();
        let output =
            self.output(&["hash-object", "-t", "commit", "-w", "--stdin"], Some(object.as_bytes()))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Replays the commits of `base..head` on top of `onto`; none when one of them conflicts.
    ///
    /// `merge-tree` takes no merge base here, so each commit is merged with a stand-in that has the tree of
    /// the new parent but the parent of the old one: their merge base is then the old parent.
    pub(crate) fn rebase(
        &self,
        onto: &str,
        head: &str,
        committer: &NewCommit<'_>,
    ) -> Result<Option<String>, Error> {
        let mut tip = onto.to_owned();
        let list = self.run(&["rev-list", "--reverse", "--no-merges", &format!("{onto}..{head}")])?;
        for sha in list.lines() {
            let original = self.show(sha)?;
            let parents: Vec<&str> = original.parents.iter().map(String::as_str).collect();
            let tip_tree = self.run(&["rev-parse", &format!("{tip}^{{tree}}")])?;
            let stand_in = self.commit_tree(&tip_tree, &parents, committer)?;
            let Some(tree) = self.merge_tree(&stand_in, sha)? else { return Ok(None) };
            let copy = NewCommit { author: &original.author, at: committer.at, message: &original.message };
            tip = self.commit_tree(&tree, &[&tip], &copy)?;
        }
        Ok(Some(tip))
    }
}

/// A path as fast-import reads it: quoted when it could be misread.
fn quoted(path: &str) -> String {
    if !path.contains(['"', '\\', '\n']) {
        return path.to_owned();
    }
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
