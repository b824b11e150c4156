//! The files of a commit, written out by us: no filter, no attribute, no submodule.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::model::fault::Failure;
use crate::process;
use crate::render::compute;
use crate::render::remote::archive::{folders, is_clash, is_deep};
use crate::render::remote::git::Git;
use crate::render::remote::store::broken;

/// Bytes of git's list of a commit's files.
const LIST: usize = 16 << 20;

/// One file of the commit.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    kind: Kind,
    id: String,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Program,
    Link,
}

/// Writes all files of a commit into a new folder; gives their bytes.
///
/// A symbolic link that leads out of the repository is left out, and so are submodules: who names them is told that there is
/// nothing. The folder lies in `scratch`.
pub(super) async fn write(
    git: &Git<'_>,
    commit: &str,
    into: &Path,
    scratch: &Arc<TempDir>,
) -> Result<u64, Failure> {
    let entries = list(git, commit).await?;
    let total = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    if total > git.limits().unpacked {
        return Err(git.large());
    }
    fs::create_dir(into).map_err(broken)?;
    let ids: String = entries.iter().flat_map(|entry| [entry.id.as_str(), "\n"]).collect();
    let mut links = BTreeMap::new();
    let mut writer =
        Writer { into, entries: entries.iter(), links: &mut links, state: State::Header(Vec::new()) };
    let mut program =
        git.program(vec!["cat-file".into(), "--batch".into(), "--buffer".into()], false).stdin(ids);
    program.limits.stdout = usize::try_from(total).unwrap_or(usize::MAX).saturating_add(entries.len() * 128);
    let mut odd = false;
    let mut take = |chunk: &[u8]| {
        writer.take(chunk).inspect_err(|error| odd |= error.kind() == io::ErrorKind::InvalidData)
    };
    let ended = process::run_to(&program, &mut take, std::future::pending::<Infallible>()).await;
    match ended {
        Ok(Ok(output)) if output.success() && writer.done() => {}
        Ok(_) => return Err(git.damaged()),
        Err(_) if odd => return Err(git.damaged()),
        Err(error) => return Err(git.ended(error)),
    }
    let (root, scratch) = (into.to_owned(), Arc::clone(scratch));
    let linked = compute(move || {
        let _scratch = scratch;
        link(&root, &links)
    });
    linked.await?.map_err(broken)?;
    Ok(total)
}

/// The files of a commit, no more than may be: neither git's list of them nor what is made of it grows without end.
async fn list(git: &Git<'_>, commit: &str) -> Result<Vec<Entry>, Failure> {
    let limit = git.limits().entries;
    let args = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit].map(Into::into);
    let mut program = git.program(args.into(), false);
    program.limits.stdout = LIST;
    let (mut listed, mut count, mut many) = (Vec::new(), 0_usize, false);
    let mut take = |chunk: &[u8]| {
        count += chunk.split(|byte| *byte == 0).count().saturating_sub(1);
        many = count > limit;
        if many {
            return Err(odd());
        }
        listed.extend_from_slice(chunk);
        Ok(())
    };
    match process::run_to(&program, &mut take, std::future::pending::<Infallible>()).await {
        Ok(Ok(output)) if output.success() => {}
        Ok(_) => return Err(git.damaged()),
        Err(_) if many => return Err(git.large()),
        Err(error) => return Err(git.ended(error)),
    }
    match compute(move || read(&listed, limit)).await? {
        Ok(entries) => Ok(entries),
        Err(Bad::Damaged) => Err(git.damaged()),
        Err(Bad::Large) => Err(git.large()),
    }
}

/// Why a list of files is not taken.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// No repository has such a one.
    Damaged,
    /// It makes more files and folders than may be, or too deep ones.
    Large,
}

/// Reads git's list. No path is named twice, and none lies beneath what is itself a file or a link.
fn read(listed: &[u8], limit: usize) -> Result<Vec<Entry>, Bad> {
    let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let entries: Vec<Entry> =
        lines.map(entry).collect::<Option<Vec<_>>>().ok_or(Bad::Damaged)?.into_iter().flatten().collect();
    if entries.iter().any(|entry| is_deep(&entry.path)) {
        return Err(Bad::Large);
    }
    let (mut paths, mut above) = (HashSet::new(), HashSet::new());
    for entry in &entries {
        let new = paths.insert(entry.path.as_path());
        folders(&entry.path, &mut above);
        if !new {
            return Err(Bad::Damaged);
        }
        if paths.len().saturating_add(above.len()) > limit {
            return Err(Bad::Large);
        }
    }
    if paths.is_disjoint(&above) { Ok(entries) } else { Err(Bad::Damaged) }
}

/// Reads `MODE TYPE ID SIZE\tPATH`. The outer none: it is damaged; the inner one: it is left out.
#[expect(clippy::option_option, reason = "read, and perhaps left out")]
fn entry(line: &[u8]) -> Option<Option<Entry>> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (facts, path) = line.split_at_checked(tab)?;
    let mut facts = std::str::from_utf8(facts).ok()?.split_ascii_whitespace();
    let (mode, _, id, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
    let kind = match mode {
        "100644" | "100664" => Kind::File,
        "100755" => Kind::Program,
        "120000" => Kind::Link,
        "160000" => return Some(None),
        _ => return None,
    };
    // A name that is not UTF-8 cannot be named in a kustomization.
    let Ok(path) = std::str::from_utf8(path.get(1..)?) else { return Some(None) };
    let path = Path::new(path);
    let good =
        |part: Component<'_>| matches!(part, Component::Normal(part) if !part.eq_ignore_ascii_case(".git"));
    if path.as_os_str().is_empty() || !path.components().all(good) {
        return None;
    }
    Some(Some(Entry { path: path.to_owned(), kind, id: id.to_owned(), size: size.parse().ok()? }))
}

/// Takes the answers of `cat-file --batch` apart: a header, so many bytes, a newline, for each entry in its turn.
struct Writer<'a, I> {
    into: &'a Path,
    entries: I,
    links: &'a mut BTreeMap<PathBuf, Vec<u8>>,
    state: State<'a>,
}

enum State<'a> {
    Header(Vec<u8>),
    Body { entry: &'a Entry, file: Option<fs::File>, text: Vec<u8>, left: u64 },
    Newline,
}

impl<'a, I: Iterator<Item = &'a Entry>> Writer<'a, I> {
    fn take(&mut self, mut chunk: &[u8]) -> io::Result<()> {
        while let Some(first) = chunk.first() {
            match &mut self.state {
                State::Header(line) => {
                    chunk = chunk.get(1..).unwrap_or_default();
                    if *first == b'\n' {
                        let line = std::mem::take(line);
                        self.state = self.begin(&line)?;
                    } else if line.len() < 200 {
                        line.push(*first);
                    } else {
                        return Err(odd());
                    }
                }
                State::Body { file, text, left, .. } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
                    let (mine, rest) = chunk.split_at_checked(count).unwrap_or((chunk, &[]));
                    match file {
                        Some(file) => file.write_all(mine)?,
                        None => text.extend_from_slice(mine),
                    }
                    (*left, chunk) = (left.saturating_sub(count as u64), rest);
                }
                State::Newline => {
                    chunk = chunk.get(1..).unwrap_or_default();
                    self.state = State::Header(Vec::new());
                }
            }
            self.settle();
        }
        Ok(())
    }

    /// A body that is whole ends.
    fn settle(&mut self) {
        if let State::Body { entry, text, left: 0, .. } = &mut self.state {
            if entry.kind == Kind::Link {
                self.links.insert(entry.path.clone(), std::mem::take(text));
            }
            self.state = State::Newline;
        }
    }

    fn begin(&mut self, line: &[u8]) -> io::Result<State<'a>> {
        let entry = self.entries.next().ok_or_else(odd)?;
        let wanted = format!("{} blob {}", entry.id, entry.size);
        if line != wanted.as_bytes() {
            return Err(odd());
        }
        let file = if entry.kind == Kind::Link { None } else { Some(create(self.into, entry)?) };
        Ok(State::Body { entry, file, text: Vec::new(), left: entry.size })
    }

    fn done(&mut self) -> bool {
        matches!(&self.state, State::Header(line) if line.is_empty()) && self.entries.next().is_none()
    }
}

fn odd() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

fn create(into: &Path, entry: &Entry) -> io::Result<fs::File> {
    let place = into.join(&entry.path);
    let clash = |error: io::Error| if is_clash(&error) { odd() } else { error };
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(clash)?;
    }
    let file = fs::File::create_new(&place).map_err(clash)?;
    if entry.kind == Kind::Program {
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
    }
    Ok(file)
}

/// Makes the links last, so that nothing was written through one, and keeps those that stay within.
fn link(root: &Path, links: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let root = root.canonicalize()?;
    let mut made = Vec::new();
    for (path, target) in links {
        let (place, target) = (root.join(path), Path::new(std::ffi::OsStr::from_bytes(target)));
        if target.as_os_str().is_empty() || target.is_absolute() || target.as_os_str().len() > 4_000 {
            continue;
        }
        let folder = place.parent().unwrap_or(&root);
        fs::create_dir_all(folder)?;
        std::os::unix::fs::symlink(target, &place)?;
        made.push(place);
    }
    // All of them are there: now each leads where it will lead.
    loop {
        let out = |place: &PathBuf| !place.canonicalize().is_ok_and(|real| real.starts_with(&root));
        let (bad, good): (Vec<PathBuf>, Vec<PathBuf>) = made.into_iter().partition(out);
        if bad.is_empty() {
            return Ok(());
        }
        bad.iter().try_for_each(fs::remove_file)?;
        made = good;
    }
}
