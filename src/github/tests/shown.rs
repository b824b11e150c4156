//! What is shown beside a commit: checks, deployments, their states.

use github_emulator::{Fault, FaultKind};
use serde_json::json;

use super::{World, world};
use crate::github::Record;
use crate::model::check::{Check, Conclusion};
use crate::model::fault::Fault as Mistake;
use crate::model::github::Progress;
use crate::model::id::Sha;

fn check(conclusion: Conclusion, faults: usize) -> Check {
    Check {
        name: "tidegate/preview".into(),
        external_id: "preview/1".into(),
        conclusion,
        title: "2 environments change".into(),
        summary: "details".into(),
        text: String::new(),
        faults: (1..=faults).map(|at| Mistake::new(format!("fault {at}")).file("a.yaml").at(1, 1)).collect(),
    }
}

fn head(world: &World) -> Sha {
    world.pull.head_sha().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_check_is_made_once_and_brought_to_its_end() {
    let world = world();
    let sha = head(&world);
    let bring = async |conclusion, faults| {
        let marked = world.github.check(&world.repo, &sha, &check(conclusion, faults)).await.unwrap();
        assert!(marked.at.is_some(), "GitHub tells its clock");
        marked.run
    };
    let first = bring(Conclusion::InProgress, 0).await;
    assert_eq!(bring(Conclusion::InProgress, 0).await, first);
    assert_eq!(bring(Conclusion::Failure, 120).await, first);
    let writes = world.asked("PATCH", &format!("/check-runs/{first}"));
    assert_eq!(writes, 3, "50 annotations with the state, then 50 and 20");
    assert_eq!(bring(Conclusion::Failure, 120).await, first);
    assert_eq!(world.asked("PATCH", &format!("/check-runs/{first}")), writes, "all is as it should be");
    let runs = world.shop.check_runs(sha.as_str());
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].conclusion.as_deref(), Some("failure"));
    assert_eq!(runs[0].annotations.len(), 120);

    // What has ended keeps its words until there is something else to say; annotations cannot be taken back.
    assert_eq!(bring(Conclusion::InProgress, 0).await, first);
    let again = bring(Conclusion::Success, 0).await;
    assert_ne!(again, first);
    assert_eq!(bring(Conclusion::InProgress, 0).await, again);
    assert_eq!(bring(Conclusion::Cancelled, 0).await, again, "corrected in place");
    assert_eq!(world.shop.check_runs(sha.as_str()).len(), 2);
    world.end();
}

#[tokio::test]
async fn a_check_whose_making_was_answered_with_a_failure_is_there_once() {
    let world = world();
    let sha = head(&world);
    world.emulator.fault(Fault::once("POST", "/repositories/*/check-runs", FaultKind::AfterWrite502));
    world.github.check(&world.repo, &sha, &check(Conclusion::Success, 3)).await.unwrap();
    let runs = world.shop.check_runs(sha.as_str());
    assert_eq!((runs.len(), runs[0].annotations.len()), (1, 3));
    world.end();
}

#[tokio::test]
async fn a_deployment_is_recorded_once_and_its_progress_told_once() {
    let world = world();
    let record = |key: &str| Record {
        key: key.into(),
        commit: head(&world),
        environment: "staging".parse().unwrap(),
        description: "x".repeat(200),
        payload: json!({"base": "b"}),
    };
    world.emulator.fault(Fault::once("POST", "/repositories/*/deployments", FaultKind::AfterWrite502));
    let id = world.github.record(&world.repo, &record("d1")).await.unwrap();
    assert_eq!(world.github.record(&world.repo, &record("d1")).await.unwrap(), id);
    assert_ne!(world.github.record(&world.repo, &record("d2")).await.unwrap(), id);
    assert_eq!(world.shop.deployments().len(), 2);

    let log = Some("https://tidegate.example.com/d1");
    let told = async |progress, text: &str| {
        world.github.progress(&world.repo, id, (progress, text), log).await.unwrap();
    };
    told(Progress::Running, "applying").await;
    told(Progress::Running, "applying").await;
    world.emulator.fault(Fault::once(
        "POST",
        "/repositories/*/deployments/*/statuses",
        FaultKind::AfterWrite502,
    ));
    told(Progress::Success, "12 objects").await;
    let deployments = world.shop.deployments();
    let ours = deployments.iter().find(|one| one.id == id).unwrap();
    let states: Vec<&str> = ours.statuses.iter().map(|status| status.state.as_str()).collect();
    assert_eq!(states, ["in_progress", "success"]);
    assert_eq!((&ours.payload["key"], &ours.payload["base"]), (&json!("d1"), &json!("b")));
    world.end();
}
