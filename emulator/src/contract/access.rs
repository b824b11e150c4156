//! What an app must have been granted: for each operation, and for each event that it wants to hear.
//!
//! Derived row by row from GitHub's table "Permissions required for GitHub Apps",
//! <https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps>; the authentication of the
//! app's own endpoints from <https://docs.github.com/en/rest/authentication/endpoints-available-for-github-app-installation-access-tokens>
//! and events from <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use std::collections::BTreeMap;

/// How much of a permission. `Write` includes `Read`, `Admin` includes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Look.
    Read,
    /// Look and change.
    Write,
    /// Look, change and administer; few permissions have it.
    Admin,
}

impl Level {
    /// The level as it is written in `permissions` objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Reads a level from a `permissions` object; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin].into_iter().find(|level| level.as_str() == text)
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The app itself, with its JWT; an installation token is refused.
    Jwt,
    /// An installation token that holds all permissions of at least one of these sets. One empty set: any token will do.
    Installation(Vec<Vec<(String, Level)>>),
    /// Anyone, also without a token.
    Anyone,
}

impl Access {
    /// Whether permissions as they stand in a token's `permissions` object are enough. Always false for [`Access::Jwt`].
    pub fn allows(&self, granted: &BTreeMap<String, String>) -> bool {
        let holds = |(name, level): &(String, Level)| {
            // Every app has `metadata: read`, whether or not it asked for it.
            (name == "metadata" && *level == Level::Read)
                || granted.get(name).and_then(|text| Level::parse(text)).is_some_and(|held| held >= *level)
        };
        match self {
            Self::Jwt => false,
            Self::Installation(sets) => sets.iter().any(|set| set.iter().all(holds)),
            Self::Anyone => true,
        }
    }
}

/// A row's right side: alternatives separated by `|`, permissions that are needed together by `+`.
const OPERATIONS: &[(&str, &str)] = &[
    // The app itself.
    ("apps/get-authenticated", "jwt"),
    ("apps/get-webhook-config-for-app", "jwt"),
    ("apps/update-webhook-config-for-app", "jwt"),
    ("apps/list-webhook-deliveries", "jwt"),
    ("apps/get-webhook-delivery", "jwt"),
    ("apps/redeliver-webhook-delivery", "jwt"),
    ("apps/list-installations", "jwt"),
    ("apps/get-installation", "jwt"),
    ("apps/delete-installation", "jwt"),
    ("apps/create-installation-access-token", "jwt"),
    ("apps/suspend-installation", "jwt"),
    ("apps/unsuspend-installation", "jwt"),
    ("apps/get-org-installation", "jwt"),
    ("apps/get-repo-installation", "jwt"),
    ("apps/get-user-installation", "jwt"),
    ("apps/create-from-manifest", "anyone"),
    ("apps/get-by-slug", "anyone"),
    ("rate-limit/get", "anyone"),
    ("users/get-by-username", "anyone"),
    ("orgs/get", "anyone"),
    ("apps/revoke-installation-access-token", "token"),
    ("apps/list-repos-accessible-to-installation", "metadata:read"),
    // Organizations.
    ("teams/get-by-name", "members:read"),
    ("teams/list-members-in-org", "members:read"),
    ("teams/get-membership-for-user-in-org", "members:read"),
    // Metadata, which every app has.
    ("repos/get", "metadata:read"),
    ("repos/list-collaborators", "metadata:read"),
    ("repos/check-collaborator", "metadata:read"),
    ("repos/get-collaborator-permission-level", "metadata:read"),
    ("repos/get-branch-rules", "metadata:read"),
    ("repos/list-comments-for-commit", "metadata:read"),
    // Administration.
    ("repos/get-branch-protection", "administration:read"),
    ("repos/get-pull-request-review-protection", "administration:read"),
    ("repos/get-status-checks-protection", "administration:read"),
    // Contents.
    ("repos/list-branches", "contents:read"),
    ("repos/get-branch", "contents:read"),
    ("repos/list-commits", "contents:read"),
    ("repos/get-commit", "contents:read"),
    ("repos/compare-commits-with-basehead", "contents:read"),
    ("repos/create-commit-comment", "contents:read"),
    ("repos/get-content", "contents:read"),
    ("repos/create-or-update-file-contents", "contents:write"),
    ("repos/delete-file", "contents:write"),
    ("git/get-commit", "contents:read"),
    ("git/list-matching-refs", "contents:read"),
    ("git/get-ref", "contents:read"),
    ("git/create-ref", "contents:write"),
    ("git/update-ref", "contents:write"),
    ("git/delete-ref", "contents:write"),
    ("git/get-tree", "contents:read"),
    ("repos/list-pull-requests-associated-with-commit", "pull_requests:read"),
    ("pulls/merge", "contents:write"),
    // Commit statuses.
    ("repos/get-combined-status-for-ref", "statuses:read"),
    ("repos/list-commit-statuses-for-ref", "statuses:read"),
    ("repos/create-commit-status", "statuses:write"),
    // Checks.
    ("checks/create", "checks:write"),
    ("checks/get", "checks:read"),
    ("checks/update", "checks:write"),
    ("checks/list-annotations", "checks:read"),
    ("checks/rerequest-run", "checks:write"),
    ("checks/create-suite", "checks:write"),
    ("checks/get-suite", "checks:read"),
    ("checks/list-for-suite", "checks:read"),
    ("checks/rerequest-suite", "checks:write"),
    ("checks/list-for-ref", "checks:read"),
    ("checks/list-suites-for-ref", "checks:read"),
    // Deployments and environments.
    ("repos/list-deployments", "deployments:read"),
    ("repos/create-deployment", "deployments:write"),
    ("repos/get-deployment", "deployments:read"),
    ("repos/delete-deployment", "deployments:write"),
    ("repos/list-deployment-statuses", "deployments:read"),
    ("repos/create-deployment-status", "deployments:write"),
    ("repos/get-deployment-status", "deployments:read"),
    ("actions/review-custom-gates-for-run", "deployments:write"),
    ("repos/get-all-environments", "actions:read"),
    ("repos/get-environment", "actions:read"),
    // Issues. A pull request's conversation is open to both permissions, its reactions to issues alone.
    ("issues/list-for-repo", "issues:read"),
    ("issues/get", "issues:read"),
    ("issues/update", "issues:write|pull_requests:write"),
    ("issues/list-comments", "issues:read|pull_requests:read"),
    ("issues/create-comment", "issues:write|pull_requests:write"),
    ("issues/list-comments-for-repo", "issues:read|pull_requests:read"),
    ("issues/get-comment", "issues:read|pull_requests:read"),
    ("issues/update-comment", "issues:write|pull_requests:write"),
    ("issues/delete-comment", "issues:write|pull_requests:write"),
    ("issues/list-labels-on-issue", "issues:read|pull_requests:read"),
    ("issues/add-labels", "issues:write|pull_requests:write"),
    ("issues/remove-label", "issues:write|pull_requests:write"),
    ("reactions/list-for-issue-comment", "issues:read"),
    ("reactions/create-for-issue-comment", "issues:write"),
    ("reactions/delete-for-issue-comment", "issues:write"),
    ("reactions/list-for-issue", "issues:read"),
    ("reactions/create-for-issue", "issues:write"),
    ("reactions/delete-for-issue", "issues:write"),
    // Pull requests.
    ("pulls/list", "pull_requests:read"),
    ("pulls/create", "pull_requests:write"),
    ("pulls/get", "pull_requests:read"),
    ("pulls/update", "pull_requests:write"),
    ("pulls/list-commits", "pull_requests:read"),
    ("pulls/list-files", "pull_requests:read"),
    ("pulls/check-if-merged", "pull_requests:read"),
    ("pulls/list-requested-reviewers", "pull_requests:read"),
    ("pulls/list-reviews", "pull_requests:read"),
    ("pulls/create-review", "pull_requests:write"),
    ("pulls/update-branch", "pull_requests:write+contents:write"),
];

/// What an app needs to be sent an event. `installation`, `installation_repositories`, `github_app_authorization` and
/// `ping` come to every app and cannot be asked for.
const EVENTS: &[(&str, &str)] = &[
    ("check_run", "checks:read"),
    ("check_suite", "checks:read"),
    ("commit_comment", "contents:read"),
    ("create", "contents:read"),
    ("delete", "contents:read"),
    ("deployment", "deployments:read"),
    ("deployment_protection_rule", "deployments:read"),
    ("deployment_status", "deployments:read"),
    ("issue_comment", "issues:read"),
    ("merge_group", "merge_queues:read"),
    ("public", "metadata:read"),
    ("pull_request", "pull_requests:read"),
    ("pull_request_review", "pull_requests:read"),
    ("push", "contents:read"),
    ("repository", "metadata:read"),
    ("status", "statuses:read"),
];

/// The access of an operation; an operation without a row is open to nobody but the app, so that a gap is noticed.
pub(crate) fn of(operation: &str) -> Access {
    match OPERATIONS.iter().find(|(id, _)| *id == operation).map(|(_, needs)| *needs) {
        None | Some("jwt") => Access::Jwt,
        Some("anyone") => Access::Anyone,
        Some("token") => Access::Installation(vec![Vec::new()]),
        Some(needs) => Access::Installation(
            needs.split('|').map(|set| set.split('+').filter_map(permission).collect()).collect(),
        ),
    }
}

/// What an event needs; `None` when it cannot be subscribed to.
pub(crate) fn of_event(event: &str) -> Option<(String, Level)> {
    EVENTS.iter().find(|(name, _)| *name == event).and_then(|(_, needs)| permission(needs))
}

fn permission(text: &str) -> Option<(String, Level)> {
    let (name, level) = text.split_once(':')?;
    Some((name.to_owned(), Level::parse(level)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;

    fn granted(permissions: &[(&str, &str)]) -> BTreeMap<String, String> {
        permissions.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
    }

    #[test]
    fn every_described_operation_has_a_row_and_every_row_an_operation() {
        let described: Vec<String> =
            Contract::load().unwrap().operations().iter().map(ToString::to_string).collect();
        let rows: Vec<&str> = OPERATIONS.iter().map(|(id, _)| *id).collect();
        let missing: Vec<_> = described.iter().filter(|id| !rows.contains(&id.as_str())).collect();
        let unknown: Vec<_> = rows.iter().filter(|id| !described.iter().any(|known| known == **id)).collect();
        assert!(
            missing.is_empty() && unknown.is_empty(),
            "without a row: {missing:?}; without an operation: {unknown:?}"
        );
        assert_eq!(rows.len(), described.len(), "a row is there twice");
    }

    #[test]
    fn every_row_can_be_read_and_names_a_permission_that_tokens_can_hold() {
        let contract = Contract::load().unwrap();
        let known = contract.description.schemas["app-permissions"]["properties"].as_object().unwrap();
        let rows =
            OPERATIONS.iter().chain(EVENTS).filter(|(_, needs)| !["jwt", "anyone", "token"].contains(needs));
        for (row, needs) in rows {
            for text in needs.split(['|', '+']) {
                let (name, _) = permission(text).unwrap_or_else(|| panic!("{row}: {text}"));
                assert!(known.contains_key(&name), "{row}: no permission {name}");
            }
        }
    }

    #[test]
    fn one_of_the_sets_is_enough_and_write_includes_read() {
        let comment = of("issues/create-comment");
        assert!(comment.allows(&granted(&[("pull_requests", "write")])));
        assert!(comment.allows(&granted(&[("issues", "write")])));
        assert!(!comment.allows(&granted(&[("issues", "read"), ("pull_requests", "read")])));
        assert!(of("checks/get").allows(&granted(&[("checks", "write")])));
        assert!(!of("reactions/create-for-issue-comment").allows(&granted(&[("pull_requests", "write")])));
        assert!(of("repos/get").allows(&granted(&[])), "metadata:read is always there");
        assert!(!of("apps/get-authenticated").allows(&granted(&[("administration", "write")])));
        assert_eq!(of_event("issue_comment"), Some(("issues".to_owned(), Level::Read)));
        assert_eq!(of_event("installation"), None);
    }

    #[test]
    fn every_described_event_can_be_subscribed_to_or_comes_unasked() {
        let contract = Contract::load().unwrap();
        let unasked = [
            "installation",
            "installation_repositories",
            "installation_target",
            "github_app_authorization",
            "ping",
        ];
        for key in contract.webhooks() {
            let page = contract.description.webhook(&key).unwrap().page.clone().unwrap();
            let event = page.rsplit('#').next().unwrap();
            assert_eq!(of_event(event).is_none(), unasked.contains(&event), "{key}: {event}");
        }
    }
}
