//! What an environment owns, before and after a run.

use std::collections::HashSet;

use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::apply::{Course, writes};
use crate::cluster::error::Error;
use crate::cluster::inventory::{self, Record};
use crate::cluster::look::lives::{Found, lives};
use crate::cluster::owner::{controlled, owner};
use crate::model::hook::installed;
use crate::model::object::ObjectId;
use crate::model::plan::Action;
use crate::model::report::{Applied, Done};
use crate::model::view::{Inventory, Owned, Owner};

/// What is known of an object after its write.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It is there, as rendered, in this incarnation; whether it became ready is the outcome's to say.
    Held(Option<String>),
    /// It is not ours any more.
    Released,
}

fn went_well(applied: &Applied) -> bool {
    matches!(applied.result, Done::Changed | Done::Unchanged)
}

impl Course<'_> {
    /// What is owned by the record, or where it was lost, by what the plan was made from.
    fn base(&self, record: Option<&Record>) -> Inventory {
        record.map(|record| &record.inventory).or(self.run.inventory).cloned().unwrap_or_default()
    }

    /// Old and new together; what changes is marked as not confirmed.
    pub(super) fn ahead(&self, record: Option<&Record>) -> Inventory {
        let mut inventory = self.base(record);
        for change in &self.run.plan.changes {
            // What moves away is not confirmed either, so that the next run looks whether it has been taken.
            let moves = change.action == Action::Move;
            if !(moves || writes(change, self.run.bundle)) || change.id.name.ends_with('*') {
                continue;
            }
            let entry = inventory.entries.entry(change.id.clone()).or_insert_with(|| Owned {
                uid: None,
                digest: None,
                app: change.app.clone(),
            });
            entry.digest = None;
        }
        if !self.run.plan.hooks.is_empty() {
            inventory.hooks = None;
        }
        inventory
    }

    /// Records what is owned now. Commit, tree and plan are those of a run that went well to its end.
    pub(super) async fn record(&mut self, record: Option<Record>) -> Result<(), Error> {
        let before = self.base(record.as_ref());
        let mut now = before.clone();
        let changed: HashSet<&ObjectId> = self.run.plan.changes.iter().map(|change| &change.id).collect();
        for object in self.run.bundle.objects.iter().filter(|object| !object.generated()) {
            if changed.contains(&object.id) {
                continue;
            }
            // The plan found it as it should be, so it is there and ours, whatever a lost record says.
            let fresh = || Owned { uid: None, digest: None, app: String::new() };
            let entry = now.entries.entry(object.id.clone()).or_insert_with(fresh);
            entry.app.clone_from(&object.origin.app);
            if !self.owed.contains(&object.id) {
                entry.digest = Some(object.digest());
            }
        }
        self.identify(&mut now).await;
        for id in self.vanished(&now).await {
            now.entries.remove(&id);
        }
        let well: HashSet<&ObjectId> =
            self.results.iter().filter(|applied| went_well(applied)).map(|applied| &applied.id).collect();
        let whole = self.results.iter().all(went_well);
        for (id, fate) in &self.fates {
            match (fate, self.run.bundle.find(id), now.entries.get_mut(id)) {
                (Fate::Released, _, _) => {
                    now.entries.remove(id);
                }
                (Fate::Held(uid), Some(object), Some(entry)) => {
                    entry.uid.clone_from(uid);
                    entry.app.clone_from(&object.origin.app);
                    // What did not become ready stays owed: the next run must see it ready before it succeeds.
                    let seen = well.contains(id) && (whole || !self.installs(&object.origin.app));
                    entry.digest = seen.then(|| object.digest());
                }
                (Fate::Held(_), _, _) => {}
            }
        }
        if whole {
            now.commit = Some(self.run.deployment.commits.head.clone());
            now.tree = Some(self.run.deployment.commits.tree.clone());
            now.plan = self.run.plan.digest;
            now.hooks = self.run.bundle.hooks_digest();
            now.rebuilt = false;
        }
        if record.is_some() && now == before {
            return Ok(());
        }
        let scope = self.desk.scope;
        inventory::write(&self.desk.cluster.wire, &scope.environment, record.as_ref(), now).await.map(|_| ())
    }

    /// Is an app with hooks being installed? Until all of it went well the next run must install it, too.
    fn installs(&self, app: &str) -> bool {
        let bundle = self.run.bundle;
        bundle.hooks.iter().any(|hook| hook.origin.app == app) && !installed(self.run.inventory, bundle, app)
    }

    /// Fills in the incarnations of what is there unchanged, where a run that ended early left them open.
    async fn identify(&self, now: &mut Inventory) {
        let open: Vec<ObjectId> = now
            .entries
            .iter()
            .filter(|(id, owned)| {
                owned.uid.is_none() && !self.fates.contains_key(id) && self.run.bundle.find(id).is_some()
            })
            .map(|(id, _)| id.clone())
            .collect();
        if open.is_empty() {
            return;
        }
        let Ok(kinds) = self.desk.cluster.kinds().await else { return };
        let atlas = self.atlas(&kinds);
        let addresses: Vec<Address> = open.iter().filter_map(|id| atlas.find(id)).collect();
        // Without an answer the marks on the object still say whose it is.
        let found = lives(&self.desk.cluster.wire, &addresses).await.unwrap_or_default();
        for (id, found) in found {
            let (Found::Live(live), Some(entry)) = (found, now.entries.get_mut(&id)) else { continue };
            if owner(&live, self.desk.set, None) == Owner::Us {
                entry.uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
            }
        }
    }

    /// What is listed, wanted no more, and not in the plan: it had gone before, or is somebody else's now. Looked at again,
    /// since the plan may not have been allowed to see it; in doubt it stays listed.
    async fn vanished(&self, now: &Inventory) -> Vec<ObjectId> {
        let planned: HashSet<&ObjectId> = self.run.plan.changes.iter().map(|change| &change.id).collect();
        let idle: Vec<&ObjectId> = now
            .entries
            .keys()
            .filter(|id| !planned.contains(id) && self.run.bundle.find(id).is_none())
            .collect();
        if idle.is_empty() {
            return Vec::new();
        }
        let Ok(kinds) = self.desk.cluster.kinds().await else { return Vec::new() };
        let atlas = self.atlas(&kinds);
        let addresses: Vec<Address> = idle.iter().filter_map(|id| atlas.find(id)).collect();
        let Ok(found) = lives(&self.desk.cluster.wire, &addresses).await else { return Vec::new() };
        let lost = |id: &&ObjectId| match found.get(*id) {
            Some(Found::Absent) => true,
            Some(Found::Live(live)) => {
                controlled(live) || owner(live, self.desk.set, now.entries.get(*id)) != Owner::Us
            }
            Some(Found::Hidden(_)) => false,
            None => !kinds.is_stale(&id.group),
        };
        idle.into_iter().filter(lost).cloned().collect()
    }
}
