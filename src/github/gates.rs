//! How the gates of a pull request stand: reviews, checks, statuses, and what the branch's rules ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHub;
use super::error::{Error, Kind, present};
use super::page::{Of, TEXTS, escape};
use super::token::{Key, Scope};
use super::wire::Ask;
use crate::model::github::{Gates, Pull};
use crate::model::id::{Login, Repo};
use crate::model::settings::Permission;

/// Reviews, checks and statuses, of each. A gate that cannot be seen whole is not passed.
const MOST: usize = 1_000;
/// Approvals whose author's permission is asked; more are not needed to decide anything. Objections are all asked about:
/// each of them decides.
const APPROVALS: usize = 50;

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

/// A check that the base's rules require.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Required {
    name: String,
    /// The only App whose run counts; none: anybody's run or status does.
    app: Option<u64>,
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.app.map_or(Ok(()), |app| write!(f, " (of the App with id {app})"))
    }
}

/// How the checks and statuses stand, by their name and by the App that runs them, where it is known.
#[derive(Debug, Default)]
struct Lights(BTreeMap<(String, Option<u64>), Light>);

impl Lights {
    fn shine(&mut self, name: String, app: Option<u64>, light: Light) {
        let there = self.0.entry((name, app)).or_insert(light);
        *there = light.max(*there);
    }

    /// The worst of all that have a name.
    fn worst(&self, name: &str) -> Option<Light> {
        self.0.iter().filter(|((own, _), _)| own == name).map(|(_, light)| *light).max()
    }

    /// The names whose worst is this.
    fn named(&self, wanted: Light) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().map(|(name, _)| name).collect();
        names.into_iter().filter(|name| self.worst(name) == Some(wanted)).cloned().collect()
    }

    fn pass(&self, required: &Required) -> bool {
        let light = match required.app {
            Some(_) => self.0.get(&(required.name.clone(), required.app)).copied(),
            None => self.worst(&required.name),
        };
        light == Some(Light::Green)
    }
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
        gates.failed = lights.named(Light::Red);
        gates.pending = lights.named(Light::Yellow);
        let required = self.rules(repo, pull, &mut gates).await?;
        gates.missing = required.iter().filter(|one| !lights.pass(one)).map(ToString::to_string).collect();
        self.decision(repo, pull, &mut gates).await?;
        Ok(gates)
    }

    /// The newest verdict of each reviewer who may write; a plain comment takes no verdict back.
    /// <https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request>
    async fn reviews(&self, repo: &Repo, pull: &Pull, gates: &mut Gates) -> Result<(), Error> {
        let doing = format!("listing the reviews of pull request {} of {}", pull.number, repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/pulls/{}/reviews?per_page={TEXTS}", pull.number);
        let of = Of { doing: &doing, path: &path, under: None, pages: MOST / TEXTS };
        let reviews = self.wire().list::<Review>(&key, of).await?;
        let mut verdicts: BTreeMap<Login, String> = BTreeMap::new();
        for review in reviews.items {
            let Some(user) = review.user.filter(|user| user.login != pull.author) else { continue };
            if matches!(review.state.as_str(), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED") {
                verdicts.insert(user.login, review.state);
            }
        }
        let (objections, approvals) = sides(verdicts);
        for login in objections {
            if self.may_write(repo, &login).await? {
                gates.objections.push(login);
            }
        }
        // The newest reviews are the last, so of a list that is not whole no approval can be believed.
        for login in approvals.into_iter().take(if reviews.whole { APPROVALS } else { 0 }) {
            gates.approvals += usize::from(self.may_write(repo, &login).await?);
        }
        Ok(())
    }

    async fn may_write(&self, repo: &Repo, login: &Login) -> Result<bool, Error> {
        let standing = self.standing(repo, login).await?;
        Ok(standing.is_some_and(|standing| standing.permission >= Permission::Write))
    }

    /// The check runs on the head, ours aside.
    /// <https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference>
    async fn checks(&self, repo: &Repo, pull: &Pull) -> Result<Lights, Error> {
        let doing = format!("listing the checks of commit {} of {}", pull.head.short(), repo.name);
        let (key, root) = Self::acting(repo);
        let path = format!("{root}/commits/{}/check-runs?filter=latest&per_page={TEXTS}", pull.head);
        let of = Of { doing: &doing, path: &path, under: Some("check_runs"), pages: MOST / TEXTS };
        let runs = self.wire().list::<Run>(&key, of).await?;
        let mut lights = Lights::default();
        if !runs.whole {
            lights.shine("more than 1,000 checks".to_owned(), None, Light::Yellow);
        }
        for run in runs.items {
            let app = run.app.map(|owner| owner.id);
            if app == Some(self.inner.id) {
                continue;
            }
            let light = match (run.status.as_str(), run.conclusion.as_deref()) {
                ("completed", Some("success" | "neutral" | "skipped")) => Light::Green,
                ("completed", _) => Light::Red,
                _ => Light::Yellow,
            };
            lights.shine(run.name, app, light);
        }
        Ok(lights)
    }

    /// The commit statuses on the head. Without the opt-in `statuses: read` they count as one that has not ended.
    /// <https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference>
    async fn statuses(&self, repo: &Repo, pull: &Pull, lights: &mut Lights) -> Result<(), Error> {
        let doing = format!("listing the statuses of commit {} of {}", pull.head.short(), repo.name);
        let path = format!("/repositories/{}/commits/{}/status?per_page=100", repo.id, pull.head);
        let of = Of { doing: &doing, path: &path, under: Some("statuses"), pages: MOST / 100 };
        let statuses = match self.wire().list::<Status>(&Key::of(repo, Scope::Statuses), of).await {
            Err(error) if error.kind() == Kind::Denied => {
                lights.shine(UNSEEN.to_owned(), None, Light::Yellow);
                return Ok(());
            }
            listed => listed?,
        };
        if !statuses.whole {
            lights.shine("more than 1,000 statuses".to_owned(), None, Light::Yellow);
        }
        for status in statuses.items {
            let light = match status.state.as_str() {
                "success" => Light::Green,
                "pending" => Light::Yellow,
                _ => Light::Red,
            };
            // Whoever may write can set a status, and GitHub does not tell here which App did: it proves none.
            lights.shine(status.context, None, light);
        }
        Ok(())
    }

    /// What rulesets and the older branch protection ask of the base; gives the checks that they require, ours aside.
    /// <https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch>
    async fn rules(&self, repo: &Repo, pull: &Pull, gates: &mut Gates) -> Result<BTreeSet<Required>, Error> {
        let doing = format!("reading the rules of branch {} of {}", pull.base, repo.name);
        let (key, root) = Self::acting(repo);
        let base = escape(pull.base.as_str());
        let path = format!("{root}/rules/branches/{base}?per_page=100");
        let of = Of { doing: &doing, path: &path, under: None, pages: MOST / 100 };
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
            // The older form of the same list names no Apps; where the newer one is there it says all.
            if !protection["checks"].is_array() {
                for context in protection["contexts"].as_array().into_iter().flatten() {
                    required.extend(self.foreign(context, &Value::Null));
                }
            }
        }
        Ok(required)
    }

    /// A required check, unless it is one of ours. An id below zero, as none, means any App.
    fn foreign(&self, context: &Value, app: &Value) -> Option<Required> {
        let (name, app) = (context.as_str()?, app.as_u64());
        let own = app == Some(self.inner.id) || name.starts_with(OWN);
        (!own).then(|| Required { name: name.to_owned(), app })
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

/// Who objects and who approves, each by the newest verdict.
fn sides(verdicts: BTreeMap<Login, String>) -> (Vec<Login>, Vec<Login>) {
    let (mut objections, mut approvals) = (Vec::new(), Vec::new());
    for (login, verdict) in verdicts {
        match verdict.as_str() {
            "CHANGES_REQUESTED" => objections.push(login),
            "APPROVED" => approvals.push(login),
            _ => {}
        }
    }
    (objections, approvals)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Light, Lights, Required, sides};

    #[test]
    fn no_number_of_approvals_hides_an_objection() {
        let login = |name: String| name.parse().unwrap();
        let mut verdicts: BTreeMap<_, _> =
            (0..60).map(|at| (login(format!("a{at:02}")), "APPROVED".to_owned())).collect();
        verdicts.insert(login("zoe".to_owned()), "CHANGES_REQUESTED".to_owned());
        verdicts.insert(login("yan".to_owned()), "DISMISSED".to_owned());
        let (objections, approvals) = sides(verdicts);
        assert_eq!(objections, [login("zoe".to_owned())]);
        assert_eq!(approvals.len(), 60);
    }

    #[test]
    fn a_check_that_is_asked_of_one_app_is_passed_by_that_app_alone() {
        let mut lights = Lights::default();
        lights.shine("ci/build".to_owned(), None, Light::Green);
        let required = |app| Required { name: "ci/build".to_owned(), app };
        assert!(lights.pass(&required(None)));
        assert!(!lights.pass(&required(Some(7))), "a status that any writer may set");
        lights.shine("ci/build".to_owned(), Some(8), Light::Green);
        assert!(!lights.pass(&required(Some(7))), "another App's run");
        lights.shine("ci/build".to_owned(), Some(7), Light::Green);
        assert!(lights.pass(&required(Some(7))));
        lights.shine("ci/build".to_owned(), Some(8), Light::Red);
        assert!(lights.pass(&required(Some(7))) && !lights.pass(&required(None)));
        assert_eq!(lights.named(Light::Red), ["ci/build"]);
        assert_eq!(required(Some(7)).to_string(), "ci/build (of the App with id 7)");
    }
}
