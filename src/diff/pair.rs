//! Pairs for display: what is created in place of what is deleted. Both stay what they are, in counts and in the digest.
//!
//! Only masked bodies are compared, or a pull request could list guesses and see which one looks like a live secret. The
//! one exception is the hash in a name, which says of the content what it says to everybody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::diff::unified;
use crate::model::lists::ListKeys;
use crate::model::object::ObjectId;
use crate::model::plan::{Action, Change, Likeness, Pair};

/// Of so many leaves two objects must share half to be one under two names.
const ALIKE: (usize, usize) = (1, 2);
/// Of another kind, a third of what is not metadata.
const AKIN: (usize, usize) = (1, 3);
/// The most leaves of an object that are compared.
const LEAVES: usize = 2_000;
/// With how many deleted objects a created one is compared: those with which it shares most of what is rare.
const COMPARED: usize = 16;
/// A leaf that more objects have tells none of them from the others.
const RARE: usize = 32;

/// Kinds that run pods and take each other's place.
const WORKLOADS: [&str; 7] =
    ["CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"];

/// Pairs what is deleted with what is created, and shows the created one as what differs from the other. `clear` gives the
/// bodies in clear that are known of an object: as Git has or had it, and as it is live.
pub(crate) fn pair<'b>(changes: &mut [Change], clear: impl Fn(&ObjectId) -> Vec<&'b Value>) {
    let of = |action: Action| -> Vec<usize> {
        (0..changes.len())
            .filter(|at| changes.get(*at).is_some_and(|change| change.action == action))
            .collect()
    };
    let (mut gone, mut new) = (of(Action::Delete), of(Action::Create));
    let mut pairs = Vec::new();
    for find in [hashed, regrouped, renamed] {
        if gone.is_empty() || new.is_empty() {
            break;
        }
        let halves = |side: &[usize], after: bool| -> Vec<Half<'_>> {
            side.iter().filter_map(|at| Half::new(*at, changes.get(*at)?, after)).collect()
        };
        let found = find(&halves(&gone, false), &halves(&new, true), &|id| clear(id));
        gone.retain(|at| !found.iter().any(|(old, ..)| old == at));
        new.retain(|at| !found.iter().any(|(_, new, _)| new == at));
        pairs.extend(found);
    }
    for (old, new, why) in pairs {
        let (Some(from), Some(to)) = (changes.get(old), changes.get(new)) else { continue };
        let (from, to) = (from.id.clone(), to.id.clone());
        let body = |at: usize, after: bool| changes.get(at).and_then(|change| whole(change, after));
        let keys = ListKeys::shipped(&to.group, &to.kind);
        let diff = body(old, false).zip(body(new, true)).map(|(a, b)| unified::aligned(a, b, &keys));
        if let Some(change) = changes.get_mut(new) {
            change.diff = diff.unwrap_or_default();
            change.pair = Some(Pair { id: from, why });
        }
        if let Some(change) = changes.get_mut(old) {
            change.pair = Some(Pair { id: to, why });
        }
    }
}

/// The masked body of an object that comes or goes as a whole.
fn whole(change: &Change, after: bool) -> Option<&Value> {
    let path = change.paths.iter().find(|path| path.path.is_empty())?;
    let body = if after { &path.after } else { &path.before };
    body.is_object().then_some(body)
}

/// One side of a pair to be.
struct Half<'c> {
    at: usize,
    id: &'c ObjectId,
    body: &'c Value,
}

impl<'c> Half<'c> {
    fn new(at: usize, change: &'c Change, after: bool) -> Option<Self> {
        Some(Self { at, id: &change.id, body: whole(change, after)? })
    }
}

/// The same for the same plan, whenever it is made.
type Hasher = BuildHasherDefault<DefaultHasher>;
type Found = Vec<(usize, usize, Likeness)>;
type Clear<'f, 'b> = &'f dyn Fn(&ObjectId) -> Vec<&'b Value>;

/// The same name before a suffix that is the hash of the content, on both sides. Of several old ones, the last by name.
fn hashed(gone: &[Half<'_>], new: &[Half<'_>], clear: Clear<'_, '_>) -> Found {
    let stem = |half: &Half<'_>| {
        let (stem, suffix) = split(&half.id.name)?;
        let proved = clear(half.id).into_iter().any(|body| proves(body, stem, suffix));
        proved.then(|| (half.id.kind.clone(), half.id.namespace.clone(), stem.to_owned()))
    };
    let mut old: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for half in gone {
        if let Some(stem) = stem(half) {
            old.entry(stem).or_default().push(half.at);
        }
    }
    new.iter().filter_map(|half| Some((old.get_mut(&stem(half)?)?.pop()?, half.at, Likeness::Hash))).collect()
}

/// The same namespace and name in another group or of another kind: where the kind is the same, where both run pods, or
/// where much of the content is the same.
fn regrouped(gone: &[Half<'_>], new: &[Half<'_>], _: Clear<'_, '_>) -> Found {
    let mut old: HashMap<_, Vec<&Half<'_>>> = HashMap::new();
    for half in gone {
        old.entry((&half.id.namespace, &half.id.name)).or_default().push(half);
    }
    let hasher = Hasher::default();
    let mut found = Vec::new();
    for half in new {
        let Some(halves) = old.get_mut(&(&half.id.namespace, &half.id.name)) else { continue };
        let runs = |id: &ObjectId| WORKLOADS.contains(&id.kind.as_str());
        let akin = |other: &&Half<'_>| {
            let content = |half: &Half<'_>| leaves(half, &hasher, &["/apiVersion", "/kind", "/metadata"]);
            enough(&content(other), &content(half), AKIN)
        };
        let at = halves
            .iter()
            .position(|other| other.id.kind == half.id.kind)
            .or_else(|| halves.iter().position(|other| runs(other.id) && runs(half.id)))
            .or_else(|| halves.iter().take(COMPARED).position(akin));
        if let Some(other) = at.map(|at| halves.remove(at)) {
            found.push((other.at, half.at, Likeness::Group));
        }
    }
    found
}

/// Another name, at least half of the content the same. The most alike first; in the same namespace first.
fn renamed(gone: &[Half<'_>], new: &[Half<'_>], _: Clear<'_, '_>) -> Found {
    let hasher = Hasher::default();
    let content = |half: &Half<'_>| leaves(half, &hasher, &["/apiVersion", "/kind"]);
    let old: Vec<BTreeSet<u64>> = gone.iter().map(content).collect();
    let mut having: HashMap<(&str, &str, u64), Vec<usize>> = HashMap::new();
    for (at, (half, leaves)) in gone.iter().zip(&old).enumerate() {
        for leaf in leaves {
            having.entry((&half.id.group, &half.id.kind, *leaf)).or_default().push(at);
        }
    }
    let mut alike = Vec::new();
    for half in new {
        let own = content(half);
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        for leaf in &own {
            let with = having.get(&(half.id.group.as_str(), half.id.kind.as_str(), *leaf));
            for at in with.into_iter().filter(|with| with.len() <= RARE).flatten() {
                *votes.entry(*at).or_default() += 1;
            }
        }
        let mut votes: Vec<(usize, usize)> = votes.into_iter().collect();
        votes.sort_by_key(|(at, votes)| (std::cmp::Reverse(*votes), *at));
        for (at, _) in votes.into_iter().take(COMPARED) {
            let (Some(other), Some(leaves)) = (gone.get(at), old.get(at)) else { continue };
            if enough(leaves, &own, ALIKE) {
                let score = 1_000 * 2 * leaves.intersection(&own).count() / (leaves.len() + own.len());
                let apart = other.id.namespace != half.id.namespace;
                alike.push((apart, std::cmp::Reverse(score), other.at, half.at));
            }
        }
    }
    alike.sort_unstable();
    let mut used = HashSet::new();
    alike.retain(|(.., old, new)| {
        let free = !used.contains(&(false, *old)) && !used.contains(&(true, *new));
        if free {
            used.extend([(false, *old), (true, *new)]);
        }
        free
    });
    alike.into_iter().map(|(.., old, new)| (old, new, Likeness::Rename)).collect()
}

/// Do two objects share so much of their leaves?
fn enough(a: &BTreeSet<u64>, b: &BTreeSet<u64>, (part, of): (usize, usize)) -> bool {
    let shared = a.intersection(b).count();
    shared > 0 && 2 * shared * of >= part * (a.len() + b.len())
}

/// What an object holds, leaf by leaf with its place, whatever its own name, which is what differs.
fn leaves(half: &Half<'_>, hasher: &Hasher, without: &[&str]) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut todo = vec![(String::new(), half.body)];
    while let Some((place, value)) = todo.pop().filter(|_| found.len() < LEAVES) {
        if without.contains(&place.as_str()) || place == "/metadata/name" || place == "/metadata/namespace" {
            continue;
        }
        match value {
            Value::Object(map) => {
                todo.extend(map.iter().map(|(key, value)| (format!("{place}/{key}"), value)));
            }
            Value::Array(items) => todo.extend(items.iter().map(|value| (place.clone(), value))),
            Value::String(text) if *text == half.id.name => {
                found.insert(hasher.hash_one((&place, "its name")));
            }
            // Whether two are equal is not asked: a pull request that guesses would be told by the pair.
            Value::String(text) if text.contains("‹secret") => {
                found.insert(hasher.hash_one((&place, "a secret")));
            }
            Value::String(text) => {
                found.insert(hasher.hash_one((&place, text)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                found.insert(hasher.hash_one((&place, 0, value.to_string())));
            }
        }
    }
    found
}

/// A name before a suffix as Kustomize makes them, and the suffix.
fn split(name: &str) -> Option<(&str, &str)> {
    let (stem, suffix) = name.rsplit_once('-')?;
    let hash = suffix.len() == 10 && suffix.bytes().all(|byte| b"2456789bcdfghkmt".contains(&byte));
    hash.then_some((stem, suffix))
}

/// Is this suffix the hash of the content? The program looks the name up where none is, so that an empty one is counted.
pub(super) fn proves(body: &Value, stem: &str, suffix: &str) -> bool {
    ["", stem].into_iter().any(|name| hash(body, name).as_deref() == Some(suffix))
}

/// The suffix that Kustomize gives a ConfigMap or Secret of this content.
///
/// Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/hasher/hasher.go>
fn hash(body: &Value, name: &str) -> Option<String> {
    let kind = body.get("kind")?.as_str()?;
    let field = |key: &str| body.get(key).cloned().unwrap_or_else(|| json!(""));
    let mut content = BTreeMap::from([("kind", json!(kind)), ("name", json!(name)), ("data", field("data"))]);
    let more = match kind {
        "ConfigMap" => "binaryData",
        "Secret" => {
            content.insert("type", field("type"));
            "stringData"
        }
        _ => return None,
    };
    if let Some(value) = body.get(more).filter(|value| value.is_object()) {
        content.insert(more, value.clone());
    }
    let text = serde_json::to_value(content).map(|value| crate::model::canonical::bytes(&value)).ok()?;
    let text = escape(&String::from_utf8(text).ok()?);
    let letters = hex::encode(digest(&SHA256, text.as_bytes()));
    let spoken = letters.chars().take(10).map(|c| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        c => c,
    });
    Some(spoken.collect())
}

/// JSON as Go writes it: with what HTML gives a meaning to as escapes.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            out.extend(["\\u", &hex::encode(u32::from(c).to_be_bytes().get(2..).unwrap_or_default())]);
        } else {
            out.push(c);
        }
    }
    out
}
