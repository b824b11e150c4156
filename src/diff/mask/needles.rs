//! Finds secrets in text: all of them in one pass, whole or a line of one alone.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// Values shorter than this are masked where they are declared and not searched for elsewhere: they are everywhere.
pub(super) const SEARCHED: usize = 8;
/// A line of a secret of several lines is searched for by itself from this length on.
const LINE: usize = 16;
/// The longest piece that is compared at once; longer lines are cut.
const PIECE: usize = 128;
/// What the automaton knows of a piece; the rest is compared where its head was found, so that large secrets take little memory.
const HEAD: usize = 24;
/// Pieces of one secret that are searched for; what follows is found from the ones before.
const PIECES: usize = 512;
/// Secrets that share a piece and are told apart; more of them are only ever a trick.
const SHARED: usize = 8;

/// Who holds a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holders {
    /// What is merged already: its readers know it.
    pub base: bool,
    /// What is proposed: it may be a guess.
    pub merge: bool,
    /// The target.
    pub live: bool,
}

impl Holders {
    /// Does Git hold it, merged or proposed?
    pub(super) fn git(self) -> bool {
        self.base || self.merge
    }

    fn and(self, other: Self) -> Self {
        Self {
            base: self.base || other.base,
            merge: self.merge || other.merge,
            live: self.live || other.live,
        }
    }
}

/// Secrets that are searched for together. Who must learn nothing of others has needles of his own.
#[derive(Debug, Default)]
pub(super) struct Needles {
    secrets: Vec<Secret>,
    index: HashMap<Vec<u8>, usize>,
    heads: Vec<Head>,
    search: Option<AhoCorasick>,
}

/// A value in clear, and the pieces that it is made of, without the white space between them.
#[derive(Debug)]
struct Secret {
    text: Vec<u8>,
    pieces: Vec<Range<usize>>,
    holders: Holders,
}

/// How the pieces go on that begin alike, sorted.
#[derive(Debug)]
struct Head {
    tails: Vec<Tail>,
    /// Bytes of the longest.
    longest: usize,
}

#[derive(Debug)]
struct Tail {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// The longest other one that this one begins with.
    shorter: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    secret: usize,
    at: usize,
    /// Does it count without the rest of its secret?
    alone: bool,
}

/// A secret found in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where.
    pub range: Range<usize>,
    /// Which.
    pub secret: usize,
}

impl Needles {
    /// Learns values in clear.
    pub(super) fn new(values: BTreeMap<Vec<u8>, Holders>) -> Self {
        let mut own = Self::default();
        let mut heads: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<Piece>>> = BTreeMap::new();
        for (text, holders) in values {
            let (secret, pieces) = (own.secrets.len(), pieces(&text));
            for (at, alone) in searched(&text, &pieces) {
                let piece = pieces.get(at).and_then(|range| text.get(range.clone())).unwrap_or_default();
                let (head, tail) = piece.split_at(piece.len().min(HEAD));
                let known = heads.entry(head.to_vec()).or_default().entry(tail.to_vec()).or_default();
                if known.len() < SHARED {
                    known.push(Piece { secret, at, alone });
                }
            }
            own.index.insert(text.clone(), secret);
            own.secrets.push(Secret { text, pieces, holders });
        }
        own.search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(heads.keys()).ok();
        own.heads = heads.into_values().map(Head::new).collect();
        own
    }

    /// Who holds a secret, by its number.
    pub(super) fn holders(&self, secret: usize) -> Holders {
        self.secrets.get(secret).map_or_else(Holders::default, |secret| secret.holders)
    }

    /// Who holds a value that is declared a secret, however short it is.
    pub(super) fn holders_of(&self, value: &[u8]) -> Holders {
        self.index.get(value).map_or_else(Holders::default, |secret| self.holders(*secret))
    }

    /// Is there one with such holders?
    pub(super) fn any(&self, wanted: impl Fn(Holders) -> bool) -> bool {
        self.secrets.iter().any(|secret| wanted(secret.holders))
    }

    /// A secret in clear, by its number.
    pub(super) fn text(&self, secret: usize) -> &[u8] {
        self.secrets.get(secret).map_or(&[], |secret| &secret.text)
    }

    /// Is there nothing to be found?
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// All places in `bytes` where a secret lies whose holders are among those looked for. They may overlap.
    pub(super) fn find(&self, bytes: &[u8], wanted: &dyn Fn(usize) -> bool) -> Vec<Found> {
        let Some(search) = self.search.as_ref().filter(|_| !self.is_empty()) else { return Vec::new() };
        let (mut all, mut covered): (Vec<Found>, Range<usize>) = (Vec::new(), 0..0);
        for hit in search.find_overlapping_iter(bytes) {
            let Some(head) = self.heads.get(hit.pattern().as_usize()) else { continue };
            // Whatever begins here lies within what was found.
            if covered.start <= hit.start() && hit.end() + head.longest <= covered.end {
                continue;
            }
            for tail in head.on(bytes.get(hit.end()..).unwrap_or_default()) {
                let pieces = tail.pieces.iter().filter(|piece| wanted(piece.secret));
                let found: Vec<Found> = pieces
                    .filter_map(|piece| {
                        let range = self.extend(*piece, hit.start(), bytes)?;
                        Some(Found { range, secret: piece.secret })
                    })
                    .collect();
                if let Some(longest) = found.iter().max_by_key(|found| found.range.len()) {
                    if longest.range.end > covered.end {
                        covered = longest.range.clone();
                    }
                    all.extend(found);
                    break;
                }
            }
        }
        all
    }

    /// From one piece to those before and after it, whatever white space lies between them.
    fn extend(&self, piece: Piece, start: usize, bytes: &[u8]) -> Option<Range<usize>> {
        let secret = self.secrets.get(piece.secret)?;
        let of = |at: usize| secret.pieces.get(at).and_then(|range| secret.text.get(range.clone()));
        let (mut first, mut last) = (piece.at, piece.at);
        let mut range = start..start + of(piece.at)?.len();
        while let Some(next) = of(last + 1) {
            let rest = bytes.get(range.end..)?;
            let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if !rest.get(gap..)?.starts_with(next) {
                break;
            }
            range.end += gap + next.len();
            last += 1;
        }
        while let Some(before) = first.checked_sub(1).and_then(of) {
            let rest = bytes.get(..range.start)?;
            let gap = rest.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
            if !rest.get(..rest.len() - gap)?.ends_with(before) {
                break;
            }
            range.start -= gap + before.len();
            first -= 1;
        }
        let whole = first == 0 && last + 1 == secret.pieces.len();
        (whole || piece.alone).then_some(range)
    }
}

impl Head {
    fn new(tails: BTreeMap<Vec<u8>, Vec<Piece>>) -> Self {
        let (mut own, mut above): (Vec<Tail>, Vec<usize>) = (Vec::with_capacity(tails.len()), Vec::new());
        for (bytes, pieces) in tails {
            while above.last().and_then(|at| own.get(*at)).is_some_and(|tail| !bytes.starts_with(&tail.bytes))
            {
                above.pop();
            }
            let shorter = above.last().copied();
            above.push(own.len());
            own.push(Tail { bytes, pieces, shorter });
        }
        let longest = own.iter().map(|tail| tail.bytes.len()).max().unwrap_or_default();
        Self { tails: own, longest }
    }

    /// Those that go on as these bytes do, longest first.
    fn on(&self, rest: &[u8]) -> impl Iterator<Item = &Tail> {
        let rest = rest.get(..self.longest.min(rest.len())).unwrap_or_default();
        let nearest = self.tails.partition_point(|tail| tail.bytes.as_slice() <= rest).checked_sub(1);
        let all = std::iter::successors(nearest, |at| self.tails.get(*at)?.shorter);
        all.filter_map(|at| self.tails.get(at)).filter(|tail| rest.starts_with(&tail.bytes))
    }
}

/// Lines without their white space, long ones cut.
fn pieces(text: &[u8]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let start = begin + line.len() - line.trim_ascii_start().len();
        let end = start + line.trim_ascii().len();
        pieces.extend((start..end).step_by(PIECE).map(|at| at..end.min(at + PIECE)));
        begin += line.len() + 1;
    }
    let length: usize = pieces.iter().map(Range::len).sum();
    // Many tiny lines are found as one text, or not at all.
    if length >= SEARCHED && pieces.iter().all(|piece| piece.len() < SEARCHED) {
        let (first, last) =
            (pieces.first().map_or(0, |piece| piece.start), pieces.last().map_or(0, |piece| piece.end));
        return (first..last).step_by(PIECE).map(|at| at..last.min(at + PIECE)).collect();
    }
    pieces
}

/// Which pieces are searched for, and whether each counts alone.
fn searched(text: &[u8], pieces: &[Range<usize>]) -> Vec<(usize, bool)> {
    if let [one] = pieces {
        return if one.len() >= SEARCHED { vec![(0, true)] } else { Vec::new() };
    }
    // The frame of a key or a certificate is the same in all of them.
    let frame = |piece: &Range<usize>| text.get(piece.clone()).is_some_and(|text| text.starts_with(b"-----"));
    let own = |(_, piece): &(usize, &Range<usize>)| piece.len() >= LINE && !frame(piece);
    let alone: Vec<_> =
        pieces.iter().enumerate().filter(own).take(PIECES).map(|(at, _)| (at, true)).collect();
    if !alone.is_empty() {
        return alone;
    }
    let longest = pieces.iter().enumerate().max_by_key(|(_, piece)| piece.len());
    longest.filter(|(_, piece)| piece.len() >= SEARCHED).map(|(at, _)| (at, false)).into_iter().collect()
}

/// The same values held by more of them.
pub(super) fn hold(all: &mut BTreeMap<Vec<u8>, Holders>, value: Vec<u8>, holders: Holders) {
    let known = all.entry(value).or_default();
    *known = known.and(holders);
}
