//! The files of a commit, written out by us: no filter, no attribute, no submodule.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use crate::model::fault::Failure;
use crate::process;
use crate::render::compute;
use crate::render::remote::archive::is_clash;
use crate::render::remote::git::Git;
use crate::render::remote::store::broken;

/// One file of the commit.
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
/// nothing.
pub(super) async fn write(git: &Git<'_>, commit: &str, into: &Path) -> Result<u64, Failure> {
    let listed = git.here(["ls-tree", "-r", "-z", "-l", "--full-tree", commit]).await?;
    let Some(entries) = listed
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
        .map(entry)
        .collect::<Option<Vec<_>>>()
    else {
        return Err(git.damaged());
    };
    let entries: Vec<Entry> = entries.into_iter().flatten().collect();
    if !consistent(&entries) {
        return Err(git.damaged());
    }
    let total = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    if total > git.limits().unpacked || entries.len() > git.limits().entries {
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
    let root = into.to_owned();
    compute(move || link(&root, &links)).await?.map_err(broken)?;
    Ok(total)
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

/// Is no path named twice, and none beneath what is itself a file or a link?
fn consistent(entries: &[Entry]) -> bool {
    let paths: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let beneath = |entry: &Entry| entry.path.ancestors().skip(1).any(|folder| paths.contains(folder));
    paths.len() == entries.len() && !entries.iter().any(beneath)
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
