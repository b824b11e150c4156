//! What can go wrong with repositories, and who must act.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::fault::{Cause, Failure, Fault};
use crate::process;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The author: a path that is not there, a name that cannot be written.
    Author,
    /// Nobody: it may go better later.
    Weather,
    /// What was asked for no longer exists.
    Gone,
    /// The operator or a developer of Tidegate.
    Ours,
}

/// What does not exist any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The repository, or our right to see it.
    Repository,
    /// A branch or pull request.
    Reference,
    /// A commit, tree or blob.
    Object,
}

/// Why git did not do what it was asked. What git said is bounded and without tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something in the repository must be changed.
    #[error("{0}")]
    Author(Fault),
    /// The token was not taken (401): make a new one and try once more.
    #[error("cannot {doing}: the token was refused: {said}")]
    Unauthorised {
        /// What was being done.
        doing: &'static str,
        /// What git said.
        said: String,
    },
    /// The host did not answer properly.
    #[error("cannot {doing}: {said}")]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// What git said.
        said: String,
    },
    /// It took too long.
    #[error("cannot {doing} within {} s", limit.as_secs())]
    Late {
        /// What was being done.
        doing: &'static str,
        /// How long it was given.
        limit: Duration,
    },
    /// The repository has another name now: ask for it by its id, then try again. Redirects are not followed, since git
    /// would send the token along to wherever they lead.
    #[error("cannot {doing}: the repository was renamed")]
    Renamed {
        /// What was being done.
        doing: &'static str,
    },
    /// Somebody else wrote since we looked: look again.
    #[error("{what} changed since the plan was made")]
    Stale {
        /// What changed.
        what: String,
    },
    /// The mirror is damaged; it is made anew at the next fetch.
    #[error("cannot {doing}: objects are missing or damaged: {said}")]
    Corrupt {
        /// What was being done.
        doing: &'static str,
        /// What git said.
        said: String,
    },
    /// What was asked for does not exist.
    #[error("cannot {doing}: {said}")]
    Gone {
        /// What was being done.
        doing: &'static str,
        /// What sort of thing is gone.
        lost: Lost,
        /// What git said.
        said: String,
    },
    /// A setting of the operator's is wrong; the whole sentence.
    #[error("{0}")]
    Setting(String),
    /// The host took the token and refuses the write: a branch rule, or a permission that the App lacks.
    #[error("cannot {doing}: {said}")]
    Forbidden {
        /// What was being done.
        doing: &'static str,
        /// What the host said.
        said: String,
    },
    /// The program could not be run.
    #[error("cannot {doing}")]
    Program {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: process::Error,
    },
    /// Git failed or answered in a way that we do not know.
    #[error("cannot {doing}: git said {said:?}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// What git said.
        said: String,
    },
    /// The file system refused.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Who must act.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Author(_) => Kind::Author,
            Self::Unauthorised { .. }
            | Self::Unreachable { .. }
            | Self::Late { .. }
            | Self::Renamed { .. }
            | Self::Stale { .. }
            | Self::Corrupt { .. }
            | Self::Io { .. } => Kind::Weather,
            Self::Gone { .. } => Kind::Gone,
            Self::Setting(_) | Self::Forbidden { .. } | Self::Program { .. } | Self::Failed { .. } => {
                Kind::Ours
            }
        }
    }

    /// Should the caller make a new token and try once more?
    pub(crate) fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Unauthorised { .. })
    }

    /// Is it a branch or pull request that does not exist?
    pub(crate) fn is_no_reference(&self) -> bool {
        matches!(self, Self::Gone { lost: Lost::Reference, .. })
    }

    /// Makes an [`Error::Io`] of what the file system said.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// Git answered in a way that we do not know.
    pub(super) fn odd(doing: &'static str, answer: &[u8]) -> Self {
        let said = String::from_utf8_lossy(answer).chars().take(200).collect();
        Self::Failed { doing, said }
    }

    /// What a failed process means, by what it said. Lines that the other side wrote (`remote: …`) decide nothing.
    pub(super) fn of(doing: &'static str, said: String) -> Self {
        let own: Vec<&str> = said.lines().filter(|line| !line.starts_with("remote: ")).collect();
        let any = |signs: &[&str]| own.iter().any(|line| signs.iter().any(|sign| line.contains(sign)));
        if any(&["Authentication failed", "could not read Username", "could not read Password", "error: 401"])
        {
            return Self::Unauthorised { doing, said };
        }
        if any(&["returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"])
        {
            return Self::Renamed { doing };
        }
        for (lost, signs) in GONE {
            if any(signs) {
                return Self::Gone { doing, lost: *lost, said };
            }
        }
        if any(AWAY) {
            return Self::Unreachable { doing, said };
        }
        if any(CORRUPT) {
            return Self::Corrupt { doing, said };
        }
        Self::Failed { doing, said }
    }
}

const GONE: &[(Lost, &[&str])] = &[
    (Lost::Reference, &["couldn't find remote ref"]),
    (Lost::Object, &["not our ref"]),
    (
        Lost::Repository,
        &[
            "' not found",
            "returned error: 404",
            "does not appear to be a git repository",
            "returned error: 410",
        ],
    ),
];

const AWAY: &[&str] = &[
    "unable to access",
    "RPC failed",
    "early EOF",
    "the remote end hung up",
    "unexpected disconnect",
    "Could not resolve host",
    "Connection ",
    "timed out",
    "invalid index-pack output",
    "Could not read from remote repository",
    "returned error: 4",
    "returned error: 5",
    "expected flush after",
    "protocol error",
];

const CORRUPT: &[&str] = &[
    "not a git repository",
    "corrupt",
    "is empty",
    "bad object",
    "bad tree object",
    "unable to read",
    "could not read",
    "cannot read",
    "inflate",
    "missing blob",
    "missing tree",
    "missing necessary objects",
    "did not send all necessary objects",
    "unresolved deltas",
    "broken",
    "bad signature",
    "does not match index",
    ".lock': File exists",
    "unable to find",
    "invalid object",
    "Could not read",
    "revision walk setup failed",
    "bad revision",
    "not a valid object",
    "unknown repository format",
    "bad config line",
    "parent is off-limits",
    "not a tree object",
    "not something we can merge",
    "Not a valid commit name",
];

/// An author's or a gone thing is told; the weather is tried again; the rest is ours.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match (error.kind(), error) {
            (_, Error::Author(fault)) => Self::author(fault),
            (Kind::Gone, error) => Self::author(Fault::new(error.to_string()).hint(
                "it was deleted or replaced by a forced push, or the App may no longer see it; push again or /preview",
            )),
            (Kind::Weather, Error::Io { doing, path, source }) => {
                Self::weather(format!("{doing} {}", path.display()), source)
            }
            // Kept whole: whoever made the token asks with `is_unauthorised`.
            (Kind::Weather, error @ Error::Unauthorised { .. }) => Self::weather("use Git", error),
            (Kind::Weather, error) => Self::Weather(Cause::plain(error.to_string())),
            (Kind::Ours, Error::Program { doing, source }) => Self::ours(format!("cannot {doing}"), source),
            (Kind::Author | Kind::Ours, error) => Self::Ours(Cause::plain(error.to_string())),
        }
    }
}
