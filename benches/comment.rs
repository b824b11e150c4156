//! From a webhook to the comment, for a repository with one app of plain YAML.
//!
//! The clock starts when the emulated GitHub has queued the webhook and stops when the comment names the new commit. The
//! server is a real one, Git is fetched over HTTP, and one pull request moves at a time.

use std::time::Duration;
use std::time::Instant;

use github_emulator::Pull;
use github_emulator::Repository;
use serde_json::Value;
use serde_json::json;
use tidegate::controlplane::ControlPlane;

use crate::Done;
use crate::Extent;
use crate::process::command;
use crate::process::cpu;
use crate::process::memory;
use crate::process::run;
use crate::process::tools;
use crate::stats::Sample;
use crate::stats::float;
use crate::stats::heading;
use crate::stats::line;
use crate::stats::number;
use crate::world::World;

/// A comment that is not there after this long does not come.
const LIMIT: Duration = Duration::from_mins(1);

/// Pushes to each pull request after it was opened. Few, so that no installation's budget of writes is reached.
const PUSHES: usize = 4;

const SETTINGS: &str =
    "version: 1\nenvironments:\n  staging:\n    sources: [{path: apps/web}]\n    namespace: shop\n";

#[derive(Debug, Default)]
struct Figures {
    opened: Sample,
    pushed: Sample,
    check: Sample,
}

/// Measures and prints.
pub(crate) async fn measure(extent: Extent) -> Done<()> {
    heading("webhook to comment, one app of plain YAML");
    let repositories = extent.of(6, 20);
    let targets = json!({"staging": {"branch": {"name": "rendered/{environment}"}, "repositories": names(repositories)}});
    case("target: a branch", &targets, (true, repositories)).await?;
    case("rendered only (the pull request brings the first file)", &targets, (false, repositories)).await?;
    let plane = ControlPlane::start(&tools()).await?;
    let mut kubectl = command("kubectl")?;
    kubectl.args(["create", "namespace", "shop", "--kubeconfig"]).arg(plane.kubeconfig());
    let said = tempfile::tempdir()?;
    run(&mut kubectl, &said.path().join("kubectl"), &[0])?;
    let place = json!({"kubeconfig": plane.kubeconfig()});
    let targets = json!({"staging": {"kubernetes": place, "repositories": names(repositories)}});
    case("target: Kubernetes", &targets, (true, repositories)).await?;
    plane.stop().await?;
    Ok(())
}

/// An owner for each repository: what may be written is counted for each installation.
fn owner(number: usize) -> String {
    format!("team-{number}")
}

fn names(repositories: usize) -> Vec<String> {
    (0..=repositories).map(|number| format!("{}/shop", owner(number))).collect()
}

async fn case(what: &str, targets: &Value, (in_force, repositories): (bool, usize)) -> Done<()> {
    let world = World::new(targets)?;
    let server = world.serve().await?;
    let mut figures = Figures::default();
    // The first repository warms up.
    one(&world, &owner(0), in_force, &mut Figures::default()).await?;
    let before = cpu(server.id())?;
    for number in 1..=repositories {
        one(&world, &owner(number), in_force, &mut figures).await?;
    }
    let previews = float((figures.opened.len() + figures.pushed.len()) as u64);
    let own = (cpu(server.id())? - before) / previews;
    let violations = world.hub.violations();
    if !violations.is_empty() {
        return Err(format!("the contract was broken: {violations:?}").into());
    }
    line(&format!("{what}: pushes, p50, p95 of {}", figures.pushed.len()), &both(&figures.pushed));
    line(
        &format!("  opened (Git's mirror is made first), of {}", figures.opened.len()),
        &both(&figures.opened),
    );
    line("  until the check is completed, all", &both(&figures.check));
    let (now, most) = memory(server.id())?;
    let own = number(own * 1e3);
    line(
        "  the server's own CPU of each preview; memory, the most",
        &format!("{own} ms; {} MiB, {} MiB", number(now), number(most)),
    );
    Ok(())
}

fn both(sample: &Sample) -> String {
    format!("{} ms, {} ms", number(sample.median() * 1e3), number(sample.percentile(95) * 1e3))
}

async fn one(world: &World, owner: &str, in_force: bool, figures: &mut Figures) -> Done<()> {
    let settings = ("tidegate.yaml", Some(SETTINGS));
    let file = if in_force { (".tidegate.yaml", settings.1) } else { ("README.md", Some("A shop.\n")) };
    let repository = world.repository(owner, &[file, ("apps/web/web.yaml", Some(&app(0)))])?;
    let mut files = vec![("apps/web/web.yaml", app(1))];
    if !in_force {
        files.push((".tidegate.yaml", SETTINGS.to_owned()));
    }
    let borrowed: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let head = repository.commit("work", "Work on it", "ann", &borrowed)?;
    let pull = repository.open_pull("ann", "Work on it", "work", "main")?;
    let (comment, check) = wait(&repository, &pull, &head).await?;
    figures.opened.time(comment);
    figures.check.time(check);
    for push in 0..PUSHES {
        let text = app(2 + push);
        let head = pull.push("ann", &[("apps/web/web.yaml", Some(&text))])?;
        let (comment, check) = wait(&repository, &pull, &head).await?;
        figures.pushed.time(comment);
        figures.check.time(check);
    }
    Ok(())
}

/// How long it takes from now until the comment speaks of this commit, and until the check on it has ended.
async fn wait(repository: &Repository, pull: &Pull, head: &str) -> Done<(Duration, Duration)> {
    let started = Instant::now();
    let short = head.get(..7).ok_or("a short commit id")?;
    let mut comment = None;
    loop {
        if comment.is_none() && pull.comments().iter().any(|one| one.body.contains(short)) {
            comment = Some(started.elapsed());
        }
        let ended = repository.check_runs(head).iter().any(|run| run.status == "completed");
        if let (Some(comment), true) = (comment, ended) {
            return Ok((comment, started.elapsed()));
        }
        if started.elapsed() > LIMIT {
            let said: Vec<String> = pull.comments().into_iter().map(|one| one.body).collect();
            let checks = repository.check_runs(head);
            return Err(format!("no comment on {short} after {LIMIT:?}: {said:?}, {checks:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One app: a Deployment, a Service and a `ConfigMap`; the number changes the image and a setting.
fn app(number: usize) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata:\n  MODE: \"{number}\"\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  selector: {{app: web}}\n  \
         ports: [{{port: 80, targetPort: 8080}}]\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers:\n        - name: web\n          image: registry.example.com/web:{number}\n          \
         envFrom: [{{configMapRef: {{name: web}}}}]\n"
    )
}
