//! A repository on this machine is read and never written, and nothing that it configures runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{git, program};
use crate::git::{Kind, Local, Merge, Origin, Tidiness};

/// A checkout with a conflict-free topic branch.
async fn checkout() -> tempfile::TempDir {
    let dir = tempfile::TempDir::new().unwrap();
    let at = dir.path();
    git(at, &["init", "-q", "--initial-branch=main"]).await;
    write(at, "apps/web.yaml", "a: 1\n");
    commit(at).await;
    git(at, &["checkout", "-q", "-b", "topic"]).await;
    write(at, "apps/new.yaml", "b: 1\n");
    commit(at).await;
    git(at, &["checkout", "-q", "main"]).await;
    write(at, "apps/main.yaml", "c: 1\n");
    commit(at).await;
    dir
}

fn write(at: &Path, path: &str, text: &str) {
    std::fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
    std::fs::write(at.join(path), text).unwrap();
}

async fn commit(at: &Path) {
    git(at, &["add", "-A"]).await;
    git(at, &["commit", "-q", "-m", "a change"]).await;
}

/// Every file with its bytes and time of change.
fn state(at: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let (mut found, mut open) = (Vec::new(), vec![at.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                let changed = entry.metadata().unwrap().modified().unwrap();
                found.push((entry.path(), std::fs::read(entry.path()).unwrap(), changed));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_checkout_is_merged_and_read_without_being_written() {
    let dir = checkout().await;
    write(dir.path(), "apps/web.yaml", "a: 2\n");
    let before = state(dir.path());
    let local = Local::open(&program(), &dir.path().join("apps")).await.unwrap();
    assert_eq!(local.tidiness().await.unwrap(), Tidiness::Dirty);
    let (base, head) = (local.resolve("main").await.unwrap(), local.resolve("topic").await.unwrap());
    assert_eq!(local.resolve("HEAD").await.unwrap(), base);
    let Merge::Clean { tree } = local.objects().merge(&base, &head).await.unwrap() else {
        panic!("it is clean")
    };
    let into = tempfile::TempDir::new().unwrap();
    let objects = local.objects();
    let limits = crate::git::materialise::Limits::default();
    let done = objects.materialise(&tree, into.path(), &|_| true, &limits).await.unwrap();
    assert_eq!(done.files, 3);
    assert_eq!(std::fs::read(into.path().join("apps/web.yaml")).unwrap(), b"a: 1\n", "what is committed");
    assert_eq!(state(dir.path()), before);
}

#[tokio::test]
async fn defaults_are_found() {
    let dir = checkout().await;
    let at = dir.path();
    let local = Local::open(&program(), at).await.unwrap();
    let main = local.resolve("main").await.unwrap();
    assert_eq!(local.default_branch().await.unwrap(), Some("main".parse().unwrap()));
    assert_eq!(local.base(&"main".parse().unwrap()).await.unwrap(), main);
    assert_eq!(local.origin().await.unwrap(), Origin::default());
    assert_eq!(local.tidiness().await.unwrap(), Tidiness::Clean);

    let old = local.resolve("main~1").await.unwrap();
    for (url, name) in [
        ("git@github.com:acme/shop.git", Some("acme/shop")),
        ("https://github.com/acme/shop/", Some("acme/shop")),
        ("nonsense", None),
    ] {
        git(at, &["config", "remote.origin.url", url]).await;
        let origin = local.origin().await.unwrap();
        assert_eq!(origin.name.map(|name| name.to_string()).as_deref(), name);
        assert_eq!(origin.place.as_deref(), name.map(|_| "github.com/acme/shop"));
    }
    git(at, &["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]).await;
    git(at, &["update-ref", "refs/remotes/origin/main", old.as_str()]).await;
    git(at, &["config", "branch.main.remote", "origin"]).await;
    git(at, &["config", "branch.main.merge", "refs/heads/main"]).await;
    assert_eq!(local.base(&"main".parse().unwrap()).await.unwrap(), old, "the upstream comes first");
    git(at, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]).await;
    assert_eq!(local.default_branch().await.unwrap(), Some("trunk".parse().unwrap()));
    let missing = local.base(&"trunk".parse().unwrap()).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::Author);
}

#[tokio::test]
async fn bare_linked_and_shallow_repositories_work() {
    let dir = checkout().await;
    let other = tempfile::TempDir::new().unwrap();
    let from = format!("file://{}", dir.path().display());
    git(other.path(), &["clone", "-q", "--bare", &from, "bare.git"]).await;
    git(other.path(), &["clone", "-q", "--depth=1", "--branch=topic", &from, "shallow"]).await;
    git(dir.path(), &["worktree", "add", "-q", other.path().join("linked").to_str().unwrap(), "topic"]).await;
    for name in ["bare.git", "shallow", "linked"] {
        let local = Local::open(&program(), &other.path().join(name)).await.unwrap();
        let head = local.resolve("HEAD").await.unwrap();
        assert!(!local.objects().list(&head).await.unwrap().is_empty(), "{name}");
        assert_eq!(local.objects().merge_base(&head, &head).await.unwrap(), Some(head), "{name}");
        assert_eq!(local.tidiness().await.unwrap(), Tidiness::Clean, "{name}");
    }
}

#[tokio::test]
async fn nothing_that_a_repository_configures_runs() {
    let dir = checkout().await;
    let at = dir.path();
    // Both sides change one file, so that a merge driver is asked.
    let lines = |first: &str, last: &str| format!("{first}\n1\n2\n3\n4\n5\n{last}\n");
    for (branch, text) in [("main", lines("a", "z")), ("topic", lines("a", "z"))] {
        git(at, &["checkout", "-q", branch]).await;
        write(at, "apps/both.yaml", &text);
        commit(at).await;
    }
    git(at, &["merge", "-q", "-m", "x", "main"]).await;
    write(at, "apps/both.yaml", &lines("A", "z"));
    commit(at).await;
    git(at, &["checkout", "-q", "main"]).await;
    write(at, "apps/both.yaml", &lines("a", "Z"));
    commit(at).await;
    let trace = at.join("ran");
    let evil = at.join("evil.sh");
    std::fs::write(&evil, format!("#!/bin/sh\necho \"$0 $*\" >> {}\n", trace.display())).unwrap();
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let evil = evil.to_str().unwrap();
    write(at, ".gitattributes", "*.yaml merge=evil filter=evil diff=evil\n");
    write(at, ".git/info/attributes", "*.yaml merge=evil filter=evil diff=evil\n");
    for key in ["core.fsmonitor", "merge.evil.driver", "diff.evil.textconv", "diff.external", "core.pager"] {
        git(at, &["config", key, evil]).await;
    }
    git(at, &["config", "remote.origin.url", &format!("ext::{evil}")]).await;
    git(at, &["config", "protocol.allow", "always"]).await;
    git(at, &["config", "remote.origin.promisor", "true"]).await;
    // The control: a git that heeds the settings does run the driver.
    git(at, &["merge-tree", "--write-tree", "main", "topic"]).await;
    std::fs::remove_file(&trace).unwrap();

    let web = git(at, &["rev-parse", "topic:apps/new.yaml"]).await;
    let local = Local::open(&program(), at).await.unwrap();
    let (base, head) = (local.resolve("main").await.unwrap(), local.resolve("topic").await.unwrap());
    local.objects().merge(&base, &head).await.unwrap();
    // An object that is missing would be fetched, from a program.
    let file = at.join(".git/objects").join(&web[..2]).join(&web[2..]);
    std::fs::remove_file(file).unwrap();
    assert!(local.objects().read(&head, "apps/new.yaml", 100).await.is_err());
    assert!(local.resolve("0123456789abcdef0123456789abcdef01234567").await.is_err());
    assert!(!trace.exists(), "{}", std::fs::read_to_string(&trace).unwrap());
}

#[tokio::test]
async fn words_for_commits_are_never_options() {
    let dir = checkout().await;
    let local = Local::open(&program(), dir.path()).await.unwrap();
    for odd in ["--help", "-x", "", "nothing", "main:apps", "a\nb", "\0"] {
        assert_eq!(local.resolve(odd).await.unwrap_err().kind(), Kind::Author, "{odd:?}");
    }
    let empty = tempfile::TempDir::new().unwrap();
    let error = Local::open(&program(), empty.path()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Author);
    assert!(error.to_string().contains("not in a Git repository"), "{error}");
    assert!(Local::open(&program(), &empty.path().join("none")).await.is_err());
}
