//! Rendering beside the renderers alone: all apps of an environment, a plan of a few that changed, and the jail's own cost.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::Done;
use crate::Extent;
use crate::apps;
use crate::cell;
use crate::process::Cost;
use crate::process::command;
use crate::process::run;
use crate::process::says;
use crate::process::tidegate;
use crate::stats::Sample;
use crate::stats::heading;
use crate::stats::line;
use crate::stats::number;

/// Kustomize apps.
const APPS: usize = 500;
/// Of which one pull request changes these many.
const CHANGED: usize = 5;
/// Charts.
const CHARTS: usize = 100;

/// Where temporary files are in memory on Linux: how long a disk takes to make and remove thousands of files says more of
/// its file system, and of what was removed just before, than of us.
const MEMORY: &str = "/dev/shm";

/// What a program took, over the rounds.
#[derive(Debug, Default)]
struct Figures {
    wall: Sample,
    cpu: Sample,
}

impl Figures {
    fn add(&mut self, cost: Cost) {
        self.wall.time(cost.wall);
        self.cpu.add(cost.cpu);
    }

    /// One line; with a ratio if it is compared with our own.
    fn tell(&self, what: &str, own: Option<&Self>) {
        let mut text = self.wall.show(1.0, "s");
        if let Some(own) = own {
            text = format!("{text}; {}", self.wall.over(&own.wall).show(1.0, "times Tidegate's"));
        }
        line(what, &format!("{text}; CPU {} s", number(self.cpu.median())));
    }
}

/// Measures and prints.
pub(crate) fn measure(extent: Extent) -> Done<()> {
    let rounds = extent.of(1, 3);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    heading(&format!("rendering with {cores} at once, beside xargs -P{cores}, {rounds} round(s)"));
    line(
        "versions",
        &format!(
            "kustomize {}, helm {}",
            says("kustomize", &["version"]),
            says("helm", &["version", "--short"])
        ),
    );
    cell::measure(extent)?;
    whole(Ground::new(apps::kustomize, APPS, cores)?, rounds)?;
    charts(&Ground::new(apps::charts, CHARTS, cores)?, rounds)
}

/// All Kustomize apps, then plans of some that changed.
fn whole(ground: Ground, rounds: usize) -> Done<()> {
    let kustomize = ["kustomize", "build"];
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    let [mut cold, mut warm, mut same, mut few, mut disk] = <[Figures; 5]>::default();
    let mut pull = Pull { ground, changes: 0 };
    for round in 0..rounds {
        ours.add(pull.ground.render(APPS * apps::OBJECTS)?);
        theirs.add(pull.ground.xargs(&kustomize, &pull.ground.names()?, APPS * apps::OBJECTS)?);
        let cache = format!("cache-{round}");
        pull.commit()?;
        cold.add(pull.plan(&cache, None)?);
        // All that the base holds is kept now.
        let names = pull.commit()?;
        warm.add(pull.plan(&cache, None)?);
        few.add(pull.ground.xargs(&kustomize, &names, CHANGED * apps::OBJECTS)?);
        same.add(pull.plan(&cache, None)?);
        disk.add(pull.plan(&cache, Some(pull.ground.folder.path()))?);
    }
    println!("-- {APPS} Kustomize apps over shared bases");
    ours.tell("tidegate render, nothing kept", None);
    theirs.tell("kustomize build, all apps", Some(&ours));
    cold.tell(&format!("tidegate plan, {CHANGED} changed: nothing kept"), None);
    theirs.tell("kustomize build, all apps", Some(&cold));
    warm.tell(&format!("tidegate plan, {CHANGED} changed: the base kept"), None);
    few.tell(&format!("kustomize build, these {CHANGED} alone: the limit"), Some(&warm));
    theirs.tell("kustomize build, all apps", Some(&warm));
    same.tell("tidegate plan once more: all kept", None);
    theirs.tell("kustomize build, all apps", Some(&same));
    disk.tell("  the same, temporary files on the disk", None);
    Ok(())
}

fn charts(ground: &Ground, rounds: usize) -> Done<()> {
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        ours.add(ground.render(CHARTS * apps::CHART)?);
        theirs.add(ground.xargs(&["helm", "template"], &ground.names()?, CHARTS * apps::CHART)?);
    }
    println!("-- {CHARTS} charts");
    ours.tell("tidegate render, each twice (the probe), nothing kept", None);
    theirs.tell("helm template, each once", Some(&ours));
    Ok(())
}

/// A repository.
struct Ground {
    folder: TempDir,
    cores: usize,
}

impl Ground {
    fn new(write: fn(&Path, usize) -> Done<()>, count: usize, cores: usize) -> Done<Self> {
        let ground = Self { folder: TempDir::with_prefix("tidegate-bench-")?, cores };
        write(&ground.repository(), count)?;
        ground.git(&["init", "--quiet", "--initial-branch=main"])?;
        ground.commit()?;
        Ok(ground)
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Our rendering, nothing kept from before.
    fn render(&self, objects: usize) -> Done<Cost> {
        let mut render = self.at(tidegate()?);
        self.ended(render.args(["render", "all"]), "render.yaml", objects)
    }

    /// A program for each of these apps, as many at once as we run.
    fn xargs(&self, program: &[&str], names: &[String], objects: usize) -> Done<Cost> {
        fs::write(self.folder.path().join("names"), names.join("\n"))?;
        let mut xargs = command("xargs")?;
        let once = format!("-P{}", self.cores);
        xargs.args(["-a", "../../names", &once, "-n1"]).args(program);
        xargs.current_dir(self.repository().join("apps")).env("HOME", self.folder.path());
        self.ended(&mut xargs, "xargs.yaml", objects)
    }

    /// Runs it, and sees that it gave what it should.
    fn ended(&self, program: &mut std::process::Command, output: &str, objects: usize) -> Done<Cost> {
        let output = self.folder.path().join(output);
        let cost = run(program, &output, &[0])?;
        let text = fs::read_to_string(output)?;
        let given = text.lines().filter(|line| line.starts_with("kind:")).count();
        if given == objects { Ok(cost) } else { Err(format!("{given} objects instead of {objects}").into()) }
    }

    /// The folders of all apps.
    fn names(&self) -> Done<Vec<String>> {
        let listed = fs::read_dir(self.repository().join("apps"))?;
        let names = listed.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn at(&self, mut command: std::process::Command) -> std::process::Command {
        if Path::new(MEMORY).is_dir() {
            command.env("TMPDIR", MEMORY);
        }
        command.current_dir(self.repository()).env("HOME", self.folder.path());
        command
    }

    fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done<()> {
        let mut git = self.at(command("git")?);
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        run(&mut git, &self.folder.path().join("git.out"), &[0]).map(drop)
    }

    fn commit(&self) -> Done<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message=Work on it"])
    }
}

/// Pull requests of one commit each, one on top of the other.
struct Pull {
    ground: Ground,
    changes: usize,
}

impl Pull {
    /// Changes the next few apps, and names them.
    fn commit(&mut self) -> Done<Vec<String>> {
        self.changes += 1;
        let all = (0..CHANGED).map(|place| (self.changes * CHANGED + place * 97) % APPS);
        let numbers: Vec<usize> = all.collect();
        for number in &numbers {
            apps::change(&self.ground.repository(), *number, self.changes)?;
        }
        self.ground.commit()?;
        Ok(numbers.into_iter().map(apps::app).collect())
    }

    /// A plan of the last commit, with what is kept in a folder of this name.
    fn plan(&self, cache: &str, temporary: Option<&Path>) -> Done<Cost> {
        let output = self.ground.folder.path().join("plan.json");
        let mut plan = self.ground.at(tidegate()?);
        plan.args(["plan", "--rendered", "--base", "HEAD~1", "--format", "json", "--cache"]);
        plan.arg(self.ground.folder.path().join(cache));
        if let Some(temporary) = temporary {
            plan.env("TMPDIR", temporary);
        }
        let cost = run(&mut plan, &output, &[2])?;
        let plan: Value = serde_json::from_slice(&fs::read(output)?)?;
        // A generated name carries a digest: one is made, one removed, and the Deployment names it.
        let changes = plan.pointer("/environments/0/changes").and_then(Value::as_array).map_or(0, Vec::len);
        if changes == CHANGED * 3 { Ok(cost) } else { Err(format!("{changes} changes").into()) }
    }
}
