//! Rules of paging, filters and token requests.

use crate::contract::rules::Call;
use crate::contract::rules::Class;
use crate::contract::rules::Rule;
use crate::contract::rules::at_most_entries;
use crate::contract::violation::Fault;

const PAGING: &str = "https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api";
const PULLS: &str = "https://docs.github.com/en/rest/pulls/pulls#list-pull-requests";
const COMMENTS: &str = "https://docs.github.com/en/rest/issues/comments#list-issue-comments-for-a-repository";
const TOKEN: &str =
    "https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app";
const TOKENS: &[&str] = &["apps/create-installation-access-token"];

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "page-size", page: PAGING, class: Class::Limit, operations: &[], check: page_size },
    Rule { name: "page-number", page: PAGING, class: Class::Limit, operations: &[], check: page_number },
    Rule {
        name: "pull-head-filter",
        page: PULLS,
        class: Class::Limit,
        operations: &["pulls/list"],
        check: head_filter,
    },
    Rule {
        name: "direction-needs-sort",
        page: COMMENTS,
        class: Class::Limit,
        operations: &["issues/list-comments-for-repo"],
        check: direction,
    },
    Rule {
        name: "token-repositories",
        page: TOKEN,
        class: Class::Limit,
        operations: TOKENS,
        check: token_repositories,
    },
    Rule {
        name: "token-repository-names",
        page: TOKEN,
        class: Class::Limit,
        operations: TOKENS,
        check: token_names,
    },
];

fn number(call: &Call<'_>, name: &str) -> Option<i64> {
    call.query.iter().find(|(key, _)| key == name)?.1.parse().ok()
}

fn page_size(call: &Call<'_>) -> Vec<Fault> {
    let wrong = number(call, "per_page").is_some_and(|size| !(1..=100).contains(&size));
    wrong
        .then(|| Fault::at("query/per_page", "is not from 1 to 100; GitHub would answer another number"))
        .into_iter()
        .collect()
}

fn page_number(call: &Call<'_>) -> Vec<Fault> {
    let wrong = number(call, "page").is_some_and(|page| page < 1);
    wrong.then(|| Fault::at("query/page", "pages start at 1")).into_iter().collect()
}

fn head_filter(call: &Call<'_>) -> Vec<Fault> {
    let head = call.query.iter().find(|(key, _)| key == "head");
    let wrong = head.is_some_and(|(_, value)| {
        value.split_once(':').is_none_or(|(user, name)| user.is_empty() || name.is_empty())
    });
    wrong
        .then(|| Fault::at("query/head", "is not OWNER:BRANCH; GitHub would ignore it"))
        .into_iter()
        .collect()
}

fn direction(call: &Call<'_>) -> Vec<Fault> {
    let given = |name: &str| call.query.iter().any(|(key, _)| key == name);
    let ignored = given("direction") && !given("sort");
    ignored.then(|| Fault::at("query/direction", "is ignored without sort")).into_iter().collect()
}

fn token_repositories(call: &Call<'_>) -> Vec<Fault> {
    ["/repositories", "/repository_ids"]
        .into_iter()
        .filter_map(|pointer| at_most_entries(call, pointer, 500))
        .collect()
}

fn token_names(call: &Call<'_>) -> Vec<Fault> {
    let named = call.list("/repositories").iter().enumerate();
    named
        .filter(|(_, name)| name.as_str().is_some_and(|name| name.contains('/')))
        .map(|(n, _)| {
            Fault::at(format!("/repositories/{n}"), "is a full name; GitHub wants it without the owner")
        })
        .collect()
}
