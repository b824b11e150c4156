//! GitHub's Deployments: records of ours beside a commit, and their statuses.
//!
//! <https://docs.github.com/en/rest/deployments/deployments>. They are records only: without `auto_merge: false` GitHub may
//! merge branches, and without an empty `required_contexts` it refuses while any check is open.

use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHub;
use super::error::Error;
use super::once::{self, Made};
use super::page::{Of, escape};
use super::wire::{Ask, Method};
use crate::model::github::Progress;
use crate::model::id::{EnvironmentName, Repo, Sha};

/// Characters of a description.
const DESCRIPTION: usize = 140;
/// Pages of deployments of one commit in one environment, and of statuses of one deployment.
const PAGES: usize = 10;

/// A deployment record as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Our id of the deployment: equal keys are the same record. It lies in the payload as `key`.
    pub key: String,
    /// The commit that it came from: the head before a merge, the tip after.
    pub commit: Sha,
    /// Where.
    pub environment: EnvironmentName,
    /// What it is, in a few words; cut at 140 characters.
    pub description: String,
    /// What else programs may want to know: base, tree.
    pub payload: Value,
}

#[derive(Deserialize)]
struct Told {
    id: u64,
    /// GitHub gives it as it was sent, or as a text.
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    creator: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct Status {
    id: u64,
    state: String,
    #[serde(default)]
    description: String,
}

struct Wanted<'a> {
    github: &'a GitHub,
    repo: &'a Repo,
    record: &'a Record,
    ours: String,
}

impl GitHub {
    /// Makes a deployment record, or finds the one with the same key; gives its id. Safe to repeat.
    pub(crate) async fn record(&self, repo: &Repo, record: &Record) -> Result<u64, Error> {
        let ours = self.app_login().await?;
        let wanted = Wanted { github: self, repo, record, ours };
        match wanted.find().await? {
            Some(id) => Ok(id),
            None => once::make(&wanted).await,
        }
    }

    /// Adds a status to a deployment record, unless its newest says the same; `log` leads to our own page. Safe to repeat.
    /// <https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status>
    pub(crate) async fn progress(
        &self,
        repo: &Repo,
        record: u64,
        (progress, description): (Progress, &str),
        log: Option<&str>,
    ) -> Result<(), Error> {
        let step =
            Step { github: self, repo, record, state: progress.word(), description: clip(description), log };
        match step.find().await? {
            Some(()) => Ok(()),
            None => once::make(&step).await,
        }
    }
}

impl Made for Wanted<'_> {
    type Out = u64;

    async fn find(&self) -> Result<Option<u64>, Error> {
        let doing = format!("listing the deployments of {}", self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let environment = escape(self.record.environment.as_str());
        let commit = &self.record.commit;
        let path = format!("{root}/deployments?sha={commit}&environment={environment}&per_page=100");
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let told = self.github.wire().list::<Told>(&key, of).await?.items;
        let ours = |told: &&Told| {
            told.creator.as_ref().is_some_and(|creator| creator.login == self.ours)
                && keyed(&told.payload).as_deref() == Some(self.record.key.as_str())
        };
        Ok(told.iter().filter(ours).map(|told| told.id).min())
    }

    async fn make(&self) -> Result<u64, Error> {
        let record = self.record;
        let doing = format!("recording a deployment to {} of {}", record.environment, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let mut payload = match &record.payload {
            Value::Object(payload) => payload.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                serde_json::Map::new()
            }
        };
        payload.insert("key".into(), record.key.clone().into());
        let body = json!({
            "ref": record.commit.as_str(), "environment": record.environment.as_str(), "task": "deploy",
            "auto_merge": false, "required_contexts": [], "payload": payload,
            "description": clip(&record.description),
        });
        let ask = Ask::write(&doing, Method::Post, format!("{root}/deployments"), Some(&body));
        let told: Told = self.github.wire().call(&key, &ask).await?.read(&doing)?;
        Ok(told.id)
    }
}

struct Step<'a> {
    github: &'a GitHub,
    repo: &'a Repo,
    record: u64,
    state: &'static str,
    description: String,
    log: Option<&'a str>,
}

impl Made for Step<'_> {
    type Out = ();

    async fn find(&self) -> Result<Option<()>, Error> {
        let doing = format!("listing the statuses of deployment {} of {}", self.record, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let path = format!("{root}/deployments/{}/statuses?per_page=100", self.record);
        let of = Of { doing: &doing, path: &path, under: None, pages: PAGES };
        let told = self.github.wire().list::<Status>(&key, of).await?.items;
        let newest = told.into_iter().max_by_key(|status| status.id);
        let same = |status: &Status| status.state == self.state && status.description == self.description;
        Ok(newest.filter(same).map(|_| ()))
    }

    async fn make(&self) -> Result<(), Error> {
        let doing = format!("adding a status to deployment {} of {}", self.record, self.repo.name);
        let (key, root) = GitHub::acting(self.repo);
        let mut body = json!({"state": self.state, "description": self.description});
        if let Some(log) = self.log {
            body["log_url"] = log.into();
        }
        let path = format!("{root}/deployments/{}/statuses", self.record);
        let ask = Ask::write(&doing, Method::Post, path, Some(&body));
        self.github.wire().call(&key, &ask).await.map(|_| ())
    }
}

/// Our key in a payload.
fn keyed(payload: &Value) -> Option<String> {
    match payload {
        Value::Object(payload) => payload.get("key")?.as_str().map(ToOwned::to_owned),
        Value::String(text) => {
            let payload: Value = serde_json::from_str(text).ok()?;
            payload.get("key")?.as_str().map(ToOwned::to_owned)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// One line of at most 140 characters.
fn clip(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= DESCRIPTION {
        return line;
    }
    let mut cut: String = line.chars().take(DESCRIPTION - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{clip, keyed};

    #[test]
    fn descriptions_are_one_line_of_at_most_140_characters() {
        assert_eq!(clip(" a\nb "), "a b");
        assert_eq!(clip(&"é".repeat(140)).chars().count(), 140);
        let cut = clip(&"é".repeat(141));
        assert!(cut.chars().count() == 140 && cut.ends_with('…'));
    }

    #[test]
    fn our_key_is_found_in_a_payload_of_either_form() {
        assert_eq!(keyed(&json!({"key": "d1"})).as_deref(), Some("d1"));
        assert_eq!(keyed(&json!("{\"key\": \"d1\"}")).as_deref(), Some("d1"));
        for other in [json!(null), json!("d1"), json!({"key": 1}), json!([])] {
            assert_eq!(keyed(&other), None);
        }
    }
}
