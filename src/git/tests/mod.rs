//! Tests of the Git room with real repositories: over `file://` for most, over HTTP where the host's answers matter.

mod branch;
mod host;
mod local;
mod materialise;
mod merge;
mod mirror;

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tempfile::TempDir;

use crate::git::{Git, Mirror};
use crate::model::id::{InstallationId, Repo, RepoId, Sha};
use crate::process::{self, Program};

/// The git of this machine.
fn program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its programs as the shell does")]
    let path = std::env::var_os("PATH");
    process::find("git", None, path.as_deref()).expect("git must be installed")
}

/// Runs git in a folder with an identity, and gives what it wrote.
async fn git_with(dir: &Path, args: &[&str], stdin: &[u8]) -> String {
    let mut run = Program::new(program(), dir, args.iter().copied()).stdin(stdin);
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
    ] {
        run = run.env(name, value);
    }
    let out = process::run(&run).await.unwrap();
    assert!(out.success(), "git {args:?}: {}", out.message());
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

async fn git(dir: &Path, args: &[&str]) -> String {
    git_with(dir, args, b"").await
}

/// A bare repository as a host has it, and how to add to it.
struct Upstream {
    root: TempDir,
    name: String,
}

impl Upstream {
    /// An empty repository `acme/shop`.
    async fn new() -> Self {
        let upstream = Self { root: TempDir::new().unwrap(), name: "acme/shop".to_owned() };
        let dir = upstream.dir();
        std::fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "-q", "--bare", "--initial-branch=main"]).await;
        for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant", "http.receivepack"] {
            git(&dir, &["config", key, "true"]).await;
        }
        upstream
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(format!("{}.git", self.name))
    }

    fn url(&self) -> String {
        format!("file://{}", self.root.path().display())
    }

    fn rename(&mut self, name: &str) {
        let old = self.dir();
        name.clone_into(&mut self.name);
        std::fs::create_dir_all(self.dir().parent().unwrap()).unwrap();
        std::fs::rename(old, self.dir()).unwrap();
    }

    /// Commits files onto a branch, beginning it if it is not there: `(path, content)`, no content removes.
    async fn commit(&self, branch: &str, files: &[(&str, Option<&str>)]) -> Sha {
        let dir = self.dir();
        let reference = format!("refs/heads/{branch}");
        let tip = git(&dir, &["for-each-ref", "--format=%(objectname)", &reference]).await;
        let index = self.root.path().join("index");
        drop(std::fs::remove_file(&index));
        let mut lines = Vec::new();
        for (path, content) in files {
            lines.push(match content {
                Some(content) => {
                    let blob = git_with(&dir, &["hash-object", "-w", "--stdin"], content.as_bytes()).await;
                    format!("100644 {blob}\t{path}\n")
                }
                None => format!("0 {}\t{path}\n", "0".repeat(40)),
            });
        }
        let mut entries = String::new();
        if !tip.is_empty() {
            entries = git(&dir, &["ls-tree", "-r", &tip]).await.replace(" blob ", " ") + "\n";
        }
        let tree = self.tree(&(entries + &lines.concat())).await;
        let mut args = vec!["commit-tree", &tree, "-m", "a change"];
        if !tip.is_empty() {
            args.extend(["-p", &tip]);
        }
        let commit = git(&dir, &args).await;
        git(&dir, &["update-ref", &reference, &commit]).await;
        commit.parse().unwrap()
    }

    /// A tree of index lines.
    async fn tree(&self, lines: &str) -> String {
        let index = self.root.path().join("index");
        drop(std::fs::remove_file(&index));
        let env = |run: Program| run.env("GIT_INDEX_FILE", &index);
        let add = Program::new(program(), self.dir(), ["update-index", "--add", "--index-info"]).stdin(lines);
        let added = process::run(&env(add)).await.unwrap();
        assert!(added.success(), "{}", added.message());
        let written = process::run(&env(Program::new(program(), self.dir(), ["write-tree"]))).await.unwrap();
        assert!(written.success(), "{}", written.message());
        String::from_utf8(written.stdout).unwrap().trim().to_owned()
    }

    /// The files of a branch.
    async fn files(&self, branch: &str) -> Vec<String> {
        let listed = git(&self.dir(), &["ls-tree", "-r", "--name-only", branch]).await;
        listed.lines().map(str::to_owned).collect()
    }
}

fn token() -> SecretString {
    SecretString::from("ghs_1_eyJhbGciOi.JSUzI1NiJ9.c2VjcmV0LXRva2Vu")
}

fn repo(name: &str) -> Repo {
    Repo { installation: InstallationId(1), id: RepoId(42), name: name.parse().unwrap() }
}

/// A mirror of `acme/shop` with a cache of its own.
async fn mirror_of(host: &str) -> (Git, Mirror, TempDir) {
    let cache = TempDir::new().unwrap();
    let git = Git::open(program(), cache.path().join("cache"), host.to_owned()).await.unwrap();
    let mirror = git.mirror(&repo("acme/shop"));
    (git, mirror, cache)
}
