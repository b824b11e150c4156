//! What a commit holds and is not fetched: submodules and links that lead out of the repository. In the way of an app it is
//! told; elsewhere it disturbs nothing.

use std::path::Path;

use github_emulator::Repository;

use crate::support::checkout::Checkout;
use crate::support::fixture::NAMES;
use crate::support::page::checks;
use crate::support::program::{command, run};
use crate::support::world::{World, conclusion};

/// The commit that a submodule is at; nobody has it.
const ELSEWHERE: &str = "1111111111111111111111111111111111111111";

fn git(dir: &Path, index: &Path, arguments: &[&str]) -> String {
    let mut git = command("git");
    git.current_dir(dir).args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    run(git.env("GIT_INDEX_FILE", index).args(arguments)).ended(0).out.trim_end().to_owned()
}

/// A commit on top of `on` with a submodule and a link to `/etc/hostname` at these paths.
fn commit(dir: &Path, on: &str, submodule: Option<&str>, link: Option<&str>) -> String {
    let folder = tempfile::TempDir::with_prefix("tidegate-it-").unwrap();
    let (index, target) = (folder.path().join("index"), folder.path().join("target"));
    std::fs::write(&target, "/etc/hostname").unwrap();
    let git = |arguments: &[&str]| git(dir, &index, arguments);
    git(&["read-tree", on]);
    if let Some(path) = submodule {
        git(&["update-index", "--add", "--cacheinfo", &format!("160000,{ELSEWHERE},{path}")]);
    }
    if let Some(path) = link {
        let blob = git(&["hash-object", "-w", target.to_str().unwrap()]);
        git(&["update-index", "--add", "--cacheinfo", &format!("120000,{blob},{path}")]);
    }
    let tree = git(&["write-tree"]);
    git(&["commit-tree", &tree, "-p", on, "-m", "Link it"])
}

#[test]
fn render_tells_what_lies_in_its_way_and_nothing_else() {
    let checkout = Checkout::of("shop");
    let dir = checkout.path();
    let head = checkout.git(&["rev-parse", "HEAD"]);
    let render = |submodule, link| {
        let rev = commit(&dir, &head, submodule, link);
        checkout.tidegate(&["render", "staging", "--rev", &rev])
    };
    let whole = checkout.tidegate(&["render", "staging"]).ended(0).out;
    assert_eq!(render(Some("vendor/lib"), Some("docs/link")).ended(0).out, whole);
    for (submodule, link, told) in [
        (
            Some("apps/web/more"),
            None,
            "apps/web/more: `apps/web/more` is a submodule, and submodules are not fetched",
        ),
        (None, Some("apps/web/more.yaml"), "`apps/web/more.yaml` is a link that leads out of the repository"),
        (
            None,
            Some("charts/worker/templates/x.yaml"),
            "`charts/worker/templates/x.yaml` is a link that leads out",
        ),
        (Some("charts/worker/charts/sub"), None, "`charts/worker/charts/sub` is a submodule"),
    ] {
        let ran = render(submodule, link).ended(1);
        assert_eq!(ran.out, "", "nothing that lacks something is printed");
        assert!(ran.err.contains(told), "{}", ran.err);
        assert!(!ran.err.contains("/tmp/") && !ran.err.contains("/etc/"), "a path of ours: {}", ran.err);
    }
}

/// Ann proposes a commit that is made by hand.
async fn propose(
    world: &World,
    repository: &Repository,
    branch: &str,
    submodule: &str,
    link: &str,
) -> String {
    let note = [("note", Some(branch))];
    let base = repository.commit(branch, "Note it", "ann", &note).unwrap();
    let head = commit(&repository.git_dir(), &base, Some(submodule), Some(link));
    repository.force_push(branch, &head, "ann").unwrap();
    repository.open_pull("ann", "Link it", branch, "main").unwrap();
    world.settle().await;
    head
}

#[tokio::test]
async fn a_preview_does_not_take_a_submodule_for_a_deletion() {
    let world = World::with_branches().await;
    let (repository, _) = world.repository("acme/shop", "shop", NAMES);
    let head = propose(&world, &repository, "elsewhere", "vendor/lib", "docs/link").await;
    assert_eq!(conclusion(&repository, &head, "tidegate/preview"), "success");

    // Where the folder of an app becomes a submodule, its objects look as if they were gone.
    repository.commit("moved", "Move it", "ann", &[("apps/web/deployment.yaml", None)]).unwrap();
    let head = propose(&world, &repository, "moved", "apps/web/moved", "apps/web/link.yaml").await;
    assert_eq!(conclusion(&repository, &head, "tidegate/preview"), "failure");
    let told = checks(&repository, &head);
    assert!(told.contains("`apps/web/moved` is a submodule, and submodules are not fetched"), "{told}");
    assert!(told.contains("`apps/web/link.yaml` is a link that leads out of the repository"), "{told}");
    assert!(!told.contains("/tmp/"), "{told}");
    world.finish().await;
}
