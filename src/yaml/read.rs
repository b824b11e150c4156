//! Reading: bytes to documents.

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use crate::model::fault::Fault;
use crate::yaml::build::Builder;
use crate::yaml::scalar::{self, Style};
use crate::yaml::{Content, Document, Limits, snippet};

/// Where something stands: line and column from 1.
pub(super) type Place = (u32, u32);

/// The most warnings for one text; more of the same help nobody.
pub(super) const WARNINGS: usize = 50;

/// The core schema's tags as the parser resolves them.
const CORE: &str = "tag:yaml.org,2002:";

/// The documents of a text that are not empty, in order.
///
/// The fault names line and column and shows the line; the file is left to the caller.
pub(crate) fn read(text: &[u8], limits: &Limits) -> Result<Vec<Document>, Fault> {
    if text.len() > limits.bytes {
        return Err(Fault::new(format!("the file is larger than {} bytes", limits.bytes))
            .hint("split it into several files"));
    }
    let text = decode(text)?;
    documents(text, limits).map_err(|mut fault| {
        if let (Some(line), Some(column)) = (fault.line, fault.column) {
            fault.snippet = Some(snippet(text, line, column));
        }
        fault
    })
}

/// The text, if it is UTF-8 without control characters; a byte-order mark at its beginning is left out.
fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new("the file is UTF-16").hint("save it as UTF-8").at(1, 1));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (before, _) = bytes.split_at(error.valid_up_to().min(bytes.len()));
        let place = end(&String::from_utf8_lossy(before));
        Fault::new("the file is not UTF-8 text").hint("save it as UTF-8").at(place.0, place.1)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.char_indices().find(|(_, c)| forbidden(*c)) {
        None => Ok(text),
        Some((at, c)) => {
            let (line, column) = end(text.get(..at).unwrap_or_default());
            let code = u32::from(c);
            let mut fault = Fault::new(format!("a control character (U+{code:04X}) is not allowed in YAML"))
                .hint("remove it, or write it as an escape in double quotes")
                .at(line, column);
            fault.snippet = Some(snippet(text, line, column));
            Err(fault)
        }
    }
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
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The parser's place as people count.
fn place(mark: &Marker) -> Place {
    (narrow(mark.line().max(1)), narrow(mark.col().saturating_add(1)))
}

/// A fault at a place.
pub(super) fn fault(message: impl Into<String>, place: Place) -> Fault {
    Fault::new(message).at(place.0, place.1)
}

fn documents(text: &str, limits: &Limits) -> Result<Vec<Document>, Fault> {
    // One level more than is allowed, so that it is our own message that people read.
    let nesting = limits.depth.saturating_add(1);
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: nesting,
        block_nesting_limit: nesting,
    };
    let mut documents = Vec::new();
    let mut builder = Builder::new(limits);
    let mut warned = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| scan_fault(&error, limits))?;
        let ended = event == Event::DocumentEnd;
        take(&mut builder, event, place(&span.start))?;
        if ended && let Some(mut document) = builder.finish() {
            document.warnings.truncate(WARNINGS - warned);
            warned += document.warnings.len();
            for warning in &mut document.warnings {
                warning.snippet = shown(text, warning);
            }
            documents.push(document);
        }
    }
    Ok(documents)
}

/// One event into the tree; events that are not nodes say nothing about it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events are open-ended, and only nodes count"
)]
fn take(builder: &mut Builder<'_>, event: Event<'_>, place: Place) -> Result<(), Fault> {
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let scalar = scalar::resolve(&text, meaning(style, tag.as_deref()));
            let merge = text == "<<" && style == ScalarStyle::Plain && tag.is_none();
            builder.scalar(scalar.map_err(|message| fault(message, place))?, merge, anchor, place)
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

fn shown(text: &str, fault: &Fault) -> Option<String> {
    Some(snippet(text, fault.line?, fault.column?))
}

/// What a scalar's notation and tag say about its meaning.
fn meaning(style: ScalarStyle, tag: Option<&Tag>) -> Style<'_> {
    match tag {
        None if style == ScalarStyle::Plain => Style::Plain,
        None => Style::Quoted,
        Some(tag) if tag.handle() == CORE => Style::Core(tag.suffix()),
        Some(_) => Style::Foreign,
    }
}

/// The parser's error in the reader's terms.
fn scan_fault(error: &ScanError, limits: &Limits) -> Fault {
    let place = place(error.marker());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser words its hundred other kinds well")]
    match error.kind() {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => {
            fault("a tab is not allowed here", place).hint("indent with spaces")
        }
        ErrorKind::UnknownAnchor => fault("this alias names an anchor that is not there", place)
            .hint("an anchor must stand before its alias, in the same document"),
        _ if ["nest", "recursion"].iter().any(|word| error.info().contains(word)) => {
            fault(format!("the nesting is deeper than {}", limits.depth), place)
        }
        _ => fault(format!("not valid YAML: {}", error.info()), place),
    }
}
