//! How the gates of a pull request stand: reviews, checks, statuses, and what the branch's rules ask.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHub;
use super::error::{Error, Kind, present};
use super::page::{Of, escape};
use super::token::{Key, Scope};
use super::wire::Ask;
use crate::model::github::{Gates, Pull};
use crate::model::id::{Login, Repo};
use crate::model::settings::Permission;

/// Pages of reviews, checks and statuses: 1,000 of each. A gate that cannot be seen whole is not passed.
const PAGES: usize = 10;
/// Reviewers whose permission is asked; more are not needed to decide anything.
const REVIEWERS: usize = 50;

/// Stands for the commit statuses where they may not be seen.
const UNSEEN: &str = "commit statuses (the App may not see them: grant it `statuses: read`)";

/// Our own checks are no gate to ourselves.
const OWN: &str = "tidegate/";

#[derive(Deserialize)]
struct Review {
    /// Null: the account is gone, and with it the right to approve.
    #[serde(default)]
    user: Option<Account>,
    state: String,
}

#[derive(Deserialize)]
struct Account {
    login: Login,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    app: Option<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    id: u64,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Value,
}

/// How one check or status stands; the worst of several with one name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Light {
    Green,
    Yellow,
    Red,
}

impl GitHub {
    /// How the gates of a pull request stand now. What cannot be seen counts as pending, never as passed.
    pub(crate) async fn gates(&self, repo: &Repo, pull: &Pull) -> Result<Gates, Error> {
        let mut gates = Gates::default();
        self.reviews(repo, pull, &mut gates).await?;
        let mut lights = self.checks(repo, pull).await?;
        self.statuses(repo, pull, &mut lights).await?;
        let named = |wanted: Light| {
            lights.iter().filter(move |(_, light)| **light == wanted).map(|(name, _)| name.clone())
        };
        gates.failed = named(Light::Red).collect();
        gates.pending = named(Light::Yellow).collect();
        let required = self.rules(repo, pull, &mut gates).await?;
        let green = |name: &String| lights.get(name) == Some(&Light::Green);
        gates.missing = required.into_iter().filter(|name| !green(name)).collect();
        self.decision(repo, pull, &mut gates).await?;
        Ok(gates)
    }

    /// The newest verdict of each reviewer who may write; a plain comment takes no verdict back.
    /// <https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request>
    async fn reviews(&self, repo: &Repo, pull: &Pull, gates: &mut Gates) -> Result<(), Error> {
        let doing = format!("listing the reviews of pull request {} of {}", pull.number, repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/pulls/{}/reviews?per_page=100", pull.number);
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let reviews = self.wire().list::<Review>(&key, of).await?;
        let mut verdicts: BTreeMap<Login, String> = BTreeMap::new();
        for review in reviews.items {
            let Some(user) = review.user.filter(|user| user.login != pull.author) else { continue };
            if matches!(review.state.as_str(), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED") {
                verdicts.insert(user.login, review.state);
            }
        }
        verdicts.retain(|_, verdict| verdict != "DISMISSED");
        for (login, verdict) in verdicts.into_iter().take(REVIEWERS) {
            let standing = self.standing(repo, &login).await?;
            if standing.is_none_or(|standing| standing.permission < Permission::Write) {
                continue;
            }
            // The newest reviews are the last, so of a list that is not whole no approval can be believed.
            if verdict == "APPROVED" {
                gates.approvals += usize::from(reviews.whole);
            } else {
                gates.objections.push(login);
            }
        }
        Ok(())
    }

    /// The check runs on the head, ours aside.
    /// <https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference>
    async fn checks(&self, repo: &Repo, pull: &Pull) -> Result<BTreeMap<String, Light>, Error> {
        let doing = format!("listing the checks of commit {} of {}", pull.head.short(), repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/commits/{}/check-runs?filter=latest&per_page=100", pull.head);
        let of = Of { doing: &doing, path: &path, under: Some("check_runs"), pages: PAGES };
        let runs = self.wire().list::<Run>(&key, of).await?;
        let mut lights = BTreeMap::new();
        if !runs.whole {
            lights.insert("more than 1,000 checks".to_owned(), Light::Yellow);
        }
        for run in runs.items {
            if run.app.as_ref().is_some_and(|owner| owner.id == self.inner.id) {
                continue;
            }
            let light = match (run.status.as_str(), run.conclusion.as_deref()) {
                ("completed", Some("success" | "neutral" | "skipped")) => Light::Green,
                ("completed", _) => Light::Red,
                _ => Light::Yellow,
            };
            worst(&mut lights, run.name, light);
        }
        Ok(lights)
    }

    /// The commit statuses on the head. Without the opt-in `statuses: read` they count as one that has not ended.
    /// <https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference>
    async fn statuses(
        &self,
        repo: &Repo,
        pull: &Pull,
        lights: &mut BTreeMap<String, Light>,
    ) -> Result<(), Error> {
        let doing = format!("listing the statuses of commit {} of {}", pull.head.short(), repo.name);
        let path = format!("/repositories/{}/commits/{}/status?per_page=100", repo.id, pull.head);
        let of = Of { doing: &doing, path: &path, under: Some("statuses"), pages: PAGES };
        let statuses = match self.wire().list::<Status>(&Key::of(repo, Scope::Statuses), of).await {
            Err(error) if error.kind() == Kind::Denied => {
                lights.insert(UNSEEN.to_owned(), Light::Yellow);
                return Ok(());
            }
            listed => listed?,
        };
        if !statuses.whole {
            lights.insert("more than 1,000 statuses".to_owned(), Light::Yellow);
        }
        for status in statuses.items {
            let light = match status.state.as_str() {
                "success" => Light::Green,
                "pending" => Light::Yellow,
                _ => Light::Red,
            };
            worst(lights, status.context, light);
        }
        Ok(())
    }

    /// What rulesets and the older branch protection ask of the base; gives the checks that they require, ours aside.
    /// <https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch>
    async fn rules(&self, repo: &Repo, pull: &Pull, gates: &mut Gates) -> Result<BTreeSet<String>, Error> {
        let doing = format!("reading the rules of branch {} of {}", pull.base, repo.name);
        let (key, root) = Self::acting(repo);
        let base = escape(pull.base.as_str());
        let path = format!("{root}/rules/branches/{base}?per_page=100");
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let mut required = BTreeSet::new();
        for rule in self.wire().list::<Rule>(&key, of).await?.items {
            if rule.kind == "pull_request" {
                let count = rule.parameters["required_approving_review_count"].as_u64().unwrap_or_default();
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                gates.required_approvals = gates.required_approvals.max(Some(count));
            }
            for check in rule.parameters["required_status_checks"].as_array().into_iter().flatten() {
                required.extend(self.foreign(&check["context"], &check["integration_id"]));
            }
        }
        let ask = Ask::get(&doing, format!("{root}/branches/{base}"));
        if let Some(branch) = present(self.wire().call(&key, &ask).await)? {
            let protection = &branch.body["protection"]["required_status_checks"];
            for check in protection["checks"].as_array().into_iter().flatten() {
                required.extend(self.foreign(&check["context"], &check["app_id"]));
            }
            for context in protection["contexts"].as_array().into_iter().flatten() {
                required.extend(self.foreign(context, &Value::Null));
            }
        }
        Ok(required)
    }

    /// The name of a required check, unless it is one of ours.
    fn foreign(&self, context: &Value, app: &Value) -> Option<String> {
        let context = context.as_str()?;
        let own = app.as_u64() == Some(self.inner.id) || context.starts_with(OWN);
        (!own).then(|| context.to_owned())
    }

    /// GitHub's own verdict on the reviews: the older branch protection tells its number of approvals to administrators
    /// only, but everybody may know whether it is reached. <https://docs.github.com/en/graphql/reference/objects#pullrequest>
    async fn decision(&self, repo: &Repo, pull: &Pull, gates: &mut Gates) -> Result<(), Error> {
        let doing =
            format!("asking whether the reviews of pull request {} of {} suffice", pull.number, repo.name);
        let query = "query($owner: String!, $name: String!, $number: Int!) { repository(owner: $owner, name: $name) { \
                     databaseId pullRequest(number: $number) { reviewDecision } } }";
        let variables =
            json!({"owner": repo.name.owner(), "name": repo.name.name(), "number": pull.number.0});
        let (key, _) = Self::acting(repo);
        let data = self.wire().query(&key, &doing, query, variables).await?;
        let found = &data["repository"];
        // The name may be another repository's by now; then the decision is not ours to read.
        if found["databaseId"].as_u64() != Some(repo.id.0) {
            return Err(Error::weather(&doing, "the repository was renamed just now"));
        }
        if found["pullRequest"]["reviewDecision"] == "REVIEW_REQUIRED" {
            let more = gates.approvals.saturating_add(1);
            gates.required_approvals = gates.required_approvals.max(Some(more));
        }
        Ok(())
    }
}

fn worst(lights: &mut BTreeMap<String, Light>, name: String, light: Light) {
    let there = lights.entry(name).or_insert(light);
    *there = light.max(*there);
}
