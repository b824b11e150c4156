//! Plans and reports for terminals. Colour only in a terminal and without `NO_COLOR`.

use std::io::IsTerminal as _;

use crate::model::plan::{Action, Change, Class, Counts, Plan, Preview};
use crate::model::report::{Done, Report};
use crate::terminal::harmless;

/// A page of lines. Everything on it comes in through here, so nothing of it can command the terminal.
struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn new() -> Self {
        Self { text: String::new(), colour: std::io::stdout().is_terminal() && crate::config::colour() }
    }

    /// Adds to the line.
    fn plain(&mut self, text: &str) -> &mut Self {
        // What is quoted within a line must not begin one of its own.
        self.text.push_str(&harmless(text).replace('\n', " "));
        self
    }

    /// Adds to the line in a colour.
    fn painted(&mut self, code: &str, text: &str) -> &mut Self {
        if self.colour {
            self.text.extend(["\u{1b}[", code, "m"]);
        }
        self.plain(text);
        if self.colour {
            self.text.push_str("\u{1b}[0m");
        }
        self
    }

    /// Ends the line.
    fn end(&mut self) {
        self.text.push('\n');
    }

    /// Adds whole lines in a colour, each behind `indent`.
    fn lines(&mut self, code: &str, indent: &str, text: &str) {
        for line in text.lines() {
            self.plain(indent).painted(code, line).end();
        }
    }
}

/// The plan of every environment, most telling line first.
pub(crate) fn text(preview: &Preview) -> String {
    let mut page = Page::new();
    for plan in &preview.environments {
        one(plan, &mut page);
    }
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
    for change in plan.changes.iter().chain(&plan.hooks) {
        shown(change, page);
    }
    if let Some(digest) = plan.digest {
        page.plain("  ").painted("2", &digest.to_string()).end();
        page.end();
    }
}

fn shown(change: &Change, page: &mut Page) {
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
    page.plain("  ").painted(colour, change.action.word()).plain(&format!(" {}{risks}", change.id)).end();
    for warning in &change.warnings {
        page.lines("33", "    ", warning);
    }
    for text in change.diff.lines() {
        let colour = match text.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            _ => "0",
        };
        page.plain("    ").painted(colour, text).end();
    }
    let quiet: Vec<&str> = change
        .paths
        .iter()
        .filter(|path| path.class == Class::NoEffect)
        .map(|path| path.path.as_str())
        .collect();
    if !quiet.is_empty() {
        page.plain(&format!("    no effect: {}", quiet.join(", "))).end();
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
mod tests {
    use super::Page;

    #[test]
    fn what_is_quoted_can_neither_command_the_terminal_nor_begin_a_line() {
        let mut page = Page { text: String::new(), colour: true };
        page.plain("ConfigMap a\u{1b}[2K\ndelete b: ").painted("31", "x\u{1b}]0;title\u{7}").end();
        page.lines("33", "  ", "one\u{9b}31m\ntwo");
        assert_eq!(
            page.text,
            "ConfigMap a[2K delete b: \u{1b}[31mx]0;title\u{1b}[0m\n  \u{1b}[33mone31m\u{1b}[0m\n  \u{1b}[33mtwo\u{1b}[0m\n"
        );
    }
}
