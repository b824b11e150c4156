//! Many blobs at once: what is missing fetched in one request, then read in answers of bounded size.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::call::{Call, Reach};
use crate::git::error::{Error, Lost};
use crate::git::objects::Objects;
use crate::model::fault::Fault;
use crate::model::id::Sha;

/// Bytes that are read in one go; a larger blob is read alone.
const PORTION: usize = 8 << 20;

impl Objects {
    /// The sizes of these blobs, after those that are not here were fetched in one request.
    pub(super) async fn sizes(&self, blobs: &BTreeSet<Sha>) -> Result<BTreeMap<Sha, usize>, Error> {
        let (mut sizes, missing) = self.weigh(blobs).await?;
        if missing.is_empty() {
            return Ok(sizes);
        }
        if self.reach() == Reach::Origin {
            self.fetch(&missing).await?;
            let (fetched, still) = self.weigh(&missing).await?;
            sizes.extend(fetched);
            if still.is_empty() {
                return Ok(sizes);
            }
        }
        let said = format!("{} files of the repository are not here", missing.len());
        Err(Error::Gone { doing: "read files", lost: Lost::Object, said })
    }

    async fn weigh(&self, blobs: &BTreeSet<Sha>) -> Result<(BTreeMap<Sha, usize>, BTreeSet<Sha>), Error> {
        let doing = "look for files";
        let call = Call::new(doing, ["cat-file", "--batch-check", "--buffer"]).stdin(lines(blobs));
        let out = self.succeed(&call).await?;
        let (mut sizes, mut missing) = (BTreeMap::new(), BTreeSet::new());
        for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let text = std::str::from_utf8(line).map_err(|_| Error::odd(doing, line))?;
            let mut words = text.split(' ');
            let sha: Sha =
                words.next().and_then(|sha| sha.parse().ok()).ok_or_else(|| Error::odd(doing, line))?;
            match (words.next(), words.next().and_then(|size| size.parse().ok())) {
                (Some("blob"), Some(size)) => drop(sizes.insert(sha, size)),
                (Some("missing"), _) => drop(missing.insert(sha)),
                _ => {
                    let why = format!("the repository is damaged: {text:?} should be a file");
                    return Err(Error::Author(Fault::new(why)));
                }
            }
        }
        Ok((sizes, missing))
    }

    /// Fetches exactly these blobs, without negotiating over history.
    async fn fetch(&self, blobs: &BTreeSet<Sha>) -> Result<(), Error> {
        let args = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            "origin",
        ];
        let call = Call::new("fetch files", args).stdin(lines(blobs)).reaching(Reach::Origin);
        self.succeed(&call).await.map(drop)
    }

    /// Reads a portion of blobs.
    pub(super) async fn portion(&self, portion: &Portion) -> Result<Vec<(Sha, Vec<u8>)>, Error> {
        let doing = "read files";
        let frame = portion.blobs.len().saturating_mul(128);
        let call = Call::new(doing, ["cat-file", "--batch", "--buffer"])
            .stdin(lines(&portion.blobs))
            .most(portion.bytes.saturating_add(frame));
        let out = self.succeed(&call).await?;
        let mut rest = out.as_slice();
        let mut read = Vec::with_capacity(portion.blobs.len());
        for blob in &portion.blobs {
            let (content, after) = one(rest, blob).ok_or_else(|| Error::odd(doing, rest))?;
            read.push((blob.clone(), content.to_vec()));
            rest = after;
        }
        Ok(read)
    }
}

/// Blobs that are read in one go.
#[derive(Debug, Default)]
pub(super) struct Portion {
    blobs: BTreeSet<Sha>,
    bytes: usize,
}

/// Blobs of these sizes in portions that fit into memory.
pub(super) fn portions(sizes: &BTreeMap<Sha, usize>) -> Vec<Portion> {
    let mut portions = Vec::new();
    let mut portion = Portion::default();
    for (sha, size) in sizes {
        if !portion.blobs.is_empty() && portion.bytes.saturating_add(*size) > PORTION {
            portions.push(std::mem::take(&mut portion));
        }
        portion.blobs.insert(sha.clone());
        portion.bytes = portion.bytes.saturating_add(*size);
    }
    if !portion.blobs.is_empty() {
        portions.push(portion);
    }
    portions
}

/// `<id> blob <size>\n<content>\n`: the content, and what follows.
fn one<'b>(bytes: &'b [u8], blob: &Sha) -> Option<(&'b [u8], &'b [u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let size: usize = head.strip_prefix(blob.as_str())?.strip_prefix(" blob ")?.parse().ok()?;
    let begin = end.checked_add(1)?;
    let stop = begin.checked_add(size)?;
    (bytes.get(stop) == Some(&b'\n')).then_some(())?;
    Some((bytes.get(begin..stop)?, bytes.get(stop.checked_add(1)?..)?))
}

fn lines(blobs: &BTreeSet<Sha>) -> Vec<u8> {
    let mut text = String::with_capacity(blobs.len() * 41);
    for blob in blobs {
        text.push_str(blob.as_str());
        text.push('\n');
    }
    text.into_bytes()
}
