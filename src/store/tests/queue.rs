//! The queue's laws: once while waiting, one per lane, fenced, nothing lost by a crash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::Row;

use crate::model::event::Spoken;
use crate::model::id::{CommentId, PullNumber};
use crate::model::job::Job;
use crate::store::error::is_duplicate;
use crate::store::jobs::{DUE, EXPIRED, NEXT_EXPIRY, NEXT_RUN};
use crate::store::tests::{LEASE, Place, at, deploy, on_both, preview, repo};
use crate::store::{Error, Kind, Pushed, Store};

on_both!(
    a_job_waits_only_once_and_the_newer_words_count,
    a_lane_runs_one_at_a_time_in_order,
    the_worker_that_died_is_replaced_and_cannot_come_back,
    eight_workers_on_four_lanes_never_overlap,
    what_is_put_back_runs_later_and_counts_its_tries,
    what_is_put_back_merges_with_what_was_pushed_meanwhile,
    what_is_handed_back_at_shutdown_is_due_at_once_and_not_counted,
    what_follows_is_queued_exactly_when_the_job_ends,
    what_is_hopeless_is_buried_and_shown,
    the_next_due_moment_is_known,
    a_woken_lane_need_not_wait,
    a_wake_while_a_job_runs_is_not_lost_when_it_then_waits,
    the_database_itself_refuses_two_of_one_lane,
    workers_are_told_of_what_arrives,
);

async fn a_job_waits_only_once_and_the_newer_words_count(place: Place) {
    let store = place.open().await;
    assert_eq!(store.push(&preview(1), at(500), at(0)).await.unwrap(), Pushed::New);
    let renamed = Job::Preview {
        repo: crate::model::id::Repo { name: "acme/store".parse().unwrap(), ..repo() },
        pull: PullNumber(1),
    };
    assert_eq!(store.push(&renamed, at(100), at(1)).await.unwrap(), Pushed::Merged);
    assert_eq!(store.push(&preview(2), at(0), at(2)).await.unwrap(), Pushed::New);
    assert_eq!(store.queued().await.unwrap(), 2);
    let second = store.claim(at(2), LEASE).await.unwrap().unwrap();
    assert_eq!(second.job, preview(2));
    assert_eq!(store.claim(at(99), LEASE).await.unwrap(), None, "not due yet");
    let first = store.claim(at(100), LEASE).await.unwrap().unwrap();
    assert_eq!((&first.job, first.pushed, first.attempts), (&renamed, at(0), 0));
    // It has begun, so the same may wait again.
    assert_eq!(store.push(&preview(1), at(100), at(100)).await.unwrap(), Pushed::New);
}

async fn a_lane_runs_one_at_a_time_in_order(place: Place) {
    let store = place.open().await;
    for id in ["a", "b", "c"] {
        store.push(&deploy("prod", id), at(0), at(0)).await.unwrap();
    }
    for id in ["a", "b", "c"] {
        let held = store.claim(at(1), LEASE).await.unwrap().unwrap();
        assert_eq!(held.job, deploy("prod", id));
        assert_eq!(store.claim(at(1), LEASE).await.unwrap(), None, "the lane is busy");
        store.finish(&held, at(2)).await.unwrap();
    }
    assert_eq!(store.queued().await.unwrap(), 0);
}

async fn the_worker_that_died_is_replaced_and_cannot_come_back(place: Place) {
    let store = place.open().await;
    store.push(&deploy("prod", "a"), at(0), at(0)).await.unwrap();
    let dead = store.claim(at(0), LEASE).await.unwrap().unwrap();
    assert!(store.renew(&dead, at(2_000)).await.unwrap());
    drop(store);

    // Another process, after the lease; not a moment before.
    let store = place.open().await;
    assert_eq!(store.claim(at(1_999), LEASE).await.unwrap(), None);
    let heir = store.claim(at(2_000), LEASE).await.unwrap().unwrap();
    assert_eq!((heir.id, heir.fence, heir.attempts), (dead.id, dead.fence + 1, 1));

    assert!(!store.renew(&dead, at(9_000)).await.unwrap());
    let fenced = [
        store.finish(&dead, at(2_001)).await,
        store.finish_with(&dead, &[preview(1)], at(2_001)).await,
        store.again(&dead, at(2_001), "late", at(2_001)).await,
        store.release(&dead, at(2_001)).await,
        store.bury(&dead, "late", at(2_001)).await,
    ];
    for outcome in fenced {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Fenced { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Weather);
    }
    assert_eq!(store.queued().await.unwrap(), 1, "nothing followed from the dead worker's finish");
    store.finish(&heir, at(2_002)).await.unwrap();
    assert!(matches!(store.finish(&heir, at(2_003)).await, Err(Error::Fenced { .. })), "ended is ended");
    assert_eq!(store.queued().await.unwrap(), 0);
}

async fn eight_workers_on_four_lanes_never_overlap(place: Place) {
    const JOBS: usize = 48;
    let store = place.open().await;
    for number in 0..JOBS {
        let lane = ["a", "b", "c", "d"][number % 4];
        store.push(&deploy(lane, &format!("{number:03}")), at(0), at(0)).await.unwrap();
    }
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..8 {
        // Half of them are another process.
        let store = if number % 2 == 0 { store.clone() } else { place.open().await };
        workers.spawn(work(store, Arc::clone(&seen)));
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    let done = Arc::into_inner(seen).unwrap().into_inner().unwrap().done;
    assert_eq!(done.len(), JOBS);
    for lane in ["a", "b", "c", "d"] {
        let of_lane: Vec<String> =
            done.iter().filter(|job| job.lane().ends_with(lane)).map(Job::key).collect();
        assert_eq!(of_lane.len(), JOBS / 4, "each once");
        assert!(of_lane.is_sorted(), "in order: {of_lane:?}");
    }
}

/// What the workers of one test did.
#[derive(Default)]
struct Seen {
    /// How many run, by lane.
    running: BTreeMap<String, usize>,
    /// What was begun, in order.
    done: Vec<Job>,
}

/// Takes jobs until none is left, and fails if two of one lane run at once.
async fn work(store: Store, seen: Arc<Mutex<Seen>>) {
    while store.queued().await.unwrap() > 0 {
        let Some(held) = store.claim(at(1), LEASE).await.unwrap() else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let running = |change: i8| {
            let mut seen = seen.lock().unwrap();
            let count = seen.running.entry(held.job.lane()).or_default();
            *count = count.checked_add_signed(isize::from(change)).unwrap();
            assert!(*count <= 1, "two of lane {} at once", held.job.lane());
            if change > 0 {
                seen.done.push(held.job.clone());
            }
        };
        running(1);
        tokio::task::yield_now().await;
        running(-1);
        store.finish(&held, at(2)).await.unwrap();
    }
}

async fn what_is_put_back_runs_later_and_counts_its_tries(place: Place) {
    let store = place.open().await;
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    for tries in 0..3 {
        let now = at(i64::from(tries) * 10_000);
        let held = store.claim(now, LEASE).await.unwrap().unwrap();
        assert_eq!(held.attempts, tries);
        store.again(&held, at(i64::from(tries + 1) * 10_000), "GitHub is away", now).await.unwrap();
        assert_eq!(store.claim(at(i64::from(tries + 1) * 10_000 - 1), LEASE).await.unwrap(), None);
    }
}

async fn what_is_put_back_merges_with_what_was_pushed_meanwhile(place: Place) {
    let store = place.open().await;
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    let held = store.claim(at(0), LEASE).await.unwrap().unwrap();
    store.push(&preview(1), at(5), at(5)).await.unwrap();
    store.again(&held, at(90_000), "GitHub is away", at(6)).await.unwrap();
    assert_eq!(store.queued().await.unwrap(), 1);
    let next = store.claim(at(6), LEASE).await.unwrap().unwrap();
    assert_ne!(next.id, held.id);
    store.finish(&next, at(7)).await.unwrap();
    assert_eq!(store.queued().await.unwrap(), 0);
}

async fn what_is_handed_back_at_shutdown_is_due_at_once_and_not_counted(place: Place) {
    let store = place.open().await;
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    for _ in 0..3 {
        let held = store.claim(at(1), LEASE).await.unwrap().unwrap();
        assert_eq!(held.attempts, 0);
        store.release(&held, at(1)).await.unwrap();
    }
}

async fn what_follows_is_queued_exactly_when_the_job_ends(place: Place) {
    let store = place.open().await;
    store.push(&preview(9), at(0), at(0)).await.unwrap();
    let held = store.claim(at(0), LEASE).await.unwrap().unwrap();
    let said = |id| Job::Command {
        repo: repo(),
        pull: PullNumber(9),
        comment: Spoken {
            id: CommentId(id),
            author: "ann".parse().unwrap(),
            author_id: crate::model::id::UserId(3),
            bot: false,
            body: "/deploy 🚀 \u{0} '; DROP TABLE jobs".replace('\u{0}', ""),
            written: at(0),
        },
    };
    store.finish_with(&held, &[said(1), said(2), preview(9)], at(1)).await.unwrap();
    let first = store.claim(at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(first.job, said(1));
    let second = store.claim(at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(second.job, preview(9), "the other command shares the lane of the first");
    assert_eq!(store.claim(at(1), LEASE).await.unwrap(), None);
}

async fn what_is_hopeless_is_buried_and_shown(place: Place) {
    let store = place.open().await;
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    let held = store.claim(at(0), LEASE).await.unwrap().unwrap();
    store.bury(&held, &"é".repeat(9_000), at(7)).await.unwrap();
    let buried = store.buried().await.unwrap();
    assert_eq!(buried.len(), 1);
    assert_eq!(
        (buried[0].id, &buried[0].job, buried[0].attempts, buried[0].at),
        (held.id, &preview(1), 1, at(7))
    );
    assert_eq!(buried[0].why.len(), 4_000);
    assert_eq!(store.queued().await.unwrap(), 0);
    assert_eq!(store.prune_jobs(at(8)).await.unwrap(), 0, "people have a month to look");
    assert_eq!(store.prune_jobs(at(31 * 24 * 3_600_000)).await.unwrap(), 1);
}

async fn the_next_due_moment_is_known(place: Place) {
    let store = place.open().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    store.push(&deploy("prod", "a"), at(300), at(0)).await.unwrap();
    store.push(&deploy("prod", "b"), at(400), at(0)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(300)));
    let held = store.claim(at(300), LEASE).await.unwrap().unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(1_300)), "b waits for the lane, so for the lease");
    store.finish(&held, at(301)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(400)));
}

async fn a_woken_lane_need_not_wait(place: Place) {
    let store = place.open().await;
    store.push(&deploy("prod", "b"), at(90_000), at(1)).await.unwrap();
    store.push(&deploy("prod", "a"), at(60_000), at(2)).await.unwrap();
    store.push(&deploy("other", "c"), at(60_000), at(2)).await.unwrap();
    store.wake(&deploy("prod", "a").lane(), at(10)).await.unwrap();
    let held = store.claim(at(10), LEASE).await.unwrap().unwrap();
    assert_eq!(held.job, deploy("prod", "b"), "the first pushed is the first served");
    assert_eq!(store.claim(at(10), LEASE).await.unwrap(), None);
}

async fn a_wake_while_a_job_runs_is_not_lost_when_it_then_waits(place: Place) {
    let store = place.open().await;
    let job = deploy("prod", "a");
    store.push(&job, at(0), at(0)).await.unwrap();
    let held = store.claim(at(10), LEASE).await.unwrap().unwrap();
    store.wait(&held, at(60_000), at(20)).await.unwrap();
    assert_eq!(store.claim(at(30), LEASE).await.unwrap(), None, "nobody woke it");
    store.wake(&job.lane(), at(40)).await.unwrap();
    let held = store.claim(at(50), LEASE).await.unwrap().unwrap();
    // What it is about to wait for happens between its look and its wait.
    store.wake(&job.lane(), at(60)).await.unwrap();
    store.wait(&held, at(60_000), at(70)).await.unwrap();
    let held = store.claim(at(80), LEASE).await.unwrap().expect("it looks again at once");
    store.wait(&held, at(60_000), at(90)).await.unwrap();
    assert_eq!(store.claim(at(100), LEASE).await.unwrap(), None, "but only once");
}

async fn the_database_itself_refuses_two_of_one_lane(place: Place) {
    let store = place.open().await;
    store.push(&deploy("prod", "a"), at(0), at(0)).await.unwrap();
    store.push(&deploy("prod", "b"), at(0), at(0)).await.unwrap();
    let held = store.claim(at(0), LEASE).await.unwrap().unwrap();
    // What a worker would send that looked before the other one claimed: claim() takes this error for "try again".
    let error = sqlx::query("UPDATE jobs SET state = 'running' WHERE id <> $1")
        .bind(held.id)
        .execute(&store.write)
        .await
        .unwrap_err();
    assert!(is_duplicate(&error), "{error}");
}

async fn workers_are_told_of_what_arrives(place: Place) {
    let store = place.open().await;
    let mut arrivals = store.arrivals();
    assert!(!arrivals.has_changed().unwrap());
    store.push(&deploy("prod", "a"), at(0), at(0)).await.unwrap();
    store.push(&deploy("prod", "b"), at(0), at(0)).await.unwrap();
    assert!(arrivals.has_changed().unwrap());
    arrivals.mark_unchanged();
    let held = store.claim(at(0), LEASE).await.unwrap().unwrap();
    assert!(!arrivals.has_changed().unwrap());
    store.finish(&held, at(1)).await.unwrap();
    assert!(arrivals.has_changed().unwrap(), "the lane is free");
}

#[tokio::test]
async fn what_workers_ask_follows_an_index_and_never_walks_the_table() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    for text in [EXPIRED, DUE, NEXT_EXPIRY, NEXT_RUN] {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
        // A plan has no use for the time, but it has to be given where it is asked for.
        let plan = if text.contains("$1") { plan.bind(0_i64) } else { plan };
        let rows = plan.fetch_all(&store.read).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get::<String, _>(3)).collect();
        assert!(
            steps.iter().all(|step| step.contains("INDEX jobs_") || step.contains("SUBQUERY")),
            "{steps:?}"
        );
    }
}
