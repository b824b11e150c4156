//! Why a control plane did not start, or did not end cleanly.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// What went wrong with a control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is in none of the folders.
    #[error("{program} is not in {}: run `make tools`, which builds it", list(folders))]
    Missing {
        /// The file's name.
        program: &'static str,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// A file or folder of the control plane could not be made or removed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was to be done with it.
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The random source or the key generator failed.
    #[error("cannot make the control plane's keys")]
    Keys,
    /// No free port on 127.0.0.1.
    #[error("cannot find a free port on 127.0.0.1")]
    Port {
        /// The system's reason.
        source: io::Error,
    },
    /// A program could not be started, watched or ended.
    #[error("cannot {action} {program}")]
    Process {
        /// What was to be done with it.
        action: &'static str,
        /// The program's name.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program ended while the others still needed it.
    #[error("{program} ended with {status}; the end of its log:\n{log}")]
    Ended {
        /// Which program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote.
        log: String,
    },
    /// It did not become ready in time.
    #[error("{what} after {limit:?}; the end of the log of {program}:\n{log}")]
    Late {
        /// What was still missing.
        what: &'static str,
        /// How long we waited for everything.
        limit: Duration,
        /// The program that should have brought it about.
        program: &'static str,
        /// The last lines it wrote.
        log: String,
    },
    /// The API server's answer was not what a new control plane answers.
    #[error("cannot {action} on the new control plane")]
    Api {
        /// What was asked of it.
        action: &'static str,
        /// The client's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The task that ended the programs did not finish.
    #[error("the control plane's end was interrupted")]
    Stopped {
        /// Why.
        source: tokio::task::JoinError,
    },
}

impl Error {
    /// Another process took a port between our finding it free and the program's using it.
    pub(super) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { log, .. } if log.contains("address already in use"))
    }
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    names.join(" or ")
}
