//! The queue: what remains to be done, one running per lane, the same thing waiting only once.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Transaction};

use crate::model::job::{Job, Leased};
use crate::store::deliveries::values;
use crate::store::error::is_duplicate;
use crate::store::{Error, Store, Told, bounded, column, from_json, moment, to_json};

/// How often a claim tries again when other workers were faster.
const TRIES: usize = 32;

// The questions that workers ask all the time. Each follows one index and stops at the first row: thousands of jobs that
// wait, or that ended and are kept for a while, must not make them slower.
pub(super) const EXPIRED: &str =
    "SELECT id FROM jobs WHERE state = 'running' AND lease_until <= $1 ORDER BY lease_until LIMIT 1";
pub(super) const DUE: &str = "SELECT id FROM jobs AS j WHERE state = 'queued' AND run_at <= $1 AND NOT EXISTS \
     (SELECT 1 FROM jobs AS o WHERE o.lane = j.lane AND o.state = 'running') ORDER BY run_at, id LIMIT 1";
#[allow(dead_code, reason = "for `next_due`")]
pub(super) const NEXT_EXPIRY: &str =
    "SELECT lease_until FROM jobs WHERE state = 'running' ORDER BY lease_until LIMIT 1";
#[allow(dead_code, reason = "for `next_due`")]
pub(super) const NEXT_RUN: &str = "SELECT run_at FROM jobs AS j WHERE state = 'queued' AND NOT EXISTS \
     (SELECT 1 FROM jobs AS o WHERE o.lane = j.lane AND o.state = 'running') ORDER BY run_at, id LIMIT 1";

/// Did a push add a job?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Yes.
    New,
    /// One with the same key waits already; it now holds the newer words and runs at the earlier of both times.
    Merged,
}

/// How many jobs there are, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Census {
    /// Due, and no worker has them yet.
    pub queued: u64,
    /// A worker has them.
    pub running: u64,
    /// To be tried at a later time.
    pub waiting: u64,
    /// Given up.
    pub buried: u64,
}

/// A job that was given up, for people to see.
#[derive(Debug, Clone, PartialEq)]
#[allow(dead_code, reason = "for `buried`")]
pub(crate) struct Buried {
    /// Its row.
    pub id: i64,
    /// What should have been done.
    pub job: Job,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// A row to be.
pub(super) struct NewJob {
    id: i64,
    job: String,
    lane: String,
    key: String,
    run_at: i64,
    pushed: i64,
}

impl NewJob {
    /// The row of a job.
    pub(super) fn new(id: i64, job: &Job, run_at: Timestamp, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            id,
            job: to_json(job, "writing a job")?,
            lane: job.lane(),
            key: job.key(),
            run_at: run_at.as_millisecond(),
            pushed: now.as_millisecond(),
        })
    }

    /// Adds the row, or merges it into one that waits under its key.
    pub(super) async fn push(self, tx: &mut Transaction<'static, Any>) -> Result<Pushed, Error> {
        let doing = "queueing a job";
        let id = self.id;
        // The newer words count: a repository may have been renamed. Its failures so far were those of older news.
        let row = sqlx::query(
            "INSERT INTO jobs (id, job, lane, key, state, run_at, attempts, fence, lease_until, pushed, changed, error) \
             VALUES ($1, $2, $3, $4, 'queued', $5, 0, 0, 0, $6, $6, '') \
             ON CONFLICT (key) WHERE state = 'queued' DO UPDATE SET job = excluded.job, attempts = 0, \
             run_at = CASE WHEN excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END \
             RETURNING id",
        )
        .bind(id)
        .bind(self.job)
        .bind(self.lane)
        .bind(self.key)
        .bind(self.run_at)
        .bind(self.pushed)
        .fetch_one(&mut **tx)
        .await
        .told(doing)?;
        let landed: i64 = column(&row, 0, doing)?;
        Ok(if landed == id { Pushed::New } else { Pushed::Merged })
    }

    /// Adds many rows at once; one that waits under the same key already stays as it is.
    pub(super) async fn insert_quietly(
        tx: &mut Transaction<'static, Any>,
        rows: &[Self],
    ) -> Result<(), Error> {
        let text = values(
            "INSERT INTO jobs (id, job, lane, key, run_at, pushed, changed, \
             state, attempts, fence, lease_until, error) VALUES ",
            rows.len(),
            12,
        );
        let mut query: Query<'_, Any, AnyArguments> =
            sqlx::query(AssertSqlSafe(text + " ON CONFLICT (key) WHERE state = 'queued' DO NOTHING"));
        for row in rows {
            query = query.bind(row.id).bind(&row.job).bind(&row.lane).bind(&row.key);
            query = query.bind(row.run_at).bind(row.pushed).bind(row.pushed);
            query = query.bind("queued").bind(0_i64).bind(0_i64).bind(0_i64).bind("");
        }
        query.execute(&mut **tx).await.told("queueing jobs")?;
        Ok(())
    }
}

impl Store {
    /// Queues a job to run at `run_at` or later.
    #[allow(dead_code, reason = "tests queue jobs by hand")]
    pub(crate) async fn push(&self, job: &Job, run_at: Timestamp, now: Timestamp) -> Result<Pushed, Error> {
        let doing = "queueing a job";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            let pushed = NewJob::new(self.next_id(now), job, run_at, now)?.push(&mut tx).await?;
            tx.commit().await.told(doing)?;
            self.arrivals.send_replace(());
            Ok(pushed)
        })
        .await
    }

    /// The next job that is due, now held by the caller until `now + lease`; none: nothing is due, or all lanes are busy.
    ///
    /// Due are waiting jobs whose lane is idle, and running ones whose lease ran out (their worker died). The earliest
    /// `run_at` comes first, of equal ones the first pushed.
    pub(crate) async fn claim(&self, now: Timestamp, lease: Duration) -> Result<Option<Leased>, Error> {
        let doing = "claiming a job";
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        bounded(doing, async {
            for _ in 0..TRIES {
                let Some(id) = self.candidate(now).await? else { return Ok(None) };
                let taken = sqlx::query(
                    "UPDATE jobs SET state = 'running', lease_until = $1, fence = fence + 1, \
                     attempts = attempts + 1, changed = $2 \
                     WHERE id = $3 AND (state = 'queued' OR (state = 'running' AND lease_until <= $2)) \
                     RETURNING id, job, fence, attempts, pushed",
                )
                .bind(until.as_millisecond())
                .bind(now.as_millisecond())
                .bind(id)
                .fetch_optional(&self.write)
                .await;
                match taken {
                    Ok(Some(row)) => return leased(&row, until).map(Some),
                    // Somebody else was faster with this job, or with its lane.
                    Ok(None) => {}
                    Err(error) if is_duplicate(&error) => {}
                    Err(error) => return Err(Error::from_driver(doing, error)),
                }
            }
            Ok(None)
        })
        .await
    }

    /// Expired leases first: they were due before anything that waits.
    async fn candidate(&self, now: Timestamp) -> Result<Option<i64>, Error> {
        let doing = "looking for a job";
        for text in [EXPIRED, DUE] {
            let row =
                sqlx::query(text).bind(now.as_millisecond()).fetch_optional(&self.read).await.told(doing)?;
            if let Some(row) = row {
                return column(&row, 0, doing).map(Some);
            }
        }
        Ok(None)
    }

    /// How many jobs are due, run, wait for a later time, and are buried: for metrics.
    pub(crate) async fn census(&self, now: Timestamp) -> Result<Census, Error> {
        let doing = "counting jobs by state";
        bounded(doing, async {
            let rows = sqlx::query(
                "SELECT CASE WHEN state = 'queued' AND run_at > $1 THEN 'waiting' ELSE state END AS kind, COUNT(*) \
                 FROM jobs WHERE state IN ('queued', 'running', 'buried') GROUP BY kind",
            )
            .bind(now.as_millisecond())
            .fetch_all(&self.read)
            .await
            .told(doing)?;
            let mut census = Census::default();
            for row in &rows {
                let count = column::<i64>(row, 1, doing)?.cast_unsigned();
                match column::<String>(row, 0, doing)?.as_str() {
                    "queued" => census.queued = count,
                    "running" => census.running = count,
                    "waiting" => census.waiting = count,
                    _ => census.buried = count,
                }
            }
            Ok(census)
        })
        .await
    }

    /// How many jobs wait or run.
    #[allow(dead_code, reason = "tests wait until nothing is left")]
    pub(crate) async fn queued(&self) -> Result<u64, Error> {
        let doing = "counting jobs";
        bounded(doing, async {
            let row = sqlx::query(
                "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') \
                 + (SELECT COUNT(*) FROM jobs WHERE state = 'running')",
            )
            .fetch_one(&self.read)
            .await
            .told(doing)?;
            column::<i64>(&row, 0, doing).map(i64::cast_unsigned)
        })
        .await
    }

    /// When the next job becomes due: the earliest waiting one of an idle lane, or the end of a lease. None: nothing waits.
    #[allow(dead_code, reason = "tests ask when")]
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let doing = "looking when the next job is due";
        bounded(doing, async {
            let mut due: Option<i64> = None;
            for text in [NEXT_EXPIRY, NEXT_RUN] {
                if let Some(row) = sqlx::query(text).fetch_optional(&self.read).await.told(doing)? {
                    let at = column(&row, 0, doing)?;
                    due = Some(due.map_or(at, |due| due.min(at)));
                }
            }
            due.map(|at| moment(at, doing)).transpose()
        })
        .await
    }

    /// Lets the waiting jobs of a lane run at once: what they waited for has happened.
    pub(crate) async fn wake(&self, lane: &str, now: Timestamp) -> Result<(), Error> {
        let doing = "waking a lane";
        bounded(doing, async {
            // One that runs may be about to wait: `Store::wait` sees by this that it was woken.
            sqlx::query(
                "UPDATE jobs SET run_at = $1 WHERE lane = $2 \
                 AND ((state = 'queued' AND run_at > $1) OR state = 'running')",
            )
            .bind(now.as_millisecond())
            .bind(lane)
            .execute(&self.write)
            .await
            .told(doing)?;
            self.arrivals.send_replace(());
            Ok(())
        })
        .await
    }

    /// The jobs that were given up, newest first, at most 100.
    #[allow(dead_code, reason = "a list of what was given up will show them; tests read it")]
    pub(crate) async fn buried(&self) -> Result<Vec<Buried>, Error> {
        let doing = "listing buried jobs";
        bounded(doing, async {
            let rows = sqlx::query(
                "SELECT id, job, attempts, error, changed FROM jobs WHERE state = 'buried' \
                 ORDER BY changed DESC, id DESC LIMIT 100",
            )
            .fetch_all(&self.read)
            .await
            .told(doing)?;
            rows.iter().map(buried).collect()
        })
        .await
    }

    /// Forgets jobs that ended well before `before`, and those buried a month before it, at most 1,000 of each; says how
    /// many, so that the caller goes on.
    pub(crate) async fn prune_jobs(&self, before: Timestamp) -> Result<u64, Error> {
        const MONTH: i64 = 30 * 24 * 60 * 60 * 1000;
        let doing = "forgetting old jobs";
        let before = before.as_millisecond();
        bounded(doing, async {
            let done = sqlx::query(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'done' AND changed < $1 \
                 ORDER BY changed LIMIT 1000)",
            )
            .bind(before)
            .execute(&self.write)
            .await
            .told(doing)?;
            let buried = sqlx::query(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'buried' AND changed < $1 \
                 ORDER BY changed LIMIT 1000)",
            )
            .bind(before.saturating_sub(MONTH))
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(done.rows_affected() + buried.rows_affected())
        })
        .await
    }
}

fn leased(row: &AnyRow, until: Timestamp) -> Result<Leased, Error> {
    let doing = "reading a job";
    Ok(Leased {
        id: column(row, 0, doing)?,
        job: from_json(column(row, 1, doing)?, doing)?,
        fence: column(row, 2, doing)?,
        // The claim has counted this try already; the holder wants to know of those before it.
        attempts: count(column::<i64>(row, 3, doing)?.saturating_sub(1)),
        pushed: moment(column(row, 4, doing)?, doing)?,
        until,
    })
}

#[allow(dead_code, reason = "for `Store::buried`")]
fn buried(row: &AnyRow) -> Result<Buried, Error> {
    let doing = "reading a buried job";
    Ok(Buried {
        id: column(row, 0, doing)?,
        job: from_json(column(row, 1, doing)?, doing)?,
        attempts: count(column(row, 2, doing)?),
        why: column(row, 3, doing)?,
        at: moment(column(row, 4, doing)?, doing)?,
    })
}

fn count(attempts: i64) -> u32 {
    u32::try_from(attempts.max(0)).unwrap_or(u32::MAX)
}
