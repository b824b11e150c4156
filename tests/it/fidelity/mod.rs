//! What a plan says is what an apply does: pairs of a state and a change, on the real API server with its controllers.
//!
//! Each case of the tables in `cases/` is an environment. Its state is set up by a deployment and by what others do then;
//! the change is planned and applied by the program as people run it. The after-state is computed here, from what was live
//! before and the paths that the plan names, and compared with what is live afterwards; what the plan does not name must be
//! as it was. `FIDELITY=group/case` plays one of them.

#![allow(clippy::wildcard_enum_match_arm, reason = "JSON values of which only some kinds matter")]

mod case;
mod judge;
mod others;
mod predict;
mod run;
mod snapshot;
mod webhook;

use std::path::Path;

use futures_util::StreamExt as _;
use kube::Client;
use serde_json::json;

use self::case::{Case, Words, namespace};
use self::judge::{Outcome, Scene, judge};
use self::run::{Repository, disturb};
use self::snapshot::{get, resources, snapshot};
use self::webhook::Webhooks;
use crate::support::controlplane;

/// The groups, each a table of its own.
const GROUPS: [&str; 11] = [
    "workloads",
    "services",
    "config",
    "rights",
    "fields",
    "custom",
    "definitions",
    "admission",
    "storage",
    "lifecycle",
    "rendered",
];

/// The pairs that there must be at least.
const PAIRS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_predicted_is_what_came() {
    let plane = controlplane::shared().await;
    let kubeconfig = plane.kubeconfig().display().to_string();
    let webhooks = Webhooks::start(plane.certificate()).await;
    let words = webhooks.words();
    #[expect(clippy::disallowed_methods, reason = "who works on one case names it: GROUP or GROUP/CASE")]
    let only = std::env::var("FIDELITY").unwrap_or_default();
    let chosen: Vec<_> = GROUPS
        .iter()
        .map(|group| (*group, of(group, &words, &only)))
        .filter(|(_, cases)| !cases.is_empty())
        .collect();
    let pairs: usize = chosen.iter().map(|(_, cases)| cases.len()).sum();
    let client = controlplane::client().await;
    let runs = chosen.into_iter().map(|(group, cases)| played(group, cases, &client, &kubeconfig));
    let all: Vec<_> = futures_util::stream::iter(runs).buffered(4).collect().await;
    let wrong = told(&all);
    assert!(
        wrong.is_empty(),
        "{} of {pairs} pairs were predicted wrongly:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(!only.is_empty() || pairs >= PAIRS, "only {pairs} pairs");
}

/// Plays one case of a table alone.
pub(crate) async fn play(group: &'static str, table: &str, name: &str) {
    let plane = controlplane::shared().await;
    let kubeconfig = plane.kubeconfig().display().to_string();
    let webhooks = Webhooks::start(plane.certificate()).await;
    let mut cases = case::read(group, table, &webhooks.words());
    cases.retain(|case| case.name == name);
    assert_eq!(cases.len(), 1, "cases of the name {name}");
    let client = controlplane::client().await;
    let outcomes = played(group, cases, &client, &kubeconfig).await.1;
    let wrong = told(&[(group, outcomes)]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Prints the counts of each group and in sum; gives what is wrong.
fn told(all: &[(&'static str, Vec<Outcome>)]) -> Vec<String> {
    println!("{:<12} {:>6} {:>6} {:>10} {:>10}", "group", "pairs", "held", "predicted", "actual");
    let mut sum = [0; 4];
    for (group, outcomes) in all {
        let held = outcomes.iter().filter(|outcome| outcome.wrong.is_empty()).count();
        let predicted = outcomes.iter().map(|outcome| outcome.predicted).sum::<usize>();
        let actual = outcomes.iter().map(|outcome| outcome.held).sum::<usize>();
        let row = [outcomes.len(), held, predicted, actual];
        println!("{group:<12} {:>6} {:>6} {:>10} {:>10}", row[0], row[1], row[2], row[3]);
        for (sum, one) in sum.iter_mut().zip(row) {
            *sum += one;
        }
    }
    println!("{:<12} {:>6} {:>6} {:>10} {:>10}", "sum", sum[0], sum[1], sum[2], sum[3]);
    let outcomes = all.iter().flat_map(|(_, outcomes)| outcomes).filter(|outcome| !outcome.wrong.is_empty());
    outcomes.map(|outcome| format!("{}:\n  {}", outcome.name, outcome.wrong.join("\n  "))).collect()
}

/// A group's cases, or those that were asked for.
fn of(group: &str, words: &Words, only: &str) -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fidelity/cases/{group}.yaml"));
    let mut cases = case::read(group, &std::fs::read_to_string(file).unwrap(), words);
    cases.retain(|case| only.is_empty() || group == only || format!("{group}/{}", case.name) == only);
    cases
}

/// Plays a group to its end.
async fn played(
    group: &'static str,
    cases: Vec<Case>,
    client: &Client,
    kubeconfig: &str,
) -> (&'static str, Vec<Outcome>) {
    let names: Vec<String> = cases.iter().map(|case| namespace(group, &case.name)).collect();
    for name in &names {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"case": name}}});
        let request =
            http::Request::post("/api/v1/namespaces").body(serde_json::to_vec(&body).unwrap()).unwrap();
        client.request::<serde_json::Value>(request).await.unwrap();
        assert!(get(client, &format!("/api/v1/namespaces/{name}")).await.is_some());
    }
    let repository = Repository::new(group, &cases, kubeconfig);
    disturb(&cases, group, (client, kubeconfig), |case| &case.first).await;
    repository.settle(&cases).await;
    disturb(&cases, group, (client, kubeconfig), |case| &case.others).await;
    repository.commit(&cases, "tracked", Case::tracked_tree);
    repository.branch("change");
    repository.commit(&cases, "proposed", Case::proposed_tree);

    let before = snapshot(client, &resources(client).await, &names).await;
    let plans = repository.plan("main", "change").await;
    disturb(&cases, group, (client, kubeconfig), |case| &case.meanwhile).await;
    let runs: Vec<_> = cases
        .iter()
        .zip(&names)
        .map(|(_, name)| async { repository.apply(name, plans[name]["digest"].as_str()).await })
        .collect();
    let runs = futures_util::stream::iter(runs).buffered(8).collect::<Vec<_>>();
    let during = disturb(&cases, group, (client, kubeconfig), |case| &case.during);
    let ((), applied) = futures_util::join!(during, runs);
    let after = snapshot(client, &resources(client).await, &names).await;
    let again = repository.plan("change", "change").await;
    let mut outcomes = Vec::new();
    for ((case, name), applied) in cases.iter().zip(&names).zip(&applied) {
        let (plan, again) = (&plans[name], &again[name]);
        let scene = Scene { case, name, plan, again, before: &before, after: &after, applied };
        outcomes.push(judge(client, &scene).await);
    }
    (group, outcomes)
}
