//! Reading settings out of a [`Node`]: typed, bounded, and all faults at once.
//!
//! The reader of a file walks it with [`Field`] and [`Fields`] and takes what it can; each thing that is wrong is told to
//! [`Faults`] with its place, and reading goes on. Only at the end does the caller ask whether anything was wrong:
//!
//! ```text
//! let faults = Faults::new("server.yaml", text);
//! let mut root = Field::root(&document.root, &faults).fields(&["listen", "targets"]);
//! let listen = root.get("listen").and_then(|field| field.parsed::<SocketAddr>());
//! for (name, target) in root.get("targets").map(|field| field.entries()).unwrap_or_default() { … }
//! faults.none_or_all()?;
//! ```
//!
//! A key whose value is null counts as absent. Values that did not come from the file (line 0) are told by the name that
//! [`Faults::came_from`] was given for their path; texts among them are read as numbers or booleans where one is wanted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::model::fault::Fault;
use crate::yaml::nearest::nearest;
use crate::yaml::{Content, Key, Node, snippet};

/// More faults than anybody reads at once; a file may not fill the memory with them.
const MOST: usize = 100;

/// What is wrong with one file, collected while it is read.
#[derive(Debug)]
pub(crate) struct Faults {
    file: String,
    text: String,
    origins: BTreeMap<String, String>,
    found: RefCell<Vec<Fault>>,
}

impl Faults {
    /// Nothing wrong yet. `text` is the whole file, for snippets.
    pub(crate) fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), origins: BTreeMap::new(), found: RefCell::default() }
    }

    /// The value at `path` (`github.app_id`) came from elsewhere: faults in it name `origin` in place of file and line.
    pub(crate) fn came_from(&mut self, path: impl Into<String>, origin: impl Into<String>) {
        self.origins.insert(path.into(), origin.into());
    }

    /// Tells a fault that has no place in the file.
    pub(crate) fn tell(&self, fault: Fault) {
        let mut found = self.found.borrow_mut();
        if found.len() < MOST && !found.contains(&fault) {
            found.push(fault);
        }
    }

    /// Tells a fault at a place; line 0 stands for a value from elsewhere, or a file that has no such place.
    pub(crate) fn tell_at(&self, (line, column): (u32, u32), path: &str, fault: Fault) {
        if line > 0 {
            let fault = fault.file(self.file.as_str()).at(line, column);
            return self.tell(Fault { snippet: Some(snippet(&self.text, line, column)), ..fault });
        }
        let origin = self.origins.iter().find(|(known, _)| is_within(path, known));
        self.tell(match origin {
            Some((_, origin)) => fault.file(origin.as_str()),
            None => fault.file(self.file.as_str()),
        });
    }

    /// Nothing, if nothing was wrong; otherwise all faults in the order of the file.
    pub(crate) fn none_or_all(self) -> Result<(), Vec<Fault>> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|fault| (fault.line.unwrap_or(0), fault.column.unwrap_or(0)));
        Err(found)
    }
}

/// Is `path` the setting `outer` or something beneath it?
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// One value and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    node: &'a Node,
    path: String,
    faults: &'a Faults,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(crate) fn root(node: &'a Node, faults: &'a Faults) -> Self {
        Self { node, path: String::new(), faults }
    }

    /// The value itself.
    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    /// Its line, from 1; 0 if it did not come from the file.
    pub(crate) fn line(&self) -> u32 {
        self.node.line
    }

    /// The way to it: `environments.prod.sources[0].path`; empty for the whole document.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Tells that this value is wrong. `message` begins with what it is about, as in `listen must be …`.
    pub(crate) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) {
        let fault = Fault::new(message).hint(hint);
        self.faults.tell_at((self.node.line, self.node.column), &self.path, fault);
    }

    /// The way to it for a sentence; `the file` for the whole document.
    fn name(&self) -> &str {
        if self.path.is_empty() { "the file" } else { &self.path }
    }

    fn is_not(&self, wanted: &str, hint: &str) {
        self.refuse(format!("{} must be {wanted}, not {}", self.name(), self.node.kind()), hint);
    }

    /// A mapping with these keys and no others; unknown ones are told at once. Anything else than a mapping is told, and
    /// then behaves as an empty one.
    pub(crate) fn fields(&self, known: &[&'static str]) -> Fields<'a> {
        if !matches!(self.node.content, Content::Map(_)) {
            self.is_not("a mapping", &format!("its keys are {}", list(known)));
        }
        for (key, node) in self.node.entries() {
            if !known.contains(&key.text.as_str()) {
                self.unknown(key, node, known);
            }
        }
        Fields { field: self.clone() }
    }

    fn unknown(&self, key: &Key, node: &Node, known: &[&'static str]) {
        let within = if self.path.is_empty() { String::new() } else { format!(" of {}", self.path) };
        let shown: String = key.text.chars().take(60).collect();
        let hint = match nearest(&key.text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", list(known)),
        };
        let place = if node.line == 0 { (0, 0) } else { (key.line, key.column) };
        let path = joined(&self.path, &key.text);
        self.faults.tell_at(
            place,
            &path,
            Fault::new(format!("`{shown}` is not a setting{within}")).hint(hint),
        );
    }

    /// The entries of a mapping whose keys are names; anything else is told.
    pub(crate) fn entries(&self) -> Vec<(&'a Key, Field<'a>)> {
        if !matches!(self.node.content, Content::Map(_)) {
            self.is_not("a mapping", "");
        }
        let entry = |(key, node): &'a (Key, Node)| {
            (key, Field { node, path: joined(&self.path, &key.text), faults: self.faults })
        };
        self.node.entries().iter().map(entry).collect()
    }

    /// Tells that a key of this mapping is wrong.
    pub(crate) fn refuse_key(&self, key: &Key, message: impl Into<String>, hint: impl Into<String>) {
        let fault = Fault::new(message).hint(hint);
        self.faults.tell_at((key.line, key.column), &joined(&self.path, &key.text), fault);
    }

    /// The items of a list; anything else is told.
    pub(crate) fn list(&self) -> Vec<Field<'a>> {
        if !matches!(self.node.content, Content::List(_)) {
            self.is_not("a list", "write it as [a, b], or one `- item` per line");
        }
        let item = |(index, node): (usize, &'a Node)| Field {
            node,
            path: format!("{}[{index}]", self.path),
            faults: self.faults,
        };
        self.node.items().iter().enumerate().map(item).collect()
    }

    /// A string that is not empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Text(text) if text.is_empty() => {
                self.refuse(
                    format!("{} must not be empty", self.name()),
                    "leave the key out for its default",
                );
                None
            }
            Content::Text(text) => Some(text),
            Content::Bool(_) | Content::Number(_) => {
                self.is_not("a string", "put it in quotes");
                None
            }
            Content::Null | Content::List(_) | Content::Map(_) => {
                self.is_not("a string", "");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match (&self.node.content, self.node.line) {
            (Content::Bool(is), _) => Some(*is),
            (Content::Text(text), 0) if text == "true" => Some(true),
            (Content::Text(text), 0) if text == "false" => Some(false),
            _ => {
                self.is_not("true or false", "");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let number = match (&self.node.content, self.node.line) {
            (Content::Number(number), _) => number.as_u64(),
            (Content::Text(text), 0) => text.parse().ok(),
            (Content::Null | Content::Bool(_) | Content::Text(_) | Content::List(_) | Content::Map(_), _) => {
                self.is_not("a whole number", "");
                return None;
            }
        };
        let inside = number.filter(|number| bounds.contains(number));
        if inside.is_none() {
            let (low, high) = (bounds.start(), bounds.end());
            let rule = if *high == u64::MAX { format!("{low} or more") } else { format!("{low} to {high}") };
            self.refuse(format!("{} must be a whole number, {rule}", self.name()), "");
        }
        inside
    }

    /// A string that is well formed as `T`.
    pub(crate) fn parsed<T: FromStr>(&self) -> Option<T>
    where
        T::Err: Display,
    {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(format!("{}: {error}", self.name()), "");
                None
            }
        }
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
            let hint = nearest(text, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
            let shown: String = text.chars().take(60).collect();
            let message = format!("{} must be one of {}, not `{shown}`", self.name(), list(&known));
            self.refuse(message, hint.unwrap_or_default());
        }
        found
    }
}

/// A mapping with known keys.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    field: Field<'a>,
}

impl<'a> Fields<'a> {
    /// The value of a key; none if it is absent or null.
    pub(crate) fn get(&self, key: &'static str) -> Option<Field<'a>> {
        let node = self.field.node.get(key).filter(|node| node.content != Content::Null)?;
        Some(Field { node, path: joined(&self.field.path, key), faults: self.field.faults })
    }

    /// The value of a key that must be there; its absence is told at the mapping.
    pub(crate) fn required(&self, key: &'static str, hint: &str) -> Option<Field<'a>> {
        let found = self.get(key);
        if found.is_none() && matches!(self.field.node.content, Content::Map(_)) {
            self.field.refuse(format!("{} is missing", joined(&self.field.path, key)), hint);
        }
        found
    }

    /// Each item of a list read by `read`; those that cannot be read are told and left out. Empty if the key is absent.
    pub(crate) fn each<T>(&self, key: &'static str, read: impl Fn(&Field<'a>) -> Option<T>) -> Vec<T> {
        self.get(key).map_or_else(Vec::new, |field| field.list().iter().filter_map(read).collect())
    }

    /// The mapping as a value, to tell faults about it as a whole.
    pub(crate) fn field(&self) -> &Field<'a> {
        &self.field
    }
}

fn joined(path: &str, key: &str) -> String {
    let key: String = key.chars().take(60).collect();
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn list(words: &[&str]) -> String {
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{Faults, Field};
    use crate::model::fault::Fault;
    use crate::yaml::{Content, Limits, Node, read};

    /// Reads one settings file that has some of everything.
    fn faults(text: &str) -> Vec<Fault> {
        let documents = read(text.as_bytes(), &Limits::default()).unwrap();
        let faults = Faults::new("server.yaml", text);
        let root =
            Field::root(&documents[0].root, &faults).fields(&["listen", "seconds", "deep", "names", "mode"]);
        let _: Option<SocketAddr> =
            root.required("listen", "as in 0.0.0.0:80").and_then(|field| field.parsed());
        let _: Option<u64> = root.get("seconds").and_then(|field| field.number(1..=600));
        let _: Option<bool> =
            root.get("mode").and_then(|field| field.choice(&[("require", true), ("off", false)]));
        drop(root.each("names", Field::text));
        for (key, inner) in root.get("deep").map(|field| field.entries()).unwrap_or_default() {
            let _: Option<bool> = inner.boolean();
            if key.text == "bad" {
                root.field().refuse_key(key, "bad is bad", "");
            }
        }
        faults.none_or_all().err().unwrap_or_default()
    }

    #[test]
    fn a_good_file_has_no_faults() {
        let good = "listen: 127.0.0.1:80\nseconds: 60\nmode: require\nnames: [a, b]\ndeep: {a: yes, b: no}\n";
        assert_eq!(faults(good), []);
        assert_eq!(faults("listen: '[::1]:80'\nseconds: null\n"), []);
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_places() {
        let told =
            faults("listn: 1\nseconds: 601\nmode: requiré\nnames: [a, 2, '']\ndeep:\n  bad: perhaps\n");
        let text: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            text.join("\n"),
            "\
server.yaml:1:1: `listn` is not a setting (did you mean `listen`?)
listn: 1
^
server.yaml:1:1: listen is missing (as in 0.0.0.0:80)
listn: 1
^
server.yaml:2:10: seconds must be a whole number, 1 to 600
seconds: 601
         ^
server.yaml:3:7: mode must be one of require, off, not `requiré` (did you mean `require`?)
mode: requiré
      ^
server.yaml:4:12: names[1] must be a string, not a number (put it in quotes)
names: [a, 2, '']
           ^
server.yaml:4:15: names[2] must not be empty (leave the key out for its default)
names: [a, 2, '']
              ^
server.yaml:6:3: bad is bad
  bad: perhaps
  ^
server.yaml:6:8: deep.bad must be true or false, not a string
  bad: perhaps
       ^"
        );
    }

    #[test]
    fn a_file_of_another_shape_is_told_once() {
        let told = faults("- a\n- b\n");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].message, "the file must be a mapping, not a list");
        assert_eq!(told[0].hint, "its keys are listen, seconds, deep, names, mode");
    }

    #[test]
    fn what_came_from_elsewhere_is_told_by_its_name() {
        let node = |text: &str| Node { line: 0, column: 0, content: Content::Text(text.to_owned()) };
        let mut faults = Faults::new("server.yaml", "");
        faults.came_from("render.seconds", "TIDEGATE_RENDER__SECONDS");
        let (good, bad) = (node("7"), node("soon"));
        let field = |node| Field { node, path: "render.seconds".to_owned(), faults: &faults };
        assert_eq!(field(&good).number(1..=9), Some(7));
        assert_eq!(field(&bad).number(1..=9), None);
        let told = faults.none_or_all().unwrap_err();
        assert_eq!(
            told[0].to_string(),
            "TIDEGATE_RENDER__SECONDS: render.seconds must be a whole number, 1 to 9"
        );
    }

    #[test]
    fn a_flood_of_faults_is_cut() {
        let text = (0..5_000).map(|n| format!("k{n}: 1")).collect::<Vec<_>>().join("\n");
        assert_eq!(faults(&text).len(), 100);
    }
}
