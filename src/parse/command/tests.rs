//! Commands as people write them, and texts that only look like them.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy;

use super::commands;
use crate::model::command::{Command, Misread};
use crate::model::id::EnvironmentName;

fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

fn deploy(names: &[&str]) -> Command {
    Command::Deploy {
        environments: names.iter().map(|name| environment(name)).collect(),
        sha: None,
        deletes: None,
    }
}

fn only(comment: &str) -> Result<Command, Misread> {
    let mut read = commands(comment);
    assert_eq!(read.len(), 1, "{comment:?}: {read:?}");
    read.remove(0)
}

fn refusal(comment: &str) -> String {
    only(comment).unwrap_err().message
}

#[test]
fn every_command_is_read_in_order_whatever_its_case() {
    let comment = "Looks good!\r\n/PREVIEW staging, prod-eu\r\n/Deploy Staging\r\n\r\n/cancel\n/cancel prod\n\
                   /lock prod load test until noon\n/unlock prod\n/status\n/help me";
    let lock = Command::Lock { environment: environment("prod"), reason: "load test until noon".into() };
    let wanted = [
        Command::Preview { environments: vec![environment("staging"), environment("prod-eu")] },
        deploy(&["staging"]),
        Command::Cancel { environment: None },
        Command::Cancel { environment: Some(environment("prod")) },
        lock,
        Command::Unlock { environment: environment("prod") },
        Command::Status,
        Command::Help,
    ];
    let read: Vec<Command> = commands(comment).into_iter().map(Result::unwrap).collect();
    assert_eq!(read, wanted);
}

#[test]
fn deploy_takes_environments_a_commit_and_a_number_of_deletes() {
    let Command::Deploy { environments, sha, deletes } =
        only("/deploy prod staging prod 3F2A91C deletes=12").unwrap()
    else {
        panic!("not a deploy")
    };
    assert_eq!(environments, [environment("prod"), environment("staging")]);
    assert_eq!((sha.as_deref(), deletes), (Some("3f2a91c"), Some(12)));
    assert_eq!(only("/deploy"), Ok(deploy(&[])));
    assert_eq!(only("/deploy facade"), Ok(deploy(&["facade"])));
}

#[test]
fn what_is_not_right_in_every_word_is_told() {
    assert!(refusal("/deploy prod_eu").contains("`prod_eu` is not an environment's name"));
    assert!(refusal("/deploy `staging`").contains("is not an environment's name"));
    assert!(refusal("/deploy x deletes=many").contains("whole number"));
    assert!(refusal("/deploy x deletes=1 deletes=2").contains("twice"));
    assert!(refusal("/deploy x 3f2a91c 3f2a91d").contains("two commits"));
    assert!(refusal("/deploy x emergency: the site is down").contains("not available yet"));
    assert!(refusal("/rollback prod").contains("not available yet"));
    assert!(refusal("/lock").contains("needs an environment"));
    assert!(refusal("/unlock").contains("needs an environment"));
    assert!(refusal("/unlock a b").contains("one environment"));
    assert!(refusal("/cancel a b").contains("one environment"));
    assert_eq!(
        refusal("/depoly staging"),
        "`/depoly` is not a command; did you mean `/deploy`? `/help` lists all"
    );
}

#[test]
fn nothing_commands_in_code_quotes_lists_tables_html_or_links() {
    for comment in [
        "```\n/deploy staging\n```",
        "~~~sh\n/deploy staging",
        "    /deploy staging",
        "`a\n/deploy staging\nb`",
        "> /deploy staging",
        "> as said\n/deploy staging",
        "- /deploy staging",
        "- as said\n/deploy staging",
        "1. /deploy staging",
        "/deploy | b\n---|---\n/deploy staging | c",
        "<!-- \n/deploy staging\n-->",
        "a <!-- \n/deploy staging\n--> b",
        "<pre>\n/deploy staging\n</pre>",
        "<details><summary>log</summary>\n\n/deploy staging\n\n</details>",
        "<blockquote>\n\n/deploy staging\n\n</blockquote>",
        "[a\n/deploy staging](https://example.com)",
        "**a\n/deploy staging**",
        "~~/deploy staging~~",
        "# /deploy staging",
        "please /deploy staging",
        "[x]: /deploy\n\"\n/deploy staging\n\"",
        "&#47;deploy staging",
        "\\/deploy staging",
    ] {
        assert_eq!(commands(comment), [], "{comment:?}");
    }
}

#[test]
fn what_stands_beside_such_things_still_commands() {
    for comment in [
        "```\nlog\n```\n/deploy staging",
        "> as said\n\n/deploy staging",
        "<details>\n\nlog\n\n</details>\n\n/deploy staging",
        "  /deploy staging  ",
        "/deploy staging\n--\nAlice",
        "a<br>b\n/deploy staging",
        "text\\\n/deploy staging",
    ] {
        assert_eq!(commands(comment), [Ok(deploy(&["staging"]))], "{comment:?}");
    }
}

#[test]
fn lines_for_others_are_passed_over() {
    assert_eq!(
        commands("/etc/passwd is readable\n/cc @alice\n/usr/bin/deploy x\n/ deploy\n//deploy\n/review"),
        []
    );
}

#[test]
fn a_comment_cannot_queue_work_without_end() {
    let read = commands(&"/status\n".repeat(50));
    assert_eq!(read.len(), 11);
    assert!(read[10].as_ref().unwrap_err().message.contains("at most 10"));

    let long = format!("{}\n\n/deploy staging\n", "x".repeat(70_000));
    assert!(refusal(&long).contains("64 KiB"));
    assert_eq!(commands(&"x".repeat(70_000)), []);
    let line = only(&format!("/deploy {}", "é".repeat(400))).unwrap_err().line;
    assert_eq!(line.chars().count(), 200);
}

/// Texts made of what Markdown and commands are made of.
fn comments() -> impl Strategy<Value = String> {
    let pieces = [
        "/",
        "deploy",
        "/deploy staging",
        "\n",
        "\r\n",
        " ",
        "`",
        "```",
        "~~~",
        "> ",
        "- ",
        "<!--",
        "-->",
        "<pre>",
        "</pre>",
        "<details>",
        "[",
        "](",
        ")",
        "*",
        "é",
        "\u{0}",
        "\u{2028}",
        "|",
        "---",
        "#",
        "\t",
        "&#47;",
        "$",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn reading_never_panics_and_never_finds_too_much(comment in comments(), any in any::<String>()) {
        prop_assert!(commands(&comment).len() <= 11);
        prop_assert!(commands(&any).len() <= 11);
    }

    #[test]
    fn nothing_escapes_a_fence(comment in comments()) {
        let fenced = format!("~~~~~~~~\n{}\n", comment.replace("~~~", ""));
        prop_assert_eq!(commands(&fenced), []);
    }
}
