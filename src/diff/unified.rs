//! A change as text: unified hunks over YAML, each headed by where in the object it lies.

use std::time::{Duration, Instant};

use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use crate::yaml;

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// How long one object's diff may take before it is coarser; hostile texts make diffs slow.
const PATIENCE: Duration = Duration::from_millis(200);
/// A line longer than this is shortened in the diff: nobody reads further, and comments are bounded.
const LINE: usize = 400;

/// The unified diff of two masked bodies; null: absent. Hunks begin `@@ spec.template.spec @@`.
pub(crate) fn text(before: &Value, after: &Value) -> String {
    let (old, new) = (lines(before), lines(after));
    let mut config = TextDiff::configure();
    config.algorithm(Algorithm::Myers).deadline(Instant::now() + PATIENCE);
    let diff = config.diff_lines(old.as_str(), new.as_str());
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut out = String::new();
    for group in diff.grouped_ops(CONTEXT) {
        let changed = group.iter().find(|op| op.tag() != similar::DiffTag::Equal);
        let place = changed.map_or_else(String::new, |op| {
            if op.new_range().is_empty() {
                place(&old_lines, op.old_range().start)
            } else {
                place(&new_lines, op.new_range().start)
            }
        });
        if !place.is_empty() {
            out.extend(["@@ ", &place, " @@\n"]);
        } else if !out.is_empty() {
            out.push_str("@@\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            out.push(match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            });
            out.push(' ');
            shorten(change.value().trim_end_matches('\n'), &mut out);
            out.push('\n');
        }
    }
    out
}

fn lines(value: &Value) -> String {
    if value.is_null() { String::new() } else { yaml::write(value) }
}

fn shorten(line: &str, out: &mut String) {
    match line.char_indices().nth(LINE) {
        Some((at, _)) => {
            out.push_str(&line[..at]);
            out.extend(["… (", &(line.len() - at).to_string(), " more bytes)"]);
        }
        None => out.push_str(line),
    }
}

/// The keys above a line, by indentation: `spec.template.spec`. A list item shows its name: `containers[web]`.
fn place(lines: &[&str], at: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let Some(line) = lines.get(at) else { return String::new() };
    let mut depth = indent(line);
    let mut keys: Vec<String> = Vec::new();
    let mut item = None;
    for line in lines[..at].iter().rev().filter(|line| !line.trim().is_empty()) {
        let (own, rest) = (indent(line), line.trim_start());
        if own <= depth && item.is_none() {
            item = rest
                .trim_start_matches("- ")
                .strip_prefix("name: ")
                .filter(|_| own == depth)
                .map(str::to_owned);
        }
        if own < depth && !rest.starts_with('#') {
            depth = own;
            if let Some((key, _)) = rest.trim_start_matches("- ").split_once(':') {
                keys.push(match item.take() {
                    Some(name) => format!("{key}[{name}]"),
                    None => key.to_owned(),
                });
            }
        }
        if depth == 0 {
            break;
        }
    }
    keys.reverse();
    keys.join(".")
}
