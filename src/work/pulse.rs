//! The sign of life of a job's holder, given beside the work and never in its way.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};

use crate::model::fault::chain;
use crate::model::job::Leased;
use crate::model::permit::Permit;
use crate::store::Store;

/// After a renewal that failed the next is tried this soon.
const SOON: Duration = Duration::from_secs(1);

/// How long a job is held without a sign of life, and how often one is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    /// How long.
    pub lease: Duration,
    /// How often.
    pub pulse: Duration,
}

/// Runs `work` and renews the lease meanwhile; a lost lease revokes the permit. Both are polled all the time: work that
/// holds the database's one connection for writing goes on and gives it back while a renewal waits for it.
pub(crate) async fn beside(
    (store, clock): (&Store, fn() -> Timestamp),
    leased: &Leased,
    permit: &Permit,
    rhythm: Rhythm,
    work: impl Future<Output = ()>,
) {
    tokio::select! {
        () = work => {}
        never = beat(store, clock, leased, permit, rhythm) => match never {},
    }
}

async fn beat(
    store: &Store,
    clock: fn() -> Timestamp,
    leased: &Leased,
    permit: &Permit,
    rhythm: Rhythm,
) -> Infallible {
    let (mut until, mut pause) = (leased.until, rhythm.pulse);
    loop {
        sleep(pause.min(left(until, clock()))).await;
        let next = clock().checked_add(rhythm.lease).unwrap_or(Timestamp::MAX);
        let renewed = timeout(left(until, clock()), store.renew(leased, next)).await;
        match renewed {
            Ok(Ok(true)) => (until, pause) = (next, rhythm.pulse),
            Ok(Ok(false)) => break tracing::warn!(job.id = leased.id, "the lease is lost"),
            Ok(Err(error)) => {
                // Until the lease runs out nobody else can have taken the job.
                tracing::warn!(job.id = leased.id, error = %chain(&error), "the lease could not be renewed");
                pause = SOON.min(rhythm.pulse);
            }
            Err(_) => {}
        }
        if clock() >= until {
            break tracing::warn!(job.id = leased.id, "the lease ran out");
        }
    }
    permit.revoke();
    pending().await
}

/// How long until then.
fn left(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now).max(SignedDuration::ZERO)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{Rhythm, beside};
    use crate::model::job::{Job, Leased};
    use crate::model::permit::Permit;
    use crate::store::Store;

    /// Leases that last, renewed all the time.
    const QUICK: Rhythm = Rhythm { lease: Duration::from_mins(1), pulse: Duration::from_millis(5) };

    fn clock() -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "leases end by the real clock")]
        Timestamp::now()
    }

    async fn claimed(lease: Duration) -> (Store, Leased) {
        let store = Store::open("sqlite::memory:", clock()).await.unwrap();
        let job = Job::Intake { delivery: "a-1".parse().unwrap() };
        store.push(&job, clock(), clock()).await.unwrap();
        let leased = store.claim(clock(), lease).await.unwrap().unwrap();
        (store, leased)
    }

    async fn revoked(permit: &Permit) {
        while permit.holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[tokio::test]
    async fn work_that_writes_all_the_time_and_the_pulse_do_not_wait_for_each_other() {
        let (store, leased) = claimed(QUICK.lease).await;
        let permit = Permit::default();
        let rhythm = Rhythm { pulse: Duration::ZERO, ..QUICK };
        // Each push takes the one connection over several steps, and a renewal wants it between any two of them.
        let work = async {
            for number in 0..200 {
                let job = Job::Intake { delivery: format!("b-{number}").parse().unwrap() };
                store.push(&job, clock(), clock()).await.unwrap();
            }
        };
        let held = beside((&store, clock), &leased, &permit, rhythm, work);
        tokio::time::timeout(Duration::from_mins(1), held).await.expect("neither waits for the other");
        assert!(permit.holds());
    }

    #[tokio::test]
    async fn a_job_that_another_worker_took_is_revoked() {
        let (store, leased) = claimed(Duration::ZERO).await;
        store.claim(clock(), QUICK.lease).await.unwrap().expect("its lease is over");
        let permit = Permit::default();
        let held = Leased { until: clock() + QUICK.lease, ..leased };
        let work = revoked(&permit);
        let run = beside((&store, clock), &held, &permit, QUICK, work);
        tokio::time::timeout(Duration::from_mins(1), run).await.expect("it is revoked");
    }

    #[tokio::test]
    async fn a_renewal_that_fails_revokes_only_when_the_lease_is_over() {
        let (store, leased) = claimed(QUICK.lease).await;
        store.close().await;
        let permit = Permit::default();
        let until = clock() + Duration::from_millis(1_500);
        let held = Leased { until, ..leased };
        beside((&store, clock), &held, &permit, QUICK, revoked(&permit)).await;
        assert!(clock() >= until, "before that nobody else could have it");
    }
}
