//! What apps rendered to, kept on disk by what went in: the same inputs are rendered once, by whichever pull request first.
//!
//! An entry is a file named by its [`Digest`] key, which covers everything that rendering depends on, so an entry is never
//! wrong and never updated; it is only let go. The folder is bounded: beyond its size the entries used longest ago go first.
//! It holds rendered Secrets in clear, as the Git mirrors beside it do: folder and files are for the server's user alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::model::fault::Failure;
use crate::model::id::Digest;
use crate::render::document::Part;

/// What drafts are called until they are whole; what a crash leaves of them is cleared away.
const DRAFT: &str = ".draft-";
/// How long a draft is somebody's.
const DRAFT_AGE: std::time::Duration = std::time::Duration::from_hours(1);

/// A folder of rendered apps; copies are the same cache.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Bytes that are kept at most.
    most: u64,
    /// Bytes that are kept, as far as this process knows.
    held: AtomicU64,
    /// Only one clears at a time.
    clearing: Mutex<()>,
    /// Of a cache that is kept for one run only.
    _temporary: Option<TempDir>,
}

impl Cache {
    /// The cache in a folder, which is made if it is absent.
    pub(crate) fn open(folder: &Path, most: u64) -> Result<Self, Failure> {
        Self::at(folder.to_owned(), most, None)
            .map_err(|error| Failure::ours("the folder of rendered apps could not be opened", error))
    }

    /// A cache for one run, gone with its last copy.
    pub(crate) fn temporary(most: u64) -> Result<Self, Failure> {
        let made = tempfile::Builder::new().prefix("tidegate-rendered-").tempdir();
        let made = made.and_then(|folder| Self::at(folder.path().to_owned(), most, Some(folder)));
        made.map_err(|error| Failure::ours("a folder for rendered apps could not be made", error))
    }

    fn at(folder: PathBuf, most: u64, temporary: Option<TempDir>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let held = entries(&folder)?.iter().map(|entry| entry.bytes).sum();
        let clearing = Mutex::new(());
        let inner = Inner { folder, most, held: AtomicU64::new(held), clearing, _temporary: temporary };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What was rendered from these inputs before. An entry that cannot be read is none: it is made anew.
    pub(super) fn get(&self, key: &Digest) -> Option<Part> {
        let path = self.path(key);
        let bytes = fs::read(&path).ok()?;
        let whole =
            bytes.split_at_checked(SUM).filter(|(sum, body)| Digest::of(body).hex().as_bytes() == *sum);
        let Some(part) = whole.and_then(|(_, body)| serde_json::from_slice(body).ok()) else {
            // Cut short by a crash of the machine.
            drop(fs::remove_file(&path));
            return None;
        };
        // When it was last used; that it could not be noted only makes it go earlier.
        drop(fs::File::open(&path).and_then(|file| file.set_modified(now())));
        Some(part)
    }

    /// Keeps what was rendered. That it could not be kept is no fault of the app's: it will be rendered again.
    pub(super) fn put(&self, key: &Digest, part: &Part) {
        match self.write(key, part) {
            Ok(bytes) => {
                let held = self.inner.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
                if held > self.inner.most {
                    self.clear();
                }
            }
            Err(error) => tracing::warn!(%error, "what an app rendered to could not be kept"),
        }
    }

    fn write(&self, key: &Digest, part: &Part) -> io::Result<u64> {
        let body = serde_json::to_vec(part)?;
        let bytes = u64::try_from(body.len() + SUM).unwrap_or(u64::MAX);
        // What would push everything else out is not worth it.
        if bytes > self.inner.most / 4 {
            return Ok(0);
        }
        let mut draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.inner.folder)?;
        draft.write_all(Digest::of(&body).hex().as_bytes())?;
        draft.write_all(&body)?;
        let path = self.path(key);
        let known = path.exists();
        draft.persist(path)?;
        Ok(if known { 0 } else { bytes })
    }

    /// Lets entries go, those used longest ago first, until a tenth is free.
    fn clear(&self) {
        let Ok(_one) = self.inner.clearing.try_lock() else { return };
        let Ok(mut entries) = entries(&self.inner.folder) else { return };
        entries.sort_by_key(|entry| entry.used);
        let mut held: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            let stale = entry.draft && now().duration_since(entry.used).is_ok_and(|age| age > DRAFT_AGE);
            if stale || (!entry.draft && held > self.inner.most / 10 * 9) {
                // Another process may have been first.
                drop(fs::remove_file(&entry.path));
                held = held.saturating_sub(entry.bytes);
            }
        }
        self.inner.held.store(held, Ordering::Relaxed);
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.inner.folder.join(key.hex())
    }
}

/// The time by which files are told apart that were used lately from those that were not; it decides nothing else.
#[expect(clippy::disallowed_methods, reason = "files' own times are the machine's")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// How many bytes the sum before an entry's body has.
const SUM: usize = 64;

/// A file of the cache.
struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
    draft: bool,
}

fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // It may have gone in the meantime.
        let Ok(meta) = entry.metadata() else { continue };
        let draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
        let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        found.push(Entry { path: entry.path(), bytes: meta.len(), used, draft });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use serde_json::json;

    use super::{Cache, DRAFT, now};
    use crate::model::id::Digest;
    use crate::model::object::Origin;
    use crate::render::document::{Part, Piece};

    fn part(text: &str) -> Part {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": text, "a": 9_007_199_254_740_993_u64}});
        let piece = Piece {
            body,
            origin: Origin { app: "a".to_owned(), ..Origin::default() },
            hook: true,
            volatile: vec!["/data/a".to_owned()],
        };
        Part {
            app: "a".to_owned(),
            pieces: vec![piece],
            warnings: vec!["careful".to_owned()],
            ..Part::default()
        }
    }

    fn key(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn what_is_kept_is_given_back_as_it_was_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(cache.get(&key("x")), None);
        cache.put(&key("x"), &part("x"));
        assert_eq!(cache.get(&key("x")), Some(part("x")));
        let order: Vec<String> = cache.get(&key("x")).unwrap().pieces[0].body["data"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(order, ["b", "a"], "keys keep their order");
        drop(cache);
        assert_eq!(Cache::open(folder.path(), 1 << 20).unwrap().get(&key("x")), Some(part("x")));
    }

    #[test]
    fn an_entry_that_is_not_whole_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 1 << 20).unwrap();
        for (at, to) in [(70, b'#'), (3, b'x')] {
            cache.put(&key("x"), &part("x"));
            let path = cache.path(&key("x"));
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] = to;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(cache.get(&key("x")), None);
            assert!(!path.exists());
        }
        cache.put(&key("x"), &part("x"));
        fs::write(cache.path(&key("x")), b"").unwrap();
        assert_eq!(cache.get(&key("x")), None);
    }

    #[test]
    fn beyond_its_size_what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let one = u64::try_from(serde_json::to_vec(&part("0")).unwrap().len() + 64).unwrap();
        let cache = Cache::open(folder.path(), one * 10).unwrap();
        for index in 0..10_u64 {
            cache.put(&key(&index.to_string()), &part(&index.to_string()));
            let used = now() - Duration::from_secs(1_000 - index);
            let file = fs::File::open(cache.path(&key(&index.to_string()))).unwrap();
            file.set_modified(used).unwrap();
        }
        let old = folder.path().join(format!("{DRAFT}old"));
        fs::write(&old, "half").unwrap();
        fs::File::open(&old).unwrap().set_modified(now() - Duration::from_hours(5)).unwrap();
        assert!(cache.get(&key("0")).is_some(), "used just now");
        cache.put(&key("new"), &part("n"));
        let left = |name: &str| cache.path(&key(name)).exists();
        assert!(left("0") && left("9") && left("new") && !left("1") && !left("2"), "{:?}", folder.path());
        assert!(!old.exists(), "a draft that nobody writes any more");
        cache.put(&key("large"), &part(&"x".repeat(1 << 12)));
        assert!(!left("large") && left("9"), "nothing pushes all others out");
    }

    #[test]
    fn others_may_not_look_into_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let cache = Cache::open(&folder, 1 << 20).unwrap();
        cache.put(&key("x"), &part("x"));
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&cache.path(&key("x")))), (0o700, 0o600));
        let kept = Cache::temporary(1 << 20).unwrap();
        let path = kept.inner.folder.clone();
        kept.clone().put(&key("x"), &part("x"));
        drop(kept);
        assert!(!path.exists());
    }
}
