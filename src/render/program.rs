//! Running a renderer: an empty environment, a scratch folder for a home, and its ends told apart by who must act.

use std::ffi::OsString;
use std::path::Path;

use tempfile::TempDir;

use crate::model::fault::{Cause, Failure, Fault};
use crate::process::{self, Error, Output, Program};
use crate::render::Context;

/// What to do about a renderer that died of what it was given.
pub(super) const TOO_MUCH: &str = "it used more memory, time or disk than it may: look for endless recursion, or make what it renders smaller";

/// A folder of its own for one run; removed with it.
pub(super) fn scratch() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("tidegate-render-")
        .tempdir()
        .map_err(|error| Failure::ours("a scratch folder could not be made", error))
}

/// A proxy that is nobody. What a renderer is given is inspected so that it fetches nothing; if it ever tries to, it gets
/// no further than this. (Go asks no proxy for addresses of this very machine, so inspection must hold by itself.)
const NOBODY: &str = "http://127.0.0.1:0";

/// Runs a renderer. The author's fault is the inner error: too slow, too much, or a crash.
pub(super) async fn run(
    context: &Context,
    name: &str,
    app: &str,
    scratch: &Path,
    args: Vec<OsString>,
) -> Result<Result<Output, Fault>, Failure> {
    let path = if name == "helm" { &context.renderers.helm } else { &context.renderers.kustomize };
    let Some(path) = path else { return Err(missing(name, app)) };
    let mut program = Program::new(path, scratch, args).limits(context.renderers.limits.program);
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        program = program.env(variable, scratch);
    }
    for variable in ["HTTP_PROXY", "HTTPS_PROXY"] {
        program = program.env(variable, NOBODY);
    }
    match process::run(&program).await {
        Ok(output) => Ok(Ok(output)),
        Err(error) => judge(error, name, app).map(Err),
    }
}

/// A renderer's abnormal end: the author's fault, or ours.
fn judge(error: Error, name: &str, app: &str) -> Result<Fault, Failure> {
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

fn missing(name: &str, app: &str) -> Failure {
    Failure::Ours(Cause::plain(format!(
        "{name}, which {app} needs, was found neither in the configured folder nor on PATH"
    )))
}
