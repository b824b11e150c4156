//! The program under test as a process: the one that Cargo built for this test run.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::process::Stdio;

use tidegate::controlplane::Tools;

/// A command for `name`. The environment is the test run's.
#[expect(clippy::disallowed_methods, reason = "tests start programs as people do")]
pub(crate) fn command(name: impl AsRef<OsStr>) -> Command {
    Command::new(name)
}

/// `tidegate` with nothing of the caller's settings, and with the renderers of `make tools` on its PATH.
pub(crate) fn tidegate() -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear().env("PATH", search()).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// PATH with the built tools before all else. Their absence fails here, with the command that builds them.
fn search() -> OsString {
    let tools = Tools::built();
    for program in ["kustomize", "helm"] {
        let file = tools.join(program);
        assert!(file.exists(), "{} is missing; build it with: make tools", file.display());
    }
    #[expect(clippy::disallowed_methods, reason = "the search path of the test run itself")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap()
}

/// The program that misbehaves on purpose. Cargo builds it with all tests, and not with these alone.
pub(crate) fn probe() -> PathBuf {
    let probe = Path::new(env!("CARGO_BIN_EXE_tidegate")).with_file_name("examples").join("probe");
    assert!(probe.exists(), "the probe is missing: run `cargo build --all-features --examples`");
    probe
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// The same run, if it ended with this code; otherwise the test fails with all it said.
    pub(crate) fn ended(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Copies a program, by another program: one that this process wrote itself could not be executed while a child that another
/// test is just starting still has it open (`ETXTBSY`).
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(command("cp").arg(from).arg(to).status().unwrap().success(), "{}", to.display());
}
