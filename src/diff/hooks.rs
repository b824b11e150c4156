//! Hooks: what runs when a plan is applied.

use serde_json::Value;

use crate::diff::digest::{Deed, effect};
use crate::diff::mask::{Mask, Text};
use crate::diff::plan::Case;
use crate::diff::risk::risks;
use crate::diff::unified;
use crate::model::plan::{Action, Change, Class, Fidelity, PathChange};
use crate::model::volatile::veil;

/// All hooks, if the deployment runs them: when they are not those that last ran to their end, or when anything changes.
/// Judged by the record alone, so that it is the same whether the base is known or not.
pub(super) fn hooks(case: &Case<'_>, mask: &Mask<'_>, changes: &[Change]) -> Vec<Change> {
    let ran = case.inventory.is_some_and(|inventory| inventory.hooks == case.merge.hooks_digest());
    if ran && changes.iter().all(|change| change.action == Action::Keep) {
        return Vec::new();
    }
    case.merge
        .hooks
        .iter()
        .map(|hook| {
            let veiled = veil(&hook.body, &hook.volatile);
            let body = mask.body(&hook.id, &veiled, Text::Rendered);
            let paths = vec![PathChange {
                path: String::new(),
                class: Class::ThisChange,
                before: Value::Null,
                after: body.clone(),
            }];
            let deed = Deed::whole(Class::ThisChange, None, Some(veiled));
            Change {
                app: hook.origin.app.clone(),
                file: hook.origin.file.clone(),
                fidelity: Fidelity::Rendered,
                risks: risks(Action::Create, &hook.id, &paths),
                diff: unified::text(&Value::Null, &body),
                paths,
                effect: Some(effect(mask, &[deed])),
                ..Change::new(Action::Create, hook.id.clone())
            }
        })
        .collect()
}
