//! The materialised tree: every look into it goes through here, and none leads out of it.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::fault::{Failure, Fault};
use crate::render::omitted::{Kind, Omitted};

/// What a Git LFS pointer begins with, which is stored in place of the real file.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
/// The most links that are followed on the way to what was left out.
const LINKS: usize = 40;

/// A tree of files on disk; paths in it are relative, with `/` between their parts, `""` is the root.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: PathBuf,
    omitted: Arc<Omitted>,
    /// Where folders really are, of those that were asked for: hundreds of apps ask for the same ones.
    folders: Arc<Mutex<HashMap<String, PathBuf>>>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A folder.
    Folder,
    /// An ordinary file.
    File,
    /// Nothing, or a link to nothing.
    Nothing,
    /// What is not in the tree although its name is: a link that leads out of it, or a submodule. [`Tree::outside`] says which.
    Outside,
    /// A device, a pipe, a socket.
    Special,
}

impl Tree {
    /// The tree below a folder of ours, and what was left out of it.
    pub(super) fn open(root: &Path, omitted: &Arc<Omitted>) -> Result<Self, Failure> {
        let root = root
            .canonicalize()
            .map_err(|error| Failure::ours("the tree to render could not be opened", error))?;
        Ok(Self { root, omitted: Arc::clone(omitted), folders: Arc::default() })
    }

    /// What was left out of it.
    pub(super) fn omitted(&self) -> &Arc<Omitted> {
        &self.omitted
    }

    /// The absolute path, for programs; never for people.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// What lies at a path, links followed.
    pub(super) fn look(&self, path: &str) -> Found {
        let Ok((real, meta)) = self.resolve(path) else {
            return if self.missing(path).is_some() { Found::Outside } else { Found::Nothing };
        };
        if !real.starts_with(&self.root) {
            Found::Outside
        } else if meta.is_dir() {
            Found::Folder
        } else if meta.is_file() {
            Found::File
        } else {
            Found::Special
        }
    }

    /// Where a path leads, all links followed, and what is there. The folder above it is resolved once; most paths are then
    /// one question to the system, not one for each of their parts.
    fn resolve(&self, path: &str) -> io::Result<(PathBuf, Metadata)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let real = self.absolute(path).canonicalize()?;
            let meta = real.metadata()?;
            return Ok((real, meta));
        }
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(folder).cloned();
        let above = if let Some(known) = known {
            known
        } else {
            let real = self.absolute(folder).canonicalize()?;
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            folders.insert(folder.to_owned(), real.clone());
            real
        };
        let real = above.join(name);
        let meta = real.symlink_metadata()?;
        if !meta.is_symlink() {
            return Ok((real, meta));
        }
        let real = real.canonicalize()?;
        let meta = real.metadata()?;
        Ok((real, meta))
    }

    /// Where a path really leads, for telling whether a folder was seen already.
    pub(super) fn real(&self, path: &str) -> Option<PathBuf> {
        self.resolve(path).ok().map(|(real, _)| real).filter(|real| real.starts_with(&self.root))
    }

    /// Where a path really leads, as a path of the tree without links; none if that is out of it, or no text.
    pub(super) fn settle(&self, path: &str) -> Option<String> {
        let real = self.real(path)?;
        real.strip_prefix(&self.root).ok()?.to_str().map(str::to_owned)
    }

    /// What was left out at a path, on the way to it, or where its links lead.
    fn missing(&self, path: &str) -> Option<(String, Kind)> {
        if self.omitted.is_empty() {
            return None;
        }
        let (mut here, mut links) = (String::new(), 0);
        let mut parts: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        while let Some(part) = parts.pop() {
            here = match part.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or(0));
                    continue;
                }
                part => below(&here, part),
            };
            if let Some(kind) = self.omitted.kind(&here) {
                return Some((here, kind));
            }
            // Links in the tree are relative: those that are not were left out.
            if let Ok(target) = self.absolute(&here).read_link() {
                links += 1;
                if links > LINKS {
                    return None;
                }
                here.truncate(here.rfind('/').unwrap_or(0));
                parts.extend(target.to_str()?.rsplit('/').map(str::to_owned));
            }
        }
        None
    }

    /// The fault of a path that is [`Found::Outside`].
    pub(super) fn outside(&self, path: &str) -> Fault {
        match self.missing(path) {
            Some((at, Kind::Submodule)) => {
                Fault::new(format!("`{}` is a submodule, and submodules are not fetched", shown(&at)))
                    .hint("copy its files into this repository, or render it from its own")
                    .file(at)
            }
            Some((at, Kind::Link)) => link(&at),
            None => link(path),
        }
    }

    /// The fault of what is there and is not the file itself: what was left out, and LFS pointers.
    pub(super) fn hollow(&self, path: &str) -> Option<Fault> {
        match self.look(path) {
            Found::Outside => Some(self.outside(path)),
            Found::File if self.pointer(path) => Some(lfs(path)),
            Found::File | Found::Folder | Found::Nothing | Found::Special => None,
        }
    }

    /// The fault of a name in a folder that is not UTF-8.
    pub(super) fn foreign(folder: &str) -> Fault {
        Fault::new(format!("a file's name in `{}` is not UTF-8", shown(folder))).hint("rename it")
    }

    /// The fault of the first of these names in a folder that is [`Found::Outside`].
    pub(super) fn without(&self, folder: &str, names: &[&str]) -> Option<Fault> {
        let mut paths = names.iter().map(|name| below(folder, name));
        paths.find(|path| self.look(path) == Found::Outside).map(|path| self.outside(&path))
    }

    /// The names in a folder, sorted, those that were left out among them; one that is not UTF-8 is none. What is no folder
    /// of the tree has no names.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Option<String>>, Fault> {
        if self.look(path) != Found::Folder {
            return Ok(Vec::new());
        }
        let names = || -> io::Result<Vec<Option<String>>> {
            let entries = self.absolute(path).read_dir()?;
            entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect()
        };
        // Left out in silence, a folder would look as if its objects were to be deleted.
        let mut names = names().map_err(|error| {
            Fault::new(format!("the folder `{}` could not be read: {}", shown(path), error.kind())).file(path)
        })?;
        if let Some(folder) = self.settle(path).filter(|_| !self.omitted.is_empty()) {
            names.extend(self.omitted.names(&folder).cloned());
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// A file's bytes, if it is an ordinary file of the tree, not too large, and not an LFS pointer.
    pub(super) fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        self.need(path, Found::File)?;
        let fail =
            |error: io::Error| Fault::new(format!("the file could not be read: {}", error.kind())).file(path);
        let file = std::fs::File::open(self.absolute(path)).map_err(fail)?;
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() > limit {
            return Err(Fault::new(format!("the file is larger than {limit} bytes")).file(path));
        }
        if bytes.starts_with(LFS) {
            return Err(lfs(path));
        }
        Ok(bytes)
    }

    /// Is this small file a Git LFS pointer?
    pub(super) fn pointer(&self, path: &str) -> bool {
        let small = self.absolute(path).metadata().is_ok_and(|meta| meta.is_file() && meta.len() < 1024);
        small && self.read(path, 1024).is_err_and(|fault| fault == lfs(path))
    }

    /// A fault unless such a thing lies at the path.
    pub(super) fn need(&self, path: &str, wanted: Found) -> Result<(), Fault> {
        let found = self.look(path);
        if found == wanted {
            return Ok(());
        }
        let what = if wanted == Found::Folder { "folder" } else { "file" };
        Err(match found {
            Found::Outside => self.outside(path),
            Found::Nothing => Fault::new(format!("there is no {what} `{}`", shown(path))).file(path),
            Found::Folder | Found::File | Found::Special => {
                Fault::new(format!("`{}` is not a {what}", shown(path))).file(path)
            }
        })
    }

    /// Does a path hold a file of this name, and which of them?
    pub(super) fn any<'n>(&self, folder: &str, names: &[&'n str]) -> Option<&'n str> {
        names.iter().find(|name| self.look(&below(folder, name)) == Found::File).copied()
    }
}

/// The fault of a link that leads out.
fn link(path: &str) -> Fault {
    Fault::new(format!("`{}` is a link that leads out of the repository", shown(path)))
        .hint("replace it by the file itself")
        .file(path)
}

/// The fault of an LFS pointer.
pub(super) fn lfs(path: &str) -> Fault {
    Fault::new(format!("`{}` is a Git LFS pointer, not the file itself", shown(path)))
        .hint("store what is rendered as ordinary files (`git lfs untrack`)")
        .file(path)
        .at(1, 1)
}

/// `folder/name`, or the name alone at the root.
pub(super) fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// `path` seen from `folder`, without `.` and `..`; none if it leads out of the tree.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A path as it may be shown: control characters made visible, the root by its dot.
pub(super) fn shown(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect()
}
