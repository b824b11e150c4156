//! Text without its secrets.

use std::ops::Range;

use super::{LIVE_ONLY, Mask, Text, views};

/// A place in a text that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    /// Where.
    pub range: Range<usize>,
    /// The secrets that lie there.
    pub secrets: Vec<usize>,
    /// Is it one secret, or a part of it, and nothing else?
    pub exact: bool,
}

impl Mask<'_> {
    /// A text without secrets.
    pub(super) fn string(&self, string: &str, text: Text) -> String {
        let covers = self.covers(string, &|secret| text == Text::Live || self.needles.holders(secret).git());
        rewrite(string, &covers, |cover| {
            self.label(string, cover, &|secret| text == Text::Rendered || self.needles.holders(secret).base)
        })
    }

    /// Where secrets lie in a text, in order and apart from one another.
    pub(super) fn covers(&self, string: &str, wanted: &dyn Fn(usize) -> bool) -> Vec<Cover> {
        let mut covers = Vec::new();
        if self.needles.is_empty() {
            return covers;
        }
        views::each(string, &mut |view| {
            for found in self.needles.find(&view.bytes, wanted) {
                let range = characters(string, view.source(&found.range));
                covers.push(Cover { range, secrets: vec![found.secret], exact: view.exact(&found.range) });
            }
        });
        // The shortest secret is the one that this is, where longer ones only hold it.
        covers.sort_by_cached_key(|cover| {
            let secret = cover.secrets.first().copied().unwrap_or_default();
            let length = self.needles.text(secret).len();
            (cover.range.start, usize::MAX - cover.range.end, !cover.exact, length, secret)
        });
        merge(covers)
    }

    /// The mark of a place: with a hash if each secret there may show one.
    pub(super) fn label(&self, string: &str, cover: &Cover, hashed: &dyn Fn(usize) -> bool) -> String {
        if cover.secrets.is_empty() || !cover.secrets.iter().all(|secret| hashed(*secret)) {
            return LIVE_ONLY.to_owned();
        }
        match cover.secrets.as_slice() {
            [one] if cover.exact => self.keys.mark(self.needles.text(*one)),
            _ => self.keys.mark(string.get(cover.range.clone()).unwrap_or_default().as_bytes()),
        }
    }
}

/// The text with something else in these places.
pub(super) fn rewrite(string: &str, covers: &[Cover], label: impl Fn(&Cover) -> String) -> String {
    let mut out = String::with_capacity(string.len());
    let mut at = 0;
    for cover in covers {
        out.push_str(string.get(at..cover.range.start).unwrap_or_default());
        out.push_str(&label(cover));
        at = cover.range.end;
    }
    out.push_str(string.get(at..).unwrap_or_default());
    out
}

/// Places that overlap become one.
pub(super) fn merge(covers: Vec<Cover>) -> Vec<Cover> {
    let mut merged: Vec<Cover> = Vec::with_capacity(covers.len());
    for cover in covers {
        let Some(last) = merged.last_mut() else {
            merged.push(cover);
            continue;
        };
        let same = last.exact && cover.exact && last.secrets == cover.secrets;
        if cover.range.end <= last.range.end {
            // It lies within. Where that is one secret, it says all; otherwise what else is there must be known.
            if !last.exact {
                last.secrets.extend(cover.secrets);
                last.secrets.sort_unstable();
                last.secrets.dedup();
            }
        } else if cover.range.start < last.range.end {
            last.range.end = cover.range.end;
            if !same {
                last.exact = false;
                last.secrets.extend(cover.secrets);
                last.secrets.sort_unstable();
                last.secrets.dedup();
            }
        } else {
            merged.push(cover);
        }
    }
    merged
}

/// The range, widened to whole characters.
fn characters(string: &str, range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start.min(string.len()), range.end.min(string.len()));
    while !string.is_char_boundary(start) {
        start -= 1;
    }
    while !string.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
