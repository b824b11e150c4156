//! What is kept comes back as it was, and is kept once.

use jiff::Timestamp;

use crate::model::deployment::{Began, Commits, Deployment, State, Trigger};
use crate::model::id::{Digest, PullNumber, RepoId, Sha};
use crate::model::job::Job;
use crate::model::object::{Bundle, Object, Origin};
use crate::model::plan::{Plan, Preview};
use crate::store::tests::{LEASE, Place, at, environment, on_both, repo};
use crate::store::{Binding, Delivery, Error, Kept, Lock, Shown, Taken};

on_both!(
    a_delivery_is_kept_once_and_its_intake_is_queued,
    an_unfinished_delivery_is_taken_up_again_and_a_finished_one_is_not,
    many_deliveries_are_kept_in_one_go,
    a_command_finds_what_its_writer_could_have_seen,
    a_bundle_comes_back_as_it_was,
    a_deployment_is_queued_once_and_written_by_its_holder_only,
    several_deployments_are_queued_together_and_the_last_to_begin_or_to_end_is_found,
    a_lock_is_one_pull_requests_until_it_ends,
    a_name_belongs_to_the_first_id_seen,
    what_was_written_on_github_is_found_again,
    a_check_that_was_begun_is_known_until_it_ends,
);

fn delivery(id: &str) -> Delivery {
    Delivery {
        id: id.parse().unwrap(),
        event: "push".to_owned(),
        body: vec![0, 159, 146, 150, b'{', b'\''],
        received: at(3),
    }
}

async fn a_delivery_is_kept_once_and_its_intake_is_queued(place: Place) {
    let store = place.open().await;
    assert_eq!(store.keep(&delivery("a-1"), at(3)).await.unwrap(), Kept::New);
    assert_eq!(store.keep(&delivery("a-1"), at(4)).await.unwrap(), Kept::Known);
    assert_eq!(store.queued().await.unwrap(), 1);
    let kept = store.delivery(&"a-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept, delivery("a-1"));
    assert_eq!(store.delivery(&"a-2".parse().unwrap()).await.unwrap(), None);
    let held = store.claim(at(4), LEASE).await.unwrap().unwrap();
    assert_eq!(held.job, Job::Intake { delivery: "a-1".parse().unwrap() });
}

async fn an_unfinished_delivery_is_taken_up_again_and_a_finished_one_is_not(place: Place) {
    let store = place.open().await;
    store.keep(&delivery("a"), at(0)).await.unwrap();
    let held = store.claim(at(1), LEASE).await.unwrap().unwrap();
    store.keep(&delivery("a"), at(2)).await.unwrap();
    assert_eq!(store.queued().await.unwrap(), 1, "it is running: not a second time");
    store.bury(&held, "no", at(3)).await.unwrap();
    assert_eq!(store.keep(&delivery("a"), at(4)).await.unwrap(), Kept::Known);
    assert_eq!(store.queued().await.unwrap(), 1, "its intake never ended: again");
    let held = store.claim(at(5), LEASE).await.unwrap().unwrap();
    store.finish(&held, at(6)).await.unwrap();
    assert_eq!(store.keep(&delivery("a"), at(7)).await.unwrap(), Kept::Known);
    assert_eq!(store.queued().await.unwrap(), 0, "finished is finished");
    assert_eq!(store.prune_deliveries(at(3)).await.unwrap(), 0);
    assert_eq!(store.prune_deliveries(at(4)).await.unwrap(), 1);
}

async fn many_deliveries_are_kept_in_one_go(place: Place) {
    let store = place.open().await;
    store.keep(&delivery("n-5"), at(0)).await.unwrap();
    let mut batch: Vec<Delivery> = (0..150).rev().map(|n| delivery(&format!("n-{n}"))).collect();
    batch.push(delivery("n-149"));
    let kept = store.keep_all(&batch, at(1)).await.unwrap();
    assert_eq!(kept.len(), 151);
    for (delivery, kept) in batch.iter().zip(&kept).take(150) {
        let wanted = if delivery.id.as_str() == "n-5" { Kept::Known } else { Kept::New };
        assert_eq!(*kept, wanted, "{}", delivery.id);
    }
    assert_eq!(kept[150], Kept::Known, "the second of two in one batch");
    assert_eq!(store.queued().await.unwrap(), 150);
    assert_eq!(store.keep_all(&[], at(1)).await.unwrap(), []);
}

fn sha(digit: char) -> Sha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn shown(head: char, completed: Timestamp) -> Shown {
    let plan = Plan {
        digest: Some(Digest::of(b"effect")),
        warnings: vec!["ümlaut".to_owned()],
        bundle: Some(Digest::of(b"bundle")),
        owned: 3,
        ..Plan::new("prod".parse().unwrap(), "prod".to_owned())
    };
    let preview =
        Preview { version: 1, base: sha('b'), head: sha(head), tree: sha('e'), environments: vec![plan] };
    Shown {
        repo: repo().id,
        pull: PullNumber(5),
        preview,
        config: Some(Digest::of(b"config")),
        comment: "### Tidegate".to_owned(),
        completed,
    }
}

async fn a_command_finds_what_its_writer_could_have_seen(place: Place) {
    let store = place.open().await;
    let (pull, id) = (PullNumber(5), repo().id);
    assert_eq!(store.latest_preview(id, pull).await.unwrap(), None);
    for (head, completed) in [('1', 100), ('2', 200), ('3', 300)] {
        store.save_preview(&shown(head, at(completed)), at(completed)).await.unwrap();
    }
    let seen = async |moment| store.newest_preview_before(id, pull, at(moment)).await.unwrap();
    assert_eq!(seen(100).await, None, "strictly before");
    assert_eq!(seen(101).await, Some(shown('1', at(100))));
    assert_eq!(seen(300).await, Some(shown('2', at(200))));
    assert_eq!(store.latest_preview(id, pull).await.unwrap(), Some(shown('3', at(300))));
    assert_eq!(store.latest_preview(id, PullNumber(6)).await.unwrap(), None);
    assert_eq!(store.latest_preview(RepoId(1), pull).await.unwrap(), None);
    assert_eq!(store.preview_of_head(id, &sha('2')).await.unwrap(), Some(shown('2', at(200))));
    assert_eq!(store.preview_of_tree(id, &sha('e')).await.unwrap(), Some(shown('3', at(300))));
    assert_eq!(store.prune_previews(at(9_000)).await.unwrap(), 2, "the newest stays");
    assert_eq!(store.latest_preview(id, pull).await.unwrap(), Some(shown('3', at(300))));
}

async fn a_bundle_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let body = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "n": 1.5});
    let object = Object {
        id: Object::identify(&body).unwrap(),
        body,
        origin: Origin::default(),
        volatile: Vec::new(),
    };
    let bundle = Bundle {
        objects: vec![object],
        hooks: Vec::new(),
        warnings: vec!["w".to_owned()],
        remotes: Vec::new(),
    };
    let digest = Digest::of(b"bundle");
    assert_eq!(store.bundle(digest).await.unwrap(), None);
    store.keep_bundle(digest, &bundle, at(0)).await.unwrap();
    store.keep_bundle(digest, &bundle, at(10)).await.unwrap();
    assert_eq!(store.bundle(digest).await.unwrap(), Some(bundle));
    assert_eq!(store.prune_bundles(at(10)).await.unwrap(), 0, "used since");
    store.save_preview(&shown('1', at(5)), at(5)).await.unwrap();
    assert_eq!(store.prune_bundles(at(11)).await.unwrap(), 0, "a preview holds it");
    store.save_preview(&shown('2', at(6)), at(6)).await.unwrap();
    store.keep_bundle(Digest::of(b"other"), &Bundle::default(), at(0)).await.unwrap();
    assert_eq!(store.prune_bundles(at(11)).await.unwrap(), 1);
    assert_eq!(store.bundle(Digest::of(b"other")).await.unwrap(), None);
}

fn deployment(id: &str, pull: Option<u64>, created: i64) -> Deployment {
    Deployment {
        id: id.to_owned(),
        environment: environment("prod"),
        repo: repo(),
        pull: pull.map(PullNumber),
        cause: Trigger::Merge,
        by: "ann".parse().unwrap(),
        commits: Commits { base: sha('b'), head: sha('1'), tree: sha('e') },
        approved: Some(Digest::of(b"effect")),
        state: State::Queued,
        record: Some(u64::MAX),
        began: None,
        refusal: None,
        report: None,
        message: String::new(),
        asked: at(created),
        by_id: None,
        deletes: None,
        named: None,
        created: at(created),
        changed: at(created),
    }
}

async fn a_deployment_is_queued_once_and_written_by_its_holder_only(place: Place) {
    let store = place.open().await;
    let (one, two) = (deployment("d1", Some(5), 1), deployment("d2", None, 2));
    assert!(store.queue_deployment(&one, at(1)).await.unwrap());
    assert!(!store.queue_deployment(&one, at(2)).await.unwrap(), "safe to repeat");
    assert!(store.queue_deployment(&two, at(2)).await.unwrap());
    assert_eq!(store.queued().await.unwrap(), 2);
    assert_eq!(store.open_deployments(&environment("prod")).await.unwrap(), [one.clone(), two.clone()]);

    let dead = store.claim(at(3), LEASE).await.unwrap().unwrap();
    assert_eq!(dead.job, Job::Deploy { environment: environment("prod"), deployment: "d1".to_owned() });
    let began = Some(Began { at: at(4), bundle: None });
    let running = Deployment { state: State::Running, began: began.clone(), ..one.clone() };
    assert_eq!(store.last_begun(&environment("prod")).await.unwrap(), None);
    assert!(store.update_deployment(&dead, &running).await.unwrap());
    let heir = store.claim(at(5_000), LEASE).await.unwrap().unwrap();
    let done = Deployment { state: State::Succeeded, message: "late".to_owned(), ..running.clone() };
    let error = store.update_deployment(&dead, &done).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    assert_eq!(store.deployment("d1").await.unwrap(), Some(running.clone()), "nothing was written");
    assert!(!store.cancel_deployment("d1", "no", at(4)).await.unwrap(), "it runs");
    assert_eq!(store.stop_asked("d1").await.unwrap(), None);
    assert!(store.stop_deployment("d1", "stopped by ann").await.unwrap());
    assert_eq!(store.stop_asked("d1").await.unwrap().as_deref(), Some("stopped by ann"));
    assert!(!store.stop_deployment("d2", "no").await.unwrap(), "it does not run");
    assert!(store.update_deployment(&heir, &done).await.unwrap());
    assert!(!store.update_deployment(&heir, &running).await.unwrap(), "ended is ended");
    store.finish(&heir, at(5_001)).await.unwrap();
    let late = store.claim(at(5_002), LEASE).await.unwrap().unwrap();
    let told = Deployment { record: Some(9), ..two.clone() };
    assert!(store.update_deployment(&late, &told).await.unwrap(), "it is prepared, and has not begun");
    assert!(store.cancel_deployment("d2", "cancelled", at(5_003)).await.unwrap());
    let two_running = Deployment { state: State::Running, ..two.clone() };
    assert!(!store.update_deployment(&late, &two_running).await.unwrap(), "it was cancelled before it began");

    let cancelled =
        Deployment { state: State::Cancelled, message: "cancelled".to_owned(), changed: at(5_003), ..told };
    assert_eq!(
        store.deployment("d2").await.unwrap().as_ref(),
        Some(&cancelled),
        "GitHub's record stays known"
    );
    assert_eq!(store.recent_deployments(&environment("prod")).await.unwrap(), [cancelled, done.clone()]);
    assert_eq!(store.last_success(&environment("prod")).await.unwrap(), Some(done.clone()));
    assert_eq!(store.last_begun(&environment("prod")).await.unwrap(), Some(done.clone()));
    assert_eq!(store.last_begun(&environment("dev")).await.unwrap(), None);
    assert_eq!(store.deployments_of(repo().id, PullNumber(5)).await.unwrap(), [done]);
    assert!(store.open_deployments(&environment("prod")).await.unwrap().is_empty());
    assert!(!store.update_deployment(&late, &deployment("d9", None, 1)).await.unwrap(), "there is none");
}

async fn several_deployments_are_queued_together_and_the_last_to_begin_or_to_end_is_found(place: Place) {
    let store = place.open().await;
    let (old, new) = (deployment("old", None, 1), deployment("new", None, 2));
    assert_eq!(store.queue_deployments(&[old.clone(), new.clone()], at(2)).await.unwrap(), 2);
    assert_eq!(store.queue_deployments(&[old.clone(), new.clone()], at(3)).await.unwrap(), 0);
    let first = store.claim(at(3), LEASE).await.unwrap().unwrap();
    store.again(&first, at(50), "weather", at(4)).await.unwrap();
    // The newer one was faster: what counts is who began and who ended last, not who was queued last.
    for (moment, id) in [(5, new), (60, old)] {
        let held = store.claim(at(moment), LEASE).await.unwrap().unwrap();
        let began = Some(Began { at: at(moment), bundle: None });
        let done = Deployment { state: State::Succeeded, began, changed: at(moment), ..id };
        assert!(store.update_deployment(&held, &done).await.unwrap());
        store.finish(&held, at(moment)).await.unwrap();
        assert_eq!(store.last_begun(&environment("prod")).await.unwrap(), Some(done.clone()));
        assert_eq!(store.last_success(&environment("prod")).await.unwrap(), Some(done));
    }
}

fn lock(pull: u64, taken: i64, expires: i64) -> Lock {
    Lock {
        environment: environment("prod"),
        pull: PullNumber(pull),
        by: "ann".parse().unwrap(),
        reason: "trying".to_owned(),
        taken: at(taken),
        expires: at(expires),
    }
}

async fn a_lock_is_one_pull_requests_until_it_ends(place: Place) {
    let store = place.open().await;
    let prod = environment("prod");
    assert_eq!(store.take_lock(&lock(1, 0, 100)).await.unwrap(), Taken::Ours);
    assert_eq!(store.take_lock(&lock(2, 10, 110)).await.unwrap(), Taken::HeldBy(lock(1, 0, 100)));
    assert_eq!(store.take_lock(&lock(1, 50, 150)).await.unwrap(), Taken::Ours, "held longer");
    assert_eq!(store.lock(&prod, at(149)).await.unwrap(), Some(lock(1, 0, 150)));
    assert_eq!(store.lock(&prod, at(150)).await.unwrap(), None);
    assert_eq!(store.locks_of(repo().id, PullNumber(1)).await.unwrap(), [lock(1, 0, 150)]);
    assert_eq!(store.take_lock(&lock(2, 150, 250)).await.unwrap(), Taken::Ours, "it had expired");
    assert_eq!(store.lock(&prod, at(151)).await.unwrap(), Some(lock(2, 150, 250)));
    assert!(!store.release_lock(&prod, Some(PullNumber(1))).await.unwrap(), "not theirs");
    assert!(store.release_lock(&prod, Some(PullNumber(2))).await.unwrap());
    assert_eq!(store.take_lock(&lock(3, 151, 300)).await.unwrap(), Taken::Ours);
    assert!(store.release_lock(&prod, None).await.unwrap());
    assert!(!store.release_lock(&prod, None).await.unwrap());
    let taken = |at, until| Lock { reason: String::new(), ..lock(4, at, until) };
    assert_eq!(store.take_lock(&taken(300, 400)).await.unwrap(), Taken::Ours);
    assert!(!store.release_taken(&prod, PullNumber(5)).await.unwrap());
    assert!(store.release_taken(&prod, PullNumber(4)).await.unwrap());
    assert_eq!(store.take_lock(&lock(4, 400, 500)).await.unwrap(), Taken::Ours);
    assert_eq!(store.take_lock(&taken(401, 600)).await.unwrap(), Taken::Ours);
    assert_eq!(store.lock(&prod, at(402)).await.unwrap(), Some(lock(4, 400, 600)), "a person's words stay");
    assert!(!store.release_taken(&prod, PullNumber(4)).await.unwrap(), "a person locked it");
}

async fn a_name_belongs_to_the_first_id_seen(place: Place) {
    let store = place.open().await;
    let name = |name: &str| name.parse().unwrap();
    assert_eq!(store.bound(&name("acme/shop")).await.unwrap(), None);
    assert_eq!(store.bind(&name("acme/shop"), RepoId(1), at(0)).await.unwrap(), Binding::Bound);
    assert_eq!(store.bind(&name("Acme/Shop"), RepoId(1), at(1)).await.unwrap(), Binding::Same);
    assert_eq!(store.bind(&name("acme/shop"), RepoId(2), at(2)).await.unwrap(), Binding::OtherId(RepoId(1)));
    assert_eq!(store.bind(&name("acme/renamed"), RepoId(1), at(3)).await.unwrap(), Binding::Bound);
    assert_eq!(store.names_of(RepoId(1)).await.unwrap(), [name("acme/shop"), name("acme/renamed")]);
    assert_eq!(store.bound(&name("ACME/shop")).await.unwrap(), Some(RepoId(1)));
}

async fn what_was_written_on_github_is_found_again(place: Place) {
    use crate::model::id::CommentId;
    let store = place.open().await;
    let here = (repo().id, PullNumber(5));
    assert_eq!(store.comment(here.0, here.1, "m").await.unwrap(), None);
    store.remember_comment(here, "m", CommentId(1)).await.unwrap();
    store.remember_comment(here, "m", CommentId(u64::MAX)).await.unwrap();
    assert_eq!(store.comment(here.0, here.1, "m").await.unwrap(), Some(CommentId(u64::MAX)));
    assert_eq!(store.comment(here.0, here.1, "other").await.unwrap(), None);
}

async fn a_check_that_was_begun_is_known_until_it_ends(place: Place) {
    let store = place.open().await;
    let here = (repo().id, PullNumber(5));
    store.begin_check(here, &sha('2'), at(1)).await.unwrap();
    store.begin_check(here, &sha('1'), at(2)).await.unwrap();
    store.begin_check(here, &sha('2'), at(3)).await.unwrap();
    store.begin_check((here.0, PullNumber(6)), &sha('3'), at(3)).await.unwrap();
    assert_eq!(store.begun_checks(here.0, here.1).await.unwrap(), [sha('2'), sha('1')]);
    store.end_check(here, &sha('2')).await.unwrap();
    store.end_check(here, &sha('2')).await.unwrap();
    assert_eq!(store.begun_checks(here.0, here.1).await.unwrap(), [sha('1')]);
    assert_eq!(store.prune_checks(at(2)).await.unwrap(), 0);
    assert_eq!(store.prune_checks(at(3)).await.unwrap(), 1);
    assert_eq!(store.begun_checks(here.0, here.1).await.unwrap(), []);
}

#[tokio::test]
async fn what_the_store_does_can_be_done_in_a_task() {
    fn sendable(_: impl Send) {}
    let store = crate::store::Store::open("sqlite::memory:", at(0)).await.unwrap();
    let (pull, id, one) = (PullNumber(1), repo().id, deployment("d", None, 0));
    sendable(store.latest_preview(id, pull));
    sendable(store.save_preview(&shown('1', at(0)), at(0)));
    sendable(store.deployments_of(id, pull));
    sendable(store.queue_deployment(&one, at(0)));
    sendable(store.take_lock(&lock(1, 0, 1)));
    sendable(store.keep_bundle(Digest::of(b""), &Bundle::default(), at(0)));
    sendable(store.prune_jobs(at(0)));
}
