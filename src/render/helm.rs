//! Helm apps: `helm template` of a chart whose dependencies lie in it, with values from files and from the settings.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::jail::Cell;
use crate::model::fault::{Failure, Fault};
use crate::model::settings::Values;
use crate::process::Output;
use crate::render::chart::{self, Chart};
use crate::render::document::{From, Lines, Part, Piece};
use crate::render::inputs::Inputs;
use crate::render::sources::{CHART, Task};
use crate::render::tree::{Found, Tree, below, join, shown};
use crate::render::{Context, compute, message, mistake, permit, program, sops};
use crate::yaml;

/// Where a chart lies in the scratch folder with all that it depends on.
const WHOLE: &str = "chart";
/// Helm's annotation that makes an object a hook.
const HOOK: &str = "helm.sh/hook";

/// What was made ready for a run.
#[derive(Debug)]
pub(super) struct Ready {
    /// What it may read.
    pub inputs: Inputs,
    chart: Chart,
    release: String,
    /// What the author should know although nothing is wrong.
    warnings: Vec<String>,
    /// The content of each entry of `values`, and the author's file if it is one.
    values: Vec<(Vec<u8>, Option<String>)>,
}

impl Ready {
    /// May what it gives depend on the time?
    pub(super) fn reads_clock(&self) -> bool {
        self.chart.clock
    }
}

/// The name of an entry of `values` in the scratch folder. One of our own: helm splits the option's value at commas.
fn values_name(index: usize) -> String {
    format!("values-{index}.yaml")
}

/// Looks at what helm will read, or tells what is wrong with it.
pub(super) fn prepare(context: &Context, task: &Task) -> Result<Ready, Vec<Fault>> {
    let mut chart = chart::inspect(&context.tree, &task.path, &context.renderers.limits);
    let mut faults = std::mem::take(&mut chart.faults);
    faults.extend(std::mem::take(&mut chart.elsewhere).into_iter().map(|one| one.fault));
    let release = release(task).unwrap_or_else(|fault| {
        faults.push(fault);
        String::new()
    });
    let mut warnings = Vec::new();
    if let (Some(packed), Some(schema)) = (&chart.packed, &chart.schema) {
        let packed = shown(packed);
        warnings.push(format!("values are not checked against {}: {packed} is packed", shown(schema)));
    }
    let mut inputs = chart.inputs.clone();
    let mut values = Vec::new();
    for entry in &task.helm.values {
        match content(context, task, entry) {
            Err(fault) => faults.push(fault),
            Ok((bytes, file)) => {
                inputs.files.extend(file.clone());
                values.push((bytes, file));
            }
        }
    }
    if faults.is_empty() { Ok(Ready { inputs, chart, release, warnings, values }) } else { Err(faults) }
}

/// Writes down what a run needs beside the tree, and says what to run.
fn arguments(
    context: &Context,
    task: &Task,
    ready: &Ready,
    scratch: &Path,
) -> Result<Vec<OsString>, Failure> {
    let chart = if ready.chart.places.is_empty() {
        context.tree.absolute(&task.path)
    } else {
        let whole = scratch.join(WHOLE);
        chart::copy(&context.tree, &task.path, &ready.chart, &whole)
            .and_then(|()| program::open(scratch))
            .map_err(|error| Failure::ours("a chart could not be put together", error))?;
        whole
    };
    let mut args: Vec<OsString> =
        vec!["template".into(), ready.release.clone().into(), chart.into_os_string()];
    if ready.chart.packed.is_some() {
        // The schema of a packed chart cannot be looked into, and Helm would fetch what it refers to.
        args.push("--skip-schema-validation".into());
    }
    if task.helm.include_crds {
        args.push("--include-crds".into());
    }
    let options = [("--namespace", &context.namespace), ("--kube-version", &context.kube_version)];
    for (option, value) in options {
        if let Some(value) = value {
            args.push(format!("{option}={value}").into());
        }
    }
    args.extend(context.api_versions.iter().map(|version| format!("--api-versions={version}").into()));
    for (index, (bytes, _)) in ready.values.iter().enumerate() {
        let path = scratch.join(values_name(index));
        program::write(&path, bytes)?;
        args.push("--values".into());
        args.push(path.into_os_string());
    }
    Ok(args)
}

/// Renders one app.
pub(super) async fn run(context: Arc<Context>, task: Arc<Task>, ready: Arc<Ready>) -> Result<Part, Failure> {
    let scratch = program::scratch(&context.renderers.jail)?;
    let home = scratch.path().to_owned();
    let (own, order, given) = (Arc::clone(&context), Arc::clone(&task), Arc::clone(&ready));
    let args = compute(move || arguments(&own, &order, &given, &home)).await??;
    let app = shown(&task.path);
    // Where the chart was put together, the copy is all that is read.
    let mut read_from =
        if ready.chart.places.is_empty() { ready.inputs.readable(&context.tree) } else { Vec::new() };
    read_from.push(scratch.path().to_owned());
    let cell = Cell { read: read_from, ..Cell::default() };
    match program::run(&context, "helm", &app, args, cell).await? {
        Err(fault) => {
            let fault = Fault { file: Some(below(&task.path, CHART)), ..fault };
            Ok(Part { faults: vec![fault], ..Part::default() })
        }
        Ok(output) => {
            let home = scratch.path().to_owned();
            compute(move || read(&context, &task, &ready, &output, &home)).await
        }
    }
}

/// The bytes of one entry of `values`, and its file.
fn content(context: &Context, task: &Task, values: &Values) -> Result<(Vec<u8>, Option<String>), Fault> {
    match values {
        Values::Inline(value) => Ok((value.to_string().into_bytes(), None)),
        Values::File(name) => {
            let path = match name.strip_prefix('/') {
                Some(name) => join("", name),
                None => join(&task.path, name),
            };
            let path = path.ok_or_else(|| {
                Fault::new(format!("the values' file `{}` lies outside the repository", shown(name)))
                    .file(".tidegate.yaml")
                    .at(task.line, 1)
            })?;
            context.tree.need(&path, Found::File).map_err(|fault| {
                let fault = Fault { file: Some(".tidegate.yaml".to_owned()), ..fault }.at(task.line, 1);
                if context.tree.look(&path) == Found::Outside {
                    return fault;
                }
                fault.hint("paths are relative to the chart, or to the repository with a leading `/`")
            })?;
            let bytes = context.tree.read(&path, context.renderers.limits.yaml.bytes)?;
            sops::values(&path, &bytes, &context.renderers.limits.yaml)?;
            Ok((bytes, Some(path)))
        }
    }
}

/// The release's name: the one given, or the folder's.
fn release(task: &Task) -> Result<String, Fault> {
    let folder = task.path.rsplit('/').next().unwrap_or_default();
    let name = task.helm.release.as_deref().unwrap_or(folder);
    let part = |part: &str| {
        let edge =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = part.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    // Helm's own rule; it also keeps a name from being read as an option.
    if name.len() <= 53 && name.split('.').all(part) {
        return Ok(name.to_owned());
    }
    Err(Fault::new(format!("`{}` cannot be a release's name", shown(name)))
        .hint("give `helm.release` a name of at most 53 characters from a-z, 0-9, `-` and `.`")
        .file(".tidegate.yaml")
        .at(task.line, 1))
}

/// What a run gave: manifests and hooks, or the reason why there are none.
fn read(context: &Context, task: &Task, ready: &Ready, output: &Output, scratch: &Path) -> Part {
    let mut part = Part::default();
    let stderr = output.message();
    if !output.success() {
        part.faults.push(explain(context, task, ready, &stderr, scratch));
        return part;
    }
    part.warnings.clone_from(&ready.warnings);
    part.warnings.extend(message::warnings(&stderr, &context.tree, scratch));
    let _permit = permit::wait(output.stdout.len() as u64);
    let text = String::from_utf8_lossy(&output.stdout);
    let headings = headings(&text);
    let chart = below(&task.path, CHART);
    let limits = &context.renderers.limits.yaml;
    match yaml::read(text.as_bytes(), limits) {
        Err(fault) => {
            let file = file(&context.tree, task, ready, heading(&headings, fault.line.unwrap_or(0)));
            part.faults.push(
                From { app: &task.path, file: file.as_deref().or(Some(&chart)), lines: Lines::Rendered }
                    .told(fault),
            );
        }
        Ok(documents) => {
            for document in documents {
                let file = file(&context.tree, task, ready, heading(&headings, document.root.line));
                let from =
                    From { app: &task.path, file: file.as_deref().or(Some(&chart)), lines: Lines::Rendered };
                part.warn(document.warnings, from);
                part.take(document.root, from);
            }
        }
    }
    part.pieces = part.pieces.into_iter().filter_map(sort).collect();
    part
}

/// A hook is marked, what is only a test is dropped, everything else stays as it is. Helm itself would drop a hook that is a
/// test among other things.
fn sort(mut piece: Piece) -> Option<Piece> {
    let events =
        piece.body.pointer("/metadata/annotations").and_then(|notes| notes.get(HOOK)).and_then(Value::as_str);
    if let Some(events) = events {
        let mut events = events.split(',').map(str::trim).filter(|event| !event.is_empty()).peekable();
        piece.hook = events.peek().is_some();
        if piece.hook && events.all(|event| matches!(event, "test" | "test-success" | "test-failure")) {
            return None;
        }
    }
    Some(piece)
}

/// The lines at which helm says which template gives what follows.
fn headings(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        if let Some(source) = line.strip_prefix("# Source: ").filter(|_| before.trim_end() == "---") {
            found.push((u32::try_from(index + 1).unwrap_or(u32::MAX), source.trim()));
        }
        before = line;
    }
    found
}

/// The template that gives a line.
fn heading<'t>(headings: &[(u32, &'t str)], line: u32) -> Option<&'t str> {
    let behind = headings.partition_point(|(at, _)| *at <= line);
    headings.get(behind.checked_sub(1)?).map(|(_, source)| *source)
}

/// The repository's file of a template that helm names `CHART/templates/…`, if it lies there unpacked.
fn file(tree: &Tree, task: &Task, ready: &Ready, source: Option<&str>) -> Option<String> {
    let (_, rest) = source?.split_once('/')?;
    // The innermost of the charts that were put into this one.
    let within = |(place, from): &(String, String)| {
        let rest = rest.strip_prefix(place.as_str())?.strip_prefix('/')?;
        Some((place.len(), join(from, rest)?))
    };
    let placed = ready.chart.places.iter().filter_map(within).max().map(|(_, path)| path);
    placed.or_else(|| join(&task.path, rest)).filter(|path| tree.look(path) == Found::File)
}

/// Why helm failed: a values file that is not YAML, with its line, or helm's own message with the template's.
fn explain(context: &Context, task: &Task, ready: &Ready, stderr: &str, scratch: &Path) -> Fault {
    let chart = below(&task.path, CHART);
    let own = [chart.clone(), below(&task.path, "values.yaml")];
    let limits = &context.renderers.limits;
    let given = ready.values.iter().filter_map(|(_, file)| file.as_ref());
    let broken = own.iter().chain(given).find_map(|file| {
        let bytes = context.tree.read(file, limits.yaml.bytes).ok()?;
        yaml::read(&bytes, &limits.yaml).err().map(|fault| fault.file(file.clone()))
    });
    if let Some(fault) = broken {
        return fault;
    }
    if let Some(crash) = message::crash(stderr) {
        return Fault::new(format!("helm crashed: {crash}")).hint(program::TOO_MUCH).file(chart);
    }
    let mut error = stderr.split_once("Error: ").map_or(stderr, |(_, error)| error).to_owned();
    error = error.replace("Use --debug flag to render out invalid YAML", "");
    for (index, (_, file)) in ready.values.iter().enumerate() {
        let path = scratch.join(values_name(index)).to_string_lossy().into_owned();
        error = error.replace(&path, file.as_deref().unwrap_or("the values in .tidegate.yaml"));
    }
    let error = message::clean(&error, &context.tree, scratch);
    if error.is_empty() {
        return program::silent("helm").file(chart);
    }
    let mut fault = Fault::new(format!("helm: {}", message::lead(&error)));
    let known = |path: &str| file(&context.tree, task, ready, Some(path));
    if let Some((file, line, column)) = message::place(&error, known) {
        fault.file = Some(file);
        fault.line = Some(line);
        // Go counts columns from 0.
        fault.column = column.map(|column| column.saturating_add(1));
    } else {
        fault.file = message::file(&error, known).or(Some(chart));
    }
    let given: Vec<Option<&str>> = ready.values.iter().map(|(_, file)| file.as_deref()).collect();
    mistake::helm(&context.tree, &context.renderers.limits, task, &given, fault)
}
