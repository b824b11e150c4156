//! How running a program goes wrong, apart from what the program itself says.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// How many bytes of a dead program's messages are kept.
const WORDS: usize = 2_000;

/// Why a program has no exit status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such executable.
    #[error("{program} was not found")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s", time.as_secs_f32())]
    TimedOut {
        /// Its name.
        program: String,
        /// The time it had.
        time: Duration,
    },
    /// It wrote more than it may and was killed.
    #[error("{program} wrote more than {limit} bytes")]
    TooMuchOutput {
        /// Its name.
        program: String,
        /// The bytes it may write.
        limit: usize,
    },
    /// It was ended by a signal: a crash, or a limit of the system's.
    #[error("{program} was ended by signal {signal}")]
    Signalled {
        /// Its name.
        program: String,
        /// The signal's number.
        signal: i32,
        /// The beginning of what it wrote to standard error: a Go program says there why it crashed.
        stderr: String,
    },
    /// The system or the receiver of its output failed.
    #[error("{program}: {doing}")]
    Io {
        /// Its name.
        program: String,
        /// What failed.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(super) fn io(program: String, doing: &'static str, source: io::Error) -> Self {
        Self::Io { program, doing, source }
    }

    pub(super) fn signalled(program: String, status: ExitStatus, stderr: &[u8]) -> Self {
        let first = stderr.get(..stderr.len().min(WORDS)).unwrap_or_default();
        Self::Signalled {
            program,
            signal: status.signal().unwrap_or_default(),
            stderr: String::from_utf8_lossy(first).into_owned(),
        }
    }
}
