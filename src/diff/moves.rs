//! Moves: an object that another environment or another app of the repository takes over stays what it is, where it is.
//!
//! Nobody's turn comes first. Whoever holds it no more leaves it alone, and keeps it in its record, until the other's
//! deployment has taken it; whoever holds it now takes it whether the other has been deployed or not.

use std::collections::BTreeMap;

use crate::diff::plan::{Draft, Subject};
use crate::model::id::EnvironmentName;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Change, Home, Plan, Transfer};
use crate::model::view::{Owner, Passage, Prediction, Seen};

/// What an environment holds at a tree: each object, with the app that renders it; none: that cannot be told, for it does not
/// render.
pub(crate) type Holding = Option<BTreeMap<ObjectId, String>>;

/// Another environment of the repository that lives in the same target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sibling<'a> {
    /// Its name.
    pub name: &'a EnvironmentName,
    /// The id of its set in the target; none where there is no target to be asked.
    pub set: Option<&'a str>,
    /// What it holds at the base, where that decides whose an object was: without a target.
    pub before: Option<&'a Holding>,
    /// What it holds at the proposed tree.
    pub after: &'a Holding,
}

/// What moves to another environment out of something that would be deleted with all that is in it: a namespace, or the
/// definition of its kind. Each is a fault: the move says that nothing happens to it.
pub(super) fn stranded(seen: &[Seen], changes: &[Change]) -> Vec<String> {
    let leaving: Vec<(&ObjectId, &Home)> = seen
        .iter()
        .filter_map(|seen| match &seen.passage {
            Passage::To(home) => Some((&seen.id, home)),
            Passage::Stays
            | Passage::From(_)
            | Passage::Taken(_)
            | Passage::Both(_)
            | Passage::Unknown(_) => None,
        })
        .collect();
    let deleted = changes.iter().filter(|change| change.action == Action::Delete && !leaving.is_empty());
    deleted
        .flat_map(|change| {
            let defined = seen.iter().find(|seen| seen.id == change.id).and_then(defines);
            let holds = move |id: &ObjectId| match (change.id.group.as_str(), change.id.kind.as_str()) {
                ("", "Namespace") => id.namespace.as_deref() == Some(change.id.name.as_str()),
                ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                    defined == Some((id.group.as_str(), id.kind.as_str()))
                }
                _ => false,
            };
            let going = leaving.iter().filter(move |(id, _)| holds(id));
            going.map(move |(id, home)| {
                format!(
                    "{} would be deleted with {id} in it, which moves to `{}`",
                    change.id, home.environment
                )
            })
        })
        .collect()
}

/// The group and kind that a live definition defines.
fn defines(seen: &Seen) -> Option<(&str, &str)> {
    let spec = seen.live.as_ref()?.body.get("spec")?;
    Some((spec.get("group")?.as_str()?, spec.pointer("/names/kind")?.as_str()?))
}

/// Where an object goes to or comes from. Only what is live can move; without a target, what the base renders.
pub(crate) fn passage(seen: &Seen, siblings: &[Sibling<'_>]) -> Passage {
    let id = &seen.id;
    let set = seen.live.as_ref().and_then(|live| live.set.as_deref());
    let owner = siblings.iter().find(|sibling| match (&sibling.before, &seen.live) {
        (Some(Some(before)), None) => before.contains_key(id),
        (Some(_), _) => false,
        (None, _) => set.is_some() && sibling.set == set,
    });
    let home = |sibling: &Sibling<'_>, app: Option<&String>| Home {
        environment: sibling.name.clone(),
        app: app.cloned().unwrap_or_default(),
    };
    let gone = matches!(seen.prediction, Prediction::Gone);
    match (gone, owner) {
        (true, Some(owner)) => Passage::Taken(owner.name.clone()),
        (true, None) => {
            if seen.live.as_ref().is_none_or(|live| live.owner != Owner::Us) {
                return Passage::Stays;
            }
            let taker = siblings.iter().find_map(|one| Some(home(one, Some(one.after.as_ref()?.get(id)?))));
            let unclear = siblings.iter().find(|sibling| sibling.after.is_none());
            match (taker, unclear) {
                (Some(taker), _) => Passage::To(taker),
                (None, Some(unclear)) => Passage::Unknown(unclear.name.clone()),
                (None, None) => Passage::Stays,
            }
        }
        (false, Some(owner)) => match owner.after {
            None => Passage::Unknown(owner.name.clone()),
            Some(after) if after.contains_key(id) => Passage::Both(owner.name.clone()),
            Some(_) => {
                let before = owner.before.and_then(Option::as_ref);
                Passage::From(home(owner, before.and_then(|before| before.get(id))))
            }
        },
        (false, None) => Passage::Stays,
    }
}

/// Says of what goes in one environment and comes in another that it does not move: between targets nothing does.
pub(crate) fn across(plans: &mut [Plan]) {
    let of = |plans: &[Plan], action: Action| -> BTreeMap<ObjectId, String> {
        let all = plans.iter().flat_map(|plan| plan.changes.iter().map(move |change| (plan, change)));
        let all = all.filter(|(_, change)| change.action == action);
        all.map(|(plan, change)| (change.id.clone(), format!("`{}` (target {})", plan.name, plan.target)))
            .collect()
    };
    let (goes, comes) = (of(plans, Action::Delete), of(plans, Action::Create));
    for change in plans.iter_mut().flat_map(|plan| &mut plan.changes) {
        let words = match change.action {
            Action::Delete => comes.get(&change.id).map(|there| {
                format!("{there} creates its own; nothing moves from one place to another, so what is here goes")
            }),
            Action::Create => goes.get(&change.id).map(|there| {
                format!("{there} deletes its own; nothing moves from one place to another, so what it held does not come along")
            }),
            Action::Update | Action::Replace | Action::Move | Action::Adopt | Action::Keep | Action::None => None,
        };
        change.warnings.extend(words);
    }
}

impl Draft<'_> {
    /// Where an object comes from that this environment holds; none: it is at home where it was.
    pub(super) fn arrival(&self, subject: &Subject<'_>) -> Option<Home> {
        if let Passage::From(home) = &subject.seen.passage {
            return Some(home.clone());
        }
        let (object, owned) = (subject.merge?, subject.attribution.owned?);
        let moves = !owned.stays(&object.origin.app) && !object.generated();
        moves.then(|| Home { environment: self.case.scope.environment.name.clone(), app: owned.app.clone() })
    }

    /// From where to where a change moves its object.
    pub(super) fn transfer(&self, subject: &Subject<'_>, action: Action) -> Option<Transfer> {
        if action != Action::Move {
            return None;
        }
        let here = |app: String| Home { environment: self.case.scope.environment.name.clone(), app };
        if let Passage::To(to) = &subject.seen.passage {
            return Some(Transfer { from: here(subject.app()), to: to.clone() });
        }
        let from = self.arrival(subject)?;
        Some(Transfer { from, to: here(subject.app()) })
    }
}
