//! The same at the server: hostile pull requests end in failed checks, and an ordinary one is previewed afterwards.

use serde_json::json;

use crate::hostile::place::Place;
use crate::hostile::texts::laughs;
use crate::hostile::watch::children;
use crate::support::fixture::NAMES;
use crate::support::page::checks;
use crate::support::world::{World, branch_target, conclusion, previews};

const CHECK: &str = "tidegate/preview";
/// The most memory that the server itself may have held.
const MEMORY: u64 = 1 << 30;

/// The most resident memory that a process ever held, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn hostile_pull_requests_fail_in_words_and_an_ordinary_one_is_previewed() {
    let targets = json!({"staging": branch_target("acme/shop"), "production": branch_target("acme/shop")});
    let config = json!({"targets": targets, "render": {"seconds": 3}});
    let world = World::configured(&config, &[("contents", "write")]).await;
    let (repository, _) = world.repository("acme/shop", "shop", NAMES);
    let bomb = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n{}", laughs(9));
    let endless = format!("{}{}", "{{ range until 1000 }}".repeat(5), "{{ end }}".repeat(5));
    let hostile = [
        ("bomb", vec![("apps/web/x.yaml".to_owned(), bomb)], "too many values"),
        (
            "endless",
            vec![("charts/worker/templates/x.yaml".to_owned(), endless)],
            "helm did not end within 3 s",
        ),
        (
            "address",
            vec![(
                "apps/api/base/kustomization.yaml".to_owned(),
                "resources: ['http://169.254.169.254/latest/']\n".to_owned(),
            )],
            "lies on another host",
        ),
    ];
    let mut heads = Vec::new();
    for (branch, files, told) in &hostile {
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        heads.push((world.propose(&repository, branch, &files).head_sha().unwrap(), told));
    }
    world.settle().await;
    for (head, told) in heads {
        assert_eq!(conclusion(&repository, &head, CHECK), "failure");
        let said = checks(&repository, &head);
        assert!(said.contains(told), "{said}");
        for ours in Place::ours() {
            assert!(!said.contains(ours), "{said}");
        }
    }
    let pull = world.propose(&repository, "ordinary", &[("README.md", Some("words\n"))]);
    world.settle().await;
    assert_eq!(conclusion(&repository, &pull.head_sha().unwrap(), CHECK), "success");
    assert_eq!(previews(&pull).len(), 1);
    let server = world.server.id();
    let memory = peak(server);
    println!("the server held {} MiB at most", memory >> 20);
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    assert_eq!(children(server), [""; 0], "nothing of them still runs");
    world.finish().await;
}
