//! Workers: claim a job, run it, end it: done, again later, or buried and shown.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};
use tracing::Instrument as _;

use crate::model::fault::{Cause, Failure, chain};
use crate::model::job::{Job, Leased};
use crate::model::permit::Permit;
use crate::work::pulse::{Rhythm, beside};
use crate::work::tell::{Words, tell};
use crate::work::{Context, Then, run, sweep};

/// How long a job is held without a sign of life (after a kill, work goes on within this time), and how often its holder
/// gives one.
const RHYTHM: Rhythm = Rhythm { lease: Duration::from_secs(30), pulse: Duration::from_secs(8) };
/// How long what runs may go on after the order to stop.
const HANDOVER: Duration = Duration::from_secs(8);
/// How long an idle worker sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// After so many failed attempts the weather is told as an end; with the back-off below that is about an hour.
const ATTEMPTS: u32 = 20;
/// The longest pause between two attempts.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Runs `count` workers, and the sweep beside them, until `stop` turns true; then what runs is asked to stop at its next safe point and handed back.
pub(crate) async fn work(cx: Arc<Context>, count: usize, stop: watch::Receiver<bool>) {
    let mut workers = JoinSet::new();
    for number in 0..count {
        let (cx, stop) = (Arc::clone(&cx), stop.clone());
        workers.spawn(async move { one(&cx, stop).await }.instrument(tracing::info_span!("worker", number)));
    }
    workers.spawn(async move { sweep::sweep(&cx, stop).await }.instrument(tracing::info_span!("sweep")));
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
        match cx.store.claim((cx.clock)(), RHYTHM.lease).await {
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
    let ended = {
        // Boxed, so that an idle worker is small.
        let work = Box::pin(async {
            let ended = guarded(Box::pin(run(cx, &leased, &permit))).await;
            Box::pin(finish(cx, &leased, ended)).await;
        });
        let held =
            beside((&cx.store, cx.clock), &leased, &permit, RHYTHM, guarded_end(work).instrument(span));
        tokio::pin!(held);
        tokio::select! {
            () = &mut held => true,
            _ = stop.changed() => {
                permit.revoke();
                // What writes stops at its next safe point; what only reads is dropped and handed back.
                tokio::time::timeout(HANDOVER, &mut held).await.is_ok()
            }
        }
    };
    // Only now that the work is dropped: it may have held the database's one connection for writing.
    if !ended && let Err(error) = cx.store.release(&leased, (cx.clock)()).await {
        tracing::warn!(job.id = leased.id, error = %chain(&error), "not handed back; its lease runs out");
    }
}

/// A job that panics is a defect of ours like any other: it ends that job, not its worker.
async fn guarded(job: impl Future<Output = Result<Then, Failure>>) -> Result<Then, Failure> {
    match AssertUnwindSafe(job).catch_unwind().await {
        Ok(ended) => ended,
        Err(panic) => Err(Failure::Ours(Cause::plain(format!("the job panicked: {}", words(&*panic))))),
    }
}

/// Where even the end of a job panics, its lease runs out and another worker takes it up.
async fn guarded_end(work: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
        tracing::error!(error = words(&*panic), "the end of a job panicked; it runs again");
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// How a job goes on after one run of it.
#[derive(Debug)]
enum End {
    /// It is done, and these follow.
    Done(Vec<Job>),
    /// It looks again then; not counted as an attempt.
    Wait(Timestamp),
    /// It is tried again then; with words, people are told meanwhile.
    Again(Timestamp, String, Option<Words>),
    /// It is given up, once people were told.
    Bury(String, Words),
}

/// What follows from how a run ended, the `attempts` before it not counted. Pure, but for the log: each end is logged here
/// and nowhere else.
fn end(attempts: u32, ended: Result<Then, Failure>, now: Timestamp) -> End {
    match ended {
        Ok(Then { wait: Some(at), .. }) => End::Wait(at),
        Ok(Then { jobs, wait: None }) => End::Done(jobs),
        Err(Failure::Limited { cause, wait }) => {
            let at = after(now, wait);
            tracing::info!(reason = %chain(&cause), again = %at, "waits for GitHub's limit");
            End::Wait(at)
        }
        Err(Failure::Weather(cause)) if attempts + 1 >= ATTEMPTS => {
            let why = chain(&cause);
            tracing::error!(error = %why, "given up");
            End::Bury(why, Words::Ended(format!("given up after {ATTEMPTS} attempts")))
        }
        Err(Failure::Weather(cause)) => {
            let (why, at) = (chain(&cause), after(now, backoff(attempts)));
            tracing::warn!(error = %why, again = %at, "again later");
            // The first failure often passes before anybody reads of it.
            let words = (attempts >= 1).then(|| Words::Again(format!("tried again at {at:.0}")));
            End::Again(at, why, words)
        }
        Err(Failure::Gone(cause)) => {
            tracing::info!(reason = %chain(&cause), "nothing remains to be done");
            End::Done(Vec::new())
        }
        Err(Failure::Denied { cause, missing }) => {
            let why = chain(&cause);
            tracing::error!(error = %why, "buried: the App lacks a permission");
            End::Bury(why, Words::Denied(missing))
        }
        Err(failure @ (Failure::Ours(_) | Failure::Author(_))) => {
            // An author's mistake that no use case has told is a defect of ours too.
            let why = failure.to_string();
            tracing::error!(error = %why, "buried");
            End::Bury(why, Words::Ended("our fault".to_owned()))
        }
    }
}

/// When to try again to tell people that a job is given up: while GitHub is away nobody would learn of it, so the job
/// stays. None: it cannot be told at all.
fn untold(attempts: u32, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
    match failure {
        Failure::Weather(_) => Some(after(now, backoff(attempts))),
        Failure::Limited { wait, .. } => Some(after(now, *wait)),
        Failure::Author(_) | Failure::Denied { .. } | Failure::Gone(_) | Failure::Ours(_) => None,
    }
}

/// Ends a job by how it went.
async fn finish(cx: &Context, leased: &Leased, ended: Result<Then, Failure>) {
    let now = (cx.clock)();
    let kept = match end(leased.attempts, ended, now) {
        End::Done(jobs) => cx.store.finish_with(leased, &jobs, now).await,
        End::Wait(at) => cx.store.wait(leased, at, now).await,
        End::Again(at, why, words) => {
            if let Some(words) = words
                && let Err(failure) = tell(cx, leased, &words).await
            {
                tracing::warn!(error = %failure, "could not be said on the pull request");
            }
            cx.store.again(leased, at, &why, now).await
        }
        End::Bury(why, words) => match tell(cx, leased, &words).await {
            Ok(()) => cx.store.bury(leased, &why, now).await,
            Err(failure) => {
                let at = untold(leased.attempts, &failure, now);
                tracing::error!(error = %failure, again = ?at, "that a job is given up could not be told");
                match at {
                    Some(at) => cx.store.again(leased, at, &why, now).await,
                    None => cx.store.bury(leased, &why, now).await,
                }
            }
        },
    };
    if let Err(error) = kept {
        tracing::error!(error = %chain(&error), "the job's end could not be kept; it runs again");
    }
}

/// 2 s, 4 s, 8 s … at most [`PAUSE`].
fn backoff(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(2_i64.saturating_pow(attempts.saturating_add(1))).min(PAUSE)
}

fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_add(duration).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{ATTEMPTS, End, backoff, end, guarded, guarded_end, untold};
    use crate::model::fault::{Cause, Failure};
    use crate::work::Then;
    use crate::work::tell::Words;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn weather() -> Failure {
        Failure::Weather(Cause::plain("look"))
    }

    fn limited(seconds: i64) -> Failure {
        Failure::Limited { cause: Cause::plain("look"), wait: SignedDuration::from_secs(seconds) }
    }

    #[test]
    fn weather_is_waited_out_for_about_an_hour() {
        let pauses: i64 = (0..ATTEMPTS - 1).map(|attempts| backoff(attempts).as_secs()).sum();
        assert!((3_600..4_200).contains(&pauses), "{pauses} s");
        let told = |attempts| {
            let ended = end(attempts, Err(weather()), now());
            let End::Again(_, _, words) = ended else { panic!("{ended:?}") };
            words.is_some()
        };
        assert_eq!((told(0), told(1), told(ATTEMPTS - 2)), (false, true, true));
        assert!(matches!(end(ATTEMPTS - 1, Err(weather()), now()), End::Bury(_, Words::Ended(_))));
    }

    #[test]
    fn a_limit_is_waited_out_however_often_and_never_told_as_a_failure() {
        for attempts in [0, ATTEMPTS, u32::MAX] {
            let ended = end(attempts, Err(limited(90)), now());
            assert!(
                matches!(ended, End::Wait(at) if at == now() + SignedDuration::from_secs(90)),
                "{ended:?}"
            );
        }
    }

    #[test]
    fn nothing_is_buried_in_silence_while_github_is_away() {
        let minute = SignedDuration::from_mins(1);
        assert_eq!(untold(ATTEMPTS, &limited(60), now()), Some(now() + minute));
        assert_eq!(untold(ATTEMPTS, &weather(), now()), Some(now() + SignedDuration::from_mins(5)));
        assert_eq!(untold(0, &Failure::Gone(Cause::plain("look")), now()), None);
        assert_eq!(untold(0, &Failure::Ours(Cause::plain("look")), now()), None);
    }

    #[test]
    fn what_the_app_may_not_is_told_with_what_is_missing() {
        let missing = "grant it `checks: write`".to_owned();
        let denied = Failure::Denied { cause: Cause::plain("check"), missing: missing.clone() };
        assert!(matches!(end(0, Err(denied), now()), End::Bury(_, Words::Denied(text)) if text == missing));
    }

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_worker() {
        #[expect(clippy::unused_async, reason = "it stands for a job")]
        async fn panics(number: u32) -> Result<Then, Failure> {
            assert!(number == 0, "no {number}");
            Ok(Then::done())
        }
        let failure = guarded(panics(7)).await.unwrap_err();
        assert!(matches!(&failure, Failure::Ours(cause) if cause.to_string().contains("no 7")), "{failure}");
        assert!(guarded(panics(0)).await.is_ok());
        guarded_end(async { panic!("at the end") }).await;
    }
}
