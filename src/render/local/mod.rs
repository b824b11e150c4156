//! An app that names things on other hosts, made local: they are fetched, and the app is rendered from a copy of what it
//! reads in which they lie beside it.
//!
//! The copy is a tree like any other, so everything that holds for a repository's own files holds for what was fetched:
//! its paths are resolved before a program sees them, its schemas are inspected, the jail is told its files, and its
//! contents are part of the key under which the result is kept. Nothing that people read names the copy.

mod helm;
mod kustomize;
pub(super) mod lock;
mod rewrite;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::model::fault::{Failure, Fault};
use crate::model::object::Remote;
use crate::model::settings::Renderer;
use crate::render::document::Part;
use crate::render::remote::Fetched;
use crate::render::sources::Task;
use crate::render::tree::{Found, Tree};
use crate::render::{Context, kept, program};

/// Renders an app, from a copy if it needs anything of another host.
pub(super) async fn render(context: Arc<Context>, task: Task) -> Result<Part, Failure> {
    // A permit is only refused when the semaphore is closed, which nobody does.
    let look = context.looks.acquire().await;
    let copy = match task.renderer {
        _ if context.visit.is_none() => Ok(None),
        Renderer::Kustomize => Box::pin(kustomize::bring(&context, &task)).await?,
        Renderer::Helm => Box::pin(helm::bring(&context, &task)).await?,
        Renderer::Plain => Ok(None),
    };
    drop(look);
    let copy = match copy {
        Ok(None) => return kept::render(context, task).await,
        Ok(Some(copy)) => copy,
        Err(faults) => return Ok(Part { faults, ..Part::default() }),
    };
    program::open(copy.path()).map_err(broken)?;
    let tree = copy.tree(&context)?;
    let mut part = kept::render(Arc::new(context.over(tree)), task).await?;
    copy.translate(&mut part);
    part.remotes = copy.remotes;
    Ok(part)
}

/// What an app reads, with what was fetched beside it.
struct Copy {
    folder: TempDir,
    /// What was fetched by the place where it lies in the copy, and where it is named.
    brought: BTreeMap<String, Brought>,
    remotes: Vec<Remote>,
}

/// Something of another host, as its faults are told.
#[derive(Debug, Clone)]
struct Brought {
    from: String,
    /// Where the repository's own file names it, or names what names it.
    named: Fault,
}

impl Brought {
    /// A fault in what was fetched, told where the repository names it. Its text is not the repository's: none is shown.
    fn told(&self, fault: &Fault) -> Fault {
        let Fault { app, file, line, column, .. } = self.named.clone();
        let message = format!("{}: {}", self.from, fault.message);
        Fault { app, file, line, column, message, hint: fault.hint.clone(), snippet: None }
    }
}

impl Copy {
    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Self {
            folder: program::scratch(&context.renderers.jail)?,
            brought: BTreeMap::new(),
            remotes: Vec::new(),
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn tree(&self, context: &Context) -> Result<Tree, Failure> {
        Tree::open(self.path(), context.tree.omitted())
    }

    /// Notes what lies at a place of the copy.
    fn note(&mut self, place: String, fetched: &Fetched, named: &Fault) {
        let Fetched { from, digest, .. } = fetched.clone();
        self.remotes.push(Remote { from: from.clone(), digest });
        self.brought.insert(place, Brought { from, named: named.clone() });
    }

    /// What was fetched to the place that a path lies in; the innermost.
    fn at(&self, path: &str) -> Option<&Brought> {
        let within = |place: &str| {
            path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.brought
            .iter()
            .filter(|(place, _)| within(place))
            .max_by_key(|(place, _)| place.len())
            .map(|(_, of)| of)
    }

    /// Tells in the terms of the repository what was said of the copy.
    fn fault(&self, mut fault: Fault) -> Fault {
        let brought = fault.file.as_deref().and_then(|file| self.at(file));
        if let Some(brought) = brought {
            fault = brought.told(&fault);
        }
        fault.message = self.words(&fault.message);
        fault.hint = self.words(&fault.hint);
        fault
    }

    /// Places of the copy in a text, called by where they came from.
    fn words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, brought) in self.brought.iter().rev() {
            text = text.replace(place.as_str(), &brought.from);
        }
        text
    }

    fn translate(&self, part: &mut Part) {
        part.faults = std::mem::take(&mut part.faults).into_iter().map(|fault| self.fault(fault)).collect();
        part.warnings.iter_mut().for_each(|warning| *warning = self.words(warning));
        for piece in &mut part.pieces {
            if let Some(brought) = piece.origin.file.as_deref().and_then(|file| self.at(file)) {
                piece.origin.file.clone_from(&brought.named.file);
                piece.origin.line = brought.named.line;
            }
        }
    }
}

/// The author's faults of a fetch, at the place where the thing is named; other failures end the job.
fn placed<T>(result: Result<T, Failure>, named: &Fault) -> Result<Result<T, Vec<Fault>>, Failure> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Author(faults)) => {
            let place = |fault: Fault| Fault { message: fault.message, hint: fault.hint, ..named.clone() };
            Ok(Err(faults.into_iter().map(place).collect()))
        }
        Err(other) => Err(other),
    }
}

/// Copies files of a tree to the same paths below a folder. Links become what they lead to.
fn copy_files(tree: &Tree, files: impl IntoIterator<Item = impl AsRef<str>>, into: &Path) -> io::Result<()> {
    for file in files {
        let file = file.as_ref();
        if tree.look(file) != Found::File {
            continue;
        }
        let to = into.join(file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(tree.absolute(file), to)?;
    }
    Ok(())
}

/// Copies a folder of the store, in which there are files and folders only.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let mut waiting: Vec<(PathBuf, PathBuf)> = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                waiting.push((entry.path(), target));
            } else {
                fs::copy(entry.path(), target)?;
            }
        }
    }
    present(from)
}

/// Does the store still hold what was copied from this folder of it? It takes things away whole: then nothing was missed.
fn present(from: &Path) -> io::Result<()> {
    from.symlink_metadata().map(drop)
}

/// The disk failed us.
fn broken(error: io::Error) -> Failure {
    Failure::ours("copy what an app is rendered from", error)
}

/// A name in the tree's root that nothing there has.
fn free(tree: &Tree, name: &str) -> String {
    let mut name = name.to_owned();
    while tree.look(&name) != Found::Nothing {
        name.push('-');
    }
    name
}
