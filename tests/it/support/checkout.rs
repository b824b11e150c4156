//! A plain local repository, without GitHub and without a cluster.

use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::fixture;
use crate::support::program::Ran;
use crate::support::program::command;
use crate::support::program::run;
use crate::support::program::tidegate;

/// A checkout with a work tree, its branch `main`.
pub(crate) struct Checkout {
    folder: TempDir,
}

impl Checkout {
    /// Commits a fixture to `main`.
    pub(crate) fn of(name: &str) -> Self {
        let checkout = Self::empty();
        let files = fixture::files(name, fixture::NAMES);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        checkout.commit(&files);
        checkout
    }

    /// One without any commit.
    pub(crate) fn empty() -> Self {
        let checkout = Self { folder: TempDir::with_prefix("tidegate-it-").unwrap() };
        std::fs::create_dir(checkout.path()).unwrap();
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout
    }

    /// The work tree.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// A folder beside the work tree, for what must not lie in it.
    pub(crate) fn beside(&self) -> &Path {
        self.folder.path()
    }

    /// Writes, removes and commits files; gives the commit.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)]) -> String {
        for (path, text) in files {
            let file = self.path().join(path);
            match text {
                None => std::fs::remove_file(file).unwrap(),
                Some(text) => {
                    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                    std::fs::write(file, text).unwrap();
                }
            }
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=Work on it"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Goes to a new branch.
    pub(crate) fn branch(&self, name: &str) {
        self.git(&["switch", "--quiet", "--create", name]);
    }

    /// Git in the work tree; its output without the last newline.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = command("git");
        git.current_dir(self.path()).args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        run(git.args(arguments)).ended(0).out.trim_end().to_owned()
    }

    /// `tidegate ARGUMENTS` in the work tree, by somebody who keeps what must outlive a run beside it.
    pub(crate) fn tidegate(&self, arguments: &[&str]) -> Ran {
        let state = self.beside().join("state");
        run(tidegate().env("XDG_STATE_HOME", state).current_dir(self.path()).args(arguments))
    }
}
