//! Running a renderer: in the jail, with an environment of ours alone, and its ends told apart by who must act.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::jail::{self, Cell, Jail};
use crate::model::fault::{Cause, Failure, Fault};
use crate::process::{Error, Output, Program};
use crate::render::Context;

/// What to do about a renderer that died of what it was given.
pub(super) const TOO_MUCH: &str = "it used more memory, time or disk than it may: look for endless recursion, or make what it renders smaller";

/// A folder for what one run reads beside the tree, or for what it writes; removed with it.
pub(super) fn scratch(jail: &Jail) -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("tidegate-render-")
        .tempdir()
        .map_err(|error| Failure::ours("a scratch folder could not be made", error))?;
    jail.admit(folder.path())
        .map_err(|error| Failure::ours("a scratch folder could not be opened", error))?;
    Ok(folder)
}

/// Writes a file that a run reads, whatever the server's own mask of modes is. Nobody else gets into its folder.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = std::fs::write(path, bytes)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)));
    written.map_err(|error| Failure::ours("values could not be written down", error))
}

/// Lets the jail's user read what lies in a folder, whatever the server's own mask of modes is. Nobody else gets into it.
pub(super) fn open(folder: &Path) -> std::io::Result<()> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            let mode = if is_folder { 0o755 } else { 0o644 };
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode))?;
            if is_folder {
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

/// A proxy that is nobody. What a renderer is given is inspected so that it fetches nothing; if it ever tries to, it gets
/// no further than this. (Go asks no proxy for addresses of this very machine, so inspection must hold by itself.)
const NOBODY: &str = "http://127.0.0.1:0";

/// Homes and caches: none. What is not there is not missed, and nothing could be kept in it.
const NOWHERE: &str = "/nonexistent";
/// What a renderer may read beside its inputs: it is the same on every machine, and charts may name a time zone.
const ZONES: &str = "/usr/share/zoneinfo";

/// Runs a renderer in the jail. The author's fault is the inner error: too slow, too much, or a crash.
pub(super) async fn run(
    context: &Context,
    name: &str,
    app: &str,
    args: Vec<OsString>,
    mut cell: Cell,
) -> Result<Result<Output, Fault>, Failure> {
    let Some(tool) = context.chosen.tool(name) else { return Err(missing(name, app)) };
    let home = cell.scratch.as_ref().map_or(Path::new(NOWHERE), |scratch| &scratch.folder).to_owned();
    let mut program = Program::new(&tool.path, "/", args).limits(context.renderers.limits.program);
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        program = program.env(variable, &home);
    }
    for variable in ["HTTP_PROXY", "HTTPS_PROXY"] {
        program = program.env(variable, NOBODY);
    }
    for (variable, value) in runtime(context.renderers.limits.program.data) {
        program = program.env(variable, value);
    }
    cell.read.push(ZONES.into());
    if !cell.starts.is_empty() {
        // It and what it starts share what one may take.
        program.limits.data = program.limits.data.map(|data| data / 2);
    }
    match context.renderers.jail.run(&program, &cell).await {
        Ok(output) => Ok(Ok(output)),
        Err(error) => judge(error, name, app).map(Err),
    }
}

/// How Go is to run. A renderer lives for a tenth of a second: collecting garbage costs it more than the memory is worth, so
/// that begins only where the limit comes near. And as many renderers run as there are cores: threads of one of them would
/// only take turns with the others (two at once take a third less time with one thread each).
fn runtime(data: Option<u64>) -> Vec<(&'static str, String)> {
    let mut variables = vec![("GOMAXPROCS", "1".to_owned())];
    // Without a limit at which it begins, it must not be off.
    if let Some(data) = data {
        variables.push(("GOGC", "off".to_owned()));
        variables.push(("GOMEMLIMIT", (data / 5 * 3).to_string()));
    }
    variables
}

/// A renderer's abnormal end: the author's fault, or ours.
fn judge(error: jail::Error, name: &str, app: &str) -> Result<Fault, Failure> {
    let error = match error {
        jail::Error::Process(error) => error,
        jail::Error::Scratch { limit } => {
            let message = format!("{name} writes more than {} MiB of files while it works", limit >> 20);
            return Ok(Fault::new(message).hint(TOO_MUCH).app(app));
        }
        error @ jail::Error::Jail(_) => {
            return Err(Failure::ours(format!("{name} could not be run for {app}"), error));
        }
    };
    let fault = match error {
        Error::TimedOut { time, .. } => Fault::new(format!("{name} did not end within {} s", time.as_secs()))
            .hint("make what it renders smaller; look for endless recursion"),
        Error::TooMuchOutput { limit, .. } => {
            Fault::new(format!("{name} gives more than {} MiB", limit >> 20)).hint("split the app")
        }
        Error::Signalled { signal, .. } => {
            Fault::new(format!("{name} was ended by signal {signal}")).hint(TOO_MUCH)
        }
        Error::NotFound { .. } => return Err(missing(name, app)),
        error @ Error::Io { .. } => {
            return Err(Failure::ours(format!("{name} could not be run for {app}"), error));
        }
    };
    Ok(fault.app(app))
}

/// The fault of a renderer that failed without a word, as programs do whose memory is refused.
pub(super) fn silent(name: &str) -> Fault {
    Fault::new(format!("{name} failed and did not say why")).hint(TOO_MUCH)
}

fn missing(name: &str, app: &str) -> Failure {
    Failure::Ours(Cause::plain(format!(
        "{name}, which {app} needs, was found neither in the configured folder nor on PATH"
    )))
}
