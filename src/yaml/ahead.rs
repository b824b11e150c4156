//! Reading a long text with several threads: its pieces do not know of one another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::fault::Fault;
use crate::yaml::build::{Spent, too_many};
use crate::yaml::cut::{Piece, Pieces};
use crate::yaml::read::Reader;
use crate::yaml::{Document, Limits};

/// Bytes of text that a thread takes at once.
const BATCH: usize = 256 << 10;

/// The most threads for one text: others are read at the same time.
const THREADS: usize = 4;

/// What a batch gave.
type Read<T> = Result<Vec<T>, Fault>;

/// What the threads share.
struct Shared<'t, T> {
    /// The pieces that nobody has taken, and how many batches were.
    left: Mutex<(Pieces<'t>, usize)>,
    /// What each batch gave.
    done: Mutex<Vec<(usize, Read<T>)>>,
    /// Did one of them fail?
    failed: AtomicBool,
}

/// Reads the pieces and makes each document into something else; gives this in order, and how many nodes there were.
///
/// Of several faults the first in the text is given. Batches are taken in order, so it was always met.
pub(super) fn each<T: Send>(
    pieces: Pieces<'_>,
    limits: Limits,
    make: impl Fn(Document) -> T + Sync,
) -> Result<(Vec<T>, usize), Fault> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (pieces.len() / (2 * BATCH)).clamp(1, cores.min(THREADS));
    let spent = Arc::new(Spent::default());
    let shared = Shared {
        left: Mutex::new((pieces, 0)),
        done: Mutex::new(Vec::new()),
        failed: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.work(Reader::new(&limits, Arc::clone(&spent)), &make));
        }
        shared.work(Reader::new(&limits, Arc::clone(&spent)), &make);
    });
    if threads > 1 && !spent.within(&limits) {
        // Which thread met the limit, and where, is chance.
        return Err(too_many());
    }
    let mut done = shared.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    let mut all = Vec::new();
    for (_, batch) in done {
        all.append(&mut batch?);
    }
    Ok((all, spent.nodes()))
}

impl<T: Send> Shared<'_, T> {
    /// Takes batches until there are none.
    fn work(&self, mut reader: Reader, make: &impl Fn(Document) -> T) {
        while !self.failed.load(Ordering::Relaxed) {
            let Some((index, batch)) = self.take() else { return };
            reader.begin();
            let read = batch.and_then(|pieces| {
                let documents = pieces.iter().filter_map(|piece| reader.document(piece).transpose());
                documents.map(|document| document.map(make)).collect::<Read<T>>()
            });
            if read.is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push((index, read));
        }
    }

    /// The next batch and its number; none at the end.
    fn take(&self) -> Option<(usize, Read<Piece<'_>>)> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (pieces, index) = &mut *left;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH {
            match pieces.next() {
                Ok(Some(piece)) => {
                    bytes += piece.text.len();
                    batch.push(piece);
                }
                Ok(None) if batch.is_empty() => return None,
                Ok(None) => break,
                Err(fault) if batch.is_empty() => {
                    pieces.end();
                    *index += 1;
                    return Some((*index, Err(fault)));
                }
                // What stands before it may be at fault first.
                Err(fault) => {
                    pieces.fail(fault);
                    break;
                }
            }
        }
        *index += 1;
        Some((*index, Ok(batch)))
    }
}
