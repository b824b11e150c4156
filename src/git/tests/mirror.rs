//! Fetching: what is wanted and nothing else, renames, damage, the bounds of the cache.

use std::path::PathBuf;

use super::{Upstream, git, mirror_of, program, repo, token};
use crate::git::{Error, Git, Kind, Want};
use crate::model::id::{Branch, PullNumber, Sha};

fn branch(name: &str) -> Want {
    Want::Branch(name.parse().unwrap())
}

fn main() -> Branch {
    "main".parse().unwrap()
}

#[tokio::test]
async fn branches_pulls_and_commits_are_fetched_without_their_files() {
    let upstream = Upstream::new().await;
    let first = upstream.commit("main", &[("a.yaml", Some("a: 1\n"))]).await;
    let head = upstream.commit("topic", &[("b.yaml", Some("b: 1\n"))]).await;
    git(&upstream.dir(), &["update-ref", "refs/pull/7/head", head.as_str()]).await;
    git(&upstream.dir(), &["update-ref", "-d", "refs/heads/topic"]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;

    mirror.fetch(&token(), &[branch("main"), Want::Pull(PullNumber(7))]).await.unwrap();
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(first.clone()));
    assert_eq!(mirror.head(PullNumber(7)).await.unwrap(), Some(head.clone()));
    let offline = mirror.objects(None);
    assert!(offline.has(&head).await.unwrap());
    assert!(
        matches!(offline.read(&first, "a.yaml", 100).await, Err(Error::Gone { .. })),
        "blobs are not here"
    );
    let online = mirror.objects(Some(&token()));
    assert_eq!(online.read(&first, "a.yaml", 100).await.unwrap().unwrap(), b"a: 1\n");
    assert_eq!(offline.read(&first, "a.yaml", 100).await.unwrap().unwrap(), b"a: 1\n", "now it is");
    assert_eq!(online.read(&first, "none.yaml", 100).await.unwrap(), None);
    assert_eq!(online.read(&first, "*", 100).await.unwrap(), None, "a path is no pattern");
    let large = online.read(&first, "a.yaml", 2).await.unwrap_err();
    assert_eq!(large.kind(), Kind::Author, "{large}");

    // A commit that no reference leads to any more, by its id.
    let second = upstream.commit("main", &[("a.yaml", Some("a: 2\n"))]).await;
    git(&upstream.dir(), &["update-ref", "refs/heads/main", first.as_str()]).await;
    assert!(!offline.has(&second).await.unwrap());
    mirror.fetch(&token(), &[Want::Commit(second.clone())]).await.unwrap();
    assert!(offline.has(&second).await.unwrap());
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(first));

    // The token is in no file of the cache.
    let mut seen = 0;
    let mut open = vec![cache.path().to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).unwrap();
                seen += 1;
                assert!(!bytes.windows(10).any(|part| part == b"eyJhbGciOi"), "{:?}", entry.path());
            }
        }
    }
    assert!(seen > 5, "the cache has files");
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_gone_and_not_remembered() {
    let upstream = Upstream::new().await;
    upstream.commit("main", &[("a", Some("a"))]).await;
    upstream.commit("topic", &[("a", Some("a"))]).await;
    let (_git, mirror, _cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main"), branch("topic")]).await.unwrap();
    git(&upstream.dir(), &["update-ref", "-d", "refs/heads/topic"]).await;

    let error = mirror.fetch(&token(), &[branch("topic")]).await.unwrap_err();
    assert!(error.is_no_reference() && error.kind() == Kind::Gone, "{error}");
    assert_eq!(mirror.tip(&"topic".parse().unwrap()).await.unwrap(), None);
    let absent: Sha = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    let error = mirror.fetch(&token(), &[Want::Commit(absent.clone())]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone, "{error}");
    assert_eq!(mirror.objects(None).tree_of(&absent).await.unwrap_err().kind(), Kind::Gone);
    std::fs::rename(upstream.dir(), upstream.dir().with_extension("away")).unwrap();
    let error = mirror.fetch(&token(), &[branch("main")]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone, "{error}");
}

#[tokio::test]
async fn a_renamed_repository_keeps_its_mirror() {
    let mut upstream = Upstream::new().await;
    let first = upstream.commit("main", &[("a", Some("a"))]).await;
    let (git, mirror, _cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    upstream.rename("acme/store");
    let second = upstream.commit("main", &[("a", Some("b"))]).await;

    assert_eq!(mirror.fetch(&token(), &[branch("main")]).await.unwrap_err().kind(), Kind::Gone);
    let renamed = git.mirror(&repo("acme/store"));
    assert_eq!(renamed.tip(&main()).await.unwrap(), Some(first), "the same mirror");
    renamed.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(renamed.tip(&main()).await.unwrap(), Some(second));
}

#[tokio::test]
async fn branches_may_follow_each_other_in_one_anothers_place() {
    let upstream = Upstream::new().await;
    upstream.commit("a", &[("x", Some("1"))]).await;
    let (_git, mirror, _cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("a")]).await.unwrap();
    git(&upstream.dir(), &["update-ref", "-d", "refs/heads/a"]).await;
    let below = upstream.commit("a/b", &[("x", Some("2"))]).await;
    mirror.fetch(&token(), &[branch("a/b")]).await.unwrap();
    assert_eq!(mirror.tip(&"a/b".parse().unwrap()).await.unwrap(), Some(below));
}

fn of_kind(dir: &std::path::Path, end: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|own| own == end)).collect()
}

#[tokio::test]
async fn a_damaged_mirror_is_made_anew() {
    let upstream = Upstream::new().await;
    let first = upstream.commit("main", &[("a", Some("a"))]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    let dir = cache.path().join("cache/42.git");

    // Found out while reading: the next fetch mends it, though it has nothing new to bring.
    for pack in
        of_kind(&dir.join("objects/pack"), "pack").iter().chain(&of_kind(&dir.join("objects/pack"), "idx"))
    {
        std::fs::remove_file(pack).unwrap();
    }
    assert!(mirror.objects(None).list(&first).await.is_err());
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(mirror.objects(None).list(&first).await.unwrap().len(), 1);

    // Found out while fetching: a killed git's lock, garbage for a head, half a folder.
    let second = upstream.commit("main", &[("a", Some("b"))]).await;
    let kept = of_kind_in(&dir.join("refs/tidegate/branch"));
    std::fs::write(kept.with_extension("lock"), "").unwrap();
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(second.clone()));
    std::fs::write(dir.join("HEAD"), "garbage").unwrap();
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(second.clone()));
    std::fs::remove_file(dir.join("HEAD")).unwrap();
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(second));
}

#[tokio::test]
async fn only_a_reader_of_the_present_mirror_can_have_it_made_anew() {
    let upstream = Upstream::new().await;
    let first = upstream.commit("main", &[("a", Some("a"))]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    // What a fetch that made the mirror anew would take away.
    let mark = cache.path().join("cache/42.git/mark");
    let fetched = async || {
        std::fs::write(&mark, "").unwrap();
        mirror.fetch(&token(), &[branch("main")]).await.unwrap();
        mark.exists()
    };
    let absent: Sha = "1".repeat(40).parse().unwrap();
    let old = mirror.objects(None);
    assert!(fetched().await);
    let error = old.list(&absent).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(!fetched().await, "an object is missing: it is made anew");
    old.list(&absent).await.unwrap_err();
    assert!(fetched().await, "the reader began with the one before");
    assert_eq!(mirror.objects(None).list(&first).await.unwrap().len(), 1);
}

#[test]
fn what_git_says_of_a_mirror_that_vanished_is_damage_and_no_defect_of_ours() {
    for said in [
        "fatal: not a tree object",
        "merge-tree: 1234 - not something we can merge",
        "fatal: Not a valid commit name 1234",
    ] {
        let error = Error::of("look", said.to_owned());
        assert_eq!(error.kind(), Kind::Weather, "{said}: {error}");
    }
}

fn of_kind_in(dir: &std::path::Path) -> PathBuf {
    std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
}

#[tokio::test]
async fn many_fetches_do_not_leave_many_packs() {
    let upstream = Upstream::new().await;
    upstream.commit("main", &[("a", Some("0"))]).await;
    let alone = upstream.commit("topic", &[("b", Some("0"))]).await;
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main"), Want::Commit(alone.clone())]).await.unwrap();
    let packs = cache.path().join("cache/42.git/objects/pack");
    let one = of_kind(&packs, "pack").remove(0);
    for number in 0..70 {
        std::fs::copy(&one, packs.join(format!("pack-{number:040}.pack"))).unwrap();
        std::fs::copy(one.with_extension("idx"), packs.join(format!("pack-{number:040}.idx"))).unwrap();
        std::fs::write(packs.join(format!("pack-{number:040}.promisor")), "").unwrap();
    }
    let tip = upstream.commit("main", &[("a", Some("1"))]).await;
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert!(of_kind(&packs, "pack").len() < 5, "{:?}", of_kind(&packs, "pack"));
    let objects = mirror.objects(Some(&token()));
    assert_eq!(objects.read(&tip, "a", 10).await.unwrap().unwrap(), b"1");
    assert_eq!(
        objects.read(&alone, "b", 10).await.unwrap().unwrap(),
        b"0",
        "a commit that nothing leads to stays"
    );
    assert_eq!(git(&cache.path().join("cache/42.git"), &["for-each-ref", "refs/tidegate/commit"]).await, "");
}

#[tokio::test]
async fn concurrent_fetches_of_one_repository_all_succeed() {
    let upstream = Upstream::new().await;
    let tip = upstream.commit("main", &[("a", Some("a"))]).await;
    let (git, mirror, _cache) = mirror_of(&upstream.url()).await;
    let other = git.mirror(&repo("acme/shop"));
    let wants = [branch("main")];
    let token = token();
    let (a, b, c) =
        tokio::join!(mirror.fetch(&token, &wants), other.fetch(&token, &wants), mirror.fetch(&token, &wants));
    for fetched in [a, b, c] {
        fetched.unwrap();
    }
    assert_eq!(other.tip(&main()).await.unwrap(), Some(tip));
}

#[tokio::test]
async fn the_cache_is_swept_of_what_nobody_uses() {
    let upstream = Upstream::new().await;
    upstream.commit("main", &[("a", Some("a"))]).await;
    let (git, mirror, cache) = mirror_of(&upstream.url()).await;
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    let dir = cache.path().join("cache/42.git");
    let used = std::fs::metadata(dir.with_extension("lock")).unwrap().modified().unwrap();
    let now = jiff::Timestamp::try_from(used).unwrap();

    assert_eq!(git.sweep(now, 0).await.unwrap(), 0, "it is in use");
    drop(mirror);
    let left = cache.path().join("cache/commit-x");
    std::fs::create_dir(&left).unwrap();
    assert_eq!(git.sweep(now, u64::MAX).await.unwrap(), 0, "there is room and it is fresh");
    assert!(left.exists(), "somebody may be at it");
    assert!(dir.exists());
    let later = now + jiff::SignedDuration::from_hours(31 * 24);
    assert_eq!(git.sweep(later, u64::MAX).await.unwrap(), 1, "nobody used it for long");
    assert!(!left.exists());
    assert!(!dir.exists());
    git.mirror(&repo("acme/shop")).fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(git.sweep(now, 10).await.unwrap(), 1, "it is too large");
}

#[tokio::test]
async fn hosts_that_would_see_the_token_in_clear_are_refused() {
    let cache = tempfile::TempDir::new().unwrap();
    for good in [
        "https://github.com",
        "https://github.com/",
        "http://127.0.0.1:80",
        "http://[::1]:8",
        "http://localhost",
    ] {
        assert!(Git::open(program(), cache.path().to_owned(), good.to_owned()).await.is_ok(), "{good}");
    }
    for bad in [
        "http://github.com",
        "ssh://x",
        "ext::sh",
        "https://",
        "https://u:p@x",
        "file://x",
        "http://127.0.0.1.evil",
        "",
    ] {
        let error = Git::open(program(), cache.path().to_owned(), bad.to_owned()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Ours, "{bad}");
    }
}

#[tokio::test]
async fn a_cache_may_be_named_relative_to_where_the_program_runs() {
    let upstream = Upstream::new().await;
    let tip = upstream.commit("main", &[("a", Some("a"))]).await;
    let cache = tempfile::TempDir::new_in(".").unwrap();
    let relative = PathBuf::from(cache.path().file_name().unwrap());
    let git = Git::open(program(), relative, upstream.url()).await.unwrap();
    let mirror = git.mirror(&repo("acme/shop"));
    mirror.fetch(&token(), &[branch("main")]).await.unwrap();
    assert_eq!(mirror.tip(&main()).await.unwrap(), Some(tip));
}

#[tokio::test]
async fn a_git_that_is_missing_or_too_old_is_told_at_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let fake = dir.path().join("git");
    let open =
        |program: PathBuf| Git::open(program, dir.path().join("cache"), "https://github.com".to_owned());
    assert!(matches!(open(fake.clone()).await, Err(Error::Program { .. })));
    std::fs::write(&fake, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
    std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = open(fake).await.unwrap_err().to_string();
    assert!(error.contains("2.38 or newer") && error.contains("2.30.2"), "{error}");
}
