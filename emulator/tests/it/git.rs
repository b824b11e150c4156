//! Real Git over HTTP, with tokens.

use crate::scene::PERMISSIONS;
use crate::scene::Scene;
use github_emulator::Fault;
use github_emulator::FaultKind;
use github_emulator::Visibility;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use tempfile::TempDir;

fn git(dir: &Path, token: Option<&str>, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0");
    if let Some(token) = token {
        use base64::Engine;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{token}"));
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraHeader")
            .env("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {pair}"));
    }
    command.args(args).output().unwrap()
}

fn good(dir: &Path, token: Option<&str>, args: &[&str]) -> String {
    let output = git(dir, token, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_partial_clone_fetches_pulls_and_single_commits() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let sha = pull.head_sha().unwrap();
    let folder = TempDir::new().unwrap();
    let token = Some(scene.token.as_str());
    let url = scene.repo.clone_url();
    good(folder.path(), token, &["clone", "--quiet", "--bare", "--filter=blob:none", &url, "mirror"]);
    let mirror = folder.path().join("mirror");
    let missing = good(&mirror, token, &["rev-list", "--objects", "--missing=print", "--all"]);
    assert!(missing.contains("\n?") || missing.starts_with('?'), "blobs are left out: {missing}");
    good(&mirror, token, &["fetch", "--quiet", "origin", "refs/pull/1/head:refs/seen"]);
    assert_eq!(good(&mirror, token, &["rev-parse", "refs/seen"]), sha);
    assert_eq!(good(&mirror, token, &["cat-file", "blob", "refs/seen:app.yaml"]), "replicas: 3");
    pull.push("ada", &[("app.yaml", Some("replicas: 5\n"))]).unwrap();
    let newer = pull.head_sha().unwrap();
    good(&mirror, token, &["fetch", "--quiet", "origin", &newer]);
    assert_eq!(good(&mirror, token, &["cat-file", "blob", &format!("{newer}:app.yaml")]), "replicas: 5");
    assert_eq!(scene.get("pulls/1").await.expect(200)["head"]["sha"], newer);
    scene.clean().await;
}

#[tokio::test]
async fn a_push_moves_the_pull_and_tells_the_apps() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let folder = TempDir::new().unwrap();
    let token = Some(scene.token.as_str());
    good(folder.path(), token, &["clone", "--quiet", "-b", "change", &scene.repo.clone_url(), "work"]);
    let work = folder.path().join("work");
    std::fs::write(work.join("big.txt"), "x".repeat(3_000_000)).unwrap();
    std::fs::write(work.join("app.yaml"), "replicas: 6\n").unwrap();
    good(&work, token, &["add", "."]);
    good(&work, token, &["commit", "--quiet", "-m", "From a clone"]);
    good(&work, token, &["push", "--quiet", "origin", "change"]);
    assert_eq!(pull.head_sha().unwrap(), good(&work, None, &["rev-parse", "HEAD"]));
    assert_eq!(scene.repo.file("refs/pull/1/head", "app.yaml").unwrap(), b"replicas: 6\n");
    let refused = git(&work, token, &["push", "origin", "HEAD:refs/pull/1/head"]);
    assert!(!refused.status.success(), "refs/pull belongs to GitHub");
    scene.github.hooks().settle().await;
    assert!(scene.receiver.titles().contains(&"pull_request.synchronize".to_owned()));
    let mut pushes = scene.receiver.all();
    pushes.retain(|one| one.event() == "push");
    let last = pushes.last().unwrap().json();
    assert_eq!((pushes.len(), &last["ref"]), (2, &json!("refs/heads/change")));
    assert_eq!(last["after"], pull.head_sha().unwrap());
    assert_eq!(last["sender"]["login"], "shipper[bot]");
    scene.get("pulls/1").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn a_push_can_be_taken_or_not_and_its_answer_be_lost() {
    let scene = Scene::new().await;
    let folder = TempDir::new().unwrap();
    let token = Some(scene.token.as_str());
    good(folder.path(), token, &["clone", "--quiet", &scene.repo.clone_url(), "work"]);
    let work = folder.path().join("work");
    let faults = [
        (FaultKind::AfterWrite502, "taken", 502),
        (FaultKind::Before500, "refused", 500),
        (FaultKind::Drop, "dropped", 0),
    ];
    for (kind, branch, status) in faults {
        // More than once: the client may ask again where the connection broke.
        scene.github.fault(Fault::once("POST", "/team/shop.git/git-receive-pack", kind).times(9));
        let pushed = git(&work, token, &["push", "origin", &format!("HEAD:refs/heads/{branch}")]);
        assert!(!pushed.status.success(), "{branch}");
        let last = scene.github.requests().pop().unwrap();
        assert_eq!((last.path.as_str(), last.status), ("/team/shop.git/git-receive-pack", status));
        scene.github.clear_faults();
    }
    assert_eq!(scene.repo.branches(), ["main", "taken"]);
    scene.github.hooks().settle().await;
    let told = scene.receiver.all().into_iter().filter(|one| one.event() == "push");
    let told: Vec<Value> = told.map(|one| one.json()["ref"].clone()).collect();
    assert_eq!(told, ["refs/heads/taken"]);
    scene.get("branches").await.expect(200);
    scene.clean().await;
}

#[tokio::test]
async fn tokens_open_what_they_may_and_nothing_else() {
    let scene = Scene::new().await;
    let folder = TempDir::new().unwrap();
    let url = scene.repo.clone_url();
    let ls = |token: Option<&str>, url: &str| git(folder.path(), token, &["ls-remote", url]).status.success();
    assert!(ls(Some(&scene.token), &url));
    assert!(!ls(None, &url), "private");
    assert!(!ls(Some("ghs_wrong"), &url));
    let other = scene.github.repository("team", "open", Visibility::Public).unwrap();
    assert!(ls(None, &other.clone_url()), "public");
    assert!(!ls(Some(&scene.token), &other.clone_url()), "not installed there");
    scene.repo.rename("store").unwrap();
    assert!(ls(Some(&scene.token), &url), "the old name leads on");
    scene.github.fault(Fault::once("GET", "/team/**", FaultKind::Before500));
    assert!(!ls(Some(&scene.token), &url));
    assert!(ls(Some(&scene.token), &url));
    scene.get("/repos/team/store").await.expect(200);
    scene.github.clock().advance(std::time::Duration::from_hours(2));
    assert!(!ls(Some(&scene.token), &url), "expired");
    scene.clean().await;

    let readers: Vec<_> = PERMISSIONS
        .iter()
        .map(|(name, level)| (*name, if *name == "contents" { "read" } else { level }))
        .collect();
    let scene = Scene::with(&readers).await;
    let token = Some(scene.token.as_str());
    good(folder.path(), token, &["clone", "--quiet", &scene.repo.clone_url(), "work"]);
    let work = folder.path().join("work");
    let pushed = git(&work, token, &["push", "origin", "HEAD:refs/heads/new"]);
    assert!(!pushed.status.success(), "contents: read does not push");
    assert_eq!(scene.repo.branches(), ["main"]);
    scene.get("branches").await.expect(200);
    scene.clean().await;
}
