//! What a public repository may show of a change: what Git says, never what is live.

use crate::model::plan::{Action, Change, Class, Fidelity};

/// Characters of one value.
const VALUE: usize = 2_000;

/// A diff that holds nothing known only from live; none: nothing is left to show.
///
/// Two renders compared hold only what Git holds, and so does the text of a creation. Any other diff has live values in
/// its removed lines and its context; of those the coming values are shown, each with its path.
pub(crate) fn diff(change: &Change) -> Option<String> {
    let whole = change.action == Action::Create && change.pair.is_none();
    if change.fidelity == Fidelity::Rendered || whole {
        return Some(change.diff.clone()).filter(|diff| !diff.is_empty());
    }
    // The diff of a successor is to what it succeeds, which is live.
    if change.action == Action::Create {
        let body = change.paths.iter().find(|path| path.path.is_empty()).map(|path| &path.after)?;
        let text = serde_json::to_string_pretty(body).unwrap_or_default();
        return Some(text.lines().flat_map(|line| ["+ ", line, "\n"]).collect());
    }
    let mut out = String::new();
    for path in &change.paths {
        let ours = matches!(path.class, Class::ThisChange | Class::Pending | Class::Drift);
        if !ours || path.path.is_empty() {
            continue;
        }
        if path.after.is_null() {
            out.extend(["- ", &path.path, "\n"]);
        } else {
            let value: String = path.after.to_string().chars().take(VALUE).collect();
            out.extend(["+ ", &path.path, ": ", &value, "\n"]);
        }
    }
    Some(out).filter(|diff| !diff.is_empty())
}
