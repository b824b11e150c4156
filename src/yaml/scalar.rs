//! What a scalar means: YAML 1.1 as kubectl's decoder (go-yaml 2) resolves it, then JSON.

use std::borrow::Cow;

use base64::Engine;
use serde_json::Number;

use crate::yaml::Content;

/// A scalar's meaning before JSON: keys need the difference between a float and an integer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits into 64 bits, signed.
    Signed(i64),
    /// A larger one.
    Unsigned(u64),
    /// Anything with a point or an exponent, and integers beyond 64 bits.
    Float(f64),
    /// A string.
    Text(String),
}

/// How a scalar was written, as far as its meaning depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style<'a> {
    /// Bare, without a tag: its text decides.
    Plain,
    /// The same in a JSON value.
    Json,
    /// In quotes or a block, without a tag: a string.
    Quoted,
    /// With a tag of the core schema, as in `int`.
    Core(&'a str),
    /// With another tag: a string, as kubectl has it.
    Foreign,
}

/// The meaning of a scalar, or why it has none.
pub(crate) fn resolve(text: Cow<'_, str>, style: Style<'_>) -> Result<Scalar, String> {
    match style {
        Style::Quoted | Style::Foreign => Ok(Scalar::Text(text.into_owned())),
        Style::Plain => Ok(typed(&text).unwrap_or_else(|| Scalar::Text(text.into_owned()))),
        Style::Json => json(&text),
        Style::Core(tag) => tagged(&text, tag),
    }
}

/// A bare scalar.
pub(crate) fn plain(text: &str) -> Scalar {
    typed(text).unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

/// A bare scalar that is not a string.
fn typed(text: &str) -> Option<Scalar> {
    let Some(first) = text.bytes().next() else { return Some(Scalar::Null) };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => special(text).or_else(|| separated(text)).map(Scalar::Float),
        b'+' | b'-' | b'0'..=b'9' => special(text).map(Scalar::Float).or_else(|| number(text)),
        _ => None,
    }
}

/// A bare scalar of a JSON value, where a number that no double holds is an error and not a string.
fn json(text: &str) -> Result<Scalar, String> {
    match word(text) {
        Some(scalar) => Ok(scalar),
        None => text
            .parse::<i64>()
            .map(Scalar::Signed)
            .ok()
            .or_else(|| fraction(text).map(Scalar::Float))
            .ok_or_else(|| format!("the number {} is too large", shorten(text))),
    }
}

/// The words of YAML 1.1 that are not strings.
fn word(text: &str) -> Option<Scalar> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Scalar::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        _ => None,
    }
}

/// Infinities and not-a-number.
fn special(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Something that begins with a digit or a sign.
fn number(text: &str) -> Option<Scalar> {
    let stripped;
    let text = if text.contains('_') {
        stripped = text.replace('_', "");
        &stripped
    } else {
        text
    };
    integer(text).or_else(|| fraction(text).map(Scalar::Float))
}

/// A whole number in any of the bases: `0x1f`, `0o17`, `017`, `0b11`, `12`; a sign before the prefix.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signed = digits.len() < text.len();
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', _, ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own, which must not stand behind a prefix.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(digits, base).ok()?;
    let value = if negative { -value } else { value };
    if let Ok(value) = i64::try_from(value) {
        return Some(Scalar::Signed(value));
    }
    if signed { None } else { u64::try_from(value).ok().map(Scalar::Unsigned) }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it fits into a double.
fn fraction(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match mantissa.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(mantissa),
    };
    let exponent = exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)));
    let value = (whole && exponent).then(|| text.parse::<f64>().ok())??;
    value.is_finite().then_some(value)
}

/// A fraction that begins with its point: here underscores stand between digits or make it a string.
fn separated(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let between = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(at.checked_add(1))
    };
    let fair = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || between(at));
    fair.then(|| fraction(&text.replace('_', "")))?
}

/// A scalar with a tag of the core schema; the tag must be true of it.
fn tagged(text: &str, tag: &str) -> Result<Scalar, String> {
    let found = plain(text);
    match (tag, found) {
        ("binary", _) => binary(text),
        ("bool", found @ Scalar::Bool(_))
        | ("null", found @ Scalar::Null)
        | ("int", found @ (Scalar::Signed(_) | Scalar::Unsigned(_)))
        | ("float", found @ Scalar::Float(_)) => Ok(found),
        #[expect(clippy::cast_precision_loss, reason = "the author asks for a float")]
        ("float", Scalar::Signed(value)) => Ok(Scalar::Float(value as f64)),
        ("bool" | "null" | "int" | "float", _) => {
            Err(format!("`{}` is not what its tag `!!{tag}` says", shorten(text)))
        }
        _ => Ok(Scalar::Text(text.to_owned())),
    }
}

/// `!!binary`: the bytes that the base64 stands for, as text.
fn binary(text: &str) -> Result<Scalar, String> {
    let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map(|bytes| Scalar::Text(String::from_utf8_lossy(&bytes).into_owned()))
        .map_err(|_| "the value of `!!binary` is not base64".to_owned())
}

/// The first characters of a text, for a message.
fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Scalar {
    /// The JSON value; infinities and not-a-number have none.
    pub(crate) fn value(self) -> Result<Content, String> {
        Ok(match self {
            Self::Null => Content::Null,
            Self::Bool(is) => Content::Bool(is),
            Self::Signed(value) => Content::Number(value.into()),
            #[expect(clippy::cast_precision_loss, reason = "kubectl's JSON knows no integers beyond 63 bits")]
            Self::Unsigned(value) => Content::Number(float(value as f64)?),
            Self::Float(value) => Content::Number(float(value)?),
            Self::Text(text) => Content::Text(text),
        })
    }

    /// The text of a key; null and integers beyond 63 bits are none, as kubectl has it.
    pub(crate) fn key(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bool(is) => Ok(is.to_string()),
            Self::Signed(value) => Ok(value.to_string()),
            Self::Float(value) => Ok(float_key(value)),
            Self::Unsigned(value) => Err(format!("the number {value} is too large for a key")),
            Self::Null => Err("a key is empty".to_owned()),
        }
    }
}

/// A double as JSON: whole ones become integers, as they do on the way through kubectl's JSON.
fn float(value: f64) -> Result<Number, String> {
    if value.fract() == 0.0 && value.abs() < 9.3e18 {
        // The shortest digits and then zeros, which is also what Go prints; not the exact binary value.
        if let Ok(whole) = value.to_string().parse::<i64>() {
            return Ok(whole.into());
        }
    }
    Number::from_f64(value).ok_or_else(|| "infinity and not-a-number cannot be written as JSON".to_owned())
}

/// A float as a key: kubectl prints it with 32 bits of precision, in the shorter of two notations.
fn float_key(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "kubectl does the same")]
    let narrow = value as f32;
    if narrow.is_nan() {
        return ".nan".to_owned();
    }
    if narrow.is_infinite() {
        return if narrow > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{narrow:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(power) = exponent.parse::<i32>() else { return scientific };

    if (-4..6).contains(&power) {
        narrow.to_string()
    } else {
        let sign = if power < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", power.abs())
    }
}
