//! What is said of a change beside its diff: which paths it names, and why each differs.

use serde_json::Value;

use crate::comment::text::{clip, code};
use crate::comment::words::{list, number};
use crate::model::plan::{Change, Class, PathChange};

/// Fields named in a section's first line.
const FIELDS: usize = 4;
/// Paths named in one remark.
const PATHS: usize = 8;
/// Characters of one value.
const VALUE: usize = 60;

/// The names of the fields that change, for a section's first line: `image, replicas`.
pub(crate) fn fields(change: &Change) -> String {
    let mut names: Vec<String> = Vec::new();
    for path in change.paths.iter().filter(|path| path.class.has_effect() && path.class != Class::SideEffect)
    {
        if let Some(name) = leaf(&path.path).filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    list(&names, FIELDS)
}

/// `image` of `/spec/template/spec/containers/0/image`; a position in a list is told by the list's name, and a value by
/// what it is the value of.
fn leaf(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    while parts.last().is_some_and(|part| {
        matches!(*part, "value" | "valueFrom")
            || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    }) && parts.len() > 1
    {
        parts.pop();
    }
    parts
        .last()
        .map(|part| clip(&part.replace("~1", "/").replace("~0", "~"), 40))
        .filter(|part| !part.is_empty())
}

/// One line per class of paths that is not simply this change. `public`: live values are left out.
pub(crate) fn remarks(change: &Change, public: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |class: Class, words: &str, value: Option<fn(&PathChange) -> String>| {
        let paths: Vec<&PathChange> =
            change.paths.iter().filter(|path| path.class == class && !path.path.is_empty()).collect();
        if paths.is_empty() {
            return;
        }
        let mut told: Vec<String> = paths
            .iter()
            .take(PATHS)
            .map(|path| match value.filter(|_| !public) {
                Some(value) => format!("{} {}", code(&path.path), value(path)),
                None => code(&path.path),
            })
            .collect();
        if paths.len() > PATHS {
            told.push(format!("and {} more", number(paths.len() - PATHS)));
        }
        lines.push(format!("{words}: {}", told.join(", ")));
    };
    say(Class::Pending, "Merged earlier and not deployed yet", None);
    say(Class::Drift, "Changed outside Git, and set back", Some(move_of));
    say(Class::SideEffect, "Set by the target itself", Some(outcome_of));
    say(Class::NoEffect, "Without effect here, already so or kept by another manager", None);
    if !public {
        say(Class::ByHand, "Set by hand and left as it is", Some(standing_of));
    }
    say(Class::Volatile, "Drawn anew at each render, set at creation, not changed afterwards", None);
    if change.paths.iter().any(|path| path.path.is_empty() && path.class == Class::Pending) {
        lines.push("Merged earlier and not deployed yet".to_owned());
    }
    lines
}

fn move_of(path: &PathChange) -> String {
    let is = if path.before.is_null() {
        "is gone there".to_owned()
    } else {
        format!("is {} there", short(&path.before))
    };
    let becomes = if path.after.is_null() {
        "is removed".to_owned()
    } else {
        format!("becomes {}", short(&path.after))
    };
    format!("{is} and {becomes}")
}

fn outcome_of(path: &PathChange) -> String {
    format!("({})", short(&path.after))
}

fn standing_of(path: &PathChange) -> String {
    format!("({})", short(&path.before))
}

/// A value in a code span, or what it is if it is long.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => code(&clip(text, VALUE)),
        Value::Array(items) if value.to_string().len() > VALUE => {
            format!("a list of {}", number(items.len()))
        }
        Value::Object(map) if value.to_string().len() > VALUE => {
            format!("a mapping of {}", number(map.len()))
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => code(&value.to_string()),
    }
}
