//! What merging two commits gives, without a work tree.

use crate::git::call::Call;
use crate::git::error::Error;
use crate::git::objects::{Objects, sha, split};
use crate::model::fault::Fault;
use crate::model::id::Sha;

/// Most conflicting files that are named.
const NAMED: usize = 100;

/// What merging gives. A conflict is a result, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merge {
    /// This tree.
    Clean {
        /// The merged tree.
        tree: Sha,
    },
    /// People must decide.
    Conflict {
        /// The files that conflict, at most 100.
        files: Vec<String>,
    },
}

impl Objects {
    /// Merges `head` into `base`. The trees that this makes go to the mirror, or to a local's temporary folder; blobs that
    /// it needs are fetched. Histories without a common commit are the author's fault.
    pub(crate) async fn merge(&self, base: &Sha, head: &Sha) -> Result<Merge, Error> {
        let doing = "merge two commits";
        let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
        let call = Call::new(doing, args).arg(base.as_str()).arg(head.as_str()).reaching(self.reach());
        let answer = self.run(&call).await?;
        let mut parts = split(&answer.stdout);
        match (answer.status, parts.next()) {
            (0, Some(tree)) => Ok(Merge::Clean { tree: sha(doing, tree)? }),
            (1, Some(_)) => {
                let mut files: Vec<_> =
                    parts.map(|path| String::from_utf8_lossy(path).into_owned()).collect();
                files.dedup();
                files.truncate(NAMED);
                Ok(Merge::Conflict { files })
            }
            _ if answer.said.contains("unrelated histories") => Err(Error::Author(
                Fault::new(format!("{} and {} have no commit in common", base.short(), head.short()))
                    .hint("start the branch from the one it is to be merged into"),
            )),
            _ => Err(self.failed(doing, answer.said)),
        }
    }
}
