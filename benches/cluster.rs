//! Live plan and apply of one thousand objects, beside `kubectl diff` and `kubectl apply`, both `--server-side`, on the same
//! API server, and beside a bare client that only sends requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use kube::Client;
use serde_json::json;
use tempfile::TempDir;
use tidegate::controlplane::ControlPlane;

use crate::Done;
use crate::Extent;
use crate::bare;
use crate::manifests::Manifests;
use crate::manifests::OBJECTS;
use crate::process::Cost;
use crate::process::calm;
use crate::process::command;
use crate::process::cpu;
use crate::process::run;
use crate::process::tidegate;
use crate::process::tools;
use crate::requests::Applies;
use crate::server::private;
use crate::stats::Sample;
use crate::stats::heading;
use crate::stats::line;
use crate::stats::number;

/// After a write, controllers are at rest within this time.
const CONTROLLERS: Duration = Duration::from_mins(1);

/// What has changed, and every how many-eth object; none changes with 0.
const CASES: [(&str, usize); 3] = [("nothing changed", 0), ("5 % changed", 20), ("all changed", 1)];

/// What a program took, over the rounds.
#[derive(Debug, Default)]
struct Figures {
    wall: Sample,
    cpu: Sample,
    peak: Sample,
    server: Sample,
    applies: Applies,
}

/// Figures by step and program, in the order of their names.
type All = BTreeMap<(usize, &'static str, &'static str), Figures>;

struct Ground {
    plane: ControlPlane,
    client: Client,
    folder: TempDir,
    api: u32,
    all: All,
}

/// Measures and prints.
pub(crate) async fn measure(extent: Extent) -> Done<()> {
    let rounds = extent.of(1, 3);
    heading(&format!("{OBJECTS} objects on one API server, {rounds} round(s)"));
    let plane = ControlPlane::start(&tools()).await?;
    let client = bare::client(plane.kubeconfig()).await?;
    let server = plane.processes().into_iter().find(|(name, _)| *name == "kube-apiserver");
    let api = server.ok_or("no API server")?.1;
    let folder = TempDir::with_prefix("tidegate-bench-")?;
    let mut ground = Ground { plane, client, folder, api, all: All::new() };
    ground.prepare(rounds).await?;
    for round in 1..=rounds {
        ground.round(round).await?;
    }
    for (step, (what, _)) in [("first, nothing is there", 0)].iter().chain(&CASES).enumerate() {
        tell(&ground.all, step, what);
    }
    ground.plane.stop().await?;
    Ok(())
}

impl Ground {
    /// Files, a repository, namespaces; the API server warmed by dry runs.
    async fn prepare(&self, rounds: usize) -> Done<()> {
        let mut settings = "version: 1\nenvironments:\n".to_owned();
        for round in 1..=rounds {
            writeln!(
                settings,
                "  round-{round}: {{target: cluster, namespace: ours-{round}, sources: [{{path: apps}}]}}"
            )?;
        }
        std::fs::create_dir(self.repository())?;
        std::fs::write(self.repository().join(".tidegate.yaml"), settings)?;
        let cluster = json!({"kubernetes": {"kubeconfig": self.plane.kubeconfig()}, "repositories": ["local/checkout"]});
        private(self.folder.path(), "server.yaml", &json!({"targets": {"cluster": cluster}}).to_string())?;
        self.git(&["init", "--quiet", "--initial-branch=main"])?;
        self.commit()?;
        let sides =
            (1..=rounds).flat_map(|round| ["ours", "theirs", "bare"].map(|side| format!("{side}-{round}")));
        for namespace in sides.chain(["warm-0".to_owned()]) {
            run(self.kubectl()?.args(["create", "namespace", &namespace]), &self.output("kubectl"), &[0])?;
        }
        let warm = Manifests::new().requests("warm-0")?;
        bare::apply(&self.client, &warm, true).await?;
        Ok(())
    }

    async fn round(&mut self, round: usize) -> Done<()> {
        let mut manifests = Manifests::new();
        manifests.write(&self.repository().join("apps"))?;
        self.commit()?;
        self.step(0, round, &manifests).await?;
        for (step, (_, every)) in CASES.into_iter().enumerate() {
            if every > 0 {
                manifests.change(every);
                manifests.write(&self.repository().join("apps"))?;
            }
            // Where nothing changed, the commit is empty: its parent is what is deployed.
            self.commit()?;
            self.step(step + 1, round, &manifests).await?;
        }
        Ok(())
    }

    /// Plan and diff, then both applies.
    async fn step(&mut self, step: usize, round: usize, manifests: &Manifests) -> Done<()> {
        let (environment, theirs) = (format!("round-{round}"), format!("theirs-{round}"));
        let config = self.folder.path().join("server.yaml");
        let requests = manifests.requests(&format!("bare-{round}"))?;
        let files = ["--server-side", "--recursive", "--filename", "apps", "--namespace", &theirs];

        let mut plan = self.at(tidegate()?);
        plan.args(["plan", &environment, "--base", "HEAD~1", "--format", "json", "--config"]).arg(&config);
        self.program((step, "plan", "tidegate plan"), &mut plan, &[0, 2]).await?;
        let mut diff = self.at(self.kubectl()?);
        diff.arg("diff").args(files);
        self.program((step, "plan", "kubectl diff"), &mut diff, &[0, 1]).await?;
        self.bare((step, "plan", "bare dry runs"), &requests, true).await?;

        let mut apply = self.at(tidegate()?);
        apply.args(["apply", &environment, "--baseline", "--config"]).arg(&config);
        self.program((step, "then apply", "tidegate apply"), &mut apply, &[0]).await?;
        let mut other = self.at(self.kubectl()?);
        other.arg("apply").args(files);
        self.program((step, "then apply", "kubectl apply"), &mut other, &[0]).await?;
        self.bare((step, "then apply", "bare applies"), &requests, false).await
    }

    async fn program(
        &mut self,
        key: (usize, &'static str, &'static str),
        command: &mut Command,
        good: &[i32],
    ) -> Done<()> {
        let (applies, cpu) = self.before().await?;
        let output = self.output(&format!("{}-{}", key.0, key.2.replace(' ', "-")));
        let cost = run(command, &output, good)?;
        self.after(key, cost, (applies, cpu)).await
    }

    async fn bare(
        &mut self,
        key: (usize, &'static str, &'static str),
        requests: &[(String, Vec<u8>)],
        dry: bool,
    ) -> Done<()> {
        let before = self.before().await?;
        let wall = bare::apply(&self.client, requests, dry).await?;
        self.after(key, Cost { wall, cpu: 0.0, peak: 0.0 }, before).await
    }

    /// The state of the API server before a step, once everything is at rest.
    async fn before(&self) -> Done<(Applies, f64)> {
        for (_, process) in self.plane.processes() {
            calm(process, CONTROLLERS).await?;
        }
        Ok((Applies::counted(&self.client).await?, cpu(self.api)?))
    }

    async fn after(
        &mut self,
        key: (usize, &'static str, &'static str),
        cost: Cost,
        (applies, before): (Applies, f64),
    ) -> Done<()> {
        let server = cpu(self.api)? - before;
        let figures = self.all.entry(key).or_default();
        figures.wall.time(cost.wall);
        figures.cpu.add(cost.cpu);
        figures.peak.add(cost.peak);
        figures.server.add(server);
        figures.applies = Applies::counted(&self.client).await?.since(applies);
        Ok(())
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.out"))
    }

    fn at(&self, mut command: Command) -> Command {
        command.current_dir(self.repository()).env("HOME", self.folder.path());
        command
    }

    fn kubectl(&self) -> Done<Command> {
        let mut kubectl = command("kubectl")?;
        kubectl.env("HOME", self.folder.path()).env("KUBECONFIG", self.plane.kubeconfig());
        Ok(kubectl)
    }

    fn git(&self, arguments: &[&str]) -> Done<()> {
        let mut git = self.at(command("git")?);
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        run(&mut git, &self.output("git"), &[0]).map(drop)
    }

    fn commit(&self) -> Done<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message=Work on it"])
    }
}

fn tell(all: &All, step: usize, what: &str) {
    println!("-- {what}");
    for (verb, ours) in [("plan", "tidegate plan"), ("then apply", "tidegate apply")] {
        let Some(own) = all.get(&(step, verb, ours)) else { continue };
        for ((_, _, name), figures) in all.range((step, verb, "")..=(step, verb, "~")) {
            let mut text = figures.wall.show(1.0, "s");
            if *name != ours {
                let ratio = figures.wall.over(&own.wall).show(1.0, "times Tidegate's");
                text.push_str("; ");
                text.push_str(&ratio);
            }
            line(name, &text);
            let (dry, real) = (number(figures.applies.dry), number(figures.applies.real));
            let server = number(figures.server.median());
            let mut cost = format!("{dry} dry runs, {real} applies, API server {server} s of CPU");
            if figures.cpu.median() > 0.0 {
                let (cpu, peak) = (number(figures.cpu.median()), number(figures.peak.median()));
                cost = format!("{cost}; own CPU {cpu} s, at most {peak} MiB");
            }
            line("", &cost);
        }
    }
}
