//! Text as programs write it into other text: escaped, percent-encoded, as base64 or hexadecimal digits, one within another.
//!
//! A secret is looked for in what such text means, not in every way to write it: so a longer text that holds it is found, too.

use std::borrow::Cow;
use std::ops::Range;

use super::needles::SEARCHED;

/// How deep encodings are followed: a manifest in an annotation holds base64 of JSON that holds base64 of a name and a password.
const DEPTH: usize = 4;
/// Characters of base64 that hold the shortest value that is searched for.
const BASE64: usize = 11;
/// A base64 line of this length may go on in the next one.
const WRAPPED: usize = 40;

/// What a part of a text means.
#[derive(Debug)]
pub(super) struct View<'t> {
    /// The bytes.
    pub bytes: Cow<'t, [u8]>,
    place: Place,
}

/// Where a view's bytes lie in the text.
#[derive(Debug, Clone)]
enum Place {
    /// They are the text.
    Same,
    /// Each has its own place.
    Each(Vec<Range<u32>>),
    /// They come from a run that is one whole; is it all that its surroundings hold?
    Run(Range<usize>, bool),
}

impl View<'_> {
    /// Where these bytes of the view lie in the text. Of a run it is always the whole: the rest of it would tell how long
    /// the secret is.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        match &self.place {
            Place::Same => range.clone(),
            Place::Run(run, _) => run.clone(),
            Place::Each(places) => {
                let all = places.get(range.clone()).unwrap_or_default();
                let at = |place: Option<u32>| place.map_or(0, |at| at as usize);
                at(all.first().map(|first| first.start))..at(all.last().map(|last| last.end))
            }
        }
    }

    /// Do these bytes of the view say all that their place in the text says?
    pub(super) fn exact(&self, range: &Range<usize>) -> bool {
        let rest = |bytes: Option<&[u8]>| bytes.is_none_or(|bytes| bytes.trim_ascii().is_empty());
        match &self.place {
            Place::Same | Place::Each(_) => true,
            Place::Run(_, exact) => {
                *exact && rest(self.bytes.get(..range.start)) && rest(self.bytes.get(range.end..))
            }
        }
    }
}

/// Shows a text, and all that it may mean, to `visit`.
pub(super) fn each(text: &str, visit: &mut dyn FnMut(&View<'_>)) {
    show(&View { bytes: Cow::Borrowed(text.as_bytes()), place: Place::Same }, DEPTH, visit);
}

fn show(view: &View<'_>, depth: usize, visit: &mut dyn FnMut(&View<'_>)) {
    visit(view);
    if depth == 0 || view.bytes.len() < SEARCHED {
        return;
    }
    for decode in [escape, percent, entity] {
        if let Some(decoded) = replaced(view, decode) {
            show(&decoded, depth - 1, visit);
        }
    }
    for run in runs(&view.bytes, is_base64, BASE64, true) {
        let characters = positions(&view.bytes, &run);
        for skip in 0..4.min(characters.len()) {
            let bytes = base64(&view.bytes, characters.get(skip..).unwrap_or_default());
            into(view, &run, bytes, (skip == 0, depth), visit);
        }
    }
    for run in runs(&view.bytes, |byte| byte.is_ascii_hexdigit(), 2 * SEARCHED, false) {
        for skip in 0..2 {
            let digits = view.bytes.get(run.start + skip..run.end).unwrap_or_default();
            let bytes =
                digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | hex(*digit)));
            into(view, &run, bytes.collect(), (skip == 0, depth), visit);
        }
    }
}

/// Shows what a run means, and what its readable parts mean in turn.
fn into(
    view: &View<'_>,
    run: &Range<usize>,
    bytes: Vec<u8>,
    (aligned, depth): (bool, usize),
    visit: &mut dyn FnMut(&View<'_>),
) {
    let source = view.source(run);
    let exact = aligned && view.exact(run);
    let part =
        |bytes: Vec<u8>, exact| View { bytes: Cow::Owned(bytes), place: Place::Run(source.clone(), exact) };
    if std::str::from_utf8(&bytes).is_ok() {
        return show(&part(bytes, exact), depth - 1, visit);
    }
    for text in bytes.utf8_chunks().map(|chunk| chunk.valid()).filter(|text| text.len() >= BASE64) {
        show(&part(text.as_bytes().to_vec(), false), depth - 1, visit);
    }
    visit(&part(bytes, exact));
}

/// What some bytes mean at their beginning, and how many of them that takes; none: what they say.
type Decoded = Option<(Vec<u8>, usize)>;

/// A view with what `decode` finds in place of how it was written; none if it finds nothing.
fn replaced(view: &View<'_>, decode: fn(&[u8]) -> Decoded) -> Option<View<'static>> {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    let (mut at, mut any) = (0, false);
    while let Some(first) = view.bytes.get(at) {
        let (meant, taken) = match decode(view.bytes.get(at..)?) {
            Some(found) => {
                if !any {
                    // Most text is not encoded and costs no copy.
                    bytes.extend_from_slice(view.bytes.get(..at)?);
                    places.extend((0..at).map(|at| at..at + 1));
                    any = true;
                }
                found
            }
            None if any => (vec![*first], 1),
            None => {
                at += 1;
                continue;
            }
        };
        places.extend(meant.iter().map(|_| at..at + taken));
        bytes.extend(meant);
        at += taken;
    }
    let place = match &view.place {
        Place::Run(run, exact) => Place::Run(run.clone(), *exact),
        Place::Same | Place::Each(_) => {
            let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let source = |place: Range<usize>| view.source(&place);
            Place::Each(
                places.into_iter().map(source).map(|place| narrow(place.start)..narrow(place.end)).collect(),
            )
        }
    };
    any.then_some(View { bytes: Cow::Owned(bytes), place })
}

/// What the bytes after a backslash mean in JSON, YAML, Go and shells.
fn escape(bytes: &[u8]) -> Decoded {
    let [b'\\', kind, rest @ ..] = bytes else { return None };
    let code = |digits: usize| {
        let digits = rest.get(..digits)?;
        let all = digits.iter().all(u8::is_ascii_hexdigit);
        all.then(|| digits.iter().fold(0_u32, |sum, digit| sum << 4 | u32::from(hex(*digit))))
    };
    let (meant, more) = match kind {
        b'n' => (u32::from(b'\n'), 0),
        b'r' => (u32::from(b'\r'), 0),
        b't' => (u32::from(b'\t'), 0),
        b'x' => (code(2)?, 2),
        b'u' => (code(4)?, 4),
        b'U' => (code(8)?, 8),
        other if other.is_ascii_punctuation() || *other == b' ' => (u32::from(*other), 0),
        _ => return None,
    };
    if let (0xd800..0xdc00, Some([b'\\', b'u', _, _, _, _])) = (meant, rest.get(4..10)) {
        // Two halves of one character.
        let low = rest.get(6..10)?.iter().fold(0_u32, |sum, digit| sum << 4 | u32::from(hex(*digit)));
        let whole = 0x1_0000 + ((meant - 0xd800) << 10) + low.checked_sub(0xdc00)?;
        return Some((char::from_u32(whole)?.to_string().into_bytes(), 12));
    }
    if *kind == b'x' {
        return Some((vec![u8::try_from(meant).ok()?], 2 + more));
    }
    Some((char::from_u32(meant)?.to_string().into_bytes(), 2 + more))
}

fn percent(bytes: &[u8]) -> Decoded {
    let [b'%', high, low, ..] = bytes else { return None };
    (high.is_ascii_hexdigit() && low.is_ascii_hexdigit()).then(|| (vec![hex(*high) << 4 | hex(*low)], 3))
}

fn entity(bytes: &[u8]) -> Decoded {
    const NAMED: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];
    if let Some((name, meant)) = NAMED.iter().find(|(name, _)| bytes.starts_with(name)) {
        return Some((vec![*meant], name.len()));
    }
    let rest = std::str::from_utf8(bytes.strip_prefix(b"&#")?.get(..8.min(bytes.len() - 2))?).ok()?;
    let (digits, _) = rest.split_once(';')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    Some((char::from_u32(code.ok()?)?.to_string().into_bytes(), digits.len() + 3))
}

/// Runs of such bytes, at least `least` long; `wrapped`: one that fills its line goes on in the next.
fn runs(bytes: &[u8], is: impl Fn(u8) -> bool, least: usize, wrapped: bool) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let count =
            |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|byte| is(**byte)).count();
        let mut length = count(at);
        let (start, mut end) = (at, at + length);
        while wrapped && length >= WRAPPED {
            let gap = bytes.get(end..).unwrap_or_default();
            let gap = gap.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            length = count(end + gap);
            if gap == 0 || length == 0 {
                break;
            }
            end += gap + length;
        }
        at = end + 1;
        if end - start >= least {
            // What pads it belongs to it, or it would tell the length.
            let padding = if wrapped { bytes.get(end..).unwrap_or_default() } else { &[] };
            let padding = padding.iter().take(2).take_while(|byte| **byte == b'=').count();
            all.push(start..end + padding);
            at = end + padding;
        }
    }
    all
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Where the characters of a run lie, without what only wraps or pads it.
fn positions(bytes: &[u8], run: &Range<usize>) -> Vec<usize> {
    run.clone().filter(|at| bytes.get(*at).is_some_and(|byte| is_base64(*byte))).collect()
}

/// Both alphabets, with or without padding; a last character that is no byte is left out.
fn base64(bytes: &[u8], positions: &[usize]) -> Vec<u8> {
    let six = |at: &usize| {
        let byte = bytes.get(*at).copied().unwrap_or_default();
        u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        })
    };
    let mut out = Vec::with_capacity(positions.len() / 4 * 3 + 2);
    for four in positions.chunks(4) {
        let sum = four.iter().fold(0, |sum, at| sum << 6 | six(at)) << (6 * (4 - four.len()));
        out.extend(sum.to_be_bytes().iter().skip(1).take(four.len() * 6 / 8));
    }
    out
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default()
}
