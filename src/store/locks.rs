//! Who holds an environment: one pull request at a time, until it is merged, closed or unlocked, or the lock expires.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::model::id::{EnvironmentId, Login, PullNumber, RepoId};
use crate::store::{Error, Store, Told, bounded, column, moment, parsed};

/// An environment held for a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    /// What is held.
    pub environment: EnvironmentId,
    /// For which pull request.
    pub pull: PullNumber,
    /// Who asked for it.
    pub by: Login,
    /// Why, in that person's words; empty: nobody locked it, a deployment took it.
    pub reason: String,
    /// Since when.
    pub taken: Timestamp,
    /// Until when, if nobody releases it.
    pub expires: Timestamp,
}

impl Lock {
    /// Why it is held, for people.
    pub(crate) fn why(&self) -> String {
        if self.reason.is_empty() { format!("deployed from #{}", self.pull) } else { self.reason.clone() }
    }
}

/// Who has a lock after it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The pull request that asked.
    Ours,
    /// Another one.
    HeldBy(Lock),
}

impl Store {
    /// Takes the lock, or keeps it longer if the same pull request has it. An expired lock is nobody's.
    ///
    /// `wanted.taken` is now. Held again by the same pull request, it keeps the time at which it was first taken; and by
    /// a deployment, what a person said of it.
    pub(crate) async fn take_lock(&self, wanted: &Lock) -> Result<Taken, Error> {
        let doing = "taking a lock";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            let row = sqlx::query(
                "INSERT INTO locks (repo, environment, pull, holder, reason, taken, expires) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repo, environment) DO UPDATE SET \
                 taken = CASE WHEN locks.pull = excluded.pull AND locks.expires > excluded.taken \
                 THEN locks.taken ELSE excluded.taken END, \
                 holder = CASE WHEN locks.pull = excluded.pull AND locks.expires > excluded.taken \
                 AND excluded.reason = '' THEN locks.holder ELSE excluded.holder END, \
                 reason = CASE WHEN locks.pull = excluded.pull AND locks.expires > excluded.taken \
                 AND excluded.reason = '' THEN locks.reason ELSE excluded.reason END, \
                 pull = excluded.pull, expires = excluded.expires \
                 WHERE locks.pull = excluded.pull OR locks.expires <= excluded.taken RETURNING pull",
            )
            .bind(wanted.environment.repo.0.cast_signed())
            .bind(wanted.environment.name.as_str())
            .bind(wanted.pull.0.cast_signed())
            .bind(wanted.by.as_str())
            .bind(&wanted.reason)
            .bind(wanted.taken.as_millisecond())
            .bind(wanted.expires.as_millisecond())
            .fetch_optional(&mut *tx)
            .await
            .told(doing)?;
            if row.is_some() {
                tx.commit().await.told(doing)?;
                return Ok(Taken::Ours);
            }
            // The conflicting row is locked by this transaction, so it is still there.
            let row = sqlx::query(
                "SELECT repo, environment, pull, holder, reason, taken, expires FROM locks \
                 WHERE repo = $1 AND environment = $2",
            )
            .bind(wanted.environment.repo.0.cast_signed())
            .bind(wanted.environment.name.as_str())
            .fetch_one(&mut *tx)
            .await
            .told(doing)?;
            tx.commit().await.told(doing)?;
            Ok(Taken::HeldBy(lock(&row)?))
        })
        .await
    }

    /// Who holds an environment now.
    pub(crate) async fn lock(&self, of: &EnvironmentId, now: Timestamp) -> Result<Option<Lock>, Error> {
        let doing = "reading a lock";
        bounded(doing, async {
            let row = sqlx::query(
                "SELECT repo, environment, pull, holder, reason, taken, expires FROM locks \
                 WHERE repo = $1 AND environment = $2 AND expires > $3",
            )
            .bind(of.repo.0.cast_signed())
            .bind(of.name.as_str())
            .bind(now.as_millisecond())
            .fetch_optional(&self.read)
            .await
            .told(doing)?;
            row.as_ref().map(lock).transpose()
        })
        .await
    }

    /// Releases an environment: with `holder` only if that pull request has it. False: there was nothing to release.
    pub(crate) async fn release_lock(
        &self,
        of: &EnvironmentId,
        holder: Option<PullNumber>,
    ) -> Result<bool, Error> {
        let doing = "releasing a lock";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM locks WHERE repo = $1 AND environment = $2 AND ($3 = 1 OR pull = $4)",
            )
            .bind(of.repo.0.cast_signed())
            .bind(of.name.as_str())
            .bind(i64::from(holder.is_none()))
            .bind(holder.map_or(0, |pull| pull.0.cast_signed()))
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Releases what a deployment of this pull request took and no person locked. False: there is no such lock.
    pub(crate) async fn release_taken(&self, of: &EnvironmentId, pull: PullNumber) -> Result<bool, Error> {
        let doing = "releasing a lock that is not needed";
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM locks WHERE repo = $1 AND environment = $2 AND pull = $3 AND reason = ''",
            )
            .bind(of.repo.0.cast_signed())
            .bind(of.name.as_str())
            .bind(pull.0.cast_signed())
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Everything that a pull request holds, expired or not, by environment; at most 200.
    pub(crate) async fn locks_of(&self, repo: RepoId, pull: PullNumber) -> Result<Vec<Lock>, Error> {
        let doing = "reading a pull request's locks";
        bounded(doing, async {
            let rows = sqlx::query(
                "SELECT repo, environment, pull, holder, reason, taken, expires FROM locks \
                 WHERE repo = $1 AND pull = $2 ORDER BY environment LIMIT 200",
            )
            .bind(repo.0.cast_signed())
            .bind(pull.0.cast_signed())
            .fetch_all(&self.read)
            .await
            .told(doing)?;
            rows.iter().map(lock).collect()
        })
        .await
    }
}

fn lock(row: &AnyRow) -> Result<Lock, Error> {
    let doing = "reading a lock";
    Ok(Lock {
        environment: EnvironmentId {
            repo: RepoId(column::<i64>(row, 0, doing)?.cast_unsigned()),
            name: parsed(column(row, 1, doing)?, doing)?,
        },
        pull: PullNumber(column::<i64>(row, 2, doing)?.cast_unsigned()),
        by: parsed(column(row, 3, doing)?, doing)?,
        reason: column(row, 4, doing)?,
        taken: moment(column(row, 5, doing)?, doing)?,
        expires: moment(column(row, 6, doing)?, doing)?,
    })
}
