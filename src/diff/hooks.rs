//! Hooks: what runs when a plan is applied, in the order in which it runs.

use std::collections::HashSet;

use serde_json::Value;

use crate::diff::digest::{Deed, effect};
use crate::diff::mask::{Mask, Text};
use crate::diff::plan::Case;
use crate::diff::risk::{Stake, risks};
use crate::diff::unified;
use crate::model::hook::{installed, runs};
use crate::model::object::Object;
use crate::model::plan::{Action, Change, Class, Fidelity, Hook, PathChange};
use crate::model::volatile::veil;

/// The hooks that the deployment runs: those of the apps of which anything changes, or all when they are not those that last
/// ran to their end. Judged by the record alone, so that it is the same whether the base is known or not.
pub(super) fn hooks(case: &Case<'_>, mask: &Mask<'_>, changes: &[Change]) -> Vec<Change> {
    let ran = case.inventory.is_some_and(|inventory| inventory.hooks == case.merge.hooks_digest());
    let busy: HashSet<&str> =
        changes.iter().filter(|change| acts(change)).map(|change| change.app.as_str()).collect();
    let mut due: Vec<(&Object, Hook)> = Vec::new();
    for object in &case.merge.hooks {
        let app = object.origin.app.as_str();
        if !ran || busy.contains(app) {
            let installing = !installed(case.inventory, case.merge, app);
            due.extend(runs(object, installing).into_iter().map(|hook| (object, hook)));
        }
    }
    due.sort_by(|(a, one), (b, other)| {
        let order = |object: &Object, hook: &Hook| {
            (
                hook.phase,
                hook.weight,
                object.id.kind.clone(),
                object.id.name.clone(),
                object.id.namespace.clone(),
            )
        };
        order(a, one).cmp(&order(b, other))
    });
    due.into_iter().map(|(object, hook)| change(mask, object, hook)).collect()
}

/// Does anything happen to the object?
fn acts(change: &Change) -> bool {
    match change.action {
        Action::Keep | Action::None => false,
        Action::Move => change.paths.iter().any(|path| path.class.has_effect()),
        Action::Create | Action::Update | Action::Replace | Action::Delete | Action::Adopt => true,
    }
}

fn change(mask: &Mask<'_>, hook: &Object, when: Hook) -> Change {
    let veiled = veil(&hook.body, &hook.volatile);
    let body = mask.body(&hook.id, &veiled, Text::Rendered);
    let paths = vec![PathChange {
        path: String::new(),
        class: Class::ThisChange,
        before: Value::Null,
        after: body.clone(),
    }];
    let stake = Stake {
        action: Action::Create,
        id: &hook.id,
        paths: &paths,
        live: None,
        merge: Some(&hook.body),
        cascade: &[],
    };
    let risks = risks(&stake);
    let deed = Deed::whole(Class::ThisChange, None, Some(veiled));
    Change {
        app: hook.origin.app.clone(),
        file: hook.origin.file.clone(),
        fidelity: Fidelity::Rendered,
        risks,
        diff: unified::text(&Value::Null, &body),
        paths,
        hook: Some(when),
        effect: Some(effect(mask, &[deed])),
        ..Change::new(Action::Create, hook.id.clone())
    }
}
