//! The cache of mirrors kept within bounds: what nobody used for long goes, and the longest unused where it is too much.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::git::mirror::SCRATCH;
use crate::git::{Error, Git};
use crate::model::id::RepoId;

/// A mirror that was not fetched for so long is deleted.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// What a run that was cut off left behind is deleted after so long.
const LEFT: Duration = Duration::from_hours(6);

/// One mirror on the disk.
struct Kept {
    id: RepoId,
    dir: PathBuf,
    used: SystemTime,
    bytes: u64,
}

impl Git {
    /// Deletes mirrors that nobody fetched for 30 days, and then the longest unused until all together have at most
    /// `most` bytes. Mirrors in use, here or by another program, stay. Gives how many were deleted.
    pub(crate) async fn sweep(&self, now: Timestamp, most: u64) -> Result<usize, Error> {
        let git = self.clone();
        let ended = tokio::task::spawn_blocking(move || git.sweep_now(SystemTime::from(now), most)).await;
        ended.unwrap_or_else(|error| {
            Err(Error::io("cannot sweep", &self.inner.cache)(std::io::Error::other(error)))
        })
    }

    fn sweep_now(&self, now: SystemTime, most: u64) -> Result<usize, Error> {
        leftovers(&self.inner.cache, now).map_err(Error::io("cannot sweep", &self.inner.cache))?;
        let mut mirrors = mirrors(&self.inner.cache).map_err(Error::io("cannot sweep", &self.inner.cache))?;
        mirrors.sort_by_key(|mirror| mirror.used);
        let mut total: u64 = mirrors.iter().map(|mirror| mirror.bytes).sum();
        let mut deleted = 0;
        for mirror in mirrors {
            let old = now.duration_since(mirror.used).is_ok_and(|unused| unused > UNUSED);
            if (old || total > most) && self.delete(&mirror)? {
                total = total.saturating_sub(mirror.bytes);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Deletes a mirror unless somebody uses it.
    fn delete(&self, mirror: &Kept) -> Result<bool, Error> {
        let mut slots = self.inner.slots.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slots.get(&mirror.id).is_some_and(|slot| Arc::strong_count(slot) > 1) {
            return Ok(false);
        }
        let lock = mirror.dir.with_extension("lock");
        let file = std::fs::File::create(&lock).map_err(Error::io("cannot make", &lock))?;
        if file.try_lock().is_err() {
            return Ok(false);
        }
        let aside = mirror.dir.with_extension("old");
        let removed = std::fs::rename(&mirror.dir, &aside).and_then(|()| std::fs::remove_dir_all(&aside));
        removed.map_err(Error::io("cannot delete", &mirror.dir))?;
        slots.remove(&mirror.id);
        Ok(true)
    }
}

/// Deletes folders in which commits were prepared or mirrors made and discarded, when whoever did so died over it.
fn leftovers(cache: &Path, now: SystemTime) -> std::io::Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with(SCRATCH) || [".new", ".old"].iter().any(|end| name.ends_with(end));
        let facts = entry.metadata()?;
        let old = now.duration_since(facts.modified()?).is_ok_and(|age| age > LEFT);
        if ours && old && facts.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn mirrors(cache: &Path) -> std::io::Result<Vec<Kept>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(cache)? {
        let dir = entry?.path();
        let id = dir.file_name().and_then(|name| name.to_str()?.strip_suffix(".git")?.parse().ok());
        let Some(id) = id else { continue };
        let lock = std::fs::metadata(dir.with_extension("lock"));
        let used = lock.or_else(|_| std::fs::metadata(&dir))?.modified()?;
        found.push(Kept { id: RepoId(id), used, bytes: size(&dir), dir });
    }
    Ok(found)
}

/// Bytes of all files beneath; those that vanish meanwhile count nothing.
fn size(dir: &Path) -> u64 {
    let mut bytes = 0;
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(next) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => open.push(entry.path()),
                Ok(facts) => bytes += facts.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
