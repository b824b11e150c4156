//! Who may deploy, case by case: the words are what a person would read.

use crate::model::deployment::Trigger;
use crate::model::github::{Gates, Pull, Standing};
use crate::model::id::{CommentId, PullNumber, RepoId, UserId};
use crate::model::refusal::Why;
use crate::model::settings::{Allow, BeforeMerge, Deploy, Environment, Gate, Permission, When};
use crate::model::target::{Floor, People, Place, TargetSettings};
use crate::work::rules::{
    Person, gates_hold, gates_hold_for_push, may_before_merge, may_command, may_start, may_track,
};

pub(crate) fn environment(deploy: Deploy) -> Environment {
    Environment {
        target: "staging".to_owned(),
        branch: None,
        namespace: None,
        sources: Vec::new(),
        versions: crate::model::settings::Versions::default(),
        deploy,
        adopt: Vec::new(),
        fields: Vec::new(),
        secrets: Vec::new(),
        line: 7,
    }
}

pub(crate) fn target(floor: Floor) -> TargetSettings {
    TargetSettings {
        name: "eu".to_owned(),
        place: Place::Directory { path: "/t".into() },
        repositories: Vec::new(),
        floor,
        emergency: People::default(),
    }
}

fn person(permission: Permission) -> Person {
    Person {
        login: "ann".parse().unwrap(),
        id: UserId(5),
        standing: Some(Standing { user: UserId(5), permission }),
        teams: Vec::new(),
    }
}

pub(crate) fn pull() -> Pull {
    let sha = "0123456789abcdef0123456789abcdef01234567";
    Pull {
        number: PullNumber(3),
        open: true,
        merged: false,
        draft: false,
        title: "t".to_owned(),
        author: "bob".parse().unwrap(),
        head: sha.parse().unwrap(),
        head_repo: Some(RepoId(1)),
        base: "main".parse().unwrap(),
        merge_commit: None,
    }
}

#[test]
fn a_reader_is_refused_with_the_rule_and_its_line() {
    let refusal =
        may_command(&person(Permission::Read), &environment(Deploy::default()), &target(Floor::default()))
            .unwrap_err();
    assert_eq!(refusal.message, "@ann has read here, and this needs write");
    assert_eq!(refusal.rule, ".tidegate.yaml:7");
    assert_eq!(refusal.why, Why::Person, "it says nothing of the change");
    assert!(
        may_command(&person(Permission::Write), &environment(Deploy::default()), &target(Floor::default()))
            .is_ok()
    );
}

#[test]
fn the_floor_can_only_be_tightened() {
    let floor = Floor { permission: Some(Permission::Maintain), ..Floor::default() };
    let refusal =
        may_command(&person(Permission::Write), &environment(Deploy::default()), &target(floor)).unwrap_err();
    assert_eq!(refusal.rule, "the floor of target eu");
    let floor = Floor { before_merge: Some(BeforeMerge::Never), ..Floor::default() };
    let loose = environment(Deploy { before_merge: BeforeMerge::AnyTime, ..Deploy::default() });
    let refusal = may_before_merge(&pull(), &loose, &target(floor), &Gates::default()).unwrap_err();
    assert_eq!(refusal.rule, "the floor of target eu");
}

#[test]
fn whoever_took_over_a_login_is_nobody() {
    let mut other = person(Permission::Admin);
    other.id = UserId(6);
    assert!(may_command(&other, &environment(Deploy::default()), &target(Floor::default())).is_err());
    other.standing = None;
    assert!(may_command(&other, &environment(Deploy::default()), &target(Floor::default())).is_err());
}

#[test]
fn the_permission_and_the_list_must_both_hold() {
    let allow = Allow {
        permission: Permission::Write,
        users: vec!["zoe".parse().unwrap()],
        teams: vec!["ops".to_owned()],
    };
    let strict = environment(Deploy { allow, ..Deploy::default() });
    let mut ann = person(Permission::Admin);
    let refusal = may_command(&ann, &strict, &target(Floor::default())).unwrap_err();
    assert_eq!(refusal.hint, "ask one of @zoe, team ops");
    ann.teams = vec!["ops".to_owned()];
    assert!(may_command(&ann, &strict, &target(Floor::default())).is_ok());
}

#[test]
fn without_branches_in_the_floor_only_the_default_branch_counts() {
    let (main, mine) = ("main".parse().unwrap(), "mine".parse().unwrap());
    assert!(may_track(&main, &main, &target(Floor::default())).is_ok());
    assert!(may_track(&mine, &main, &target(Floor::default())).is_err());
    let floor = Floor { branches: vec!["mine".parse().unwrap()], ..Floor::default() };
    assert!(may_track(&mine, &main, &target(floor)).is_ok());
}

#[test]
fn mergeable_means_what_the_branch_asks_of_a_merge() {
    let own = environment(Deploy::default());
    let open = target(Floor::default());
    let gates = Gates {
        required_approvals: Some(2),
        approvals: 1,
        missing: vec!["ci".to_owned()],
        ..Gates::default()
    };
    let refusal = may_before_merge(&pull(), &own, &open, &gates).unwrap_err();
    assert!(refusal.message.contains("1 of 2 approvals; required checks: ci"), "{}", refusal.message);
    assert!(may_before_merge(&pull(), &own, &open, &Gates::default()).is_ok());
    let draft = Pull { draft: true, ..pull() };
    assert!(may_before_merge(&draft, &own, &open, &Gates::default()).is_err());
}

#[test]
fn gates_of_repository_and_floor_both_hold() {
    let own = environment(Deploy { requires: vec![Gate::Checks], ..Deploy::default() });
    let floor = target(Floor { requires: vec![Gate::Approved], ..Floor::default() });
    let mut gates = Gates { approvals: 1, failed: vec!["unit".to_owned()], ..Gates::default() };
    assert!(gates_hold(&own, &floor, &gates, true).unwrap_err().message.contains("unit"));
    gates.failed.clear();
    assert!(gates_hold(&own, &floor, &gates, true).is_ok());
    gates.approvals = 0;
    assert_eq!(gates_hold(&own, &floor, &gates, true).unwrap_err().rule, "the floor of target eu");
    let fresh = environment(Deploy { requires: vec![Gate::UpToDate], ..Deploy::default() });
    assert!(gates_hold(&fresh, &target(Floor::default()), &Gates::default(), false).is_err());
}

#[test]
fn a_push_without_a_pull_request_passes_no_gate_of_repository_or_floor() {
    let open = environment(Deploy::default());
    assert!(gates_hold_for_push(&open, &target(Floor::default())).is_ok());
    let own = environment(Deploy { requires: vec![Gate::Checks], ..Deploy::default() });
    let refusal = gates_hold_for_push(&own, &target(Floor::default())).unwrap_err();
    assert_eq!(refusal.rule, ".tidegate.yaml:7");
    let floor = target(Floor { requires: vec![Gate::Approved], ..Floor::default() });
    let refusal = gates_hold_for_push(&open, &floor).unwrap_err();
    assert_eq!(refusal.message, "it was pushed without a pull request, and `approved` is required of one");
    assert_eq!(refusal.rule, "the floor of target eu");
}

#[test]
fn when_decides_what_may_start_a_deployment() {
    let command = Trigger::Command { comment: CommentId(1) };
    let by = |when| environment(Deploy { when, ..Deploy::default() });
    let all = [command, Trigger::Merge, Trigger::Push, Trigger::Close];
    let started = |when| all.map(|cause| may_start(cause, &by(when)).is_ok());
    assert_eq!(started(When::Merge), [true, true, true, true]);
    assert_eq!(started(When::Comment), [true, false, false, true]);
    assert_eq!(started(When::Never), [false, false, false, false]);
    assert_eq!(may_start(command, &by(When::Never)).unwrap_err().rule, ".tidegate.yaml:7");
}
