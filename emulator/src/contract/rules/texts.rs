//! Rules of what people read: comments, pull requests, reviews, reactions.

use crate::contract::rules::Call;
use crate::contract::rules::Class;
use crate::contract::rules::Rule;
use crate::contract::rules::at_most_characters;
use crate::contract::violation::Fault;

const COMMENT: &str = "https://docs.github.com/en/rest/issues/comments#create-an-issue-comment";
const PULL: &str = "https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request";
const REVIEW: &str = "https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request";
const REACTION: &str = "https://docs.github.com/en/rest/reactions/reactions#about-reactions";
/// GitHub's message is "body is too long (maximum is 65536 characters)".
const MAX_BODY: usize = 65_536;
const REACTIONS: &[&str] = &["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "comment-body",
        page: COMMENT,
        class: Class::Limit,
        operations: &["issues/create-comment", "issues/update-comment", "repos/create-commit-comment"],
        check: comment_body,
    },
    Rule {
        name: "body-size",
        page: PULL,
        class: Class::Limit,
        operations: &["issues/update", "pulls/create", "pulls/update", "pulls/create-review"],
        check: |call| at_most_characters(call, "/body", MAX_BODY).into_iter().collect(),
    },
    Rule {
        name: "pull-title-or-issue",
        page: PULL,
        class: Class::Limit,
        operations: &["pulls/create"],
        check: title_or_issue,
    },
    Rule {
        name: "review-body",
        page: REVIEW,
        class: Class::Limit,
        operations: &["pulls/create-review"],
        check: review_body,
    },
    Rule {
        name: "reaction-content",
        page: REACTION,
        class: Class::Limit,
        operations: &["reactions/create-for-issue-comment", "reactions/create-for-issue"],
        check: reaction,
    },
];

fn comment_body(call: &Call<'_>) -> Vec<Fault> {
    let blank = call.text("/body").is_some_and(|body| body.trim().is_empty());
    let empty = blank.then(|| Fault::at("/body", "is blank"));
    empty.into_iter().chain(at_most_characters(call, "/body", MAX_BODY)).collect()
}

fn title_or_issue(call: &Call<'_>) -> Vec<Fault> {
    let neither = !call.has("/title") && !call.has("/issue");
    neither.then(|| Fault::at("/title", "is required unless issue is given")).into_iter().collect()
}

fn review_body(call: &Call<'_>) -> Vec<Fault> {
    let needed = matches!(call.text("/event"), Some("REQUEST_CHANGES" | "COMMENT"));
    let missing = needed && call.text("/body").is_none_or(str::is_empty);
    missing.then(|| Fault::at("/body", "is required to request changes or to comment")).into_iter().collect()
}

fn reaction(call: &Call<'_>) -> Vec<Fault> {
    let unknown = call.text("/content").is_some_and(|content| !REACTIONS.contains(&content));
    unknown.then(|| Fault::at("/content", "is none of the eight reactions")).into_iter().collect()
}
