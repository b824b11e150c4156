//! Secrets are masked before anything leaves the plan: for people, for the store, for digests.
//!
//! What is a secret: what an object declares so ([`mod@declared`]), and what differs at each render. A declared place is masked
//! however short its value is. Elsewhere values of 8 bytes or more are searched for ([`needles`]), in all that a text may
//! mean ([`views`]). Values that Git holds show as `‹secret a1b2c3›`, from a keyed hash over the environment and the value:
//! equal values look equal, and neither length nor content leaks.
//!
//! Whoever proposes a change must not learn by it what only the target knows. He may list guesses, as plain text or as
//! Secrets, and whether one of them is right must change nothing of what is shown. So:
//!
//! * values known only from live are searched in live text only, and their marks carry no hash;
//! * in live text what is live is replaced first, and what is proposed is searched in the rest: no guess moves the edge of
//!   a mark;
//! * in live text a hash is shown only for what the base holds, which is merged already and no guess. What is live at a
//!   place where only the proposal states the same looks as if it changed, and is bound as if it did;
//! * what Git states at the same place is Git's own in a predicted body, and is shown;
//! * what the target copies from there to another place may be a guess as well as a secret, and nobody can tell which: a text
//!   of the target's that holds anything of either is replaced as a whole, in an object of which something new is proposed.
//!   This is so only where the plan knows any secret of the target's that is not merged, right guesses among them, for
//!   otherwise there is nothing to guess and side effects stay readable. So it tells that there is one, which the marks of
//!   what is live tell too, and nothing of which;
//! * the target's words may quote what was proposed or what is live, and nobody can tell which: see [`Mask::words`].
//!
//! What is left: where another manager holds a field, the API server itself says by a conflict whether the proposal agrees
//! with it. Reviewers must see that; it answers one guess for each field and push.
//!
//! Names of objects are never masked: they are what a plan is about, and no secret anywhere in Kubernetes.

mod beside;
mod declared;
mod key;
mod needles;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod views;
mod words;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diff::paths::related;
use crate::model::canonical;
use crate::model::id::{Digest, EnvironmentId};
use crate::model::object::ObjectId;
use crate::model::plan::Conflict;
use crate::model::settings::SecretRule;
use crate::model::volatile::VEIL;

use declared::{Place, clear, declared, manifest, secrets};
use key::Keys;
use needles::{Holders, Needles, SEARCHED, hold};

pub(crate) use beside::Guard;
pub(crate) use key::MaskKey;
pub(crate) use words::Quoted;

/// The mark of a value that only live holds.
const LIVE_ONLY: &str = "‹secret›";

/// Knows the secrets of one plan and replaces them.
#[derive(Debug)]
pub(crate) struct Mask<'a> {
    keys: Keys,
    rules: &'a [SecretRule],
    /// What Git holds, merged or proposed: whatever is live changes nothing of it.
    git: Needles,
    /// What is merged or live: whatever is proposed changes nothing of it.
    live: Needles,
    /// What is neither merged nor live: proposed, or only predicted.
    rest: Needles,
}

/// Whose text is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// From Git: only values that Git itself holds are replaced.
    Rendered,
    /// From the target: live-only values are replaced too, and only what is merged shows a hash.
    Live,
}

/// Who holds a body that secrets are learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The base: merged already.
    Base,
    /// The proposal.
    Merge,
    /// The target, now.
    Live,
    /// The target, as it predicts: perhaps what is proposed, and perhaps what it makes up.
    Predicted,
}

/// A body that secrets are learnt from: whose it is, which object's, and the places of its volatile values, of which
/// nobody can tell whether they are secret.
pub(crate) type Lesson<'b> = (Holder, &'b ObjectId, &'b Value, Vec<String>);

impl<'a> Mask<'a> {
    /// Learns the secrets of all bodies. Without a base nobody proposes anything, and all that Git holds counts as merged.
    pub(crate) fn learn(
        key: &MaskKey,
        environment: &EnvironmentId,
        rules: &'a [SecretRule],
        base: bool,
        lessons: &[Lesson<'_>],
    ) -> Self {
        let mut all = BTreeMap::new();
        for (holder, id, body, volatile) in lessons {
            let mut found = Vec::new();
            secrets(id, body, rules, &mut found);
            let texts = volatile.iter().filter_map(|place| body.pointer(place)?.as_str());
            found.extend(texts.filter(|text| text.len() >= SEARCHED).map(|text| text.as_bytes().to_vec()));
            let holders = Holders {
                base: *holder == Holder::Base || (*holder == Holder::Merge && !base),
                merge: *holder == Holder::Merge,
                live: *holder == Holder::Live,
            };
            for value in found {
                hold(&mut all, value, holders);
            }
        }
        let of = |wanted: &dyn Fn(Holders) -> bool| {
            let own = all.iter().filter(|(_, holders)| wanted(**holders));
            Needles::new(own.map(|(value, holders)| (value.clone(), *holders)).collect())
        };
        Self {
            keys: Keys::new(key, environment),
            rules,
            git: of(&Holders::git),
            live: of(&|holders| holders.base || holders.live),
            rest: of(&|holders| !holders.base && !holders.live),
        }
    }

    /// A body without its secrets.
    pub(crate) fn body(&self, id: &ObjectId, body: &Value, text: Text) -> Value {
        if text == Text::Live {
            return self.beside(id, body, &[], None);
        }
        let mut masked = body.clone();
        for place in declared(id, body, self.rules) {
            if let Some(value) = masked.pointer_mut(&place.pointer) {
                self.whole(value, place.base64, Text::Rendered, &[]);
            }
        }
        self.rendered(&mut masked);
        masked
    }

    /// A contested field without its secrets. That it is contested says that the two values differ.
    pub(crate) fn conflict(&self, id: &ObjectId, conflict: &Conflict, git: &[&Value]) -> Conflict {
        let places = declared(id, git.first().unwrap_or(&&Value::Null), self.rules);
        let secret = places.iter().find(|place| related(&conflict.path, &place.pointer));
        let at = |value: &Value, text: Text| {
            let mut masked = value.clone();
            match secret {
                Some(place) => self.whole(&mut masked, place.base64, text, &[]),
                None if text == Text::Live => self.stated(&mut masked, &[], None, &mut 0),
                None => self.rendered(&mut masked),
            }
            masked
        };
        Conflict {
            path: self.pointer(&conflict.path, git, None),
            manager: self.message(&conflict.manager),
            live: at(&conflict.live, Text::Live),
            git: at(&conflict.git, Text::Rendered),
            rule: conflict.rule,
        }
    }

    /// Words that come from Git alone: a renderer's, a commit's title.
    pub(crate) fn own(&self, words: &str) -> String {
        self.string(words, Text::Rendered)
    }

    /// The target's words where nothing of the proposal is quoted: a log line, whose an object is.
    pub(crate) fn message(&self, words: &str) -> String {
        self.words(words, None)
    }

    /// A digest of a value in clear that nobody without the key can make, and of which no mark tells anything.
    pub(crate) fn keyed(&self, value: &Value) -> Digest {
        self.keys.effect(&canonical::bytes(value))
    }

    /// Replaces everything beneath a declared place, however short. `git`: what Git states there, and whether as base64.
    fn whole(&self, value: &mut Value, base64: bool, text: Text, git: &[(&Value, bool)]) {
        match value {
            // Nothing of it is left.
            Value::String(string) if string == VEIL => {}
            Value::Null => {}
            Value::Object(map) => {
                for (key, value) in map {
                    let known: Vec<_> =
                        git.iter().filter_map(|(git, base64)| Some((git.get(key)?, *base64))).collect();
                    self.whole(value, base64, text, &known);
                }
            }
            Value::Array(list) => {
                // Only a list that is Git's as it is: an item of another's beside Git's may be what is guessed.
                let same = git.iter().find(|(git, _)| git.as_array().is_some_and(|git| git == list)).copied();
                for (at, value) in list.iter_mut().enumerate() {
                    let known = same.and_then(|(git, base64)| Some((git.get(at)?, base64)));
                    self.whole(value, base64, text, known.as_slice());
                }
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) => {
                let plain = clear(value, base64);
                let known = text == Text::Rendered
                    || self.live.holders_of(&plain).base
                    || git.iter().any(|(git, base64)| !git.is_null() && clear(git, *base64) == plain);
                *value = Value::String(if known { self.keys.mark(&plain) } else { LIVE_ONLY.to_owned() });
            }
        }
    }

    /// Masks what Git states.
    fn rendered(&self, value: &mut Value) {
        match value {
            Value::String(string) => *string = self.leaf(string, Text::Rendered),
            Value::Array(list) => list.iter_mut().for_each(|item| self.rendered(item)),
            Value::Object(map) => {
                let members = std::mem::take(map).into_iter().map(|(key, mut member)| {
                    self.rendered(&mut member);
                    (self.string(&key, Text::Rendered), member)
                });
                *map = members.collect();
            }
            Value::Number(number) => {
                let digits = number.to_string();
                let masked = self.string(&digits, Text::Rendered);
                if masked != digits {
                    *value = Value::String(masked);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A text of a body: if it is a manifest, what that declares is masked in it.
    fn leaf(&self, string: &str, text: Text) -> String {
        let Some((mut body, places)) = manifest(string, self.rules) else { return self.string(string, text) };
        for place in &places {
            if let Some(value) = body.pointer_mut(&place.pointer) {
                self.whole(value, place.base64, text, &[]);
            }
        }
        self.string(&body.to_string(), text)
    }
}

/// Text that Git states is masked as Git's.
fn whose(stated: bool) -> Text {
    if stated { Text::Rendered } else { Text::Live }
}

/// Where the same secret may be stated: the API server keeps a Secret's plain texts encoded.
fn twins(place: &Place) -> Vec<(String, bool)> {
    let mut all = vec![(place.pointer.clone(), place.base64)];
    if let Some(secret) = place.pointer.strip_suffix("/data").filter(|_| place.base64) {
        all.push((format!("{secret}/stringData"), false));
    }
    all
}
