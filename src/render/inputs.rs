//! What an app is rendered from: the files that it may read, and one digest over everything that its rendering depends on.
//!
//! The digest decides whether a change can touch an app, so it must never leave anything out. It need not be trusted for
//! that: the jail lets a renderer read the files of its inputs and no others, so one that wanted more would fail, and not
//! give an answer that is out of date. Where the jail cannot say what is read (see [`Inputs::whole`]), the inputs are the
//! whole tree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::model::canonical;
use crate::model::fault::Fault;
use crate::model::id::Digest;
use crate::model::settings::{Renderer, Values};
use crate::render::sources::Task;
use crate::render::tree::{Found, Tree, below};
use crate::render::{Context, Limits};

/// Counted up when what is made of a renderer's output changes, so that what an older Tidegate kept is not taken.
const FORMAT: u32 = 1;
/// The most entries of a tree whose inputs are all of it.
const ENTRIES: usize = 500_000;

/// What an app reads.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Its files, by their paths in the tree.
    pub files: BTreeSet<String>,
    /// Folders that it may list and read all of; their files are in `files` too.
    pub folders: BTreeSet<String>,
    /// Where the names lead by which folders are met: contents alone do not tell one link from another.
    pub names: BTreeMap<String, Option<String>>,
    /// It may read any file of the tree.
    pub whole: bool,
}

/// What was read of a tree, remembered for the time of one job: hundreds of apps share their bases.
#[derive(Debug, Default)]
pub(super) struct Memory {
    files: Mutex<HashMap<String, Digest>>,
    whole: OnceLock<Digest>,
}

impl Inputs {
    /// What the jail must let it read.
    pub(super) fn readable(&self, tree: &Tree) -> Vec<PathBuf> {
        if self.whole {
            return vec![tree.absolute("")];
        }
        let folders: Vec<PathBuf> = self.folders.iter().filter_map(|folder| tree.real(folder)).collect();
        let files = self.files.iter().filter_map(|file| tree.real(file));
        let outside: BTreeSet<PathBuf> =
            files.filter(|file| !folders.iter().any(|folder| file.starts_with(folder))).collect();
        folders.iter().cloned().chain(outside).collect()
    }
}

/// The digest of everything that rendering an app depends on: the contents of its files under their names, the renderer and
/// its version, its settings, what the target knows, and our own way with what comes out.
pub(super) fn key(context: &Context, task: &Task, inputs: &Inputs, version: &str) -> Result<Digest, Fault> {
    let files = if inputs.whole {
        Value::from(whole(context)?.hex())
    } else {
        let sums = inputs.files.iter().map(|file| Ok(json!([file, sum(context, file)?.hex()])));
        Value::Array(sums.collect::<Result<_, Fault>>()?)
    };
    let values = task.helm.values.iter().map(|values| match values {
        Values::File(file) => json!({"file": file}),
        Values::Inline(value) => json!({"value": value}),
    });
    let Limits { yaml, inflate, .. } = context.renderers.limits;
    // Kustomize by itself is told nothing of the target: what is installed there changes nothing for it.
    let told = task.renderer == Renderer::Helm || inflate;
    let target = told.then(|| json!([context.namespace, context.kube_version, context.api_versions]));
    let told = json!({
        "format": FORMAT,
        "tidegate": env!("CARGO_PKG_VERSION"),
        // One repository learns nothing of another by how quickly it is answered.
        "owner": context.owner.0,
        "renderer": format!("{:?}", task.renderer),
        "version": version,
        "app": task.path,
        "target": target,
        "helm": {
            "release": task.helm.release,
            "values": values.collect::<Vec<_>>(),
            "crds": task.helm.include_crds,
        },
        "limits": [yaml.bytes, yaml.nodes, yaml.depth],
        "files": files,
        "names": inputs.names,
    });
    Ok(canonical::digest(&told))
}

/// The digest of a file's content.
fn sum(context: &Context, path: &str) -> Result<Digest, Fault> {
    let memory = &context.memory;
    let known = memory.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
    if let Some(known) = known {
        return Ok(known);
    }
    context.tree.need(path, Found::File)?;
    let read = || -> std::io::Result<Digest> {
        let mut file = std::fs::File::open(context.tree.absolute(path))?;
        let mut sum = digest::Context::new(&digest::SHA256);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            sum.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(Digest::of(sum.finish().as_ref()))
    };
    let sum = read()
        .map_err(|error| Fault::new(format!("the file could not be read: {}", error.kind())).file(path))?;
    memory.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), sum);
    Ok(sum)
}

/// The digest of all files of the tree.
fn whole(context: &Context) -> Result<Digest, Fault> {
    if let Some(known) = context.memory.whole.get() {
        return Ok(*known);
    }
    let mut sums = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        // A folder is looked at once for each name that links give it, and a circle of links ends.
        if !context.tree.real(&folder).is_some_and(|real| seen.insert(real)) {
            sums.push(format!("{folder}\0again {:?}", context.tree.settle(&folder)));
            continue;
        }
        for name in context.tree.list(&folder)?.into_iter().flatten() {
            if sums.len() > ENTRIES {
                return Err(Fault::new(format!("the repository holds more than {ENTRIES} files")));
            }
            let path = below(&folder, &name);
            match context.tree.look(&path) {
                Found::Folder => waiting.push(path),
                Found::File => sums.push(format!("{path}\0{}", sum(context, &path)?.hex())),
                Found::Nothing | Found::Outside | Found::Special => sums.push(format!("{path}\0none")),
            }
        }
    }
    let whole = Digest::of(sums.join("\n").as_bytes());
    Ok(*context.memory.whole.get_or_init(|| whole))
}
