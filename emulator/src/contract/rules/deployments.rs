//! Rules of deployments, their statuses and their gates, and of commit statuses.

use crate::contract::rules::Call;
use crate::contract::rules::Class;
use crate::contract::rules::Rule;
use crate::contract::rules::at_most_characters;
use crate::contract::violation::Fault;

const DEPLOYMENT: &str = "https://docs.github.com/en/rest/deployments/deployments#create-a-deployment";
const STATUS: &str = "https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status";
const COMMIT_STATUS: &str = "https://docs.github.com/en/rest/commits/statuses#create-a-commit-status";
const GATE: &str = "https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/create-custom-protection-rules";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "deployment-status-description",
        page: STATUS,
        class: Class::Limit,
        operations: &["repos/create-deployment-status"],
        check: |call| at_most_characters(call, "/description", 140).into_iter().collect(),
    },
    Rule {
        name: "commit-status-description",
        page: COMMIT_STATUS,
        class: Class::Limit,
        operations: &["repos/create-commit-status"],
        check: |call| at_most_characters(call, "/description", 140).into_iter().collect(),
    },
    Rule {
        name: "gate-comment-size",
        page: GATE,
        class: Class::Limit,
        operations: &["actions/review-custom-gates-for-run"],
        check: |call| at_most_characters(call, "/comment", 1_024).into_iter().collect(),
    },
    Rule {
        name: "deployment-says-auto-merge",
        page: DEPLOYMENT,
        class: Class::Advice,
        operations: &["repos/create-deployment"],
        check: auto_merge,
    },
    Rule {
        name: "deployment-says-required-contexts",
        page: DEPLOYMENT,
        class: Class::Advice,
        operations: &["repos/create-deployment"],
        check: required_contexts,
    },
    Rule {
        name: "link-scheme",
        page: STATUS,
        class: Class::Advice,
        operations: &[
            "repos/create-deployment-status",
            "repos/create-commit-status",
            "checks/create",
            "checks/update",
        ],
        check: link_scheme,
    },
];

fn auto_merge(call: &Call<'_>) -> Vec<Fault> {
    let silent = !call.has("/auto_merge");
    silent
        .then(|| {
            Fault::at(
                "/auto_merge",
                "is not given, and by default GitHub may merge the default branch into the ref",
            )
        })
        .into_iter()
        .collect()
}

fn required_contexts(call: &Call<'_>) -> Vec<Fault> {
    let silent = !call.has("/required_contexts");
    silent
        .then(|| {
            Fault::at("/required_contexts", "is not given, and by default every status must be a success")
        })
        .into_iter()
        .collect()
}

fn link_scheme(call: &Call<'_>) -> Vec<Fault> {
    ["/target_url", "/log_url", "/environment_url", "/details_url"]
        .into_iter()
        .filter(|pointer| {
            let link = call.text(pointer).unwrap_or_default();
            !link.is_empty() && !link.starts_with("https://") && !link.starts_with("http://")
        })
        .map(|pointer| Fault::at(pointer, "is not an http or https address"))
        .collect()
}
