//! What was fetched, on disk: by its digest, and by what pins it.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, syncfs, utimensat};
use tempfile::TempDir;

use crate::model::fault::Failure;
use crate::model::id::Digest;
use crate::render::compute;

/// What is not older than this may be in use: a job renders for ten minutes at most.
const FRESH: Duration = Duration::from_hours(1);
/// Bytes written before the store is looked through again.
const PORTION: u64 = 64 << 20;

/// A folder with five in it: `files`, `charts` and `trees` hold things by their digest, `sums` says how much a chart or a
/// tree is, `pins` which digest a pinned address had. Several programs may share it: everything appears whole, by a rename.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: Arc<PathBuf>,
    most: u64,
    /// Bytes written since the store was looked through.
    written: Arc<AtomicU64>,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file of manifests, by its SHA-256.
    File,
    /// An unpacked chart, by the SHA-256 of its archive's and its name.
    Chart,
    /// The files of a commit.
    Tree,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Chart => "charts",
            Self::Tree => "trees",
        }
    }
}

const KINDS: [&str; 5] = ["files", "charts", "trees", "pins", "sums"];

impl Store {
    /// The store in this folder, which is made if it is not there.
    pub(super) fn open(root: PathBuf, most: u64) -> Result<Self, Failure> {
        // What was fetched with credentials is for nobody else on this machine.
        let make = |name: &&str| fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join(name));
        KINDS.iter().chain(&["new"]).try_for_each(make).map_err(broken)?;
        let written = Arc::new(AtomicU64::new(PORTION));
        Ok(Self { root: Arc::new(root), most, written })
    }

    fn place(&self, kind: Kind, id: &str) -> PathBuf {
        self.root.join(kind.folder()).join(id)
    }

    /// Where a thing lies, if it is here and whole. It counts as used now. `id` is hexadecimal.
    pub(super) fn look(&self, kind: Kind, id: &str) -> Option<PathBuf> {
        let place = self.place(kind, id);
        // Used first, so that it is not forgotten while it is looked through.
        touch(&place).ok()?;
        self.is_whole(kind, id, &place).then_some(place)
    }

    /// A folder in which something is made that will be kept; removed if it is not.
    pub(super) fn scratch(&self) -> Result<TempDir, Failure> {
        TempDir::new_in(self.root.join("new")).map_err(broken)
    }

    /// Keeps a file by its digest.
    pub(super) async fn keep_file(&self, bytes: Vec<u8>) -> Result<(Digest, PathBuf), Failure> {
        let store = self.clone();
        compute(move || {
            let digest = Digest::of(&bytes);
            let scratch = store.scratch()?;
            let new = scratch.path().join("file");
            fs::write(&new, &bytes).map_err(broken)?;
            let place = store.keep(Kind::File, &digest.hex(), &new, bytes.len() as u64)?;
            Ok((digest, place))
        })
        .await?
    }

    /// Moves what lies at `new`, within a scratch folder, to its place. What is there already is the same, unless the disk
    /// lost some of it.
    pub(super) fn keep(&self, kind: Kind, id: &str, new: &Path, bytes: u64) -> Result<PathBuf, Failure> {
        let place = self.place(kind, id);
        self.settle(kind, id, new, &place).and_then(|()| touch(&place)).map_err(broken)?;
        if self.written.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) >= PORTION {
            self.written.store(0, Ordering::Relaxed);
            self.sweep().map_err(broken)?;
        }
        Ok(place)
    }

    fn settle(&self, kind: Kind, id: &str, new: &Path, place: &Path) -> io::Result<()> {
        if kind != Kind::File {
            // A digest that outlives a power loss must not name what did not: first the contents, then their name.
            syncfs(fs::File::open(new)?)?;
            let scratch = TempDir::new_in(self.root.join("new"))?;
            let sum = scratch.path().join("sum");
            fs::write(&sum, Sum::of(new)?.to_string())?;
            fs::rename(&sum, self.sum(kind, id))?;
        }
        let moved = fs::rename(new, place);
        match moved {
            Err(_) if self.is_whole(kind, id, place) => Ok(()),
            Err(_) if place.exists() => {
                let scratch = TempDir::new_in(self.root.join("new"))?;
                fs::rename(place, scratch.path().join("damaged"))?;
                fs::rename(new, place)
            }
            moved => moved,
        }
    }

    fn sum(&self, kind: Kind, id: &str) -> PathBuf {
        self.root.join("sums").join(format!("{}-{id}", kind.folder()))
    }

    /// Are all the files there that were kept, each as long as it was, as far as their sum tells?
    fn is_whole(&self, kind: Kind, id: &str, place: &Path) -> bool {
        if kind == Kind::File {
            return place.exists();
        }
        let sum = self.sum(kind, id);
        let told = fs::read_to_string(&sum);
        let whole = told.is_ok_and(|told| Sum::of(place).is_ok_and(|sum| sum.to_string() == told));
        // A sum is used as long as what it is of.
        whole && touch(&sum).is_ok()
    }

    /// The digest that a pinned address had.
    pub(super) fn pinned(&self, key: &str) -> Option<String> {
        let place = self.root.join("pins").join(Digest::of(key.as_bytes()).hex());
        let text = fs::read_to_string(&place).ok()?;
        touch(&place).ok()?;
        Some(text)
    }

    /// Notes which digest a pinned address has.
    pub(super) fn pin(&self, key: &str, digest: &str) -> Result<(), Failure> {
        let scratch = self.scratch()?;
        let new = scratch.path().join("pin");
        let place = self.root.join("pins").join(Digest::of(key.as_bytes()).hex());
        fs::write(&new, digest).and_then(|()| fs::rename(&new, place)).map_err(broken)
    }

    /// Forgets what was used longest ago, until what is left fits; never what may be in use.
    fn sweep(&self) -> io::Result<()> {
        // The clock of the disk, which is what the times of files are by.
        let now = tempfile::NamedTempFile::new_in(self.root.join("new"))?.as_file().metadata()?.modified()?;
        let mut all = Vec::new();
        for folder in KINDS.iter().chain(&["new"]) {
            for entry in fs::read_dir(self.root.join(folder))? {
                let path = entry?.path();
                let Ok(used) = path.symlink_metadata().and_then(|meta| meta.modified()) else { continue };
                let size = size(&path);
                all.push((used, size, path));
            }
        }
        let mut total: u64 = all.iter().map(|(_, size, _)| size).sum();
        all.sort();
        let old = |used: SystemTime| now.duration_since(used).is_ok_and(|age| age > FRESH);
        for (used, size, path) in all {
            if total <= self.most || !old(used) {
                break;
            }
            // Another program may have been first.
            let gone = self.forget(&path, old).unwrap_or(false);
            total = total.saturating_sub(if gone { size } else { 0 });
        }
        Ok(())
    }

    /// Takes a thing away at once and whole, then removes it: nobody finds half of it. One that was used meanwhile stays.
    fn forget(&self, path: &Path, old: impl Fn(SystemTime) -> bool) -> io::Result<bool> {
        let used = |path: &Path| path.symlink_metadata().and_then(|meta| meta.modified());
        if !old(used(path)?) {
            return Ok(false);
        }
        let scratch = TempDir::new_in(self.root.join("new"))?;
        let aside = scratch.path().join("gone");
        fs::rename(path, &aside)?;
        if !old(used(&aside)?) && fs::rename(&aside, path).is_ok() {
            return Ok(false);
        }
        scratch.close()?;
        Ok(true)
    }
}

/// How many files lie in a folder, and their bytes.
#[derive(Debug, Default)]
struct Sum {
    files: u64,
    bytes: u64,
}

impl Sum {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut sum = Self::default();
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // Of a link, its own.
                let meta = entry.metadata()?;
                if meta.is_dir() {
                    waiting.push(entry.path());
                } else {
                    sum.files += 1;
                    sum.bytes = sum.bytes.saturating_add(meta.len());
                }
            }
        }
        Ok(sum)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files of {} bytes", self.files, self.bytes)
    }
}

/// Bytes of a file or of all files in a folder; what vanishes meanwhile has none.
fn size(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum::<u64>().saturating_add(4096)
}

fn touch(path: &Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The disk failed us.
pub(super) fn broken(error: io::Error) -> Failure {
    Failure::ours("keep what was fetched", error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::{Kind, Store};

    #[tokio::test]
    async fn what_was_not_used_for_long_is_forgotten_first_and_what_is_used_never() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path().join("store"), 10_000).unwrap();
        let mut kept = Vec::new();
        for letter in [b'a', b'b', b'c'] {
            kept.push(store.keep_file(vec![letter; 4_000]).await.unwrap());
        }
        let age = |hours: u64, index: usize| {
            let file = fs::File::options().write(true).open(&kept[index].1).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - Duration::from_hours(hours)).unwrap();
        };
        store.sweep().unwrap();
        assert!(kept.iter().all(|(_, place)| place.exists()), "all of them may be in use");
        age(5, 0);
        age(9, 1);
        store.sweep().unwrap();
        let there: Vec<bool> = kept.iter().map(|(_, place)| place.exists()).collect();
        assert_eq!(there, [true, false, true], "the oldest went, and that was enough");
        assert!(store.look(Kind::File, &kept[1].0.hex()).is_none());
        age(5, 0);
        assert!(store.look(Kind::File, &kept[0].0.hex()).is_some(), "which is use");
        store.keep_file(vec![b'd'; 4_000]).await.unwrap();
        store.sweep().unwrap();
        assert!(kept[0].1.exists());
    }

    #[tokio::test]
    async fn what_is_used_while_it_is_forgotten_stays() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path().join("store"), 10_000).unwrap();
        let (_, place) = store.keep_file(b"a".to_vec()).await.unwrap();
        let asked = std::cell::Cell::new(0);
        let used_after = |times: u32| {
            asked.set(0);
            let asked = &asked;
            move |_| {
                asked.set(asked.get() + 1);
                asked.get() <= times
            }
        };
        for times in [0, 1] {
            assert!(!store.forget(&place, used_after(times)).unwrap());
            assert_eq!(fs::read(&place).unwrap(), b"a");
        }
        assert!(store.forget(&place, used_after(2)).unwrap());
        assert!(!place.exists());
        assert_eq!(fs::read_dir(root.path().join("store/new")).unwrap().count(), 0);
    }
}
