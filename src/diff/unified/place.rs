//! Where in an object a line lies, as people write it: `spec.template.spec.containers[web].image`.

use std::collections::HashMap;

/// A place longer than this is cut in front; keys have no bound of their own.
const LONG: usize = 200;

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, by its name or position.
    Item(String),
    /// What kind of text begins here, or what happens to the list.
    Note(&'static str),
}

/// A place: its number. The object itself is 0.
pub(super) type Place = usize;

/// All places of one object; each knows the one above it.
#[derive(Debug, Default)]
pub(super) struct Places {
    nodes: Vec<(Place, Step, usize)>,
    known: HashMap<(Place, Step), Place>,
}

impl Places {
    /// One step from a place.
    pub(super) fn step(&mut self, from: Place, step: Step) -> Place {
        if let Some(known) = self.known.get(&(from, step.clone())) {
            return *known;
        }
        self.nodes.push((from, step.clone(), self.depth(from) + 1));
        self.known.insert((from, step), self.nodes.len());
        self.nodes.len()
    }

    /// What several places have in common, in words; empty: only that they are in one object.
    pub(super) fn common(&self, places: impl Iterator<Item = Place>) -> String {
        let both = places.reduce(|mut a, mut b| {
            while a != b {
                if self.depth(a) >= self.depth(b) {
                    a = self.above(a);
                } else {
                    b = self.above(b);
                }
            }
            a
        });
        let mut steps = Vec::new();
        let mut place = both.unwrap_or(0);
        while let Some((above, step, _)) = place.checked_sub(1).and_then(|at| self.nodes.get(at)) {
            steps.push(step);
            place = *above;
        }
        steps.reverse();
        words(&steps)
    }

    fn depth(&self, place: Place) -> usize {
        place.checked_sub(1).and_then(|at| self.nodes.get(at)).map_or(0, |node| node.2)
    }

    fn above(&self, place: Place) -> Place {
        place.checked_sub(1).and_then(|at| self.nodes.get(at)).map_or(0, |node| node.0)
    }
}

fn words(steps: &[&Step]) -> String {
    let mut words = String::new();
    for step in steps {
        match step {
            Step::Key(key) if plain(key) => {
                if !words.is_empty() && !words.ends_with(' ') {
                    words.push('.');
                }
                words.push_str(key);
            }
            Step::Key(name) | Step::Item(name) => words.extend(["[", &one_line(name), "]"]),
            Step::Note(note) => words.extend([" (", note, ") "]),
        }
    }
    let words = words.trim_end();
    match words.char_indices().rev().nth(LONG) {
        Some((at, _)) => format!("…{}", &words[at..]),
        None => words.to_owned(),
    }
}

fn plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

/// A name in one line, without what a line cannot show.
fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || crate::yaml::escaped(c) { '\u{fffd}' } else { c }).collect()
}
