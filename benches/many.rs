//! A live plan of ten thousand objects of which ten changed: time, memory, and every request that the API server sees.

use std::fmt::Write as _;
use std::path::Path;

use kube::Client;
use serde_json::json;
use tempfile::TempDir;
use tidegate::controlplane::ControlPlane;

use crate::Done;
use crate::Extent;
use crate::bare;
use crate::process::{Cost, command, run, tidegate, tools};
use crate::server::private;
use crate::stats::{Sample, heading, line, number};

const OBJECTS: usize = 10_000;
const CHANGED: usize = 10;
/// Objects of one file.
const FILE: usize = 100;

/// Measures and prints.
pub(crate) async fn measure(extent: Extent) -> Done<()> {
    heading(&format!("{OBJECTS} objects of which {CHANGED} changed"));
    let plane = ControlPlane::start(&tools()).await?;
    let client = bare::client(plane.kubeconfig()).await?;
    let folder = TempDir::with_prefix("tidegate-bench-")?;
    let at = folder.path();
    let repository = at.join("repository");
    std::fs::create_dir(&repository)?;
    std::fs::write(
        repository.join(".tidegate.yaml"),
        "version: 1\nenvironments:\n  many: {target: cluster, namespace: many, sources: [{path: apps}]}\n",
    )?;
    let target =
        json!({"kubernetes": {"kubeconfig": plane.kubeconfig()}, "repositories": ["local/checkout"]});
    private(at, "server.yaml", &json!({"targets": {"cluster": target}}).to_string())?;
    let mut namespace = command("kubectl")?;
    namespace.env("HOME", at).env("KUBECONFIG", plane.kubeconfig());
    run(namespace.args(["create", "namespace", "many"]), &at.join("kubectl.out"), &[0])?;
    write(&repository, 0)?;
    git(at, &["init", "--quiet", "--initial-branch=main"])?;
    commit(at)?;
    let first = tidegate_in(at, &["apply", "many", "--baseline"], &[0])?;
    line("first apply of all", &format!("{} s", number(first.wall.as_secs_f64())));
    for (title, change) in [("nothing changed", 0), ("10 changed", 1)] {
        if change > 0 {
            write(&repository, change)?;
        }
        commit(at)?;
        let (mut wall, mut peak, mut asked) = (Sample::default(), Sample::default(), 0.0);
        for _ in 0..extent.of(3, 7) {
            let before = requests(&client).await?;
            let cost = tidegate_in(at, &["plan", "many", "--base", "HEAD~1"], &[0, 2])?;
            // Asking for the count is one of them.
            asked = requests(&client).await? - before;
            wall.time(cost.wall);
            peak.add(cost.peak);
        }
        line(
            &format!("plan, {title}"),
            &format!("{}; at most {}", wall.show(1.0, "s"), peak.show(1.0, "MiB")),
        );
        line("", &format!("{} requests of anybody meanwhile", number(asked)));
    }
    plane.stop().await?;
    Ok(())
}

/// All requests that the API server has answered, whoever asked: its controllers' are among them.
async fn requests(client: &Client) -> Done<f64> {
    let text = client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
    let mut sum = 0.0;
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        sum += line.rsplit(' ').next().unwrap_or_default().parse::<f64>()?;
    }
    Ok(sum)
}

fn write(repository: &Path, change: usize) -> Done<()> {
    let apps = repository.join("apps");
    std::fs::create_dir_all(&apps)?;
    for file in 0..OBJECTS / FILE {
        let mut text = String::new();
        for number in file * FILE..(file + 1) * FILE {
            let value = if number % (OBJECTS / CHANGED) == 0 { change } else { 0 };
            writeln!(
                text,
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: object-{number}\n  labels: {{app: many}}\ndata:\n  \
                 CHANGE: \"{value}\"\n  SETTING: \"of object {number}\"\n  URL: https://many.example.com/{number}"
            )?;
        }
        std::fs::write(apps.join(format!("{file:02}.yaml")), text)?;
    }
    Ok(())
}

fn tidegate_in(at: &Path, arguments: &[&str], good: &[i32]) -> Done<Cost> {
    let mut command = tidegate()?;
    command.current_dir(at.join("repository")).env("HOME", at);
    command.args(arguments).arg("--config").arg(at.join("server.yaml"));
    run(&mut command, &at.join("tidegate.out"), good)
}

fn git(at: &Path, arguments: &[&str]) -> Done<()> {
    let mut git = command("git")?;
    git.current_dir(at.join("repository")).env("HOME", at);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(arguments);
    run(&mut git, &at.join("git.out"), &[0]).map(drop)
}

fn commit(at: &Path) -> Done<()> {
    git(at, &["add", "--all"])?;
    git(at, &["commit", "--quiet", "--allow-empty", "--message=Work on it"])
}
