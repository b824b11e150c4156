//! The matrix: one row for the environments that change alike.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use crate::comment::How;
use crate::comment::deploys::deploys;
use crate::comment::group::Row;
use crate::comment::moves::moved;
use crate::comment::text::prose;
use crate::comment::words::{count, list, number, plan_needs_care, stakes, touches, worth_briefly};
use crate::model::id::EnvironmentName;
use crate::model::plan::{Action, Change, Plan, Risk};
use crate::model::settings::Winner;

/// Bytes that the rows may take; what is beyond is counted in a last row.
const BUDGET: usize = 20_000;
/// Bytes that the names of one row may take.
const NAMES: usize = 2_000;
/// Phrases in one row, beyond which what needs no care is not told one by one.
const PHRASES: usize = 3;

/// The rows as the template lays them out.
pub(crate) fn matrix(rows: &[Row<'_>], how: &BTreeMap<EnvironmentName, How>) -> Value {
    let (mut views, mut used, mut left_out) = (Vec::new(), 0, 0);
    for row in rows {
        let Some(plan) = row.plan() else { continue };
        let names = names(row, !plan.is_empty() || !plan.errors.is_empty());
        let words = words(plan);
        let care = plan_needs_care(plan);
        let idle = plan.is_empty() && plan.errors.is_empty();
        let deploys = match (idle, plan.errors.is_empty()) {
            (true, _) => String::new(),
            (false, true) => deploys(&row.plans, how, care),
            (false, false) => "not before the errors are fixed".to_owned(),
        };
        used += names.len() + words.len() + deploys.len() + 40;
        if used > BUDGET {
            left_out += row.plans.len();
            continue;
        }
        let cell = |n: usize| if n == 0 { String::new() } else { number(n) };
        views.push(context! {
            care,
            names, words, deploys,
            create => cell(plan.counts.create),
            update => cell(plan.counts.update),
            replace => cell(plan.counts.replace),
            delete => cell(plan.counts.delete),
        });
    }
    let more =
        if left_out > 0 { format!("and {}", count(left_out, "more environment")) } else { String::new() };
    context! { rows => views, more }
}

fn names(row: &Row<'_>, bold: bool) -> String {
    let mut out = String::new();
    for (index, name) in row.names().iter().enumerate() {
        if out.len() > NAMES {
            return format!("{out} and {} more", number(row.plans.len() - index));
        }
        if index > 0 {
            out.push_str(", ");
        }
        let mark = if bold { "**" } else { "" };
        out.extend([mark, name, mark]);
    }
    out
}

/// What a row says beside its counts.
fn words(plan: &Plan) -> String {
    if plan.is_empty() && plan.errors.is_empty() {
        return "no change".to_owned();
    }
    let mut parts = Vec::new();
    if !plan.errors.is_empty() {
        parts.push(count(plan.errors.len(), "error"));
        if !plan.is_empty() {
            parts.push("the rest as far as it could be planned".to_owned());
        }
    }
    parts.extend(first(plan));
    let all: Vec<&Change> = plan.changes.iter().collect();
    let mut stakes = stakes(&all);
    if plan.baseline && all.iter().all(|change| change.action == Action::Adopt || !takes_over(change)) {
        // Said already, with how many.
        stakes.grave.retain(|told| !told.starts_with("takes over "));
    }
    let room = PHRASES.saturating_sub(stakes.grave.len());
    let daily = stakes.daily.len();
    parts.extend(stakes.grave);
    parts.extend(stakes.daily.into_iter().take(room));
    if daily > room {
        parts.push("and more".to_owned());
    }
    parts.extend(moved(&all));
    parts.extend(pending(plan));
    let conflicts = || all.iter().flat_map(|change| &change.conflicts);
    let taken = conflicts().filter(|conflict| conflict.rule == Winner::Take).count();
    if taken > 0 {
        parts.push(format!("writes over {} that others have set", count(taken, "field")));
    }
    let contested = conflicts().count() - taken;
    if contested > 0 {
        parts.push(format!("{} left to others", count(contested, "field")));
    }
    if plan.counts.keep > 0 {
        let stay = if plan.counts.keep == 1 { "stays" } else { "stay" };
        parts.push(format!(
            "{} {stay} though Git no longer holds {}",
            count(plan.counts.keep, "object"),
            if plan.counts.keep == 1 { "it" } else { "them" }
        ));
    }
    if !plan.hooks.is_empty() {
        let names: Vec<&str> = plan.hooks.iter().map(|hook| hook.id.name.as_str()).collect();
        let run = if plan.hooks.len() == 1 { "runs" } else { "run" };
        parts.push(format!("{} {run} ({})", count(plan.hooks.len(), "hook"), list(&names, PHRASES)));
    }
    if let Some(worth) = worth_briefly(plan.fidelity).filter(|_| !plan.is_empty()) {
        parts.push(worth.to_owned());
    }
    prose(&parts.join("; "))
}

fn takes_over(change: &Change) -> bool {
    change.risks.contains(&Risk::TakesOver)
}

/// That it is the first deployment, and what of what exists it touches.
fn first(plan: &Plan) -> Vec<String> {
    if !plan.baseline {
        return Vec::new();
    }
    let existing = |n: usize| {
        if n == 1 { "1 object that exists".to_owned() } else { format!("{} objects that exist", number(n)) }
    };
    let touched = plan.changes.iter().filter(|change| touches(change));
    let (adopted, changed): (Vec<&Change>, Vec<&Change>) =
        touched.partition(|change| change.action == Action::Adopt);
    let mut parts = vec!["first deployment".to_owned()];
    if !adopted.is_empty() {
        parts.push(format!("takes over {}", existing(adopted.len())));
    }
    if !changed.is_empty() {
        parts.push(format!("changes {}", existing(changed.len())));
    }
    parts
}

/// What was merged earlier and goes along; no plan names more than ten commits.
fn pending(plan: &Plan) -> Option<String> {
    match plan.pending.len() {
        0 => None,
        1 => Some("1 earlier commit goes along".to_owned()),
        n @ 2..10 => Some(format!("{n} earlier commits go along")),
        n => Some(format!("{n} or more earlier commits go along")),
    }
}
