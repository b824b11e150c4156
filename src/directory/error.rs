//! What can go wrong with a folder, and who must act.

use std::{io, path::PathBuf};

use crate::model::fault::{Cause, Failure, Fault};

/// Why a folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What lies there is not ours to touch, or what was rendered cannot lie there.
    #[error("{0}")]
    Author(Fault),
    /// Somebody else deployed since the plan was made: look again.
    #[error("{} changed since the plan was made", folder.display())]
    Stale {
        /// The environment's folder.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it did not succeed.
        source: io::Error,
    },
}

impl Error {
    /// Makes an [`Error::Io`] of what the file system said.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Author(fault) => Self::author(fault),
            Error::Stale { .. } => Self::Weather(Cause::plain(error.to_string())),
            // A full or unmounted disk: the operator's to mend, and worth another try.
            Error::Io { doing, path, source } => Self::weather(format!("{doing} {}", path.display()), source),
        }
    }
}
