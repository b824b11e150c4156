//! Charts that a chart depends on and that are not vendored.

use std::sync::Arc;

use crate::model::fault::{Failure, Fault};
use crate::model::settings::Values;
use crate::render::chart::{self, Elsewhere};
use crate::render::local::{Copy, broken, copy_files, copy_folder, lock, placed};
use crate::render::remote::{self, Fetched};
use crate::render::sources::Task;
use crate::render::tree::{Tree, below, join};
use crate::render::{Context, compute};

/// Makes a copy of the chart that holds all that it depends on; none if it needs nothing of another host.
pub(super) async fn bring(
    context: &Arc<Context>,
    task: &Task,
) -> Result<Result<Option<Copy>, Vec<Fault>>, Failure> {
    let found = inspect(context, task).await?;
    if found.elsewhere.is_empty() || !found.faults.is_empty() {
        // What is wrong is told by who renders; nothing need be fetched for it.
        return Ok(Ok(None));
    }
    let mut copy = Copy::new(context)?;
    let values = task.helm.values.iter().filter_map(|values| match values {
        Values::File(name) => {
            name.strip_prefix('/').map_or_else(|| join(&task.path, name), |name| join("", name))
        }
        Values::Inline(_) => None,
    });
    let mut files = found.inputs.files.clone();
    files.extend(values);
    let (own, into) = (Arc::clone(context), copy.path().to_owned());
    compute(move || copy_files(&own.tree, &files, &into)).await?.map_err(broken)?;
    let tree = copy.tree(context)?;
    // What a fetched chart depends on lies in its archive; Helm looks no deeper, and fetches nothing for it either.
    for named in &found.elsewhere {
        if let Err(faults) = one(context, &tree, &mut copy, named).await? {
            return Ok(Err(faults));
        }
    }
    Ok(Ok(Some(copy)))
}

async fn inspect(context: &Arc<Context>, task: &Task) -> Result<chart::Chart, Failure> {
    let (context, app) = (Arc::clone(context), task.path.clone());
    compute(move || chart::inspect(&context.tree, &app, &context.renderers.limits)).await
}

/// Fetches one chart and puts it, unpacked, into the `charts/` of the one that names it.
async fn one(
    context: &Arc<Context>,
    tree: &Tree,
    copy: &mut Copy,
    named: &Elsewhere,
) -> Result<Result<(), Vec<Fault>>, Failure> {
    let fetched = match placed(fetch(context, tree, named).await, &named.fault)? {
        Ok(fetched) => fetched,
        Err(faults) => return Ok(Err(faults)),
    };
    let id = fetched.digest.rsplit(':').next().unwrap_or_default().get(..12).unwrap_or_default();
    // Two versions of one chart may be needed, under two aliases.
    let folder = below(&named.folder, &format!("charts/{}-{id}", named.name));
    let (from, to) = (fetched.place.clone(), copy.path().join(&folder));
    compute(move || copy_folder(&from, &to)).await?.map_err(broken)?;
    copy.note(folder, &fetched, &named.fault);
    Ok(Ok(()))
}

async fn fetch(context: &Arc<Context>, tree: &Tree, named: &Elsewhere) -> Result<Fetched, Failure> {
    let version = lock::version(tree, named, &context.renderers.limits).map_err(Failure::author)?;
    let Some(visit) = &context.visit else { return Err(Failure::author(named.fault.clone())) };
    let chart =
        remote::Chart { repository: &named.repository, name: &named.name, version: &version, digest: None };
    visit.chart(&chart).await
}
