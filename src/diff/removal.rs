//! Objects that Git no longer holds: deleted, or kept with the reason.

use serde_json::Value;

use crate::diff::digest::effect;
use crate::diff::plan::{Draft, Subject};
use crate::diff::{unified, uses};
use crate::model::keep;
use crate::model::plan::{Action, PathChange};
use crate::model::view::{Live, Passage};

/// How many objects are named that still use what goes.
const NAMED: usize = 5;

impl Draft<'_> {
    /// What Git no longer holds goes, unless something keeps it or another environment takes it over.
    pub(super) fn delete(&mut self, subject: &Subject<'_>, live: &Live) {
        let id = &subject.seen.id;
        if matches!(subject.seen.passage, Passage::To(_)) {
            // Nothing happens to it here: the other environment's deployment takes it over.
            let nothing = effect(self.mask, &[]);
            return self.push(subject, Action::Move, (Vec::new(), String::new()), nothing);
        }
        if live.controlled {
            let words = format!("{id} is left alone: a controller owns it, so it goes with its owner");
            return self.warnings.push(words);
        }
        let kept = self.kept(subject, live);
        let before = self.mask.beside(id, &subject.veiled(&live.body), &subject.stated(), None);
        let action = if kept.is_some() { Action::Keep } else { Action::Delete };
        let diff = if kept.is_some() { String::new() } else { unified::text(&before, &Value::Null) };
        let paths = vec![PathChange {
            path: String::new(),
            class: subject.attribution.whole(),
            before: if kept.is_some() { Value::Null } else { before },
            after: Value::Null,
        }];
        // Bound by its incarnation; what it held when it goes is not what was approved.
        let effect = effect(self.mask, &[]);
        self.push(subject, action, (paths, diff), effect);
        let words = match kept {
            Some(because) => Some(format!("stays: {because}")),
            None => still_used(&uses::users(id, self.case.merge)),
        };
        if let Some(change) = self.changes.last_mut() {
            change.warnings.extend(words);
        }
    }

    /// Why it stays though Git no longer holds it; none: it goes. What the base renders counts as well as what is live:
    /// an annotation that was there when it was last deployed is no less meant because somebody took it off by hand.
    fn kept(&self, subject: &Subject<'_>, live: &Live) -> Option<String> {
        let base = subject.attribution.base.and_then(|base| keep::kept(&base.body));
        if live.keep || base.is_some() {
            let mark = keep::kept(&live.body).or(base);
            return Some(
                mark.map_or_else(|| "an annotation keeps it".to_owned(), |mark| format!("`{mark}` keeps it")),
            );
        }
        if let Passage::Unknown(other) = &subject.seen.passage {
            return Some(format!("`{other}` does not render, so whether it takes this over cannot be told"));
        }
        if !self.case.scope.prune {
            return Some("`prune` is off".to_owned());
        }
        self.case.inventory.is_some_and(|inventory| inventory.rebuilt).then(|| {
            "the inventory was lost and rebuilt from labels; deploy once with it to confirm what is owned"
                .to_owned()
        })
    }

    /// It is owned and not to be seen: nothing is done about what may be there.
    pub(super) fn unseen(&mut self, subject: &Subject<'_>) {
        // The target's words, and nothing of it is in Git any more that they could quote.
        let reason = self.mask.message(&subject.seen.reason);
        if !reason.is_empty() {
            self.warnings
                .push(format!("{} is kept, though Git no longer holds it: {reason}", subject.seen.id));
        }
    }
}

/// What is said where others still use what goes.
fn still_used(users: &[String]) -> Option<String> {
    let more = users.len().saturating_sub(NAMED);
    let mut named = users.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        named = format!("{named} and {more} more");
    }
    (!users.is_empty()).then(|| format!("still used by {named}"))
}
