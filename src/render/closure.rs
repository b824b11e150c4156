//! What a Kustomize app reads: its kustomization, the bases and components below it, and every file that they name.
//!
//! Walked before kustomize runs, for three reasons: a path that leads out of the repository or to another host must never
//! reach the program; a missing file is told with the line that names it, which kustomize does not know; and what is read
//! decides whether a change can touch the app. The program may read these files and no others.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::inflate::Kustomization;
use crate::render::inputs::Inputs;
use crate::render::sources::KUSTOMIZATIONS;
use crate::render::tree::{Found, Tree, below, join, lfs, shown};
use crate::yaml::{self, Content, Document, Node};

/// The most folders that one app may be made of.
const FOLDERS: usize = 2_000;
/// The most paths that they may name, each counted wherever it is named; each is looked for.
const NAMES: usize = 100_000;

/// What an app reads, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Files with manifests.
    pub resources: BTreeSet<String>,
    /// All other files: kustomizations, patches, generators' files.
    pub others: BTreeSet<String>,
    /// Folders of charts, which are listed too; their files are among the others.
    pub folders: BTreeSet<String>,
    /// Where the names of its folders lead.
    pub names: BTreeMap<String, Option<String>>,
    /// Does it render charts by itself?
    pub inflates: bool,
    /// What lies on another host.
    pub elsewhere: Vec<Elsewhere>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// A resource, base or component that lies on another host.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// The kustomization that names it.
    pub file: String,
    /// Line and column of the address, from 1.
    pub place: (u32, u32),
    /// The address.
    pub address: String,
    /// What is said where nothing is fetched.
    pub fault: Fault,
}

impl Closure {
    /// What the program may read.
    pub(super) fn inputs(&self) -> Inputs {
        let files = self.resources.union(&self.others).cloned().collect();
        Inputs { files, folders: self.folders.clone(), names: self.names.clone(), ..Inputs::default() }
    }
}

/// Lists of folders, files or manifests written in place.
const RESOURCES: &[&str] = &["resources", "bases", "components"];
/// The same, for kustomize's own plugins.
const PLUGINS: &[&str] = &["generators", "transformers", "validators"];
/// Lists of files.
const FILES: &[&str] = &["crds", "configurations"];
/// Lists of files or of patches written in place.
const PATCHES: &[&str] = &["patchesStrategicMerge"];
/// Lists of mappings that may name a file in `path`.
const PATHS: &[&str] = &["patches", "patchesJson6902", "replacements"];
/// Lists of mappings with lists of files.
const GENERATORS: &[&str] = &["configMapGenerator", "secretGenerator"];

/// All that a kustomization of plugin settings may hold: what lists them, and nothing that changes them. Out of what a
/// prefix, a patch or a replacement puts together could come an address that stands nowhere.
const LISTING: &[&str] = &["apiVersion", "kind", "metadata", "resources", "bases", "components"];
/// The fields of plugin settings that kustomize reads files from, or fetches.
const READ: &[&str] = &["path", "paths", "files", "envs", "env", "targetFilePath"];

/// What a path in a kustomization may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// A file with manifests, or a folder with a kustomization.
    Resource,
    /// A file or folder of plugin settings, or settings written in place.
    Plugin,
    /// A file.
    File,
    /// A file with a patch, or the patch in its place.
    Patch,
    /// A file, perhaps with `key=` before it.
    Keyed,
}

/// Whose lines the settings of a plugin have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of their own file.
    File,
    /// They stand in place of a path, in another file.
    Place,
}

/// Where a kustomization names a path.
#[derive(Debug, Clone, Copy)]
struct Spot<'a> {
    folder: &'a str,
    file: &'a str,
    node: &'a Node,
}

impl Spot<'_> {
    fn fault(&self, message: String, hint: &str) -> Fault {
        Fault::new(message).hint(hint).file(self.file).at(self.node.line, self.node.column)
    }

    /// The fault of a path that lies elsewhere.
    fn elsewhere(&self, path: &str) -> Fault {
        self.fault(
            format!("`{}` lies on another host, which rendering does not fetch from", shown(path)),
            "store it in the repository and name it by its path",
        )
    }
}

/// Walks an app.
pub(super) fn closure(tree: &Tree, app: &str, limits: &Limits) -> Closure {
    let mut walk = Walk {
        tree,
        limits,
        closure: Closure::default(),
        waiting: Vec::new(),
        seen: BTreeSet::new(),
        perhaps: BTreeSet::new(),
        names: 0,
    };
    walk.enter(app, Role::Resource);
    while let Some((folder, role)) = walk.waiting.pop() {
        if walk.seen.len() >= FOLDERS {
            let message = format!("the kustomization is made of more than {FOLDERS} folders");
            walk.closure.faults.push(Fault::new(message).file(app));
            break;
        }
        if walk.names > NAMES {
            break;
        }
        if walk.seen.insert((folder.clone(), role)) {
            walk.folder(&folder, role);
        }
    }
    walk.perhaps();
    if walk.names > NAMES {
        let message = format!("the kustomization names more than {NAMES} paths");
        walk.closure.faults.push(Fault::new(message).hint("split the app").file(app));
    }
    walk.closure
}

struct Walk<'a> {
    tree: &'a Tree,
    limits: &'a Limits,
    closure: Closure,
    waiting: Vec<(String, Role)>,
    seen: BTreeSet<(String, Role)>,
    /// What settings of plugins might name as files, relative to one of the folders.
    perhaps: BTreeSet<String>,
    names: usize,
}

impl Walk<'_> {
    /// Settings of plugins say files in the same fields as other things, and which folder they count from depends on who
    /// lists them: whatever is a file from any of the app's folders may be read.
    fn perhaps(&mut self) {
        let folders: BTreeSet<&String> = self.seen.iter().map(|(folder, _)| folder).collect();
        self.names = self.names.saturating_add(folders.len().saturating_mul(self.perhaps.len()));
        if self.names > NAMES {
            return;
        }
        let paths =
            folders.iter().flat_map(|folder| self.perhaps.iter().filter_map(|path| join(folder, path)));
        let files: Vec<String> = paths.filter(|path| self.tree.look(path) == Found::File).collect();
        self.closure.others.extend(files);
    }

    fn folder(&mut self, folder: &str, role: Role) {
        // Kustomize itself tells of a folder that has none or several of them.
        let Some(name) = self.tree.any(folder, KUSTOMIZATIONS) else { return };
        let file = below(folder, name);
        let read = self.tree.read(&file, self.limits.program.stdout).and_then(|bytes| {
            yaml::read(&bytes, &self.limits.yaml).map_err(|fault| fault.file(file.clone()))
        });
        let documents = match read {
            Ok(documents) => documents,
            Err(fault) => {
                self.closure.faults.push(fault);
                return;
            }
        };
        for document in &documents {
            self.kustomization(folder, &file, &document.root, role);
        }
        self.closure.others.insert(file);
        // Of several, kustomize complains: it must see them.
        let several = KUSTOMIZATIONS.iter().map(|name| below(folder, name));
        let several: Vec<String> = several.filter(|file| self.tree.look(file) == Found::File).collect();
        self.closure.others.extend(several);
    }

    fn kustomization(&mut self, folder: &str, file: &str, root: &Node, role: Role) {
        for (node, role) in named(root, role) {
            if let Some(text) = node.text() {
                self.named(Spot { folder, file, node }, text, role);
            }
        }
        self.charts(folder, file, root);
        if role == Role::Plugin {
            let other =
                root.entries().iter().find(|(key, _)| !LISTING.iter().any(|name| same(&key.text, name)));
            if let Some((key, node)) = other {
                let spot = Spot { folder, file, node };
                self.closure.faults.push(spot.fault(
                    format!("`{}` would change the settings of plugins", shown(&key.text)),
                    "write the settings out as they are meant, in the files under `resources`",
                ));
            }
        }
    }

    /// What renders charts from within: refused, or followed where the operator lets it. The spelling must be the usual one.
    fn charts(&mut self, folder: &str, file: &str, root: &Node) {
        const CHARTS: &str = "helmCharts";
        let plain = root.get(CHARTS).is_some() && fields(root, CHARTS).count() == 1;
        for key in [CHARTS, "helmChartInflationGenerator"] {
            for node in fields(root, key) {
                if self.limits.inflate && key == CHARTS && plain {
                    let (tree, limits) = (self.tree, self.limits);
                    Kustomization { tree, limits, folder, file, root }.inflate(&mut self.closure);
                    continue;
                }
                let spot = Spot { folder, file, node };
                self.closure.faults.push(spot.fault(
                    format!("`{key}` fetches charts while rendering, which is not allowed"),
                    "name the chart as a source of its own, or store what it renders to",
                ));
            }
        }
    }

    /// One path that a kustomization names, or what stands in place of one.
    fn named(&mut self, spot: Spot<'_>, text: &str, role: Role) {
        self.names += 1;
        if text.is_empty() || self.names > NAMES {
            return;
        }
        let path = match role {
            Role::Keyed => text.split_once('=').map_or(text, |(_, path)| path),
            Role::Resource | Role::Plugin | Role::File | Role::Patch => text,
        };
        let in_place = match role {
            Role::Plugin => self.settings(spot, text.as_bytes(), Whose::Place),
            Role::Patch => self.patch(text),
            Role::Resource | Role::File | Role::Keyed => false,
        };
        let elsewhere = match role {
            Role::Resource | Role::Plugin => cloned(path) || (!in_place && remote(path)),
            Role::File | Role::Keyed | Role::Patch => fetched(text),
        };
        if elsewhere || fetched(path) {
            let fault = spot.elsewhere(path);
            match role {
                Role::Resource => self.closure.elsewhere.push(Elsewhere {
                    file: spot.file.to_owned(),
                    place: (spot.node.line, spot.node.column),
                    address: path.to_owned(),
                    fault,
                }),
                Role::Plugin | Role::File | Role::Keyed | Role::Patch => self.closure.faults.push(fault),
            }
            return;
        }
        match join(spot.folder, path).filter(|_| !path.starts_with('/')) {
            // What kustomize does not take for a manifest it takes for a path, so one that leads somewhere is followed.
            Some(target) if in_place && self.tree.look(&target) == Found::Nothing => {}
            Some(target) => self.target(spot, target, role),
            None => self.closure.faults.push(spot.fault(
                format!("`{}` leads out of the repository", shown(path)),
                "name a path within the repository, relative to this file",
            )),
        }
    }

    /// What a path leads to within the tree.
    fn target(&mut self, spot: Spot<'_>, target: String, role: Role) {
        let fault = match (self.tree.look(&target), role) {
            (Found::Folder, Role::Resource | Role::Plugin) => return self.base(spot, &target, role),
            (Found::File, _) if self.tree.pointer(&target) => lfs(&target),
            (Found::File, Role::Resource) => {
                self.closure.resources.insert(target);
                return;
            }
            (Found::File, Role::Plugin) => {
                match self.tree.read(&target, self.limits.yaml.bytes) {
                    Err(fault) => self.closure.faults.push(fault),
                    Ok(bytes) => {
                        self.settings(Spot { file: &target, ..spot }, &bytes, Whose::File);
                    }
                }
                self.closure.others.insert(target);
                return;
            }
            (Found::File, Role::File | Role::Keyed | Role::Patch) => {
                self.closure.others.insert(target);
                return;
            }
            (Found::Outside, _) => {
                let fault = self.tree.outside(&target);
                spot.fault(fault.message, &fault.hint)
            }
            (Found::Folder, Role::File | Role::Keyed | Role::Patch) | (Found::Special, _) => {
                spot.fault(format!("`{}` is not a file", shown(&target)), "name a file")
            }
            (Found::Nothing, _) => spot.fault(
                format!("there is no `{}`", shown(&target)),
                "paths are relative to the kustomization that names them",
            ),
        };
        self.closure.faults.push(fault);
    }

    fn base(&mut self, spot: Spot<'_>, target: &str, role: Role) {
        if self.tree.any(target, KUSTOMIZATIONS).is_some() {
            self.enter(target, role);
        } else if let Some(fault) = self.tree.without(target, KUSTOMIZATIONS) {
            self.closure.faults.push(fault);
        } else {
            self.closure.faults.push(spot.fault(
                format!("the folder `{}` holds no kustomization.yaml", shown(target)),
                "name its files one by one, or give it a kustomization",
            ));
        }
    }

    /// Puts a folder on the way, by its real path: as kustomize does, so that `..` means the same to both.
    fn enter(&mut self, folder: &str, role: Role) {
        self.closure.names.insert(folder.to_owned(), self.tree.settle(folder));
        match self.tree.settle(folder) {
            Some(real) => self.waiting.push((real, role)),
            None => self.closure.faults.push(self.tree.outside(folder)),
        }
    }

    /// Is it a patch written in place of a path?
    fn patch(&self, text: &str) -> bool {
        let read = yaml::read(text.as_bytes(), &self.limits.yaml);
        text.contains('\n') || read.is_ok_and(|documents| documents.iter().any(is_mapping))
    }

    /// Settings of plugins name files too, and kustomize would fetch those that lie on another host. What cannot be read
    /// here with certainty is refused: kustomize might read it. False if the text is no mapping, and so a path.
    fn settings(&mut self, spot: Spot<'_>, text: &[u8], whose: Whose) -> bool {
        let unclear = |said: &Fault, hint: &str| {
            let (line, column) = match whose {
                Whose::File => (said.line.unwrap_or(1), said.column.unwrap_or(1)),
                Whose::Place => (spot.node.line, spot.node.column),
            };
            let message = format!("the settings of a plugin are not clear: {}", said.message);
            Fault::new(message).hint(hint).file(spot.file).at(line, column)
        };
        let documents = match yaml::read(text, &self.limits.yaml) {
            Ok(documents) => documents,
            Err(fault) => {
                self.closure.faults.push(unclear(&fault, "write them as plain YAML, less deep"));
                return true;
            }
        };
        for document in &documents {
            let twice = document.warnings.first();
            self.closure.faults.extend(twice.map(|twice| unclear(twice, "give each key once")));
            if let Some((node, path)) = address(&document.root, false) {
                let spot = match whose {
                    Whose::File => Spot { node, ..spot },
                    Whose::Place => spot,
                };
                self.closure.faults.push(spot.elsewhere(path));
            }
            let mut paths = BTreeSet::new();
            read_from(&document.root, false, &mut paths);
            let targets = paths.iter().filter_map(|path| join(spot.folder, path));
            self.closure.faults.extend(targets.filter_map(|target| self.tree.hollow(&target)));
            self.perhaps.append(&mut paths);
        }
        documents.iter().any(is_mapping)
    }
}

fn is_mapping(document: &Document) -> bool {
    matches!(document.root.content, Content::Map(_))
}

/// What a kustomization names, and as what.
fn named(root: &Node, role: Role) -> Vec<(&Node, Role)> {
    let mut named: Vec<(&Node, Role)> = Vec::new();
    let lists = [(RESOURCES, role), (PLUGINS, Role::Plugin), (FILES, Role::File), (PATCHES, Role::Patch)];
    for (keys, role) in lists {
        named.extend(keys.iter().flat_map(|key| items(root, key)).map(|node| (node, role)));
    }
    let paths = PATHS.iter().flat_map(|key| items(root, key)).flat_map(|item| fields(item, "path"));
    named.extend(paths.map(|node| (node, Role::File)));
    for generator in GENERATORS.iter().flat_map(|key| items(root, key)) {
        named.extend(items(generator, "files").map(|node| (node, Role::Keyed)));
        let envs = items(generator, "envs").chain(fields(generator, "env"));
        named.extend(envs.map(|node| (node, Role::File)));
    }
    let schema = fields(root, "openapi").flat_map(|node| fields(node, "path"));
    named.extend(schema.map(|node| (node, Role::File)));
    named
}

/// The first address of another host in a field that is read from, however deep: settings may be wrapped in lists.
fn address(node: &Node, read: bool) -> Option<(&Node, &str)> {
    match &node.content {
        Content::Text(text) => {
            let path = text.split_once('=').map_or(text.as_str(), |(_, path)| path);
            (read && (fetched(text) || fetched(path))).then_some((node, path))
        }
        Content::List(items) => items.iter().find_map(|item| address(item, read)),
        Content::Map(entries) => entries
            .iter()
            .find_map(|(key, node)| address(node, read || READ.iter().any(|name| same(&key.text, name)))),
        Content::Null | Content::Bool(_) | Content::Number(_) => None,
    }
}

/// What stands in fields that are read from, however deep.
fn read_from(node: &Node, read: bool, into: &mut BTreeSet<String>) {
    match &node.content {
        Content::Text(text) if read => {
            into.insert(text.split_once('=').map_or(text.as_str(), |(_, path)| path).to_owned());
            into.insert(text.clone());
        }
        Content::List(items) => items.iter().for_each(|item| read_from(item, read, into)),
        Content::Map(entries) => {
            for (key, node) in entries {
                read_from(node, read || READ.iter().any(|name| same(&key.text, name)), into);
            }
        }
        Content::Text(_) | Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

/// Is a key what kustomize takes for this field? It reads its settings as Go reads JSON: `Resources` and even
/// `re\u{17f}ources` are `resources` to it, and so they must be here.
fn same(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// The values of a field.
fn fields<'n>(node: &'n Node, name: &'static str) -> impl Iterator<Item = &'n Node> {
    node.entries().iter().filter(move |(key, _)| same(&key.text, name)).map(|(_, node)| node)
}

/// The items of a field that is a list.
fn items<'n>(node: &'n Node, name: &'static str) -> impl Iterator<Item = &'n Node> {
    fields(node, name).flat_map(Node::items)
}

/// Would kustomize fetch it wherever it reads a file? It asks for the scheme alone.
fn fetched(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.starts_with("http:") || lower.starts_with("https:")
}

/// Would kustomize clone it? It asks how it begins, before it looks for a folder of that name.
fn cloned(path: &str) -> bool {
    const BEGINS: &[&str] =
        &["git::", "gh:", "ssh://", "http://", "https://", "file://", "github.com/", "github.com:"];
    let lower = path.to_ascii_lowercase();
    let user = |(user, _): (&str, &str)| {
        user.starts_with(|c: char| c.is_ascii_lowercase())
            && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    BEGINS.iter().any(|begin| lower.starts_with(begin)) || lower.split_once('@').is_some_and(user)
}

/// Was it meant to be cloned, perhaps by another version of kustomize? Better told so than "there is no such folder".
fn remote(path: &str) -> bool {
    path.contains("://") || path.contains("?ref=")
}
