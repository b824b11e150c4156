//! Fields that another manager holds too: who, which values, and who will have it.

use crate::comment::remark::short;
use crate::comment::text::code;
use crate::comment::words::{count, number};
use crate::model::plan::{Change, Conflict};
use crate::model::settings::Winner;

/// Conflicts told of one object.
const TOLD: usize = 8;

/// One line each. `public`: live values are left out.
pub(crate) fn contests(change: &Change, public: bool) -> Vec<String> {
    let all = &change.conflicts;
    let mut lines: Vec<String> = all.iter().take(TOLD).map(|conflict| line(conflict, public)).collect();
    if all.len() > TOLD {
        lines.push(format!("and {} more contested fields", number(all.len() - TOLD)));
    }
    lines
}

/// For a section's first line: `1 field is taken from another manager`.
pub(crate) fn contested(change: &Change) -> Option<String> {
    let of = |rule: Winner| change.conflicts.iter().filter(|conflict| conflict.rule == rule).count();
    let told = [
        (of(Winner::Fail), "contested and blocks the deployment", "contested and block the deployment"),
        (of(Winner::Take), "taken from another manager", "taken from another manager"),
        (of(Winner::Yield), "left to another manager", "left to another manager"),
    ];
    let told: Vec<String> = told
        .into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| {
            let (is, words) = if n == 1 { ("is", one) } else { ("are", many) };
            format!("{} {is} {words}", count(n, "field"))
        })
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn line(conflict: &Conflict, public: bool) -> String {
    let Conflict { path, manager, rule, live, git } = conflict;
    let held = if public { String::new() } else { format!(" as {}", short(live)) };
    let end = match rule {
        Winner::Take => format!("Git's {} is written over it", short(git)),
        Winner::Yield => format!("it stays so, and Git's {} is not written", short(git)),
        Winner::Fail => format!(
            "Git says {}. Nothing is deployed until one of the two gives way: take the field out of Git, or add a rule \
             under `fields`",
            short(git)
        ),
    };
    format!("Contested: {} is held by {}{held}; {end}.", code(path), code(manager))
}
