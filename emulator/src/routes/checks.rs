//! Check runs and suites.

use super::Call;
use super::Handler;
use super::Reply;
use crate::acts::RunChange;
use crate::core::World;
use crate::error::Refusal;
use crate::state::check::Run;
use crate::state::repository::Repository;
use serde_json::Value;

pub(super) const ROUTES: &[(&str, Handler)] = &[
    ("checks/create", create),
    ("checks/get", get),
    ("checks/update", update),
    ("checks/list-annotations", annotations),
    ("checks/rerequest-run", rerequest),
    ("checks/list-for-ref", for_ref),
    ("checks/list-suites-for-ref", suites_for_ref),
    ("checks/get-suite", suite),
    ("checks/list-for-suite", for_suite),
    ("checks/rerequest-suite", rerequest_suite),
];

fn shown(world: &World<'_>, call: &Call, status: u16, id: u64) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let run = repository.runs.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(status, world.run_json(repository, run)))
}

fn change(call: &Call) -> RunChange {
    let output = |key: &str| call.body["output"].get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let at = |key: &str| call.text(key).and_then(|text| text.parse().ok());
    RunChange {
        name: call.owned("name"),
        status: call.owned("status"),
        conclusion: call.owned("conclusion"),
        external_id: call.owned("external_id"),
        details_url: call.owned("details_url"),
        started_at: at("started_at"),
        completed_at: at("completed_at"),
        title: output("title"),
        summary: output("summary"),
        text: output("text"),
        annotations: call.body["output"]["annotations"].as_array().cloned().unwrap_or_default(),
        actions: call.body["actions"].as_array().cloned(),
    }
}

fn create(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    call.wanted("CheckRun", "name")?;
    let sha = call.wanted("CheckRun", "head_sha")?;
    let id = world.create_run(call.repository_id()?, (call.app()?, sha), change(call))?;
    shown(world, call, 201, id)
}

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    shown(world, call, 200, call.id("check_run_id")?)
}

fn update(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let id = call.id("check_run_id")?;
    world.update_run(call.repository_id()?, (call.app()?, id), change(call))?;
    shown(world, call, 200, id)
}

fn annotations(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let run = repository.runs.get(&call.id("check_run_id")?).ok_or_else(Refusal::not_found)?;
    let all = run.annotations.iter();
    let items: Vec<Value> = all.map(|sent| world.annotation_json(repository, run, sent)).collect();
    Ok(call.page(world, &items))
}

fn rerequest(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    world.rerequest_run(call.repository_id()?, call.id("check_run_id")?, actor.user)?;
    Ok(Reply::json(201, serde_json::json!({})))
}

fn rerequest_suite(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let actor = call.actor(world)?;
    world.rerequest_suite(call.repository_id()?, call.id("check_suite_id")?, actor.user)?;
    Ok(Reply::json(201, serde_json::json!({})))
}

/// Runs that the query asks for; `latest` (the default) leaves out runs that a newer one of the same name
/// and app replaced.
fn listed<'a>(call: &Call, repository: &'a Repository, of: impl Fn(&Run) -> bool) -> Vec<&'a Run> {
    let all = call.query("filter") == Some("all");
    let app = call.query("app_id").and_then(|text| text.parse::<u64>().ok());
    let newest = |run: &Run| {
        let same = |other: &&Run| other.sha == run.sha && other.name == run.name && other.app == run.app;
        repository.runs.values().rev().find(same).is_some_and(|last| last.id == run.id)
    };
    let fits = |run: &&Run| {
        of(run)
            && (all || newest(run))
            && app.is_none_or(|app| run.app == app)
            && call.query("check_name").is_none_or(|name| name == run.name)
            && call.query("status").is_none_or(|status| status == run.status)
    };
    repository.runs.values().rev().filter(fits).collect()
}

fn for_ref(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = super::commits::resolved(repository, call.param("ref"))?;
    let runs = listed(call, repository, |run| run.sha == sha);
    let items: Vec<Value> = runs.into_iter().map(|run| world.run_json(repository, run)).collect();
    Ok(call.counted(world, "check_runs", &items))
}

fn suites_for_ref(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let sha = super::commits::resolved(repository, call.param("ref"))?;
    let app = call.query("app_id").and_then(|text| text.parse::<u64>().ok());
    let mut items = Vec::new();
    for suite in repository.suites.values().filter(|suite| suite.sha == sha) {
        if app.is_none_or(|app| suite.app == app) {
            items.push(world.suite_json(repository, suite)?);
        }
    }
    Ok(call.counted(world, "check_suites", &items))
}

fn suite(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let suite = repository.suites.get(&call.id("check_suite_id")?).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, world.suite_json(repository, suite)?))
}

fn for_suite(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let id = call.id("check_suite_id")?;
    let runs = listed(call, repository, |run| run.suite == id);
    let items: Vec<Value> = runs.into_iter().map(|run| world.run_json(repository, run)).collect();
    Ok(call.counted(world, "check_runs", &items))
}
