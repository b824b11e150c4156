//! What the holder of a job may do with it. Each write names the fence: one whose lease was taken over changes nothing.

use jiff::Timestamp;
use sqlx::{Any, Transaction};

use crate::model::job::{Job, Leased};
use crate::store::error::is_duplicate;
use crate::store::jobs::NewJob;
use crate::store::{Error, Store, Told, bounded};

/// The longest reason that is kept.
const REASON: usize = 4_000;

impl Store {
    /// Holds the job until `until`; false: another worker has it, and this one must stop.
    pub(crate) async fn renew(&self, leased: &Leased, until: Timestamp) -> Result<bool, Error> {
        let doing = "renewing a lease";
        bounded(doing, async {
            let done = sqlx::query(
                "UPDATE jobs SET lease_until = $1 WHERE id = $2 AND fence = $3 AND state = 'running'",
            )
            .bind(until.as_millisecond())
            .bind(leased.id)
            .bind(leased.fence)
            .execute(&self.write)
            .await
            .told(doing)?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }

    /// The job is done.
    #[allow(dead_code, reason = "tests end jobs that nothing follows from")]
    pub(crate) async fn finish(&self, leased: &Leased, now: Timestamp) -> Result<(), Error> {
        self.finish_with(leased, &[], now).await
    }

    /// The job is done and these follow from it: all of it or nothing, so that what follows is queued exactly once. A
    /// finished intake marks its delivery as finished.
    pub(crate) async fn finish_with(
        &self,
        leased: &Leased,
        jobs: &[Job],
        now: Timestamp,
    ) -> Result<(), Error> {
        let doing = "finishing a job";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            end(&mut tx, leased, ("done", ""), now).await?;
            if let Job::Intake { delivery } = &leased.job {
                sqlx::query("UPDATE deliveries SET state = 'done' WHERE id = $1")
                    .bind(delivery.as_str())
                    .execute(&mut *tx)
                    .await
                    .told(doing)?;
            }
            for job in jobs {
                NewJob::new(self.next_id(now), job, now, now)?.push(&mut tx).await?;
            }
            tx.commit().await.told(doing)?;
            self.arrivals.send_replace(());
            Ok(())
        })
        .await
    }

    /// The job is to be tried again at `at`. If the same was pushed meanwhile, this one ends and that one goes on.
    pub(crate) async fn again(
        &self,
        leased: &Leased,
        at: Timestamp,
        why: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.requeue(leased, Back { at, uncounted: 0, why: cut(why), now, woken: false }).await
    }

    /// Hands the job back at shutdown: it is due at once, and this try does not count.
    pub(crate) async fn release(&self, leased: &Leased, now: Timestamp) -> Result<(), Error> {
        self.requeue(leased, Back { at: now, uncounted: 1, why: "", now, woken: false }).await
    }

    /// The job waits for something else and looks again at `at`: no fault, so this try does not count. If its lane was
    /// woken while it ran, what it waits for may have happened already, and it looks again at once.
    pub(crate) async fn wait(&self, leased: &Leased, at: Timestamp, now: Timestamp) -> Result<(), Error> {
        self.requeue(leased, Back { at, uncounted: 1, why: "waits", now, woken: true }).await
    }

    /// The job is given up, for people to look at.
    pub(crate) async fn bury(&self, leased: &Leased, why: &str, now: Timestamp) -> Result<(), Error> {
        let doing = "burying a job";
        bounded(doing, async {
            let mut tx = self.transaction(doing).await?;
            end(&mut tx, leased, ("buried", cut(why)), now).await?;
            tx.commit().await.told(doing)?;
            self.arrivals.send_replace(());
            Ok(())
        })
        .await
    }

    async fn requeue(&self, leased: &Leased, back: Back<'_>) -> Result<(), Error> {
        let doing = "putting a job back";
        bounded(doing, async {
            // `changed` is when it was claimed, and it was due then: only a wake makes `run_at` later.
            let text = if back.woken {
                "UPDATE jobs SET state = 'queued', run_at = CASE WHEN run_at > changed THEN $4 ELSE $1 END, \
                 attempts = attempts - $2, error = $3, changed = $4 WHERE id = $5 AND fence = $6 AND state = 'running'"
            } else {
                "UPDATE jobs SET state = 'queued', run_at = $1, attempts = attempts - $2, error = $3, changed = $4 \
                 WHERE id = $5 AND fence = $6 AND state = 'running'"
            };
            let done = sqlx::query(text)
            .bind(back.at.as_millisecond())
            .bind(back.uncounted)
            .bind(back.why)
            .bind(back.now.as_millisecond())
            .bind(leased.id)
            .bind(leased.fence)
            .execute(&self.write)
            .await;
            self.arrivals.send_replace(());
            match done {
                Ok(done) if done.rows_affected() == 1 => Ok(()),
                Ok(_) => Err(Error::Fenced { job: leased.id }),
                Err(error) if is_duplicate(&error) => {
                    let mut tx = self.transaction(doing).await?;
                    let why = "the same was asked again meanwhile";
                    end(&mut tx, leased, ("done", why), back.now).await?;
                    tx.commit().await.told(doing)
                }
                Err(error) => Err(Error::from_driver(doing, error)),
            }
        })
        .await
    }
}

/// How a job goes back into the queue.
struct Back<'a> {
    at: Timestamp,
    /// How many of its tries do not count.
    uncounted: i64,
    why: &'a str,
    now: Timestamp,
    /// Does a wake while it ran count?
    woken: bool,
}

/// Ends a job that the caller still holds.
async fn end(
    tx: &mut Transaction<'static, Any>,
    leased: &Leased,
    (state, why): (&'static str, &str),
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE jobs SET state = $1, error = $2, changed = $3 WHERE id = $4 AND fence = $5 AND state = 'running'",
    )
    .bind(state)
    .bind(why)
    .bind(now.as_millisecond())
    .bind(leased.id)
    .bind(leased.fence)
    .execute(&mut **tx)
    .await
    .told("ending a job")?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Fenced { job: leased.id }) }
}

/// Fails unless the caller still holds its job. The row stays locked until the transaction ends, so nobody can take the
/// job over between this look and what is written after it.
pub(super) async fn held(tx: &mut Transaction<'static, Any>, leased: &Leased) -> Result<(), Error> {
    let done =
        sqlx::query("UPDATE jobs SET fence = fence WHERE id = $1 AND fence = $2 AND state = 'running'")
            .bind(leased.id)
            .bind(leased.fence)
            .execute(&mut **tx)
            .await
            .told("looking whether a job is still held")?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Fenced { job: leased.id }) }
}

fn cut(why: &str) -> &str {
    why.get(..why.floor_char_boundary(REASON)).unwrap_or(why)
}
