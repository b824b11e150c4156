//! Kustomize apps: `kustomize build`, without plugins, with Helm only where the operator lets it, and with what it reads known
//! beforehand.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::jail::{Cell, Scratch};
use crate::model::fault::{Failure, Fault};
use crate::process::Output;
use crate::render::closure::{Closure, closure};
use crate::render::document::{From, Lines, Part};
use crate::render::inputs::Inputs;
use crate::render::sources::{KUSTOMIZATIONS, Task, manifest};
use crate::render::tree::{Found, Tree, below, join, shown};
use crate::render::{Context, compute, message, mistake, permit, program, sops};
use crate::yaml;

/// Bytes that Helm may write down while Kustomize renders a chart.
const SCRATCH_BYTES: u64 = 256 << 20;
/// Files that it may write.
const SCRATCH_ENTRIES: u64 = 20_000;

/// What was made ready for a run.
#[derive(Debug)]
pub(super) struct Ready {
    /// What it may read.
    pub inputs: Inputs,
    closure: Closure,
}

impl Ready {
    /// Does it render charts, which can draw values and read a clock?
    pub(super) fn inflates(&self) -> bool {
        self.closure.inflates
    }
}

/// Finds what an app reads, or what is wrong with it.
pub(super) fn prepare(context: &Context, task: &Task) -> Result<Ready, Vec<Fault>> {
    let mut closure = closure(&context.tree, &task.path, &context.renderers.limits);
    closure.faults.extend(std::mem::take(&mut closure.elsewhere).into_iter().map(|one| one.fault));
    if !closure.faults.is_empty() {
        return Err(std::mem::take(&mut closure.faults));
    }
    // Where nothing holds it to its closure, what it reads cannot be known for certain.
    let inputs = Inputs { whole: !context.renderers.jail.confines(), ..closure.inputs() };
    Ok(Ready { inputs, closure })
}

/// Renders one app.
pub(super) async fn run(context: Arc<Context>, task: Arc<Task>, ready: Arc<Ready>) -> Result<Part, Failure> {
    let mut args = vec!["build".into(), context.tree.absolute(&task.path).into_os_string()];
    let app = shown(&task.path);
    let mut cell = Cell { read: ready.inputs.readable(&context.tree), ..Cell::default() };
    // Its folder is removed with it.
    let folder = if ready.closure.inflates { Some(inflating(&context, &mut args, &mut cell)?) } else { None };
    let scratch = folder.as_ref().map(|folder| folder.path().to_owned());
    match program::run(&context, "kustomize", &app, args, cell).await? {
        Err(fault) => Ok(Part { faults: vec![fault], ..Part::default() }),
        Ok(output) => {
            compute(move || read(&context, &task.path, &ready.closure, &output, scratch.as_deref())).await
        }
    }
}

/// Lets Kustomize start Helm, which writes down values and charts while it works.
fn inflating(context: &Context, args: &mut Vec<OsString>, cell: &mut Cell) -> Result<TempDir, Failure> {
    let folder = program::scratch(&context.renderers.jail)?;
    cell.scratch =
        Some(Scratch { folder: folder.path().to_owned(), bytes: SCRATCH_BYTES, entries: SCRATCH_ENTRIES });
    args.push("--enable-helm".into());
    // Without one Kustomize says that there is none.
    if let Some(helm) = context.chosen.tool("helm") {
        args.extend(["--helm-command".into(), helm.path.clone().into_os_string()]);
        cell.starts.push(helm.path.clone());
    }
    if let Some(version) = &context.kube_version {
        args.push(format!("--helm-kube-version={version}").into());
    }
    args.extend(context.api_versions.iter().map(|version| format!("--helm-api-versions={version}").into()));
    Ok(folder)
}

/// What a run gave: manifests, or the reason why there are none.
fn read(context: &Context, app: &str, closure: &Closure, output: &Output, scratch: Option<&Path>) -> Part {
    let tree = &context.tree;
    let mut part = Part::default();
    let file = tree.any(app, KUSTOMIZATIONS).map(|name| below(app, name));
    let stderr = output.message();
    if !output.success() {
        let fault = broken(context, closure).unwrap_or_else(|| {
            let fault = explain(&stderr, tree, app, closure, scratch);
            mistake::kustomize(tree, &context.renderers.limits, app, closure, fault)
        });
        part.faults.push(if fault.file.is_none() { Fault { file, ..fault } } else { fault });
        return part;
    }
    let _permit = permit::wait(output.stdout.len() as u64);
    part.warnings = message::warnings(&stderr, tree, scratch.unwrap_or(&tree.absolute("")));
    let limits = &context.renderers.limits;
    part.read(&output.stdout, From { app, file: file.as_deref(), lines: Lines::Rendered }, &limits.yaml);
    let (index, sealed) = index(context, closure);
    // Of what kustomize wrote neither file nor line is known.
    if !sealed.is_empty() && part.faults.iter().any(|fault| fault.message == sops::OBJECT) {
        part.faults.retain(|fault| fault.message != sops::OBJECT);
        part.faults.extend(sealed);
    }
    for piece in &mut part.pieces {
        let name = |pointer: &str| {
            piece.body.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default()
        };
        let key = (name("/kind").to_owned(), name("/metadata/name").to_owned());
        if let Some(Some((file, line))) = index.get(&key) {
            piece.origin.file = Some(file.clone());
            piece.origin.line = Some(*line);
        }
    }
    part
}

/// Where each manifest stands, by kind and name; none where several could be meant.
type Index = HashMap<(String, String), Option<(String, u32)>>;

/// The manifests of the closure, and the faults of those that are encrypted.
fn index(context: &Context, closure: &Closure) -> (Index, Vec<Fault>) {
    let (mut index, mut sealed) = (HashMap::new(), Vec::new());
    let limits = &context.renderers.limits;
    for file in &closure.resources {
        let Ok(bytes) = context.tree.read(file, limits.program.stdout) else { continue };
        let documents = yaml::read(&bytes, &limits.yaml).unwrap_or_default();
        sealed.extend(sops::faults(file, &documents));
        for document in documents {
            let root = &document.root;
            let kind = root.get("kind").and_then(yaml::Node::text);
            let name = root.get("metadata").and_then(|node| node.get("name")).and_then(yaml::Node::text);
            let (Some(kind), Some(name)) = (kind, name) else { continue };
            index
                .entry((kind.to_owned(), name.to_owned()))
                .and_modify(|place| *place = None)
                .or_insert_with(|| Some((file.clone(), root.line)));
        }
    }
    (index, sealed)
}

/// The first file of the closure that is not YAML at all: kustomize tells neither line nor column of it.
fn broken(context: &Context, closure: &Closure) -> Option<Fault> {
    let limits = &context.renderers.limits;
    let files = closure.resources.iter().chain(&closure.others);
    // A chart's templates are YAML only when they are rendered.
    let of_chart = |file: &str| {
        closure
            .folders
            .iter()
            .any(|folder| file.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    let yaml = files.filter(|file| (manifest(file) || closure.resources.contains(*file)) && !of_chart(file));
    yaml.clone().find_map(|file| {
        let bytes = context.tree.read(file, limits.program.stdout).err();
        bytes.or_else(|| {
            let bytes = context.tree.read(file, limits.program.stdout).ok()?;
            yaml::read(&bytes, &limits.yaml).err().map(|fault| fault.file(file.clone()))
        })
    })
}

/// Kustomize's own message: the innermost reason, and the file that it names.
fn explain(stderr: &str, tree: &Tree, app: &str, closure: &Closure, scratch: Option<&Path>) -> Fault {
    if let Some(crash) = message::crash(stderr) {
        return Fault::new(format!("kustomize crashed: {crash}")).hint(program::TOO_MUCH);
    }
    let error = stderr.split_once("Error: ").map_or(stderr, |(_, error)| error);
    // How it started Helm is nobody's concern, and names places of ours.
    let error = error.split_once(": unable to run: '").map_or(error, |(before, _)| before);
    let error =
        error.trim_start_matches("Error: ").replace("Use --debug flag to render out invalid YAML", "");
    let root = tree.absolute("");
    let error = message::clean(&error, tree, scratch.unwrap_or(&root));
    if error.is_empty() {
        return program::silent("kustomize");
    }
    // accumulating resources: accumulation err='accumulating resources from 'FILE': REASON': must build at directory …
    let mut reason = error.as_str();
    let mut named = None;
    while let Some((_, rest)) = reason.split_once("accumulating resources from '") {
        let Some((file, rest)) = rest.split_once("': ") else { break };
        (named, reason) = (Some(file), rest);
    }
    let reason = reason.split("': must build at directory").next().unwrap_or(reason);
    let known = |name: &str| {
        let direct = join(app, name).filter(|path| tree.look(path) == Found::File);
        let tail = format!("/{}", name.trim_start_matches("./"));
        let all = || closure.resources.iter().chain(&closure.others);
        let mut fit = all().filter(|file| *file == name || file.ends_with(&tail));
        let only = fit.next().filter(|_| fit.next().is_none()).cloned();
        direct.or(only)
    };
    let mut fault = Fault::new(format!("kustomize: {}", reason.trim()));
    fault.file = named.and_then(known).or_else(|| message::file(reason, known));
    fault
}
