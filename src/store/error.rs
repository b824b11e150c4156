//! What can go wrong with the database, and who must act.

use std::time::Duration;

use crate::model::fault::{Failure, chain};

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The database is away, busy or full: the same call may succeed later. Its outcome may be unknown.
    Weather,
    /// A defect or a setting of ours: the same call will fail again.
    Ours,
}

/// Why the store did not do what it was asked. No text of it holds a database address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database is away, busy or full.
    #[error("the database is not available for {doing}")]
    Away {
        /// What was asked.
        doing: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time; whether it was done is not known.
    #[error("the database did not answer within {} s for {doing}", within.as_secs())]
    Slow {
        /// What was asked.
        doing: &'static str,
        /// How long was waited.
        within: Duration,
    },
    /// The database refused what we wrote.
    #[error("the database refused {doing}")]
    Refused {
        /// What was asked.
        doing: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row does not hold what we once wrote into it.
    #[error("the database holds something else than was expected for {doing}")]
    Unreadable {
        /// What was asked.
        doing: &'static str,
        /// Why it cannot be read.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another worker holds the job now, or it has ended: this one must stop.
    #[error("job {job} is no longer held by this worker")]
    Fenced {
        /// The job.
        job: i64,
    },
    /// More than the store takes in one piece.
    #[error("{what} of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A newer Tidegate has been here.
    #[error(
        "the database has schema version {found}, made by a newer Tidegate; this one knows versions up to {known}: \
         run that newer version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// An applied migration is not the one that we have under its number.
    #[error("migration {version} of the database was applied with another text than this Tidegate has")]
    Altered {
        /// Its number.
        version: i64,
    },
    /// The database's file cannot be opened or made.
    #[error("the database file {} cannot be opened", path.display())]
    File {
        /// Where it should be.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The address in the settings is not one of a database that we know.
    #[error("the setting `database` must be sqlite://PATH, sqlite::memory: or postgres://…")]
    Address,
}

impl Error {
    /// Who must act.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            // A fenced worker has nothing to report: another one goes on with the job.
            Self::Away { .. } | Self::Slow { .. } | Self::Fenced { .. } => Kind::Weather,
            Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::File { .. }
            | Self::TooLarge { .. }
            | Self::Newer { .. }
            | Self::Altered { .. }
            | Self::Address => Kind::Ours,
        }
    }

    /// A row's content that cannot be read.
    pub(super) fn unreadable(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable { doing, source: source.into() }
    }

    /// Translates what the driver said.
    pub(super) fn from_driver(doing: &'static str, source: sqlx::Error) -> Self {
        if is_weather(&source) {
            Self::Away { doing, source: source.into() }
        } else {
            Self::Refused { doing, source: source.into() }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Weather => Self::weather("keeping state", Said(chain(&error))),
            Kind::Ours => Self::ours("keeping state", Said(chain(&error))),
        }
    }
}

/// The words of an error whose driver's type must not leave this room.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

/// Was a unique index in the way?
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

fn is_weather(error: &sqlx::Error) -> bool {
    if let Some(database) = error.as_database_error() {
        return database.code().is_some_and(|code| is_weather_code(&code));
    }
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
    )
}

/// SQLite's numbers (<https://www.sqlite.org/rescode.html>) have up to four digits, PostgreSQL's SQLSTATE
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) has always five characters.
fn is_weather_code(code: &str) -> bool {
    if code.len() == 5 {
        // 08 connection, 40 deadlock and serialization, 53 resources, 55 lock not available, 57 shutdown and time-out,
        // 58 system, 25006 read-only (a standby during failover).
        return ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
            || code == "25006";
    }
    // The low byte is the primary code: 5 busy, 6 locked, 7 no memory, 8 read-only, 10 input or output, 13 full,
    // 14 cannot open.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::is_weather_code;

    #[test]
    fn what_passes_by_itself_is_weather_and_what_is_wrong_stays_wrong() {
        for passes in ["5", "517", "261", "13", "40P01", "57014", "08006", "25006", "55P03"] {
            assert!(is_weather_code(passes), "{passes}");
        }
        for stays in ["1", "19", "2067", "23505", "42601", "42P01", ""] {
            assert!(!is_weather_code(stays), "{stays}");
        }
    }
}
