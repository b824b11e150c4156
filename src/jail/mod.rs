//! The jail: a program that reads what it is given, writes nowhere, speaks to nobody, and ends when it is told to.
//!
//! Outside, a [`Cell`] says what one run may do, and [`Jail::run`] starts our own executable with it. Inside
//! ([`enter`]), that process restricts itself (user, Landlock, seccomp, limits) and becomes the program, so that nothing
//! needs to happen between a fork and an execution. What holds, and where it is tested, is in docs/install.md.

mod error;
mod folder;
#[cfg(target_os = "linux")]
mod inside;
mod spec;
mod support;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;
mod user;
mod watch;

use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::jail::spec::{Limits, Spec};
use crate::process::{self, Output, Program};

pub(crate) use error::Error;
pub(crate) use support::Support;

/// How a process that could not become the program ends.
const REFUSED: u8 = 125;
/// What it says then, after which come its nonce and why.
const MARK: &str = "tidegate jail";
/// Files that a process may have open.
const OPEN: u64 = 256;
/// Threads, and processes where others may be started. Go takes a thread for every call that the kernel is slow to answer.
const TASKS: u64 = 64;

/// What one run may do. Nothing, unless it is said here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Files and folders that it may read; absolute. One that is not there is passed over.
    pub read: Vec<PathBuf>,
    /// Where it may write.
    pub scratch: Option<Scratch>,
    /// Programs that it may start. Without any it can start no process at all, itself neither.
    pub starts: Vec<PathBuf>,
}

/// A folder of the run's own. It may be written in and nothing in it removed, so that what it holds is all there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scratch {
    /// Which; absolute. Whoever made it removes it.
    pub folder: PathBuf,
    /// Bytes on the disk that may be in it. Looked at ten times a second: a fast writer is ended a little above.
    pub bytes: u64,
    /// Files and folders that may be in it.
    pub entries: u64,
}

/// How programs are put into a jail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jail {
    /// Our own executable.
    executable: PathBuf,
    /// Is nothing run where the kernel lacks a part?
    require: bool,
}

/// Nothing runs without a jail; our own executable is the running one.
impl Default for Jail {
    fn default() -> Self {
        Self { executable: own(), require: true }
    }
}

/// The running executable, even if another one lies in its place by now. A test is another program, beside which ours lies.
fn own() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if !cfg!(test) {
        return running;
    }
    let test = std::env::current_exe().unwrap_or(running);
    test.ancestors().nth(2).unwrap_or(&test).join("tidegate")
}

impl Jail {
    /// A jail that is needed, or that is as good as the kernel can.
    pub(crate) fn new(require: bool) -> Self {
        Self { require, ..Self::default() }
    }

    /// Can a run read nothing but what its cell names? The kernel's answer, asked once.
    pub(crate) fn confines(&self) -> bool {
        static ANSWER: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        // Where a jail is needed and there is none, nothing runs at all.
        self.require || *ANSWER.get_or_init(|| Support::look().landlock.is_some())
    }

    /// Is each run a user of its own? Only root can see to that.
    pub(crate) fn changes_user() -> bool {
        user::group().is_some()
    }

    /// Lets what runs here pass through a folder of ours and read in it, and nobody else. Needed once for each temporary
    /// folder that holds what a [`Cell`] names.
    pub(crate) fn admit(&self, folder: &Path) -> Result<(), Error> {
        self.open(folder, false)
    }

    fn open(&self, folder: &Path, write: bool) -> Result<(), Error> {
        match folder::admit(folder, write) {
            // A root without a root's rights: then runs stay that user, who gets in.
            Err(_) if !self.require => Ok(()),
            admitted => admitted,
        }
    }

    /// Runs a program in a cell, with the limits that it carries, and nothing on standard input.
    ///
    /// What the program did wrong is [`Error::Process`] or [`Error::Scratch`], a jail that did not come about
    /// [`Error::Jail`].
    pub(crate) async fn run(&self, program: &Program, cell: &Cell) -> Result<Output, Error> {
        if let Some(scratch) = &cell.scratch {
            self.open(&scratch.folder, true)?;
        }
        let nonce = nonce();
        let (wrapped, scratch) = (self.wrap(program, cell, &nonce)?, cell.scratch.clone());
        let output = match process::run_while(&wrapped, watch::full(scratch.as_ref())).await? {
            Ok(output) => output,
            Err(limit) => return Err(Error::Scratch { limit }),
        };
        if output.status == i32::from(REFUSED) {
            let words = output.message();
            if let Some(why) = words.strip_prefix(&format!("{MARK} {nonce}: ")) {
                return Err(Error::Jail(why.trim_end().to_owned()));
            }
        }
        match scratch {
            // A program can be quicker than the watch.
            Some(scratch) if watch::over(&scratch).await => Err(Error::Scratch { limit: scratch.bytes }),
            Some(_) | None => Ok(output),
        }
    }

    /// Our own executable, told to become the program.
    fn wrap(&self, program: &Program, cell: &Cell, nonce: &str) -> Result<Program, Error> {
        if !cfg!(target_os = "linux") {
            return if self.require {
                Err(Error::Jail(support::LINUX.to_owned()))
            } else {
                Ok(program.clone())
            };
        }
        if !program.path.is_file() {
            return Err(Error::Process(process::Error::NotFound { program: program.name() }));
        }
        if !self.executable.exists() {
            let words =
                "tidegate's own executable is missing: for tests, run `cargo build --all-features` first";
            return Err(Error::Jail(words.to_owned()));
        }
        let spec = self.spec(program, cell, nonce);
        let spec = serde_json::to_vec(&spec).map_err(|error| Error::Jail(format!("a path: {error}")))?;
        let mut args: Vec<OsString> = vec!["jail".into(), "--".into(), program.path.clone().into()];
        args.extend(program.args.iter().cloned());
        // Inside they are set before the program begins; from outside they would come a moment late.
        let limits = process::Limits { data: None, file: None, cpu: None, ..program.limits };
        Ok(Program {
            path: self.executable.clone(),
            args,
            stdin: Some(spec),
            limits,
            session: true,
            called: Some(program.name()),
            ..program.clone()
        })
    }

    fn spec(&self, program: &Program, cell: &Cell, nonce: &str) -> Spec {
        let limits = &program.limits;
        let user = user::next();
        // The limit counts all that a user runs, other containers' too: it says nothing where the user is not the run's own.
        let tasks = user.is_some().then_some(TASKS);
        let file = match &cell.scratch {
            Some(scratch) => Some(limits.file.map_or(scratch.bytes, |file| file.min(scratch.bytes))),
            None => limits.file,
        };
        Spec {
            nonce: nonce.to_owned(),
            parent: std::process::id(),
            user,
            require: self.require,
            read: cell.read.clone(),
            write: cell.scratch.as_ref().map(|scratch| scratch.folder.clone()),
            starts: cell.starts.clone(),
            limits: Limits { data: limits.data, file, cpu: limits.cpu, open: OPEN, tasks },
        }
    }
}

/// What the program cannot guess.
fn nonce() -> String {
    let word = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

/// `tidegate jail`: restricts this process and executes the program of the arguments; for [`Jail::run`] alone. Answers
/// with an exit code if that cannot be.
pub(crate) fn enter(arguments: impl Iterator<Item = OsString>) -> u8 {
    #[cfg(target_os = "linux")]
    let (nonce, why) = inside::enter(arguments);
    #[cfg(not(target_os = "linux"))]
    let (nonce, why) = (arguments.map(|_| "").collect::<String>(), support::LINUX.to_owned());
    // If standard error is gone, the exit code says it.
    drop(writeln!(std::io::stderr().lock(), "{MARK} {nonce}: {why}"));
    REFUSED
}
