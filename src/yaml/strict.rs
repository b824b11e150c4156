//! What the parser takes and kubectl's does not: seen in how a scalar was written.

use granit_parser::{Event, ScalarStyle, Span};

/// Why kubectl would refuse what this event stands for, and what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events are open-ended, and only these differ"
)]
pub(super) fn refusal(
    event: &Event<'_>,
    span: &Span,
    text: &str,
    key: bool,
) -> Option<(&'static str, &'static str)> {
    match event {
        Event::Scalar(_, ScalarStyle::DoubleQuoted, ..) if json_escape(span.slice(text)?) => Some((
            "an escape of JSON that kubectl does not know in YAML",
            "write the character itself instead of `\\/` or a `\\ud…` pair",
        )),
        Event::Scalar(_, ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..)
            if key && span.start.line() != span.end.line() =>
        {
            Some(("a key goes over several lines", "put it in one line"))
        }
        Event::Scalar(value, ScalarStyle::Literal | ScalarStyle::Folded, ..)
            if value.trim_start_matches('\n').starts_with('\t')
                && !indented(text.get(..span.byte_range()?.start)?) =>
        {
            Some((
                "a tab at the beginning of a block of text",
                "say how far it is indented, as in `|2`, or begin it with something else",
            ))
        }
        Event::Anchor(_, name)
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) =>
        {
            Some(("an anchor's name may hold only letters, digits, `_` and `-`", "rename it"))
        }
        _ => None,
    }
}

/// Does a text in double quotes hold an escape that only JSON has: `\/`, or half a pair for one character?
fn json_escape(quoted: &str) -> bool {
    let mut rest = quoted;
    while let Some((_, escape)) = rest.split_once('\\') {
        let mut bytes = escape.bytes().map(|byte| byte.to_ascii_lowercase());
        match (bytes.next(), bytes.next(), bytes.next()) {
            (Some(b'/'), ..) | (Some(b'u'), Some(b'd'), Some(b'8' | b'9' | b'a'..=b'f')) => return true,
            _ => {}
        }
        let mut behind = escape.chars();
        behind.next();
        rest = behind.as_str();
    }
    false
}

/// Does the head of a block of text, the end of what stands before it, say how far the block is indented?
fn indented(before: &str) -> bool {
    let mut rest = before.trim_end().rsplit('\n').next().unwrap_or_default();
    while let Some((_, behind)) = rest.split_once(['|', '>']) {
        let end = behind.find(|c: char| !matches!(c, '0'..='9' | '+' | '-')).unwrap_or(behind.len());
        let (sign, comment) = behind.split_at(end);
        let comment = comment.trim_start();
        if sign.contains(|c: char| c.is_ascii_digit()) && (comment.is_empty() || comment.starts_with('#')) {
            return true;
        }
        rest = behind;
    }
    false
}
