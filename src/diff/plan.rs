//! The decision: what must change, object by object. The only place where it is made.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::diff::class::Attribution;
use crate::diff::digest::{Deed, digest, effect};
use crate::diff::mask::{Mask, MaskKey, Text};
use crate::diff::paths::{differences, related};
use crate::diff::risk::risks;
use crate::diff::unified;
use crate::model::fault::Fault;
use crate::model::object::{Bundle, Object};
use crate::model::plan::{Action, Change, Class, Conflict, Counts, Effect, Fidelity, PathChange, Plan};
use crate::model::settings::Adopt;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Live, Owner, Prediction, Seen};
use crate::model::volatile::veil;

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
    let mut draft = Draft {
        case,
        mask: &mask,
        changes: Vec::new(),
        errors: case.faults.to_vec(),
        warnings: case.merge.warnings.clone(),
    };
    for seen in case.seen {
        draft.consider(seen);
    }
    let hooks = hooks(case, &mask, &draft.changes);
    draft.changes.sort_by(|a, b| a.id.cmp(&b.id));
    let fidelity = case.seen.iter().map(|seen| seen.fidelity).min().unwrap_or(Fidelity::Live);
    let digest = draft
        .errors
        .is_empty()
        .then(|| digest(&case.scope.environment, &case.scope.target, &draft.changes, &hooks));
    for words in draft.warnings.iter_mut().chain(draft.errors.iter_mut().map(|fault| &mut fault.message)) {
        *words = mask.message(words);
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
        warnings: draft.warnings,
        pending: Vec::new(),
        renderers: std::collections::BTreeMap::new(),
        remotes: case.merge.remotes.clone(),
        bundle: Some(case.merge.digest()),
        owned: case.inventory.map_or(0, |inventory| inventory.entries.len()),
    }
}

/// The mask of a case: knows the secrets of both bundles and of what is live.
pub(crate) fn learn<'a>(case: &Case<'a>) -> Mask<'a> {
    let objects = |bundle: &'a Bundle| {
        let all = bundle.objects.iter().chain(&bundle.hooks);
        all.map(|object| (&object.id, &object.body, object.volatile.clone()))
    };
    let places = |seen: &Seen, body: &Value| {
        let object = case.merge.find(&seen.id).or_else(|| case.base?.find(&seen.id));
        object.map_or_else(Vec::new, |object| object.places(body))
    };
    Mask::learn(
        case.key,
        &case.scope.environment,
        &case.scope.secrets,
        objects(case.merge).chain(case.base.into_iter().flat_map(objects)),
        case.seen.iter().flat_map(|seen| {
            let predicted = match &seen.prediction {
                Prediction::Becomes(after) | Prediction::Replaced { after, .. } => Some(after),
                Prediction::Gone | Prediction::Refused { .. } => None,
            };
            seen.live
                .iter()
                .map(|live| &live.body)
                .chain(predicted)
                .map(|body| (&seen.id, body, places(seen, body)))
        }),
    )
}

struct Draft<'c> {
    case: &'c Case<'c>,
    mask: &'c Mask<'c>,
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

impl Draft<'_> {
    fn consider(&mut self, seen: &Seen) {
        let case = self.case;
        let base = case.base.and_then(|base| base.find(&seen.id));
        let merge = case.merge.find(&seen.id);
        let subject = Subject { seen, merge, attribution: Attribution::new(base, merge, case.inventory) };
        let adopts = match self.admit(&subject) {
            Admission::Ours => false,
            Admission::Adopted => true,
            Admission::Refused => return,
        };
        match (&seen.prediction, &seen.live) {
            (Prediction::Gone, None) => {}
            (Prediction::Gone, Some(live)) => self.delete(&subject, live),
            (Prediction::Becomes(after) | Prediction::Replaced { after, .. }, None) => {
                self.create(&subject, after);
            }
            (Prediction::Becomes(after), Some(live)) => {
                let action = if adopts { Action::Adopt } else { Action::Update };
                self.update(&subject, live, (action, after));
            }
            // To replace is to delete first.
            (Prediction::Replaced { because, .. }, Some(live)) if live.keep => self.errors.push(
                subject
                    .fault(format!(
                        "{} would have to be replaced, and an annotation keeps it: {because}",
                        seen.id
                    ))
                    .hint("remove the annotation first, or keep the field as it is"),
            ),
            (Prediction::Replaced { after, because }, Some(live)) => {
                self.update(&subject, live, (Action::Replace, after));
                if let Some(change) = self.changes.last_mut() {
                    change.warnings.push(self.mask.message(because));
                }
            }
            (Prediction::Refused { message, path }, _) => {
                let place = path.as_ref().map_or(String::new(), |path| format!(" at {path}"));
                self.errors.push(
                    subject
                        .fault(format!("{} is refused{place}: {message}", seen.id))
                        .hint("mend the manifest; the target's own words are quoted"),
                );
            }
        }
    }

    /// May this object be touched at all?
    fn admit(&mut self, subject: &Subject<'_>) -> Admission {
        let adopt = &self.case.scope.adopt;
        let Some(live) = &subject.seen.live else { return Admission::Ours };
        let (allowed, whose) = match &live.owner {
            Owner::Us => return Admission::Ours,
            Owner::Nobody => {
                (adopt.contains(&Adopt::Unmanaged), "it exists and Tidegate did not make it".to_owned())
            }
            Owner::Other(owner) => {
                let tool = [("Helm", Adopt::Helm), ("Argo CD", Adopt::Argocd), ("Flux", Adopt::Flux)]
                    .into_iter()
                    .find_map(|(prefix, tool)| owner.starts_with(prefix).then_some(tool));
                (tool.is_some_and(|tool| adopt.contains(&tool)), format!("it belongs to {owner}"))
            }
        };
        // To adopt is to bring it to what Git holds; what Git holds no longer is not ours to delete.
        if allowed && subject.merge.is_some() {
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

    fn create(&mut self, subject: &Subject<'_>, after: &Value) {
        let Some(object) = subject.merge else { return };
        let class = subject.attribution.whole();
        let (body, after) = (veil(&object.body, &object.volatile), subject.veiled(after));
        let rendered = self.mask.body(&object.id, &body, Text::Rendered);
        let predicted = self.mask.beside(&object.id, &after, &subject.stated());
        let mut paths =
            vec![PathChange { path: String::new(), class, before: Value::Null, after: rendered.clone() }];
        paths.extend(differences(&rendered, &predicted).into_iter().map(|difference| PathChange {
            path: difference.path,
            class: Class::SideEffect,
            before: Value::Null,
            after: difference.after.unwrap_or(Value::Null),
        }));
        paths.extend(self.volatile(object, &object.body, &[&object.body]));
        let added = differences(&body, &after);
        let mut deeds = vec![Deed::whole(class, None, Some(body))];
        deeds.extend(added.into_iter().map(|difference| Deed { class: Class::SideEffect, difference }));
        let effect = effect(self.mask, &deeds);
        let diff = unified::text(&Value::Null, &rendered);
        self.push(subject, Action::Create, (paths, diff), effect);
    }

    fn delete(&mut self, subject: &Subject<'_>, live: &Live) {
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

    fn update(&mut self, subject: &Subject<'_>, live: &Live, (action, after): (Action, &Value)) {
        let id = &subject.seen.id;
        let proposed = subject.attribution.proposed();
        let (was, becomes) = (subject.veiled(&live.body), subject.veiled(after));
        let deeds: Vec<Deed> = differences(&was, &becomes)
            .into_iter()
            .map(|difference| Deed {
                class: subject.attribution.class(&difference.path, &proposed),
                difference,
            })
            .collect();
        let git = subject.stated();
        let mut volatile: Vec<PathChange> =
            subject.merge.iter().flat_map(|object| self.volatile(object, after, &git)).collect();
        let before = self.mask.beside(id, &subject.veiled_once(was, after), &git);
        let after = self.mask.beside(id, &becomes, &git);
        let at = |class: Class, path: String| PathChange {
            before: before.pointer(&path).cloned().unwrap_or(Value::Null),
            after: after.pointer(&path).cloned().unwrap_or(Value::Null),
            class,
            path,
        };
        let mut paths: Vec<PathChange> = differences(&before, &after)
            .into_iter()
            .map(|difference| PathChange {
                class: subject.attribution.class(&difference.path, &proposed),
                path: difference.path,
                before: difference.before.unwrap_or(Value::Null),
                after: difference.after.unwrap_or(Value::Null),
            })
            .collect();
        // Two secrets of which only the target knows look the same; that they differ must be seen all the same.
        let shown: HashSet<String> = paths.iter().map(|path| path.path.clone()).collect();
        let hidden = deeds.iter().map(|deed| (deed.class, self.mask.pointer(&deed.difference.path, &git)));
        let hidden: Vec<_> = hidden.filter(|(_, path)| !covers(&shown, path)).collect();
        paths.extend(hidden.into_iter().map(|(class, path)| at(class, path)));

        let changes = !deeds.is_empty() || matches!(action, Action::Adopt | Action::Replace);
        if subject.attribution.base.is_some() && subject.merge.is_some() {
            let without: Vec<String> = proposed
                .iter()
                .filter(|change| !deeds.iter().any(|deed| related(&deed.difference.path, &change.path)))
                .map(|change| self.mask.pointer(&change.path, &git))
                .collect();
            if !changes && !without.is_empty() && subject.attribution.owned.is_some() {
                self.warnings.push(format!("{id}: no effect here of {}", without.join(", ")));
            }
            paths.extend(without.into_iter().map(|path| at(Class::NoEffect, path)));
        }
        if changes {
            let by_hand = live.by_hand.iter().map(|path| self.mask.pointer(path, &git));
            let by_hand: Vec<_> = by_hand.filter(|path| after.pointer(path).is_some()).collect();
            paths.extend(by_hand.into_iter().map(|path| at(Class::ByHand, path)));
            volatile.retain(|one| !paths.iter().any(|path| path.path == one.path));
            paths.extend(volatile);
            let effect = effect(self.mask, &deeds);
            self.push(subject, action, (paths, unified::text(&before, &after)), effect);
        }
    }

    /// Where another render would give another value, in a body of the object; without any value.
    fn volatile(&self, object: &Object, body: &Value, git: &[&Value]) -> Vec<PathChange> {
        let path = |place: String| PathChange {
            path: self.mask.pointer(&place, git),
            class: Class::Volatile,
            before: Value::Null,
            after: Value::Null,
        };
        object.places(body).into_iter().map(path).collect()
    }

    /// The contested fields of an object, masked.
    fn conflicts(&self, subject: &Subject<'_>) -> Vec<Conflict> {
        let git = subject.stated();
        let conflicts = subject.seen.conflicts.iter();
        conflicts.map(|conflict| self.mask.conflict(&subject.seen.id, conflict, &git)).collect()
    }

    fn push(
        &mut self,
        subject: &Subject<'_>,
        action: Action,
        (paths, diff): (Vec<PathChange>, String),
        effect: Effect,
    ) {
        let seen = subject.seen;
        // Admission's free text, and the server's.
        let said = seen.warnings.iter().chain(Some(&seen.reason).filter(|reason| !reason.is_empty()));
        self.changes.push(Change {
            app: subject.app(),
            file: subject.merge.and_then(|object| object.origin.file.clone()),
            fidelity: seen.fidelity,
            risks: risks(action, &seen.id, &paths),
            paths,
            diff,
            warnings: said.map(|words| self.mask.message(words)).collect(),
            conflicts: self.conflicts(subject),
            uid: seen.live.as_ref().and_then(|live| live.uid.clone()),
            effect: Some(effect),
            ..Change::new(action, seen.id.clone())
        });
    }
}

/// Is this path among the shown ones, or above or beneath one of them?
fn covers(shown: &HashSet<String>, path: &str) -> bool {
    shown.contains(path) || shown.iter().any(|one| related(one, path))
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

    /// A live or predicted body without what differs at each render.
    fn veiled<'b>(&self, body: &'b Value) -> Cow<'b, Value> {
        match self.merge.or(self.attribution.base) {
            Some(object) if !object.volatile.is_empty() => Cow::Owned(object.veiled(body)),
            Some(_) | None => Cow::Borrowed(body),
        }
    }

    /// The same of what differed at each render up to now and has its own value from now on, which replaces the live one.
    fn veiled_once<'b>(&self, was: Cow<'b, Value>, after: &Value) -> Cow<'b, Value> {
        let Some(base) = self.attribution.base.filter(|base| !base.volatile.is_empty()) else { return was };
        let mut places = base.places(&was);
        places.retain(|place| was.pointer(place) != after.pointer(place));
        Cow::Owned(veil(&was, &places))
    }

    /// What Git states of it, before and after this change.
    fn stated(&self) -> Vec<&Value> {
        self.merge.into_iter().chain(self.attribution.base).map(|object| &object.body).collect()
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

/// All hooks, if the deployment runs them: when they are not those that last ran to their end, or when anything changes.
/// Judged by the record alone, so that it is the same whether the base is known or not.
fn hooks(case: &Case<'_>, mask: &Mask<'_>, changes: &[Change]) -> Vec<Change> {
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
