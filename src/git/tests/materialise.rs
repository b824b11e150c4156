//! Writing trees out, hostile ones above all.

use std::path::Path;

use super::{Upstream, git, git_with, mirror_of, token};
use crate::git::materialise::{Limits, Materialised, danger};
use crate::git::objects::EntryKind;
use crate::git::{Error, Kind, Objects, Want};
use crate::model::id::Sha;

/// Puts a tree into a commit on main and gives a mirror's objects.
async fn mirrored(upstream: &Upstream, tree: &str) -> (Objects, Sha, tempfile::TempDir) {
    let commit = git(&upstream.dir(), &["commit-tree", tree, "-m", "x"]).await;
    git(&upstream.dir(), &["update-ref", "refs/heads/main", &commit]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[Want::Branch("main".parse().unwrap())]).await.unwrap();
    (mirror.objects(Some(&token())), commit.parse().unwrap(), cache)
}

async fn blob(upstream: &Upstream, content: &[u8]) -> String {
    git_with(&upstream.dir(), &["hash-object", "-w", "--stdin"], content).await
}

/// A tree made by hand: anything may be in it.
async fn tree(upstream: &Upstream, entries: &[(&str, &str, &str)]) -> String {
    let lines: Vec<_> = entries
        .iter()
        .map(|(mode, id, name)| {
            let kind = match *mode {
                "040000" => "tree",
                "160000" => "commit",
                _ => "blob",
            };
            format!("{mode} {kind} {id}\t{name}\0")
        })
        .collect();
    git_with(&upstream.dir(), &["mktree", "-z", "--missing"], lines.concat().as_bytes()).await
}

async fn write(objects: &Objects, commit: &Sha, into: &Path) -> Result<Materialised, Error> {
    objects.materialise(commit, into, &|_| true, &Limits::default()).await
}

#[tokio::test]
async fn files_are_written_as_they_are_in_git_and_the_rest_is_told() {
    let upstream = Upstream::new().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let (binary, empty) = (blob(&upstream, &bytes).await, blob(&upstream, b"").await);
    let attributes = blob(&upstream, b"* text eol=crlf filter=evil\n").await;
    let pointer =
        blob(&upstream, b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n").await;
    let large = blob(&upstream, "l\n".repeat(5 << 20).as_bytes()).await;
    let inside = blob(&upstream, b"../bin").await;
    let sub = tree(&upstream, &[("100644", &binary, "deep"), ("120000", &inside, "link")]).await;
    let root = tree(
        &upstream,
        &[
            ("100644", &attributes, ".gitattributes"),
            ("100755", &binary, "bin"),
            ("100644", &binary, "copy"),
            ("100644", &empty, "empty"),
            ("100644", &large, "large"),
            ("100644", &pointer, "model.bin"),
            ("160000", "0123456789abcdef0123456789abcdef01234567", "module"),
            ("040000", &sub, "sub dir\nwith newline"),
        ],
    )
    .await;
    let (objects, commit, _cache) = mirrored(&upstream, &root).await;
    let into = tempfile::TempDir::new().unwrap();
    let done = write(&objects, &commit, into.path()).await.unwrap();
    let read = |path: &str| std::fs::read(into.path().join(path)).unwrap();
    assert_eq!((read("bin"), read("copy"), read("empty")), (bytes.clone(), bytes.clone(), Vec::new()));
    assert_eq!(read("sub dir\nwith newline/deep"), bytes);
    assert_eq!(read("sub dir\nwith newline/link"), bytes, "the link leads to a file of the tree");
    assert_eq!(read("large").len(), 10 << 20);
    assert_eq!((done.files, done.submodules.as_slice()), (8, ["module".to_owned()].as_slice()));
    assert_eq!((done.pointers.as_slice(), done.links.len()), (["model.bin".to_owned()].as_slice(), 0));

    let some = tempfile::TempDir::new().unwrap();
    let keep = |path: &str| path.starts_with("sub");
    let done = objects.materialise(&commit, some.path(), &keep, &Limits::default()).await.unwrap();
    assert_eq!(done.files, 2);
    assert!(!some.path().join("bin").exists());
    let kinds: Vec<_> = objects.list(&commit).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&EntryKind::Submodule) && kinds.contains(&EntryKind::Executable));
}

#[tokio::test]
async fn only_what_is_kept_is_fetched_and_in_one_request() {
    let upstream = Upstream::new().await;
    let files: Vec<_> =
        (0..50).map(|number| (format!("apps/{number}.yaml"), format!("n: {number}\n"))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = upstream.commit("main", &files).await;
    upstream.commit("main", &[("other", Some("not wanted"))]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[Want::Branch("main".parse().unwrap())]).await.unwrap();
    let packs = || {
        let dir = cache.path().join("cache/42.git/objects/pack");
        let all = std::fs::read_dir(dir).unwrap();
        all.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "pack")).count()
    };
    let before = packs();
    let into = tempfile::TempDir::new().unwrap();
    let objects = mirror.objects(Some(&token()));
    let keep = |path: &str| path.starts_with("apps/");
    let done = objects.materialise(&commit, into.path(), &keep, &Limits::default()).await.unwrap();
    assert_eq!((done.files, packs()), (50, before + 1));
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_the_authors_fault_and_write_nothing() {
    for name in
        ["..", ".", ".git", ".GIT", ".git ", ".git.", "GIT~1", ".g\u{200c}it", ".git::$INDEX_ALLOCATION"]
    {
        let upstream = Upstream::new().await;
        let evil = blob(&upstream, b"evil").await;
        let below = tree(&upstream, &[("100644", &evil, "config")]).await;
        let root = tree(&upstream, &[("040000", &below, name)]).await;
        let (objects, commit, _cache) = mirrored(&upstream, &root).await;
        let outer = tempfile::TempDir::new().unwrap();
        let into = outer.path().join("into");
        std::fs::create_dir(&into).unwrap();
        let error = write(&objects, &commit, &into).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Author, "{name:?}: {error}");
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0, "{name:?}");
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "{name:?}");
    }
    for path in [
        "/etc/passwd",
        "a//b",
        "a\0b",
        "a/../b",
        "",
        &"x".repeat(256),
        &format!("{}b", "a/".repeat(64)),
        &"a/".repeat(64).replace('a', &"x".repeat(200)),
    ] {
        assert!(danger(path).is_some(), "{path:?}");
    }
    let deep = format!("{}b", "a/".repeat(63));
    for path in [deep.as_str(), "a/b.yaml", ".github/x", "..a", "a..", ".gitignore", "git", "...", "é"] {
        assert_eq!(danger(path), None, "{path:?}");
    }
}

#[tokio::test]
async fn links_that_leave_or_might_are_left_out() {
    let upstream = Upstream::new().await;
    let file = blob(&upstream, b"x").await;
    let mut names = Vec::new();
    // `deep/up` leads to the root; `deep/escape` would go through it and one up, though its text looks harmless.
    for (name, to) in [
        ("up", ".."),
        ("escape", "up/../.."),
        ("absolute", "/etc/passwd"),
        ("out", "../../etc"),
        ("git", "../.git/config"),
        ("through", "up/deep/file"),
    ] {
        names.push((name, blob(&upstream, to.as_bytes()).await));
    }
    let mut entries: Vec<_> = names.iter().map(|(name, id)| ("120000", id.as_str(), *name)).collect();
    entries.push(("100644", &file, "file"));
    let deep = tree(&upstream, &entries).await;
    let root = tree(&upstream, &[("040000", &deep, "deep")]).await;
    let (objects, commit, _cache) = mirrored(&upstream, &root).await;
    let into = tempfile::TempDir::new().unwrap();
    let mut done = write(&objects, &commit, into.path()).await.unwrap();
    done.links.sort();
    assert_eq!(done.links, ["deep/absolute", "deep/escape", "deep/git", "deep/out"]);
    assert_eq!(std::fs::read(into.path().join("deep/through")).unwrap(), b"x");
    assert!(std::fs::symlink_metadata(into.path().join("deep/escape")).is_err());
}

#[tokio::test]
async fn two_entries_of_one_name_cannot_write_through_a_link() {
    let upstream = Upstream::new().await;
    let outside = tempfile::TempDir::new().unwrap();
    let to = blob(&upstream, outside.path().to_str().unwrap().as_bytes()).await;
    let evil = blob(&upstream, b"evil").await;
    let below = tree(&upstream, &[("100644", &evil, "planted")]).await;
    let root = raw_tree(&upstream, &[("120000", &to, "a"), ("40000", &below, "a")]).await;
    let (objects, commit, _cache) = mirrored(&upstream, &root).await;
    let into = tempfile::TempDir::new().unwrap();
    assert_eq!(write(&objects, &commit, into.path()).await.unwrap_err().kind(), Kind::Author);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);

    // A link that stays inside, and links beneath it: they would appear in the folder that it leads to.
    let (up, link) = (blob(&upstream, b"..").await, blob(&upstream, b"a/b").await);
    let below = tree(&upstream, &[("120000", &link, "planted")]).await;
    let inner = raw_tree(&upstream, &[("120000", &up, "a"), ("40000", &below, "a")]).await;
    let root = tree(&upstream, &[("040000", &inner, "x")]).await;
    let (objects, commit, _cache) = mirrored(&upstream, &root).await;
    let into = tempfile::TempDir::new().unwrap();
    assert_eq!(write(&objects, &commit, into.path()).await.unwrap_err().kind(), Kind::Author);
    assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 0, "nothing was written");

    let twice = raw_tree(&upstream, &[("100644", &evil, "a"), ("100644", &to, "a")]).await;
    let (objects, commit, _cache) = mirrored(&upstream, &twice).await;
    let into = tempfile::TempDir::new().unwrap();
    assert_eq!(write(&objects, &commit, into.path()).await.unwrap_err().kind(), Kind::Author);
}

/// A tree that `mktree` would refuse to make.
async fn raw_tree(upstream: &Upstream, entries: &[(&str, &str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, id, name) in entries {
        bytes.extend(format!("{mode} {name}\0").as_bytes());
        bytes.extend(hex::decode(id).unwrap());
    }
    git_with(&upstream.dir(), &["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], &bytes).await
}

#[tokio::test]
async fn names_that_are_not_text_are_left_out_and_told() {
    let upstream = Upstream::new().await;
    let file = blob(&upstream, b"x").await;
    let mut line = format!("100644 blob {file}\ta\0100644 blob {file}\t").into_bytes();
    line.extend(b"\xff\xfe\0");
    let root = git_with(&upstream.dir(), &["mktree", "-z"], &line).await;
    let (objects, commit, _cache) = mirrored(&upstream, &root).await;
    let into = tempfile::TempDir::new().unwrap();
    let done = write(&objects, &commit, into.path()).await.unwrap();
    assert_eq!((done.files, done.foreign.len()), (1, 1));
}

#[tokio::test]
async fn limits_hold() {
    let upstream = Upstream::new().await;
    let commit = upstream.commit("main", &[("a", Some("12345")), ("b", Some("12345"))]).await;
    let (_git, mirror, _cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[Want::Branch("main".parse().unwrap())]).await.unwrap();
    let objects = mirror.objects(Some(&token()));
    for limits in [
        Limits { files: 1, ..Limits::default() },
        Limits { bytes: 9, ..Limits::default() },
        Limits { file: 4, ..Limits::default() },
    ] {
        let into = tempfile::TempDir::new().unwrap();
        let error = objects.materialise(&commit, into.path(), &|_| true, &limits).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Author, "{error}");
        assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 0);
    }
    let into = tempfile::TempDir::new().unwrap();
    let exact = Limits { files: 2, bytes: 10, file: 5 };
    objects.materialise(&commit, into.path(), &|_| true, &exact).await.unwrap();
}
