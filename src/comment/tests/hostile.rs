//! Hostile names, messages and manifests: nothing of them gets out of its place, whatever it is.

use proptest::prelude::*;
use serde_json::json;

use crate::comment::tests::markdown::assert_harmless;
use crate::comment::tests::{Case, id, path, plan};
use crate::comment::text;
use crate::comment::{Answer, Reply, Standing, StatusRow};
use crate::model::command::Misread;
use crate::model::fault::Fault;
use crate::model::id::PullNumber;
use crate::model::object::ObjectId;
use crate::model::plan::{
    Action, Cascade, Change, Class, Commit, Conflict, Fidelity, Home, Hook, Likeness, Pair, Phase, Plan,
    Risk, Transfer,
};
use crate::model::refusal::Refusal;
use crate::model::settings::Winner;

const BAD: &[&str] = &[
    "@ann",
    "x @org/team y",
    "closes #12",
    "acme/shop#7",
    "GH-12",
    "gh-1",
    "https://github.com/a/b/issues/1",
    "www.x.y",
    "```",
    "````\n</details>",
    "~~~",
    "</summary></details>",
    "<img src=x onerror=y>",
    "<!-- tidegate:preview -->",
    "-->",
    "--",
    ">",
    "<",
    "!",
    "<!",
    "\n/deploy prod",
    "/deploy prod",
    "\n\n# head",
    "- item",
    "1. x",
    "| a | b |",
    "|",
    "`",
    "``",
    "\\",
    "\\`",
    "[a](b)",
    "![a](b)",
    "[x]: y",
    "*",
    "_a_",
    "__",
    "$x$",
    "&lt;",
    "&#64;ann",
    "\u{202e}",
    "\u{200b}",
    "\0",
    "\r\n",
    "\t",
    "\u{1b}[31m",
    "a@b.c",
    "    code",
    "===",
    "---",
    "&",
    ";",
    "é",
    "漢",
    "🚀",
    "#",
    "12",
    "@",
    " ",
];

fn nasty() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![4 => prop::sample::select(BAD).prop_map(str::to_owned), 1 => ".{0,12}"],
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

#[allow(clippy::too_many_lines, reason = "every field of a change has its hostile value")]
fn any_change() -> impl Strategy<Value = Change> {
    let actions = prop::sample::select(vec![
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::Delete,
        Action::Move,
        Action::Adopt,
        Action::Keep,
    ]);
    let risks = prop::collection::vec(
        prop::sample::select(vec![
            Risk::LosesData,
            Risk::Cascades,
            Risk::Replaces,
            Risk::Traffic,
            Risk::Restarts,
            Risk::Runs,
        ]),
        0..3,
    );
    let classes = prop::sample::select(vec![
        Class::ThisChange,
        Class::Pending,
        Class::Drift,
        Class::SideEffect,
        Class::ByHand,
        Class::Volatile,
    ]);
    let fidelity = prop::sample::select(vec![Fidelity::Live, Fidelity::Schema, Fidelity::Rendered]);
    (
        (actions, risks, classes, fidelity),
        (nasty(), nasty(), nasty(), nasty()),
        (nasty(), prop::sample::select(vec![0_usize, 1, 2, 3, 900])),
    )
        .prop_map(|((action, risks, class, fidelity), (kind, name, app, warning), (text, repeat))| {
            let mut id = id(&kind, &name);
            id.namespace = Some(app.clone());
            let home = |app: &str| Home { environment: "one".parse().unwrap(), app: app.to_owned() };
            let other = ObjectId { kind: text.clone(), ..id.clone() };
            let why = [Likeness::Hash, Likeness::Group, Likeness::Rename][repeat % 3];
            Change {
                conflicts: vec![Conflict {
                    path: format!("/{text}"),
                    manager: text.clone(),
                    rule: [Winner::Take, Winner::Yield, Winner::Fail][repeat % 3],
                    live: json!(text),
                    git: json!({ "a": text }),
                }],
                cascade: vec![Cascade {
                    group: text.clone(),
                    kind: text.clone(),
                    count: (repeat > 0).then_some(repeat),
                }],
                transfer: (action == Action::Move).then(|| Transfer { from: home(&app), to: home(&text) }),
                pair: (repeat == 1).then_some(Pair { id: other, why }),
                hook: Some(Hook { phase: Phase::After, weight: -7 }),
                file: Some(app.clone()),
                app,
                fidelity,
                risks,
                paths: vec![
                    path(&format!("/{name}"), class, json!(text), json!([text])),
                    path(&format!("/a/{kind}"), Class::ThisChange, json!(null), json!({ "a": text })),
                ],
                diff: format!("+ {text}\n").repeat(repeat) + &text,
                warnings: vec![warning],
                ..Change::new(action, id)
            }
        })
}

fn any_plan(name: &'static str) -> impl Strategy<Value = Plan> {
    (prop::collection::vec(any_change(), 0..8), nasty(), nasty(), any::<(bool, bool)>()).prop_map(
        move |(changes, message, hint, (fails, first))| {
            let mut plan = plan(name, changes);
            plan.baseline = first;
            plan.warnings = vec![message.clone()];
            plan.pending = vec![Commit { sha: super::sha("0a1b"), title: hint.clone() }];
            plan.hooks = plan.changes.iter().take(2).cloned().collect();
            // What succeeds another object is shown with that one.
            let pairs: Vec<Change> = plan
                .changes
                .iter()
                .filter_map(|change| {
                    let pair = change.pair.clone()?;
                    let own = Pair { id: change.id.clone(), why: pair.why };
                    Some(Change {
                        pair: Some(own),
                        ..Change { id: pair.id, action: Action::Delete, ..change.clone() }
                    })
                })
                .collect();
            plan.changes.extend(pairs);
            if fails {
                let mut fault = Fault::new(message.clone()).hint(hint.clone()).file(hint).at(1, 2);
                fault.snippet = Some(message);
                plan.errors = vec![fault];
            }
            plan
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_preview_breaks_out_or_exceeds_its_budget(
        one in any_plan("one"), two in any_plan("two"), note in nasty(), public in any::<bool>(),
        branch in prop::sample::select(vec!["main", "x-", "a<b>", "`x`", "a|b", "@ann", "#12", "$a$", "a&b", "release/1.0"]),
    ) {
        let mut case = Case::of(vec![one, two]);
        case.notes = vec![note];
        case.public = public;
        // `shown` itself checks budgets and harmlessness of all three texts.
        case.on(&branch.parse().unwrap());
    }

    #[test]
    fn no_reply_breaks_out(a in nasty(), b in nasty(), c in nasty()) {
        let answers = [
            Answer::Refused(Refusal::new(a.clone(), b.clone()).by(c.clone())),
            Answer::Misread(Misread { line: a.clone(), message: b.clone() }),
            Answer::Said(c.clone()),
            Answer::Help,
            Answer::Status(vec![StatusRow {
                name: "prod".parse().unwrap(),
                target: a,
                last: None,
                waiting: 2,
                held: Some((PullNumber(12), b.clone(), c)),
                standing: Standing::No(b),
            }]),
        ];
        let reply = Reply { to: &"ann".parse().unwrap(), answers: &answers };
        let comment = super::templates().reply(&reply).unwrap();
        prop_assert!(comment.body.len() <= 60_000);
        assert_harmless(&comment.body);
    }

    #[test]
    fn a_diff_keeps_its_lines(text in "([ +-][^\\x00-\\x1f\\x7f-\\xa0]{0,20}\n){1,6}") {
        let fenced = text::diff(&text);
        prop_assert_eq!(fenced.text.lines().count(), text.lines().count());
    }
}

#[test]
fn sentences_keep_code_and_defuse_the_rest() {
    for (given, wanted) in [
        ("`prod` is held for #12 by @ann", "`prod` is held for #\u{200b}12 by @\u{200b}ann"),
        ("a ` alone", "a \\` alone"),
        ("snake_case and _em_", "snake_case and \\_em\\_"),
        ("/deploy", "\\/deploy"),
        ("1. one", "1\\. one"),
        ("`a|b`", "<code>a&#124;b</code>"),
        ("a\u{202e}b", "a‹U+202E›b"),
        ("see https://x.y", "see https:\u{200b}//x.y"),
    ] {
        assert_eq!(text::prose(given), wanted, "{given}");
    }
}

#[test]
fn fences_are_longer_than_any_run_inside() {
    assert_eq!(text::diff("+ ```\n+ `````\n").fence, "``````");
    assert_eq!(text::block("/deploy").text, " /deploy");
}
