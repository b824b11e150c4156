//! How a run in the jail goes wrong.

use crate::process;

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program was started, or could not be found, and ended otherwise than by its own word.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// It filled its scratch folder and was ended.
    #[error("it wrote more than {limit} bytes to its scratch folder, or too many files")]
    Scratch {
        /// The bytes it may write.
        limit: u64,
    },
    /// The jail did not come about, so the program was not started: a setting or a part of the system's.
    #[error("the jail: {0}")]
    Jail(String),
}
