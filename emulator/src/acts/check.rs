//! Check suites, check runs and commit statuses.

use super::Happening;
use crate::core::World;
use crate::error::Refusal;
use crate::state::app::covers;
use crate::state::check::Run;
use crate::state::check::Status;
use crate::state::check::Suite;
use crate::state::repository::Repository;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

/// What a create or an update sets; `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunChange {
    pub(crate) name: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) conclusion: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) details_url: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
    /// Appended.
    pub(crate) annotations: Vec<Value>,
    pub(crate) actions: Option<Vec<Value>>,
}

impl World<'_> {
    pub(crate) fn create_run(
        &mut self,
        repository: u64,
        (app, sha): (u64, &str),
        change: RunChange,
    ) -> Result<u64, Refusal> {
        let sha = self.repository(repository)?.git.resolve(sha)?;
        let sha = sha.ok_or_else(|| Refusal::new(422, "No commit found for SHA"))?;
        let suite = self.suite(repository, app, (&sha, None, None))?;
        let (id, now) = (self.state.next_id(), self.now());
        let mut run = Run {
            id,
            suite,
            app,
            sha,
            name: String::new(),
            status: "queued".to_owned(),
            conclusion: None,
            external_id: String::new(),
            details_url: None,
            started_at: now,
            completed_at: None,
            title: None,
            summary: None,
            text: None,
            annotations: Vec::new(),
            actions: Vec::new(),
        };
        apply(&mut run, change, now)?;
        let completed = run.status == "completed";
        self.repository_mut(repository)?.runs.insert(id, run);
        self.emit_run(repository, id, "created")?;
        if completed {
            self.emit_run(repository, id, "completed")?;
        }
        Ok(id)
    }

    /// Only the app that made a run may change it.
    pub(crate) fn update_run(
        &mut self,
        repository: u64,
        (app, id): (u64, u64),
        change: RunChange,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let run = self.repository_mut(repository)?.runs.get_mut(&id).ok_or_else(Refusal::not_found)?;
        if run.app != app {
            return Err(Refusal::new(
                403,
                "Invalid app_id `0` - check run can only be modified by the GitHub App that created it.",
            ));
        }
        let before = run.status.clone();
        apply(run, change, now)?;
        let completed = run.status == "completed" && before != "completed";
        if completed {
            self.emit_run(repository, id, "completed")?;
        }
        Ok(())
    }

    fn emit_run(&mut self, repository: u64, id: u64, action: &str) -> Result<(), Refusal> {
        let (app, body) = self.run_body(repository, id)?;
        let sender = self.state.apps.get(&app).map_or(0, |app| app.bot);
        self.emit(&Happening { event: "check_run", action: Some(action), repository, sender, body });
        Ok(())
    }

    /// The app of a run and the keys of its event. GitHub puts the whole suite in here.
    fn run_body(&self, repository: u64, id: u64) -> Result<(u64, Value), Refusal> {
        let target = self.repository(repository)?;
        let run = target.runs.get(&id).ok_or_else(Refusal::not_found)?;
        let mut object = self.run_json(target, run);
        if let Some(suite) = target.suites.get(&run.suite) {
            let mut whole = self.suite_json(target, suite)?;
            if let Some(whole) = whole.as_object_mut() {
                for key in ["head_commit", "latest_check_runs_count", "check_runs_url"] {
                    whole.shift_remove(key);
                }
                for key in ["rerequestable", "runs_rerequestable"] {
                    whole.shift_remove(key);
                }
            }
            object["check_suite"] = whole;
        }
        Ok((run.app, json!({"check_run": object})))
    }

    /// Someone pressed "Re-run": only the run's own app is told.
    pub(crate) fn rerequest_run(&mut self, repository: u64, id: u64, sender: u64) -> Result<(), Refusal> {
        let (app, body) = self.run_body(repository, id)?;
        let (event, action) = ("check_run", Some("rerequested"));
        self.emit_to_app(app, &Happening { event, action, repository, sender, body });
        Ok(())
    }

    pub(crate) fn rerequest_suite(&mut self, repository: u64, id: u64, sender: u64) -> Result<(), Refusal> {
        let target = self.repository(repository)?;
        let suite = target.suites.get(&id).ok_or_else(Refusal::not_found)?;
        let (app, body) = (suite.app, json!({"check_suite": self.suite_body(target, suite)?}));
        let (event, action) = ("check_suite", Some("rerequested"));
        self.emit_to_app(app, &Happening { event, action, repository, sender, body });
        Ok(())
    }

    /// Someone pressed one of the run's own buttons.
    pub(crate) fn request_action(
        &mut self,
        repository: u64,
        id: u64,
        (identifier, sender): (&str, u64),
    ) -> Result<(), Refusal> {
        let run = self.repository(repository)?.runs.get(&id).ok_or_else(Refusal::not_found)?;
        let known = run.actions.iter().any(|action| action["identifier"] == identifier);
        if !known || run.status != "completed" {
            return Err(Refusal::new(422, format!("The run shows no button `{identifier}`")));
        }
        let (app, mut body) = self.run_body(repository, id)?;
        body["requested_action"] = json!({"identifier": identifier});
        let (event, action) = ("check_run", Some("requested_action"));
        self.emit_to_app(app, &Happening { event, action, repository, sender, body });
        Ok(())
    }

    /// The suite of an app on a commit, made if there is none.
    pub(crate) fn suite(
        &mut self,
        repository: u64,
        app: u64,
        (sha, branch, before): (&str, Option<&str>, Option<&str>),
    ) -> Result<u64, Refusal> {
        let (new, now) = (self.state.next_id(), self.now());
        let target = self.repository_mut(repository)?;
        let known = target.suites.values_mut().find(|suite| suite.app == app && suite.sha == sha);
        if let Some(suite) = known {
            suite.updated_at = now;
            return Ok(suite.id);
        }
        let suite = Suite {
            id: new,
            app,
            sha: sha.to_owned(),
            branch: branch.map(ToOwned::to_owned).or_else(|| branch_of(target, sha)),
            before: before.map(ToOwned::to_owned),
            created_at: now,
            updated_at: now,
        };
        target.suites.insert(new, suite);
        Ok(new)
    }

    /// A pushed commit gets a suite of every app that writes checks, and the app is told.
    pub(crate) fn request_suites(
        &mut self,
        repository: u64,
        branch: &str,
        before: Option<&str>,
        (after, sender): (&str, u64),
    ) -> Result<(), Refusal> {
        for installation in self.state.installations_of(repository) {
            let Some(installation) = self.state.installations.get(&installation) else { continue };
            let app = installation.app;
            if !installation.permissions.get("checks").is_some_and(|level| covers(level, "write")) {
                continue;
            }
            let id = self.suite(repository, app, (after, Some(branch), before))?;
            let target = self.repository(repository)?;
            let suite = target.suites.get(&id).ok_or_else(Refusal::not_found)?;
            let body = json!({"check_suite": self.suite_body(target, suite)?});
            let (event, action) = ("check_suite", Some("requested"));
            self.emit_to_app(app, &Happening { event, action, repository, sender, body });
        }
        Ok(())
    }

    fn suite_body(&self, repository: &Repository, suite: &Suite) -> Result<Value, Refusal> {
        let mut object = self.suite_json(repository, suite)?;
        if let Some(object) = object.as_object_mut() {
            object.shift_remove("repository");
            // Optional, and the published list of what may stand in it lacks newer events.
            object.get_mut("app").and_then(Value::as_object_mut).map(|app| app.shift_remove("events"));
        }
        Ok(object)
    }

    pub(crate) fn set_status(
        &mut self,
        repository: u64,
        (sha, context, state): (&str, &str, &str),
        (creator, description, target_url): (u64, Option<&str>, Option<&str>),
    ) -> Result<Status, Refusal> {
        let (id, at) = (self.state.next_id(), self.now());
        let target = self.repository_mut(repository)?;
        let sha = target.git.resolve(sha)?;
        let sha = sha.ok_or_else(|| Refusal::new(422, "No commit found for SHA"))?;
        let status = Status {
            id,
            sha,
            context: context.to_owned(),
            state: state.to_owned(),
            description: description.map(ToOwned::to_owned),
            target_url: target_url.map(ToOwned::to_owned),
            creator,
            at,
        };
        target.statuses.push(status.clone());
        Ok(status)
    }
}

fn branch_of(repository: &Repository, sha: &str) -> Option<String> {
    let own = |issue: &&crate::state::issue::Issue| {
        issue.pull.as_ref().is_some_and(|pull| pull.head.sha == sha && pull.head.repository == repository.id)
    };
    repository.issues.values().find(own).and_then(|issue| Some(issue.pull.as_ref()?.head.branch.clone()))
}

fn apply(run: &mut Run, change: RunChange, now: Timestamp) -> Result<(), Refusal> {
    if change.status.as_deref() == Some("completed")
        && change.conclusion.is_none()
        && run.conclusion.is_none()
    {
        return Err(Refusal::invalid("CheckRun", "conclusion", "missing_field"));
    }
    let set = |field: &mut String, value: Option<String>| value.into_iter().for_each(|value| *field = value);
    let put = |field: &mut Option<String>, value: Option<String>| {
        if value.is_some() {
            *field = value;
        }
    };
    set(&mut run.name, change.name);
    set(&mut run.external_id, change.external_id);
    put(&mut run.details_url, change.details_url);
    put(&mut run.title, change.title);
    put(&mut run.summary, change.summary);
    put(&mut run.text, change.text);
    run.annotations.extend(change.annotations);
    if let Some(actions) = change.actions {
        run.actions = actions;
    }
    if let Some(at) = change.started_at {
        run.started_at = at;
    }
    if let Some(conclusion) = change.conclusion {
        run.conclusion = Some(conclusion);
        "completed".clone_into(&mut run.status);
        run.completed_at = change.completed_at.or(Some(now));
    } else if let Some(status) = change.status {
        if status != "completed" {
            run.conclusion = None;
            run.completed_at = None;
        }
        run.status = status;
    }
    Ok(())
}
