//! Programs: started without a shell, bounded in time and output, killed as a group.
//!
//! Every program gets exactly the environment it is given, its own process group, and a deadline. When the deadline
//! passes, when it says too much, or when nobody waits for it any more, the whole group is killed, so nothing that it
//! started lives on. Where the system can, its memory, files and processor time are limited too.

mod error;
mod group;
#[cfg(test)]
#[cfg(feature = "parts")]
mod tests;

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use crate::process::group::Group;

pub(crate) use error::Error;

/// How long a killed program is waited for, so that it is reaped before its folder is cleaned.
const REAP: Duration = Duration::from_secs(5);

/// A program to run: where it is, what it is told, and how much it may use.
#[derive(Clone)]
pub(crate) struct Program {
    /// The executable; absolute, as [`find`] gives it.
    pub path: PathBuf,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
    /// Its whole environment; nothing of ours is inherited. May hold secrets.
    pub env: Vec<(OsString, OsString)>,
    /// The folder it starts in.
    pub dir: PathBuf,
    /// What it reads from standard input; none is an empty one.
    pub stdin: Option<Vec<u8>>,
    /// How much it may use.
    pub limits: Limits,
    /// It makes itself the leader of a session first of all; otherwise it is started as the leader of a group, which
    /// cannot make a session.
    pub session: bool,
    /// What messages call it, if not by its file's name.
    pub called: Option<String>,
}

/// How much one run of a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Time from its start to its end.
    pub time: Duration,
    /// Bytes on standard output.
    pub stdout: usize,
    /// Bytes on standard error.
    pub stderr: usize,
    /// Bytes of data (heap) of each process. Not address space: Go reserves far more of that than it uses.
    pub data: Option<u64>,
    /// Bytes of any one file that it writes.
    pub file: Option<u64>,
    /// Seconds of processor time of each process.
    pub cpu: Option<u64>,
}

/// A minute, 64 MiB of output, 1 MiB of messages, and no limits of the system's.
impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(1),
            stdout: 64 << 20,
            stderr: 1 << 20,
            data: None,
            file: None,
            cpu: None,
        }
    }
}

/// How a program ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// Its exit status; 0 is success.
    pub status: i32,
    /// Standard output; empty where it was handed on in pieces.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Did it end with status 0?
    pub(crate) fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard error as text.
    pub(crate) fn message(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Program {
    /// A program with arguments, run in a folder with an empty environment and the usual limits.
    pub(crate) fn new<A: Into<OsString>>(
        path: impl Into<PathBuf>,
        dir: impl Into<PathBuf>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            path: path.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            dir: dir.into(),
            stdin: None,
            limits: Limits::default(),
            session: false,
            called: None,
        }
    }

    /// The same program with one more variable.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same program with something to read.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The same program with other limits.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Its file's name, for messages: never the path.
    pub(crate) fn name(&self) -> String {
        if let Some(called) = &self.called {
            return called.clone();
        }
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// Values of variables are left out: they may be secrets. So is what it reads.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("path", &self.path)
            .field("args", &self.args)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("dir", &self.dir)
            .field("stdin", &self.stdin.as_ref().map(Vec::len))
            .field("limits", &self.limits)
            .field("session", &self.session)
            .field("called", &self.called)
            .finish()
    }
}

/// Where a program lies: in the configured folder if there is one and it is there, else on `path` (as in `PATH`, of
/// which only absolute folders count).
pub(crate) fn find(name: &str, folder: Option<&Path>, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.is_empty() || name.contains('/') {
        return None;
    }
    let listed = path.map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
    folder
        .into_iter()
        .chain(listed.into_iter().filter(|dir| dir.is_absolute()))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok())
}

/// Runs a program to its end and gives all it said; an exit status other than 0 is a result, not an error.
pub(crate) async fn run(program: &Program) -> Result<Output, Error> {
    match run_while(program, std::future::pending::<Infallible>()).await? {
        Ok(output) => Ok(output),
        Err(never) => match never {},
    }
}

/// The same, but `watch` ends it by ending itself: then the inner error is what it saw.
pub(crate) async fn run_while<W>(
    program: &Program,
    watch: impl Future<Output = W>,
) -> Result<Result<Output, W>, Error> {
    let mut stdout = Vec::new();
    let mut take = |chunk: &[u8]| {
        stdout.extend_from_slice(chunk);
        Ok(())
    };
    let ended = run_to(program, &mut take, watch).await?;
    Ok(ended.map(|ended| Output { stdout, ..ended }))
}

/// Runs a program and hands on its standard output in pieces as they come; an error of the receiver's ends it, and so does
/// the end of `watch`.
///
/// The limit on standard output counts here too; the [`Output`]'s own `stdout` stays empty.
pub(crate) async fn run_to<W>(
    program: &Program,
    take: &mut (impl FnMut(&[u8]) -> io::Result<()> + Send),
    watch: impl Future<Output = W>,
) -> Result<Result<Output, W>, Error> {
    let (mut child, mut group) = start(program)?;
    let result = tokio::select! {
        worked = tokio::time::timeout(program.limits.time, work(program, &mut child, &mut group, take)) => worked
            .unwrap_or_else(|_| Err(Error::TimedOut { program: program.name(), time: program.limits.time }))
            .map(Ok),
        seen = watch => Ok(Err(seen)),
    };
    if !matches!(result, Ok(Ok(_))) {
        group.kill();
        // It may not have made its session yet. An error says that it has ended.
        drop(child.start_kill());
        // Whether it is reaped in time changes nothing: it is dead, and the runtime reaps it later.
        drop(tokio::time::timeout(REAP, child.wait()).await);
    }
    result
}

/// Starts it in a group of its own, or to make a session of its own. The group's guard kills it when dropped; so does the
/// runtime, for one that has not made its session yet.
fn start(program: &Program) -> Result<(Child, Group), Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that starts programs")]
    let mut command = Command::new(&program.path);
    command
        .args(&program.args)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&program.dir)
        .stdin(if program.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if !program.session {
        command.process_group(0);
    }
    let child = command.spawn().map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound && !program.path.exists() {
            return Error::NotFound { program: program.name() };
        }
        Error::io(program.name(), "it could not be started", source)
    })?;
    let group = Group::of(&child);
    group
        .bound(&program.limits)
        .map_err(|source| Error::io(program.name(), "its limits could not be set", source))?;
    Ok((child, group))
}

/// Feeds it, hears it out and waits for its end, all at once: none of the pipes may fill up and block it.
async fn work(
    program: &Program,
    child: &mut Child,
    group: &mut Group,
    take: &mut (impl FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<Output, Error> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut messages = Vec::new();
    let mut keep = |chunk: &[u8]| {
        messages.extend_from_slice(chunk);
        Ok(())
    };
    let end = async {
        let status = child
            .wait()
            .await
            .map_err(|source| Error::io(program.name(), "it could not be waited for", source))?;
        // Whatever it left behind would keep the pipes open; what it wrote stays readable.
        group.kill();
        Ok(status)
    };
    let ((), (), (), status) = tokio::try_join!(
        feed(program, stdin),
        hear(program, stdout, program.limits.stdout, take),
        hear(program, stderr, program.limits.stderr, &mut keep),
        end,
    )?;
    match status.code() {
        Some(status) => Ok(Output { status, stdout: Vec::new(), stderr: messages }),
        None => Err(Error::signalled(program.name(), status, &messages)),
    }
}

async fn feed(program: &Program, stdin: Option<ChildStdin>) -> Result<(), Error> {
    let (Some(mut stdin), Some(bytes)) = (stdin, &program.stdin) else { return Ok(()) };
    let written = async {
        stdin.write_all(bytes).await?;
        stdin.shutdown().await
    };
    match written.await {
        // It may end, or close its input, before it has read everything: its status says whether that was right.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io(program.name(), "it could not be written to", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn hear(
    program: &Program,
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
    take: &mut (impl FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), Error> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 64 << 10];
    let mut heard = 0_usize;
    loop {
        let count = pipe
            .read(&mut buffer)
            .await
            .map_err(|source| Error::io(program.name(), "its output could not be read", source))?;
        if count == 0 {
            return Ok(());
        }
        heard = heard.saturating_add(count);
        if heard > limit {
            return Err(Error::TooMuchOutput { program: program.name(), limit });
        }
        take(buffer.get(..count).unwrap_or_default())
            .map_err(|source| Error::io(program.name(), "its output could not be taken", source))?;
    }
}
