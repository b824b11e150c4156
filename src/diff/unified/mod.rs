//! A change as text: unified hunks over YAML, each headed by where in the object it lies.
//!
//! Not a diff of two texts: both trees are walked side by side, with lists aligned as the server merges them, so that a
//! container that comes in front is shown as one that comes. Only texts of several lines are compared by line.

mod lines;
mod place;
mod strings;
mod walk;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::diff::unified::lines::{Line, Tag};
use crate::diff::unified::walk::Walk;
use crate::model::lists::ListKeys;

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// How long the texts of one object may be compared before it is done coarsely; hostile texts make it slow.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most lines that the text of one object has.
const LINES: usize = 2_000;
/// The most bytes that it has.
const BYTES: usize = 128 * 1024;

/// The unified diff of two masked bodies; null: absent. Hunks begin `@@ spec.template.spec @@`.
pub(crate) fn text(before: &Value, after: &Value) -> String {
    aligned(before, after, &ListKeys::default())
}

/// The same with lists aligned and named by the keys of the kind.
pub(crate) fn aligned(before: &Value, after: &Value, keys: &ListKeys) -> String {
    let mut walk = Walk::new(keys, Instant::now() + PATIENCE);
    walk.document(before, after);
    let Walk { lines, places, .. } = walk;
    let mut out = String::new();
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.tag != Tag::Same).map(|(at, _)| at).collect();
    let (mut shown, mut told) = (0, 0);
    for hunk in changed.chunk_by(|a, b| b - a <= 2 * CONTEXT) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let place = places.common(hunk.iter().filter_map(|at| lines.get(*at)).map(|line| line.place));
        if !place.is_empty() {
            out.extend(["@@ ", &place, " @@\n"]);
        } else if !out.is_empty() {
            out.push_str("@@\n");
        }
        for line in &lines[first.saturating_sub(CONTEXT)..lines.len().min(last + CONTEXT + 1)] {
            if shown == LINES || out.len() + line.text.len() > BYTES {
                let left = changed.len() - told;
                return if left > 0 { out + &cut(left) } else { out };
            }
            shown += 1;
            told += usize::from(line.tag != Tag::Same);
            write(line, &mut out);
        }
    }
    out
}

fn write(line: &Line, out: &mut String) {
    out.push(match line.tag {
        Tag::Same => ' ',
        Tag::Gone => '-',
        Tag::New => '+',
    });
    out.extend([" ", &line.text, "\n"]);
}

/// What ends a text that is longer than people read.
fn cut(left: usize) -> String {
    let lines = if left == 1 { "line" } else { "lines" };
    format!("@@ cut: {left} more changed {lines} @@\n")
}
