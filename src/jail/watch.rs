//! The scratch folder, watched: a limit of one file's size does not bound the disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use crate::jail::Scratch;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Ends when the folder holds too much, with the bytes that it may hold; never without a folder.
pub(super) async fn full(scratch: Option<&Scratch>) -> u64 {
    let Some(scratch) = scratch else { return std::future::pending().await };
    loop {
        tokio::time::sleep(PERIOD).await;
        if over(scratch).await {
            return scratch.bytes;
        }
    }
}

/// Does the folder hold more than it may?
pub(super) async fn over(scratch: &Scratch) -> bool {
    let scratch = scratch.clone();
    // A thread that dies has seen nothing; the next look does.
    tokio::task::spawn_blocking(move || exceeds(&scratch)).await.unwrap_or(false)
}

fn exceeds(scratch: &Scratch) -> bool {
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut waiting = vec![scratch.folder.clone()];
    while let Some(folder) = waiting.pop() {
        // What cannot be listed any more is gone.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // Not followed: what a link leads to is not in here.
            let Ok(meta) = entry.metadata() else { continue };
            entries += 1;
            // What is on the disk, in the unit of `stat`: a file may have holes.
            bytes = bytes.saturating_add(meta.blocks().saturating_mul(512));
            if bytes > scratch.bytes || entries > scratch.entries {
                return true;
            }
            if meta.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    false
}
