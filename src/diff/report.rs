//! What happened beside what was predicted: the report that people read, masked.

use std::collections::HashMap;

use crate::diff::mask::{Mask, Quoted};
use crate::diff::paths::{at, differences};
use crate::diff::plan::{Case, learn};
use crate::model::lists::ListKeys;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Class, PathChange};
use crate::model::report::{Applied, Done, Outcome, Report};
use crate::model::view::{Prediction, Seen};

use serde_json::Value;

/// Compares the predicted after-state of each object with the actual one. A difference is our defect and is said.
pub(crate) fn report(case: &Case<'_>, applied: &[Applied]) -> Report {
    let mask = learn(case);
    let seen: HashMap<&ObjectId, &Seen> = case.seen.iter().map(|seen| (&seen.id, seen)).collect();
    let outcomes = applied
        .iter()
        .map(|applied| {
            let (seen, object) = (seen.get(&applied.id).copied(), case.merge.find(&applied.id));
            let quoted = Quoted::new(
                &applied.id,
                object.into_iter().map(|object| &object.body).collect(),
                seen.and_then(|seen| seen.live.as_ref()).map(|live| &live.body),
            );
            let result = match &applied.result {
                Done::Failed(message) => Done::Failed(mask.words(message, Some(&quoted))),
                Done::Skipped(message) => Done::Skipped(mask.message(message)),
                Done::Changed => Done::Changed,
                Done::Unchanged => Done::Unchanged,
            };
            Outcome {
                id: applied.id.clone(),
                action: applied.action,
                result,
                surprises: surprises(case, &mask, applied, seen),
                millis: applied.millis,
            }
        })
        .collect();
    Report { outcomes, warnings: Vec::new(), reference: None }
}

fn surprises(case: &Case<'_>, mask: &Mask<'_>, applied: &Applied, seen: Option<&Seen>) -> Vec<PathChange> {
    let Some((actual, seen)) = applied.after.as_ref().zip(seen) else { return Vec::new() };
    // A replacement or a first creation gets allocated fields that no prediction can know; only declared ones count.
    let object = case.merge.find(&applied.id);
    let declared = object.map(|object| &object.body);
    let predicted = match &seen.prediction {
        Prediction::Becomes(after) | Prediction::Replaced { after, .. } => after,
        Prediction::Gone | Prediction::Refused { .. } => return Vec::new(),
    };
    let fresh = matches!(applied.action, Action::Create | Action::Replace);
    let keys = ListKeys::shipped(&seen.id.group, &seen.id.kind).with(&seen.keys);
    let stated: Vec<&Value> = declared.into_iter().collect();
    let merged = case.base.map(|base| base.find(&applied.id).map(|object| &object.body));
    let guard = merged.and_then(|merged| mask.guard(declared, merged));
    let shown = |body: &Value| mask.beside(&applied.id, &seen.veiled(object, body), &stated, guard.as_ref());
    differences(&shown(predicted), &shown(actual), &keys)
        .into_iter()
        .filter(|difference| {
            !fresh || declared.is_some_and(|body| at(body, &difference.place, &keys).is_some())
        })
        .map(|difference| PathChange {
            path: difference.path,
            class: Class::SideEffect,
            before: difference.before.unwrap_or(Value::Null),
            after: difference.after.unwrap_or(Value::Null),
        })
        .collect()
}
