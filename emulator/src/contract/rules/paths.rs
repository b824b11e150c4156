//! Rules of Git references and file contents.

use crate::contract::rules::Call;
use crate::contract::rules::Class;
use crate::contract::rules::Rule;
use crate::contract::violation::Fault;

const GET_REF: &str = "https://docs.github.com/en/rest/git/refs#get-a-reference";
const CREATE_REF: &str = "https://docs.github.com/en/rest/git/refs#create-a-reference";
const BRANCH: &str = "https://docs.github.com/en/rest/branches/branches#get-a-branch";
const FILE: &str = "https://docs.github.com/en/rest/repos/contents#create-or-update-file-contents";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "ref-without-prefix",
        page: GET_REF,
        class: Class::Limit,
        operations: &["git/get-ref", "git/list-matching-refs", "git/update-ref", "git/delete-ref"],
        check: without_prefix,
    },
    Rule {
        name: "ref-is-full",
        page: CREATE_REF,
        class: Class::Limit,
        operations: &["git/create-ref"],
        check: full_ref,
    },
    Rule {
        name: "branch-without-wildcard",
        page: BRANCH,
        class: Class::Limit,
        operations: &[
            "repos/get-branch",
            "repos/get-branch-protection",
            "repos/get-pull-request-review-protection",
            "repos/get-status-checks-protection",
            "repos/get-branch-rules",
        ],
        check: wildcard,
    },
    Rule {
        name: "content-is-base64",
        page: FILE,
        class: Class::Limit,
        operations: &["repos/create-or-update-file-contents"],
        check: base64,
    },
];

fn parameter<'a>(call: &Call<'a>, name: &str) -> Option<&'a str> {
    call.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn without_prefix(call: &Call<'_>) -> Vec<Fault> {
    let wrong = parameter(call, "ref").is_some_and(|name| name.starts_with("refs/"));
    wrong
        .then(|| Fault::at("path/ref", "is written heads/BRANCH or tags/TAG, without refs/"))
        .into_iter()
        .collect()
}

fn full_ref(call: &Call<'_>) -> Vec<Fault> {
    let wrong =
        call.text("/ref").is_some_and(|name| !name.starts_with("refs/") || name.matches('/').count() < 2);
    wrong
        .then(|| Fault::at("/ref", "must start with refs/ and have two slashes at least"))
        .into_iter()
        .collect()
}

fn wildcard(call: &Call<'_>) -> Vec<Fault> {
    let wrong = parameter(call, "branch").is_some_and(|name| name.contains('*'));
    wrong.then(|| Fault::at("path/branch", "cannot contain wildcards")).into_iter().collect()
}

fn base64(call: &Call<'_>) -> Vec<Fault> {
    use base64::Engine as _;
    let decodes = |text: &str| {
        let packed: String = text.split_ascii_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(packed).is_ok()
    };
    let wrong = call.text("/content").is_some_and(|text| !decodes(text));
    wrong.then(|| Fault::at("/content", "is not Base64")).into_iter().collect()
}
