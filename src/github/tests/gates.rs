//! Reviews, checks and rules as a merge would ask for them.

use github_emulator::{Protection, RequiredCheck, Role, Verdict};

use super::{World, permissions, world};
use crate::model::check::{Check, Conclusion};
use crate::model::github::Gates;

async fn gates(world: &World) -> Gates {
    let pull = world.github.pull(&world.repo, world.number).await.unwrap().unwrap();
    world.github.gates(&world.repo, &pull).await.unwrap()
}

fn see_statuses(world: &World) {
    world.installation.set_permissions(permissions(&[("statuses", "read")])).unwrap();
}

#[tokio::test]
async fn the_newest_verdict_of_each_writer_counts() {
    let world = world();
    for (login, role) in [("bob", Role::Write), ("carol", Role::Maintain), ("reader", Role::Read)] {
        world.shop.collaborator(login, role).unwrap();
    }
    see_statuses(&world);
    world.pull.review("bob", Verdict::ChangesRequested).unwrap();
    world.pull.review("carol", Verdict::ChangesRequested).unwrap();
    world.pull.review("reader", Verdict::Approved).unwrap();
    world.pull.review("bob", Verdict::Approved).unwrap();
    world.pull.review("bob", Verdict::Commented).unwrap();
    let gates = gates(&world).await;
    assert_eq!(gates.approvals, 1);
    assert_eq!(gates.objections, ["carol".parse().unwrap()]);
    assert_eq!(gates.required_approvals, None);
    assert!(gates.pending.is_empty());
    world.end();
}

#[tokio::test]
async fn checks_and_statuses_of_others_are_told_and_ours_are_not() {
    let world = world();
    see_statuses(&world);
    let sha = world.pull.head_sha().unwrap();
    world.shop.set_status(&sha, "ci/test", "failure", "alice").unwrap();
    world.shop.set_status(&sha, "ci/lint", "pending", "alice").unwrap();
    world.shop.set_status(&sha, "ci/build", "success", "alice").unwrap();
    let ours = Check {
        name: "tidegate/preview".into(),
        external_id: "1".into(),
        conclusion: Conclusion::Failure,
        title: "x".into(),
        summary: "x".into(),
        text: String::new(),
        faults: Vec::new(),
    };
    world.github.check(&world.repo, &sha.parse().unwrap(), &ours).await.unwrap();
    let required = |context: &str| RequiredCheck { context: context.to_owned(), app_id: None };
    for as_ruleset in [false, true] {
        let protection = Protection {
            required_reviews: 1,
            required_checks: vec![required("ci/build"), required("ci/deep"), required("tidegate/preview")],
            as_ruleset,
        };
        world.shop.protect("main", Some(protection)).unwrap();
        let gates = gates(&world).await;
        assert_eq!((gates.failed, gates.pending), (vec!["ci/test".to_owned()], vec!["ci/lint".to_owned()]));
        assert_eq!(gates.missing, ["ci/deep"]);
        assert_eq!(gates.required_approvals, Some(1), "as ruleset: {as_ruleset}");
        assert_eq!(gates.approvals, 0);
    }
    world.end();
}

#[tokio::test]
async fn statuses_that_may_not_be_seen_are_never_passed() {
    let world = world();
    let sha = world.pull.head_sha().unwrap();
    world.shop.set_status(&sha, "ci/test", "failure", "alice").unwrap();
    let gates = gates(&world).await;
    assert!(gates.failed.is_empty());
    assert_eq!(gates.pending, ["commit statuses (the App may not see them: grant it `statuses: read`)"]);
}
