//! The target's words, which may quote anything.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::needles::{Holders, Needles, SEARCHED, hold};
use super::text::within;
use super::{LIVE_ONLY, Mask, Text};
use crate::model::object::ObjectId;

/// The object that the target speaks of.
#[derive(Debug)]
pub(crate) struct Quoted<'v> {
    id: &'v ObjectId,
    git: Vec<&'v Value>,
    live: Option<&'v Value>,
    /// Does the live object hold a secret that is not merged? Found out once.
    holds: OnceCell<bool>,
    /// What Git states, to be searched for.
    texts: OnceCell<Needles>,
}

impl<'v> Quoted<'v> {
    /// Which object, what Git states of it before and after this change, and what is there.
    pub(crate) fn new(id: &'v ObjectId, git: Vec<&'v Value>, live: Option<&'v Value>) -> Self {
        Self { id, git, live, holds: OnceCell::new(), texts: OnceCell::new() }
    }
}

impl Mask<'_> {
    /// The target's words without secrets: an error body, a warning, a log line.
    ///
    /// A refusal quotes what was proposed. If that were masked wherever it equals a secret of the target's, each refused
    /// object would tell its author whether he guessed right; so what Git states of the object is shown. Where the live
    /// object itself holds secrets that nobody has merged, the words may as well quote those, and then every edge of a mark
    /// tells something: `‹secret›` within what was proposed that it holds one, more than the secret beside it that what was
    /// proposed goes on as the secret does. There words in which anything of either lies are replaced as a whole.
    pub(crate) fn words(&self, words: &str, of: Option<&Quoted<'_>>) -> String {
        let Some(of) = of.filter(|_| !words.is_empty()) else { return self.string(words, Text::Live) };
        let unmerged = |secret: usize| !self.live.holders(secret).base;
        if *of.holds.get_or_init(|| self.holds(of)) {
            let quotes = |needles: &Needles, wanted: &dyn Fn(usize) -> bool| {
                !within(needles, words, wanted).is_empty()
            };
            let quoted = quotes(&self.live, &unmerged)
                || quotes(&self.rest, &|_| true)
                || quotes(of.texts.get_or_init(|| texts(of)), &|_| true);
            return if quoted { LIVE_ONLY.to_owned() } else { self.string(words, Text::Live) };
        }
        let known = stated(&self.live, words, of, &unmerged);
        let own = |secret: usize| known.contains(&secret);
        let git = |secret: usize| self.live.holders(secret).git();
        let proposed = stated(&self.rest, words, of, &|secret| self.rest.holders(secret).merge);
        self.live(
            words,
            &|secret| !own(secret) || git(secret),
            &|secret| !unmerged(secret) || (own(secret) && git(secret)),
            &|secret| proposed.contains(&secret),
        )
    }

    /// Does the live object hold a secret that is not merged?
    fn holds(&self, of: &Quoted<'_>) -> bool {
        let Some(live) = of.live else { return false };
        let mut found = false;
        strings(&self.beside(of.id, live, &[], None), &mut |text, _| found |= text.contains(LIVE_ONLY));
        found
    }
}

/// Those of these secrets in the words that Git states of the object.
fn stated(
    needles: &Needles,
    words: &str,
    of: &Quoted<'_>,
    wanted: &dyn Fn(usize) -> bool,
) -> BTreeSet<usize> {
    let spoken = within(needles, words, wanted);
    let mut stated = BTreeSet::new();
    for git in of.git.iter().filter(|_| !spoken.is_empty()) {
        strings(git, &mut |text, _| {
            stated.extend(within(needles, text, &|secret| spoken.contains(&secret)));
        });
    }
    stated
}

/// All that Git states of an object but its names, to be searched for.
fn texts(of: &Quoted<'_>) -> Needles {
    let names = [Some(&of.id.kind), Some(&of.id.name), of.id.namespace.as_ref()];
    let mut texts = BTreeMap::new();
    for git in &of.git {
        strings(git, &mut |text, _| {
            if text.len() >= SEARCHED && !names.iter().flatten().any(|name| *name == text) {
                hold(&mut texts, text.as_bytes().to_vec(), Holders::default());
            }
        });
    }
    Needles::new(texts)
}

/// All texts of a value, and the keys of its mappings, with whether it is a key.
pub(super) fn strings<'v>(value: &'v Value, visit: &mut dyn FnMut(&'v str, bool)) {
    match value {
        Value::String(text) => visit(text, false),
        Value::Array(items) => items.iter().for_each(|value| strings(value, visit)),
        Value::Object(map) => {
            for (key, value) in map {
                visit(key, true);
                strings(value, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
