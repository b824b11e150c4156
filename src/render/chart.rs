//! A chart before Helm reads it: every file that it would read, and the charts that it names without holding them.
//!
//! Helm must not be shown links that lead out of the repository, LFS pointers, or schemas that refer to other places. A
//! dependency that lies elsewhere in the repository (`file://`) is put into the `charts/` of a copy, as `helm dependency
//! build` would; one that lies on another host is the author's fault.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::constraint::fits;
use crate::render::inputs::Inputs;
use crate::render::schema::{self, SCHEMA};
use crate::render::sources::CHART;
use crate::render::tree::{Found, Tree, below, join, lfs, shown};
use crate::yaml::{self, Node};

/// The most files that a chart may hold.
const FILES: usize = 20_000;
/// How deep charts may name one another.
const DEPTH: usize = 8;
/// The most dependencies of all charts together, each counted wherever it is named: charts that name one another several times
/// would be looked at without end.
const DEPENDENCIES: usize = 1_000;
/// Where a chart of the first kind names what it depends on.
const REQUIREMENTS: &str = "requirements.yaml";

/// What is known of a chart.
#[derive(Debug, Default)]
pub(super) struct Chart {
    /// What Helm may read.
    pub inputs: Inputs,
    /// A schema that values are checked against.
    pub schema: Option<String>,
    /// A chart within the chart that is packed.
    pub packed: Option<String>,
    /// May a template of it read the clock?
    pub clock: bool,
    /// Charts that it names and does not hold: the place below it, and the folder of the tree.
    pub places: Vec<(String, String)>,
    /// Charts that it names and that lie on other hosts.
    pub elsewhere: Vec<Elsewhere>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// A chart that another one names, on another host.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// The folder of the chart that names it.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// The versions that will do.
    pub version: String,
    /// Where it is had.
    pub repository: String,
    /// What is said where nothing is fetched, with the place where it is named.
    pub fault: Fault,
}

/// Looks at every file of a chart and of those that it depends on.
pub(super) fn inspect(tree: &Tree, app: &str, limits: &Limits) -> Chart {
    let mut inspector =
        Inspector { tree, limits, chart: Chart::default(), files: 0, dependencies: 0, held: BTreeMap::new() };
    inspector.walk(app, app);
    if inspector.chart.faults.is_empty() {
        inspector.depend(app, "", 0);
    }
    inspector.chart
}

/// Writes a chart with all that it depends on into an empty folder.
pub(super) fn copy(tree: &Tree, app: &str, chart: &Chart, into: &Path) -> io::Result<()> {
    let all = std::iter::once(("", app))
        .chain(chart.places.iter().map(|(place, from)| (place.as_str(), from.as_str())));
    for (place, from) in all {
        let to = into.join(place);
        fs::create_dir_all(&to)?;
        let own = chart.inputs.files.iter().filter_map(|file| Some((file, beneath(file, from)?)));
        for (file, rest) in own {
            let target = to.join(rest);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(tree.absolute(file), target)?;
        }
    }
    Ok(())
}

/// A path as seen from a folder that it lies in.
fn beneath<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

struct Inspector<'a> {
    tree: &'a Tree,
    limits: &'a Limits,
    chart: Chart,
    files: usize,
    dependencies: usize,
    /// What lies in folders of charts: each entry, and what the chart in it is called.
    held: BTreeMap<String, Vec<(String, Option<String>)>>,
}

/// A chart that another one names.
struct Dependency<'n> {
    name: &'n str,
    version: &'n str,
    repository: &'n str,
    node: &'n Node,
}

impl Inspector<'_> {
    /// Looks at every file of a folder and of those within it.
    fn walk(&mut self, app: &str, folder: &str) {
        self.chart.inputs.folders.insert(folder.to_owned());
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let leads = self.tree.settle(&folder);
            if leads.as_deref() != Some(folder.as_str()) {
                // What lies behind a link is listed too, wherever it is.
                self.chart.inputs.folders.insert(folder.clone());
            }
            self.chart.inputs.names.insert(folder.clone(), leads);
            // Helm reads a folder under each name that links give it. Only one within itself would never end.
            if self.within_itself(&folder) {
                continue;
            }
            let names = match self.tree.list(&folder) {
                Ok(names) => names,
                Err(fault) => {
                    self.chart.faults.push(fault);
                    continue;
                }
            };
            for name in names {
                self.files += 1;
                if self.files > FILES {
                    let message = format!("the chart holds more than {FILES} files");
                    self.chart.faults.push(Fault::new(message).file(app));
                    return;
                }
                let Some(name) = name else {
                    self.chart.faults.push(Tree::foreign(&folder));
                    continue;
                };
                let path = below(&folder, &name);
                match self.tree.look(&path) {
                    Found::Folder => waiting.push(path),
                    Found::Outside => self.chart.faults.push(self.tree.outside(&path)),
                    Found::File if self.tree.pointer(&path) => self.chart.faults.push(lfs(&path)),
                    Found::File => self.file(&name, path),
                    // Helm fails on a link to nothing.
                    Found::Nothing | Found::Special => drop(self.chart.inputs.names.insert(path, None)),
                }
            }
        }
    }

    /// Does a folder lie, by links, in itself?
    fn within_itself(&self, folder: &str) -> bool {
        let real = self.tree.real(folder);
        let mut above = folder.match_indices('/').filter_map(|(at, _)| folder.get(..at));
        real.is_none()
            || above.any(|above| self.tree.real(above) == real)
            || (!folder.is_empty() && real == self.tree.real(""))
    }

    fn file(&mut self, name: &str, path: String) {
        if name == SCHEMA {
            match self.tree.read(&path, self.limits.yaml.bytes) {
                Ok(bytes) => self.chart.faults.extend(schema::fault(&path, &bytes)),
                Err(fault) => self.chart.faults.push(fault),
            }
            self.chart.schema.get_or_insert(path.clone());
        } else if Path::new(name).extension().is_some_and(|end| end == "tgz") {
            self.chart.packed.get_or_insert(path.clone());
            // It cannot be looked into.
            self.chart.clock = true;
        } else if !self.chart.clock {
            let bytes = self.tree.read(&path, self.limits.yaml.bytes).unwrap_or_default();
            self.chart.clock = reads_clock(&bytes);
        }
        self.chart.inputs.files.insert(path);
    }

    /// Finds the charts that the chart in a folder names and does not hold; `place` is where it lies itself, seen from the
    /// app.
    fn depend(&mut self, folder: &str, place: &str, depth: usize) {
        for file in [CHART, REQUIREMENTS].map(|name| below(folder, name)) {
            if self.tree.look(&file) != Found::File {
                continue;
            }
            // One that is not YAML is told in Helm's run, with the others.
            let bytes = self.tree.read(&file, self.limits.yaml.bytes).unwrap_or_default();
            for document in yaml::read(&bytes, &self.limits.yaml).unwrap_or_default() {
                let named = document.root.get("dependencies").map(Node::items).unwrap_or_default();
                for dependency in named.iter().filter_map(dependency) {
                    // It was told where the first one too many stands.
                    if self.dependencies > DEPENDENCIES {
                        return;
                    }
                    if let Err(fault) = self.need(folder, place, &dependency, depth) {
                        let Dependency { node, name, version, repository } = dependency;
                        let fault = fault.file(file.clone()).at(node.line, node.column);
                        if repository.is_empty() || repository.starts_with("file://") {
                            self.chart.faults.push(fault);
                            continue;
                        }
                        let [folder, name, version, repository] =
                            [folder, name, version, repository].map(str::to_owned);
                        self.chart.elsewhere.push(Elsewhere { folder, name, version, repository, fault });
                    }
                }
            }
        }
    }

    fn need(&mut self, folder: &str, place: &str, named: &Dependency<'_>, depth: usize) -> Result<(), Fault> {
        let Dependency { name, repository, .. } = *named;
        self.dependencies += 1;
        if self.dependencies > DEPENDENCIES {
            let message = format!("the charts name more than {DEPENDENCIES} dependencies in all");
            return Err(Fault::new(message).hint("split the chart, or name each dependency once"));
        }
        if self.holds(folder, name) {
            return Ok(());
        }
        let told = format!("the chart depends on `{}`", shown(name));
        let Some(path) = repository.strip_prefix("file://") else {
            let message = if repository.is_empty() {
                format!("{told}, which is not in its `charts/`")
            } else {
                format!("{told} of {}, which rendering does not fetch from", shown(repository))
            };
            return Err(
                Fault::new(message).hint("run `helm dependency build` and commit the `charts/` folder")
            );
        };
        let source = join(folder, path).filter(|_| !path.starts_with('/')).ok_or_else(|| {
            Fault::new(format!("{told} of `{}`, which leads out of the repository", shown(path)))
                .hint("name a folder of the repository, relative to this chart")
        })?;
        if self.tree.look(&below(&source, CHART)) != Found::File {
            let message = format!("{told}, and there is no chart in `{}`", shown(&source));
            return Err(Fault::new(message).hint("the path counts from the folder of this chart"));
        }
        self.fits(&source, named)?;
        if depth >= DEPTH {
            return Err(Fault::new(format!("charts depend on one another more than {DEPTH} deep"))
                .hint("look for one that depends on itself"));
        }
        let place = below(place, &format!("charts/{name}"));
        self.walk(&source, &source);
        self.chart.places.push((place.clone(), source.clone()));
        self.depend(&source, &place, depth + 1);
        Ok(())
    }

    /// A chart of another version than the one asked for would be left out by Helm without a word.
    fn fits(&self, source: &str, named: &Dependency<'_>) -> Result<(), Fault> {
        let chart = below(source, CHART);
        let bytes = self.tree.read(&chart, self.limits.yaml.bytes)?;
        let documents = yaml::read(&bytes, &self.limits.yaml).map_err(|fault| fault.file(chart.clone()))?;
        let text = |key: &str| {
            let root = documents.first().map(|document| &document.root);
            root.and_then(|root| root.get(key)).and_then(Node::text).unwrap_or_default().to_owned()
        };
        let (name, version) = (text("name"), text("version"));
        if name != named.name {
            let message = format!("the chart in `{}` is called `{}`", shown(source), shown(&name));
            return Err(Fault::new(message).hint("give the dependency the name that its Chart.yaml says"));
        }
        match fits(named.version, &version) {
            Some(true) => Ok(()),
            Some(false) => Err(Fault::new(format!(
                "the dependency asks for `{name}` {}, and `{}` holds {}",
                shown(named.version),
                shown(source),
                shown(&version)
            ))
            .hint("raise the one or the other")),
            None => Err(Fault::new(format!(
                "the version `{}` of `{name}`, or the one that is asked for, `{}`, is not understood",
                shown(&version),
                shown(named.version)
            ))
            .hint("write it as in 1.2.3, ~1.2 or >=1.2, <2")),
        }
    }

    /// Is there a chart of this name in `charts/`, unpacked or packed?
    fn holds(&mut self, folder: &str, name: &str) -> bool {
        let charts = below(folder, "charts");
        let (tree, limits) = (self.tree, self.limits);
        let held = self.held.entry(charts).or_insert_with_key(|charts| {
            let names = tree.list(charts).unwrap_or_default().into_iter().flatten();
            names.map(|entry| (entry.clone(), called(tree, limits, &below(charts, &entry)))).collect()
        });
        held.iter().any(|(entry, called)| {
            let packed = entry.strip_suffix(".tgz").and_then(|stem| stem.strip_prefix(name));
            packed.is_some_and(|rest| rest.starts_with('-')) || called.as_deref() == Some(name)
        })
    }
}

/// What the chart in a folder is called.
fn called(tree: &Tree, limits: &Limits, folder: &str) -> Option<String> {
    let bytes = tree.read(&below(folder, CHART), limits.yaml.bytes).ok()?;
    let documents = yaml::read(&bytes, &limits.yaml).ok()?;
    documents.iter().find_map(|document| document.root.get("name").and_then(Node::text).map(str::to_owned))
}

/// Does a text name a function of templates that gives the present time? In a value it is none, which costs a moment only.
fn reads_clock(text: &[u8]) -> bool {
    const CLOCK: &[&[u8]] =
        &[b"now", b"date", b"date_in_zone", b"dateInZone", b"htmlDate", b"htmlDateInZone", b"ago"];
    text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').any(|word| CLOCK.contains(&word))
}

/// What an entry of `dependencies` says; one without a name is Helm's to complain of. Its name becomes a folder's.
fn dependency(node: &Node) -> Option<Dependency<'_>> {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let name = text("name");
    let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
    plain.then(|| Dependency { name, version: text("version"), repository: text("repository"), node })
}
