//! Two trees side by side, as the lines of one.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::diff::align::{Aligned, align, steady};
use crate::diff::paths::push;
use crate::diff::unified::lines::{Line, Tag, shorten};
use crate::diff::unified::place::{Place, Places, Step};
use crate::diff::unified::strings::{bytes, multiline};
use crate::model::lists::ListKeys;
use crate::yaml;

/// Where a walk is: in the text, and in the object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct At {
    pub column: usize,
    pub place: Place,
}

impl At {
    pub(super) fn deeper(self) -> Self {
        Self { column: self.column + 2, ..self }
    }
}

/// A walk over the two states of an object, and what it has found.
pub(super) struct Walk<'k> {
    /// The lines so far, in the order of the object.
    pub lines: Vec<Line>,
    /// Where they lie.
    pub places: Places,
    /// When texts are no longer compared finely.
    pub deadline: Instant,
    keys: &'k ListKeys,
    /// The place where it is, as the keys have it.
    pub list: String,
}

impl<'k> Walk<'k> {
    /// A walk that has not begun.
    pub(super) fn new(keys: &'k ListKeys, deadline: Instant) -> Self {
        Self { lines: Vec::new(), places: Places::default(), deadline, keys, list: String::new() }
    }

    /// Two objects; null: absent.
    pub(super) fn document(&mut self, before: &Value, after: &Value) {
        let (before, after) = (bytes(before), bytes(after));
        match (before.as_ref(), after.as_ref()) {
            (a, b) if a == b => {}
            (Value::Object(a), Value::Object(b)) => self.maps((a, b), At::default(), None),
            (Value::Array(a), Value::Array(b)) => self.lists((a, b), At::default()),
            (a, b) => {
                for (tag, value) in [(Tag::Gone, a), (Tag::New, b)] {
                    match value {
                        Value::Null => {}
                        Value::Object(map) => self.members(tag, map, At::default()),
                        Value::Array(items) => {
                            for item in items {
                                self.item(tag, item, At::default());
                            }
                        }
                        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                            self.line(tag, &yaml::inline(value), 0);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn line(&mut self, tag: Tag, text: &str, place: Place) {
        self.lines.push(Line { tag, text: shorten(text), place });
    }

    /// The members of a mapping that is on one side, or the same on both.
    fn members(&mut self, tag: Tag, map: &Map<String, Value>, at: At) {
        for (key, value) in map {
            self.value(tag, &lead(key, at.column), value, at);
        }
    }

    /// What follows a key or a dash, on one side or the same on both.
    pub(super) fn value(&mut self, tag: Tag, lead: &str, value: &Value, at: At) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.line(tag, lead, at.place);
                self.members(tag, map, at.deeper());
            }
            Value::Array(items) if !items.is_empty() => {
                self.line(tag, lead, at.place);
                for item in items {
                    self.item(tag, item, at);
                }
            }
            Value::String(text) if multiline(text) => self.block(tag, lead, text, at),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                self.line(tag, &format!("{lead} {}", yaml::inline(value)), at.place);
            }
        }
    }

    fn item(&mut self, tag: Tag, item: &Value, at: At) {
        let start = self.lines.len();
        match item {
            Value::Object(map) if !map.is_empty() => self.members(tag, map, at.deeper()),
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    self.item(tag, item, at.deeper());
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                return self.value(tag, &dash(at.column), item, at);
            }
        }
        self.dash(start, at.column);
    }

    /// What follows a key or a dash, on both sides.
    fn values(&mut self, lead: &str, (before, after): (&Value, &Value), at: At) {
        match (before, after) {
            (a, b) if a == b => self.value(Tag::Same, lead, a, at),
            (Value::Object(a), Value::Object(b)) if !a.is_empty() && !b.is_empty() => {
                self.line(Tag::Same, lead, at.place);
                self.maps((a, b), at.deeper(), None);
            }
            (Value::Array(a), Value::Array(b)) if !a.is_empty() && !b.is_empty() => {
                self.line(Tag::Same, lead, at.place);
                self.lists((a, b), at);
            }
            (Value::String(a), Value::String(b)) => self.strings(lead, (a, b), at),
            (a, b) => {
                self.value(Tag::Gone, lead, a, at);
                self.value(Tag::New, lead, b, at);
            }
        }
    }

    /// Two mappings, in the order of the one after; what goes stands where it stood.
    pub(super) fn maps(
        &mut self,
        (before, after): (&Map<String, Value>, &Map<String, Value>),
        at: At,
        first: Option<&str>,
    ) {
        let mut gone: HashMap<Option<&str>, Vec<&str>> = HashMap::new();
        let mut last = None;
        for key in before.keys() {
            if after.contains_key(key) {
                last = Some(key.as_str());
            } else {
                gone.entry(last).or_default().push(key);
            }
        }
        // What stood in front of everything comes behind the line that names an item.
        let rest = after.keys().map(String::as_str).filter(|key| Some(*key) != first).map(Some);
        let order = first.into_iter().map(Some).chain([None]).chain(rest);
        for key in order {
            if let Some(key) = key {
                self.member(key, (before.get(key), after.get(key)), at);
            }
            for key in gone.get(&key).into_iter().flatten() {
                self.member(key, (before.get(*key), None), at);
            }
        }
    }

    fn member(&mut self, key: &str, (before, after): (Option<&Value>, Option<&Value>), at: At) {
        let lead = lead(key, at.column);
        // Most of an object is the same on both sides, and nobody asks where that lies.
        if let Some(value) = after.filter(|_| before == after) {
            return self.value(Tag::Same, &lead, value, at);
        }
        let at = At { place: self.places.step(at.place, Step::Key(key.to_owned())), ..at };
        if let Some(both) = before.zip(after) {
            let length = self.list.len();
            push(&mut self.list, key);
            self.values(&lead, both, at);
            self.list.truncate(length);
            return;
        }
        for (tag, value) in [(Tag::Gone, before), (Tag::New, after)] {
            if let Some(value) = value {
                self.value(tag, &lead, value, at);
            }
        }
    }

    /// Two lists, in the order of the one after. Of an item that moves, its first line alone says from where.
    pub(super) fn lists(&mut self, (before, after): (&[Value], &[Value]), at: At) {
        let keys = self.keys.of(&self.list);
        let first = keys.and_then(<[String]>::first).map_or("name", String::as_str);
        let aligned = align(before, after, keys);
        let stays = steady(&aligned.from);
        let (gone, moved) = leaving(&aligned, &stays, before.len());
        let leave = |walk: &mut Self, behind: Option<usize>| {
            for index in gone.get(&behind).into_iter().flatten() {
                let Some(item) = before.get(*index) else { continue };
                if moved.get(*index) == Some(&true) {
                    walk.moves(item, at);
                } else {
                    let at = walk.within(at, &aligned.before(*index));
                    walk.item(Tag::Gone, item, at);
                }
            }
        };
        leave(self, None);
        for (index, item) in after.iter().enumerate() {
            let old = aligned.from.get(index).copied().flatten();
            let Some((from, old)) = old.and_then(|from| Some((from, before.get(from)?))) else {
                let at = self.within(at, &aligned.after(index));
                self.item(Tag::New, item, at);
                continue;
            };
            let start = self.lines.len();
            self.items((old, item), (&aligned.after(index), first), at);
            if stays.get(index) == Some(&true) {
                leave(self, Some(from));
            } else {
                self.moved(start, at.place);
            }
        }
    }

    fn items(&mut self, (before, after): (&Value, &Value), (token, first): (&str, &str), at: At) {
        if before == after {
            return self.item(Tag::Same, after, at);
        }
        let at = self.within(at, token);
        let start = self.lines.len();
        match (before, after) {
            (Value::Object(a), Value::Object(b)) if !a.is_empty() && !b.is_empty() => {
                self.maps((a, b), at.deeper(), head(a, b, first));
            }
            (Value::Array(a), Value::Array(b)) if !a.is_empty() && !b.is_empty() => {
                self.lists((a, b), at.deeper());
            }
            (Value::String(a), Value::String(b)) => return self.strings(&dash(at.column), (a, b), at),
            (a, b) => {
                self.item(Tag::Gone, a, at);
                return self.item(Tag::New, b, at);
            }
        }
        self.dash(start, at.column);
    }

    /// The place of an item of a list.
    fn within(&mut self, at: At, token: &str) -> At {
        let name = token.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(token);
        At { place: self.places.step(at.place, Step::Item(name.to_owned())), ..at }
    }

    /// Puts the dash of an item in front of its first line, on each side.
    fn dash(&mut self, start: usize, column: usize) {
        for other in [Tag::New, Tag::Gone] {
            let first = self.lines.iter_mut().skip(start).find(|line| line.tag != other);
            if let Some(line) = first.filter(|line| line.text.get(column..=column) == Some(" ")) {
                line.text.replace_range(column..=column, "-");
            }
        }
    }

    /// The line that an item leaves where it was.
    fn moves(&mut self, item: &Value, at: At) {
        let (start, place) = (self.lines.len(), self.places.step(at.place, Step::Note("reordered")));
        self.item(Tag::Gone, item, At { place, ..at });
        self.lines.truncate(start + 1);
        self.lines.iter_mut().skip(start).for_each(|line| line.text.push_str("  # moved from here"));
    }

    /// Says of an item whose lines begin at `start` that it was elsewhere.
    fn moved(&mut self, start: usize, place: Place) {
        let place = self.places.step(place, Step::Note("reordered"));
        if let Some(line) = self.lines.iter_mut().skip(start).find(|line| line.tag != Tag::Gone) {
            line.text.push_str("  # moved to here");
            (line.tag, line.place) = (Tag::New, place);
        }
    }
}

/// What leaves its place in a list, by the item before behind which it stood; and which items before only move.
fn leaving(
    aligned: &Aligned,
    stays: &[bool],
    count: usize,
) -> (HashMap<Option<usize>, Vec<usize>>, Vec<bool>) {
    let mut moved = vec![false; count];
    for (from, _) in aligned.from.iter().zip(stays).filter(|(_, stays)| !**stays) {
        if let Some(moved) = from.and_then(|from| moved.get_mut(from)) {
            *moved = true;
        }
    }
    let mut leaving: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    let mut last = None;
    for at in 0..count {
        if aligned.gone.get(at) == Some(&true) || moved.get(at) == Some(&true) {
            leaving.entry(last).or_default().push(at);
        } else {
            last = Some(at);
        }
    }
    (leaving, moved)
}

/// The key whose line both sides have, to stand first in an item; the one that names it, if it does.
fn head<'m>(before: &'m Map<String, Value>, after: &'m Map<String, Value>, first: &str) -> Option<&'m str> {
    let same = |key: &&String| match (before.get(*key), after.get(*key)) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => !a.is_empty() && !b.is_empty(),
        (Some(Value::Array(a)), Some(Value::Array(b))) => !a.is_empty() && !b.is_empty(),
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => false,
    };
    let named = after.keys().filter(|key| *key == first).find(same);
    named.or_else(|| after.keys().find(same)).map(String::as_str)
}

/// A key in front of its value.
fn lead(key: &str, column: usize) -> String {
    let key = yaml::inline(&Value::from(key));
    format!("{:column$}{key}:", "")
}

fn dash(column: usize) -> String {
    format!("{:column$}-", "")
}
