//! What a Kustomize app reads: its kustomization, the bases and components below it, and every file that they name.
//!
//! Walked before kustomize runs, for two reasons: a path that leads out of the repository or to another host must never
//! reach the program, and a missing file is told with the line that names it, which kustomize does not know.

use std::collections::BTreeSet;

use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::sources::KUSTOMIZATIONS;
use crate::render::tree::{Found, Tree, below, join, lfs, outside, shown};
use crate::yaml::{self, Node};

/// The most folders that one app may be made of.
const FOLDERS: usize = 2_000;

/// What an app reads, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Files with manifests.
    pub resources: BTreeSet<String>,
    /// All other files: kustomizations, patches, generators' files.
    pub others: BTreeSet<String>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Lists of folders, files or manifests written in place.
const RESOURCES: &[&str] = &["resources", "bases", "components"];
/// The same, for kustomize's own plugins.
const PLUGINS: &[&str] = &["generators", "transformers", "validators"];
/// Lists of files.
const FILES: &[&str] = &["crds", "configurations", "patchesStrategicMerge"];
/// Lists of mappings that may name a file in `path`.
const PATHS: &[&str] = &["patches", "patchesJson6902", "replacements"];
/// Lists of mappings with lists of files.
const GENERATORS: &[&str] = &["configMapGenerator", "secretGenerator"];

/// What a path in a kustomization may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// A file with manifests, or a folder with a kustomization.
    Resource,
    /// A file or folder of plugin settings.
    Plugin,
    /// A file.
    File,
    /// A file, perhaps with `key=` before it.
    Keyed,
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
}

/// The fault of a path that lies elsewhere.
fn elsewhere(path: &str) -> Fault {
    Fault::new(format!("`{}` lies on another host, which rendering does not fetch from", shown(path)))
        .hint("store it in the repository and name it by its path")
}

/// Walks an app.
pub(super) fn closure(tree: &Tree, app: &str, limits: &Limits) -> Closure {
    let mut walk = Walk {
        tree,
        limits,
        closure: Closure::default(),
        waiting: vec![(app.to_owned(), Role::Resource)],
        seen: BTreeSet::new(),
    };
    while let Some((folder, role)) = walk.waiting.pop() {
        if walk.seen.len() >= FOLDERS {
            let message = format!("the kustomization is made of more than {FOLDERS} folders");
            walk.closure.faults.push(Fault::new(message).file(app));
            break;
        }
        if walk.seen.insert((folder.clone(), role)) {
            walk.folder(&folder, role);
        }
    }
    walk.closure
}

struct Walk<'a> {
    tree: &'a Tree,
    limits: &'a Limits,
    closure: Closure,
    waiting: Vec<(String, Role)>,
    seen: BTreeSet<(String, Role)>,
}

impl Walk<'_> {
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
    }

    fn kustomization(&mut self, folder: &str, file: &str, root: &Node, role: Role) {
        let mut named: Vec<(&Node, Role)> = Vec::new();
        for (keys, role) in [(RESOURCES, role), (PLUGINS, Role::Plugin), (FILES, Role::File)] {
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
        for (node, role) in named {
            if let Some(text) = node.text() {
                self.named(Spot { folder, file, node }, text, role);
            }
        }
        for key in ["helmCharts", "helmChartInflationGenerator"] {
            for node in fields(root, key) {
                let message = format!("`{key}` fetches charts while rendering, which is not allowed");
                self.closure.faults.push(
                    Fault::new(message)
                        .hint("name the chart as a source of its own, or store what it renders to")
                        .file(file)
                        .at(node.line, node.column),
                );
            }
        }
    }

    /// One path that a kustomization names.
    fn named(&mut self, spot: Spot<'_>, text: &str, role: Role) {
        // Patches and plugins may stand in place of a path.
        if text.is_empty() || text.contains('\n') || (role != Role::Resource && text.contains(": ")) {
            if role == Role::Plugin {
                self.plugin(spot.file, text.as_bytes());
            }
            return;
        }
        let path = match role {
            Role::Keyed => text.split_once('=').map_or(text, |(_, path)| path),
            Role::Resource | Role::Plugin | Role::File => text,
        };
        if remote(path) {
            self.closure.faults.push(elsewhere(path).file(spot.file).at(spot.node.line, spot.node.column));
        } else if let Some(target) = join(spot.folder, path).filter(|_| !path.starts_with('/')) {
            self.target(spot, target, role);
        } else {
            self.closure.faults.push(spot.fault(
                format!("`{}` leads out of the repository", shown(path)),
                "name a path within the repository, relative to this file",
            ));
        }
    }

    /// What a path leads to within the tree.
    fn target(&mut self, spot: Spot<'_>, target: String, role: Role) {
        let fault = match (self.tree.look(&target), role) {
            (Found::Folder, Role::Resource | Role::Plugin) => return self.base(spot, target, role),
            (Found::File, _) if self.tree.pointer(&target) => lfs(&target),
            (Found::File, Role::Resource) => {
                self.closure.resources.insert(target);
                return;
            }
            (Found::File, Role::Plugin | Role::File | Role::Keyed) => {
                if role == Role::Plugin
                    && let Ok(bytes) = self.tree.read(&target, self.limits.yaml.bytes)
                {
                    self.plugin(&target, &bytes);
                }
                self.closure.others.insert(target);
                return;
            }
            (Found::Outside, _) => {
                let fault = outside(&target);
                spot.fault(fault.message, &fault.hint)
            }
            (Found::Folder, Role::File | Role::Keyed) | (Found::Special, _) => {
                spot.fault(format!("`{}` is not a file", shown(&target)), "name a file")
            }
            (Found::Nothing, _) => spot.fault(
                format!("there is no `{}`", shown(&target)),
                "paths are relative to the kustomization that names them",
            ),
        };
        self.closure.faults.push(fault);
    }

    fn base(&mut self, spot: Spot<'_>, target: String, role: Role) {
        if self.tree.any(&target, KUSTOMIZATIONS).is_some() {
            self.waiting.push((target, role));
        } else {
            self.closure.faults.push(spot.fault(
                format!("the folder `{}` holds no kustomization.yaml", shown(&target)),
                "name its files one by one, or give it a kustomization",
            ));
        }
    }

    /// Settings of a plugin name files too, and kustomize would fetch those that lie on another host. What does not
    /// parse is left to kustomize, which refuses it.
    fn plugin(&mut self, file: &str, text: &[u8]) {
        for document in yaml::read(text, &self.limits.yaml).unwrap_or_default() {
            let root = &document.root;
            let lists = ["paths", "files", "envs"].into_iter().flat_map(|key| items(root, key));
            let paths = ["path", "env"].into_iter().flat_map(|key| fields(root, key));
            let nested = items(root, "replacements").flat_map(|item| fields(item, "path"));
            let named = lists.chain(paths).chain(nested);
            for path in named.filter_map(Node::text) {
                let path = path.split_once('=').map_or(path, |(_, path)| path);
                if remote(path) {
                    self.closure.faults.push(elsewhere(path).file(file));
                }
            }
        }
    }
}

/// The values of a field. Kustomize reads its settings as Go reads JSON: `Resources` and even `re\u{17f}ources` are
/// `resources` to it, and so they must be here.
fn fields<'n>(node: &'n Node, name: &'static str) -> impl Iterator<Item = &'n Node> {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    let same = move |key: &str| key.chars().map(fold).eq(name.chars().map(fold));
    node.entries().iter().filter(move |(key, _)| same(&key.text)).map(|(_, node)| node)
}

/// The items of a field that is a list.
fn items<'n>(node: &'n Node, name: &'static str) -> impl Iterator<Item = &'n Node> {
    fields(node, name).flat_map(Node::items)
}

/// Would kustomize take it for a URL or a Git repository? It does so before it looks for a file of that name.
fn remote(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let host = lower.split('/').next().unwrap_or_default();
    lower.contains("://")
        || ["git::", "gh:", "github.com/", "github.com:", "git@"].iter().any(|begin| lower.starts_with(begin))
        || (host.contains('@') && host.contains(':'))
        || lower.contains("?ref=")
}
