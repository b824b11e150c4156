//! The decision: what must change, object by object. The only place where it is made.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diff::class::Attribution;
use crate::diff::digest::digest;
use crate::diff::mask::{Mask, MaskKey, Text};
use crate::diff::paths::differences;
use crate::diff::risk::risks;
use crate::diff::unified;
use crate::model::fault::Fault;
use crate::model::object::{Bundle, Object, ObjectId};
use crate::model::plan::{Action, Change, Class, Counts, Fidelity, PathChange, Plan};
use crate::model::settings::{Adopt, Winner};
use crate::model::target::Scope;
use crate::model::view::{Conflict, Inventory, Live, Owner, Prediction, Seen};

/// Managers that stand for people and their tools: Git takes over from them, and says so.
const HUMAN: &[&str] =
    &["kubectl", "before-first-apply", "k9s", "Lens", "rancher", "Mozilla", "node-fetch", "helm"];

/// Everything a plan is decided from. Facts only; no clock, no input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    /// Which environment, and its rules.
    pub scope: &'a Scope,
    /// The base as rendered; none where it cannot be had (then everything proposed is attributed to this change).
    pub base: Option<&'a Bundle>,
    /// The merge as rendered.
    pub merge: &'a Bundle,
    /// What the environment owns; none: nothing was deployed here yet.
    pub inventory: Option<&'a Inventory>,
    /// What the target answered for the candidates.
    pub seen: &'a [Seen],
    /// The author's faults found on the way here.
    pub faults: &'a [Fault],
    /// The key of the masks.
    pub key: &'a MaskKey,
}

/// The plan: deterministic in its input. With faults it has no digest and cannot be applied.
pub(crate) fn plan(case: &Case<'_>) -> Plan {
    let mask = learn(case);
    let mut draft = Draft { errors: case.faults.to_vec(), ..Draft::default() };
    for seen in case.seen {
        draft.consider(case, &mask, seen);
    }
    let hooks = hooks(case, &mask);
    draft.changes.sort_by(|a, b| a.id.cmp(&b.id));
    let fidelity = case.seen.iter().map(|seen| seen.fidelity).min().unwrap_or(Fidelity::Live);
    let digest = draft
        .errors
        .is_empty()
        .then(|| digest(&case.scope.environment, &case.scope.target, &draft.changes, &hooks));
    let mut warnings = case.merge.warnings.clone();
    warnings.append(&mut draft.warnings);
    for warning in &mut warnings {
        *warning = mask.message(warning);
    }
    Plan {
        name: case.scope.environment.name.clone(),
        target: case.scope.target.clone(),
        digest,
        fidelity,
        counts: counts(&draft.changes, case.merge),
        baseline: case.inventory.is_none(),
        changes: draft.changes,
        hooks,
        errors: draft.errors,
        warnings,
        bundle: Some(case.merge.digest()),
        owned: case.inventory.map_or(0, |inventory| inventory.entries.len()),
    }
}

/// The mask of a case: knows the secrets of both bundles and of what is live.
pub(crate) fn learn<'a>(case: &Case<'a>) -> Mask<'a> {
    let objects = |bundle: &'a Bundle| {
        bundle.objects.iter().chain(&bundle.hooks).map(|object| (&object.id, &object.body))
    };
    Mask::learn(
        case.key,
        &case.scope.environment,
        &case.scope.secrets,
        objects(case.merge).chain(case.base.into_iter().flat_map(objects)),
        case.seen.iter().flat_map(|seen| {
            let predicted = match &seen.prediction {
                Prediction::Becomes(after)
                | Prediction::Contested { after, .. }
                | Prediction::Replaced { after, .. } => Some(after),
                Prediction::Gone | Prediction::Refused { .. } => None,
            };
            seen.live.iter().map(|live| &live.body).chain(predicted).map(|body| (&seen.id, body))
        }),
    )
}

#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    errors: Vec<Fault>,
    warnings: Vec<String>,
}

/// One object on its way into the plan.
struct Subject<'a> {
    seen: &'a Seen,
    merge: Option<&'a Object>,
    attribution: Attribution<'a>,
}

impl Draft {
    fn consider(&mut self, case: &Case<'_>, mask: &Mask<'_>, seen: &Seen) {
        let base = case.base.and_then(|base| base.find(&seen.id));
        let merge = case.merge.find(&seen.id);
        let subject = Subject { seen, merge, attribution: Attribution::new(base, merge, case.inventory) };
        let adopts = match self.admit(case, &subject) {
            Admission::Ours => false,
            Admission::Adopted => true,
            Admission::Refused => return,
        };
        match (&seen.prediction, &seen.live) {
            (Prediction::Gone, None) => {}
            (Prediction::Gone, Some(live)) => self.delete(case, mask, &subject, live),
            (Prediction::Becomes(after) | Prediction::Replaced { after, .. }, None) => {
                self.create(mask, &subject, after);
            }
            (Prediction::Becomes(after), Some(live)) => {
                let action = if adopts { Action::Adopt } else { Action::Update };
                self.update(mask, &subject, live, (action, after));
            }
            (Prediction::Contested { after, conflicts }, live) => {
                let Some(after) = self.settle(case, &subject, after.clone(), conflicts) else { return };
                match live {
                    Some(live) => {
                        let action = if adopts { Action::Adopt } else { Action::Update };
                        self.update(mask, &subject, live, (action, &after));
                    }
                    None => self.create(mask, &subject, &after),
                }
            }
            (Prediction::Replaced { after, because }, Some(live)) => {
                self.update(mask, &subject, live, (Action::Replace, after));
                if let Some(change) = self.changes.last_mut() {
                    change.warnings.push(mask.message(because));
                }
            }
            (Prediction::Refused { message, path }, _) => {
                let place = path.as_ref().map_or(String::new(), |path| format!(" at {path}"));
                self.errors.push(
                    subject
                        .fault(format!("{} is refused{place}: {}", seen.id, mask.message(message)))
                        .hint("mend the manifest; the target's own words are quoted"),
                );
            }
        }
    }

    /// May this object be touched at all?
    fn admit(&mut self, case: &Case<'_>, subject: &Subject<'_>) -> Admission {
        let Some(live) = &subject.seen.live else { return Admission::Ours };
        let (allowed, whose) = match &live.owner {
            Owner::Us => return Admission::Ours,
            Owner::Nobody => (
                case.scope.adopt.contains(&Adopt::Unmanaged),
                "it exists and Tidegate did not make it".to_owned(),
            ),
            Owner::Other(owner) => {
                let tool = [("Helm", Adopt::Helm), ("Argo CD", Adopt::Argocd), ("Flux", Adopt::Flux)]
                    .into_iter()
                    .find_map(|(prefix, tool)| owner.starts_with(prefix).then_some(tool));
                (tool.is_some_and(|tool| case.scope.adopt.contains(&tool)), format!("it belongs to {owner}"))
            }
        };
        if allowed {
            return Admission::Adopted;
        }
        if subject.merge.is_none() {
            self.warnings.push(format!("{} is left alone: {whose}", subject.seen.id));
        } else {
            self.errors.push(
                subject
                    .fault(format!("{} cannot be taken over: {whose}", subject.seen.id))
                    .hint("remove it here, or allow its kind of owner under `adopt`"),
            );
        }
        Admission::Refused
    }

    fn create(&mut self, mask: &Mask<'_>, subject: &Subject<'_>, after: &Value) {
        let Some(object) = subject.merge else { return };
        let rendered = mask.body(&object.id, &object.body, Text::Rendered);
        let predicted = mask.body(&object.id, after, Text::Live);
        let mut paths = vec![PathChange {
            path: String::new(),
            class: subject.attribution.whole(),
            before: Value::Null,
            after: rendered.clone(),
        }];
        paths.extend(differences(&rendered, &predicted).into_iter().map(|difference| PathChange {
            path: difference.path,
            class: Class::SideEffect,
            before: Value::Null,
            after: difference.after.unwrap_or(Value::Null),
        }));
        self.push(subject, Action::Create, paths, unified::text(&Value::Null, &rendered));
    }

    fn delete(&mut self, case: &Case<'_>, mask: &Mask<'_>, subject: &Subject<'_>, live: &Live) {
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
        let before = mask.body(&subject.seen.id, &live.body, Text::Live);
        let action = if kept.is_some() { Action::Keep } else { Action::Delete };
        let diff = if kept.is_some() { String::new() } else { unified::text(&before, &Value::Null) };
        let paths = vec![PathChange {
            path: String::new(),
            class: subject.attribution.whole(),
            before: if kept.is_some() { Value::Null } else { before },
            after: Value::Null,
        }];
        self.push(subject, action, paths, diff);
        if let (Some(change), Some(because)) = (self.changes.last_mut(), kept) {
            change.warnings.push(format!("stays: {because}"));
        }
    }

    fn update(
        &mut self,
        mask: &Mask<'_>,
        subject: &Subject<'_>,
        live: &Live,
        (action, after): (Action, &Value),
    ) {
        let id = &subject.seen.id;
        let proposed = subject.attribution.proposed();
        let (before, after) = (mask.body(id, &live.body, Text::Live), mask.body(id, after, Text::Live));
        let found = differences(&before, &after);
        let mut paths: Vec<PathChange> = found
            .into_iter()
            .map(|difference| PathChange {
                class: subject.attribution.class(&difference.path, &proposed),
                path: difference.path,
                before: difference.before.unwrap_or(Value::Null),
                after: difference.after.unwrap_or(Value::Null),
            })
            .collect();
        let changes = !paths.is_empty() || matches!(action, Action::Adopt | Action::Replace);
        if subject.attribution.base.is_some() && subject.merge.is_some() {
            let without: Vec<String> = proposed
                .iter()
                .filter(|change| {
                    !paths.iter().any(|path| crate::diff::paths::related(&path.path, &change.path))
                })
                .map(|change| change.path.clone())
                .collect();
            if !changes && !without.is_empty() && subject.attribution.owned.is_some() {
                self.warnings.push(format!("{id}: no effect here of {}", without.join(", ")));
            }
            paths.extend(without.into_iter().map(|path| PathChange {
                before: before.pointer(&path).cloned().unwrap_or(Value::Null),
                after: after.pointer(&path).cloned().unwrap_or(Value::Null),
                class: Class::NoEffect,
                path,
            }));
        }
        if changes {
            paths.extend(live.by_hand.iter().filter(|path| after.pointer(path).is_some()).map(|path| {
                PathChange {
                    path: path.clone(),
                    class: Class::ByHand,
                    before: before.pointer(path).cloned().unwrap_or(Value::Null),
                    after: after.pointer(path).cloned().unwrap_or(Value::Null),
                }
            }));
            let diff = unified::text(&before, &after);
            self.push(subject, action, paths, diff);
        }
    }

    /// The after-state once the rules for contested fields are applied; none: the plan fails.
    fn settle(
        &mut self,
        case: &Case<'_>,
        subject: &Subject<'_>,
        mut after: Value,
        conflicts: &[Conflict],
    ) -> Option<Value> {
        let mut fails = false;
        for conflict in conflicts {
            match winner(case.scope, &subject.seen.id, conflict) {
                Winner::Take => self.warnings.push(format!(
                    "{}: {} is taken over from {}",
                    subject.seen.id, conflict.path, conflict.manager
                )),
                Winner::Yield => {
                    let held = subject
                        .seen
                        .live
                        .as_ref()
                        .and_then(|live| live.body.pointer(&conflict.path))
                        .cloned();
                    if let (Some(place), Some(held)) = (after.pointer_mut(&conflict.path), held) {
                        *place = held;
                    }
                }
                Winner::Fail => {
                    fails = true;
                    self.errors.push(
                        subject
                            .fault(format!(
                                "{}: {} is managed by {}, which holds another value",
                                subject.seen.id, conflict.path, conflict.manager
                            ))
                            .hint(
                                "remove the field, or say under `fields` whether Git takes it or yields it",
                            ),
                    );
                }
            }
        }
        (!fails).then_some(after)
    }

    fn push(&mut self, subject: &Subject<'_>, action: Action, paths: Vec<PathChange>, diff: String) {
        let seen = subject.seen;
        let mut warnings: Vec<String> = seen.warnings.clone();
        if !seen.reason.is_empty() {
            warnings.push(seen.reason.clone());
        }
        self.changes.push(Change {
            action,
            id: seen.id.clone(),
            app: subject.app(),
            file: subject.merge.and_then(|object| object.origin.file.clone()),
            fidelity: seen.fidelity,
            risks: risks(action, &seen.id, &paths),
            paths,
            diff,
            warnings,
            uid: seen.live.as_ref().and_then(|live| live.uid.clone()),
        });
    }
}

enum Admission {
    Ours,
    Adopted,
    Refused,
}

impl Subject<'_> {
    fn app(&self) -> String {
        let object = self.merge.or(self.attribution.base);
        object
            .map(|object| object.origin.app.clone())
            .or_else(|| self.attribution.owned.map(|owned| owned.app.clone()))
            .unwrap_or_default()
    }

    fn fault(&self, message: String) -> Fault {
        let mut fault = Fault::new(message).app(self.app());
        if let Some(object) = self.merge {
            fault.file.clone_from(&object.origin.file);
            fault.line = object.origin.line;
        }
        fault
    }
}

/// Who wins a contested field: the repository's first rule that fits, else Git against people, else nobody.
pub(crate) fn winner(scope: &Scope, id: &ObjectId, conflict: &Conflict) -> Winner {
    let fits = |rule: &&crate::model::settings::FieldRule| {
        (rule.kinds.is_empty() || rule.kinds.contains(&id.kind))
            && crate::diff::paths::related(&rule.path, &conflict.path)
            && (rule.to.is_empty() || rule.to.contains(&conflict.manager))
    };
    match scope.fields.iter().find(fits) {
        Some(rule) => rule.rule,
        None if HUMAN.iter().any(|human| conflict.manager.starts_with(human)) => Winner::Take,
        None => Winner::Fail,
    }
}

fn counts(changes: &[Change], merge: &Bundle) -> Counts {
    let mut counts = Counts::default();
    let mut named = BTreeSet::new();
    for change in changes {
        match change.action {
            Action::Create => counts.create += 1,
            Action::Update => counts.update += 1,
            Action::Replace => counts.replace += 1,
            Action::Delete => counts.delete += 1,
            Action::Move => counts.moved += 1,
            Action::Adopt => counts.adopt += 1,
            Action::Keep => counts.keep += 1,
            Action::None => counts.none += 1,
        }
        named.insert(&change.id);
    }
    counts.none += merge.objects.iter().filter(|object| !named.contains(&object.id)).count();
    counts
}

/// Hooks run at each deployment that changes something; they are shown with what is new in them.
fn hooks(case: &Case<'_>, mask: &Mask<'_>) -> Vec<Change> {
    let changed = |hook: &&Object| {
        let before = case.base.and_then(|base| base.hooks.iter().find(|old| old.id == hook.id));
        before.map(Object::digest) != Some(hook.digest()) || !case.seen.is_empty()
    };
    case.merge
        .hooks
        .iter()
        .filter(changed)
        .map(|hook| {
            let body = mask.body(&hook.id, &hook.body, Text::Rendered);
            let paths = vec![PathChange {
                path: String::new(),
                class: Class::ThisChange,
                before: Value::Null,
                after: body.clone(),
            }];
            Change {
                action: Action::Create,
                id: hook.id.clone(),
                app: hook.origin.app.clone(),
                file: hook.origin.file.clone(),
                fidelity: Fidelity::Rendered,
                risks: risks(Action::Create, &hook.id, &paths),
                diff: unified::text(&Value::Null, &body),
                paths,
                warnings: Vec::new(),
                uid: None,
            }
        })
        .collect()
}
