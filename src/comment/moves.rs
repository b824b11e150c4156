//! Objects that change their home, or are another's successor: told as that, never as a delete beside a creation.

use std::collections::BTreeMap;

use crate::comment::section::place;
use crate::comment::text::{html, html_code};
use crate::comment::words::count;
use crate::model::object::ObjectId;
use crate::model::plan::{Change, Likeness, Pair, Transfer};

/// `handed over from staging to prod, not copied; the object itself stays`, `handed over from the app a to the app b, …`.
pub(crate) fn moves(transfer: &Transfer) -> String {
    let (from, to) = (transfer.from.environment.as_str(), transfer.to.environment.as_str());
    if from == to {
        let (from, to) = (app(&transfer.from.app), app(&transfer.to.app));
        return format!("handed over from {from} to {to}, not copied; the object itself stays");
    }
    format!("handed over from {from} to {to}, not copied; the object itself stays")
}

fn app(name: &str) -> String {
    if name.is_empty() { "another app".to_owned() } else { format!("the app {}", html_code(name)) }
}

/// What a row says of the objects that move: `2 objects are handed over from staging to prod`.
pub(crate) fn moved(changes: &[&Change]) -> Vec<String> {
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    for transfer in changes.iter().filter_map(|change| change.transfer.as_ref()) {
        let (from, to) = (transfer.from.environment.as_str(), transfer.to.environment.as_str());
        let way = if from == to { "between apps".to_owned() } else { format!("from {from} to {to}") };
        *ways.entry(way).or_default() += 1;
    }
    let told = ways.into_iter().map(|(way, n)| {
        format!("{} {} {way}", count(n, "object"), if n == 1 { "is handed over" } else { "are handed over" })
    });
    told.collect()
}

/// `in place of <code>web-config-a</code>, which is deleted`: the successor's side of a pair. `lost`: what is deleted holds
/// data; it is told first then, for nobody may take the two for one object.
pub(crate) fn succeeds(pair: &Pair, id: &ObjectId, lost: bool) -> String {
    let other = &pair.id;
    let mut name =
        html_code(&if other.namespace == id.namespace { other.name.clone() } else { place(other) });
    if other.kind != id.kind {
        name = format!("{} {name}", html(&other.kind));
    } else if other.group != id.group {
        name = format!("{name} of {}", html_code(if other.group.is_empty() { "v1" } else { &other.group }));
    }
    if lost {
        return format!("{} is created in its place, nothing is copied", html_code(&place(id)));
    }
    let why = match pair.why {
        Likeness::Hash => "the hash in the name follows the content",
        Likeness::Group => "another API group or kind",
        Likeness::Rename => "renamed",
    };
    format!("in place of {name}, which is deleted · {why}")
}
