//! What can go wrong with GitHub, by who must act.

use crate::model::fault::{Cause, Failure};
use std::error::Error as StdError;
use std::time::Duration;

/// A call to GitHub that did not give what it should; every variant says what was being done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// GitHub or the network is away. Of a write it is not known whether it happened.
    #[error("{doing}: GitHub cannot be reached or failed")]
    Weather {
        /// What was being done.
        doing: String,
        /// What stopped it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A limit of GitHub's, or of our own budget beneath it; nothing was done, and nothing should be tried before.
    #[error("{doing}: GitHub's rate limit leaves nothing for the next {} s", wait.as_secs())]
    Limited {
        /// What was being done.
        doing: String,
        /// How long to wait before the next try.
        wait: Duration,
    },
    /// The repository, pull request or installation is gone, or hidden from us.
    #[error("{doing}: GitHub says that it is gone, or the App is not installed there")]
    Gone {
        /// What was being done.
        doing: String,
    },
    /// The App may not.
    #[error("{doing}: GitHub does not let the App: {missing}")]
    Denied {
        /// What was being done.
        doing: String,
        /// What is missing, in words for the person who installed the App.
        missing: String,
    },
    /// GitHub refused the request itself: a defect of ours.
    #[error("{doing}: GitHub answered {status}: {message}")]
    Refused {
        /// What was being done.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// GitHub's words, shortened.
        message: String,
    },
    /// A setting or a defect of ours.
    #[error("{doing}")]
    Ours {
        /// What was being done.
        doing: String,
        /// What stopped it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody: try again later, with back-off.
    Weather,
    /// Nobody: try again after [`Error::wait`].
    Limited,
    /// Nobody: what it was about is no more.
    Gone,
    /// Who installed the App.
    Denied,
    /// Us.
    Ours,
}

impl Error {
    /// Who must act.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Weather { .. } => Kind::Weather,
            Self::Limited { .. } => Kind::Limited,
            Self::Gone { .. } => Kind::Gone,
            Self::Denied { .. } => Kind::Denied,
            Self::Refused { .. } | Self::Ours { .. } => Kind::Ours,
        }
    }

    /// How long to wait before the next try, where GitHub or our budget says so.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Limited { wait, .. } => Some(*wait),
            Self::Weather { .. }
            | Self::Gone { .. }
            | Self::Denied { .. }
            | Self::Refused { .. }
            | Self::Ours { .. } => None,
        }
    }

    pub(super) fn weather(doing: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Weather { doing: doing.to_owned(), source: source.into() }
    }

    pub(super) fn ours(doing: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Ours { doing: doing.to_owned(), source: source.into() }
    }
}

/// What is gone is none; every other failure stays one.
pub(super) fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::Gone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Weather | Kind::Limited => Self::Weather(Cause::new("ask GitHub", error)),
            Kind::Gone => Self::Gone(Cause::new("ask GitHub", error)),
            Kind::Denied | Kind::Ours => Self::Ours(Cause::new("ask GitHub", error)),
        }
    }
}
