//! Plans and reports for terminals. Colour only in a terminal and without `NO_COLOR`.

use std::io::IsTerminal as _;

use crate::model::plan::{Action, Change, Class, Counts, Plan, Preview};
use crate::model::report::{Done, Report};

struct Paint(bool);

impl Paint {
    fn new() -> Self {
        Self(std::io::stdout().is_terminal() && crate::config::colour())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The plan of every environment, most telling line first.
pub(crate) fn text(preview: &Preview) -> String {
    let paint = Paint::new();
    let mut out = String::new();
    for plan in &preview.environments {
        one(plan, &paint, &mut out);
    }
    if preview.environments.is_empty() {
        out.push_str("no environment is named\n");
    }
    out
}

fn one(plan: &Plan, paint: &Paint, out: &mut String) {
    let (name, target) = (paint.paint("1", plan.name.as_str()), &plan.target);
    let words = if plan.errors.is_empty() { counted(&plan.counts) } else { "cannot be deployed".to_owned() };
    let base = if plan.baseline { ", nothing was deployed there before" } else { "" };
    line(out, &format!("{name} ({target}, {}{base}): {words}", plan.fidelity.word()));
    for fault in &plan.errors {
        line(out, &paint.paint("31", &format!("  error: {}", fault.to_string().replace('\n', "\n  "))));
    }
    for warning in &plan.warnings {
        line(out, &paint.paint("33", &format!("  warning: {warning}")));
    }
    for change in plan.changes.iter().chain(&plan.hooks) {
        shown(change, paint, out);
    }
    if let Some(digest) = plan.digest {
        line(out, &format!("  {}\n", paint.paint("2", &digest.to_string())));
    }
}

fn shown(change: &Change, paint: &Paint, out: &mut String) {
    let colour = match change.action {
        Action::Create | Action::Adopt => "32",
        Action::Delete | Action::Replace => "31",
        Action::Update | Action::Move | Action::Keep | Action::None => "33",
    };
    let risks: Vec<String> = change
        .risks
        .iter()
        .filter_map(|risk| serde_json::to_value(risk).ok()?.as_str().map(str::to_owned))
        .collect();
    let risks = if risks.is_empty() { String::new() } else { format!("  ({})", risks.join(", ")) };
    line(out, &format!("  {} {}{risks}", paint.paint(colour, change.action.word()), change.id));
    for warning in &change.warnings {
        line(out, &paint.paint("33", &format!("    {warning}")));
    }
    for text in change.diff.lines() {
        let colour = match text.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            _ => "0",
        };
        line(out, &format!("    {}", paint.paint(colour, text)));
    }
    let quiet: Vec<&str> = change
        .paths
        .iter()
        .filter(|path| path.class == Class::NoEffect)
        .map(|path| path.path.as_str())
        .collect();
    if !quiet.is_empty() {
        line(out, &format!("    no effect: {}", quiet.join(", ")));
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
    let paint = Paint::new();
    let mut out = String::new();
    for outcome in &report.outcomes {
        let (colour, words) = match &outcome.result {
            Done::Changed => ("32", "done".to_owned()),
            Done::Unchanged => ("0", "already so".to_owned()),
            Done::Failed(why) => ("31", format!("failed: {why}")),
            Done::Skipped(why) => ("33", format!("not tried: {why}")),
        };
        line(&mut out, &format!("{} {}: {}", outcome.action, outcome.id, paint.paint(colour, &words)));
        for surprise in &outcome.surprises {
            let words =
                format!("  predicted {} at {}, got {}", surprise.before, surprise.path, surprise.after);
            line(&mut out, &paint.paint("31", &words));
        }
    }
    if report.outcomes.is_empty() {
        out.push_str("nothing to do\n");
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.extend([text, "\n"]);
}
