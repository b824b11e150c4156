//! Plans and reports for terminals. Colour only in a terminal and without `NO_COLOR`.

mod change;
mod emphasis;
mod page;

use crate::cli::show::page::Page;
use crate::model::plan::{Counts, Plan, Preview};
use crate::model::report::{Done, Report};

/// The plan of every environment, most telling line first.
pub(crate) fn text(preview: &Preview) -> String {
    let mut page = Page::new();
    preview.environments.iter().for_each(|plan| one(plan, &mut page));
    if preview.environments.is_empty() {
        page.plain("no environment is named").end();
    }
    page.text
}

fn one(plan: &Plan, page: &mut Page) {
    let words = if plan.errors.is_empty() { counted(&plan.counts) } else { "cannot be deployed".to_owned() };
    let base = if plan.baseline { ", nothing was deployed there before" } else { "" };
    page.painted("1", plan.name.as_str());
    page.plain(&format!(" ({}, {}", plan.target, plan.fidelity.word()));
    for (name, version) in &plan.renderers {
        page.plain(&format!(", {name} {version}"));
    }
    page.plain(&format!("{base}): {words}")).end();
    for fault in &plan.errors {
        page.lines("31", "  ", &format!("error: {fault}"));
    }
    for warning in &plan.warnings {
        page.lines("33", "  ", &format!("warning: {warning}"));
    }
    for commit in &plan.pending {
        let sha = commit.sha.to_string();
        let short = sha.get(..7).unwrap_or(&sha);
        page.plain("  ")
            .painted(
                "33",
                &format!("merged earlier and not deployed yet, goes out with this: {short} {}", commit.title),
            )
            .end();
    }
    for change in &plan.changes {
        change::change(change, page);
    }
    if !plan.hooks.is_empty() {
        page.plain("  ").painted("1", "runs at deploy time, in this order:").end();
    }
    for hook in &plan.hooks {
        change::change(hook, page);
    }
    if let Some(digest) = plan.digest {
        page.plain("  ").painted("2", &digest.to_string()).end();
        page.end();
    }
}

fn counted(counts: &Counts) -> String {
    let words: Vec<String> = [
        (counts.create, "create"),
        (counts.update, "update"),
        (counts.replace, "replace"),
        (counts.delete, "delete"),
        (counts.moved, "move"),
        (counts.adopt, "adopt"),
        (counts.keep, "keep"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} to {word}"))
    .collect();
    if words.is_empty() { format!("no change in {}", counts.none) } else { words.join(", ") }
}

/// What happened, object by object.
pub(crate) fn report(report: &Report) -> String {
    let mut page = Page::new();
    for outcome in &report.outcomes {
        let (colour, words) = match &outcome.result {
            Done::Changed => ("32", "done".to_owned()),
            Done::Unchanged => ("0", "already so".to_owned()),
            Done::Failed(why) => ("31", format!("failed: {why}")),
            Done::Skipped(why) => ("33", format!("not tried: {why}")),
        };
        page.plain(&format!("{} {}: ", outcome.action, outcome.id)).painted(colour, &words).end();
        for surprise in &outcome.surprises {
            let words = format!("predicted {} at {}, got {}", surprise.before, surprise.path, surprise.after);
            page.lines("31", "  ", &words);
        }
    }
    if report.outcomes.is_empty() {
        page.plain("nothing to do").end();
    }
    page.text
}

#[cfg(test)]
mod tests;
