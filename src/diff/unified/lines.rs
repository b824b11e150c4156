//! Lines of a diff, and what is done so that a reader sees what differs in them.

use crate::diff::unified::place::Place;

/// A line longer than this is shortened: nobody reads further, and comments are bounded.
const LINE: usize = 400;
/// What is shown of a long line in front of its first difference.
const LEAD: usize = 80;

/// On which side a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// On both.
    Same,
    /// Only before.
    Gone,
    /// Only after.
    New,
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub tag: Tag,
    pub text: String,
    pub place: Place,
}

/// The beginning of a long line.
pub(super) fn shorten(line: &str) -> String {
    window(line, 0)
}

/// Two lines of which one may be long: what is shown begins shortly in front of what differs.
pub(super) fn shorten_both(old: &str, new: &str) -> (String, String) {
    if old.len() <= LINE && new.len() <= LINE {
        return (old.to_owned(), new.to_owned());
    }
    let differs = old.char_indices().zip(new.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let differs = differs.unwrap_or(old.len().min(new.len()));
    if differs < LINE / 2 {
        return (shorten(old), shorten(new));
    }
    (window(old, differs - LEAD), window(new, differs - LEAD))
}

/// A part of a line; its own beginning, where the key stands, is always shown.
fn window(line: &str, from: usize) -> String {
    if line.len() <= LINE {
        return line.to_owned();
    }
    let border = |at: usize| (at.min(line.len())..=line.len()).find(|at| line.is_char_boundary(*at));
    let mut out = String::new();
    let from = border(from).unwrap_or(line.len());
    if from > 0 {
        let head = border(LEAD.min(from)).unwrap_or(from).min(from);
        out.push_str(&line[..head]);
        left_out(&mut out, from - head);
        out.push_str(" …");
    }
    let to = border(from + LINE - if from > 0 { LEAD } else { 0 }).unwrap_or(line.len());
    out.push_str(&line[from..to]);
    left_out(&mut out, line.len() - to);
    out
}

fn left_out(out: &mut String, bytes: usize) {
    if bytes > 0 {
        out.extend(["… (", &bytes.to_string(), " more bytes)"]);
    }
}

/// A line of a text with everything in it that would not be seen.
pub(super) fn visible(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (line, end) = line.strip_suffix('\r').map_or((line, ""), |line| (line, "␍"));
    for c in line.chars() {
        if c != '\t' && crate::yaml::escaped(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out + end
}

/// The same of a line that differs: the blanks at its end, too.
pub(super) fn marked(line: &str) -> String {
    let (line, end) = line.strip_suffix('\r').map_or((line, ""), |line| (line, "\r"));
    let kept = line.trim_end_matches([' ', '\t']);
    let blanks: String = line[kept.len()..].chars().map(|c| if c == ' ' { '·' } else { '→' }).collect();
    visible(&format!("{kept}{blanks}{end}"))
}
