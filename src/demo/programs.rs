//! The programs that the demonstration itself starts: Git, kubectl, and this program for its second opinion.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config;
use crate::controlplane::Tools;
use crate::demo::Halt;
use crate::process::{Limits, Program, find, run};

/// How long one of them may take.
const TIME: Duration = Duration::from_mins(1);

/// Where programs are found, and the folder that they start in.
#[derive(Debug)]
pub(super) struct Programs {
    /// `PATH` as this process has it.
    pub search: OsString,
    /// The folder that `make tools` fills, if it is there.
    pub tools: Option<PathBuf>,
    folder: PathBuf,
}

impl Programs {
    /// Those of this process, started in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let path = config::variables().into_iter().find(|(name, _)| name == "PATH");
        let search = path.map(|(_, value)| OsString::from(value)).unwrap_or_default();
        let tools = Some(Tools::built()).filter(|tools| tools.is_dir());
        Self { search, tools, folder: folder.to_owned() }
    }

    /// Where a program lies; what is missing is said with the command that mends it.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf, Halt> {
        find(name, self.tools.as_deref(), Some(&self.search)).ok_or_else(|| {
            Halt::new(match name {
                "git" => "git is not on PATH: install it with your system's packages".to_owned(),
                "kubectl" => "kubectl is missing: `make tools` builds it into target/tools".to_owned(),
                _ => format!(
                    "{name} is missing: `make demo-tools` builds it into target/tools, `make demo` does all at once"
                ),
            })
        })
    }

    /// Runs one to its end and gives its standard output; an exit status other than 0 is a fault in its own words.
    pub(super) async fn output(
        &self,
        program: &Path,
        arguments: &[&str],
        (variables, stdin): (&[(String, String)], Option<&str>),
    ) -> Result<String, Halt> {
        let mut call = Program::new(program, &self.folder, arguments.iter().map(OsString::from))
            .env("PATH", self.search.clone())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("HOME", self.folder.as_os_str().to_owned())
            .limits(Limits { time: TIME, ..Limits::default() });
        for (name, value) in variables {
            call = call.env(name, value);
        }
        if let Some(text) = stdin {
            call = call.stdin(text);
        }
        let output = run(&call).await?;
        if !output.success() {
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Halt::new(format!(
                "{name} {} ended with {}: {}",
                arguments.first().copied().unwrap_or_default(),
                output.status,
                output.message().trim()
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Git in a repository.
    pub(super) async fn git(&self, repository: &Path, arguments: &[&str]) -> Result<String, Halt> {
        let place = repository.display().to_string();
        let all: Vec<&str> = ["--git-dir", &place].into_iter().chain(arguments.iter().copied()).collect();
        self.output(&self.find("git")?, &all, (&[], None)).await
    }
}
