//! The target's words, which may quote anything.

use std::collections::BTreeSet;

use serde_json::Value;

use super::needles::SEARCHED;
use super::text::{Cover, merge, rewrite};
use super::{LIVE_ONLY, Mask};
use crate::model::object::ObjectId;

/// The object that the target speaks of.
#[derive(Debug, Clone)]
pub(crate) struct Quoted<'v> {
    /// Which.
    pub id: &'v ObjectId,
    /// What Git states of it, before and after this change.
    pub git: Vec<&'v Value>,
    /// What is there.
    pub live: Option<&'v Value>,
}

impl Mask<'_> {
    /// The target's words without secrets: an error body, a warning, a log line.
    ///
    /// A refusal quotes what was proposed. If that were masked wherever it equals a secret of the target's, each refused
    /// object would tell its author whether he guessed right; so what Git states of the object is shown. Where the live
    /// object itself holds secrets that nobody has merged, the words may as well quote those, and showing a guess would
    /// tell as much: there every text that Git states is replaced, right or wrong, by the mark of what is live.
    pub(crate) fn words(&self, words: &str, of: Option<&Quoted<'_>>) -> String {
        if words.is_empty() {
            return String::new();
        }
        let base = |secret: usize| self.needles.holders(secret).base;
        match of {
            Some(of) if self.holds(of) => {
                let mut covers = self.covers(words, &|_| true);
                covers.extend(texts(of).iter().flat_map(|text| {
                    words.match_indices(text.as_str()).map(|(at, _)| Cover {
                        range: at..at + text.len(),
                        secrets: Vec::new(),
                        exact: false,
                    })
                }));
                covers.sort_by_key(|cover| (cover.range.start, usize::MAX - cover.range.end));
                rewrite(words, &merge(covers), |cover| self.label(words, cover, &base))
            }
            Some(of) => {
                let stated = self.stated_of(words, of);
                let shown = |secret: usize| stated.contains(&secret) && !self.needles.holders(secret).git();
                let covers = self.covers(words, &|secret| !shown(secret));
                let hashed = |secret: usize| {
                    base(secret) || (stated.contains(&secret) && self.needles.holders(secret).git())
                };
                rewrite(words, &covers, |cover| self.label(words, cover, &hashed))
            }
            None => rewrite(words, &self.covers(words, &|_| true), |cover| self.label(words, cover, &base)),
        }
    }

    /// Does the live object hold a secret that is not merged?
    fn holds(&self, of: &Quoted<'_>) -> bool {
        let Some(live) = of.live else { return false };
        let mut found = false;
        strings(&self.beside(of.id, live, &[]), &mut |text| found |= text.contains(LIVE_ONLY));
        found
    }

    /// Those secrets in the words that nobody has merged and that Git states of the object.
    fn stated_of(&self, words: &str, of: &Quoted<'_>) -> BTreeSet<usize> {
        let unmerged = |secret: usize| !self.needles.holders(secret).base;
        let spoken: BTreeSet<usize> =
            self.covers(words, &unmerged).into_iter().flat_map(|cover| cover.secrets).collect();
        let mut stated = BTreeSet::new();
        for git in of.git.iter().filter(|_| !spoken.is_empty()) {
            strings(git, &mut |text| {
                let covers = self.covers(text, &|secret| spoken.contains(&secret));
                stated.extend(covers.into_iter().flat_map(|cover| cover.secrets));
            });
        }
        stated
    }
}

/// All that Git states of an object but its names, as it is and as it is quoted.
fn texts(of: &Quoted<'_>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for git in &of.git {
        strings(git, &mut |text| {
            if text.len() >= SEARCHED {
                texts.insert(text.to_owned());
                texts.insert(Value::from(text).to_string().trim_matches('"').to_owned());
            }
        });
    }
    let names = [Some(&of.id.kind), Some(&of.id.name), of.id.namespace.as_ref()];
    texts.retain(|text| text.len() >= SEARCHED && !names.contains(&Some(text)));
    texts
}

/// All texts of a value, and the keys of its mappings.
fn strings<'v>(value: &'v Value, visit: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|value| strings(value, visit)),
        Value::Object(map) => {
            for (key, value) in map {
                visit(key);
                strings(value, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
