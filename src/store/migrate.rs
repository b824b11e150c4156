//! The schema, brought up to date step by step: embedded, numbered, each in one transaction, each remembered with a
//! digest of its text.
//!
//! A migration that was released is never edited: a database that applied another text is refused, and so is one from a
//! newer version, because an older program could write rows that the newer one no longer understands.

use jiff::Timestamp;
use sqlx::{Any, AssertSqlSafe, Transaction};

use crate::model::id::Digest;
use crate::store::{Error, Store, Told, column};

/// One step.
pub(super) struct Migration {
    /// Its number; they begin at 1 and have no gaps.
    pub(super) version: i64,
    /// Its statements, with BYTES for the type of bytes.
    pub(super) text: &'static str,
}

/// All steps in their order.
pub(super) const ALL: &[Migration] =
    &[Migration { version: 1, text: include_str!("migrations/0001_first.sql") }];

/// Which database it is; only this file needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How a transaction that will write begins. SQLite takes its write lock at once: a transaction that has read first
    /// could not wait for it any more.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    fn bytes(self) -> &'static str {
        match self {
            Self::Sqlite => "BLOB",
            Self::Postgres => "BYTEA",
        }
    }
}

const DOING: &str = "bringing the schema up to date";

/// Applies what is missing. Several processes may do so at once: one works, the others find it done.
pub(super) async fn run(store: &Store, migrations: &[Migration], now: Timestamp) -> Result<(), Error> {
    let dialect = store.dialect;
    let mut tx = store.transaction(DOING).await?;
    if dialect == Dialect::Postgres {
        // SQLite's transaction has the whole file already. The number is arbitrary and ours: "tide" in hexadecimal.
        sqlx::query("SELECT pg_advisory_xact_lock(1953064037)::text")
            .fetch_one(&mut *tx)
            .await
            .told(DOING)?;
    }
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS migrations \
         (version BIGINT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied BIGINT NOT NULL)",
    )
    .execute(&mut *tx)
    .await
    .told(DOING)?;
    let applied = applied(&mut tx).await?;
    let known = migrations.last().map_or(0, |last| last.version);
    if let Some((found, _)) = applied.last()
        && *found > known
    {
        return Err(Error::Newer { found: *found, known });
    }
    for migration in migrations {
        let checksum = Digest::of(migration.text.as_bytes()).to_string();
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, have)) if *have == checksum => {}
            Some(_) => return Err(Error::Altered { version: migration.version }),
            None => apply(&mut tx, dialect, migration, (checksum, now)).await?,
        }
    }
    tx.commit().await.told(DOING)
}

async fn applied(tx: &mut Transaction<'static, Any>) -> Result<Vec<(i64, String)>, Error> {
    let rows = sqlx::query("SELECT version, checksum FROM migrations ORDER BY version")
        .fetch_all(&mut **tx)
        .await
        .told(DOING)?;
    rows.iter().map(|row| Ok((column(row, 0, DOING)?, column(row, 1, DOING)?))).collect()
}

async fn apply(
    tx: &mut Transaction<'static, Any>,
    dialect: Dialect,
    migration: &Migration,
    (checksum, now): (String, Timestamp),
) -> Result<(), Error> {
    // Safe: the text is a constant of ours with one word replaced by another constant.
    let text = AssertSqlSafe(migration.text.replace(" BYTES", &format!(" {}", dialect.bytes())));
    sqlx::raw_sql(text).execute(&mut **tx).await.told(DOING)?;
    sqlx::query("INSERT INTO migrations (version, checksum, applied) VALUES ($1, $2, $3)")
        .bind(migration.version)
        .bind(checksum)
        .bind(now.as_millisecond())
        .execute(&mut **tx)
        .await
        .told(DOING)?;
    Ok(())
}
