//! One change: a line that says what happens to which object and what is at stake, then what differs.

use serde_json::Value;

use super::emphasis::diff;
use super::page::Page;
use crate::model::lists::reordered;
use crate::model::object::ObjectId;
use crate::model::plan::{
    Action, Change, Class, Conflict, Fidelity, Likeness, Pair, PathChange, Phase, Risk, Transfer,
};
use crate::model::settings::Winner;

/// The most paths that one line names.
const NAMED: usize = 8;
/// The longest value that a line quotes, in characters.
const QUOTED: usize = 60;

/// Adds a change.
pub(super) fn change(change: &Change, page: &mut Page) {
    head(change, page);
    if let Some(transfer) = &change.transfer {
        page.plain("    ").plain(&moved(transfer)).end();
    }
    for warning in &change.warnings {
        page.lines("33", "    ", warning);
    }
    if change.cascade.iter().any(|part| part.count != Some(0)) {
        page.plain("    ").painted("31", &format!("lost with it: {}", cascade(change))).end();
    }
    for conflict in &change.conflicts {
        page.plain("    ").painted("33", &contested(conflict)).end();
    }
    // Of a pair, the one that comes shows what differs.
    if !(change.action == Action::Delete && change.pair.is_some()) {
        diff(&change.diff, "    ", page);
    }
    for (class, words) in [
        (Class::Pending, "merged earlier and not deployed yet"),
        (Class::Drift, "changed outside Git, and set back"),
        (Class::SideEffect, "the target adds or changes"),
        (Class::NoEffect, "no effect"),
        (Class::ByHand, "set by hand, not in Git"),
        (Class::Volatile, "drawn anew at each render, set at creation, not changed afterwards"),
    ] {
        let paths = named(change, class);
        if !paths.is_empty() {
            page.plain("    ").painted("2", &format!("{words}: {paths}")).end();
        }
    }
}

fn head(change: &Change, page: &mut Page) {
    let colour = match change.action {
        Action::Create | Action::Adopt => "32",
        Action::Delete | Action::Replace => "31",
        Action::Update | Action::Move | Action::Keep | Action::None => "33",
    };
    page.plain("  ");
    if let Some(hook) = change.hook {
        let phase = match hook.phase {
            Phase::Before => "before: ",
            Phase::After => "after: ",
        };
        page.plain(phase);
    }
    page.painted(colour, change.action.word()).plain(&format!(" {}", change.id));
    if let Some(hook) = change.hook.filter(|hook| hook.weight != 0) {
        page.plain(&format!(", weight {}", hook.weight));
    }
    if let Some(pair) = &change.pair {
        page.plain(&paired(change, pair));
    }
    let risks: Vec<&str> = change.risks.iter().filter_map(|risk| stake(*risk, change)).collect();
    if !risks.is_empty() {
        page.plain("  (").painted(if grave(change) { "31" } else { "33" }, &risks.join(", ")).plain(")");
    }
    let checked = match change.fidelity {
        Fidelity::Live | Fidelity::Rendered => "",
        Fidelity::Scratch => "  [tried in another namespace]",
        Fidelity::Schema => "  [not tried on the target]",
    };
    page.painted("2", checked).end();
}

/// What is at stake, where the action does not say it.
fn stake(risk: Risk, change: &Change) -> Option<&'static str> {
    Some(match risk {
        Risk::Deletes => return None,
        Risk::LosesData if change.risks.contains(&Risk::Cascades) => return None,
        Risk::LosesData if change.id.kind == "StatefulSet" => {
            "its claims are deleted with it: their data is lost"
        }
        Risk::LosesData => "its data is lost",
        Risk::Cascades if change.id.kind == "CustomResourceDefinition" => "every object of its kind is lost",
        Risk::Cascades => "everything in it is lost",
        Risk::Replaces => "deleted and created anew",
        Risk::TakesOver => "taken over from another owner",
        Risk::Rights => "rights change",
        Risk::Traffic => "traffic may be interrupted",
        Risk::Admission => "what is admitted changes",
        Risk::Restarts => "pods restart",
        Risk::Runs => "runs when it is deployed",
        Risk::Reverts => "reverts what was changed outside Git",
    })
}

fn grave(change: &Change) -> bool {
    change.risks.iter().any(|risk| matches!(risk, Risk::LosesData | Risk::Cascades | Risk::Replaces))
}

fn paired(change: &Change, pair: &Pair) -> String {
    let other = if pair.id.kind == change.id.kind { pair.id.name.clone() } else { pair.id.to_string() };
    let other = match (pair.why, &pair.id.namespace) {
        (Likeness::Group, _) => format!("{} of {}", pair.id.kind, group(&pair.id)),
        (_, Some(namespace)) if pair.id.namespace != change.id.namespace => format!("{namespace}/{other}"),
        (_, _) => other,
    };
    let why = match pair.why {
        Likeness::Hash => "the hash of its content in its name",
        Likeness::Group => "the same name",
        Likeness::Rename => "nearly the same content",
    };
    if change.action == Action::Delete {
        format!(", gives way to {other}")
    } else {
        format!(", in place of {other}: {why}")
    }
}

fn group(id: &ObjectId) -> &str {
    if id.group.is_empty() { "the core group" } else { &id.group }
}

fn moved(transfer: &Transfer) -> String {
    let (from, to) = (&transfer.from, &transfer.to);
    let app = |app: &str| if app.is_empty() { String::new() } else { format!(" ({app})") };
    if from.environment == to.environment {
        return format!(
            "handed over from app {} to app {}, not copied; the object itself stays",
            from.app, to.app
        );
    }
    format!(
        "handed over from {}{} to {}{}, not copied; the object itself stays",
        from.environment,
        app(&from.app),
        to.environment,
        app(&to.app)
    )
}

fn cascade(change: &Change) -> String {
    let some = change.cascade.iter().filter(|part| part.count != Some(0));
    let words = some.map(|part| match part.count {
        Some(count) => format!("{count} × {}", part.kind),
        None => format!("{} in unknown number (may not be listed)", part.kind),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn contested(conflict: &Conflict) -> String {
    let done = match conflict.rule {
        Winner::Take => "Git takes it",
        Winner::Yield => "it stays as it is",
        Winner::Fail => "the deployment stops",
    };
    let Conflict { path, manager, live, git, .. } = conflict;
    format!("contested: {path} is {} by {manager}, {} in Git: {done}", quoted(live), quoted(git))
}

/// A value in a line.
fn quoted(value: &Value) -> String {
    let text = if value.is_null() { "absent".to_owned() } else { value.to_string() };
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The paths of a class; those of whole objects say nothing.
fn named(change: &Change, class: Class) -> String {
    let word = |path: &PathChange| {
        let order = if reordered(&path.before, &path.after) { " (only the order)" } else { "" };
        format!("{}{order}", path.path)
    };
    let of: Vec<String> =
        change.paths.iter().filter(|path| path.class == class && !path.path.is_empty()).map(word).collect();
    let more = of.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    of.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ") + &more
}
