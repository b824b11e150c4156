//! Inside: this process restricts itself for good, and becomes the program.
//!
//! `tidegate jail -- PROGRAM ARGS…` with a specification on standard input. Nothing else of the server's is in this process:
//! it begins here, before any runtime or thread. The order matters: files are opened while there is a right to, the user
//! changes before rights to files are made up (so that a path that the user cannot reach is seen here and not by the
//! program), and the filter comes last, since it refuses what the steps before it do.

mod elf;
mod files;
mod filter;
mod own;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

use crate::jail::inside::elf::Kind;
use crate::jail::inside::files::Files;
use crate::jail::spec::{BYTES, Spec};

/// Why there is no jail, for the operator.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl Refusal {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    fn of(what: &str, error: impl Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// Restricts this process and executes. Answers only if that cannot be: with the nonce, and why.
pub(super) fn enter(arguments: impl Iterator<Item = OsString>) -> (String, String) {
    let mut arguments = arguments.skip_while(|argument| argument == "--");
    let Some(program) = arguments.next() else {
        return (
            String::new(),
            "usage: tidegate jail -- PROGRAM ARGUMENTS… (for tidegate's own use)".to_owned(),
        );
    };
    let spec = match read() {
        Ok(spec) => spec,
        Err(Refusal(why)) => return (String::new(), why),
    };
    let Refusal(why) = become_program(&spec, Path::new(&program), arguments);
    (spec.nonce, why)
}

fn read() -> Result<Spec, Refusal> {
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| Refusal::of("the specification", error))?;
    if text.len() as u64 > BYTES {
        return Err(Refusal::new(format!("the specification is larger than {BYTES} bytes")));
    }
    serde_json::from_slice(&text).map_err(|error| Refusal::of("the specification", error))
}

/// All that can go wrong is the result; a program that runs does not come back here.
fn become_program(spec: &Spec, program: &Path, arguments: impl Iterator<Item = OsString>) -> Refusal {
    let file = match confine(spec, program) {
        Ok(file) => file,
        Err(refusal) => return refusal,
    };
    // By its descriptor: its path may lie where this user cannot go.
    #[expect(clippy::disallowed_methods, reason = "it starts nothing, it becomes the program")]
    let mut command = std::process::Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let error = command.arg0(program).args(arguments).exec();
    Refusal::new(format!(
        "{} cannot be executed: {error}; it must be executable for every user, for this processor",
        program.display()
    ))
}

fn confine(spec: &Spec, program: &Path) -> Result<File, Refusal> {
    own::session()?;
    own::close()?;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let (file, loaders) = executables(spec, program)?;
    own::limits(&spec.limits)?;
    let alone = match spec.user.map(own::user) {
        Some(Ok(())) => true,
        // Otherwise it stays who it is, without any rights of root's: they are given up next.
        Some(Err(refusal)) if spec.require => return Err(refusal),
        Some(Err(_)) | None => false,
    };
    own::powers()?;
    own::tie(spec.parent)?;
    let mut files = Files::none()?;
    files.execute(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))?;
    for program in &spec.starts {
        files.execute(program).map_err(|Refusal(why)| {
            Refusal(format!("{why}; {} must lie where every user may pass through", program.display()))
        })?;
    }
    for loader in loaders {
        files.loader(&loader)?;
    }
    for path in &spec.read {
        files.read(path)?;
    }
    if let Some(folder) = &spec.write {
        files.write(folder)?;
    }
    if !files.restrict()? && spec.require {
        return Err(Refusal::new("the kernel has no Landlock (it came with Linux 5.13)"));
    }
    // Where each run has a user of its own, the user keeps signals inside.
    let starts = !spec.starts.is_empty();
    let filter = filter::filter(std::process::id(), starts, alone && starts)?;
    match seccompiler::apply_filter(&filter) {
        Err(error) if spec.require => Err(Refusal::of("seccomp", error)),
        Ok(()) | Err(_) => Ok(file),
    }
}

/// The program, and the loaders that it and those that it starts ask for.
fn executables(spec: &Spec, program: &Path) -> Result<(File, Vec<PathBuf>), Refusal> {
    let look = |path: &Path| {
        let of = |error: std::io::Error| Refusal::of(&path.display().to_string(), error);
        let file = File::open(path).map_err(of)?;
        let kind = elf::kind(&file).map_err(of)?;
        Ok::<_, Refusal>((file, kind))
    };
    let mut loaders = Vec::new();
    let mut keep = |path: &Path, kind| match kind {
        Kind::Static => Ok(()),
        Kind::Dynamic(loader) => {
            loaders.push(loader);
            Ok(())
        }
        Kind::Foreign => Err(Refusal::new(format!(
            "{} is a script, or made for another machine: the jail starts a program itself or not at all; \
             name the program that the script starts",
            path.display()
        ))),
    };
    let (file, kind) = look(program)?;
    keep(program, kind)?;
    for path in &spec.starts {
        keep(path, look(path)?.1)?;
    }
    Ok((file, loaders))
}
