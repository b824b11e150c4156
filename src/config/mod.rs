//! The operator's file and variables. The only reader of the environment.
//!
//! [`Config::load`] reads `server.yaml`, lays `TIDEGATE_…` variables over it (two underscores nest: `TIDEGATE_GITHUB__APP_ID`) and
//! gives a [`Config`] in which everything is valid, or all that is wrong at once: file, line, column and a hint, or the
//! variable's name. Every setting, with its default and meaning, is in [`table`].
//!
//! Secrets are [`SecretString`]s, which print nothing; snippets of the file are shown with secrets starred out. Relative
//! paths count from the folder of the file, or from the working directory if a variable gave them.

mod address;
mod hosts;
mod layer;
mod secret;
mod server;
mod table;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::model::fault::Fault;
use crate::model::host::Host;
use crate::model::target::TargetSettings;
use crate::yaml::fields::{Faults, Field};
use crate::yaml::{self, Content, Limits, Node};

pub(crate) use table::help;

/// The file that is read if none is named and it is there.
const USUAL: &str = "server.yaml";
/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// Everything that the operator decides.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where webhooks and probes come in.
    pub listen: SocketAddr,
    /// Where people reach this server, without a final slash.
    pub url: Option<String>,
    /// The database's address; may hold a password.
    pub database: SecretString,
    /// Where Git mirrors lie.
    pub cache: PathBuf,
    /// What is logged, and how.
    pub log: Log,
    /// The App; none for local commands.
    pub github: Option<GitHub>,
    /// Beneath every repository's own defaults; not read here, because it has the shape of the repository's file.
    pub defaults: Option<Defaults>,
    /// The targets by name.
    pub targets: BTreeMap<String, TargetSettings>,
    /// What is done for pull requests of forks.
    pub forks: Forks,
    /// How rendering is bounded.
    pub render: Render,
    /// `PATH` of the environment, for finding programs.
    pub path: String,
}

/// The App on GitHub.
#[derive(Debug, Clone)]
pub(crate) struct GitHub {
    /// Its id.
    pub app_id: u64,
    /// Its private key, an RSA key in PEM.
    pub private_key: SecretString,
    /// What webhooks are signed with.
    pub webhook_secret: SecretString,
    /// The API, without a final slash.
    pub api: String,
    /// Where Git is fetched from, without a final slash.
    pub git: String,
}

/// A part of the operator's file that has the shape of a repository's `defaults`, with what is needed to tell its faults.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    /// The file's name.
    pub file: String,
    /// The file's text with secrets starred out.
    pub text: String,
    /// The mapping.
    pub node: Node,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Levels by target, as tracing reads them.
    pub filter: String,
    /// One JSON object per line, or text.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What is done for pull requests of forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forks {
    /// Nothing.
    Never,
    /// A preview, when somebody with write asks for one of a commit by its SHA.
    PreviewOnRequest,
}

/// How rendering is bounded.
#[derive(Debug, Clone)]
pub(crate) struct Render {
    /// The longest that one renderer may run.
    pub time: Duration,
    /// The most bytes of memory that one renderer may take.
    pub memory: u64,
    /// The most bytes that one renderer may print.
    pub output: u64,
    /// The most bytes of rendered apps that are kept.
    pub cache: u64,
    /// May kustomizations render charts by themselves (`helmCharts`)?
    pub helm_charts: bool,
    /// Is a jail needed?
    pub sandbox: Sandbox,
    /// Hosts from which remote bases and charts may be fetched.
    pub hosts: Vec<Host>,
    /// Where renderers are looked for before `PATH`.
    pub tools: Option<PathBuf>,
}

/// Is a jail needed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// No program renders where the kernel lacks a part of it.
    Require,
    /// Programs render in as much of it as there is.
    BestEffort,
}

/// Who loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The server: GitHub must be configured, its secrets are read.
    Server,
    /// A local command: GitHub's secrets are not opened, and may be missing.
    Local,
}

/// The variables of this process; names and values that are not UTF-8 are none of ours.
pub(crate) fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Where local commands keep what must outlive them: `XDG_STATE_HOME/tidegate`, else `~/.local/state/tidegate`. Never in
/// the checkout that they read, and never where others could have put something first: without a home there is no such
/// place.
pub(crate) fn state() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is config")]
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("tidegate"))
}

/// May output be coloured? Not if `NO_COLOR` is set to anything (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "this is config")]
pub(crate) fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Config {
    /// What is set and has no effect yet, a sentence for each: nobody should rely on it.
    pub(crate) fn not_yet(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.url.is_some() {
            told.push("url has no effect yet: there are no links".to_owned());
        }
        let emergency = |target: &&TargetSettings| {
            !target.emergency.users.is_empty() || !target.emergency.teams.is_empty()
        };
        for target in self.targets.values().filter(emergency) {
            told.push(format!("targets.{}.emergency has no effect yet: nobody may skip a gate", target.name));
        }
        told
    }

    /// Reads the file at `path` (`server.yaml` in the working directory, if there is one and none is named) and the
    /// variables. Fails with everything that is wrong.
    pub(crate) fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        need: Need,
    ) -> Result<Self, Vec<Fault>> {
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let search = variables.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let file = File::read(path).map_err(|fault| vec![fault])?;
        let File { name, folder, text, mut root } = file;
        let mut faults = Faults::new(name.as_str(), text.as_str());
        layer::over(&mut root, variables, &mut faults);
        let reader = server::Reader { folder: &folder, need };
        let config = reader.config(&Field::root(&root, &faults));
        let defaults = root.get("defaults").filter(|node| node.content != Content::Null).cloned();
        faults.none_or_all()?;
        // Without a fault everything was read; a reader that gives nothing silently would be a defect of ours.
        let config =
            config.ok_or_else(|| vec![Fault::new("the settings could not be read").file(name.as_str())])?;
        let defaults = defaults.map(|node| Defaults { file: name, text, node });
        Ok(Self { defaults, path: search.unwrap_or_default(), ..config })
    }
}

/// The operator's file, read as YAML.
struct File {
    name: String,
    folder: PathBuf,
    /// With secrets starred out.
    text: String,
    root: Node,
}

impl File {
    fn read(path: Option<&Path>) -> Result<Self, Fault> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(USUAL));
        let name = path.display().to_string();
        let nothing = || Node { line: 0, column: 0, content: Content::Map(Vec::new()) };
        let text = match bounded(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
                let name = "the settings".to_owned();
                return Ok(Self { name, folder: PathBuf::new(), text: String::new(), root: nothing() });
            }
            Err(error) => {
                return Err(Fault::new(format!("the file cannot be read: {error}")).file(name));
            }
        };
        // A snippet of a file that is no YAML could show a secret: nobody knows yet where they are.
        let unseen = |fault: Fault| Fault { snippet: None, ..fault }.file(name.as_str());
        let limits = Limits { bytes: 1 << 20, nodes: 100_000, depth: 20 };
        let mut documents = yaml::read(text.as_bytes(), &limits).map_err(unseen)?.into_iter();
        let document = documents.next();
        if let Some(second) = documents.next() {
            let fault = Fault::new("a second document begins here").hint("keep one, without `---`");
            return Err(unseen(fault.at(second.root.line, second.root.column)));
        }
        if let Some(twice) = document.iter().flat_map(|document| &document.warnings).next() {
            // Manifests keep the last of two; of two floors that would be a hole.
            return Err(unseen(twice.clone()));
        }
        let root = document.map_or_else(nothing, |document| document.root);
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { name, folder, text: secret::hidden(&text, &root), root })
    }
}

fn bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > LARGEST {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read_to_string(path)
}
