//! The files of Git trees, written out once per job and removed with it.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::git::Objects;
use crate::git::materialise::Limits;
use crate::model::fault::{Cause, Failure};
use crate::model::id::Sha;
use crate::render::Omitted;

/// The trees that one job has written out.
pub(crate) struct Files<'a> {
    objects: &'a Objects,
    held: HashMap<Sha, (TempDir, Arc<Omitted>)>,
}

/// A tree that was written out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    /// The folder that holds it.
    pub root: &'a Path,
    /// What it lacks.
    pub omitted: &'a Arc<Omitted>,
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("trees", &self.held.keys()).finish_non_exhaustive()
    }
}

impl<'a> Files<'a> {
    /// Nothing written yet.
    pub(crate) fn new(objects: &'a Objects) -> Self {
        Self { objects, held: HashMap::new() }
    }

    /// Writes a tree out, once.
    pub(crate) async fn write(&mut self, tree: &Sha) -> Result<(), Failure> {
        if !self.held.contains_key(tree) {
            let folder =
                tempfile::tempdir().map_err(|error| Failure::ours("make a folder to render in", error))?;
            let written =
                self.objects.materialise(tree, folder.path(), &|_| true, &Limits::default()).await?;
            let omitted = Omitted::new(&written.links, &written.submodules, &written.foreign);
            self.held.insert(tree.clone(), (folder, Arc::new(omitted)));
        }
        Ok(())
    }

    /// Where a tree was written, which the caller asked for before.
    pub(crate) fn expect(&self, tree: &Sha) -> Result<Written<'_>, Failure> {
        self.path(tree).ok_or_else(|| Failure::Ours(Cause::plain(format!("tree {tree} was not written out"))))
    }

    /// Where a tree was written; none: it was not.
    pub(crate) fn path(&self, tree: &Sha) -> Option<Written<'_>> {
        self.held.get(tree).map(|(folder, omitted)| Written { root: folder.path(), omitted })
    }
}
