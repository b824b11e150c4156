//! What a commit of rendered manifests says: what is deployed, and in its trailers why.

use crate::model::deployment::Deployment;
use crate::model::target::Run;

/// The trailer that names the deployment, by which it is found again.
pub(super) fn deployment(deployment: &Deployment) -> String {
    // An id is ours and plain; should it ever not be, it must not forge another trailer.
    let id: String = deployment.id.chars().filter(char::is_ascii_graphic).collect();
    format!("Tidegate-Deployment: {id}")
}

/// The whole message.
pub(super) fn of(run: &Run<'_>) -> String {
    let counts = run.plan.counts;
    let counts: Vec<_> = [
        ("create", counts.create),
        ("update", counts.update),
        ("replace", counts.replace),
        ("delete", counts.delete),
        ("move", counts.moved),
        ("adopt", counts.adopt),
        ("keep", counts.keep),
    ]
    .iter()
    .filter(|(_, count)| *count > 0)
    .map(|(action, count)| format!("{action} {count}"))
    .collect();
    let commits = &run.deployment.commits;
    let mut lines = vec![format!("Deploy {} at {}", run.plan.name, commits.head.short()), String::new()];
    if !counts.is_empty() {
        lines.extend([counts.join(", "), String::new()]);
    }
    if let Some(pull) = run.deployment.pull {
        lines.push(format!("Tidegate-Pull-Request: {}#{pull}", run.deployment.repo.name));
    }
    if let Some(digest) = run.plan.digest {
        lines.push(format!("Tidegate-Plan: {digest}"));
    }
    lines.push(format!("Tidegate-Source: {}", commits.head));
    lines.push(deployment(run.deployment));
    lines.join("\n") + "\n"
}
