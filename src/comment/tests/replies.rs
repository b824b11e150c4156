//! Replies to commands.

use jiff::Timestamp;

use crate::comment::tests::{markdown::assert_harmless, sha, templates};
use crate::comment::{Answer, Reply, Standing, StatusRow};
use crate::model::command::Misread;
use crate::model::deployment::{Commits, Deployment, State, Trigger};
use crate::model::id::{CommentId, EnvironmentId, InstallationId, PullNumber, Repo, RepoId};
use crate::model::refusal::Refusal;

pub(super) fn deployment(state: State) -> Deployment {
    let at: Timestamp = "2026-11-24T03:54:00Z".parse().unwrap();
    Deployment {
        id: "comment-9-staging".to_owned(),
        environment: EnvironmentId { repo: RepoId(1), name: "staging".parse().unwrap() },
        repo: Repo { installation: InstallationId(1), id: RepoId(1), name: "acme/shop".parse().unwrap() },
        pull: Some(PullNumber(12)),
        cause: Trigger::Command { comment: CommentId(9) },
        by: "ann".parse().unwrap(),
        by_id: None,
        asked: at,
        deletes: None,
        commits: Commits { base: sha("88b01de"), head: sha("3f2a91c"), tree: sha("77aa") },
        approved: None,
        named: None,
        state,
        record: None,
        began: None,
        refusal: None,
        report: None,
        message: String::new(),
        created: at,
        changed: at,
    }
}

fn reply(answers: &[Answer]) -> String {
    let comment = templates().reply(&Reply { to: &"ann_b".parse().unwrap(), answers }).unwrap();
    assert!(comment.body.starts_with("<!-- tidegate:reply -->\n"));
    assert_harmless(&comment.body);
    comment.body
}

#[test]
fn refusals_name_the_rule_and_what_to_do() {
    insta::assert_snapshot!(reply(&[
        Answer::Refused(
            Refusal::new("@bob has read here, and `prod-eu` needs maintain", "ask somebody with maintain")
                .by(".tidegate.yaml:12")
        ),
        Answer::Misread(Misread {
            line: "/deplyo prod".to_owned(),
            message: "did you mean `/deploy`?".to_owned()
        }),
        Answer::Said("`prod-eu` is held for #12 for 72 hours.".to_owned()),
    ]));
    let refused = templates()
        .refused(
            &"ann".parse().unwrap(),
            &"prod-eu".parse().unwrap(),
            &Refusal::new(
                "the head moved from `3f2a91c` to `88b01de`",
                "look at the new preview and repeat the command",
            ),
        )
        .unwrap();
    assert_harmless(&refused.body);
    insta::assert_snapshot!("a_refused_deployment", refused.body);
}

#[test]
fn status_is_a_table_and_help_too() {
    let row = |name: &str| StatusRow {
        name: name.parse().unwrap(),
        target: name.to_owned(),
        last: None,
        waiting: 0,
        held: None,
        standing: Standing::Yes,
    };
    let held = StatusRow {
        last: Some(deployment(State::Succeeded)),
        waiting: 2,
        held: Some((PullNumber(9), "bob".to_owned(), "release week | see #3".to_owned())),
        standing: Standing::No("ann has read here, and write is needed".to_owned()),
        ..row("staging")
    };
    insta::assert_snapshot!(reply(&[Answer::Status(vec![row("dev"), held]), Answer::Help]));
    insta::assert_snapshot!("no_environments", reply(&[Answer::Status(vec![])]));
    let many: Vec<StatusRow> =
        (0..200).map(|n| StatusRow { target: "x".repeat(400), ..row(&format!("e{n}")) }).collect();
    assert!(reply(&[Answer::Status(many)]).contains("more environments"));
}
