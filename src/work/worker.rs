//! Workers: claim a job, run it, end it: done, again later, or buried and shown.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};
use tracing::Instrument as _;

use crate::model::fault::{Failure, chain};
use crate::model::job::Leased;
use crate::model::permit::Permit;
use crate::work::tell::{Words, tell};
use crate::work::{Context, Then, run};

/// How long a job is held without a sign of life; after a kill, work goes on within this time.
const LEASE: Duration = Duration::from_secs(30);
/// How often a holder shows that it lives.
const PULSE: Duration = Duration::from_secs(8);
/// How long an idle worker sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// After so many failed attempts the weather is told as an end; with the back-off below that is about an hour.
const ATTEMPTS: u32 = 16;

/// Runs `count` workers until `stop` turns true; then what runs is asked to stop at its next safe point and handed back.
pub(crate) async fn work(cx: Arc<Context>, count: usize, stop: watch::Receiver<bool>) {
    let mut workers = JoinSet::new();
    for number in 0..count {
        let (cx, stop) = (Arc::clone(&cx), stop.clone());
        workers.spawn(async move { one(&cx, stop).await }.instrument(tracing::info_span!("worker", number)));
    }
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(error = %error, "a worker ended by itself");
        }
    }
}

async fn one(cx: &Context, mut stop: watch::Receiver<bool>) {
    let mut arrivals = cx.store.arrivals();
    while !*stop.borrow() {
        // Registered before looking, so that a push between the look and the sleep is not missed.
        arrivals.mark_unchanged();
        match cx.store.claim((cx.clock)(), LEASE).await {
            Ok(Some(leased)) => {
                hold(cx, leased, &mut stop).await;
            }
            Ok(None) => {
                tokio::select! {
                    _ = arrivals.changed() => {}
                    () = sleep(IDLE) => {}
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "no job could be claimed");
                tokio::select! {
                    () = sleep(Duration::from_secs(2)) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}

/// Runs one job while renewing its lease; a lost lease or a shutdown revokes the permit.
async fn hold(cx: &Context, leased: Leased, stop: &mut watch::Receiver<bool>) {
    let permit = Permit::default();
    let span = tracing::info_span!("job", job.id = leased.id, job.lane = %leased.job.lane(), job.attempt = leased.attempts);
    let work = async {
        let ended = run(cx, &leased, &permit).await;
        finish(cx, &leased, ended).await;
    }
    .instrument(span);
    tokio::pin!(work);
    loop {
        tokio::select! {
            () = &mut work => return,
            () = sleep(PULSE) => {
                let until = (cx.clock)() + LEASE;
                if !matches!(cx.store.renew(&leased, until).await, Ok(true)) {
                    tracing::warn!(job.id = leased.id, "the lease is lost");
                    permit.revoke();
                }
            }
            _ = stop.changed() => {
                permit.revoke();
                // What writes stops at its next safe point; what only reads is dropped and handed back.
                if tokio::time::timeout(Duration::from_secs(8), &mut work).await.is_err()
                    && let Err(error) = cx.store.release(&leased, (cx.clock)()).await {
                        tracing::warn!(job.id = leased.id, error = %chain(&error), "not handed back; its lease runs out");
                    }
                return;
            }
        }
    }
}

/// Ends a job by how it went. Logged here and nowhere else.
pub(crate) async fn finish(cx: &Context, leased: &Leased, ended: Result<Then, Failure>) {
    let now = (cx.clock)();
    let kept = match ended {
        Ok(Then { wait: Some(at), .. }) => cx.store.wait(leased, at, now).await,
        Ok(Then { jobs, wait: None }) => cx.store.finish_with(leased, &jobs, now).await,
        Err(Failure::Weather(cause)) => {
            let why = chain(&cause);
            if leased.attempts + 1 >= ATTEMPTS {
                tracing::error!(job.id = leased.id, error = %why, "given up");
                said(cx, leased, Words::Ended(format!("given up after {ATTEMPTS} attempts"))).await;
                cx.store.bury(leased, &why, now).await
            } else {
                let at = after(now, backoff(leased.attempts));
                tracing::warn!(job.id = leased.id, error = %why, again = %at, "again later");
                if leased.attempts >= 1 {
                    said(cx, leased, Words::Again(format!("tried again at {at:.0}"))).await;
                }
                cx.store.again(leased, at, &why, now).await
            }
        }
        Err(Failure::Gone(cause)) => {
            tracing::info!(job.id = leased.id, reason = %chain(&cause), "nothing remains to be done");
            cx.store.finish_with(leased, &[], now).await
        }
        Err(failure @ (Failure::Ours(_) | Failure::Author(_))) => {
            // An author's mistake that no use case has told is a defect of ours too.
            tracing::error!(job.id = leased.id, error = %failure, "buried");
            said(cx, leased, Words::Ended("our fault".to_owned())).await;
            cx.store.bury(leased, &failure.to_string(), now).await
        }
    };
    if let Err(error) = kept {
        tracing::error!(job.id = leased.id, error = %chain(&error), "the job's end could not be kept; it runs again");
    }
}

async fn said(cx: &Context, leased: &Leased, words: Words) {
    if let Err(failure) = tell(cx, leased, &words).await {
        tracing::warn!(job.id = leased.id, error = %failure, "could not be said on the pull request");
    }
}

/// 2 s, 4 s, 8 s … at most 5 minutes.
fn backoff(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(2_i64.saturating_pow(attempts.saturating_add(1)).min(300))
}

fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_add(duration).unwrap_or(now)
}
