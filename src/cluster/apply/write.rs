//! One object brought to its wanted state: looked at afresh, applied under guard, forced only where that was decided.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::cluster::address::Address;
use crate::cluster::apply::remove::{Gone, gone, vanish};
use crate::cluster::clean::{clean, clean_created, forget_allocated};
use crate::cluster::conflict::Settlement;
use crate::cluster::intent::{Intent, Matter, intend};
use crate::cluster::look::lives::{Found, single};
use crate::cluster::owner::{owner, part_of, set};
use crate::cluster::payload::trespass;
use crate::cluster::scaler::scaled;
use crate::cluster::send::{self, Force, Mode};
use crate::cluster::submit::{Bid, Opening, open, press};
use crate::cluster::wire::{Answer, Refusal, Trouble};
use crate::model::id::EnvironmentId;
use crate::model::keep::kept;
use crate::model::object::{Bundle, Object};
use crate::model::permit::Permit;
use crate::model::plan::{Action, Change, Plan};
use crate::model::settings::Adopt;
use crate::model::target::Scope;
use crate::model::view::{Owned, Owner};

/// How often an object that changes under our hands is looked at again.
const TRIES: usize = 8;
/// What the server says of a field that a definition does not hold, or does not hold yet.
const UNKNOWN_FIELD: [&str; 2] = ["field not declared in schema", "unknown field"];
/// The first pause between two tries; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(20);

/// What writing needs beside the object.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    /// The connection.
    pub cluster: &'a Cluster,
    /// Whose environment.
    pub scope: &'a Scope,
    /// Its ApplySet.
    pub set: &'a str,
    /// The right to go on.
    pub permit: &'a Permit,
    /// All that is to be there.
    pub bundle: &'a Bundle,
    /// What changes.
    pub plan: &'a Plan,
}

/// One object to be written.
pub(super) struct Step<'a> {
    /// What the plan says of it.
    pub change: &'a Change,
    /// What it should be.
    pub object: &'a Object,
    /// Where it goes.
    pub address: Address,
    /// What was known of it before this run.
    pub owned: Option<Owned>,
    /// What was there and was deleted to make place for it.
    pub former: Option<Value>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// It was written.
    Written {
        /// The server's answer, not cleaned.
        body: Value,
        /// The same as it is compared with the prediction.
        after: Value,
    },
    /// It was so already.
    Same {
        /// What is there, not cleaned.
        body: Value,
    },
    /// It was not: why, for people.
    Failed(String),
    /// The permit was withdrawn before.
    Stopped,
}

/// One try.
enum Try {
    /// It is over.
    Ended(Effect),
    /// It must be looked at again, since this happened.
    Again(String),
}

/// What a look at the object allows.
enum Leave {
    /// Create it; what was there before, if that went while we looked.
    Create(Option<Value>),
    /// Write over what is there.
    Update(Value),
}

impl Desk<'_> {
    /// Creates, updates, adopts or takes over one object.
    pub(super) async fn write(&self, step: &Step<'_>, found: Option<Found>) -> Effect {
        let mut found = found;
        let mut last = String::new();
        for round in 0..TRIES {
            let leave = match self.allow(step, found.take()).await {
                Ok(leave) => leave,
                Err(why) => return why,
            };
            match self.once(step, leave).await {
                Try::Ended(effect) => return effect,
                Try::Again(why) => last = why,
            }
            sleep(PAUSE * (1 << round)).await;
        }
        Effect::Failed(format!("given up after {TRIES} tries: {last}"))
    }

    /// Deletes the incarnation that the plan names, waits until it is gone, creates the new one.
    pub(super) async fn replace(&self, step: &mut Step<'_>) -> Effect {
        let Step { change, address, owned, .. } = &*step;
        let former = match single(&self.cluster.wire, address).await {
            Ok((_, Found::Live(live))) => Some(live),
            Ok((_, Found::Absent)) => None,
            Ok((_, Found::Hidden(message))) => return Effect::Failed(message),
            Err(error) => return Effect::Failed(error.to_string()),
        };
        if let Some(former) = &former {
            let uid = text(former, "/metadata/uid");
            if change.uid.as_deref() != Some(uid) && owner(former, self.set, owned.as_ref()) != Owner::Us {
                return Effect::Failed(format!("it is not the one that the plan replaces; its UID is {uid}"));
            }
            if change.uid.as_deref().is_some_and(|planned| planned != uid) {
                // A run that ended between deleting and its report has created this one already.
                return self.write(step, Some(Found::Live(former.clone()))).await;
            }
            if let Some(mark) = kept(former) {
                return Effect::Failed(format!("it would have to be replaced, and `{mark}` keeps it"));
            }
            // As for an adoption: the plan may replace what it may take over.
            let owner = owner(former, self.set, owned.as_ref());
            if let Some(why) = refuse(Action::Adopt, &owner, &self.scope.adopt) {
                return Effect::Failed(why);
            }
            if !self.permit.holds() {
                return Effect::Stopped;
            }
            match gone(*self, address, uid).await {
                Gone::Yes => {}
                Gone::No(why) | Gone::Left(why) => return Effect::Failed(why),
                Gone::Stopped => return Effect::Stopped,
            }
        }
        step.former = former;
        let effect = self.write(step, Some(Found::Absent)).await;
        match (&effect, step.former.take()) {
            (Effect::Failed(why), Some(former)) => self.restore(&step.address, former, why).await,
            _ => effect,
        }
    }

    /// Puts the former object back after its successor was refused.
    async fn restore(&self, address: &Address, former: Value, why: &str) -> Effect {
        let label = part_of(&former).map(str::to_owned);
        let mut body = clean(former);
        if address.id.kind == "Service" {
            forget_allocated(&mut body, &Value::Null);
        }
        if let Some(label) = label {
            body["metadata"]["labels"][crate::cluster::owner::PART_OF] = label.into();
        }
        match send::apply(&self.cluster.wire, address, &body, Mode::Earnest, Force::No).await {
            Ok(_) => Effect::Failed(format!("{why}; the former one was put back")),
            Err(trouble) => {
                let words = self.words(address, trouble);
                Effect::Failed(format!("{why}; the former one could not be put back: {words}"))
            }
        }
    }

    /// May it be written, and over what?
    async fn allow(&self, step: &Step<'_>, found: Option<Found>) -> Result<Leave, Effect> {
        let Step { change, object, address, owned, .. } = step;
        if let Some((message, _)) = trespass(object, address.namespace.as_deref()) {
            return Err(Effect::Failed(message));
        }
        if let Some(message) = address.astray() {
            return Err(Effect::Failed(message));
        }
        if object.generated() {
            return Ok(Leave::Create(None));
        }
        let found = match found {
            Some(found) => found,
            None => {
                single(&self.cluster.wire, address)
                    .await
                    .map_err(|error| Effect::Failed(error.to_string()))?
                    .1
            }
        };
        let live = match found {
            Found::Absent => return Ok(Leave::Create(None)),
            Found::Hidden(message) => return Err(Effect::Failed(message)),
            Found::Live(live) => live,
        };
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            return match vanish(*self, address, text(&live, "/metadata/uid")).await {
                Gone::Yes => Ok(Leave::Create(Some(live))),
                Gone::No(why) | Gone::Left(why) => Err(Effect::Failed(why)),
                Gone::Stopped => Err(Effect::Stopped),
            };
        }
        let owner = owner(&live, self.set, owned.as_ref());
        let strange = || self.strange(change, &live).then(|| "it belongs to somebody else by now".to_owned());
        match refuse(change.action, &owner, &self.scope.adopt).or_else(strange) {
            Some(why) => Err(Effect::Failed(why)),
            None => Ok(Leave::Update(live)),
        }
    }

    /// Would a move take it from another environment than the one that the plan names?
    fn strange(&self, change: &Change, live: &Value) -> bool {
        let Some(theirs) = part_of(live).filter(|set| *set != self.set) else { return false };
        let from = change.transfer.as_ref().map(|transfer| {
            let name = transfer.from.environment.clone();
            set(&EnvironmentId { repo: self.scope.environment.repo, name })
        });
        change.action == Action::Move && from.as_deref() != Some(theirs)
    }

    async fn once(&self, step: &Step<'_>, leave: Leave) -> Try {
        let Step { object, address, owned, former, .. } = step;
        let wire = &self.cluster.wire;
        let live = match &leave {
            Leave::Update(live) => Some(live),
            Leave::Create(gone) => former.as_ref().or(gone.as_ref()),
        };
        let owner = live.map_or(Owner::Us, |live| owner(live, self.set, owned.as_ref()));
        let scaled = match &leave {
            Leave::Update(live) => {
                // The same as the look asks of: what the plan leaves alone is live.
                let changed = |other: &&Object| self.plan.changes.iter().any(|change| change.id == other.id);
                let others = self.bundle.objects.iter().filter(changed);
                match scaled(wire, address, (object, live, &owner), others).await {
                    Ok(scaled) => scaled,
                    Err(error) => return Try::Ended(Effect::Failed(error.to_string())),
                }
            }
            Leave::Create(_) => false,
        };
        let rules = &self.scope.fields;
        let intent = intend(&Matter { object, address, set: self.set, live, owner: &owner, rules, scaled });
        if !self.permit.holds() {
            return Try::Ended(Effect::Stopped);
        }
        match leave {
            Leave::Create(_) if object.generated() => {
                let answer = send::create(wire, address, &intent.payload, Mode::Earnest).await;
                Try::Ended(match answer {
                    Ok(answer) => written(answer, &intent.payload, None),
                    Err(trouble) => Effect::Failed(self.words(address, trouble)),
                })
            }
            Leave::Create(_) => {
                let answer = send::apply_new(wire, address, &intent.payload).await;
                self.created(address, answer, &intent.payload)
            }
            Leave::Update(live) => self.update(step, live, intent).await,
        }
    }

    /// Writes over what is there: first what must be migrated, then the apply.
    async fn update(&self, step: &Step<'_>, mut live: Value, intent: Intent) -> Try {
        let Step { change, address, .. } = step;
        let wire = &self.cluster.wire;
        let mut past = Vec::new();
        if let Some(migration) = intent.migration {
            match send::migrate(wire, address, &migration.patch(&live)).await {
                Ok(answer) => live = answer.body,
                Err(trouble) => return self.unsettled(address, trouble),
            }
            past = migration.managers;
            if !self.permit.holds() {
                return Try::Ended(Effect::Stopped);
            }
        }
        let mut payload = intent.payload;
        // What was looked at, and nothing newer or other, may be written over.
        payload["metadata"]["uid"] = text(&live, "/metadata/uid").into();
        payload["metadata"]["resourceVersion"] = text(&live, "/metadata/resourceVersion").into();
        let bid = Bid {
            address,
            payload: &payload,
            live: Some(&live),
            rules: &self.scope.fields,
            adopting: matches!(change.action, Action::Adopt | Action::Move),
            past: &past,
        };
        let answer = match open(wire, &bid, Mode::Earnest).await {
            Opening::Answered(answer) => answer,
            Opening::Contested(settlement) => {
                if let Some(why) = unplanned(change, &settlement) {
                    return Try::Ended(Effect::Failed(why));
                }
                if !self.permit.holds() {
                    return Try::Ended(Effect::Stopped);
                }
                press(wire, &bid, &settlement, Mode::Earnest).await.0
            }
        };
        match answer {
            Ok(answer) => Try::Ended(written(answer, &payload, Some(&live))),
            Err(trouble) => self.unsettled(address, trouble),
        }
    }

    /// Why a write over what is there did not go through: for good, or since it is another version or incarnation by now.
    fn unsettled(&self, address: &Address, trouble: Trouble) -> Try {
        match trouble {
            Trouble::Refused(Refusal { code: 409 | 404, kind, message, .. }) if kind != "namespaces" => {
                Try::Again(message)
            }
            // A definition that was written a moment ago is not in force everywhere at once.
            Trouble::Refused(Refusal { message, .. })
                if self.defines(address) && UNKNOWN_FIELD.iter().any(|words| message.contains(words)) =>
            {
                Try::Again(message)
            }
            trouble @ (Trouble::Refused(_) | Trouble::Silent(_)) => {
                Try::Ended(Effect::Failed(self.words(address, trouble)))
            }
        }
    }

    /// The answer to a creation.
    fn created(&self, address: &Address, answer: Result<Answer, Trouble>, payload: &Value) -> Try {
        match answer {
            Ok(answer) => Try::Ended(written(answer, payload, None)),
            Err(trouble) => {
                let again = match &trouble {
                    // Silence may hide a success.
                    Trouble::Silent(_) => true,
                    // So may a server error; at 409 somebody else created it meanwhile.
                    Trouble::Refused(refusal) if refusal.code == 409 || refusal.is_weather() => true,
                    // A kind that was defined a moment ago is not served everywhere at once.
                    Trouble::Refused(refusal) => refusal.code == 404 && refusal.kind != "namespaces",
                };
                let words = self.words(address, trouble);
                if again { Try::Again(words) } else { Try::Ended(Effect::Failed(words)) }
            }
        }
    }

    /// Does this run write the definition of an object's kind?
    fn defines(&self, address: &Address) -> bool {
        let written = |definition: &&Object| {
            let text = |path: &str| definition.body.pointer(path).and_then(Value::as_str);
            definition.id.kind == "CustomResourceDefinition"
                && text("/spec/group") == Some(address.served.group.as_str())
                && text("/spec/names/kind") == Some(address.id.kind.as_str())
                && self.plan.changes.iter().any(|change| change.id == definition.id)
        };
        self.bundle.objects.iter().any(|object| written(&object))
    }

    pub(super) fn words(&self, address: &Address, trouble: Trouble) -> String {
        match trouble {
            Trouble::Refused(refusal) => refusal.message,
            Trouble::Silent(source) => {
                format!("{}: no answer: {source}", self.cluster.wire.target()) + &format!(" ({})", address.id)
            }
        }
    }
}

/// Why conflicts stop a write: the rules refuse, or something would be taken that the plan did not show.
fn unplanned(change: &Change, settlement: &Settlement) -> Option<String> {
    if let Some((message, _)) = settlement.refusal() {
        return Some(message);
    }
    // A hook is no change of the plan's objects; what it takes are fields of its own former run.
    let bound = matches!(change.action, Action::Update | Action::Adopt | Action::Move | Action::Replace);
    let taken = settlement.beyond(&change.conflicts).filter(|_| bound)?;
    Some(format!(
        "{} has come to be held by {} since the plan was made; nothing was taken from it",
        taken.path, taken.manager
    ))
}

/// Why an object that is there may not be written over; none: it may.
fn refuse(action: Action, owner: &Owner, adopt: &[Adopt]) -> Option<String> {
    let allowed = match (action, owner) {
        (_, Owner::Us) => true,
        // From another environment, never from another tool.
        (Action::Move, Owner::Other(name)) => name.starts_with("ApplySet "),
        (Action::Adopt, Owner::Nobody) => adopt.contains(&Adopt::Unmanaged),
        (Action::Adopt, Owner::Other(name)) => adopt.iter().any(|kind| match kind {
            Adopt::Unmanaged => false,
            Adopt::Helm => name.starts_with("Helm "),
            Adopt::Argocd => name.starts_with("Argo CD "),
            Adopt::Flux => name.starts_with("Flux "),
        }),
        (_, Owner::Nobody | Owner::Other(_)) => false,
    };
    (!allowed).then(|| match owner {
        Owner::Other(name) => format!("it exists already and belongs to {name}"),
        Owner::Nobody | Owner::Us => "it exists already and is not ours".to_owned(),
    })
}

fn written(answer: Answer, payload: &Value, live: Option<&Value>) -> Effect {
    let body = answer.body;
    match live {
        Some(live)
            if live.pointer("/metadata/resourceVersion") == body.pointer("/metadata/resourceVersion") =>
        {
            Effect::Same { body }
        }
        Some(_) => Effect::Written { after: clean(body.clone()), body },
        None => Effect::Written { after: clean_created(body.clone(), payload), body },
    }
}

fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    body.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::refuse;
    use crate::model::plan::Action;
    use crate::model::settings::Adopt;
    use crate::model::view::Owner;

    #[test]
    fn only_what_the_plan_and_the_rules_allow_is_written_over() {
        let helm = Owner::Other("Helm release shop/web".to_owned());
        assert!(refuse(Action::Create, &Owner::Nobody, &[Adopt::Unmanaged]).is_some());
        assert!(refuse(Action::Update, &helm, &[Adopt::Helm]).is_some());
        assert!(refuse(Action::Adopt, &helm, &[Adopt::Unmanaged]).is_some());
        assert!(refuse(Action::Adopt, &helm, &[Adopt::Helm]).is_none());
        assert!(refuse(Action::Adopt, &Owner::Nobody, &[Adopt::Unmanaged]).is_none());
        assert!(refuse(Action::Create, &Owner::Us, &[]).is_none());
        assert!(refuse(Action::Move, &helm, &[Adopt::Helm]).is_some());
        assert!(refuse(Action::Move, &Owner::Other("ApplySet x".to_owned()), &[]).is_none());
    }
}
