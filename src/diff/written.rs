//! Objects that Git holds: created, or brought to what it says.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use crate::diff::digest::{Deed, effect};
use crate::diff::mask::{Guard, Text};
use crate::diff::paths::{Difference, Places, at as lookup, differences};
use crate::diff::plan::{Draft, Subject};
use crate::diff::unified;
use crate::model::plan::{Action, Class, PathChange};
use crate::model::view::{Live, Passage};
use crate::model::volatile::veil;

impl Draft<'_> {
    /// It is not there and will be.
    pub(super) fn create(&mut self, subject: &Subject<'_>, after: &Value) {
        let Some(object) = subject.merge else { return };
        let class = subject.attribution.whole();
        let (body, after) = (veil(&object.body, &object.volatile), subject.veiled(after));
        let guard = subject.guard(self.mask, self.case.base.is_some());
        let rendered = self.mask.body(&object.id, &body, Text::Rendered);
        let predicted = self.mask.beside(&object.id, &after, &subject.stated(), guard.as_ref());
        let mut paths =
            vec![PathChange { path: String::new(), class, before: Value::Null, after: rendered.clone() }];
        paths.extend(differences(&rendered, &predicted, &subject.keys).into_iter().map(|difference| {
            PathChange {
                path: difference.path,
                class: Class::SideEffect,
                before: Value::Null,
                after: difference.after.unwrap_or(Value::Null),
            }
        }));
        without_values(&mut paths, self.volatile(subject, object.places(&object.body), &[&object.body]));
        let added = differences(&body, &after, &subject.keys);
        let mut deeds = vec![Deed::whole(class, None, Some(body))];
        deeds.extend(added.into_iter().map(|difference| Deed { class: Class::SideEffect, difference }));
        let effect = effect(self.mask, &deeds);
        let diff = unified::text(&Value::Null, &rendered);
        // Where two renders are compared nothing is live, and what another environment held comes from there.
        let moves = matches!(subject.seen.passage, Passage::From(_));
        let action = if moves { Action::Move } else { Action::Create };
        self.push(subject, action, (paths, diff), effect);
    }

    /// It is there and becomes something else in place, or anew.
    #[allow(clippy::too_many_lines, reason = "one story: what differs, why, and what is shown of it")]
    pub(super) fn update(&mut self, subject: &Subject<'_>, live: &Live, (action, after): (Action, &Value)) {
        let id = &subject.seen.id;
        let proposed = subject.attribution.proposed(&subject.keys);
        let home = |difference: &Difference| subject.attribution.home(&difference.place).into_owned();
        let places: Places = proposed.iter().map(home).collect();
        let (was, becomes) = (subject.veiled(&live.body), subject.veiled(after));
        let mut deeds: Vec<Deed> = differences(&was, &becomes, &subject.keys)
            .into_iter()
            .map(|difference| Deed {
                class: subject.attribution.class(&difference, &places, &subject.keys),
                difference,
            })
            .collect();
        let git = subject.stated();
        let volatile =
            self.volatile(subject, subject.merge.map_or_else(Vec::new, |object| object.places(after)), &git);
        let base = self.case.base.is_some();
        let guard = subject.guard(self.mask, base);
        let guard = guard.as_ref();
        let now = guard.map(|_| Guard::default());
        let before = self.mask.beside(
            id,
            &subject.veiled_once(Cow::Borrowed(&was), after),
            &subject.merged(base),
            now.as_ref(),
        );
        let after = self.mask.beside(id, &becomes, &git, guard);
        let at = |class: Class, path: String| PathChange {
            before: before.pointer(&path).cloned().unwrap_or(Value::Null),
            after: after.pointer(&path).cloned().unwrap_or(Value::Null),
            class,
            path,
        };
        let differing: Vec<(Class, Difference)> = differences(&before, &after, &subject.keys)
            .into_iter()
            .map(|difference| (subject.attribution.class(&difference, &places, &subject.keys), difference))
            .collect();
        if base {
            deeds.extend(self.guesses(&deeds, &differing, [&was, &becomes], (&git, guard)));
        }
        let mut paths: Vec<PathChange> = differing
            .into_iter()
            .map(|(class, difference)| PathChange {
                class,
                path: difference.path,
                before: difference.before.unwrap_or(Value::Null),
                after: difference.after.unwrap_or(Value::Null),
            })
            .collect();
        // Two secrets of which only the target knows look the same; that they differ must be seen all the same.
        let shown: Places = paths.iter().map(|path| path.path.clone()).collect();
        let hidden =
            deeds.iter().map(|deed| (deed.class, self.mask.pointer(&deed.difference.path, &git, guard)));
        let hidden: Vec<_> = hidden.filter(|(_, path)| !shown.related(path)).collect();
        paths.extend(hidden.into_iter().map(|(class, path)| at(class, path)));

        let changes = !deeds.is_empty() || matches!(action, Action::Adopt | Action::Replace | Action::Move);
        if subject.attribution.base.is_some() && subject.merge.is_some() {
            let done: Places = deeds.iter().map(|deed| home(&deed.difference)).collect();
            // Named as Git states it; its values by its place, since what admission adds to a list moves the rest.
            let without =
                proposed.iter().map(|change| (change, home(change))).filter(|(_, at)| !done.related(at));
            let without: Vec<PathChange> = without
                .map(|(change, place)| {
                    let value =
                        |body: &Value| lookup(body, &place, &subject.keys).cloned().unwrap_or(Value::Null);
                    let path = self.mask.pointer(&change.path, &git, guard);
                    PathChange { path, class: Class::NoEffect, before: value(&before), after: value(&after) }
                })
                .collect();
            if !changes && !without.is_empty() && subject.attribution.owned.is_some() {
                let named: Vec<&str> = without.iter().map(|one| one.path.as_str()).collect();
                self.warnings.push(format!("{id}: no effect here of {}", named.join(", ")));
            }
            paths.extend(without);
        }
        if changes {
            let by_hand = live.by_hand.iter().map(|path| self.mask.pointer(path, &git, guard));
            let by_hand: Vec<_> = by_hand.filter(|path| after.pointer(path).is_some()).collect();
            paths.extend(by_hand.into_iter().map(|path| at(Class::ByHand, path)));
            without_values(&mut paths, volatile);
            let effect = effect(self.mask, &deeds);
            self.push(subject, action, (paths, unified::aligned(&before, &after, &subject.keys)), effect);
        }
    }

    /// What is proposed and is live already, unknown to the base, was perhaps only guessed: it is told and bound as what
    /// changes, for that nothing would change there would tell that the guess is right.
    fn guesses(
        &self,
        deeds: &[Deed],
        differing: &[(Class, Difference)],
        [was, becomes]: [&Value; 2],
        (git, guard): (&[&Value], Option<&Guard>),
    ) -> Vec<Deed> {
        let open: Places =
            deeds.iter().map(|deed| self.mask.pointer(&deed.difference.path, git, guard)).collect();
        let hidden = differing.iter().filter(|(_, one)| !open.related(&one.path));
        let deed = |(class, Difference { path, place, .. }): &(Class, Difference)| {
            let value = |body: &Value| body.pointer(path).cloned();
            let (before, after) = (value(was), value(becomes));
            let difference = Difference { path: path.clone(), place: place.clone(), before, after };
            Deed { class: *class, difference }
        };
        hidden.map(deed).collect()
    }

    /// Where another render, or another question to the target, would give another value; without any value.
    fn volatile(&self, subject: &Subject<'_>, rendered: Vec<String>, git: &[&Value]) -> Vec<PathChange> {
        let path = |place: String| PathChange {
            path: self.mask.pointer(&place, git, None),
            class: Class::Volatile,
            before: Value::Null,
            after: Value::Null,
        };
        rendered.into_iter().chain(subject.seen.volatile.iter().cloned()).map(path).collect()
    }
}

/// Adds the volatile paths. In place of a side effect that is among the others already: what the target makes up each time has
/// no value to be shown. What comes with this change stays told as such, without its value.
fn without_values(paths: &mut Vec<PathChange>, volatile: Vec<PathChange>) {
    let known: HashMap<String, usize> =
        paths.iter().enumerate().map(|(at, path)| (path.path.clone(), at)).collect();
    for one in volatile {
        match known.get(&one.path).and_then(|at| paths.get_mut(*at)) {
            Some(path) if path.class == Class::SideEffect => *path = one,
            Some(_) => {}
            None => paths.push(one),
        }
    }
}
