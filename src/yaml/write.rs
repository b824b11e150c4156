//! Writing: JSON values as YAML that kubectl, and every YAML 1.1 or 1.2 reader, reads back as the same values.
//!
//! Keys keep their order, long lines are never folded (a diff shows one line for one line), text of several lines is a
//! literal block, and whatever some reader could take for another type is quoted.

use std::borrow::Borrow;

use serde_json::{Map, Value};

use crate::yaml::read::forbidden;
use crate::yaml::scalar::{Scalar, plain};

/// A key longer than this is written behind `?`: readers look no further than 1,024 characters for its colon.
const LONG_KEY: usize = 250;

/// One document, with a newline at its end and no `---`.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        Value::String(text) => {
            quote(&mut out, text);
            out.push('\n');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            flow(&mut out, value);
            out.push('\n');
        }
    }
    out
}

/// A scalar, or an empty list or mapping, in one line.
pub(crate) fn inline(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::String(text) if bare(text) => out.push_str(text),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => flow(&mut out, value),
    }
    out
}

/// Documents with `---` between them.
pub(crate) fn write_all(values: impl IntoIterator<Item = impl Borrow<Value>>) -> String {
    let mut out = String::new();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push_str("---\n");
        }
        out.push_str(&write(value.borrow()));
    }
    out
}

fn indent(out: &mut String, column: usize) {
    out.extend(std::iter::repeat_n(' ', column));
}

fn mapping(out: &mut String, map: &Map<String, Value>, column: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            indent(out, column);
        }
        entry(out, key, value, column);
    }
}

fn entry(out: &mut String, key: &str, value: &Value, column: usize) {
    if key.len() > LONG_KEY {
        out.push_str("? ");
        quote(out, key);
        out.push('\n');
        indent(out, column);
    } else if bare(key) {
        out.push_str(key);
    } else {
        quote(out, key);
    }
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            indent(out, column + 2);
            mapping(out, map, column + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            indent(out, column);
            list(out, items, column);
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            out.push(' ');
            leaf(out, value, column);
        }
    }
}

fn list(out: &mut String, items: &[Value], column: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(out, column);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, column + 2),
            Value::Array(inner) if !inner.is_empty() => list(out, inner, column + 2),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                leaf(out, item, column);
            }
        }
    }
}

/// A value that ends its line, or a block below it.
fn leaf(out: &mut String, value: &Value, column: usize) {
    if let Value::String(text) = value {
        if block(text) {
            literal(out, text, column + 2);
            return;
        }
        if bare(text) {
            out.push_str(text);
        } else {
            quote(out, text);
        }
    } else {
        flow(out, value);
    }
    out.push('\n');
}

/// What has no text and no items.
fn flow(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quote(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Can it be a literal block? Not with characters that need an escape, nor with lines of blanks, of which readers
/// disagree.
fn block(text: &str) -> bool {
    text.contains('\n')
        && !text.trim_matches('\n').is_empty()
        && text.chars().all(|c| c == '\n' || c == '\t' || !escaped(c))
        && text.split('\n').all(|line| line.is_empty() || line.chars().any(|c| c != ' ' && c != '\t'))
}

fn literal(out: &mut String, text: &str, column: usize) {
    out.push('|');
    // The first line's blanks would be taken for the block's indentation.
    if text.starts_with([' ', '\n', '\t']) {
        out.push('2');
    }
    let body = text.strip_suffix('\n');
    match body {
        None => out.push('-'),
        Some(body) if body.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    out.push('\n');
    for line in body.unwrap_or(text).split('\n') {
        if !line.is_empty() {
            indent(out, column);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Is it read as the same string without quotes, by readers of either version of YAML?
fn bare(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let begins = match first {
        '-' => {
            text.chars().nth(1).is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
                && !text.starts_with("---")
        }
        '/' | '_' | '$' | '(' | ')' | '^' | ';' | '.' | '+' => !text.starts_with("..."),
        _ => first.is_alphanumeric(),
    };
    begins
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(|c| c == '\t' || c == '\n' || escaped(c))
        && matches!(plain(text), Scalar::Text(_))
        && !doubtful(text)
}

/// Dates, sexagesimal numbers and numbers of other YAML dialects: strings to kubectl, not to everyone.
fn doubtful(text: &str) -> bool {
    let number = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return number
            .strip_prefix('.')
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'));
    }
    let rest = number.get(digits..).unwrap_or_default();
    let date = digits == 4 && rest.starts_with('-');
    let clock = rest.starts_with(':')
        && rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_'));
    let spelled =
        rest.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'_' | b'x' | b'o' | b'X' | b'O'))
            && (number.starts_with('0') || rest.contains('_'));
    date || clock || spelled
}

/// Must it be written as an escape?
pub(crate) fn escaped(c: char) -> bool {
    forbidden(c)
        || matches!(c, '\r' | '\u{85}' | '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// In single quotes if that spares escapes, else in double quotes.
fn quote(out: &mut String, text: &str) {
    let plain = !text.chars().any(|c| c == '\t' || c == '\n' || escaped(c));
    if plain && text.contains(['"', '\\']) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if escaped(c) => {
                let code = u32::from(c);
                let escape = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                out.push_str(&escape);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
