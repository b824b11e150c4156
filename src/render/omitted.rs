//! What a commit holds and the materialised tree does not.

use std::collections::{BTreeMap, BTreeSet};

/// The names that were left out when a tree was written. Whoever walks the tree must meet them as what they are: met as
/// nothing, their objects would look as if they were to be deleted.
///
/// Paths are relative to the tree, with `/` between their parts. The folders that hold the names are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Omitted {
    links: BTreeSet<String>,
    submodules: BTreeSet<String>,
    /// By folder: the names that are missing in it; none: one that is not UTF-8.
    names: BTreeMap<String, BTreeSet<Option<String>>>,
}

/// What a path that was left out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A symbolic link that leads out of the tree, or might.
    Link,
    /// Another repository's commit.
    Submodule,
}

impl Omitted {
    /// Links that lead out, submodules, and names that are not UTF-8, in which U+FFFD stands for what is none.
    pub(crate) fn new(links: &[String], submodules: &[String], foreign: &[String]) -> Self {
        let mut omitted = Self {
            links: links.iter().cloned().collect(),
            submodules: submodules.iter().cloned().collect(),
            names: BTreeMap::new(),
        };
        for path in links.iter().chain(submodules) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            omitted.name(folder, Some(name));
        }
        for path in foreign {
            // The first part that is no text is what is missing; all below it is missing with it.
            let known = path.find('\u{fffd}').and_then(|at| path.get(..at)).unwrap_or(path);
            omitted.name(known.rsplit_once('/').map_or("", |(folder, _)| folder), None);
        }
        omitted
    }

    fn name(&mut self, folder: &str, name: Option<&str>) {
        self.names.entry(folder.to_owned()).or_default().insert(name.map(str::to_owned));
    }

    /// Was nothing left out?
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What lay at this very path.
    pub(super) fn kind(&self, path: &str) -> Option<Kind> {
        if self.submodules.contains(path) {
            return Some(Kind::Submodule);
        }
        self.links.contains(path).then_some(Kind::Link)
    }

    /// The names that are missing in a folder.
    pub(super) fn names(&self, folder: &str) -> impl Iterator<Item = &Option<String>> {
        self.names.get(folder).into_iter().flatten()
    }
}
