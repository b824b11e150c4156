//! The branch target: created, changed, deleted; races, lost answers, and branches that are not ours.

use serde_json::json;

use super::{Upstream, git, mirror_of, token};
use crate::git::branch::{BranchTarget, Settings, name};
use crate::git::{Error, Git, Kind, Mirror};
use crate::layout::record;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::id::{Digest, EnvironmentId, PullNumber, RepoId};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::permit::Permit;
use crate::model::plan::{Action, Change, Counts, Fidelity, Plan};
use crate::model::report::{Applied, Done};
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owner, Prediction};

const BRANCH: &str = "rendered/staging";

struct Rig {
    upstream: Upstream,
    mirror: Mirror,
    _git: Git,
    _cache: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        let upstream = Upstream::new().await;
        upstream.commit("main", &[("a", Some("source"))]).await;
        let (git, mirror, cache) = mirror_of(&upstream.url()).await;
        Self { upstream, mirror, _git: git, _cache: cache }
    }

    fn target(&self) -> BranchTarget {
        BranchTarget::open(self.mirror.clone(), token(), settings(BRANCH)).unwrap()
    }

    async fn git(&self, args: &[&str]) -> String {
        git(&self.upstream.dir(), args).await
    }
}

fn settings(branch: &str) -> Settings {
    Settings {
        branch: branch.parse().unwrap(),
        forbidden: vec!["main".parse().unwrap()],
        name: "tidegate[bot]".to_owned(),
        email: "1+tidegate[bot]@users.noreply.github.com".to_owned(),
        now: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
    }
}

fn object(kind: &str, name: &str, value: u32) -> Object {
    let body = json!({"apiVersion": "v1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop"}, "data": {"value": value.to_string()}});
    let origin = Origin { app: "apps/web".to_owned(), ..Origin::default() };
    Object { id: Object::identify(&body).unwrap(), body, origin, volatile: Vec::new() }
}

fn bundle(objects: &[(&str, u32)]) -> Bundle {
    let objects = objects.iter().map(|(name, value)| object("ConfigMap", name, *value)).collect();
    let mut bundle = Bundle { objects, ..Bundle::default() };
    bundle.sort();
    bundle
}

fn scope(name: &str) -> Scope {
    Scope {
        environment: EnvironmentId { repo: RepoId(42), name: name.parse().unwrap() },
        repo: "acme/shop".parse().unwrap(),
        target: "audit".to_owned(),
        namespace: None,
        adopt: Vec::new(),
        fields: Vec::new(),
        secrets: Vec::new(),
        prune: true,
    }
}

fn change(action: Action, object: &Object) -> Change {
    Change { app: object.origin.app.clone(), ..Change::new(action, object.id.clone()) }
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        digest: Some(Digest::of(b"plan")),
        counts: Counts { create: 2, ..Counts::default() },
        changes,
        ..Plan::new("staging".parse().unwrap(), "audit".to_owned())
    }
}

fn deployment(id: &str) -> Deployment {
    let sha = |digit: &str| digit.repeat(40).parse().unwrap();
    Deployment {
        id: id.to_owned(),
        environment: scope("staging").environment,
        repo: super::repo("acme/shop"),
        pull: Some(PullNumber(12)),
        cause: Trigger::Merge,
        by: "alice".parse().unwrap(),
        commits: Commits { base: sha("a"), head: sha("b"), tree: sha("c") },
        approved: None,
        state: State::Running,
        record: None,
        began: None,
        refusal: None,
        report: None,
        message: String::new(),
        asked: jiff::Timestamp::UNIX_EPOCH,
        by_id: None,
        deletes: None,
        named: None,
        created: jiff::Timestamp::UNIX_EPOCH,
        changed: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// One whole turn: look, plan these changes, apply.
async fn deploy(
    target: &BranchTarget,
    id: &str,
    bundle: &Bundle,
    changes: Vec<Change>,
) -> Result<Vec<Applied>, Error> {
    let inventory = target.own(&scope("staging")).await?;
    apply(target, id, bundle, Some((changes, inventory))).await
}

async fn apply(
    target: &BranchTarget,
    id: &str,
    bundle: &Bundle,
    what: Option<(Vec<Change>, Option<Inventory>)>,
) -> Result<Vec<Applied>, Error> {
    let (changes, inventory) = what.unwrap_or_default();
    let mut plan = plan(changes);
    plan.hooks = bundle.hooks.iter().map(|hook| change(Action::Create, hook)).collect();
    let (deployment, permit) = (deployment(id), Permit::default());
    let run =
        Run { plan: &plan, bundle, inventory: inventory.as_ref(), deployment: &deployment, permit: &permit };
    target.apply(&scope("staging"), &run).await
}

fn creates(bundle: &Bundle) -> Vec<Change> {
    bundle.objects.iter().map(|object| change(Action::Create, object)).collect()
}

fn results(applied: Vec<Applied>) -> Vec<Done> {
    applied.into_iter().map(|applied| applied.result).collect()
}

#[tokio::test]
async fn the_first_deployment_begins_a_branch_of_its_own() {
    let rig = Rig::new().await;
    let target = rig.target();
    assert_eq!(target.own(&scope("staging")).await.unwrap(), None);
    let first = bundle(&[("a", 1), ("b", 1)]);
    let wanted: Vec<_> = first.objects.iter().collect();
    let seen = target.look(&scope("staging"), &wanted, &[]).await.unwrap();
    assert!(seen.iter().all(|seen| seen.live.is_none() && seen.fidelity == Fidelity::Live));
    let done = deploy(&target, "d1", &first, creates(&first)).await.unwrap();
    assert_eq!(done[0].after.as_ref(), Some(&first.objects[0].body));
    assert_eq!(results(done), [Done::Changed, Done::Changed]);

    let files = rig.upstream.files(BRANCH).await;
    assert_eq!(files, [record::PATH, "shop/configmap.core/a.yaml", "shop/configmap.core/b.yaml"]);
    let commit = rig.git(&["cat-file", "commit", BRANCH]).await;
    assert!(!commit.contains("\nparent "), "{commit}");
    let source = "b".repeat(40);
    for line in [
        "Deploy staging at bbbbbbb",
        "create 2",
        "Tidegate-Pull-Request: acme/shop#12",
        &format!("Tidegate-Plan: {}", Digest::of(b"plan")),
        &format!("Tidegate-Source: {source}"),
        "Tidegate-Deployment: d1",
        "author tidegate[bot] <1+tidegate[bot]@users.noreply.github.com> 1700000000 +0000",
    ] {
        assert!(commit.lines().any(|own| own == line), "{line} in {commit}");
    }
    let trailers =
        rig.git(&["log", "-1", "--format=%(trailers:key=Tidegate-Source,valueonly)", BRANCH]).await;
    assert_eq!(trailers.trim(), source, "git itself knows the trailers");
    let inventory = target.own(&scope("staging")).await.unwrap().unwrap();
    assert_eq!((inventory.generation, inventory.entries.len()), (1, 2));
    assert_eq!(inventory.entries[&first.objects[0].id].digest, Some(first.objects[0].digest()));
    assert_eq!(inventory.plan, Some(Digest::of(b"plan")));
    assert_eq!(target.tip().await.unwrap().to_string(), rig.git(&["rev-parse", BRANCH]).await);
}

#[tokio::test]
async fn later_ones_update_and_delete_and_leave_the_rest_alone() {
    let rig = Rig::new().await;
    let target = rig.target();
    let first = bundle(&[("a", 1), ("b", 1), ("c", 1)]);
    deploy(&target, "d1", &first, creates(&first)).await.unwrap();
    rig.upstream
        .commit(BRANCH, &[("README", Some("ours")), ("shop/configmap.core/c.yaml", Some("by: hand\n"))])
        .await;

    let second = bundle(&[("a", 2), ("c", 1)]);
    let gone = [(
        first.objects[1].id.clone(),
        target.own(&scope("staging")).await.unwrap().unwrap().entries[&first.objects[1].id].clone(),
    )];
    let wanted: Vec<_> = second.objects.iter().collect();
    let seen = target.look(&scope("staging"), &wanted, &gone).await.unwrap();
    let live = |index: usize| seen[index].live.as_ref().unwrap();
    assert_eq!((&live(0).body, &live(0).owner), (&first.objects[0].body, &Owner::Us));
    assert_eq!(live(1).body, json!({"by": "hand"}));
    let changes = vec![
        change(Action::Update, &second.objects[0]),
        change(Action::Update, &second.objects[1]),
        change(Action::Delete, &first.objects[1]),
    ];
    let done = deploy(&target, "d2", &second, changes).await.unwrap();
    assert_eq!(results(done), [Done::Changed, Done::Changed, Done::Changed]);
    let files = rig.upstream.files(BRANCH).await;
    assert_eq!(files, [record::PATH, "README", "shop/configmap.core/a.yaml", "shop/configmap.core/c.yaml"]);
    assert!(rig.git(&["show", &format!("{BRANCH}:shop/configmap.core/a.yaml")]).await.contains('2'));
    assert_eq!(target.own(&scope("staging")).await.unwrap().unwrap().generation, 2);

    let tip = rig.git(&["rev-parse", BRANCH]).await;
    let done = deploy(&target, "d3", &second, Vec::new()).await.unwrap();
    assert_eq!(results(done), []);
    let same = creates(&second);
    assert_eq!(
        results(deploy(&target, "d4", &second, same).await.unwrap()),
        [Done::Unchanged, Done::Unchanged]
    );
    assert_eq!(rig.git(&["rev-parse", BRANCH]).await, tip, "nothing changed: no commit");
}

#[tokio::test]
async fn hooks_come_and_go_with_the_bundle() {
    let rig = Rig::new().await;
    let target = rig.target();
    let mut with = bundle(&[("a", 1)]);
    with.hooks.push(object("Job", "migrate", 1));
    deploy(&target, "d1", &with, creates(&with)).await.unwrap();
    assert!(rig.upstream.files(BRANCH).await.contains(&"_hooks/shop/job.core/migrate.yaml".to_owned()));
    let without = bundle(&[("a", 1)]);
    deploy(&target, "d2", &without, Vec::new()).await.unwrap();
    assert_eq!(rig.upstream.files(BRANCH).await, [record::PATH, "shop/configmap.core/a.yaml"]);
}

#[tokio::test]
async fn a_branch_that_moved_since_the_look_is_looked_at_again() {
    let rig = Rig::new().await;
    let (one, two) = (rig.target(), rig.target());
    let first = bundle(&[("a", 1)]);
    assert_eq!(one.own(&scope("staging")).await.unwrap(), None);
    // Another deploys between the look and the apply of the first.
    deploy(&two, "other", &first, creates(&first)).await.unwrap();
    let error = apply(&one, "d1", &first, Some((creates(&first), None))).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }) && error.kind() == Kind::Weather, "{error}");

    // Somebody commits by hand between the look and the apply.
    let inventory = one.own(&scope("staging")).await.unwrap();
    rig.upstream.commit(BRANCH, &[("README", Some("x"))]).await;
    let second = bundle(&[("a", 2)]);
    let error = apply(&one, "d1", &second, Some((creates(&second), inventory))).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }), "{error}");
    deploy(&one, "d1", &second, creates(&second)).await.unwrap();
    assert!(rig.upstream.files(BRANCH).await.contains(&"README".to_owned()));
}

#[tokio::test]
async fn a_push_that_lost_the_race_is_refused_by_the_host() {
    let rig = Rig::new().await;
    let old = rig.upstream.commit(BRANCH, &[("x", Some("1"))]).await;
    let moved = rig.upstream.commit(BRANCH, &[("x", Some("2"))]).await;
    rig.target().own(&scope("staging")).await.unwrap();
    // A push made against the old tip, and one made when there was no branch.
    for expected in [Some(&old), None] {
        let pushed = rig.mirror.push(&token(), &BRANCH.parse().unwrap(), expected, &old).await;
        assert!(matches!(pushed, Err(Error::Stale { .. })), "{pushed:?}");
    }
    assert_eq!(rig.git(&["rev-parse", BRANCH]).await, moved.to_string());
}

#[tokio::test]
async fn a_deployment_whose_answer_got_lost_is_found_and_not_made_twice() {
    let rig = Rig::new().await;
    let first = bundle(&[("a", 1)]);
    deploy(&rig.target(), "d1", &first, creates(&first)).await.unwrap();
    let tip = rig.git(&["rev-parse", BRANCH]).await;
    // The process died after the push: a new one has the old plan and the old inventory.
    let again = rig.target();
    let done = apply(&again, "d1", &first, Some((creates(&first), None))).await.unwrap();
    assert_eq!(results(done), [Done::Changed]);
    assert_eq!(rig.git(&["rev-parse", BRANCH]).await, tip);
    assert_eq!(again.tip().await.unwrap().to_string(), tip);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_answer_is_lost_on_the_way_is_looked_for() {
    let rig = Rig::new().await;
    let (url, host) = super::host::serve(&rig.upstream).await;
    let (_git, mirror, _cache) = mirror_of(&url).await;
    let target = BranchTarget::open(mirror, token(), settings(BRANCH)).unwrap();
    let first = bundle(&[("a", 1)]);
    host.lose_answers_to_pushes();
    let done = deploy(&target, "d1", &first, creates(&first)).await.unwrap();
    assert_eq!(results(done), [Done::Changed]);
    assert_eq!(target.tip().await.unwrap().to_string(), rig.git(&["rev-parse", BRANCH]).await);
    assert_eq!(rig.git(&["rev-list", "--count", BRANCH]).await, "1");
}

#[tokio::test]
async fn a_rule_of_the_host_is_told_in_its_words() {
    let rig = Rig::new().await;
    let hook = rig.upstream.dir().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let first = bundle(&[("a", 1)]);
    let error = deploy(&rig.target(), "d1", &first, creates(&first)).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    assert!(error.to_string().contains("GH006"), "{error}");
}

#[tokio::test]
async fn a_revoked_permit_pushes_nothing() {
    let rig = Rig::new().await;
    let target = rig.target();
    let first = bundle(&[("a", 1)]);
    let (plan, deployment, permit) = (plan(creates(&first)), deployment("d1"), Permit::default());
    permit.revoke();
    let run = Run { plan: &plan, bundle: &first, inventory: None, deployment: &deployment, permit: &permit };
    let done = target.apply(&scope("staging"), &run).await.unwrap();
    assert!(matches!(results(done).as_slice(), [Done::Skipped(_)]));
    assert_eq!(target.own(&scope("staging")).await.unwrap(), None);
}

#[tokio::test]
async fn branches_that_people_or_other_environments_use_are_refused() {
    let rig = Rig::new().await;
    let error = BranchTarget::open(rig.mirror.clone(), token(), settings("main")).unwrap_err();
    assert_eq!(error.kind(), Kind::Author, "{error}");
    let first = bundle(&[("a", 1)]);
    deploy(&rig.target(), "d1", &first, creates(&first)).await.unwrap();
    let error = rig.target().own(&scope("prod")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Author);
    assert!(error.to_string().contains("belongs to environment staging"), "{error}");

    assert_eq!(name("rendered/{environment}", &"prod".parse().unwrap()).unwrap().as_str(), "rendered/prod");
    assert_eq!(name("{environment}..x", &"prod".parse().unwrap()).unwrap_err().kind(), Kind::Ours);
}

#[tokio::test]
async fn an_inventory_that_somebody_broke_stops_everything() {
    let rig = Rig::new().await;
    rig.upstream.commit(BRANCH, &[(record::PATH, Some("{}"))]).await;
    let error = rig.target().own(&scope("staging")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Author, "{error}");
}

#[tokio::test]
async fn what_is_another_at_each_render_stays_as_it_lies_on_the_branch() {
    let rig = Rig::new().await;
    let target = rig.target();
    let drawn = |draw: &str, value: u32| {
        let mut bundle = bundle(&[("a", value)]);
        bundle.objects[0].body["data"]["salt"] = draw.into();
        bundle.objects[0].volatile = vec!["/data/salt".to_owned()];
        bundle
    };
    for (id, draw, value) in [("d1", "first", 1), ("d2", "second", 2)] {
        let bundle = drawn(draw, value);
        let done = deploy(&target, id, &bundle, creates(&bundle)).await.unwrap();
        assert_eq!(results(done), [Done::Changed]);
        let text = rig.git(&["show", &format!("{BRANCH}:shop/configmap.core/a.yaml")]).await;
        assert!(text.contains("salt: first") && text.contains(&format!("\"{value}\"")), "{text}");
    }
    let before = rig.git(&["rev-parse", BRANCH]).await;
    let bundle = drawn("third", 2);
    let seen = target.look(&scope("staging"), &[&bundle.objects[0]], &[]).await.unwrap();
    assert_eq!(seen[0].prediction, Prediction::Becomes(seen[0].live.as_ref().unwrap().body.clone()));
    let done = deploy(&target, "d3", &bundle, creates(&bundle)).await.unwrap();
    assert_eq!(results(done), [Done::Unchanged]);
    assert_eq!(rig.git(&["rev-parse", BRANCH]).await, before, "no commit without a change");
}
