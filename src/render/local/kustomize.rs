//! Remote resources, bases and components of a kustomization.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use crate::model::fault::{Failure, Fault};
use crate::render::closure::{Closure, Elsewhere, closure};
use crate::render::local::rewrite::{Change, rewrite};
use crate::render::local::{Copy, broken, copy_files, free, placed, present};
use crate::render::omitted::Omitted;
use crate::render::remote::Locator;
use crate::render::sources::{KUSTOMIZATIONS, Task};
use crate::render::tree::{Tree, below, shown};
use crate::render::{Context, compute};

/// Where fetched things lie in the copy.
const BROUGHT: &str = ".fetched";
/// How deep fetched bases may name further ones on other hosts.
const DEPTH: usize = 8;
/// A fetched file within its folder.
const FILE: &str = "file.yaml";

/// A folder with a kustomization, in the repository or in a fetched tree.
struct Step {
    tree: Tree,
    /// Where the tree's root lies in the copy.
    root: String,
    folder: String,
    depth: usize,
    /// Where the repository's own file names it; none: it is the app itself.
    named: Option<Fault>,
}

/// Makes a copy of what the app reads with all that it names on other hosts; none if it names nothing there.
pub(super) async fn bring(
    context: &Arc<Context>,
    task: &Task,
) -> Result<Result<Option<Copy>, Vec<Fault>>, Failure> {
    let first = Step {
        tree: context.tree.clone(),
        root: String::new(),
        folder: task.path.clone(),
        depth: 0,
        named: None,
    };
    let found = walk(context, &first).await?;
    if found.elsewhere.is_empty() || !found.faults.is_empty() {
        // What is wrong is told by who renders; nothing need be fetched for it.
        return Ok(Ok(None));
    }
    let mut job = Job {
        context,
        copy: Copy::new(context)?,
        into: free(&context.tree, BROUGHT),
        seen: BTreeSet::new(),
        waiting: Vec::new(),
    };
    if let Err(faults) = job.take(first, found).await? {
        return Ok(Err(faults));
    }
    while let Some(step) = job.waiting.pop() {
        let found = walk(context, &step).await?;
        if !found.faults.is_empty() {
            let root = job.copy.at(&below(&step.root, "x")).cloned();
            let told = |fault: Fault| root.as_ref().map_or(fault.clone(), |root| root.told(&fault));
            return Ok(Err(found.faults.into_iter().map(told).collect()));
        }
        if let Err(faults) = job.take(step, found).await? {
            return Ok(Err(faults));
        }
    }
    Ok(Ok(Some(job.copy)))
}

async fn walk(context: &Arc<Context>, step: &Step) -> Result<Closure, Failure> {
    let (context, tree, folder) = (Arc::clone(context), step.tree.clone(), step.folder.clone());
    compute(move || closure(&tree, &folder, &context.renderers.limits)).await
}

struct Job<'a> {
    context: &'a Arc<Context>,
    copy: Copy,
    /// The folder of fetched things in the copy.
    into: String,
    /// Folders of fetched trees that were on the way already.
    seen: BTreeSet<String>,
    waiting: Vec<Step>,
}

impl Job<'_> {
    /// Copies what a folder reads, fetches what it names elsewhere, and has it name what was fetched.
    async fn take(&mut self, step: Step, found: Closure) -> Result<Result<(), Vec<Fault>>, Failure> {
        let step = Arc::new(step);
        let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for named in &found.elsewhere {
            let target = match self.fetch(&step, named).await? {
                Ok(target) => target,
                Err(faults) => return Ok(Err(faults)),
            };
            let file = below(&step.root, &named.file);
            let (line, column) = named.place;
            let to = relative(&file, &target);
            changes.entry(file).or_default().push(Change { line, column, from: named.address.clone(), to });
        }
        let into = self.copy.path().to_owned();
        let limits = self.context.renderers.limits.yaml;
        compute(move || {
            let files = found.resources.union(&found.others);
            copy_files(&step.tree, files, &into.join(&step.root)).map_err(broken)?;
            present(&step.tree.absolute("")).map_err(broken)?;
            for (file, changes) in changes {
                let place = into.join(file);
                let text = fs::read(&place).map_err(broken)?;
                fs::write(&place, rewrite(&text, changes, &limits)).map_err(broken)?;
            }
            Ok::<_, Failure>(())
        })
        .await??;
        Ok(Ok(()))
    }

    /// Fetches one thing; gives the folder of the copy in which it lies.
    async fn fetch(&mut self, step: &Step, named: &Elsewhere) -> Result<Result<String, Vec<Fault>>, Failure> {
        let Some(visit) = self.context.visit.clone() else { return Ok(Err(vec![named.fault.clone()])) };
        let place = step.named.as_ref().unwrap_or(&named.fault);
        if step.depth >= DEPTH {
            let fault = Fault::new(format!("bases on other hosts name one another more than {DEPTH} deep"));
            return placed(Err(Failure::author(fault.hint("look for one that names itself"))), place);
        }
        let fetched = async {
            let locator = Locator::read(&named.address).map_err(Failure::author)?;
            Ok((visit.resource(&locator).await?, locator))
        };
        let (fetched, locator) = match placed(fetched.await, place)? {
            Ok(fetched) => fetched,
            Err(faults) => return Ok(Err(faults)),
        };
        let root = below(&self.into, &fetched.digest.replace(':', "-"));
        self.copy.note(root.clone(), &fetched, place);
        match locator {
            Locator::File(_) => {
                // Kustomize reads no file beside the folder of the kustomization that names it, but any folder.
                let folder = self.copy.path().join(&root);
                let write = || {
                    fs::create_dir_all(&folder)?;
                    fs::copy(&fetched.place, folder.join(FILE))?;
                    fs::write(folder.join("kustomization.yaml"), format!("resources: [{FILE}]\n"))
                };
                write().map_err(broken)?;
                Ok(Ok(root))
            }
            Locator::Git(at) => {
                let tree = Tree::open(&fetched.place, &Arc::new(Omitted::default()))?;
                if tree.any(&at.path, KUSTOMIZATIONS).is_none() {
                    let message =
                        format!("{}: there is no kustomization in `{}`", fetched.from, shown(&at.path));
                    let fault = Fault::new(message).hint("name a folder of it after `//`");
                    return placed(Err(Failure::author(fault)), place);
                }
                let target = below(&root, &at.path).trim_end_matches('/').to_owned();
                if self.seen.insert(target.clone()) {
                    let (depth, named) = (step.depth + 1, Some(place.clone()));
                    self.waiting.push(Step { tree, root, folder: at.path, depth, named });
                }
                Ok(Ok(target))
            }
        }
    }
}

/// The way from a file to a folder of the same tree.
fn relative(file: &str, folder: &str) -> String {
    "../".repeat(file.matches('/').count()) + folder
}
