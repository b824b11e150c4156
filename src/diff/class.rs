//! Why a path differs. Every differing path gets a label; nothing is subtracted.

use std::borrow::Cow;

use serde_json::Value;

use crate::diff::paths::{Difference, Places, at, differences};
use crate::model::lists::ListKeys;
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Class;
use crate::model::view::{Inventory, Owned};
use crate::model::volatile::{blank, within};

/// What is known of one object beside its live and predicted state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribution<'a> {
    /// As the base renders it.
    pub base: Option<&'a Object>,
    /// As the merge renders it.
    pub merge: Option<&'a Object>,
    /// What the environment recorded of it.
    pub owned: Option<&'a Owned>,
}

impl<'a> Attribution<'a> {
    /// Gathers what is known of an object.
    pub(crate) fn new(
        id: &ObjectId,
        base: Option<&'a Object>,
        merge: Option<&'a Object>,
        inventory: Option<&'a Inventory>,
    ) -> Self {
        let owned = inventory.and_then(|inventory| inventory.entries.get(id));
        Self { base, merge, owned }
    }

    /// Was what the base renders deployed? Then what differs beside this change is drift, not pending.
    fn deployed(&self) -> bool {
        match (self.base, self.owned) {
            (Some(base), Some(owned)) => owned.digest == Some(base.digest()),
            (None, _) | (_, None) => false,
        }
    }

    /// The paths that base and merge render differently, whatever differs at each render.
    pub(crate) fn proposed(&self, keys: &ListKeys) -> Vec<Difference> {
        let body = |object: Option<&'a Object>| match object {
            Some(object) if object.volatile.is_empty() => Cow::Borrowed(&object.body),
            Some(object) => Cow::Owned(blank(&object.body, &object.volatile)),
            None => Cow::Owned(Value::Null),
        };
        let mut proposed = differences(&body(self.base), &body(self.merge), keys);
        if let Some(merge) = self.merge {
            // What only now begins to differ from render to render is kept as it is, too.
            let volatile = |path: &str| merge.volatile.iter().any(|place| within(path, place));
            proposed.retain(|change| change.before.is_none() || !volatile(&change.path));
        }
        proposed
    }

    /// The class of the whole object's creation or deletion.
    pub(crate) fn whole(&self) -> Class {
        match (self.base.is_some(), self.merge.is_some()) {
            (true, true) if self.deployed() => Class::Drift,
            (true, true) | (false, false) => Class::Pending,
            (true, false) | (false, true) => Class::ThisChange,
        }
    }

    /// Where a place of a rendered body lies in what is live: the API server keeps a Secret's plain texts encoded.
    pub(crate) fn home<'p>(&self, place: &'p str) -> Cow<'p, str> {
        let id = self.merge.or(self.base).map(|object| &object.id);
        let secret = id.is_some_and(|id| id.group.is_empty() && id.kind == "Secret");
        match place.strip_prefix("/stringData").filter(|_| secret) {
            Some(key) if key.is_empty() || key.starts_with('/') => Cow::Owned(format!("/data{key}")),
            Some(_) | None => Cow::Borrowed(place),
        }
    }

    /// The class of one path that differs between live and predicted. Compared by place: what admission adds to a list moves
    /// the rest of it.
    pub(crate) fn class(&self, difference: &Difference, proposed: &Places, keys: &ListKeys) -> Class {
        let place = &*self.home(&difference.place);
        if proposed.related(place) {
            return Class::ThisChange;
        }
        let plain = || place.strip_prefix("/data/").map(|key| format!("/stringData/{key}"));
        let states = |body: &Value, place: &str| at(body, place, keys).is_some();
        let declared = self.merge.is_some_and(|object| {
            states(&object.body, place) || plain().is_some_and(|place| states(&object.body, &place))
        });
        match (declared, self.deployed()) {
            (true, true) => Class::Drift,
            (_, false) => Class::Pending,
            (false, true) => Class::SideEffect,
        }
    }
}
