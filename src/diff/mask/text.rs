//! Text without its secrets.

use std::collections::BTreeSet;
use std::ops::Range;

use super::needles::Needles;
use super::{LIVE_ONLY, Mask, Text, views};

/// A place in a text that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cover {
    /// Where.
    range: Range<usize>,
    /// The secrets that lie there.
    secrets: Vec<usize>,
    /// Is it one secret, or a part of it, and nothing else?
    exact: bool,
}

impl Mask<'_> {
    /// A text without secrets.
    pub(super) fn string(&self, string: &str, text: Text) -> String {
        match text {
            Text::Rendered => {
                let covers = covers(&self.git, string, &|_| true);
                rewrite(string, &covers, |cover| self.label(&self.git, string, cover, &|_| true))
            }
            Text::Live => self.live(string, &|_| true, &|secret| self.live.holders(secret).base, &|_| false),
        }
    }

    /// A text that may come from the target. First the secrets that are there are replaced, as they would be if nothing
    /// were proposed; those of the proposal are searched in what is left, so that they move no edge of a mark.
    pub(super) fn live(
        &self,
        string: &str,
        wanted: &dyn Fn(usize) -> bool,
        hashed: &dyn Fn(usize) -> bool,
        hashed_rest: &dyn Fn(usize) -> bool,
    ) -> String {
        let rest = |part: &str| {
            let covers = covers(&self.rest, part, &|_| true);
            rewrite(part, &covers, |cover| self.label(&self.rest, part, cover, hashed_rest))
        };
        let mut out = String::with_capacity(string.len());
        let mut at = 0;
        for cover in covers(&self.live, string, wanted) {
            out.push_str(&rest(string.get(at..cover.range.start).unwrap_or_default()));
            out.push_str(&self.label(&self.live, string, &cover, hashed));
            at = cover.range.end;
        }
        out.push_str(&rest(string.get(at..).unwrap_or_default()));
        out
    }

    /// The mark of a place: with a hash if each secret there may show one.
    fn label(
        &self,
        needles: &Needles,
        string: &str,
        cover: &Cover,
        hashed: &dyn Fn(usize) -> bool,
    ) -> String {
        if cover.secrets.is_empty() || !cover.secrets.iter().all(|secret| hashed(*secret)) {
            return LIVE_ONLY.to_owned();
        }
        match cover.secrets.as_slice() {
            [one] if cover.exact => self.keys.mark(needles.text(*one)),
            _ => self.keys.mark(string.get(cover.range.clone()).unwrap_or_default().as_bytes()),
        }
    }
}

/// Where secrets lie in a text, in order and apart from one another.
fn covers(needles: &Needles, string: &str, wanted: &dyn Fn(usize) -> bool) -> Vec<Cover> {
    let mut covers = Vec::new();
    if needles.is_empty() {
        return covers;
    }
    views::each(string, &mut |view| {
        for found in needles.find(&view.bytes, wanted) {
            let range = characters(string, view.source(&found.range));
            covers.push(Cover { range, secrets: vec![found.secret], exact: view.exact(&found.range) });
        }
    });
    // The shortest secret is the one that this is, where longer ones only hold it.
    covers.sort_by_cached_key(|cover| {
        let secret = cover.secrets.first().copied().unwrap_or_default();
        let length = needles.text(secret).len();
        (cover.range.start, usize::MAX - cover.range.end, !cover.exact, length, secret)
    });
    merge(covers)
}

/// The secrets that lie in a text, in whatever form.
pub(super) fn within(needles: &Needles, string: &str, wanted: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    if !needles.is_empty() {
        views::each(string, &mut |view| {
            all.extend(needles.find(&view.bytes, wanted).into_iter().map(|found| found.secret));
        });
    }
    all
}

/// The text with something else in these places.
fn rewrite(string: &str, covers: &[Cover], label: impl Fn(&Cover) -> String) -> String {
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
fn merge(covers: Vec<Cover>) -> Vec<Cover> {
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
