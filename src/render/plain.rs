//! Plain manifests: all YAML and JSON files of a folder and the folders below it, or one file.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::document::{From, Lines, Part};
use crate::render::permit;
use crate::render::sources::{CHART, KUSTOMIZATIONS, manifest};
use crate::render::tree::{Found, Tree, below, shown};
use crate::yaml;

/// The most files and folders that one app may hold.
const ENTRIES: usize = 200_000;

/// The manifests at a path of the tree.
pub(super) fn render(tree: &Tree, app: &str, limits: &Limits) -> Part {
    let mut walk = Walk {
        tree,
        app,
        limits,
        part: Part::default(),
        bytes: limits.program.stdout,
        yaml: limits.yaml,
        entries: ENTRIES,
        seen: HashSet::new(),
    };
    if tree.look(app) == Found::Folder {
        walk.folder();
    } else {
        walk.file(app);
    }
    walk.part
}

/// A walk through one app.
struct Walk<'a> {
    tree: &'a Tree,
    app: &'a str,
    limits: &'a Limits,
    part: Part,
    /// Bytes that may still be read.
    bytes: usize,
    /// What the next file may hold: all files together no more than one.
    yaml: yaml::Limits,
    /// Names that may still be looked at.
    entries: usize,
    /// Folders by where they really are: a link to a folder above would never end.
    seen: HashSet<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self) {
        let mut waiting = vec![self.app.to_owned()];
        while let Some(folder) = waiting.pop() {
            if !self.tree.real(&folder).is_some_and(|real| self.seen.insert(real)) {
                continue;
            }
            match self.tree.list(&folder) {
                // The last in is the first out, so that folders come in their order.
                Ok(names) => waiting.extend(self.names(&folder, names).into_iter().rev()),
                Err(fault) => self.part.faults.push(fault),
            }
        }
    }

    /// Reads a folder's files and gives the folders in it.
    fn names(&mut self, folder: &str, names: Vec<Option<String>>) -> Vec<String> {
        let mut deeper = Vec::new();
        if names.len() > self.entries {
            let message = format!("the folder holds more than {ENTRIES} files");
            self.part.faults.push(Fault::new(message).hint("name a smaller one").file(self.app));
            return deeper;
        }
        self.entries -= names.len();
        for name in names {
            let Some(name) = name else {
                self.part.faults.push(Tree::foreign(folder));
                continue;
            };
            let path = below(folder, &name);
            if name.starts_with('.') {
                self.hidden(&path, &name);
            } else {
                self.entry(path, &name, &mut deeper);
            }
        }
        deeper
    }

    fn entry(&mut self, path: String, name: &str, deeper: &mut Vec<String>) {
        match self.tree.look(&path) {
            Found::Folder => match self.other(&path) {
                Some(file) => self.part.warnings.push(format!(
                    "{}: left out, because it has a {file} of its own; name it as a source to render it",
                    shown(&path)
                )),
                None => deeper.push(path),
            },
            Found::File if name == CHART || KUSTOMIZATIONS.contains(&name) => self.part.warnings.push(format!(
                "{}: left out, because it is no manifest but another renderer's; plain rendering was asked for",
                shown(&path)
            )),
            Found::File if manifest(name) => self.file(&path),
            Found::Outside => self.part.faults.push(self.tree.outside(&path)),
            Found::Nothing if manifest(name) => {
                let message = format!("`{}` is a link to nothing", shown(&path));
                self.part.faults.push(Fault::new(message).hint("fix or remove it").file(path));
            }
            Found::File | Found::Nothing | Found::Special => {}
        }
    }

    /// Hidden files are settings of tools, ours among them; a hidden manifest is told, a hidden folder is not.
    fn hidden(&mut self, path: &str, name: &str) {
        if manifest(name) && !name.starts_with(".tidegate.") && self.tree.look(path) == Found::File {
            self.part.warnings.push(format!("{}: left out, because its name begins with a dot", shown(path)));
        }
    }

    /// The file that makes a folder below an app of another renderer.
    fn other(&self, folder: &str) -> Option<&'static str> {
        self.tree.any(folder, &[CHART]).or_else(|| self.tree.any(folder, KUSTOMIZATIONS))
    }

    fn file(&mut self, path: &str) {
        if self.part.pieces.len() > self.limits.objects {
            return;
        }
        // Held while it is read, which takes ten times as much memory as it has bytes.
        let size =
            self.tree.real(path).and_then(|real| std::fs::metadata(real).ok()).map_or(0, |data| data.len());
        let permit = permit::wait(size);
        let bytes = match self.tree.read(path, self.bytes) {
            Ok(bytes) => bytes,
            Err(fault) => {
                self.part.faults.push(fault);
                return;
            }
        };
        self.bytes -= bytes.len();
        let from = From { app: self.app, file: Some(path), lines: Lines::Source };
        let nodes = self.part.read(&bytes, from, &self.yaml);
        self.yaml.nodes = self.yaml.nodes.saturating_sub(nodes);
        drop(permit);
    }
}
