//! Real bare repositories, driven by Git's own plumbing; nothing here knows of GitHub's objects.

mod commit;
pub(crate) mod http;
mod read;
mod receive;

pub(crate) use commit::NewCommit;
pub(crate) use commit::address;
pub(crate) use read::Change;
pub(crate) use read::Commit;
pub(crate) use read::Entry;

use crate::error::Error;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// The id Git writes for "no commit".
pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";

/// Variables by which the caller's own Git session would change what the emulator's Git does.
const FOREIGN: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_PROTOCOL",
    "GIT_TRACE",
];

/// One bare repository.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    dir: PathBuf,
}

impl Git {
    /// Makes an empty bare repository whose `HEAD` names `branch`.
    pub(crate) fn init(dir: PathBuf, branch: &str) -> Result<Git, Error> {
        let mut command = program();
        command.args(["init", "--quiet", "--bare", "--template=", "--initial-branch", branch]).arg(&dir);
        finish("init", command, None)?;
        let git = Git { dir };
        git.configure()?;
        Ok(git)
    }

    /// Partial clones and fetches by commit id work as on GitHub; `refs/pull` cannot be pushed to.
    fn configure(&self) -> Result<(), Error> {
        let mut config = std::fs::OpenOptions::new()
            .append(true)
            .open(self.dir.join("config"))
            .map_err(|source| fault("config", source.to_string()))?;
        config
            .write_all(
                b"[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n\
                  [http]\n\treceivepack = true\n[receive]\n\thideRefs = refs/pull\n\tautogc = false\n\
                  [gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
            )
            .map_err(|source| fault("config", source.to_string()))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a subcommand here and gives its standard output without the last newline.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String, Error> {
        let output = self.output(args, None)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    }

    fn output(&self, args: &[&str], input: Option<&[u8]>) -> Result<Output, Error> {
        finish(args.first().copied().unwrap_or("git"), self.command(args), input)
    }

    /// Like `run`, but a failing exit status is an answer, not an error.
    pub(crate) fn attempt(&self, args: &[&str]) -> Result<Output, Error> {
        let name = args.first().copied().unwrap_or("git");
        self.command(args).output().map_err(|source| fault(name, source.to_string()))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.arg("--git-dir").arg(&self.dir).args(args);
        command
    }

    /// Points a reference at a commit, or removes it.
    pub(crate) fn set_ref(&self, name: &str, sha: Option<&str>) -> Result<(), Error> {
        match sha {
            Some(sha) => self.run(&["update-ref", name, sha])?,
            None => self.run(&["update-ref", "-d", name])?,
        };
        Ok(())
    }

    /// Takes over a commit (with its history) from another repository under a name here.
    pub(crate) fn take(&self, from: &Git, sha: &str, name: &str) -> Result<(), Error> {
        let source = from.dir.to_string_lossy().into_owned();
        self.run(&["fetch", "--quiet", "--no-tags", &source, &format!("+{sha}:{name}")])?;
        Ok(())
    }

    pub(crate) fn set_head(&self, branch: &str) -> Result<(), Error> {
        self.run(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")])?;
        Ok(())
    }
}

/// Git without anyone's configuration, hooks or questions.
pub(crate) fn program() -> Command {
    let mut command = Command::new("git");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"])
        .stdin(Stdio::null());
    command
}

fn finish(name: &str, mut command: Command, input: Option<&[u8]>) -> Result<Output, Error> {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| fault(name, source.to_string()))?;
    // The programs fed here answer only at the end, so writing all first cannot block for ever.
    if let (Some(bytes), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(bytes).map_err(|source| fault(name, source.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|source| fault(name, source.to_string()))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(fault(name, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn fault(command: &str, message: String) -> Error {
    Error::Git { command: command.to_owned(), message }
}
