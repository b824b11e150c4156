//! The local commands on a plain repository: no GitHub, no cluster, and the repository is never written to.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use serde_json::json;

use crate::support::checkout::Checkout;
use crate::support::page::stable;
use crate::support::program::probe;
use crate::support::program::run;
use crate::support::program::tidegate;
use crate::support::server::Server;

/// A branch `change` on top of `main` that changes what both environments hold.
pub(crate) fn changed() -> Checkout {
    let checkout = Checkout::of("shop");
    checkout.branch("change");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: extra}\nspec: {ports: [{port: 81}]}\n";
    let text = std::fs::read_to_string(checkout.path().join("apps/web/deployment.yaml")).unwrap();
    let text = text.replace("web:1.0", "web:1.1");
    checkout.commit(&[("apps/web/deployment.yaml", Some(&text)), ("apps/web/extra.yaml", Some(service))]);
    checkout
}

/// All that Git knows of: no command may change it.
fn state(checkout: &Checkout) -> (String, String, usize) {
    let objects = checkout.git(&["count-objects", "--verbose"]);
    (checkout.git(&["for-each-ref"]), objects, checkout.git(&["status", "--porcelain"]).len())
}

#[test]
fn render_prints_the_bundle_of_all_three_renderers() {
    let checkout = Checkout::of("shop");
    let before = state(&checkout);
    let ran = checkout.tidegate(&["render", "staging"]).ended(0);
    insta::assert_snapshot!(ran.out);
    assert_eq!(ran.err, "");
    assert_eq!(state(&checkout), before, "a local command writes nothing to the repository");
}

#[test]
fn render_takes_any_revision() {
    let checkout = changed();
    let at = |rev| checkout.tidegate(&["render", "production", "--rev", rev]).ended(0).out;
    assert!(at("main").contains("web:1.0") && !at("main").contains("name: extra"));
    assert!(at("HEAD").contains("web:1.1") && at("change").contains("name: extra"));
}

#[test]
fn render_of_what_does_not_render_ends_with_1_and_names_file_and_line() {
    let checkout = Checkout::of("shop");
    checkout.commit(&[("apps/web/service.yaml", Some("apiVersion: v1\nkind: [\n"))]);
    let ran = checkout.tidegate(&["render", "staging"]).ended(1);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("apps/web/service.yaml"), "{}", ran.err);
    assert!(!ran.err.contains("/tmp/"), "a path of ours: {}", ran.err);
}

#[test]
fn render_of_a_source_that_matches_nothing_ends_with_1() {
    let checkout = Checkout::of("plain");
    let file = "version: 1\nenvironments:\n  staging:\n    sources: [{path: nowhere}]\n";
    checkout.commit(&[(".tidegate.yaml", Some(file))]);
    let ran = checkout.tidegate(&["render", "staging"]).ended(1);
    assert!(ran.err.contains("`nowhere` matches nothing"), "{}", ran.err);
}

#[test]
fn a_rendered_plan_shows_what_the_branch_would_change() {
    let checkout = changed();
    let before = state(&checkout);
    let ran = checkout.tidegate(&["plan", "--rendered"]).ended(2);
    insta::assert_snapshot!(stable(&ran.out, &[]));
    assert_eq!(state(&checkout), before, "a local command writes nothing to the repository");
}

#[test]
fn a_rendered_plan_as_markdown_is_the_comment() {
    let ran = changed().tidegate(&["plan", "staging", "--rendered", "--format", "markdown"]).ended(2);
    insta::assert_snapshot!(stable(&ran.out, &[]));
}

#[test]
fn a_rendered_plan_as_json_is_the_public_document() {
    let checkout = changed();
    let plan = checkout.tidegate(&["plan", "--rendered", "--format", "json"]).ended(2).json();
    assert_eq!(plan["version"], 1);
    assert_eq!(plan["base"], Value::from(checkout.git(&["rev-parse", "main"])));
    assert_eq!(plan["head"], Value::from(checkout.git(&["rev-parse", "change"])));
    assert_eq!(plan["tree"], Value::from(checkout.git(&["rev-parse", "change^{tree}"])), "a fast forward");
    let environment = &plan["environments"][0];
    assert_eq!(plan["environments"].as_array().unwrap().len(), 2);
    assert_eq!(environment["name"], "production");
    assert_eq!(environment["fidelity"], "rendered");
    assert_eq!(environment["counts"]["create"], 1);
    assert_eq!(environment["counts"]["update"], 1);
    assert_eq!(environment["counts"]["delete"], 0);
    let changes = environment["changes"].as_array().unwrap();
    let update = changes.iter().find(|change| change["action"] == "update").unwrap();
    assert_eq!(
        update["id"],
        json!({"group": "apps", "kind": "Deployment", "namespace": "shop-production", "name": "web"})
    );
    let path = &update["paths"][0];
    assert_eq!(path["path"], "/spec/template/spec/containers/0/image");
    assert_eq!(path["before"], "registry.example.com/web:1.0");
    assert_eq!(path["after"], "registry.example.com/web:1.1");
}

#[test]
fn a_plan_without_changes_ends_with_0() {
    let checkout = Checkout::of("shop");
    checkout.branch("docs");
    checkout.commit(&[("README.md", Some("words\n"))]);
    let plan = checkout.tidegate(&["plan", "--rendered", "--format", "json"]).ended(0).json();
    assert_eq!(plan["environments"][0]["changes"], json!([]));
    assert_eq!(plan["environments"][0]["counts"]["none"], 5);
}

#[test]
fn an_error_anywhere_wins_over_changes() {
    let checkout = changed();
    let broken = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [gone.yaml]\n";
    checkout.commit(&[("apps/api/overlays/staging/kustomization.yaml", Some(broken))]);
    let plan = checkout.tidegate(&["plan", "--rendered", "--format", "json"]).ended(1).json();
    let of =
        |name: &str| plan["environments"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(of("staging")["digest"], Value::Null, "it cannot be deployed");
    assert_eq!(of("staging")["errors"][0]["app"], "apps/api/overlays/staging");
    assert_eq!(of("production")["counts"]["update"], 1, "the other environment still can");
}

#[test]
fn a_conflict_is_said_with_its_files() {
    let checkout = Checkout::of("plain");
    let text = |colour| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  colour: {colour}\n")
    };
    checkout.branch("red");
    checkout.commit(&[("apps/web.yaml", Some(&text("red")))]);
    checkout.git(&["switch", "--quiet", "main"]);
    checkout.commit(&[("apps/web.yaml", Some(&text("blue")))]);
    let ran = checkout.tidegate(&["plan", "--rendered", "--base", "main", "--head", "red"]).ended(1);
    assert!(ran.err.contains("conflicts in apps/web.yaml"), "{}", ran.err);
}

#[test]
fn a_bare_repository_serves_as_well() {
    let checkout = changed();
    let bare = checkout.beside().join("bare.git");
    checkout.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    let ran = checkout.tidegate(&[
        "plan",
        "--rendered",
        "--repo",
        bare.to_str().unwrap(),
        "--base",
        "main",
        "--head",
        "change",
    ]);
    assert!(ran.ended(2).out.contains("web"), "the same plan");
}

#[test]
fn a_file_in_place_of_the_repositorys_own_lets_anyone_try() {
    let checkout = Checkout::of("plain");
    checkout.commit(&[(".tidegate.yaml", None)]);
    let ran = checkout.tidegate(&["render", "trial"]).ended(1);
    assert!(ran.err.contains(".tidegate.yaml"), "{}", ran.err);
    let file = checkout.beside().join("trial.yaml");
    std::fs::write(&file, "version: 1\nenvironments:\n  trial:\n    sources: [{path: apps}]\n").unwrap();
    let ran = checkout.tidegate(&["render", "trial", "--file", file.to_str().unwrap()]).ended(0);
    assert!(ran.out.contains("colour: green"), "{}", ran.out);
}

#[test]
fn what_is_not_committed_is_not_seen_and_a_warning_says_so() {
    let checkout = Checkout::of("plain");
    std::fs::write(checkout.path().join("apps/web.yaml"), "kind: Nonsense\n").unwrap();
    let ran = checkout.tidegate(&["render", "staging"]).ended(0);
    assert!(ran.out.contains("colour: green"), "{}", ran.out);
    assert!(ran.err.contains("not committed"), "{}", ran.err);
}

#[test]
fn check_says_that_a_file_is_right() {
    let ran = Checkout::of("shop").tidegate(&["check"]).ended(0);
    assert!(ran.out.contains("staging") && ran.out.contains("production"), "{}", ran.out);
}

#[test]
fn check_tells_every_fault_at_once_with_its_place_and_a_hint() {
    let checkout = Checkout::of("plain");
    let file =
        "version: 1\nenvironments:\n  staging:\n    sorces: [{path: apps}]\n    deploy: {when: sometimes}\n";
    checkout.commit(&[(".tidegate.yaml", Some(file))]);
    let ran = checkout.tidegate(&["check"]).ended(1);
    insta::assert_snapshot!(ran.err);
}

#[test]
fn check_knows_the_operators_defaults_and_targets() {
    let checkout = Checkout::of("plain");
    let file = "version: 1\nenvironments:\n  staging: {}\n  production:\n    target: prod-eu\n";
    checkout.commit(&[(".tidegate.yaml", Some(file))]);
    let config = checkout.beside().join("operator.yaml");
    let place = json!({"directory": {"path": checkout.beside().join("live")}});
    let operator = json!({"defaults": {"sources": [{"path": "apps"}]}, "targets": {"staging": place}});
    std::fs::write(&config, operator.to_string()).unwrap();
    let config = config.to_str().unwrap();
    let ran = checkout.tidegate(&["check", "--config", config]).ended(1);
    assert!(
        ran.err.contains(".tidegate.yaml:4:1: there is no target `prod-eu` (known are staging)"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("`staging`"), "{}", ran.err);
    let operator =
        json!({"defaults": {"sources": [{"path": "apps"}]}, "targets": {"staging": place, "prod-eu": place}});
    std::fs::write(config, operator.to_string()).unwrap();
    let ran = checkout.tidegate(&["check", "--config", config]).ended(0);
    assert!(ran.out.contains("staging: target staging, renders apps"), "{}", ran.out);
}

#[test]
fn only_commands_that_mask_keep_a_key_and_never_where_others_could_have_put_one() {
    let checkout = changed();
    let nowhere = |arguments: &[&str]| {
        let mut command = tidegate();
        run(command.env("XDG_STATE_HOME", "/dev/null/state").current_dir(checkout.path()).args(arguments))
    };
    nowhere(&["check"]).ended(0);
    nowhere(&["render", "staging"]).ended(0);
    let ran = nowhere(&["plan", "--rendered"]).ended(1);
    assert!(ran.err.contains("/dev/null/state/tidegate"), "{}", ran.err);
    let scratch = checkout.beside().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let mut homeless = tidegate();
    let homeless = homeless.env("TMPDIR", &scratch).current_dir(checkout.path()).args(["plan", "--rendered"]);
    let ran = run(homeless).ended(2);
    assert!(ran.err.contains("neither XDG_STATE_HOME nor HOME is set"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_signal_ends_a_command_with_its_programs_and_folders() {
    let checkout = Checkout::of("shop");
    let (tools, scratch) = (checkout.beside().join("tools"), checkout.beside().join("scratch"));
    std::fs::create_dir(&tools).unwrap();
    std::fs::create_dir(&scratch).unwrap();
    let helm = tools.join("helm");
    std::fs::copy(probe(), &helm).unwrap();
    let config = json!({"render": {"tools": tools}});
    std::fs::write(checkout.beside().join("operator.yaml"), config.to_string()).unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut render = tidegate()
            .env("TMPDIR", &scratch)
            .current_dir(checkout.path())
            .args(["render", "staging", "--config", "../operator.yaml"])
            .spawn()
            .unwrap();
        until("helm runs", || !running(&helm).is_empty());
        let pids = running(&helm);
        kill_process(Pid::from_child(&render), signal).unwrap();
        assert_eq!(render.wait().unwrap().code(), Some(code));
        until("helm is gone", || !pids.iter().any(|pid| alive(pid)));
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "nothing is left behind");
    }
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited 30 s until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The processes of a program.
fn running(program: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let started = processes.filter(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).next() == Some(program.as_os_str().as_encoded_bytes())
    });
    started.map(|process| process.file_name().into_string().unwrap()).collect()
}

fn alive(pid: &str) -> bool {
    // A zombie is dead: it waits only for somebody to read its status.
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

#[test]
fn the_schemas_are_json_schemas() {
    let checkout = Checkout::of("plain");
    let settings = checkout.tidegate(&["schema"]).ended(0).json();
    assert!(settings["properties"]["environments"].is_object(), "{settings}");
    let plan = checkout.tidegate(&["schema", "plan"]).ended(0).json();
    assert!(plan["properties"]["environments"].is_object(), "{plan}");
    assert_ne!(settings, plan);
}

#[test]
fn completions_are_scripts_for_each_shell() {
    let checkout = Checkout::of("plain");
    for shell in ["bash", "zsh", "fish"] {
        let ran = checkout.tidegate(&["completions", shell]).ended(0);
        assert!(ran.out.contains("tidegate") && ran.out.contains("render"), "{shell}");
    }
}

#[test]
fn replay_says_what_would_follow_from_a_payload() {
    let checkout = Checkout::of("plain");
    let payload = json!({
        "action": "opened",
        "installation": {"id": 7},
        "repository": {"id": 42, "full_name": "acme/shop", "name": "shop", "owner": {"login": "acme", "id": 1}},
        "sender": {"login": "ann", "id": 2, "type": "User"},
        "pull_request": {"number": 3, "head": {"sha": "0123456789012345678901234567890123456789"}},
    });
    let file = checkout.beside().join("payload.json");
    std::fs::write(&file, payload.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let replayed = checkout.tidegate(&["replay", "pull_request", file]).ended(0).json();
    assert_eq!(replayed["jobs"][0]["job"], "preview", "{replayed}");
    assert_eq!(replayed["jobs"][0]["pull"], 3);
    let replayed = checkout.tidegate(&["replay", "star", file]).ended(0).json();
    assert_eq!(replayed["jobs"], json!([]));
    let ran = checkout.tidegate(&["replay", "pull_request", "nowhere.json"]).ended(1);
    assert!(ran.err.contains("nowhere.json"), "{}", ran.err);
}

#[test]
fn what_is_not_understood_ends_with_64() {
    let checkout = Checkout::of("plain");
    for arguments in [&["plna"][..], &["plan", "--formt", "json"], &["render"], &[]] {
        let ran = checkout.tidegate(arguments).ended(64);
        assert!(ran.err.contains("Usage"), "{arguments:?}: {}", ran.err);
    }
    checkout.tidegate(&["--help"]).ended(0);
    checkout.tidegate(&["--version"]).ended(0);
}

#[test]
fn an_unknown_environment_is_told_with_those_that_are_known() {
    let ran = Checkout::of("plain").tidegate(&["render", "stagin"]).ended(1);
    assert!(ran.err.contains("stagin") && ran.err.contains("production, staging"), "{}", ran.err);
}

#[test]
fn a_target_that_is_not_there_is_an_error_with_a_hint() {
    let checkout = Checkout::of("plain");
    let ran = checkout.tidegate(&["plan", "staging"]).ended(1);
    assert!(ran.err.contains("--rendered") || ran.out.contains("--rendered"), "{ran:?}");
}

#[test]
fn serve_tells_every_fault_of_its_settings_at_once_and_ends_with_1() {
    let server = Server::new();
    server.configure(&json!({
        "listen": "nowhere",
        "databas": "sqlite://x.db",
        "github": {"app_id": "many", "private_key_file": "missing.pem", "webhook_secret_file": "missing"},
        "targets": {"prod": {"kubernets": {}, "repositories": ["acme/shop"]}},
    }));
    let ran =
        run(tidegate().args(["serve", "--config", "server.yaml"]).current_dir(server.folder())).ended(1);
    for fault in ["listen", "databas", "app_id", "missing.pem", "kubernets"] {
        assert!(ran.err.contains(fault), "nothing of {fault}:\n{}", ran.err);
    }
}

#[tokio::test]
async fn serve_ends_with_0_when_asked_to() {
    let world = crate::support::world::World::with_branches().await;
    let mut server = world.server;
    assert!(server.lives());
    let (status, _) = server.get("/healthz").await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(server.terminate(Duration::from_secs(15)).await.code(), Some(0));
}
