//! Merging and comparing.

use super::{Upstream, mirror_of, token};
use crate::git::{Kind, Merge, Objects, Want};
use crate::model::id::Sha;

async fn objects(upstream: &Upstream, branches: &[&str]) -> (Objects, tempfile::TempDir) {
    let (_git, mirror, cache) = mirror_of(&upstream.url()).await;
    let wants: Vec<_> = branches.iter().map(|name| Want::Branch(name.parse().unwrap())).collect();
    mirror.fetch(&token(), &wants).await.unwrap();
    (mirror.objects(Some(&token())), cache)
}

async fn start(upstream: &Upstream, branch: &str, from: &Sha) {
    super::git(&upstream.dir(), &["update-ref", &format!("refs/heads/{branch}"), from.as_str()]).await;
}

#[tokio::test]
async fn a_clean_merge_has_both_sides_also_within_one_file() {
    let upstream = Upstream::new().await;
    let file = |top: &str, end: &str| format!("{top}\n1\n2\n3\n4\n5\n6\n7\n{end}\n");
    let root = upstream.commit("main", &[("f", Some(&file("a", "z"))), ("gone", Some("x"))]).await;
    start(&upstream, "topic", &root).await;
    let base = upstream.commit("main", &[("f", Some(&file("A", "z"))), ("new", Some("y"))]).await;
    let head = upstream.commit("topic", &[("f", Some(&file("a", "Z"))), ("gone", None)]).await;
    let (objects, _cache) = objects(&upstream, &["main", "topic"]).await;

    let Merge::Clean { tree } = objects.merge(&base, &head).await.unwrap() else { panic!("it is clean") };
    assert_eq!(objects.read(&tree, "f", 100).await.unwrap().unwrap(), file("A", "Z").as_bytes());
    let from = objects.tree_of(&base).await.unwrap();
    assert_eq!(objects.changed(&from, &tree).await.unwrap(), ["f", "gone"]);
    assert_eq!(objects.merge_base(&base, &head).await.unwrap(), Some(root.clone()));
    assert!(objects.is_ancestor(&root, &head).await.unwrap());
    assert!(!objects.is_ancestor(&base, &head).await.unwrap());
    let log = objects.log(&root, &head, 10).await.unwrap();
    assert_eq!(
        log.iter().map(|one| (&one.sha, one.subject.as_str())).collect::<Vec<_>>(),
        [(&head, "a change")]
    );
    assert_eq!(objects.log(&head, &root, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_conflict_names_its_files() {
    let upstream = Upstream::new().await;
    let root = upstream.commit("main", &[("a b", Some("0")), ("é", Some("0")), ("same", Some("0"))]).await;
    start(&upstream, "topic", &root).await;
    let base = upstream.commit("main", &[("a b", Some("1")), ("é", Some("1"))]).await;
    let head = upstream.commit("topic", &[("a b", Some("2")), ("é", None), ("same", Some("2"))]).await;
    let (objects, _cache) = objects(&upstream, &["main", "topic"]).await;
    let merge = objects.merge(&base, &head).await.unwrap();
    assert_eq!(merge, Merge::Conflict { files: vec!["a b".to_owned(), "é".to_owned()] });
}

#[tokio::test]
async fn histories_without_a_common_commit_are_the_authors_to_mend() {
    let upstream = Upstream::new().await;
    let base = upstream.commit("main", &[("a", Some("0"))]).await;
    let head = upstream.commit("topic", &[("b", Some("0"))]).await;
    let (objects, _cache) = objects(&upstream, &["main", "topic"]).await;
    let error = objects.merge(&base, &head).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Author, "{error}");
    assert_eq!(objects.merge_base(&base, &head).await.unwrap(), None);
}
