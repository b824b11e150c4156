//! Cutting a text into documents as kubectl does, before any of it is read as YAML.
//!
//! A line that begins with `---` is a cut wherever it stands, and may hold nothing else but a comment. A text that begins
//! with `{` is a row of JSON values first: after the first value it may go on as YAML, after the second it may not.
//! Each piece is then read on its own, so anchors and directives do not reach across a cut.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::model::fault::Fault;
use crate::yaml::read::{Place, fault, narrow};

/// How far kubectl looks for the brace that makes a text JSON, in bytes.
const GUESS: usize = 4096;

/// What stands between two cuts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    /// The text.
    pub text: &'t str,
    /// Is it one JSON value?
    pub json: bool,
    /// Lines before it.
    lines: u32,
    /// Characters before it in its first line.
    columns: u32,
}

impl Piece<'_> {
    /// The place in the whole text of one in this piece.
    pub(super) fn place(&self, line: usize, column: usize) -> Place {
        let column = narrow(column).saturating_add(if line == 1 { self.columns } else { 0 });
        (narrow(line).saturating_add(self.lines), column)
    }

    /// The reverse.
    pub(super) fn within(&self, (line, column): Place) -> Place {
        let line = line.saturating_sub(self.lines);
        (line, column.saturating_sub(if line == 1 { self.columns } else { 0 }))
    }
}

/// The pieces of a text, cut off one by one.
#[derive(Debug)]
pub(super) struct Pieces<'t> {
    rest: &'t str,
    /// How many JSON values there were, as long as it may be JSON.
    values: Option<usize>,
    lines: u32,
    columns: u32,
    /// A cut that is none, met but not yet told.
    fault: Option<Fault>,
}

impl<'t> Pieces<'t> {
    /// A text without its byte-order mark; one that had it is no JSON to kubectl.
    pub(super) fn new(text: &'t str, marked: bool) -> Self {
        let blank = text.len() - text.trim_start().len();
        let json = !marked && blank < GUESS && text.trim_start().starts_with('{');
        Self { rest: text, values: json.then_some(0), lines: 0, columns: 0, fault: None }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Ends here.
    pub(super) fn end(&mut self) {
        (self.rest, self.values) = ("", None);
    }

    /// Ends with this fault.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.end();
        self.fault = Some(fault);
    }

    /// The next piece, or a cut that is none.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'t>>, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        while let Some(count) = self.values {
            let mut values = Deserializer::from_str(self.rest).into_iter::<IgnoredAny>();
            match values.next() {
                None => return Ok(None),
                Some(Ok(_)) => {
                    self.values = Some(count + 1);
                    return Ok(Some(self.take(values.byte_offset(), true)));
                }
                Some(Err(_)) => self.leave(count)?,
            }
        }
        self.document()
    }

    /// From JSON to YAML; the blanks between are eaten up to the end of the line.
    fn leave(&mut self, count: usize) -> Result<(), Fault> {
        self.values = None;
        if count == 0 {
            return Ok(());
        }
        let blank = self.rest.len() - self.rest.trim_start().len();
        let line = self.rest.get(..blank).and_then(|blank| blank.find('\n')).map_or(blank, |at| at + 1);
        self.take(line, false);
        let place = (self.lines.saturating_add(1), self.columns.saturating_add(1));
        if count > 1 {
            return Err(fault("behind several JSON values only another one may stand", place)
                .hint("separate all of them by `---` in a line of its own"));
        }
        // What follows would be read as YAML, as another document: without a cut nobody sees that.
        let mut lines = self.rest.lines().map(str::trim_start);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        if first.is_some_and(|line| !line.starts_with("---")) {
            return Err(fault("something follows the JSON value", place)
                .hint("put `---` in a line of its own between them, or remove it"));
        }
        Ok(())
    }

    /// The next piece between two lines that begin with `---`.
    fn document(&mut self) -> Result<Option<Piece<'t>>, Fault> {
        while let Some(behind) = self.rest.strip_prefix("---") {
            let line = behind.find('\n').map_or(behind.len(), |at| at + 1);
            let said = behind.get(..line).unwrap_or_default().trim();
            if !said.is_empty() && !said.starts_with('#') {
                return Err(fault(
                    "a line that begins with `---` separates documents and may hold nothing else",
                    (self.lines.saturating_add(1), self.columns.saturating_add(4)),
                )
                .hint("kubectl reads no content behind `---`: put it in the next line"));
            }
            self.take(3 + line, false);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let end = self.rest.find("\n---").map_or(self.rest.len(), |at| at + 1);
        Ok(Some(self.take(end, false)))
    }

    /// Cuts off so many bytes.
    fn take(&mut self, bytes: usize, json: bool) -> Piece<'t> {
        let (text, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        let piece = Piece { text, json, lines: self.lines, columns: self.columns };
        self.rest = rest;
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        let last = text.rsplit('\n').next().unwrap_or_default();
        let columns = narrow(last.chars().count());
        self.lines = self.lines.saturating_add(narrow(lines));
        self.columns = if lines == 0 { self.columns.saturating_add(columns) } else { columns };
        piece
    }
}
