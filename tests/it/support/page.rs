//! What people see, as text for snapshots: what differs from run to run is replaced here and nowhere else.

use std::fmt::Write as _;

use github_emulator::Pull;
use github_emulator::Repository;

/// The conversation of a pull request, and the check runs on its head.
pub(crate) fn conversation(repository: &Repository, pull: &Pull) -> String {
    let mut page = String::new();
    for comment in pull.comments() {
        let reactions: Vec<_> =
            comment.reactions.iter().map(|(who, what)| format!("{what} by {who}")).collect();
        let reactions =
            if reactions.is_empty() { String::new() } else { format!(" ({})", reactions.join(", ")) };
        writeln!(page, "=== {} says{reactions}\n{}\n", comment.author, comment.body).unwrap();
    }
    page.push_str(&checks(repository, &pull.head_sha().unwrap()));
    page
}

/// The check runs on a commit.
pub(crate) fn checks(repository: &Repository, sha: &str) -> String {
    let mut page = String::new();
    for run in repository.check_runs(sha) {
        let conclusion = run.conclusion.as_deref().unwrap_or("none");
        let title = run.title.as_deref().unwrap_or_default();
        writeln!(page, "=== check {}: {}, {conclusion}: {title}", run.name, run.status).unwrap();
        writeln!(page, "{}", run.summary.as_deref().unwrap_or_default()).unwrap();
        for annotation in &run.annotations {
            writeln!(page, "annotation: {annotation}").unwrap();
        }
    }
    page
}

/// The GitHub Deployments of a repository with their statuses.
pub(crate) fn deployments(repository: &Repository) -> String {
    let mut page = String::new();
    for one in repository.deployments() {
        let states: Vec<_> = one.statuses.iter().map(|status| status.state.as_str()).collect();
        writeln!(page, "deployment of {} to {}: {}", one.reference, one.environment, states.join(", "))
            .unwrap();
    }
    page
}

/// The same text in every run: commits and digests become `hex1`, `hex2` … in the order in which they are first seen (a
/// short form is the same as its long one), the ids of comments `ID`, loopback ports `PORT`, moments `TIME`; then `names`
/// are replaced.
pub(crate) fn stable(text: &str, names: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in names {
        text = text.replace(from, to);
    }
    let mut seen = Vec::new();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some(after) = moment(rest) {
            out.push_str("TIME");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("127.0.0.1:") {
            out.push_str("127.0.0.1:PORT");
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(after) = rest.strip_prefix("‹secret ") {
            out.push_str("‹secret MARK");
            rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        } else if let Some((name, after)) = numbered(rest) {
            write!(out, "{name}ID").unwrap();
            rest = after;
        } else if first.is_alphanumeric() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.len() >= 7 && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
                write!(out, "hex{}", number(&mut seen, word)).unwrap();
            } else {
                out.push_str(word);
            }
            rest = after;
        } else {
            out.push(first);
            rest = rest.strip_prefix(first).unwrap();
        }
    }
    out
}

/// What our keys begin with, and what follows the comment's id in them.
fn numbered(text: &str) -> Option<(&'static str, &str)> {
    ["command/", "comment-"].into_iter().find_map(|name| {
        let after = text.strip_prefix(name)?;
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < after.len()).then_some((name, rest))
    })
}

fn number(seen: &mut Vec<String>, word: &str) -> usize {
    let known = seen.iter().position(|known| known.starts_with(word) || word.starts_with(known.as_str()));
    known.unwrap_or_else(|| {
        seen.push(word.to_owned());
        seen.len() - 1
    }) + 1
}

/// What follows a moment such as `2026-01-31T12:00:00Z`, if the text begins with one.
fn moment(text: &str) -> Option<&str> {
    let form = "dddd-dd-ddTdd:dd:dd";
    let start = text.get(..form.len())?;
    let fits = start.chars().zip(form.chars()).all(|(c, wanted)| match wanted {
        'd' => c.is_ascii_digit(),
        'T' => c == 'T' || c == ' ',
        other => c == other,
    });
    let rest = text.get(form.len()..).filter(|_| fits)?;
    let rest = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    Some(rest.strip_prefix('Z').unwrap_or(rest))
}

#[test]
fn what_differs_from_run_to_run_is_replaced_and_equal_things_stay_equal() {
    let text = "3f2a91c in 3f2a91cb00 by 0badcafe at 2026-01-31T12:00:00.123Z from http://127.0.0.1:4711/x, abc, comment-110";
    assert_eq!(
        stable(text, &[("abc", "NAME")]),
        "hex1 in hex1 by hex2 at TIME from http://127.0.0.1:PORT/x, NAME, comment-ID"
    );
}
