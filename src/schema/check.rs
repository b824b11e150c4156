//! Checking an object: types, bounds, what must be there.

use std::collections::{HashMap, HashSet};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::schema::format::fits;
use crate::schema::node::{Bounds, List, Node, Sort};
use crate::schema::{DEPTH, MISTAKES, Mistake, Schema, cost, meta, step, weight};

/// Bytes that a compiled pattern may take, that its automaton may take beside it, and that it may have as it is written.
const PATTERN: usize = 64 << 10;
const AUTOMATON: usize = 256 << 10;
const WRITTEN: usize = 8 << 10;
/// Patterns that are tried on one object.
const PATTERNS: usize = 200;
/// Work on one object: places that are looked at, each time that they are, and 16 bytes of text each. A hostile schema has
/// alternatives beneath alternatives for every item of a list.
const VISITS: usize = 1_000_000;
/// Characters of what is said of one mistake: values and patterns of a schema may be of any length.
const WORDS: usize = 600;
const TWICE: &str = "is there twice in a list of different values";

impl Schema {
    /// What is wrong with an object that is pruned and has its defaults, and was it checked in part only? Of a compiled kind
    /// only types are checked.
    pub(super) fn check(&self, body: &Value) -> (Vec<Mistake>, bool) {
        let mut checker = Checker {
            schema: self,
            mistakes: Vec::new(),
            part: false,
            left: VISITS,
            meta: false,
            patterns: HashMap::new(),
        };
        if self.custom
            && let Some(metadata) = body.get("metadata")
        {
            meta::check(metadata, ("/metadata", true), &mut checker.mistakes);
        }
        checker.value(&self.root, body, "", DEPTH);
        (checker.mistakes, checker.part)
    }
}

/// One check on its way.
pub(super) struct Checker<'a> {
    pub schema: &'a Schema,
    pub mistakes: Vec<Mistake>,
    /// Was something not checked? Then nothing is known of what depends on it.
    pub part: bool,
    /// Work that may still be done.
    left: usize,
    /// Within metadata nulls count as nothing, whatever its schema says.
    meta: bool,
    /// Patterns as they were compiled; none: they are too large, or this engine does not know them and the server's does.
    patterns: HashMap<String, Option<Regex>>,
}

impl Checker<'_> {
    /// Notes a mistake.
    pub(super) fn wrong(&mut self, path: &str, words: &str) {
        if self.mistakes.len() < MISTAKES {
            let mut words = words.to_owned();
            if let Some((end, _)) = words.char_indices().nth(WORDS) {
                words.truncate(end);
                words.push_str(" …");
            }
            self.mistakes.push(Mistake { path: path.to_owned(), words });
        }
    }

    /// May so much more work be done? If not, it is checked in part only.
    fn spend(&mut self, work: usize) -> bool {
        let left = self.left.checked_sub(work);
        self.left = left.unwrap_or_default();
        self.part |= left.is_none();
        left.is_some()
    }

    /// Checks one value by its node.
    pub(super) fn value(&mut self, node: &Node, value: &Value, path: &str, depth: usize) {
        if depth == 0 {
            self.part = true;
            return;
        }
        if !self.spend(1 + path.len() / 256) {
            return;
        }
        let node = self.schema.resolve(node);
        if value.is_null() && self.meta {
            return;
        }
        if value.is_null() && (node.nullable || !self.schema.custom) {
            return self.listed(node, value, path);
        }
        if let Some(words) = mistyped(node, value) {
            return self.wrong(path, &words);
        }
        self.listed(node, value, path);
        if self.schema.custom {
            self.bounds(node, value, path);
        }
        if let Some(logic) = &node.logic {
            self.logic(logic, value, path, depth - 1);
        }
        match value {
            Value::Object(map) => self.object(node, map, path, depth),
            Value::Array(items) => self.list(node, items, path, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, node: &Node, map: &Map<String, Value>, path: &str, depth: usize) {
        let needed = node.required.iter().map(|key| cost(key)).sum();
        if self.schema.custom && self.spend(needed) {
            for key in node.required.iter().filter(|key| !map.contains_key(*key)) {
                self.wrong(&step(path, key), "is required");
            }
        }
        if node.embedded {
            self.embedded(map, path);
        }
        for (key, value) in map {
            if let Some(inner) = node.field(key) {
                let above = self.meta;
                self.meta |= key == "metadata" && (depth == DEPTH || node.embedded);
                self.value(inner, value, &step(path, key), depth - 1);
                self.meta = above;
            }
        }
    }

    /// An object within the object says what it is and has metadata of its own.
    fn embedded(&mut self, map: &Map<String, Value>, path: &str) {
        for key in ["apiVersion", "kind"] {
            match map.get(key) {
                Some(Value::String(text)) if !text.is_empty() => {}
                Some(Value::String(_)) | None => self.wrong(&step(path, key), "is required"),
                Some(_) => self.wrong(&step(path, key), "must be a text"),
            }
        }
        if let Some(metadata) = map.get("metadata")
            && self.spend(weight(metadata))
        {
            meta::check(metadata, (&step(path, "metadata"), false), &mut self.mistakes);
        }
    }

    fn list(&mut self, node: &Node, items: &[Value], path: &str, depth: usize) {
        if let Some(inner) = &node.items {
            for (index, item) in items.iter().enumerate() {
                self.value(inner, item, &format!("{path}/{index}"), depth - 1);
            }
        }
        match &node.list {
            List::Atomic => {}
            List::Set => self.distinct(items.iter().map(Value::to_string), path, TWICE),
            List::Map(keys) => {
                let names = items.iter().map(|item| {
                    let values: Vec<_> = keys.iter().map(|key| item.get(key)).collect();
                    format!("{values:?}")
                });
                self.distinct(names, path, &format!("has the same {} as another", keys.join(" and ")));
            }
        }
    }

    fn distinct(&mut self, items: impl Iterator<Item = String>, path: &str, words: &str) {
        let mut seen = HashSet::new();
        for (index, item) in items.enumerate() {
            if !self.spend(cost(&item)) {
                return;
            }
            if !seen.insert(item) {
                self.wrong(&format!("{path}/{index}"), words);
            }
        }
    }

    /// Is it one of the values that are listed, if any are?
    fn listed(&mut self, node: &Node, value: &Value, path: &str) {
        let all = node.bounds.as_ref().and_then(|bounds| bounds.one_of.as_ref());
        let Some(all) = all.filter(|_| self.schema.custom) else { return };
        if self.spend(all.len()) && !all.contains(value) {
            let words: Vec<_> = all.iter().take(12).map(Value::to_string).collect();
            self.spend(words.iter().map(|word| cost(word)).sum());
            let more = if all.len() > words.len() { " …" } else { "" };
            self.wrong(path, &format!("must be one of {}{more}", words.join(", ")));
        }
    }

    fn bounds(&mut self, node: &Node, value: &Value, path: &str) {
        let Some(bounds) = &node.bounds else { return };
        match value {
            Value::String(text) => self.text(bounds, text, path),
            Value::Number(number) => {
                for words in number_faults(bounds, number) {
                    self.wrong(path, &words);
                }
            }
            Value::Array(items) => {
                self.count(items.len(), (bounds.min_items, bounds.max_items), "items", path);
                if bounds.unique {
                    self.distinct(items.iter().map(Value::to_string), path, TWICE);
                }
            }
            Value::Object(map) => {
                self.count(map.len(), (bounds.min_properties, bounds.max_properties), "fields", path);
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn text(&mut self, bounds: &Bounds, text: &str, path: &str) {
        if bounds.min_length.is_some() || bounds.max_length.is_some() {
            let length = text.chars().count();
            self.count(length, (bounds.min_length, bounds.max_length), "characters", path);
        }
        if let Some(format) = bounds.format.as_deref().filter(|format| !fits(format, text)) {
            self.wrong(path, &format!("is no {format}"));
        }
        let Some(pattern) = &bounds.pattern else { return };
        if self.spend(cost(text) + cost(pattern)) && self.matches(pattern, text) == Some(false) {
            self.wrong(path, &format!("does not match {pattern}"));
        }
    }

    /// None: that cannot be told.
    fn matches(&mut self, pattern: &str, text: &str) -> Option<bool> {
        if !self.patterns.contains_key(pattern) && self.patterns.len() < PATTERNS {
            let mut builder = RegexBuilder::new(pattern);
            builder.size_limit(PATTERN).dfa_size_limit(AUTOMATON);
            let compiled = if pattern.len() > WRITTEN { None } else { builder.build().ok() };
            self.patterns.insert(pattern.to_owned(), compiled);
        }
        let compiled = self.patterns.get(pattern).and_then(Option::as_ref);
        self.part |= compiled.is_none();
        compiled.map(|compiled| compiled.is_match(text))
    }

    fn count(&mut self, count: usize, (least, most): (Option<u64>, Option<u64>), of: &str, path: &str) {
        if let Some(least) = least.filter(|least| (count as u64) < *least) {
            self.wrong(path, &format!("has {count} {of}, at least {least} are needed"));
        }
        if let Some(most) = most.filter(|most| (count as u64) > *most) {
            self.wrong(path, &format!("has {count} {of}, at most {most} are allowed"));
        }
    }
}

/// What is said of a value of the wrong type.
fn mistyped(node: &Node, value: &Value) -> Option<String> {
    let whole = |value: &Value| match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if node.int_or_string {
        return (!value.is_string() && !whole(value))
            .then(|| format!("must be a whole number or a text, and is {}", word(value)));
    }
    let Some(sort) = node.sort else {
        return (value.is_null() && !node.preserve && node.embedded).then(|| "must not be null".to_owned());
    };
    let right = match sort {
        Sort::Object => value.is_object(),
        Sort::Array => value.is_array(),
        Sort::String => value.is_string(),
        Sort::Integer => whole(value),
        Sort::Number => value.is_number(),
        Sort::Boolean => value.is_boolean(),
    };
    (!right).then(|| format!("must be {}, and is {}", sort.word(), word(value)))
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => Sort::Boolean.word(),
        Value::Number(_) => Sort::Number.word(),
        Value::String(_) => Sort::String.word(),
        Value::Array(_) => Sort::Array.word(),
        Value::Object(_) => Sort::Object.word(),
    }
}

fn number_faults(bounds: &Bounds, number: &serde_json::Number) -> Vec<String> {
    let Some(value) = number.as_f64() else { return Vec::new() };
    let mut faults = Vec::new();
    if let Some(least) = bounds.minimum
        && (value < least || (bounds.above && value <= least))
    {
        faults.push(format!("must be {} {least}", if bounds.above { "more than" } else { "at least" }));
    }
    if let Some(most) = bounds.maximum
        && (value > most || (bounds.below && value >= most))
    {
        faults.push(format!("must be {} {most}", if bounds.below { "less than" } else { "at most" }));
    }
    if let Some(of) = bounds.multiple
        && ((value / of) - (value / of).round()).abs() > 1e-9
    {
        faults.push(format!("must be a multiple of {of}"));
    }
    let narrow = bounds.format.as_deref() == Some("int32");
    if narrow && !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value) {
        faults.push("must fit into 32 bits".to_owned());
    }
    faults
}
