//! What is live or predicted, beside what Git states of the same object.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::declared::declared;
use super::needles::{Holders, Needles, SEARCHED, hold};
use super::text::within;
use super::words::strings;
use super::{LIVE_ONLY, Mask, Text, twins, whose};
use crate::diff::paths::push;
use crate::model::object::ObjectId;

/// Comparisons with items of lists in one body; those that are left are compared by position.
const MANY: usize = 1 << 20;

/// What is proposed of one object, to be recognised where the target copies it. Empty for what is there now, which holds no
/// copy of what is only proposed, and whose secrets are replaced as they are beside such a copy.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    texts: Needles,
    /// Keys that are words: fields, and shown wherever they are.
    fields: HashSet<String>,
}

impl Mask<'_> {
    /// The guard of an object, as it is proposed and as it is merged; none: there is nothing to be guessed, or nothing new.
    pub(crate) fn guard(&self, proposed: Option<&Value>, merged: Option<&Value>) -> Option<Guard> {
        // Not whether Git holds it, too: a right guess must count as a wrong one does.
        if !self.live.any(|holders| !holders.base) {
            return None;
        }
        let (mut known, mut new, mut guard) = (HashSet::new(), BTreeMap::new(), Guard::default());
        if let Some(merged) = merged {
            strings(merged, &mut |text, _| {
                known.insert(text);
            });
        }
        if let Some(proposed) = proposed {
            strings(proposed, &mut |text, key| {
                if key && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                    guard.fields.insert(text.to_owned());
                } else if text.len() >= SEARCHED && !known.contains(text) {
                    hold(&mut new, text.as_bytes().to_vec(), Holders::default());
                }
            });
        }
        guard.texts = Needles::new(new);
        (!guard.texts.is_empty()).then_some(guard)
    }

    /// A live or predicted body without its secrets, beside what Git states of the same object: where Git states the same
    /// text at the same place, it is the author's own and masked as such.
    /// `guard`: where what is proposed of it may have been copied.
    pub(crate) fn beside(&self, id: &ObjectId, body: &Value, git: &[&Value], guard: Option<&Guard>) -> Value {
        let mut masked = body.clone();
        for place in declared(id, body, self.rules) {
            if let Some(value) = masked.pointer_mut(&place.pointer) {
                let known: Vec<(&Value, bool)> = twins(&place)
                    .iter()
                    .flat_map(|(pointer, base64)| {
                        git.iter().filter_map(|git| git.pointer(pointer)).map(|git| (git, *base64))
                    })
                    .collect();
                self.whole(value, place.base64, Text::Live, &known);
            }
        }
        self.stated(&mut masked, git, guard, &mut 0);
        masked
    }

    /// A JSON Pointer without secrets: into a body that [`Self::beside`] masked.
    pub(crate) fn pointer<'v>(&self, pointer: &str, git: &[&'v Value], guard: Option<&Guard>) -> String {
        let mut masked = String::with_capacity(pointer.len());
        let mut git = git.to_vec();
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let member = |git: &&'v Value| match git.as_array() {
                Some(items) => items.get(token.parse::<usize>().ok()?),
                None => git.get(&token),
            };
            let members: Vec<&Value> = git.iter().filter_map(member).collect();
            push(&mut masked, &self.name(&token, !members.is_empty(), guard));
            git = members;
        }
        masked
    }

    /// Masks live text, except for what Git states at the same place. `spent`: comparisons up to here.
    pub(super) fn stated(&self, value: &mut Value, git: &[&Value], guard: Option<&Guard>, spent: &mut usize) {
        match value {
            Value::String(string) => {
                let own = git.iter().any(|git| git.as_str() == Some(string.as_str()));
                *string = if own { self.leaf(string, Text::Rendered) } else { self.theirs(string, guard) };
            }
            Value::Array(list) => self.items(list, git, guard, spent),
            Value::Object(map) => {
                let members = std::mem::take(map).into_iter().map(|(key, mut member)| {
                    let known: Vec<&Value> =
                        git.iter().filter_map(|git| git.as_object()?.get(&key)).collect();
                    self.stated(&mut member, &known, guard, spent);
                    (self.name(&key, !known.is_empty(), guard), member)
                });
                *map = members.collect();
            }
            Value::Number(number) => {
                let (digits, own) = (number.to_string(), git.contains(&&Value::Number(number.clone())));
                let masked = self.name(&digits, own, guard);
                if masked != digits {
                    *value = Value::String(masked);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The items of a list, each beside those of Git's that it may come from: those of its name, or all where it has none.
    /// Not by position, since what others add to a list moves the rest.
    fn items(&self, list: &mut [Value], git: &[&Value], guard: Option<&Guard>, spent: &mut usize) {
        let mut scalars = HashSet::new();
        let mut named: HashMap<Option<&Value>, Vec<&Value>> = HashMap::new();
        for item in git.iter().filter_map(|git| git.as_array()).flatten() {
            if item.is_object() || item.is_array() {
                named.entry(item.get("name")).or_default().push(item);
            } else {
                scalars.insert(item);
            }
        }
        for (at, item) in list.iter_mut().enumerate() {
            if !item.is_object() && !item.is_array() {
                let same = scalars.get(&*item).copied();
                self.stated(item, same.as_slice(), guard, spent);
                continue;
            }
            let name = item.get("name").cloned();
            let known = named.get(&name.as_ref()).map(Vec::as_slice).unwrap_or_default();
            let cost = if known.len() > 1 { nodes(item).saturating_mul(known.len()) } else { 0 };
            if spent.saturating_add(cost) <= MANY {
                *spent += cost;
                self.stated(item, known, guard, spent);
            } else {
                let known: Vec<&Value> = git.iter().filter_map(|git| git.get(at)).collect();
                self.stated(item, &known, guard, spent);
            }
        }
    }

    /// A text that Git does not state where it is.
    fn theirs(&self, string: &str, guard: Option<&Guard>) -> String {
        let hides = guard.is_some_and(|guard| {
            !within(&self.live, string, &|secret| !self.live.holders(secret).base).is_empty()
                || !within(&guard.texts, string, &|_| true).is_empty()
        });
        if hides { LIVE_ONLY.to_owned() } else { self.leaf(string, Text::Live) }
    }

    /// The key of a mapping, or a number.
    fn name(&self, key: &str, own: bool, guard: Option<&Guard>) -> String {
        match guard {
            Some(guard) if guard.fields.contains(key) => key.to_owned(),
            Some(_) if !own => self.theirs(key, guard),
            _ => self.string(key, whose(own)),
        }
    }
}

/// How many values a value is made of.
fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(map) => map.values().map(nodes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
