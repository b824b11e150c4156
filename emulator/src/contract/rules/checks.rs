//! Rules of check runs.

use serde_json::Value;

use crate::contract::rules::Call;
use crate::contract::rules::Class;
use crate::contract::rules::Rule;
use crate::contract::rules::at_most_bytes;
use crate::contract::rules::at_most_characters;
use crate::contract::rules::at_most_entries;
use crate::contract::violation::Fault;

const WRITE: &[&str] = &["checks/create", "checks/update"];
const CREATE: &str = "https://docs.github.com/en/rest/checks/runs#create-a-check-run";
const UPDATE: &str = "https://docs.github.com/en/rest/checks/runs#update-a-check-run";
/// 64 KB, as the page says of annotations.
const KILOBYTES_64: usize = 64 * 1024;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "completed-needs-conclusion",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: conclusion_missing,
    },
    Rule {
        name: "conclusion-means-completed",
        page: CREATE,
        class: Class::Advice,
        operations: WRITE,
        check: conclusion_early,
    },
    Rule {
        name: "conclusion-reserved",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: conclusion_reserved,
    },
    Rule {
        name: "check-status-reserved",
        page: UPDATE,
        class: Class::Limit,
        operations: WRITE,
        check: status_reserved,
    },
    Rule {
        name: "check-output-title",
        page: UPDATE,
        class: Class::Limit,
        operations: WRITE,
        check: title_missing,
    },
    Rule { name: "check-text-size", page: CREATE, class: Class::Limit, operations: WRITE, check: text_size },
    Rule {
        name: "annotations-per-request",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: annotation_count,
    },
    Rule {
        name: "annotation-lines",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: annotation_lines,
    },
    Rule {
        name: "annotation-columns",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: annotation_columns,
    },
    Rule {
        name: "annotation-size",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: annotation_size,
    },
    Rule {
        name: "actions-per-run",
        page: CREATE,
        class: Class::Limit,
        operations: WRITE,
        check: action_count,
    },
    Rule { name: "action-text", page: CREATE, class: Class::Limit, operations: WRITE, check: action_text },
    Rule {
        name: "check-names-full-sha",
        page: CREATE,
        class: Class::Advice,
        operations: &["checks/create", "checks/create-suite"],
        check: full_sha,
    },
];

fn conclusion_missing(call: &Call<'_>) -> Vec<Fault> {
    let completed = call.text("/status") == Some("completed") || call.has("/completed_at");
    let missing = completed && !call.has("/conclusion");
    missing
        .then(|| Fault::at("/conclusion", "is required with status completed or completed_at"))
        .into_iter()
        .collect()
}

fn conclusion_early(call: &Call<'_>) -> Vec<Fault> {
    let early = call.has("/conclusion") && call.text("/status").is_some_and(|status| status != "completed");
    early
        .then(|| Fault::at("/conclusion", "completes the run, against the status that is given with it"))
        .into_iter()
        .collect()
}

fn conclusion_reserved(call: &Call<'_>) -> Vec<Fault> {
    let stale = call.text("/conclusion") == Some("stale");
    stale.then(|| Fault::at("/conclusion", "stale is set by GitHub only")).into_iter().collect()
}

fn status_reserved(call: &Call<'_>) -> Vec<Fault> {
    let reserved =
        call.text("/status").is_some_and(|status| ["waiting", "requested", "pending"].contains(&status));
    reserved.then(|| Fault::at("/status", "is for GitHub Actions only")).into_iter().collect()
}

fn title_missing(call: &Call<'_>) -> Vec<Fault> {
    let missing = call.has("/output") && call.text("/output/title").is_none_or(str::is_empty);
    missing.then(|| Fault::at("/output/title", "is required with output")).into_iter().collect()
}

fn text_size(call: &Call<'_>) -> Vec<Fault> {
    // The page says characters; what GitHub counts are bytes, which is never more permissive.
    ["/output/summary", "/output/text"]
        .into_iter()
        .filter_map(|pointer| at_most_bytes(call, pointer, 65_535))
        .collect()
}

fn annotation_count(call: &Call<'_>) -> Vec<Fault> {
    at_most_entries(call, "/output/annotations", 50).into_iter().collect()
}

/// One fault for each annotation in which `wrong` finds something.
fn annotations(call: &Call<'_>, wrong: impl Fn(&Value) -> Option<&'static str>) -> Vec<Fault> {
    let found = call.list("/output/annotations").iter().enumerate();
    found
        .filter_map(|(n, annotation)| Some(Fault::at(format!("/output/annotations/{n}"), wrong(annotation)?)))
        .collect()
}

fn annotation_lines(call: &Call<'_>) -> Vec<Fault> {
    annotations(call, |annotation| {
        match (annotation["start_line"].as_i64(), annotation["end_line"].as_i64()) {
            (Some(start), Some(_)) if start < 1 => Some("lines start at 1"),
            (Some(start), Some(end)) if end < start => Some("ends before it starts"),
            _ => None,
        }
    })
}

fn annotation_columns(call: &Call<'_>) -> Vec<Fault> {
    annotations(call, |annotation| {
        let columns = !annotation["start_column"].is_null() || !annotation["end_column"].is_null();
        let lines = annotation["start_line"] != annotation["end_line"];
        (columns && lines).then_some("columns are for annotations of one line")
    })
}

fn annotation_size(call: &Call<'_>) -> Vec<Fault> {
    annotations(call, |annotation| {
        let bytes = |key: &str| annotation[key].as_str().map_or(0, str::len);
        let title = annotation["title"].as_str().map_or(0, |title| title.chars().count());
        let large = bytes("message") > KILOBYTES_64 || bytes("raw_details") > KILOBYTES_64 || title > 255;
        large.then_some("message and raw_details are at most 64 KB, the title at most 255 characters")
    })
}

fn action_count(call: &Call<'_>) -> Vec<Fault> {
    at_most_entries(call, "/actions", 3).into_iter().collect()
}

fn action_text(call: &Call<'_>) -> Vec<Fault> {
    let limits = [("label", 20), ("description", 40), ("identifier", 20)];
    (0..call.list("/actions").len())
        .flat_map(|n| {
            limits.map(|(key, limit)| at_most_characters(call, &format!("/actions/{n}/{key}"), limit))
        })
        .flatten()
        .collect()
}

fn full_sha(call: &Call<'_>) -> Vec<Fault> {
    let full = |sha: &str| sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = call.text("/head_sha").is_some_and(|sha| !full(sha));
    wrong.then(|| Fault::at("/head_sha", "is not a full commit SHA")).into_iter().collect()
}
