//! A tree as files in a folder, written by us: no checkout, so no filter, no hook and no attribute of the repository's has
//! a say, and no name in it leads anywhere but into the folder.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::git::batch::portions;
use crate::git::error::Error;
use crate::git::objects::{Entry, EntryKind, Objects};
use crate::model::fault::Fault;
use crate::model::id::Sha;

/// What a file in Git LFS looks like in the repository.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// The longest path that is written, in bytes: every look at it costs each of its parts.
const PATH: usize = 1_024;
/// The most parts of one.
const PARTS: usize = 64;

/// How much is written at most; more is the author's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Files, symbolic links among them.
    pub files: usize,
    /// Bytes in all.
    pub bytes: usize,
    /// Bytes of one file.
    pub file: usize,
}

/// 100,000 files, 1 GiB, 64 MiB for one.
impl Default for Limits {
    fn default() -> Self {
        Self { files: 100_000, bytes: 1 << 30, file: 64 << 20 }
    }
}

/// What was written, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Materialised {
    /// How many files.
    pub files: usize,
    /// How many bytes.
    pub bytes: usize,
    /// Symbolic links that were left out because they lead out of the repository, or might.
    pub links: Vec<String>,
    /// Submodules: their folders are missing.
    pub submodules: Vec<String>,
    /// Files that were written and are Git LFS pointers.
    pub pointers: Vec<String>,
    /// Names that are not UTF-8, left out.
    pub foreign: Vec<String>,
}

impl Objects {
    /// Writes the files of a tree whose paths `keep` wants to `into`, an empty folder. Missing blobs are fetched in one
    /// request. A path that could lead elsewhere is the author's fault.
    pub(crate) async fn materialise(
        &self,
        tree: &Sha,
        into: &Path,
        keep: &(dyn Fn(&str) -> bool + Sync),
        limits: &Limits,
    ) -> Result<Materialised, Error> {
        let entries = self.list(tree).await?.into_iter().filter(|entry| keep(&entry.path)).collect();
        let (mut done, places) = sort(entries)?;
        let sizes = self.measured(&places, limits).await?;
        let mut links = Vec::new();
        for portion in portions(&sizes) {
            let mut files = Vec::new();
            for (blob, content) in self.portion(&portion).await? {
                for entry in places.get(&blob).into_iter().flatten() {
                    let list = if entry.kind == EntryKind::Symlink { &mut links } else { &mut files };
                    list.push((entry.path.clone(), content.clone()));
                }
            }
            done.note(&files);
            write(into, files, put).await?;
        }
        // Links come last, so that no file is ever written through one.
        let (inside, outside): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|(path, to)| stays_inside(path, to));
        done.links.extend(outside.into_iter().map(|(path, _)| path));
        done.files += inside.len();
        write(into, done.missing(), leave).await?;
        write(into, inside, link).await?;
        Ok(done)
    }

    /// The contents of these entries by path; only for a few, since they are all in memory at once.
    pub(crate) async fn contents(
        &self,
        entries: Vec<Entry>,
        limits: &Limits,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut places: Places = BTreeMap::new();
        for entry in entries {
            places.entry(entry.blob.clone()).or_default().push(entry);
        }
        let sizes = self.measured(&places, limits).await?;
        let mut contents = BTreeMap::new();
        for portion in portions(&sizes) {
            for (blob, content) in self.portion(&portion).await? {
                for entry in places.get(&blob).into_iter().flatten() {
                    contents.insert(entry.path.clone(), content.clone());
                }
            }
        }
        Ok(contents)
    }

    /// The sizes of all blobs, if they are within the limits.
    async fn measured(&self, places: &Places, limits: &Limits) -> Result<BTreeMap<Sha, usize>, Error> {
        let files: usize = places.values().map(Vec::len).sum();
        if files > limits.files {
            return Err(author(format!("{files} files are needed, and at most {} are taken", limits.files)));
        }
        let folders = depth(places, limits.files);
        if folders > limits.files {
            return Err(author(format!("the files lie in more than {} folders", limits.files)));
        }
        let sizes = self.sizes(&places.keys().cloned().collect::<BTreeSet<_>>()).await?;
        let mut total = 0_usize;
        for (blob, size) in &sizes {
            let entries = places.get(blob).map(Vec::as_slice).unwrap_or_default();
            if let Some(entry) = entries.first().filter(|_| *size > limits.file) {
                let fault =
                    Fault::new(format!("{size} bytes are more than the {} that are read", limits.file));
                return Err(Error::Author(fault.file(entry.path.clone())));
            }
            total = total.saturating_add(size.saturating_mul(entries.len()));
        }
        if total > limits.bytes {
            return Err(author(format!("{total} bytes are needed, and at most {} are taken", limits.bytes)));
        }
        Ok(sizes)
    }
}

/// In how many folders these lie; counted no further than just above `most`. Few objects can be many folders.
fn depth(places: &Places, most: usize) -> usize {
    let mut folders: HashSet<&str> = HashSet::new();
    for path in places.values().flatten().map(|entry| entry.path.as_str()) {
        let above = path.rmatch_indices('/').filter_map(|(at, _)| path.get(..at));
        for folder in above {
            // What is above a known one is known.
            if !folders.insert(folder) {
                break;
            }
        }
        if folders.len() > most {
            break;
        }
    }
    folders.len()
}

/// Which entries share a blob.
type Places = BTreeMap<Sha, Vec<Entry>>;

/// What is to be written, by blob, and what is not.
fn sort(entries: Vec<Entry>) -> Result<(Materialised, Places), Error> {
    if let Some(path) = beneath(&entries) {
        let fault = Fault::new(format!("the path {path:?} lies beneath what is no folder"));
        return Err(Error::Author(fault.hint("make the commit with an ordinary Git client")));
    }
    let mut done = Materialised::default();
    let mut places: Places = BTreeMap::new();
    for entry in entries {
        if let Some(why) = danger(&entry.path) {
            let fault = Fault::new(format!("the path {:?} cannot be used: {why}", entry.path));
            return Err(Error::Author(
                fault.hint("rename it, or make the commit with an ordinary Git client"),
            ));
        }
        match entry.kind {
            EntryKind::File | EntryKind::Executable | EntryKind::Symlink => {
                places.entry(entry.blob.clone()).or_default().push(entry);
            }
            EntryKind::Submodule => done.submodules.push(entry.path),
            EntryKind::Foreign => done.foreign.push(entry.path),
        }
    }
    Ok((done, places))
}

/// The first path that goes through another entry. A folder has no entry of its own, so only trees made by hand have
/// such paths, and where the other one is a link they would be written wherever it leads.
fn beneath(entries: &[Entry]) -> Option<&str> {
    let paths: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let through = |path: &&str| {
        path.match_indices('/').any(|(at, _)| path.get(..at).is_some_and(|above| paths.contains(above)))
    };
    entries.iter().map(|entry| entry.path.as_str()).find(through)
}

impl Materialised {
    /// What was left out, so that the folders around it are made: a folder of which everything was left out is there.
    fn missing(&self) -> Vec<(String, Vec<u8>)> {
        // The first part of a name that is no text is where it is cut: what is above it is there.
        let known = |path: &String| path.split_inclusive('\u{fffd}').next().unwrap_or_default().to_owned();
        let foreign = self.foreign.iter().map(known);
        let all = self.links.iter().chain(&self.submodules).cloned().chain(foreign);
        all.map(|path| (path, Vec::new())).collect()
    }

    fn note(&mut self, files: &[(String, Vec<u8>)]) {
        self.files += files.len();
        for (path, content) in files {
            self.bytes += content.len();
            if content.starts_with(POINTER) && content.len() < 1_024 {
                self.pointers.push(path.clone());
            }
        }
    }
}

/// Why a path of a tree must not be written, if it must not. Trees can be made by hand, and hold anything.
pub(super) fn danger(path: &str) -> Option<&'static str> {
    if path.contains('\0') {
        return Some("it holds a NUL");
    }
    if path.len() > PATH {
        return Some("it is longer than 1,024 bytes");
    }
    if path.split('/').count() > PARTS {
        return Some("it is deeper than 64 folders");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("it leads elsewhere"),
        _ if part.len() > 255 => Some("a part of it is longer than 255 bytes"),
        _ if is_git(part) => Some(".git belongs to Git"),
        _ => None,
    })
}

/// Would some file system take this for `.git`? Case, trailing dots and blanks, streams, the short name of old Windows,
/// and characters that macOS ignores.
fn is_git(part: &str) -> bool {
    let ignored = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let seen: String = part.chars().filter(|c| !ignored(c)).collect::<String>().to_lowercase();
    let seen = seen.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']);
    matches!(seen, ".git" | "git~1")
}

/// Does a link lead to a place inside, whatever else is a link? Only `../` at its beginning and plain names after that are
/// taken: each name leads into what lies inside already, and a `..` behind a name could leave through another link.
fn stays_inside(path: &str, to: &[u8]) -> bool {
    let Ok(to) = std::str::from_utf8(to) else { return false };
    if to.is_empty() || to.len() > 4_095 || to.starts_with('/') || to.contains('\0') {
        return false;
    }
    let up =
        to.split('/').take_while(|part| matches!(*part, "." | "..")).filter(|part| *part == "..").count();
    let plain = to
        .split('/')
        .skip_while(|part| matches!(*part, "." | ".."))
        .all(|part| part != ".." && !is_git(part));
    plain && up <= path.matches('/').count()
}

/// Writes each, off the threads that wait for the world.
async fn write(
    into: &Path,
    files: Vec<(String, Vec<u8>)>,
    put: fn(&Path, &[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    let into = into.to_owned();
    let waiter = Waiter::default();
    let gone = Arc::clone(&waiter.gone);
    let work = move || {
        let mut made: BTreeSet<PathBuf> = BTreeSet::new();
        for (path, content) in files {
            if gone.load(Ordering::Acquire) {
                return Ok(());
            }
            let target = into.join(&path);
            let result = match target.parent() {
                Some(parent) if made.insert(parent.to_owned()) => folders(parent),
                _ => Ok(()),
            };
            result.and_then(|()| put(&target, &content)).map_err(|error| refused(path, error))?;
        }
        Ok(())
    };
    let ended = tokio::task::spawn_blocking(work).await;
    drop(waiter);
    ended.unwrap_or_else(|error| {
        Err(Error::io("cannot write to", "a scratch folder")(io::Error::other(error)))
    })
}

/// Says to a thread, by being dropped, that nobody waits for it any more: then the folder that it writes to goes away.
#[derive(Default)]
struct Waiter {
    gone: Arc<AtomicBool>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

/// A name that is there already, or a file where a folder should be, comes from a tree made by hand.
fn refused(path: String, error: io::Error) -> Error {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, IsADirectory, NotADirectory};
    if matches!(error.kind(), AlreadyExists | NotADirectory | IsADirectory | InvalidFilename) {
        author(format!("the path {path:?} cannot be written beside the others: {error}"))
    } else {
        Error::io("cannot write", path)(error)
    }
}

/// Makes a folder and those above it that are missing. Like files they can be read by everybody who may enter the folder
/// that all of it lies in, whatever our own mask of modes is: renderers are another user.
fn folders(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            folders(path.parent().ok_or(error)?)?;
            folders(path)
        }
        Err(error) => Err(error),
    }
}

/// Writes a new file; an existing one, or a link, is an error.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(content)
}

/// Writes nothing.
#[expect(clippy::unnecessary_wraps, reason = "it stands where others write")]
fn leave(_: &Path, _: &[u8]) -> io::Result<()> {
    Ok(())
}

fn link(path: &Path, to: &[u8]) -> io::Result<()> {
    let to = std::str::from_utf8(to).map_err(io::Error::other)?;
    std::os::unix::fs::symlink(to, path)
}

fn author(message: String) -> Error {
    Error::Author(Fault::new(message))
}
