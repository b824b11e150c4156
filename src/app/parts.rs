//! Parts that are made from the settings alone; the command line uses them too.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, Forks, Log, LogFormat, Sandbox};
use crate::jail::{Jail, Support};
use crate::model::fault::{Cause, Failure};
use crate::process;
use crate::render::{Cache, Limits, Remote, Renderers};
use crate::work;

/// The git program on PATH.
pub(crate) fn git(config: &Config) -> Result<PathBuf, Failure> {
    process::find("git", None, Some(OsStr::new(&config.path)))
        .ok_or_else(|| Failure::Ours(Cause::plain("git is not on PATH; install git 2.38 or newer")))
}

/// Where beneath a cache folder rendered apps are kept: what is old there is removed, so the folder is nobody else's.
const RENDERED: &str = "rendered";

/// Where beneath the cache folder fetched bases and charts are kept.
const FETCHED: &str = "fetched";

/// How long what was rendered is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep<'a> {
    /// In the cache folder, for all jobs and the next start.
    On,
    /// In a folder that the user named, for the next run.
    In(&'a Path),
    /// For this run, in which both sides of a plan share it.
    Run,
}

/// Kustomize and Helm, from the operator's folder or PATH, with the operator's limits.
pub(crate) fn renderers(config: &Config) -> Renderers {
    let render = &config.render;
    let mut found = Renderers::find(render.tools.as_deref(), Some(OsStr::new(&config.path)));
    let output = usize::try_from(render.output).unwrap_or(usize::MAX);
    found.limits = Limits { inflate: render.helm_charts, ..Limits::of(render.time, render.memory, output) };
    found.jail = Jail::new(render.sandbox == Sandbox::Require);
    found
}

/// The same, with what was rendered before.
pub(crate) fn keeping(config: &Config, keep: Keep<'_>) -> Result<Renderers, Failure> {
    let mut found = renderers(config);
    found.cache = Some(match keep {
        Keep::On => Cache::open(&config.cache.join(RENDERED), config.render.cache)?,
        Keep::In(folder) => Cache::open(&folder.join(RENDERED), config.render.cache)?,
        Keep::Run => Cache::temporary(config.render.cache)?,
    });
    found.remote = remote(config, keep)?;
    Ok(found)
}

/// Says in the log what the kernel lacks of the jail, and what follows from it.
pub(crate) fn unjailed(config: &Config) {
    for sentence in Support::look().missing() {
        match config.render.sandbox {
            Sandbox::Require => tracing::error!(
                "{sentence}; `render.sandbox` is `require`, so nothing is rendered with Kustomize or Helm"
            ),
            Sandbox::BestEffort => tracing::warn!("{sentence}"),
        }
    }
}

/// What fetches from the hosts that the operator lists; none without any.
fn remote(config: &Config, keep: Keep<'_>) -> Result<Option<Remote>, Failure> {
    let hosts = config.render.hosts.clone();
    if hosts.is_empty() {
        return Ok(None);
    }
    let git = process::find("git", None, Some(OsStr::new(&config.path)));
    let remote = match keep {
        Keep::On => Remote::open(hosts, config.cache.join(FETCHED), git)?,
        Keep::In(folder) => Remote::open(hosts, folder.join(FETCHED), git)?,
        Keep::Run => Remote::temporary(hosts, git)?,
    };
    Ok(Some(remote))
}

/// What is done for pull requests of forks.
pub(crate) fn forks(forks: Forks) -> work::Forks {
    match forks {
        Forks::Never => work::Forks::Never,
        Forks::PreviewOnRequest => work::Forks::OnRequest,
    }
}

/// Begins logging to standard error. Once per process; a second call changes nothing.
pub(crate) fn log(log: &Log) {
    // It was read once already: one that is wrong is told with the other settings.
    let filter = EnvFilter::new(&log.filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error says that a subscriber is there already: the demo's.
    drop(match log.format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    });
}
