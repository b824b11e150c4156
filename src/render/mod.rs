//! Adapter: a folder and its settings to a bundle, by Kustomize, Helm or plain manifests.
//!
//! [`render`] matches the sources in a materialised tree, renders each app by its renderer, several at once, and joins
//! what they give into one bundle: identities unique, namespaces filled in, hooks apart. What is wrong in the author's
//! files comes back as faults with their place in the repository; only a missing program or a failing system is a
//! [`Failure`].
//!
//! Nothing outside the tree is read: every path that the author writes is resolved here before a program sees it, and
//! programs get an empty environment with a scratch folder for a home.

mod assemble;
mod budget;
mod cache;
mod chart;
mod clock;
mod closure;
mod constraint;
mod document;
mod helm;
mod inflate;
mod inputs;
mod kept;
mod kustomize;
mod local;
mod message;
mod mistake;
mod omitted;
mod permit;
mod plain;
mod probe;
mod program;
mod remote;
mod schema;
mod scope;
mod sops;
mod sources;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;
mod tools;
mod tree;
mod turns;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::jail::Jail;
use crate::model::fault::{Cause, Failure, Fault};
use crate::model::id::{EnvironmentName, RepoId};
use crate::model::object::Bundle;
use crate::model::settings::{Renderer, Source, Versions};
use crate::model::target::Capabilities;
use crate::process;
use crate::render::budget::Counts;
use crate::render::clock::Clock;
use crate::render::document::Part;
use crate::render::inputs::Memory;
use crate::render::remote::Visit;
use crate::render::sources::Task;
use crate::render::tools::Chosen;
use crate::render::tree::{Tree, shown};
use crate::yaml;

pub(crate) use budget::Budget;
pub(crate) use cache::Cache;
pub(crate) use omitted::Omitted;
pub(crate) use remote::Remote;
pub(crate) use tools::Tools;
pub(crate) use turns::Turns;

/// The most faults that one environment reports; more of them help nobody.
const FAULTS: usize = 500;

/// How long an environment's rendering may take on the clock, waiting for turns and for other hosts with it.
const WAIT: Duration = Duration::from_mins(30);
/// How many apps of one environment fetch at once.
const LOOKS: usize = 4;
/// How much what one environment renders to may take in memory, about.
const WEIGHT: usize = 512 << 20;

/// The programs that render, and how much they may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renderers {
    /// The programs by name and version.
    pub tools: Tools,
    /// How much rendering may use.
    pub limits: Limits,
    /// How they are kept in.
    pub jail: Jail,
    /// What was rendered before; none: everything is rendered anew.
    pub cache: Option<Cache>,
    /// What is fetched from listed hosts; none: nothing is.
    pub remote: Option<Remote>,
    /// Whose turn it is; shared by all that renders in this process.
    pub turns: Turns,
}

/// How much rendering may use: one job in all, and each of its programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Apps of all environments.
    pub apps: usize,
    /// Objects and hooks of all environments.
    pub objects: usize,
    /// Time for all that one job renders.
    pub time: Duration,
    /// What one run of a program may use.
    pub program: process::Limits,
    /// What one file or one program's output may hold.
    pub yaml: yaml::Limits,
    /// May kustomizations render charts by themselves (`helmCharts`)?
    pub inflate: bool,
}

/// 5,000 apps, 20,000 objects and ten minutes in all; of one program a minute, 1 GiB of data and 64 MiB of output.
impl Default for Limits {
    fn default() -> Self {
        Self::of(Duration::from_mins(1), 1 << 30, 64 << 20)
    }
}

impl Limits {
    /// The usual limits, with the operator's for one program: its time, its memory in bytes, its output in bytes.
    pub(crate) fn of(time: Duration, memory: u64, output: usize) -> Self {
        let program = process::Limits {
            time,
            stdout: output,
            data: Some(memory),
            file: Some(256 << 20),
            // Several threads use more of it than passes on the clock.
            cpu: Some(time.as_secs().saturating_mul(2).max(1)),
            ..process::Limits::default()
        };
        Self {
            apps: 5_000,
            objects: 20_000,
            time: Duration::from_mins(10),
            program,
            yaml: yaml::Limits { bytes: output, ..yaml::Limits::default() },
            inflate: false,
        }
    }
}

impl Renderers {
    /// The programs that lie in the configured folder, or else on `path` (as in `PATH`).
    pub(crate) fn find(folder: Option<&Path>, path: Option<&OsStr>) -> Self {
        Self { tools: Tools::new(folder, path), ..Self::default() }
    }
}

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The folder that holds the materialised tree.
    pub root: &'a Path,
    /// The repository, which takes its turn among others.
    pub owner: RepoId,
    /// What was left out of that tree.
    pub omitted: &'a Arc<Omitted>,
    /// The environment, which fills the placeholder in paths.
    pub environment: &'a EnvironmentName,
    /// Where the apps lie.
    pub sources: &'a [Source],
    /// The versions of renderers that it asks for.
    pub versions: &'a Versions,
    /// The namespace of namespaced objects that name none; the target's own default if none.
    pub namespace: Option<&'a str>,
    /// What the target knows.
    pub capabilities: &'a Capabilities,
    /// What the job may still render.
    pub budget: &'a Budget,
}

/// What rendering gave. With faults the bundle is what could be rendered, which must not be deployed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rendered {
    /// The objects.
    pub bundle: Bundle,
    /// What the author must mend.
    pub faults: Vec<Fault>,
    /// The apps, sorted by path.
    pub apps: Vec<App>,
    /// For each source: did it match anything? One that matches neither before nor after a change is a mistake.
    pub matched: Vec<bool>,
    /// The versions of the programs that rendered the apps, by their names.
    pub renderers: BTreeMap<String, String>,
}

/// An app and how it was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    /// Its folder or file, relative to the repository; `.` is the repository itself.
    pub path: String,
    /// Its renderer.
    pub renderer: Renderer,
    /// Did its source say so, rather than what lies there?
    pub said: bool,
}

/// Renders all apps of an environment.
pub(crate) async fn render(renderers: &Renderers, wanted: &Wanted<'_>) -> Result<Rendered, Failure> {
    let room = wanted.budget.room(wanted.root, wanted.environment);
    let tree = Tree::open(wanted.root, wanted.omitted)?;
    renderers
        .jail
        .admit(wanted.root)
        .map_err(|error| Failure::ours("the tree could not be opened", error))?;
    let mut found = sources::find(&tree, wanted, room.apps);
    let app = |task: &Task| App { path: shown(&task.path), renderer: task.renderer, said: task.said };
    let mut counts = Counts { apps: found.apps.len(), objects: 0 };
    let apps = found.apps.iter().map(app);
    let mut rendered = Rendered {
        apps: apps.collect(),
        matched: found.matched,
        faults: found.faults,
        bundle: Bundle::default(),
        renderers: BTreeMap::new(),
    };
    let chosen = renderers.tools.choose(wanted.versions, &found.apps, renderers.limits.inflate).await?;
    rendered.renderers = chosen.versions();
    found.apps.retain(|task| chosen.faults.iter().all(|(renderer, _)| *renderer != task.renderer));
    rendered.faults.extend(chosen.faults.iter().map(|(_, fault)| fault.clone()));
    let context = Context {
        tree,
        renderers: renderers.clone(),
        chosen,
        namespace: wanted.namespace.or(wanted.capabilities.default_namespace.as_deref()).map(str::to_owned),
        kube_version: wanted.capabilities.kube_version.clone(),
        api_versions: wanted.capabilities.api_versions.iter().cloned().collect(),
        owner: wanted.owner,
        environment: wanted.environment.clone(),
        memory: wanted.budget.memory(wanted.root),
        visit: renderers.remote.as_ref().map(|remote| wanted.budget.visit(remote)),
        looks: Arc::new(Semaphore::new(LOOKS)),
        clock: Arc::default(),
    };
    let namespace = context.namespace.clone();
    let clock = Arc::clone(&context.clock);
    let work = tokio::time::timeout(WAIT, all(Arc::new(context), found.apps));
    tokio::select! {
        biased;
        parts = work => {
            let waited = "rendering waited half an hour for its turns or for other hosts";
            let parts = parts.map_err(|_| Failure::Weather(Cause::plain(waited)))??;
            counts.objects = parts.iter().map(|part| part.pieces.len()).sum();
            let joined = assemble::join(parts, namespace.as_deref(), wanted.capabilities, room.objects);
            rendered.bundle = joined.bundle;
            rendered.faults.extend(joined.faults);
        }
        () = clock.reach(room.time) => rendered.faults.push(wanted.budget.too_slow()),
    }
    wanted.budget.spend(wanted.root, wanted.environment, clock.shown(), counts);
    rendered.faults.truncate(FAULTS);
    Ok(rendered)
}

/// What every app's rendering needs.
struct Context {
    tree: Tree,
    renderers: Renderers,
    /// The program of each renderer.
    chosen: Chosen,
    namespace: Option<String>,
    kube_version: Option<String>,
    api_versions: Vec<String>,
    owner: RepoId,
    environment: EnvironmentName,
    memory: Arc<Memory>,
    /// What the job fetches; none: nothing.
    visit: Option<Visit>,
    /// How many apps look for what they name elsewhere at once; that is waiting, and takes no turn.
    looks: Arc<Semaphore>,
    /// How long the apps were rendered.
    clock: Arc<Clock>,
}

impl Context {
    /// The same over another tree.
    fn over(&self, tree: Tree) -> Self {
        Self {
            tree,
            renderers: self.renderers.clone(),
            namespace: self.namespace.clone(),
            kube_version: self.kube_version.clone(),
            api_versions: self.api_versions.clone(),
            owner: self.owner,
            environment: self.environment.clone(),
            chosen: self.chosen.clone(),
            memory: Arc::default(),
            visit: self.visit.clone(),
            looks: Arc::clone(&self.looks),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// All apps, as many at once as there are turns; what they give in the order of the apps.
async fn all(context: Arc<Context>, tasks: Vec<Task>) -> Result<Vec<Part>, Failure> {
    let mut parts: Vec<Part> = tasks.iter().map(|_| Part::default()).collect();
    // Dropping the set, as the deadline does, drops what runs and so kills its programs.
    let mut running = JoinSet::new();
    for (index, task) in tasks.into_iter().enumerate() {
        let context = Arc::clone(&context);
        running.spawn(async move { (index, one(context, task).await) });
    }
    let mut weight = 0_usize;
    while let Some(ended) = running.join_next().await {
        let (index, part) = ended.map_err(|error| Failure::ours("an app's rendering broke off", error))?;
        weight = weight.saturating_add(part.as_ref().map_or(0, Part::weight));
        if weight > WEIGHT {
            let message = format!("what the apps render to takes more than {} MiB of memory", WEIGHT >> 20);
            let fault = Fault::new(message)
                .hint("split the environment; look for large texts that every app repeats");
            return Ok(vec![Part { faults: vec![fault], ..Part::default() }]);
        }
        if let Some(slot) = parts.get_mut(index) {
            *slot = part?;
        }
    }
    Ok(parts)
}

/// One app by its renderer.
async fn one(context: Arc<Context>, task: Task) -> Result<Part, Failure> {
    let app = shown(&task.path);
    let mut part = match task.renderer {
        // Reading it is all that rendering it is: nothing that was kept would be read faster.
        Renderer::Plain => {
            let _turn = context.renderers.turns.take(context.owner).await;
            let _running = context.clock.run();
            let context = Arc::clone(&context);
            compute(move || plain::render(&context.tree, &task.path, &context.renderers.limits)).await?
        }
        Renderer::Kustomize | Renderer::Helm => local::render(context, task).await?,
    };
    for fault in &mut part.faults {
        fault.app.get_or_insert_with(|| app.clone());
    }
    if part.pieces.is_empty() && part.faults.is_empty() {
        part.warnings.push(format!("{app}: it gives no objects"));
    }
    part.app = app;
    Ok(part)
}

/// Work that computes rather than waits, off the threads that wait.
async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::ours("reading what an app gives broke off", error))
}
