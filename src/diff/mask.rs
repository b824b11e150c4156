//! Secrets are masked before anything leaves the plan: for people, for the store, for digests.
//!
//! Values known from the rendered text show as `‹secret a1b2c3›`, from a keyed hash over the environment and the value:
//! equal values look equal, and neither length nor content leaks. Values known only from live are replaced in live text
//! only, by a mark without a hash: otherwise a pull request could list guesses and see which one is marked. For the same
//! reason, what live or predicted text has from Git is masked as Git's own.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::diff::paths::{push, related};
use crate::model::canonical;
use crate::model::id::{Digest, EnvironmentId};
use crate::model::object::ObjectId;
use crate::model::plan::Conflict;
use crate::model::settings::SecretRule;
use crate::model::volatile::VEIL;

/// Values shorter than this are masked where they are declared and not searched for elsewhere: they are everywhere.
const SEARCHED: usize = 8;
/// The mark of a value that only live holds.
const LIVE_ONLY: &str = "‹secret›";

/// The key of the marks; one per installation of Tidegate. Cannot print itself.
#[derive(Clone)]
pub(crate) struct MaskKey(hmac::Key);

impl MaskKey {
    /// A key from random bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl std::fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskKey")
    }
}

/// Knows the secrets of one plan and replaces them.
#[derive(Debug)]
pub(crate) struct Mask<'a> {
    key: &'a MaskKey,
    /// The key of digests, derived, so that no mark that is shown helps to make one.
    effects: hmac::Key,
    environment: &'a EnvironmentId,
    rules: &'a [SecretRule],
    rendered: Needles,
    live: Needles,
}

#[derive(Debug, Default)]
struct Needles {
    values: Vec<String>,
    /// For each needle, the secret that it stands for: a needle may be its base64 form.
    of: Vec<String>,
    search: Option<AhoCorasick>,
}

/// Whose text is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// From Git: only values that Git itself holds are replaced.
    Rendered,
    /// From the target: live-only values are replaced too.
    Live,
}

impl<'a> Mask<'a> {
    /// Learns the secrets of the rendered and of the live objects. Each comes with the places of its volatile values, of
    /// which nobody can tell whether they are secret.
    pub(crate) fn learn<'b>(
        key: &'a MaskKey,
        environment: &'a EnvironmentId,
        rules: &'a [SecretRule],
        rendered: impl Iterator<Item = (&'b ObjectId, &'b Value, Vec<String>)>,
        live: impl Iterator<Item = (&'b ObjectId, &'b Value, Vec<String>)>,
    ) -> Self {
        let collect = |objects: &mut dyn Iterator<Item = (&'b ObjectId, &'b Value, Vec<String>)>| {
            let mut found = BTreeSet::new();
            for (id, body, volatile) in objects {
                secrets(id, body, rules, &mut found);
                let texts = volatile.iter().filter_map(|place| body.pointer(place)?.as_str());
                found.extend(texts.filter(|text| text.len() >= SEARCHED).map(str::to_owned));
            }
            found
        };
        let rendered = collect(&mut { rendered });
        let mut live = collect(&mut { live });
        live.retain(|secret| !rendered.contains(secret));
        let effects = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key.0, b"effects").as_ref());
        let (rendered, live) = (Needles::new(&rendered), Needles::new(&live));
        Self { key, effects, environment, rules, rendered, live }
    }

    /// A body without its secrets.
    pub(crate) fn body(&self, id: &ObjectId, body: &Value, text: Text) -> Value {
        let mut masked = body.clone();
        let declared = declared(id, self.rules);
        for place in &declared {
            if let Some(value) = masked.pointer_mut(&place.pointer) {
                self.whole(value, place.base64, text);
            }
        }
        self.value(&mut masked, text);
        masked
    }

    /// A live or predicted body without its secrets, beside what Git states of the same object: where Git states the same
    /// text at the same place, it is the author's own and masked as such.
    pub(crate) fn beside(&self, id: &ObjectId, body: &Value, git: &[&Value]) -> Value {
        let mut masked = body.clone();
        for place in &declared(id, self.rules) {
            if let Some(value) = masked.pointer_mut(&place.pointer) {
                self.whole(value, place.base64, Text::Live);
            }
        }
        self.stated(&mut masked, git);
        masked
    }

    /// A contested field without its secrets.
    pub(crate) fn conflict(&self, id: &ObjectId, conflict: &Conflict, git: &[&Value]) -> Conflict {
        let at = |value: &Value, text: Text| {
            let mut masked = value.clone();
            let secret = declared(id, self.rules);
            match secret.iter().find(|place| related(&conflict.path, &place.pointer)) {
                Some(place) => self.whole(&mut masked, place.base64, text),
                None => self.value(&mut masked, text),
            }
            masked
        };
        Conflict {
            path: self.pointer(&conflict.path, git),
            manager: self.message(&conflict.manager),
            live: at(&conflict.live, Text::Live),
            git: at(&conflict.git, Text::Rendered),
            rule: conflict.rule,
        }
    }

    /// A message without secrets: an error body, a log line.
    pub(crate) fn message(&self, message: &str) -> String {
        self.string(message, Text::Live)
    }

    /// A JSON Pointer without secrets: into a body that [`Self::beside`] masked.
    pub(crate) fn pointer(&self, pointer: &str, git: &[&Value]) -> String {
        let mut masked = String::with_capacity(pointer.len());
        let mut git = git.to_vec();
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let members: Vec<&Value> = git.iter().filter_map(|git| git.as_object()?.get(&token)).collect();
            push(&mut masked, &self.string(&token, whose(!members.is_empty())));
            git = members.into_iter().chain(items(&git)).collect();
        }
        masked
    }

    /// A digest of a value in clear that nobody without the key can make, and of which no mark tells anything.
    pub(crate) fn keyed(&self, value: &Value) -> Digest {
        Digest::of(self.tag(&self.effects, &canonical::bytes(value)).as_ref())
    }

    fn mark(&self, secret: &str) -> String {
        let tag = self.tag(&self.key.0, secret.as_bytes());
        format!("‹secret {}›", hex::encode(tag.as_ref().get(..3).unwrap_or_default()))
    }

    fn tag(&self, key: &hmac::Key, bytes: &[u8]) -> hmac::Tag {
        let mut input = self.environment.to_string().into_bytes();
        input.push(0);
        input.extend(bytes);
        hmac::sign(key, &input)
    }

    /// Replaces everything beneath a declared place, however short.
    fn whole(&self, value: &mut Value, base64: bool, text: Text) {
        match value {
            // Nothing of it is left.
            Value::String(string) if string == VEIL => {}
            Value::Object(map) => map.values_mut().for_each(|value| self.whole(value, base64, text)),
            Value::Array(items) => items.iter_mut().for_each(|value| self.whole(value, base64, text)),
            Value::Null => {}
            Value::String(_) | Value::Number(_) | Value::Bool(_) => {
                let plain = clear(value, base64);
                let known = text == Text::Rendered || self.rendered.of.contains(&plain);
                *value = Value::String(if known { self.mark(&plain) } else { LIVE_ONLY.to_owned() });
            }
        }
    }

    fn value(&self, value: &mut Value, text: Text) {
        match value {
            Value::String(string) => {
                let masked = self.string(string, text);
                if masked != *string {
                    *string = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, text)),
            Value::Object(map) => {
                let keys: Vec<String> =
                    map.keys().filter(|key| self.string(key, text) != **key).cloned().collect();
                for key in keys {
                    if let Some(inner) = map.remove(&key) {
                        map.insert(self.string(&key, text), inner);
                    }
                }
                map.values_mut().for_each(|value| self.value(value, text));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Masks live text, except for what Git states at the same place.
    fn stated(&self, value: &mut Value, git: &[&Value]) {
        match value {
            Value::String(string) => {
                let own = git.iter().any(|git| git.as_str() == Some(string.as_str()));
                *string = self.string(string, whose(own));
            }
            Value::Array(list) => {
                let known: Vec<&Value> = items(git).collect();
                for item in list {
                    self.stated(item, &alike(item, &known));
                }
            }
            Value::Object(map) => {
                let members = std::mem::take(map).into_iter().map(|(key, mut member)| {
                    let known: Vec<&Value> =
                        git.iter().filter_map(|git| git.as_object()?.get(&key)).collect();
                    self.stated(&mut member, &known);
                    (self.string(&key, whose(!known.is_empty())), member)
                });
                *map = members.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn string(&self, string: &str, text: Text) -> String {
        let known = self.rendered.replace(string, |secret| self.mark(secret));
        match text {
            Text::Rendered => known,
            Text::Live => self.live.replace(&known, |_| LIVE_ONLY.to_owned()),
        }
    }
}

impl Needles {
    fn new(secrets: &BTreeSet<String>) -> Self {
        let mut own = Self::default();
        for secret in secrets {
            let trimmed = secret.trim_end_matches(['\r', '\n']);
            for form in
                [secret.clone(), trimmed.to_owned(), STANDARD.encode(secret), STANDARD.encode(trimmed)]
            {
                if form.len() >= SEARCHED && !own.values.contains(&form) {
                    own.values.push(form);
                    own.of.push(secret.clone());
                }
            }
            if secret.len() < SEARCHED {
                // Kept so that equal short values look equal where they are declared; never searched for.
                own.of.push(secret.clone());
            }
        }
        // Longest first, so that a secret within another leaves no rest of the longer one.
        own.search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&own.values).ok();
        own
    }

    fn replace(&self, string: &str, mark: impl Fn(&str) -> String) -> String {
        let Some(search) = self.search.as_ref().filter(|_| !self.values.is_empty()) else {
            return string.to_owned();
        };
        let mut out = String::with_capacity(string.len());
        let mut at = 0;
        for found in search.find_iter(string) {
            let secret =
                self.values.get(found.pattern().as_usize()).map_or("", |needle| self.secret_of(needle));
            out.push_str(&string[at..found.start()]);
            out.push_str(&mark(secret));
            at = found.end();
        }
        out.push_str(&string[at..]);
        out
    }

    fn secret_of<'n>(&'n self, needle: &'n str) -> &'n str {
        let plain = |secret: &&String| {
            let trimmed = secret.trim_end_matches(['\r', '\n']);
            **secret == needle
                || trimmed == needle
                || STANDARD.encode(secret.as_bytes()) == needle
                || STANDARD.encode(trimmed) == needle
        };
        self.of.iter().find(plain).map_or(needle, String::as_str)
    }
}

/// Text that Git states is masked as Git's.
fn whose(stated: bool) -> Text {
    if stated { Text::Rendered } else { Text::Live }
}

/// The items of those values that are lists.
fn items<'g>(git: &[&'g Value]) -> impl Iterator<Item = &'g Value> {
    git.iter().filter_map(|git| git.as_array()).flatten()
}

/// Which of Git's items an item of a list may come from: those of its name, or all where it has none. Not by position,
/// since what others add to a list moves the rest.
fn alike<'g>(item: &Value, git: &[&'g Value]) -> Vec<&'g Value> {
    let name = item.get("name");
    git.iter().copied().filter(|git| git.get("name") == name).collect()
}

struct Place {
    pointer: String,
    base64: bool,
}

/// The places where an object of this kind declares secrets.
fn declared(id: &ObjectId, rules: &[SecretRule]) -> Vec<Place> {
    let mut places = Vec::new();
    if id.group.is_empty() && id.kind == "Secret" {
        places.push(Place { pointer: "/data".to_owned(), base64: true });
        places.push(Place { pointer: "/stringData".to_owned(), base64: false });
    }
    for rule in rules.iter().filter(|rule| rule.kinds.is_empty() || rule.kinds.contains(&id.kind)) {
        places.push(Place { pointer: rule.path.clone(), base64: false });
    }
    places
}

fn secrets(id: &ObjectId, body: &Value, rules: &[SecretRule], found: &mut BTreeSet<String>) {
    for place in declared(id, rules) {
        if let Some(value) = body.pointer(&place.pointer) {
            leaves(value, place.base64, found);
        }
    }
}

fn leaves(value: &Value, base64: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.values().for_each(|value| leaves(value, base64, found)),
        Value::Array(items) => items.iter().for_each(|value| leaves(value, base64, found)),
        Value::Null => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            found.insert(clear(value, base64));
        }
    }
}

/// The value in clear: decoded where it is base64 of text.
fn clear(value: &Value, base64: bool) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if !base64 {
        return text;
    }
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text)
}
