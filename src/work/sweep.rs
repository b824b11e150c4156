//! What is no longer needed goes: old deliveries, jobs, previews, bundles and mirrors, or the disk would fill without end.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use crate::model::fault::{Failure, chain};
use crate::store::{Error, Store};
use crate::work::Context;

/// How often. Several replicas may do so at once: what the one has deleted the other does not find.
const EVERY: Duration = Duration::from_hours(1);
/// GitHub redelivers for 3 days, an own server for 7; what were forgotten earlier would run a second time.
const DELIVERIES: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Ended jobs, for whoever looks what happened last week. Buried ones stay a month longer.
const JOBS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Previews that a newer one replaced; a comment that is older than an hour is bound to none of them.
const PREVIEWS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What was deployed can be had back for so long after it was last deployed.
const BUNDLES: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Checks that were begun and never ended by us; GitHub itself gives up on them after 14 days.
const CHECKS: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The most bytes of all mirrors together.
const MIRRORS: u64 = 20 << 30;

/// Sweeps at once and then every hour, until `stop` turns true.
pub(crate) async fn sweep(cx: &Context, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            swept = once(cx) => if let Err(failure) = swept {
                tracing::warn!(error = %failure, "not everything old could be deleted; in an hour again");
            },
            _ = stop.changed() => return,
        }
        // A time-out is the usual end; an order ends the loop.
        drop(timeout(EVERY, stop.changed()).await);
    }
}

async fn once(cx: &Context) -> Result<(), Failure> {
    let now = (cx.clock)();
    let rows = rows(&cx.store, now).await;
    let mirrors = cx.git.sweep(now, MIRRORS).await;
    match (&rows, &mirrors) {
        (Ok(0), Ok(0)) => {}
        (Ok(rows), Ok(mirrors)) => tracing::info!(rows, mirrors, "old things are deleted"),
        (_, Err(error)) => tracing::warn!(error = %chain(error), "the mirrors could not be swept"),
        (Err(_), _) => {}
    }
    rows?;
    Ok(())
}

/// What grows old in the database.
#[derive(Debug, Clone, Copy)]
enum Old {
    Deliveries,
    Jobs,
    Checks,
    Previews,
    Bundles,
}

/// Bundles after the previews that hold on to them.
const ALL: [Old; 5] = [Old::Deliveries, Old::Jobs, Old::Checks, Old::Previews, Old::Bundles];

/// Deletes rows that are too old, piece by piece, so that nobody else waits long; says how many.
async fn rows(store: &Store, now: Timestamp) -> Result<u64, Error> {
    let mut all = 0;
    for old in ALL {
        loop {
            match piece(store, old, now).await? {
                0 => break,
                some => all += some,
            }
        }
    }
    Ok(all)
}

async fn piece(store: &Store, old: Old, now: Timestamp) -> Result<u64, Error> {
    let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
    match old {
        Old::Deliveries => store.prune_deliveries(before(DELIVERIES)).await,
        Old::Jobs => store.prune_jobs(before(JOBS)).await,
        Old::Checks => store.prune_checks(before(CHECKS)).await,
        Old::Previews => store.prune_previews(before(PREVIEWS)).await,
        Old::Bundles => store.prune_bundles(before(BUNDLES)).await,
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::rows;
    use crate::model::id::Digest;
    use crate::model::object::Bundle;
    use crate::store::{Delivery, Store};

    #[tokio::test]
    async fn what_is_old_goes_and_what_may_still_be_asked_for_stays() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let store = Store::open("sqlite::memory:", start).await.unwrap();
        for number in 0..1_100 {
            let id = format!("d-{number}").parse().unwrap();
            let delivery = Delivery { id, event: "star".to_owned(), body: b"{}".to_vec(), received: start };
            store.keep(&delivery, start).await.unwrap();
            let held = store.claim(start, std::time::Duration::from_mins(1)).await.unwrap().unwrap();
            store.finish(&held, start).await.unwrap();
        }
        store.keep_bundle(Digest::of(b"b"), &Bundle::default(), start).await.unwrap();
        let days = |days: i64| start + SignedDuration::from_hours(days * 24);
        assert_eq!(rows(&store, days(6)).await.unwrap(), 0);
        assert_eq!(rows(&store, days(13)).await.unwrap(), 1_100, "the jobs");
        assert_eq!(rows(&store, days(15)).await.unwrap(), 1_100, "the deliveries");
        assert!(store.bundle(Digest::of(b"b")).await.unwrap().is_some());
        assert_eq!(rows(&store, days(91)).await.unwrap(), 1, "the bundle");
    }
}
