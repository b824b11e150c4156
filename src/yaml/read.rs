//! Reading: bytes to documents.

use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, Tag};

use crate::model::fault::Fault;
use crate::yaml::ahead;
use crate::yaml::build::{Builder, Spent};
use crate::yaml::cut::{Piece, Pieces};
use crate::yaml::scalar::{self, Style};
use crate::yaml::{Content, Document, Limits, snippet, strict};

/// Where something stands: line and column from 1.
pub(super) type Place = (u32, u32);

/// The most warnings for one stretch of a text; more of the same help nobody.
pub(crate) const WARNINGS: usize = 50;

/// The core schema's tags as the parser resolves them.
const CORE: &str = "tag:yaml.org,2002:";

/// The documents of a text that are not empty, in order.
///
/// The fault names line and column and shows the line; the file is left to the caller.
pub(crate) fn read(text: &[u8], limits: &Limits) -> Result<Vec<Document>, Fault> {
    each(text, limits, |document| document).map(|(documents, _)| documents)
}

/// The same, with each document made into something else as soon as it is read: of a long text only some documents are
/// in memory at a time, and several threads read it. Gives also how many nodes there were, as [`Limits::nodes`] counts.
pub(crate) fn each<T: Send>(
    text: &[u8],
    limits: &Limits,
    make: impl Fn(Document) -> T + Sync,
) -> Result<(Vec<T>, usize), Fault> {
    if text.len() > limits.bytes {
        return Err(Fault::new(format!("the file is larger than {} bytes", limits.bytes))
            .hint("split it into several files"));
    }
    let whole = decode(text)?;
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let pieces = Pieces::new(text, text.len() < whole.len());
    ahead::each(pieces, *limits, make).map_err(|mut fault| {
        if let (Some(line), Some(column)) = (fault.line, fault.column) {
            fault.snippet = Some(snippet(text, line, column));
        }
        fault
    })
}

/// What reads one piece after another.
pub(super) struct Reader {
    builder: Builder,
    options: Options,
    warned: usize,
}

impl Reader {
    pub(super) fn new(limits: &Limits, spent: Arc<Spent>) -> Self {
        Self { builder: Builder::new(*limits, spent), options: options(limits), warned: 0 }
    }

    /// Begins a batch. It has warnings of its own, so that they do not depend on which thread read what.
    pub(super) fn begin(&mut self) {
        self.warned = 0;
    }

    /// The document of a piece, unless it is empty.
    pub(super) fn document(&mut self, piece: &Piece<'_>) -> Result<Option<Document>, Fault> {
        let Some(mut document) = self.parse(piece)? else { return Ok(None) };
        document.warnings.truncate(WARNINGS.saturating_sub(self.warned));
        self.warned += document.warnings.len();
        for warning in &mut document.warnings {
            show(warning, piece);
        }
        Ok(Some(document))
    }

    fn parse(&mut self, piece: &Piece<'_>) -> Result<Option<Document>, Fault> {
        // kubectl ends every line: it matters where the last one is a block's and holds nothing but blanks.
        let unended = piece.text.ends_with([' ', '\t']).then(|| format!("{}\n", piece.text));
        let text = unended.as_deref().unwrap_or(piece.text);
        let mut begun = false;
        for event in Parser::new_from_str_with_options(text, self.options.clone()) {
            let (event, span) = event.map_err(|error| scan_fault(&error, piece, self.builder.limits()))?;
            let place = place(&span.start, piece);
            if matches!(event, Event::DocumentStart(..)) && std::mem::replace(&mut begun, true) {
                return Err(fault("what follows `...` is not read by kubectl", place)
                    .hint("separate documents by `---` in a line of its own, or remove what follows"));
            }
            if !piece.json
                && let Some((message, hint)) = strict::refusal(&event, &span, text, self.builder.at_key())
            {
                return Err(fault(message, place).hint(hint));
            }
            take(&mut self.builder, event, piece.json, place)?;
        }
        self.builder.finish()
    }
}

/// What the parser is told.
fn options(limits: &Limits) -> Options {
    // One level more than is allowed, so that it is our own message that people read.
    let nesting = limits.depth.saturating_add(1);
    granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        emit_anchor_events: true,
        flow_nesting_limit: nesting,
        block_nesting_limit: nesting,
    }
}

/// The text, if it is UTF-8 and holds neither control characters nor hidden ends of lines.
fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new("the file is UTF-16").hint("save it as UTF-8").at(1, 1));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (before, _) = bytes.split_at(error.valid_up_to().min(bytes.len()));
        let place = end(&String::from_utf8_lossy(before));
        Fault::new("the file is not UTF-8 text").hint("save it as UTF-8").at(place.0, place.1)
    })?;
    let Some((at, c)) = unfit(text) else { return Ok(text) };
    let before = text.get(..at).unwrap_or_default();
    let (line, column) = end(before.strip_prefix('\u{feff}').unwrap_or(before));
    let code = u32::from(c);
    let mut fault = if forbidden(c) {
        Fault::new(format!("a control character (U+{code:04X}) is not allowed in YAML"))
            .hint("remove it, or write it as an escape in double quotes")
    } else {
        Fault::new(format!("a line ends here (U+{code:04X}) where a reader of the file sees no end")).hint(
            "end lines with a newline; inside of a text write the character as an escape in double quotes",
        )
    }
    .at(line, column);
    fault.snippet = Some(snippet(text, line, column));
    Err(fault)
}

/// The first character that must not stand in a text, and where.
fn unfit(text: &str) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    let suspect = |at: usize, byte: u8| match byte {
        // Or within a character, whose first byte was looked at.
        b'\n' | b'\t' | b' '..=b'~' | 0x80..=0xbf => false,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => true,
    };
    bytes.iter().enumerate().filter(|(at, byte)| suspect(*at, **byte)).find_map(|(at, _)| {
        let c = text.get(at..)?.chars().next()?;
        (c == '\r' || forbidden(c) || breaking(c)).then_some((at, c))
    })
}

/// Characters that end a line in YAML 1.1 and nowhere else.
fn breaking(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that YAML does not let stand in a text.
pub(super) fn forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{fffe}' | '\u{ffff}')
}

/// The place just behind a text.
fn end(text: &str) -> Place {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (narrow(line), narrow(column))
}

/// A count as it is shown.
pub(super) fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The parser's place as people count.
fn place(mark: &Marker, piece: &Piece<'_>) -> Place {
    piece.place(mark.line().max(1), mark.col().saturating_add(1))
}

/// A fault at a place.
pub(super) fn fault(message: impl Into<String>, place: Place) -> Fault {
    Fault::new(message).at(place.0, place.1)
}

/// One event into the tree; events that are not nodes say nothing about it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events are open-ended, and only nodes count"
)]
fn take(builder: &mut Builder, event: Event<'_>, json: bool, place: Place) -> Result<(), Fault> {
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let meaning = meaning(style, tag.as_deref(), json);
            let merge = text == "<<" && matches!(meaning, Style::Plain | Style::Core("merge"));
            let scalar = scalar::resolve(text, meaning).map_err(|message| fault(message, place))?;
            builder.scalar(scalar, merge, anchor, place)
        }
        Event::SequenceStart(_, anchor, _) => builder.open(Content::List(Vec::new()), anchor, place),
        Event::MappingStart(_, anchor, _) => builder.open(Content::Map(Vec::new()), anchor, place),
        Event::SequenceEnd | Event::MappingEnd => builder.close(),
        Event::Alias(anchor) => builder.alias(anchor, place),
        Event::UnresolvedAlias(name) => {
            Err(fault(format!("`*{name}` names an anchor that is not there"), place))
        }
        _ => Ok(()),
    }
}

/// Shows the line of a warning.
fn show(warning: &mut Fault, piece: &Piece<'_>) {
    if let (Some(line), Some(column)) = (warning.line, warning.column) {
        let (line, column) = piece.within((line, column));
        warning.snippet = Some(snippet(piece.text, line, column));
    }
}

/// What a scalar's notation and tag say about its meaning.
fn meaning(style: ScalarStyle, tag: Option<&Tag>, json: bool) -> Style<'_> {
    match tag {
        None if style == ScalarStyle::Plain && json => Style::Json,
        None if style == ScalarStyle::Plain => Style::Plain,
        None => Style::Quoted,
        Some(tag) if tag.handle() == CORE => Style::Core(tag.suffix()),
        Some(tag) if tag.handle().is_empty() && tag.suffix().starts_with(CORE) => {
            Style::Core(tag.suffix().strip_prefix(CORE).unwrap_or_default())
        }
        Some(_) => Style::Foreign,
    }
}

/// The parser's error in the reader's terms.
fn scan_fault(error: &ScanError, piece: &Piece<'_>, limits: &Limits) -> Fault {
    let place = place(error.marker(), piece);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser words its hundred other kinds well")]
    match error.kind() {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => {
            fault("a tab is not allowed here", place).hint("indent with spaces")
        }
        ErrorKind::DirectiveDisallowed => fault("kubectl reads no directives", place)
            .hint("remove the lines that begin with `%`, and the `---` behind them"),
        ErrorKind::UnknownAnchor => fault("this alias names an anchor that is not there", place)
            .hint("an anchor must stand before its alias, in the same document"),
        _ if ["nest", "recursion"].iter().any(|word| error.info().contains(word)) => {
            fault(format!("the nesting is deeper than {}", limits.depth), place)
        }
        _ => fault(format!("not valid YAML: {}", error.info()), place),
    }
}
