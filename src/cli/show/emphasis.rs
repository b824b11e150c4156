//! A unified diff in colours, with the words that differ within a line.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use super::page::Page;

/// Longer lines are coloured as a whole.
const LONG: usize = 2_000;
/// How long the words of one diff may be compared.
const PATIENCE: Duration = Duration::from_millis(50);

/// Adds the lines of a diff, each behind `indent`.
pub(super) fn diff(text: &str, indent: &str, page: &mut Page) {
    let deadline = Instant::now() + PATIENCE;
    let lines: Vec<&str> = text.lines().collect();
    let sign = |line: &&str| line.bytes().next().unwrap_or(b' ');
    let mut rest = &lines[..];
    while let Some(first) = rest.first() {
        let run = |begin: u8, from: &[&str]| from.iter().take_while(|line| sign(line) == begin).count();
        let gone = run(b'-', rest);
        let new = run(b'+', &rest[gone..]);
        if gone > 0 && new > 0 && page.colour {
            changed(&rest[..gone], &rest[gone..gone + new], (indent, deadline), page);
            rest = &rest[gone + new..];
            continue;
        }
        page.plain(indent);
        match sign(first) {
            b'+' => page.painted("32", first),
            b'-' => page.painted("31", first),
            b'@' => page.painted("36", first),
            _ => page.plain(first),
        };
        page.end();
        rest = &rest[1..];
    }
}

/// Lines that go, and those that come in their place: the first with the first, and so on.
fn changed(gone: &[&str], new: &[&str], (indent, deadline): (&str, Instant), page: &mut Page) {
    let pairs: Vec<Option<(Parts<'_>, Parts<'_>)>> =
        gone.iter().zip(new).map(|(old, new)| differing(old, new, deadline)).collect();
    for (at, line) in gone.iter().enumerate() {
        let parts = pairs.get(at).and_then(Option::as_ref).map(|pair| &pair.0);
        emphasised(line, parts, ("31", indent), page);
    }
    for (at, line) in new.iter().enumerate() {
        let parts = pairs.get(at).and_then(Option::as_ref).map(|pair| &pair.1);
        emphasised(line, parts, ("32", indent), page);
    }
}

fn emphasised(line: &str, parts: Option<&Parts<'_>>, (colour, indent): (&str, &str), page: &mut Page) {
    page.plain(indent);
    match parts {
        None => {
            page.painted(colour, line);
        }
        Some(parts) => {
            for (differs, text) in parts {
                let code = if *differs { format!("7;{colour}") } else { colour.to_owned() };
                page.painted(&code, text);
            }
        }
    }
    page.end();
}

/// A line in parts, and whether each differs from the other line.
type Parts<'l> = Vec<(bool, &'l str)>;

/// Two lines in parts; none where they have too little in common for that to help.
fn differing<'l>(old: &'l str, new: &'l str, deadline: Instant) -> Option<(Parts<'l>, Parts<'l>)> {
    if old.len().max(new.len()) > LONG {
        return None;
    }
    let (a, b) = (words(old.get(1..)?), words(new.get(1..)?));
    let (mut left, mut right) = (vec![(false, &old[..1])], vec![(false, &new[..1])]);
    let mut same = 0;
    for op in capture_diff_slices_deadline(Algorithm::Myers, &a, &b, Some(deadline)) {
        let (gone, come) = (&a[op.old_range()], &b[op.new_range()]);
        let differs = op.tag() != DiffTag::Equal;
        left.extend(gone.iter().map(|word| (differs, *word)));
        right.extend(come.iter().map(|word| (differs, *word)));
        same += if differs { 0 } else { gone.iter().map(|word| word.trim().len()).sum() };
    }
    (2 * same >= old.trim().len().min(new.trim().len()) / 2)
        .then(|| (merged(old, &left), merged(new, &right)))
}

/// Letters and digits in a row are a word; everything else stands for itself.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = false;
    for (at, c) in text.char_indices() {
        let inner = c.is_alphanumeric();
        if at > start && !(inner && before) {
            found.push(&text[start..at]);
            start = at;
        }
        before = inner;
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

/// Neighbours of one sort as one part.
fn merged<'l>(line: &'l str, parts: &[(bool, &str)]) -> Parts<'l> {
    let mut found: Parts<'l> = Vec::new();
    let mut at = 0;
    for run in parts.chunk_by(|a, b| a.0 == b.0) {
        let end = at + run.iter().map(|(_, text)| text.len()).sum::<usize>();
        found.extend(run.first().map(|(differs, _)| (*differs, &line[at..end])));
        at = end;
    }
    found
}
