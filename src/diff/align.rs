//! Which item of a list continues which: by keys, by values, or by what lies between items that are equal.
//!
//! Deterministic in its input and without a clock, since digests depend on it; never quadratic beyond [`TABLE`].

use std::collections::HashMap;

use serde_json::Value;

use crate::model::canonical;
use crate::model::lists::name;

/// The most cells of a table of two lists; longer ones are aligned at items that occur once in each.
const TABLE: usize = 250_000;

/// Two lists side by side.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    /// For each item after, the item before that it continues.
    pub from: Vec<Option<usize>>,
    /// For each item before: does it go?
    pub gone: Vec<bool>,
    /// What names the items before and after, where they are told apart by keys or values.
    pub names: Option<(Vec<String>, Vec<String>)>,
    /// Do the items that stay change their order? Only of items with names.
    pub reordered: bool,
}

impl Aligned {
    /// The token that stands for an item after wherever it is: its name, or its position.
    pub(crate) fn after(&self, at: usize) -> String {
        token(self.names.as_ref().and_then(|names| names.1.get(at)), at)
    }

    /// The same of an item before.
    pub(crate) fn before(&self, at: usize) -> String {
        token(self.names.as_ref().and_then(|names| names.0.get(at)), at)
    }

    fn new(before: usize, from: Vec<Option<usize>>, names: Option<(Vec<String>, Vec<String>)>) -> Self {
        let mut gone = vec![true; before];
        for at in from.iter().flatten() {
            if let Some(gone) = gone.get_mut(*at) {
                *gone = false;
            }
        }
        let reordered = !from.iter().flatten().is_sorted();
        Self { from, gone, names, reordered }
    }
}

fn token(name: Option<&String>, at: usize) -> String {
    name.map_or_else(|| at.to_string(), |name| format!("[{name}]"))
}

/// Aligns two lists. Keys: as [`crate::model::lists::ListKeys`] has them, empty for sets, none where nothing is known of the
/// list; then `name` is tried. Items that lack their keys or repeat them are aligned as those of any other list: by what is
/// equal, and in between by position.
pub(crate) fn align(before: &[Value], after: &[Value], keys: Option<&[String]>) -> Aligned {
    let named = match keys {
        Some([]) => values(before).zip(values(after)),
        Some(keys) => names(before, keys).zip(names(after, keys)),
        None => {
            let key = ["name".to_owned()];
            names(before, &key).zip(names(after, &key))
        }
    };
    match named {
        Some((old, new)) => {
            let places: HashMap<&str, usize> =
                old.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
            let from = new.iter().map(|name| places.get(name.as_str()).copied()).collect();
            drop(places);
            Aligned::new(before.len(), from, Some((old, new)))
        }
        None => Aligned::new(before.len(), sequence(before, after), None),
    }
}

/// What each item is to be called in this list alone: as [`align`] has it for two.
pub(crate) fn called(items: &[Value], keys: Option<&[String]>) -> Option<Vec<String>> {
    match keys {
        Some([]) => values(items),
        Some(keys) => names(items, keys),
        None => names(items, &["name".to_owned()]),
    }
}

/// The names of a list's items, if every item has one of its own.
fn names(items: &[Value], keys: &[String]) -> Option<Vec<String>> {
    distinct(items.iter().map(|item| name(keys, item)).collect::<Option<_>>()?)
}

/// The values of a set's items, if they are scalars and none is there twice.
fn values(items: &[Value]) -> Option<Vec<String>> {
    let text = |item: &Value| match item {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(item.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    // A number and the string of its digits are two values and would have one name.
    let same = items.windows(2).all(|pair| matches!(pair, [a, b] if a.is_string() == b.is_string()));
    distinct(items.iter().map(text).collect::<Option<_>>().filter(|_| same)?)
}

fn distinct(names: Vec<String>) -> Option<Vec<String>> {
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let distinct = sorted.windows(2).all(|pair| matches!(pair, [a, b] if a != b));
    distinct.then_some(names)
}

/// Items in their order: equal ones first, then what lies between them by position.
fn sequence(before: &[Value], after: &[Value]) -> Vec<Option<usize>> {
    let (old, new) = numbers(before, after);
    let mut from = vec![None; after.len()];
    let mut gap = (0, 0);
    for (a, b) in common(&old, &new).into_iter().chain([(old.len(), new.len())]) {
        for step in 0..(a - gap.0).min(b - gap.1) {
            from[gap.1 + step] = Some(gap.0 + step);
        }
        if b < new.len() {
            from[b] = Some(a);
        }
        gap = (a + 1, b + 1);
    }
    from
}

/// Equal items have equal numbers.
fn numbers(before: &[Value], after: &[Value]) -> (Vec<usize>, Vec<usize>) {
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut number = |item: &Value| {
        let next = known.len();
        *known.entry(canonical::bytes(item)).or_insert(next)
    };
    (before.iter().map(&mut number).collect(), after.iter().map(&mut number).collect())
}

/// Pairs of equal items in the order of both: a longest common subsequence, or in long lists one over items that occur once.
fn common(old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let inner = if a.len().saturating_mul(b.len()) <= TABLE { table(a, b) } else { anchors(a, b) };
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|at| (at, at)).collect();
    pairs.extend(inner.into_iter().map(|(a, b)| (a + head, b + head)));
    pairs.extend((0..tail).rev().map(|back| (old.len() - 1 - back, new.len() - 1 - back)));
    pairs
}

/// The longest common subsequence by its table.
fn table(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut best = vec![0_u32; (a.len() + 1) * width];
    for (i, x) in a.iter().enumerate().rev() {
        for (j, y) in b.iter().enumerate().rev() {
            best[i * width + j] = if x == y {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// Items that occur once in each list, as many as keep their order.
fn anchors(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    let once = |items: &[usize]| {
        let mut places: HashMap<usize, Option<usize>> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            places.entry(*item).and_modify(|place| *place = None).or_insert(Some(at));
        }
        places
    };
    let (old, new) = (once(a), once(b));
    let place = |at: usize| {
        let item = b.get(at)?;
        old.get(item).copied().flatten().filter(|_| new.get(item) == Some(&Some(at)))
    };
    let from: Vec<Option<usize>> = (0..b.len()).map(place).collect();
    let stays = steady(&from);
    from.iter()
        .enumerate()
        .filter(|(at, _)| stays.get(*at) == Some(&true))
        .filter_map(|(at, old)| Some(((*old)?, at)))
        .collect()
}

/// Of items that come from elsewhere, the most that keep their order: the others moved.
pub(crate) fn steady(from: &[Option<usize>]) -> Vec<bool> {
    // The last item of the best run of each length, and for each item the one before it in its run.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous = vec![None; from.len()];
    for (at, old) in from.iter().enumerate() {
        let Some(old) = old else { continue };
        let length = ends.partition_point(|end| from[*end] < Some(*old));
        previous[at] = length.checked_sub(1).map(|length| ends[length]);
        ends.truncate(ends.len().max(length + 1));
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut stays = vec![false; from.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        stays[at] = true;
        next = previous[at];
    }
    stays
}
