//! Who must act when something goes wrong: the author, the weather, or us.

use std::borrow::Cow;
use std::{error::Error, fmt};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A mistake in what the author wrote: said on the pull request, with its place and what to do. Never retried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The app it belongs to, by its path; none for the repository's own file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The file, relative to the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong, in the reader's terms; one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The line with a caret beneath, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

impl Fault {
    /// A fault with a message and no place yet.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The same fault with what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same fault in this app.
    pub(crate) fn app(mut self, app: impl Into<String>) -> Self {
        self.app = Some(app.into());
        self
    }

    /// The same fault in this file.
    pub(crate) fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same fault at this line and column, both from 1.
    pub(crate) fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }
}

/// `file:line:column: message (hint)`, the snippet below; for terminals and logs.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", line(file))?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
                if let Some(column) = self.column {
                    write!(f, "{column}:")?;
                }
            }
            f.write_str(" ")?;
        } else if let Some(app) = &self.app {
            write!(f, "{}: ", line(app))?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        Ok(())
    }
}

/// A path in one line: a name in Git may hold a line break, and what comes after it would pass for a line of ours.
fn line(path: &str) -> Cow<'_, str> {
    if path.contains(char::is_control) {
        path.replace(char::is_control, "\u{fffd}").into()
    } else {
        path.into()
    }
}

/// A cause that is not the author's: what we were doing, and what stopped it.
#[derive(Debug)]
pub(crate) struct Cause {
    doing: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Cause {
    /// What was being done when `source` stopped it.
    pub(crate) fn new(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), source: Some(source.into()) }
    }

    /// A cause that needs no source.
    pub(crate) fn plain(doing: impl Into<String>) -> Self {
        Self { doing: doing.into(), source: None }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The whole chain of an error in one line: `doing: because: because`.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Why a piece of work ended without its result, by who must act.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The author must change something; told on the pull request, never retried.
    Author(Vec<Fault>),
    /// GitHub, the cluster or the network is away; retried with back-off, then said.
    Weather(Cause),
    /// GitHub's rate limit, or our own budget beneath it: nobody is at fault and nothing may be tried before `wait` is over.
    /// Waited out; never counted as an attempt.
    Limited {
        /// What was being done.
        cause: Cause,
        /// How long nothing goes.
        wait: SignedDuration,
    },
    /// GitHub does not let the App: whoever installed it must grant what is missing. Told on the pull request, not retried.
    Denied {
        /// What was being done.
        cause: Cause,
        /// What is missing, in words for that person.
        missing: String,
    },
    /// What the work is about is gone (a repository, an installation): nothing remains to be done, nobody to be told.
    Gone(Cause),
    /// A defect or a setting of ours; logged once with an id that the pull request shows.
    Ours(Cause),
}

impl Failure {
    /// One fault of the author's.
    pub(crate) fn author(fault: Fault) -> Self {
        Self::Author(vec![fault])
    }

    /// The weather stopped us while `doing`.
    pub(crate) fn weather(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Weather(Cause::new(doing, source))
    }

    /// We are at fault while `doing`.
    pub(crate) fn ours(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Ours(Cause::new(doing, source))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Author(faults) => {
                for (index, fault) in faults.iter().enumerate() {
                    if index > 0 {
                        f.write_str("\n")?;
                    }
                    write!(f, "{fault}")?;
                }
                Ok(())
            }
            Self::Weather(cause)
            | Self::Limited { cause, .. }
            | Self::Denied { cause, .. }
            | Self::Gone(cause)
            | Self::Ours(cause) => f.write_str(&chain(cause)),
        }
    }
}

impl Error for Failure {}
