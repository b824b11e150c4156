//! Objects that Git no longer holds: deleted, or kept with the reason.

use serde_json::Value;

use crate::diff::digest::effect;
use crate::diff::plan::{Draft, Subject};
use crate::diff::unified;
use crate::model::plan::{Action, PathChange};
use crate::model::view::Live;

impl Draft<'_> {
    /// What Git no longer holds goes, unless something keeps it.
    pub(super) fn delete(&mut self, subject: &Subject<'_>, live: &Live) {
        let case = self.case;
        let kept = if live.keep {
            Some("an annotation keeps it")
        } else if !case.scope.prune {
            Some("`prune` is off")
        } else if case.inventory.is_some_and(|inventory| inventory.rebuilt) {
            Some(
                "the inventory was lost and rebuilt from labels; deploy once with it to confirm what is owned",
            )
        } else {
            None
        };
        let before = self.mask.beside(&subject.seen.id, &subject.veiled(&live.body), &subject.stated());
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
        if let (Some(change), Some(because)) = (self.changes.last_mut(), kept) {
            change.warnings.push(format!("stays: {because}"));
        }
    }
}
