//! Tests of the directory target: the whole way, and what a run that was cut off leaves behind.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::directory::{Directory, Error};
use crate::layout::record::{self, Record};
use crate::layout::{path, step};
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::id::{EnvironmentId, InstallationId, Repo, RepoId};
use crate::model::object::{Bundle, Object, Origin};
use crate::model::permit::Permit;
use crate::model::plan::{Action, Change, Hook, Phase, Plan};
use crate::model::report::Done;
use crate::model::target::{Run, Scope};
use crate::model::view::{Inventory, Owner, Prediction};

fn object(name: &str, value: u32) -> Object {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"}, "data": {"value": value.to_string()}});
    let origin = Origin { app: "apps/web".to_owned(), ..Origin::default() };
    Object { id: Object::identify(&body).unwrap(), body, origin, volatile: Vec::new() }
}

fn bundle(objects: &[(&str, u32)]) -> Bundle {
    let mut bundle = Bundle {
        objects: objects.iter().map(|(name, value)| object(name, *value)).collect(),
        ..Bundle::default()
    };
    bundle.sort();
    bundle
}

fn scope(name: &str) -> Scope {
    Scope {
        environment: EnvironmentId { repo: RepoId(7), name: name.parse().unwrap() },
        repo: "acme/shop".parse().unwrap(),
        target: "trial".to_owned(),
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
        digest: Some(crate::model::id::Digest::of(b"plan")),
        changes,
        ..Plan::new("staging".parse().unwrap(), "trial".to_owned())
    }
}

fn deployment(id: &str) -> Deployment {
    let sha = |digit: &str| digit.repeat(40).parse().unwrap();
    Deployment {
        id: id.to_owned(),
        environment: scope("staging").environment,
        repo: Repo { installation: InstallationId(1), id: RepoId(7), name: "acme/shop".parse().unwrap() },
        pull: None,
        cause: Trigger::Push,
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

/// Applies these changes and gives the results in the order of the steps.
async fn apply(at: &Directory, bundle: &Bundle, changes: Vec<Change>, permit: &Permit) -> Vec<Done> {
    let inventory = at.own(&scope("staging")).await.unwrap();
    let (plan, deployment) = (plan(changes), deployment("d1"));
    let run = Run { plan: &plan, bundle, inventory: inventory.as_ref(), deployment: &deployment, permit };
    let applied = at.apply(&scope("staging"), &run).await.unwrap();
    applied.into_iter().map(|applied| applied.result).collect()
}

fn there(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn objects_are_created_updated_and_deleted_and_nothing_else_is_touched() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().join("made/later"));
    let scope = scope("staging");
    assert_eq!(at.own(&scope).await.unwrap(), None);

    let first = bundle(&[("a", 1), ("b", 1)]);
    let creates = first.objects.iter().map(|object| change(Action::Create, object)).collect();
    assert_eq!(apply(&at, &first, creates, &Permit::default()).await, [Done::Changed, Done::Changed]);
    let inventory = at.own(&scope).await.unwrap().unwrap();
    assert_eq!((inventory.entries.len(), inventory.generation), (2, 1));
    assert_eq!(inventory.tree, Some("c".repeat(40).parse().unwrap()));
    assert_eq!(inventory.entries[&first.objects[0].id].digest, Some(first.objects[0].digest()));

    std::fs::write(at.folder(&scope).join("notes.txt"), "mine").unwrap();
    let second = bundle(&[("a", 2)]);
    let changes = vec![change(Action::Delete, &first.objects[1]), change(Action::Update, &second.objects[0])];
    assert_eq!(apply(&at, &second, changes, &Permit::default()).await, [Done::Changed, Done::Changed]);
    assert_eq!(
        there(&at.folder(&scope)),
        [".tidegate/inventory.json", "notes.txt", "shop/configmap.core/a.yaml"]
    );
    let seen = at.look(&scope, &[&second.objects[0]], &[]).await.unwrap();
    let live = seen[0].live.as_ref().unwrap();
    assert_eq!((&live.body, &live.owner), (&second.objects[0].body, &Owner::Us));

    let before = std::fs::read(at.folder(&scope).join(record::PATH)).unwrap();
    assert_eq!(apply(&at, &second, Vec::new(), &Permit::default()).await, []);
    assert_eq!(
        std::fs::read(at.folder(&scope).join(record::PATH)).unwrap(),
        before,
        "nothing changed: no write"
    );
}

#[tokio::test]
async fn all_hooks_lie_there_whichever_of_them_the_plan_would_run() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let mut both = bundle(&[("a", 1)]);
    both.hooks = bundle(&[("install", 1), ("upgrade", 1)]).objects;
    let mut plan = plan(vec![change(Action::Create, &both.objects[0])]);
    let due = |phase| Some(Hook { phase, weight: 0 });
    plan.hooks = [Phase::Before, Phase::After]
        .map(|phase| Change { hook: due(phase), ..change(Action::Create, &both.hooks[0]) })
        .into();
    let (deployment, permit) = (deployment("d1"), Permit::default());
    let run = Run { plan: &plan, bundle: &both, inventory: None, deployment: &deployment, permit: &permit };
    let applied = at.apply(&scope("staging"), &run).await.unwrap();
    assert_eq!(applied.len(), 2, "one file is written once, and what does not run is not told: {applied:?}");
    let hooks: Vec<_> =
        there(&at.folder(&scope("staging"))).into_iter().filter(|path| path.starts_with("_hooks")).collect();
    assert_eq!(hooks, ["_hooks/shop/configmap.core/install.yaml", "_hooks/shop/configmap.core/upgrade.yaml"]);
}

#[tokio::test]
async fn a_run_that_was_cut_off_leaves_nothing_unowned_and_the_next_one_ends_it() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let (scope, permit) = (scope("staging"), Permit::default());
    let old = bundle(&[("a", 1), ("b", 1)]);
    let creates = old.objects.iter().map(|object| change(Action::Create, object)).collect();
    apply(&at, &old, creates, &permit).await;

    // The next run creates c, updates a and deletes b, and dies after each of its writes in turn.
    let new = bundle(&[("a", 2), ("c", 1)]);
    let changes = vec![
        change(Action::Update, &new.objects[0]),
        change(Action::Delete, &old.objects[1]),
        change(Action::Create, &new.objects[1]),
    ];
    let folder = at.folder(&scope);
    let inventory = at.own(&scope).await.unwrap();
    let (plan, deployment) = (plan(changes), deployment("d2"));
    let run = Run {
        plan: &plan,
        bundle: &new,
        inventory: inventory.as_ref(),
        deployment: &deployment,
        permit: &permit,
    };
    let ahead = step::ahead(&scope, &run, None);
    let saved = tempfile::tempdir().unwrap();
    copy(&folder, saved.path());
    for writes in 0..=2 {
        std::fs::remove_dir_all(&folder).unwrap();
        copy(saved.path(), &folder);
        super::file::write(&folder, record::PATH, &ahead.write()).await.unwrap();
        std::fs::write(folder.join(".tidegate/unfinished/file"), "half").unwrap();
        for step in step::steps(&run).unwrap().iter().take(writes) {
            super::take(&folder, step, &run).await;
        }

        let inventory = at.own(&scope).await.unwrap().unwrap();
        let owned: Vec<_> = inventory.entries.keys().map(path::of).collect();
        for file in there(&folder).iter().filter(|file| !file.starts_with(".tidegate")) {
            assert!(owned.contains(file), "{file} is owned by nobody after {writes} writes");
        }
        assert!(
            inventory.entries.values().all(|owned| owned.digest.is_none()),
            "nothing is believed to be as it was"
        );

        let changes = plan.changes.clone();
        let done = apply(&at, &new, changes, &permit).await;
        assert!(done.iter().all(|done| matches!(done, Done::Changed | Done::Unchanged)), "{done:?}");
        assert_eq!(
            there(&folder),
            [".tidegate/inventory.json", "shop/configmap.core/a.yaml", "shop/configmap.core/c.yaml"]
        );
        let inventory = at.own(&scope).await.unwrap().unwrap();
        assert_eq!(inventory.entries.keys().map(|id| id.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }
}

fn copy(from: &Path, to: &Path) {
    for file in there(from) {
        std::fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        std::fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

#[tokio::test]
async fn a_stale_plan_is_refused_and_a_revoked_permit_stops() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let one = bundle(&[("a", 1)]);
    let create = vec![change(Action::Create, &one.objects[0])];
    let revoked = Permit::default();
    revoked.revoke();
    assert!(matches!(apply(&at, &one, create.clone(), &revoked).await.as_slice(), [Done::Skipped(_)]));
    assert_eq!(at.own(&scope("staging")).await.unwrap(), None, "nothing was written");

    apply(&at, &one, create.clone(), &Permit::default()).await;
    let (plan, deployment, permit) = (plan(create), deployment("d2"), Permit::default());
    let old = Inventory::default();
    let run =
        Run { plan: &plan, bundle: &one, inventory: Some(&old), deployment: &deployment, permit: &permit };
    assert!(matches!(at.apply(&scope("staging"), &run).await, Err(Error::Stale { .. })));
}

#[tokio::test]
async fn what_the_inventory_does_not_hold_is_not_deleted() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let foreign = object("foreign", 1);
    let file = at.folder(&scope("staging")).join(path::of(&foreign.id));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "mine").unwrap();
    let done = apply(&at, &bundle(&[]), vec![change(Action::Delete, &foreign)], &Permit::default()).await;
    assert!(matches!(done.as_slice(), [Done::Failed(_)]), "{done:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[tokio::test]
async fn each_environment_has_its_own_folder_and_a_record_of_another_is_refused() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let one = bundle(&[("a", 1)]);
    apply(&at, &one, vec![change(Action::Create, &one.objects[0])], &Permit::default()).await;
    assert_eq!(at.own(&scope("prod")).await.unwrap(), None);

    let bytes = std::fs::read(at.folder(&scope("staging")).join(record::PATH)).unwrap();
    assert!(Record::read(&bytes, &scope("staging").environment).is_ok());
    let other = at.folder(&scope("prod"));
    std::fs::create_dir_all(other.join(".tidegate")).unwrap();
    std::fs::write(other.join(record::PATH), bytes).unwrap();
    assert!(matches!(at.own(&scope("prod")).await, Err(Error::Author(_))));
}

#[tokio::test]
async fn what_is_kept_stays_owned_as_it_was() {
    let root = TempDir::new().unwrap();
    let at = Directory::new(root.path().to_owned());
    let one = bundle(&[("a", 1)]);
    apply(&at, &one, vec![change(Action::Create, &one.objects[0])], &Permit::default()).await;
    let owned = at.own(&scope("staging")).await.unwrap().unwrap().entries;
    let two = bundle(&[("b", 1)]);
    let changes = vec![change(Action::Keep, &one.objects[0]), change(Action::Create, &two.objects[0])];
    assert_eq!(apply(&at, &two, changes, &Permit::default()).await, [Done::Unchanged, Done::Changed]);
    let entries = at.own(&scope("staging")).await.unwrap().unwrap().entries;
    assert_eq!(entries.get(&one.objects[0].id), owned.get(&one.objects[0].id));
    assert_eq!(entries.len(), 2);
    assert!(at.folder(&scope("staging")).join(path::of(&one.objects[0].id)).exists());
}

#[tokio::test]
async fn what_is_another_at_each_render_stays_as_it_lies_there() {
    let root = TempDir::new().unwrap();
    let (at, scope) = (Directory::new(root.path().to_owned()), scope("staging"));
    let drawn = |draw: &str, value: u32| {
        let mut bundle = bundle(&[("a", value)]);
        bundle.objects[0].body["data"]["salt"] = draw.into();
        bundle.objects[0].volatile = vec!["/data/salt".to_owned()];
        bundle
    };
    let file = at.folder(&scope).join(path::of(&object("a", 1).id));
    let (first, second) = (drawn("first", 1), drawn("second", 2));
    for (bundle, value) in [(&first, "1"), (&second, "2")] {
        let done =
            apply(&at, bundle, vec![change(Action::Update, &bundle.objects[0])], &Permit::default()).await;
        assert_eq!(done, [Done::Changed]);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("salt: first") && text.contains(value), "{text}");
    }
    let seen = at.look(&scope, &[&drawn("third", 2).objects[0]], &[]).await.unwrap();
    let live = &seen[0].live.as_ref().unwrap().body;
    assert_eq!(seen[0].prediction, Prediction::Becomes(live.clone()), "nothing would change");
    let again =
        apply(&at, &second, vec![change(Action::Update, &second.objects[0])], &Permit::default()).await;
    assert_eq!(again, [Done::Unchanged]);
}
