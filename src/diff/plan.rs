//! The decision: what must change, object by object. The only place where it is made.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::diff::class::Attribution;
use crate::diff::digest::digest;
use crate::diff::hooks::hooks;
use crate::diff::mask::{Guard, Holder, Mask, MaskKey, Quoted};
use crate::diff::moves::stranded;
use crate::diff::pair::pair;
use crate::diff::risk::{Stake, risks};
use crate::model::fault::Fault;
use crate::model::lists::ListKeys;
use crate::model::object::{Bundle, Object, ObjectId};
use crate::model::plan::{Action, Change, Conflict, Counts, Effect, Fidelity, PathChange, Plan};
use crate::model::settings::Adopt;
use crate::model::target::Scope;
use crate::model::view::{Inventory, Owner, Passage, Prediction, Seen};
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
        errors: case.faults.iter().map(|fault| own(&mask, fault)).collect(),
        warnings: case.merge.warnings.iter().map(|words| mask.own(words)).collect(),
    };
    for seen in case.seen {
        draft.consider(seen);
    }
    let stranded = stranded(case.seen, &draft.changes);
    draft.errors.extend(stranded.into_iter().map(|message| {
        Fault::new(message)
            .hint("keep it here until the other environment has taken what moves, or move it along")
    }));
    let hooks = hooks(case, &mask, &draft.changes);
    draft.changes.sort_by(|a, b| a.id.cmp(&b.id));
    let live = case.seen.iter().filter_map(|seen| Some((&seen.id, &seen.live.as_ref()?.body)));
    let live: HashMap<&ObjectId, &Value> = live.collect();
    pair(&mut draft.changes, |id| {
        let git = [case.merge.find(id), case.base.and_then(|base| base.find(id))];
        git.into_iter().flatten().map(|object| &object.body).chain(live.get(id).copied()).collect()
    });
    let fidelity = case.seen.iter().map(|seen| seen.fidelity).min().unwrap_or(Fidelity::Live);
    let digest = draft
        .errors
        .is_empty()
        .then(|| digest(&case.scope.environment, &case.scope.target, &draft.changes, &hooks));
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
    let objects = |holder: Holder, bundle: &'a Bundle| {
        let all = bundle.objects.iter().chain(&bundle.hooks);
        all.map(move |object| (holder, &object.id, &object.body, object.volatile.clone()))
    };
    let places = |seen: &Seen, body: &Value| {
        let object = case.merge.find(&seen.id).or_else(|| case.base?.find(&seen.id));
        object.map_or_else(Vec::new, |object| object.places(body))
    };
    let live = case.seen.iter().flat_map(|seen| {
        let predicted = match &seen.prediction {
            Prediction::Becomes(after) | Prediction::Replaced { after, .. } => Some(after),
            Prediction::Gone | Prediction::Refused { .. } => None,
        };
        let now = seen.live.iter().map(|live| (Holder::Live, &live.body));
        let bodies = now.chain(predicted.map(|body| (Holder::Predicted, body)));
        bodies.map(|(holder, body)| (holder, &seen.id, body, places(seen, body)))
    });
    let git = objects(Holder::Merge, case.merge)
        .chain(case.base.into_iter().flat_map(|base| objects(Holder::Base, base)));
    let lessons: Vec<_> = git.chain(live).collect();
    Mask::learn(case.key, &case.scope.environment, &case.scope.secrets, case.base.is_some(), &lessons)
}

/// A fault that was found before the target was asked: in words of ours and of the renderers.
fn own(mask: &Mask<'_>, fault: &Fault) -> Fault {
    Fault {
        message: mask.own(&fault.message),
        hint: mask.own(&fault.hint),
        snippet: fault.snippet.as_ref().map(|text| mask.own(text)),
        ..fault.clone()
    }
}

/// A plan in the making.
pub(super) struct Draft<'c> {
    pub case: &'c Case<'c>,
    pub mask: &'c Mask<'c>,
    pub changes: Vec<Change>,
    pub errors: Vec<Fault>,
    pub warnings: Vec<String>,
}

/// One object on its way into the plan.
pub(super) struct Subject<'a> {
    pub seen: &'a Seen,
    pub merge: Option<&'a Object>,
    pub keys: ListKeys,
    pub attribution: Attribution<'a>,
}

impl Draft<'_> {
    fn consider(&mut self, seen: &Seen) {
        let case = self.case;
        let base = case.base.and_then(|base| base.find(&seen.id));
        let merge = case.merge.find(&seen.id);
        let subject = Subject {
            seen,
            merge,
            keys: ListKeys::shipped(&seen.id.group, &seen.id.kind).with(&seen.keys),
            attribution: Attribution::new(&seen.id, base, merge, case.inventory),
        };
        if matches!(seen.passage, Passage::Taken(_)) {
            return;
        }
        let adopts = match self.admit(&subject) {
            Admission::Ours => false,
            Admission::Adopted => true,
            Admission::Refused => return,
        };
        match (&seen.prediction, &seen.live) {
            (Prediction::Gone, None) => self.unseen(&subject),
            (Prediction::Gone, Some(live)) => self.delete(&subject, live),
            (Prediction::Becomes(after) | Prediction::Replaced { after, .. }, None) => {
                self.create(&subject, after);
            }
            (Prediction::Becomes(after), Some(live)) => {
                let action = match (adopts, self.arrival(&subject)) {
                    (true, _) => Action::Adopt,
                    (false, Some(_)) => Action::Move,
                    (false, None) => Action::Update,
                };
                self.update(&subject, live, (action, after));
            }
            (Prediction::Replaced { because, .. }, Some(_)) if matches!(seen.passage, Passage::From(_)) => {
                let because = self.said(&subject, because);
                let message =
                    format!("{} cannot move as it is, for it would have to be replaced: {because}", seen.id);
                self.errors
                    .push(subject.fault(message).hint("move it unchanged first, and change it afterwards"));
            }
            // To replace is to delete first.
            (Prediction::Replaced { because, .. }, Some(live)) if live.keep => self.errors.push(
                subject
                    .fault(format!(
                        "{} would have to be replaced, and an annotation keeps it: {}",
                        seen.id,
                        self.said(&subject, because)
                    ))
                    .hint("remove the annotation first, or keep the field as it is"),
            ),
            (Prediction::Replaced { after, because }, Some(live)) => {
                self.update(&subject, live, (Action::Replace, after));
                let because = self.said(&subject, because);
                if let Some(change) = self.changes.last_mut() {
                    let words = format!("Replaced, because it cannot be changed in place: {because}");
                    change.warnings.push(words);
                }
            }
            (Prediction::Refused { message, path }, _) => {
                self.refused(&subject, message, path.as_deref());
            }
        }
    }

    /// The target refuses it: the author's to mend.
    fn refused(&mut self, subject: &Subject<'_>, message: &str, path: Option<&str>) {
        let place = path.map(|path| format!(" at {}", self.mask.pointer(path, &subject.stated(), None)));
        let words = format!(
            "{} is refused{}: {}",
            subject.seen.id,
            place.unwrap_or_default(),
            self.said(subject, message)
        );
        let hint = "fix the manifest; the target's own words are quoted";
        self.errors.push(subject.fault(words).hint(hint));
    }

    /// The target's words about an object, masked.
    fn said(&self, subject: &Subject<'_>, words: &str) -> String {
        self.mask.words(words, Some(&subject.quoted()))
    }

    /// May this object be touched at all?
    fn admit(&mut self, subject: &Subject<'_>) -> Admission {
        let adopt = &self.case.scope.adopt;
        let Some(live) = &subject.seen.live else { return Admission::Ours };
        let (allowed, whose) = match &live.owner {
            Owner::Us => return Admission::Ours,
            Owner::Other(_)
                if matches!(subject.seen.passage, Passage::From(_)) && subject.merge.is_some() =>
            {
                return Admission::Ours;
            }
            Owner::Nobody => {
                (adopt.contains(&Adopt::Unmanaged), "it exists and Tidegate did not make it".to_owned())
            }
            Owner::Other(owner) => {
                let tool = [("Helm", Adopt::Helm), ("Argo CD", Adopt::Argocd), ("Flux", Adopt::Flux)]
                    .into_iter()
                    .find_map(|(prefix, tool)| owner.starts_with(prefix).then_some(tool));
                (
                    tool.is_some_and(|tool| adopt.contains(&tool)),
                    format!("it belongs to {}", self.mask.message(owner)),
                )
            }
        };
        // To adopt is to bring it to what Git holds; what Git holds no longer is not ours to delete.
        if allowed && subject.merge.is_some() {
            return Admission::Adopted;
        }
        if subject.merge.is_none() {
            self.warnings.push(format!("{} is left alone: {whose}", subject.seen.id));
        } else {
            let hint = match &subject.seen.passage {
                Passage::Both(other) => {
                    format!(
                        "remove it from `{other}` in the same change, and it moves here; or remove it here"
                    )
                }
                Passage::Unknown(other) => format!("fix `{other}` first: it does not render"),
                Passage::Stays | Passage::To(_) | Passage::From(_) | Passage::Taken(_) => {
                    "remove it here, or allow its kind of owner under `adopt`".to_owned()
                }
            };
            let message = format!("{} cannot be taken over: {whose}", subject.seen.id);
            self.errors.push(subject.fault(message).hint(hint));
        }
        Admission::Refused
    }

    /// The contested fields of an object, masked.
    fn conflicts(&self, subject: &Subject<'_>) -> Vec<Conflict> {
        let git = subject.stated();
        let conflicts = subject.seen.conflicts.iter();
        conflicts.map(|conflict| self.mask.conflict(&subject.seen.id, conflict, &git)).collect()
    }

    /// Adds a change with what is known of every one.
    pub(super) fn push(
        &mut self,
        subject: &Subject<'_>,
        action: Action,
        (paths, diff): (Vec<PathChange>, String),
        effect: Effect,
    ) {
        let seen = subject.seen;
        let goes = matches!(action, Action::Delete | Action::Replace);
        // Admission's free text, and the server's.
        let quoted = subject.quoted();
        let said = seen.warnings.iter().chain(Some(&seen.reason).filter(|reason| !reason.is_empty()));
        self.changes.push(Change {
            app: subject.app(),
            file: subject.merge.and_then(|object| object.origin.file.clone()),
            fidelity: seen.fidelity,
            risks: risks(&Stake {
                action,
                id: &seen.id,
                paths: &paths,
                live: seen.live.as_ref().map(|live| &live.body),
                merge: subject.merge.map(|object| &object.body),
                cascade: &seen.cascade,
            }),
            cascade: if goes { seen.cascade.clone() } else { Vec::new() },
            transfer: self.transfer(subject, action),
            paths,
            diff,
            warnings: said.map(|words| self.mask.words(words, Some(&quoted))).collect(),
            conflicts: self.conflicts(subject),
            uid: seen.live.as_ref().and_then(|live| live.uid.clone()),
            effect: Some(effect),
            ..Change::new(action, seen.id.clone())
        });
    }
}

/// May an object be touched?
enum Admission {
    Ours,
    Adopted,
    Refused,
}

impl Subject<'_> {
    pub(super) fn app(&self) -> String {
        let object = self.merge.or(self.attribution.base);
        object
            .map(|object| object.origin.app.clone())
            .or_else(|| self.attribution.owned.map(|owned| owned.app.clone()))
            .unwrap_or_default()
    }

    /// A live or predicted body without what differs each time.
    pub(super) fn veiled<'b>(&self, body: &'b Value) -> Cow<'b, Value> {
        self.seen.veiled(self.merge.or(self.attribution.base), body)
    }

    /// The same of what differed at each render up to now and has its own value from now on, which replaces the live one.
    pub(super) fn veiled_once<'b>(&self, was: Cow<'b, Value>, after: &Value) -> Cow<'b, Value> {
        let Some(base) = self.attribution.base.filter(|base| !base.volatile.is_empty()) else { return was };
        let mut places = base.places(&was);
        places.retain(|place| was.pointer(place) != after.pointer(place));
        Cow::Owned(veil(&was, &places))
    }

    /// What Git states of it, before and after this change.
    pub(super) fn stated(&self) -> Vec<&Value> {
        self.merge.into_iter().chain(self.attribution.base).map(|object| &object.body).collect()
    }

    /// What Git states that nobody proposes now: only that may be recognised in what is live. Where there is no base at
    /// all, nothing is a proposal.
    pub(super) fn merged(&self, base: bool) -> Vec<&Value> {
        let object = if base { self.attribution.base } else { self.merge };
        object.into_iter().map(|object| &object.body).collect()
    }

    /// Where what is proposed of it may have been copied.
    pub(super) fn guard(&self, mask: &Mask<'_>, base: bool) -> Option<Guard> {
        let merged = self.attribution.base.map(|object| &object.body);
        base.then(|| mask.guard(self.merge.map(|object| &object.body), merged)).flatten()
    }

    /// What the target's words about it may quote.
    pub(super) fn quoted(&self) -> Quoted<'_> {
        let live = self.seen.live.as_ref().map(|live| &live.body);
        Quoted::new(&self.seen.id, self.stated(), live)
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
