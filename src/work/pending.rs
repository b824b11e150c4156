//! The commits that were merged and are not deployed yet, where a plan shows what they left pending.

use std::collections::BTreeSet;

use crate::diff::mask::MaskKey;
use crate::git::Objects;
use crate::model::fault::Failure;
use crate::model::id::Sha;
use crate::model::plan::{Class, Commit, Plan};
use crate::model::target::Scope;
use crate::work::survey::Survey;

/// The most commits that are named.
const COMMITS: usize = 10;
/// The most files and folders that are asked about. A commit that touched others only is not named then.
const PATHS: usize = 200;
/// The most characters of a title.
const TITLE: usize = 200;

/// Fills in the commits between what was last deployed and the base's tip that touched what is pending, newest first. None
/// where nothing is pending, or where what was deployed is not to be had any more.
pub(crate) async fn name(
    objects: &Objects,
    base: &Sha,
    (scope, key): (&Scope, &MaskKey),
    survey: &mut Survey,
) -> Result<(), Failure> {
    let paths = paths(&survey.plan);
    let last = survey.facts.inventory.as_ref().and_then(|inventory| inventory.commit.clone());
    let Some(last) = last.filter(|last| !paths.is_empty() && last != base) else { return Ok(()) };
    if !objects.has(&last).await? {
        return Ok(());
    }
    let commits = objects.touching(&last, base, &paths, COMMITS).await?;
    let titles: Vec<&str> = commits.iter().map(|commit| commit.subject.as_str()).collect();
    let titles = survey.facts.masked(scope, key, &titles);
    let commits = commits.into_iter().zip(titles);
    survey.plan.pending = commits
        .map(|(commit, title)| Commit { sha: commit.sha, title: title.chars().take(TITLE).collect() })
        .collect();
    Ok(())
}

/// The files that pending objects come from, and the folders of their apps where more than their own file makes them.
fn paths(plan: &Plan) -> Vec<String> {
    let pending = plan.changes.iter().filter(|change| {
        let mut classes = change.paths.iter().map(|path| path.class);
        classes.any(|class| class == Class::Pending)
    });
    let plain = plan.renderers.is_empty();
    let mut paths = BTreeSet::new();
    for change in pending {
        let app = (!plain || change.file.is_none()).then(|| change.app.clone());
        paths.extend(change.file.clone().into_iter().chain(app).filter(|path| !path.is_empty()));
    }
    paths.into_iter().take(PATHS).collect()
}
