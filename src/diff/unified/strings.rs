//! Texts within an object: by line, by the structure of a document that they hold, or by size and hash.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use crate::diff::unified::lines::{Line, Tag, marked, shorten, shorten_both, visible};
use crate::diff::unified::place::{Place, Places, Step};
use crate::diff::unified::walk::{At, Walk};
use crate::yaml;

/// Longer texts are not parsed, only compared by line.
const EMBEDDED: usize = 256 * 1024;
/// A JSON document with a line longer than this is shown by its structure: by line it would be one change.
const WIDE: usize = 160;

impl Walk<'_> {
    /// A text of several lines on one side, or the same on both.
    pub(super) fn block(&mut self, tag: Tag, lead: &str, text: &str, at: At) {
        self.line(tag, &format!("{lead} {}", header(text)), at.place);
        for line in split(text) {
            let text = indented(&visible(line), at.column + 2);
            self.line(tag, &text, at.place);
        }
    }

    /// Two texts that differ.
    pub(super) fn strings(&mut self, lead: &str, (old, new): (&str, &str), at: At) {
        if (wide(old) || wide(new))
            && let Some((a, b)) = json(old).zip(json(new)).filter(|(a, b)| a != b)
        {
            return self.embedded(lead, (&a, &b), at);
        }
        if !multiline(old) && !multiline(new) {
            let text = |value: &str| format!("{lead} {}", yaml::inline(&Value::from(value)));
            let (old, new) = shorten_both(&text(old), &text(new));
            self.lines.push(Line { tag: Tag::Gone, text: old, place: at.place });
            self.lines.push(Line { tag: Tag::New, text: new, place: at.place });
        } else if old.is_empty() || new.is_empty() {
            self.value(Tag::Gone, lead, &Value::from(old), at);
            self.value(Tag::New, lead, &Value::from(new), at);
        } else {
            self.blocks(lead, (old, new), at);
        }
    }

    /// Two documents, each in one text.
    fn embedded(&mut self, lead: &str, (before, after): (&Value, &Value), at: At) {
        let at = At { place: self.places.step(at.place, Step::Note("embedded JSON")), ..at };
        self.line(Tag::Same, &format!("{lead} (embedded JSON)"), at.place);
        // The keys of the object's lists say nothing of what is in its texts.
        let outer = std::mem::replace(&mut self.list, "embedded".to_owned());
        match (before, after) {
            (Value::Object(a), Value::Object(b)) => self.maps((a, b), at.deeper(), None),
            (Value::Array(a), Value::Array(b)) => self.lists((a, b), at.deeper()),
            (a, b) => {
                let lead = " ".repeat(at.column + 1);
                self.value(Tag::Gone, &lead, a, at);
                self.value(Tag::New, &lead, b, at);
            }
        }
        self.list = outer;
    }

    /// Two texts, line by line.
    fn blocks(&mut self, lead: &str, (old, new): (&str, &str), at: At) {
        let At { column, place } = at;
        let (was, is) = (header(old), header(new));
        if was == is {
            self.line(Tag::Same, &format!("{lead} {is}"), place);
        } else {
            self.line(Tag::Gone, &format!("{lead} {was}{}", ending(old, new)), place);
            self.line(Tag::New, &format!("{lead} {is}{}", ending(new, old)), place);
        }
        let inner = kind(old, new).map(|note| self.places.step(place, Step::Note(note)));
        let (mut before, mut after) = (Outline::default(), Outline::default());
        let found = |places: &mut Places, outline: &Outline| match inner {
            Some(inner) => outline.place(places, inner),
            None => place,
        };
        let (old, new): (Vec<&str>, Vec<&str>) = (split(old).collect(), split(new).collect());
        let (a, b) = numbers(&old, &new);
        for op in capture_diff_slices_deadline(Algorithm::Myers, &a, &b, Some(self.deadline)) {
            let (gone, come) = (&old[op.old_range()], &new[op.new_range()]);
            if op.tag() == DiffTag::Equal {
                for line in come {
                    before.read(line);
                    after.read(line);
                    self.line(Tag::Same, &indented(&visible(line), column + 2), place);
                }
                continue;
            }
            let paired = gone.len() == come.len();
            let texts = |lines: &[&str]| -> Vec<String> {
                lines.iter().map(|line| indented(&marked(line), column + 2)).collect()
            };
            let (mut gone_texts, mut come_texts) = (texts(gone), texts(come));
            for (old, new) in gone_texts.iter_mut().zip(&mut come_texts).filter(|_| paired) {
                (*old, *new) = shorten_both(old, new);
            }
            for (line, text) in gone.iter().zip(gone_texts) {
                before.read(line);
                let place = found(&mut self.places, &before);
                self.lines.push(Line {
                    tag: Tag::Gone,
                    text: if paired { text } else { shorten(&text) },
                    place,
                });
            }
            for (line, text) in come.iter().zip(come_texts) {
                after.read(line);
                let place = found(&mut self.places, &after);
                self.lines.push(Line {
                    tag: Tag::New,
                    text: if paired { text } else { shorten(&text) },
                    place,
                });
            }
        }
    }
}

/// A ConfigMap without its binary data: size and hash say whether it differs, and nobody reads more of it.
pub(super) fn bytes(body: &Value) -> Cow<'_, Value> {
    let binary = body.get("binaryData").and_then(Value::as_object).filter(|map| !map.is_empty());
    if binary.is_none() || body.get("kind").and_then(Value::as_str) != Some("ConfigMap") {
        return Cow::Borrowed(body);
    }
    let mut body = body.clone();
    for value in
        body.get_mut("binaryData").and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
    {
        if let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) {
            let hash = hex::encode(digest(&SHA256, &bytes));
            *value = Value::from(format!(
                "({} bytes, sha256 {})",
                bytes.len(),
                hash.get(..16).unwrap_or_default()
            ));
        }
    }
    Cow::Owned(body)
}

/// Is it shown line by line?
pub(super) fn multiline(text: &str) -> bool {
    text.contains('\n') && text.chars().any(|c| !matches!(c, '\n' | '\r' | ' ' | '\t'))
}

/// The lines of a text; what follows the last newline is one only if there is something.
fn split(text: &str) -> std::str::Split<'_, char> {
    text.strip_suffix('\n').unwrap_or(text).split('\n')
}

/// How YAML would begin it.
fn header(text: &str) -> String {
    let blank = if text.starts_with([' ', '\t', '\n']) { "2" } else { "" };
    let end = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    format!("|{blank}{end}")
}

/// What a header's mark means where only one of two texts has it.
fn ending(text: &str, other: &str) -> &'static str {
    if !text.ends_with('\n') && other.ends_with('\n') { "  # no newline at its end" } else { "" }
}

fn indented(line: &str, column: usize) -> String {
    if line.is_empty() { String::new() } else { format!("{:column$}{line}", "") }
}

/// Equal lines have equal numbers: numbers are compared faster.
fn numbers<'t>(old: &[&'t str], new: &[&'t str]) -> (Vec<usize>, Vec<usize>) {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut number = |line: &&'t str| {
        let next = known.len();
        *known.entry(line).or_insert(next)
    };
    (old.iter().map(&mut number).collect(), new.iter().map(&mut number).collect())
}

fn wide(text: &str) -> bool {
    text.lines().any(|line| line.len() > WIDE) || !text.trim_end().contains('\n')
}

/// The JSON document that a text holds, if it is one that its structure tells all of: without a key that is there twice.
fn json(text: &str) -> Option<Value> {
    let begins = text.trim_start().starts_with(['{', '[']) && text.len() <= EMBEDDED;
    let value: Value = serde_json::from_str(text).ok().filter(|_| begins)?;
    // YAML's reader tells of keys that are there twice, and JSON is YAML.
    document(text)
        .is_some_and(|documents| documents.iter().all(|one| one.warnings.is_empty()))
        .then_some(value)
}

fn document(text: &str) -> Option<Vec<yaml::Document>> {
    let limits = yaml::Limits { bytes: EMBEDDED, nodes: 50_000, depth: 64 };
    yaml::read(text.as_bytes(), &limits).ok()
}

/// What two texts of several lines are, if both are the same.
fn kind(old: &str, new: &str) -> Option<&'static str> {
    let container = |value: &Value| value.is_object() || value.is_array();
    if json(old).zip(json(new)).is_some_and(|(a, b)| container(&a) && container(&b)) {
        return Some("embedded JSON");
    }
    let yaml = |text: &str| {
        document(text).is_some_and(|documents| {
            !documents.is_empty()
                && documents
                    .iter()
                    .all(|one| matches!(one.root.content, yaml::Content::List(_) | yaml::Content::Map(_)))
        })
    };
    (old.len().max(new.len()) <= EMBEDDED && yaml(old) && yaml(new)).then_some("embedded YAML")
}

/// The keys above a line of YAML or of JSON over several lines, by indentation.
#[derive(Default)]
struct Outline(Vec<(usize, Step)>);

impl Outline {
    fn read(&mut self, line: &str) {
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        if content.trim().is_empty() || content.starts_with('#') {
            return;
        }
        let item = content.strip_prefix("- ");
        self.0.retain(|(above, _)| *above < column + usize::from(item.is_some()));
        let (key, column) = (item.unwrap_or(content), column + if item.is_some() { 2 } else { 0 });
        let Some((key, rest)) = key.split_once(':') else { return };
        if !(rest.is_empty() || rest.starts_with([' ', '\r'])) {
            return;
        }
        if item.is_some() && key == "name" {
            self.0.push((column - 1, Step::Item(rest.trim().trim_matches(['"', '\'']).to_owned())));
        }
        self.0.push((column, Step::Key(key.trim_matches(['"', '\'']).to_owned())));
    }

    fn place(&self, places: &mut Places, from: Place) -> Place {
        self.0.iter().fold(from, |place, (_, step)| places.step(place, step.clone()))
    }
}
