//! Keeps a text within its budget by leaving whole blocks out, never part of one.

/// Bytes of a comment: GitHub takes 65,536, and counts otherwise now and then.
pub(crate) const COMMENT: usize = 60_000;
/// Bytes of a check run's summary, and of its text.
pub(crate) const CHECK: usize = 65_535;

/// One object's part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// In full.
    pub full: String,
    /// Its first line alone.
    pub short: String,
}

/// What became of the blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fitted {
    /// What is shown, in the order given.
    pub shown: Vec<String>,
    /// Which are not shown in full, by index, ascending.
    pub rest: Vec<usize>,
    /// How many of them are not shown at all.
    pub left_out: usize,
}

impl Fitted {
    /// A block as it may at most be shown: one that has no room in full is only its first line.
    pub(crate) fn narrow(&self, index: usize, block: Block) -> Block {
        if self.rest.binary_search(&index).is_ok() {
            Block { full: block.short.clone(), ..block }
        } else {
            block
        }
    }
}

/// Takes as much as `budget` bytes hold: in full while there is room, then first lines, then nothing. What comes first
/// matters most; a block too large for its place does not keep smaller ones behind it out.
pub(crate) fn fit(blocks: &[Block], budget: usize) -> Fitted {
    let whole: usize = blocks.iter().map(|block| block.full.len() + 1).sum();
    let firsts: usize = blocks.iter().map(|block| block.short.len() + 1).sum();
    // Where not all fits, up to a third is kept for first lines: fifty diffs and no word on the rest help nobody.
    let for_full = if whole <= budget { budget } else { budget - firsts.min(budget / 3) };
    let mut used = 0;
    let mut take = |length: usize, limit: usize| {
        let fits = used + length < limit;
        if fits {
            used += length + 1;
        }
        fits
    };
    let full: Vec<bool> = blocks.iter().map(|block| take(block.full.len(), for_full + 1)).collect();
    let mut fitted = Fitted::default();
    for (index, (block, full)) in blocks.iter().zip(full).enumerate() {
        if full {
            fitted.shown.push(block.full.clone());
            continue;
        }
        fitted.rest.push(index);
        if take(block.short.len(), budget + 1) {
            fitted.shown.push(block.short.clone());
        } else {
            fitted.left_out += 1;
        }
    }
    fitted
}
