//! The programs that render: where they lie, which versions there are, and which one an environment gets.
//!
//! Whoever runs Tidegate provides `helm` and `kustomize` in a folder or on PATH, and others beside them in the folder as
//! `helm-3.19.2`. What a program is called and what it says of itself must agree, or a plan would name a version that did
//! not render it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::model::fault::{Cause, Failure, Fault};
use crate::model::settings::{Asked, Renderer, Versions};
use crate::model::version::Version;
use crate::process::{self, Program};
use crate::render::sources::{FILE, Task};

/// How long a program may think about its own version.
const TIME: Duration = Duration::from_secs(20);
/// Bytes that it may say.
const SAID: usize = 16 << 10;
/// The most files of the folder that are looked at.
const FILES: usize = 10_000;

/// The programs that render.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools {
    folder: Option<PathBuf>,
    path: Option<OsString>,
    /// What programs said of themselves; shared by all copies.
    said: Arc<Mutex<Said>>,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The executable; absolute.
    pub path: PathBuf,
    /// What it says it is; none if it says nothing that can be understood.
    pub version: Option<Version>,
    /// The state of its file.
    stamp: Stamp,
}

impl Tool {
    /// Tells what this program gives from what another one would. Its file counts too: a program may not say which it is.
    pub(super) fn identity(&self) -> String {
        let version = self.version.as_ref().map(Version::to_string).unwrap_or_default();
        format!("{version} {:?}", self.stamp)
    }
}

/// What programs said of themselves, and in which state of their files.
type Said = HashMap<PathBuf, (Stamp, Option<Version>)>;

/// Tells one state of a file from another.
type Stamp = (u64, Option<SystemTime>);

/// The programs that one environment's apps are rendered by.
#[derive(Debug, Default, Clone)]
pub(super) struct Chosen {
    tools: BTreeMap<&'static str, Tool>,
    /// Renderers that are not provided in the version asked for.
    pub faults: Vec<(Renderer, Fault)>,
}

impl Chosen {
    /// The program of this name; none: there is none.
    pub(super) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }

    /// The versions by the programs' names.
    pub(super) fn versions(&self) -> BTreeMap<String, String> {
        let told =
            |(name, tool): (&&str, &Tool)| Some(((*name).to_owned(), tool.version.as_ref()?.to_string()));
        self.tools.iter().filter_map(told).collect()
    }
}

/// The program of a renderer, if it has one.
fn name(renderer: Renderer) -> Option<&'static str> {
    match renderer {
        Renderer::Plain => None,
        Renderer::Kustomize => Some("kustomize"),
        Renderer::Helm => Some("helm"),
    }
}

impl Tools {
    /// The programs in the configured folder, or else on `path` (as in `PATH`).
    pub(crate) fn new(folder: Option<&Path>, path: Option<&OsStr>) -> Self {
        let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
        Self { folder, path: path.map(OsStr::to_owned), said: Arc::default() }
    }

    /// Is there a program of this name without a version?
    #[cfg(test)]
    #[cfg(feature = "parts")]
    pub(super) fn has(&self, name: &str) -> bool {
        self.usual(name).is_some()
    }

    /// Where the program without a version in its name lies.
    pub(crate) fn usual(&self, name: &str) -> Option<PathBuf> {
        process::find(name, self.folder.as_deref(), self.path.as_deref())
    }

    /// The programs that these apps need, in the versions that are asked for. Kustomizations may need Helm too where they
    /// may render charts.
    pub(super) async fn choose(
        &self,
        versions: &Versions,
        apps: &[Task],
        inflate: bool,
    ) -> Result<Chosen, Failure> {
        let needs = |renderer: Renderer| {
            let by = |renderer: Renderer| apps.iter().any(|app| app.renderer == renderer);
            by(renderer) || (inflate && renderer == Renderer::Helm && by(Renderer::Kustomize))
        };
        let mut chosen = Chosen::default();
        let asked = [(Renderer::Helm, &versions.helm), (Renderer::Kustomize, &versions.kustomize)];
        for (renderer, asked) in asked {
            let Some(name) = name(renderer).filter(|_| needs(renderer)) else {
                continue;
            };
            let tool = match asked {
                None => self.plain(name).await?,
                Some(asked) => match self.fitting(name, asked).await? {
                    Ok(tool) => Some(tool),
                    Err(fault) => {
                        chosen.faults.push((renderer, fault));
                        None
                    }
                },
            };
            chosen.tools.extend(tool.map(|tool| (name, tool)));
        }
        Ok(chosen)
    }

    /// The program without a version in its name.
    async fn plain(&self, name: &str) -> Result<Option<Tool>, Failure> {
        let Some(path) = self.usual(name) else { return Ok(None) };
        let version = self.ask(name, &path).await?;
        let stamp = stamp(&path);
        Ok(Some(Tool { path, version, stamp }))
    }

    /// The newest program that fits; otherwise the author's fault.
    async fn fitting(&self, name: &str, asked: &Asked) -> Result<Result<Tool, Fault>, Failure> {
        let mut all = self.named(name);
        let plain = self.plain(name).await?;
        all.extend(plain.and_then(|tool| Some((tool.version.clone()?, tool.path))));
        all.sort();
        let Some((version, path)) = all.iter().rfind(|(version, _)| asked.version.admits(version)) else {
            return Ok(Err(absent(name, asked, &all)));
        };
        let said = self.ask(name, path).await?;
        if said.as_ref() != Some(version) {
            let says = said.map_or_else(|| "no version".to_owned(), |said| said.to_string());
            return Err(Failure::Ours(Cause::plain(format!(
                "{name}-{version} in render.tools says that it is {says}: its name must say its version"
            ))));
        }
        Ok(Ok(Tool { path: path.clone(), version: said, stamp: stamp(path) }))
    }

    /// The programs of the folder with a version in their names.
    fn named(&self, name: &str) -> Vec<(Version, PathBuf)> {
        let entries = self.folder.as_ref().and_then(|folder| folder.read_dir().ok());
        let files = entries.into_iter().flatten().take(FILES).filter_map(Result::ok);
        files
            .filter_map(|entry| {
                let file = entry.file_name();
                let file = file.to_str()?;
                let version: Version = file.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?;
                // Only what can be run counts.
                let path = process::find(file, self.folder.as_deref(), None)?;
                version.is_whole().then_some((version, path))
            })
            .collect()
    }

    /// What a program says of itself; asked once for each state of its file.
    async fn ask(&self, name: &str, path: &Path) -> Result<Option<Version>, Failure> {
        let stamp = stamp(path);
        let known = {
            let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.get(path).filter(|(of, _)| *of == stamp).map(|(_, version)| version.clone())
        };
        if let Some(version) = known {
            return Ok(version);
        }
        let version = say(name, path).await?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(path.to_owned(), (stamp, version.clone()));
        Ok(version)
    }
}

fn stamp(path: &Path) -> Stamp {
    path.metadata().map_or((0, None), |meta| (meta.len(), meta.modified().ok()))
}

/// Asks a program for its version: Helm 3 and 4, Kustomize 4 and 5.
async fn say(name: &str, path: &Path) -> Result<Option<Version>, Failure> {
    let args: &[&str] =
        if name == "helm" { &["version", "--template", "{{.Version}}"] } else { &["version"] };
    let limits = process::Limits { time: TIME, stdout: SAID, stderr: SAID, ..process::Limits::default() };
    let program = Program::new(path, "/", args.iter().copied()).env("HOME", "/nonexistent").limits(limits);
    let output = process::run(&program)
        .await
        .map_err(|error| Failure::ours(format!("{name} could not be asked for its version"), error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(if output.success() { version(&text) } else { None })
}

/// The first whole version in what a program says: `v5.8.1`, or `{Version:kustomize/v4.5.7 GitCommit:…}`.
fn version(text: &str) -> Option<Version> {
    let words = text.split(|c: char| c.is_whitespace() || "{}/:,\"'".contains(c));
    words.filter_map(|word| word.parse::<Version>().ok()).find(Version::is_whole)
}

/// The author's fault of a version that is not provided.
fn absent(name: &str, asked: &Asked, all: &[(Version, PathBuf)]) -> Fault {
    let mut provided: Vec<String> = all.iter().map(|(version, _)| version.to_string()).collect();
    provided.dedup();
    let hint = if provided.is_empty() {
        format!("whoever runs Tidegate provides no {name}")
    } else {
        format!("provided are {}; without `versions.{name}` it is the usual one", provided.join(", "))
    };
    Fault::new(format!("{name} {} is not provided here", asked.version))
        .hint(hint)
        .file(FILE)
        .at(asked.line, 1)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn programs_say_their_version_in_several_ways() {
        for (said, told) in [
            ("v5.8.1\n", Some("5.8.1")),
            ("v3.19.2", Some("3.19.2")),
            ("v3.19.2+g8766e71", Some("3.19.2")),
            (
                "{Version:kustomize/v4.5.7 GitCommit:56d82a8 BuildDate:2022-08-02T16:35:54Z GoOs:linux}",
                Some("4.5.7"),
            ),
            ("{kustomize/v5.0.0-rc.1  2022-08-02T16:35:54Z  }", Some("5.0.0-rc.1")),
            ("(devel)", None),
            ("", None),
        ] {
            assert_eq!(version(said).map(|version| version.to_string()).as_deref(), told, "{said}");
        }
    }
}
