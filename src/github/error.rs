//! What can go wrong with GitHub, by who must act.

use std::error::Error as StdError;
use std::time::Duration;

use jiff::SignedDuration;

use crate::model::fault::{Cause, Failure};

/// The longest that a limit is believed: GitHub's own windows are an hour.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

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
        const DOING: &str = "ask GitHub";
        if let Some(wait) = error.wait() {
            // Never at once: a limit that says nothing would be asked again and again.
            let wait = SignedDuration::try_from(wait).unwrap_or(LONGEST);
            let wait = wait.clamp(SignedDuration::from_secs(1), LONGEST);
            return Self::Limited { cause: Cause::new(DOING, error), wait };
        }
        if let Error::Denied { missing, .. } = &error {
            return Self::Denied { missing: missing.clone(), cause: Cause::new(DOING, error) };
        }
        match error.kind() {
            Kind::Weather | Kind::Limited => Self::Weather(Cause::new(DOING, error)),
            Kind::Gone => Self::Gone(Cause::new(DOING, error)),
            Kind::Denied | Kind::Ours => Self::Ours(Cause::new(DOING, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::Error;
    use crate::model::fault::Failure;

    #[test]
    fn a_limit_keeps_how_long_it_lasts_and_a_denial_what_is_missing() {
        for (wait, wanted) in [(90, 90), (0, 1), (u64::MAX, 3600)] {
            let limited = Error::Limited { doing: "x".to_owned(), wait: Duration::from_secs(wait) };
            let failure = Failure::from(limited);
            assert!(
                matches!(failure, Failure::Limited { wait, .. } if wait == SignedDuration::from_secs(wanted)),
                "{failure:?}"
            );
        }
        let denied =
            Error::Denied { doing: "x".to_owned(), missing: "the App needs checks=write".to_owned() };
        let failure = Failure::from(denied);
        assert!(
            matches!(&failure, Failure::Denied { missing, .. } if missing.contains("checks=write")),
            "{failure:?}"
        );
    }
}
