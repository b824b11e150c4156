//! Packed charts, unpacked so that nothing lands beside them.

use std::collections::HashSet;
use std::fs;
use std::hash::Hash;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Weak;

use flate2::read::MultiGzDecoder;

use crate::model::fault::Fault;
use crate::render::remote::Limits;
use crate::render::tree::shown;

/// Why an archive was not unpacked.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is not what a chart's archive may be.
    Fault(Fault),
    /// The disk failed us.
    Disk(io::Error),
}

/// Unpacks a `tar.gz` into a folder that is empty; gives the bytes of its files.
///
/// Nothing but files and folders is taken, each once and by a path within the folder. A link is refused whatever it leads
/// to: Helm's own archives have none. It ends early, with an error that nobody hears, once nobody waits for it.
pub(super) fn unpack(
    archive: &[u8],
    into: &Path,
    limits: &Limits,
    waiting: &Weak<()>,
) -> Result<u64, Broken> {
    // Headers count too, and padding: what comes out of the decoder is what costs.
    let room = limits.unpacked.saturating_add(2048 * limits.entries as u64);
    let mut tar = tar::Archive::new(Bounded { inner: MultiGzDecoder::new(archive), left: room, waiting });
    let (mut total, mut count) = (0_u64, 0_usize);
    let (mut seen, mut above) = (HashSet::new(), HashSet::new());
    for entry in tar.entries().map_err(unclear)? {
        let mut entry = entry.map_err(unclear)?;
        count += 1;
        if count > limits.entries {
            return Err(many(limits));
        }
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        let path = within(&path)?;
        folders(&path, &mut above);
        if seen.len().saturating_add(above.len()) > limits.entries {
            return Err(many(limits));
        }
        if kind.is_dir() {
            above.insert(path.clone());
            fs::create_dir_all(into.join(&path)).map_err(|error| clash(error, &path))?;
        } else if kind.is_file() || kind.is_contiguous() {
            if !seen.insert(path.clone()) {
                return Err(fault(format!("it holds `{}` twice", name(&path))));
            }
            let place = into.join(&path);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(|error| clash(error, &path))?;
            }
            let mut file = fs::File::create_new(&place).map_err(|error| clash(error, &path))?;
            let left = limits.unpacked.saturating_sub(total);
            total = total.saturating_add(copy(&mut entry, &mut file, left)?);
        } else {
            let message = format!("it holds `{}`, which is neither a file nor a folder", name(&path));
            return Err(fault(message));
        }
    }
    if count == 0 {
        return Err(fault("it is empty".to_owned()));
    }
    Ok(total)
}

/// Has it more parts, or more bytes, than anybody's files need?
pub(super) fn is_deep(path: &Path) -> bool {
    path.as_os_str().len() > 1_024 || path.components().count() > 64
}

/// Notes the folders that a path lies in. Those of a folder that is known are known.
pub(super) fn folders<'a, P: From<&'a Path> + Eq + Hash>(path: &'a Path, known: &mut HashSet<P>) {
    let above = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in above {
        if !known.insert(folder.into()) {
            return;
        }
    }
}

fn many(limits: &Limits) -> Broken {
    fault(format!("it holds more than {} files", limits.entries))
}

/// A path of an archive, if it leads to somewhere within.
fn within(path: &[u8]) -> Result<PathBuf, Broken> {
    let bad = || {
        fault(format!("it holds a file that would land outside: `{}`", shown(&String::from_utf8_lossy(path))))
    };
    let text = std::str::from_utf8(path).map_err(|_| bad())?;
    let mut clean = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(bad()),
        }
    }
    // A backslash parts folders elsewhere, and control characters have no business in a name.
    if clean.as_os_str().is_empty() || text.contains(['\\', '\0']) || text.contains(char::is_control) {
        return Err(bad());
    }
    if is_deep(&clean) {
        return Err(fault("it holds a path that is too long or too deep".to_owned()));
    }
    Ok(clean)
}

fn copy(entry: &mut impl Read, file: &mut fs::File, left: u64) -> Result<u64, Broken> {
    let mut buffer = vec![0; 64 << 10];
    let mut copied = 0_u64;
    loop {
        let count = entry.read(&mut buffer).map_err(unclear)?;
        if count == 0 {
            return Ok(copied);
        }
        copied += count as u64;
        if copied > left {
            return Err(large());
        }
        io::Write::write_all(file, buffer.get(..count).unwrap_or_default()).map_err(Broken::Disk)?;
    }
}

/// A reader that fails, rather than ends, when too much comes: an end would look like a broken archive.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    waiting: &'a Weak<()>,
}

/// Marks the failure of [`Bounded`].
#[derive(Debug)]
struct TooLarge;

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too large")
    }
}

impl std::error::Error for TooLarge {}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.waiting.strong_count() == 0 {
            return Err(io::Error::other("nobody waits for it"));
        }
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(TooLarge))?;
        Ok(count)
    }
}

fn unclear(error: impl std::error::Error + 'static) -> Broken {
    if too_large(&error) { large() } else { fault("it is no tar.gz archive".to_owned()) }
}

/// Is the mark in there? The reader of archives wraps what the reader beneath it said.
fn too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<TooLarge>()
        || inner.is_some_and(|inner| too_large(inner))
        || error.source().is_some_and(too_large)
}

fn large() -> Broken {
    Broken::Fault(Fault::new("it unpacks to too much").hint("a chart holds templates and values, no data"))
}

fn clash(error: io::Error, path: &Path) -> Broken {
    if is_clash(&error) {
        fault(format!("it holds `{}` in two ways", name(path)))
    } else {
        Broken::Disk(error)
    }
}

/// Does something else lie there, or can nothing lie there?
pub(super) fn is_clash(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, IsADirectory, NotADirectory};
    [AlreadyExists, InvalidFilename, IsADirectory, NotADirectory].contains(&error.kind())
}

fn name(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

fn fault(message: String) -> Broken {
    Broken::Fault(Fault::new(message).hint("have it packed anew by `helm package`"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::unpack;
    use crate::render::remote::Limits;

    #[test]
    fn nothing_is_unpacked_that_nobody_waits_for() {
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        tar.append_data(&mut header, "web/a", &b"x"[..]).unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let into = tempfile::tempdir().unwrap();
        unpack(&archive, into.path(), &Limits::default(), &Weak::new()).unwrap_err();
        assert!(!into.path().join("web").exists());
        let waits = Arc::new(());
        unpack(&archive, into.path(), &Limits::default(), &Arc::downgrade(&waits)).unwrap();
        assert!(into.path().join("web/a").exists());
    }
}
