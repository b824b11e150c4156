//! From events to a tree: anchors, merge keys, equal keys, and the budget that aliases draw on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::fault::Fault;
use crate::yaml::read::{Place, WARNINGS, fault};
use crate::yaml::scalar::Scalar;
use crate::yaml::{Content, Document, Key, Limits, Node};

/// Mappings with more keys than this are indexed.
const INDEXED: usize = 12;

/// What a node costs once more when an alias repeats it.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
    /// Levels of nesting, 1 for a scalar.
    height: usize,
}

/// How much is counted at once.
const STRIDE: Weight = Weight { nodes: 256, bytes: 1 << 16, height: 0 };

/// What a text came to so far, over all threads that read it.
#[derive(Debug, Default)]
pub(super) struct Spent {
    nodes: AtomicUsize,
    bytes: AtomicUsize,
}

impl Spent {
    /// Adds to it; is it still within the limits?
    fn add(&self, weight: Weight, limits: &Limits) -> bool {
        self.nodes.fetch_add(weight.nodes, Ordering::Relaxed);
        self.bytes.fetch_add(weight.bytes, Ordering::Relaxed);
        self.within(limits)
    }

    /// Is it within the limits?
    pub(super) fn within(&self, limits: &Limits) -> bool {
        self.nodes() <= limits.nodes && self.bytes.load(Ordering::Relaxed) <= limits.bytes.saturating_mul(2)
    }

    /// How many nodes there were.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.load(Ordering::Relaxed)
    }
}

/// A list or mapping that is still open.
struct Frame {
    node: Node,
    anchor: usize,
    weight: Weight,
    /// The key whose value comes next.
    key: Option<Pending>,
    /// Where each key stands, once there are many.
    index: HashMap<String, usize>,
    /// The keys that are not strings, by where they stand.
    typed: HashMap<usize, Scalar>,
}

/// A key that waits for its value.
enum Pending {
    /// With what it was before it became a text, if that was no string.
    Key(Key, Option<Scalar>),
    Merge(Place),
}

/// Where the next node belongs.
enum Turn {
    Key,
    Value,
}

/// Builds one document after another, within one budget.
pub(super) struct Builder {
    limits: Limits,
    spent: Arc<Spent>,
    /// What was not yet added to it.
    owed: Weight,
    stack: Vec<Frame>,
    root: Option<Node>,
    /// None while the node is still open: an alias to it would contain itself.
    anchors: HashMap<usize, Option<(Scalar, Node, Weight)>>,
    warnings: Vec<Fault>,
}

impl Builder {
    pub(super) fn new(limits: Limits, spent: Arc<Spent>) -> Self {
        Self {
            limits,
            spent,
            owed: Weight::default(),
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            warnings: Vec::new(),
        }
    }

    /// What it may hold.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Is the next node a key?
    pub(super) fn at_key(&self) -> bool {
        matches!(self.turn(), Turn::Key)
    }

    /// The document that ended, unless it is empty.
    pub(super) fn finish(&mut self) -> Result<Option<Document>, Fault> {
        self.anchors.clear();
        self.stack.clear();
        let warnings = std::mem::take(&mut self.warnings);
        let Some(root) = self.root.take() else { return Ok(None) };
        self.settle((root.line, root.column))?;
        Ok((root.content != Content::Null).then_some(Document { root, warnings }))
    }

    /// A scalar; `merge` if it is a bare `<<`.
    pub(super) fn scalar(
        &mut self,
        scalar: Scalar,
        merge: bool,
        anchor: usize,
        place: Place,
    ) -> Result<(), Fault> {
        let bytes = if let Scalar::Text(text) = &scalar { text.len() } else { 0 };
        let weight = Weight { nodes: 1, bytes, height: 1 };
        self.pay(weight, place)?;
        let key = matches!(self.turn(), Turn::Key);
        if anchor != 0 {
            // A float that JSON cannot hold may still be a key, so the scalar is kept beside its value.
            let content = scalar.clone().value().unwrap_or(Content::Null);
            self.pay(weight, place)?;
            self.anchors.insert(anchor, Some((scalar.clone(), node(content, place), weight)));
        }
        if key {
            return self.key(scalar, merge, place);
        }
        let content = scalar.value().map_err(|message| fault(message, place))?;
        self.add(node(content, place), weight)
    }

    /// The beginning of a list or mapping.
    pub(super) fn open(&mut self, content: Content, anchor: usize, place: Place) -> Result<(), Fault> {
        let weight = Weight { nodes: 1, bytes: 0, height: 1 };
        self.pay(weight, place)?;
        if matches!(self.turn(), Turn::Key) {
            return Err(fault("a key must be a scalar, not a list or a mapping", place)
                .hint("put it in quotes if it is a template's placeholder"));
        }
        if self.stack.len() >= self.limits.depth {
            return Err(fault(format!("the nesting is deeper than {}", self.limits.depth), place));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.stack.push(Frame {
            node: node(content, place),
            anchor,
            weight,
            key: None,
            index: HashMap::new(),
            typed: HashMap::new(),
        });
        Ok(())
    }

    /// The end of the innermost list or mapping.
    pub(super) fn close(&mut self) -> Result<(), Fault> {
        let Some(mut frame) = self.stack.pop() else { return Ok(()) };
        // Most collections are small, and what a vector keeps in hand would double what they take.
        match &mut frame.node.content {
            Content::List(items) => items.shrink_to_fit(),
            Content::Map(entries) => entries.shrink_to_fit(),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
        }
        if frame.anchor != 0 {
            self.pay(frame.weight, (frame.node.line, frame.node.column))?;
            self.anchors.insert(frame.anchor, Some((Scalar::Null, frame.node.clone(), frame.weight)));
        }
        self.add(frame.node, frame.weight)
    }

    /// An alias: its anchor's node once more, paid for before it is copied.
    pub(super) fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Fault> {
        let weight = match self.anchors.get(&anchor) {
            Some(Some((_, _, weight))) => *weight,
            Some(None) => return Err(fault("the anchor contains itself", place)),
            None => return Err(fault("this alias names an anchor that is not there", place)),
        };
        self.pay(weight, place)?;
        if self.stack.len() + weight.height > self.limits.depth.saturating_add(1) {
            return Err(fault(format!("the nesting is deeper than {}", self.limits.depth), place));
        }
        let Some(Some((scalar, target, _))) = self.anchors.get(&anchor) else { return Ok(()) };
        if matches!(self.turn(), Turn::Key) {
            if matches!(target.content, Content::List(_) | Content::Map(_)) {
                return Err(fault("a key must be a scalar, not a list or a mapping", place));
            }
            let scalar = scalar.clone();
            return self.key(scalar, false, place);
        }
        let mut copy = target.clone();
        (copy.line, copy.column) = place;
        self.add(copy, weight)
    }

    /// Counts what is about to be made; not each node at once in what other threads count in, too.
    fn pay(&mut self, weight: Weight, place: Place) -> Result<(), Fault> {
        self.owed.nodes = self.owed.nodes.saturating_add(weight.nodes);
        self.owed.bytes = self.owed.bytes.saturating_add(weight.bytes);
        if self.owed.nodes < STRIDE.nodes && self.owed.bytes < STRIDE.bytes {
            return Ok(());
        }
        self.settle(place)
    }

    /// Adds what is owed to what was spent.
    fn settle(&mut self, place: Place) -> Result<(), Fault> {
        let owed = std::mem::take(&mut self.owed);
        if self.spent.add(owed, &self.limits) {
            return Ok(());
        }
        Err(too_many().at(place.0, place.1))
    }

    fn turn(&self) -> Turn {
        match self.stack.last() {
            Some(Frame { node: Node { content: Content::Map(_), .. }, key: None, .. }) => Turn::Key,
            _ => Turn::Value,
        }
    }

    fn key(&mut self, scalar: Scalar, merge: bool, place: Place) -> Result<(), Fault> {
        let pending = if merge {
            Pending::Merge(place)
        } else {
            let typed = (!matches!(scalar, Scalar::Text(_))).then(|| scalar.clone());
            let text = scalar.key().map_err(|message| fault(message, place))?;
            Pending::Key(Key { text, line: place.0, column: place.1 }, typed)
        };
        if let Some(frame) = self.stack.last_mut() {
            frame.key = Some(pending);
        }
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, weight: Weight) -> Result<(), Fault> {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.weight.nodes = frame.weight.nodes.saturating_add(weight.nodes);
        frame.weight.bytes = frame.weight.bytes.saturating_add(weight.bytes);
        frame.weight.height = frame.weight.height.max(weight.height + 1);
        if let Content::List(items) = &mut frame.node.content {
            items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            Some(Pending::Key(key, typed)) => {
                frame.weight.bytes = frame.weight.bytes.saturating_add(key.text.len());
                let place = (key.line, key.column);
                let (index, first) = frame.put(key, node);
                if let Some(first) = first {
                    let warning = twice(&first, frame.typed.get(&index) == typed.as_ref(), place)?;
                    if self.warnings.len() < WARNINGS {
                        self.warnings.push(warning);
                    }
                } else if let Some(typed) = typed {
                    frame.typed.insert(index, typed);
                }
            }
            Some(Pending::Merge(place)) => self.merge(node, place)?,
            None => {}
        }
        Ok(())
    }

    /// `<<`: the entries of one mapping, or of several of which the first wins. They replace keys that stand before
    /// the merge, as kubectl's decoder has it, which surprises people and is told.
    fn merge(&mut self, node: Node, place: Place) -> Result<(), Fault> {
        let maps = match node.content {
            Content::Map(entries) => vec![entries],
            Content::List(items) => items
                .into_iter()
                .rev()
                .map(|item| {
                    let kind = item.kind();
                    if let Content::Map(entries) = item.content { Ok(entries) } else { Err(kind) }
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|kind| {
                    fault(format!("`<<` merges mappings, and this is a list with {kind}"), place)
                })?,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {
                return Err(fault(format!("`<<` merges mappings, and this is {}", node.kind()), place));
            }
        };
        let Some(frame) = self.stack.last_mut() else { return Ok(()) };
        let before = frame.len();
        for entries in maps {
            for (key, value) in entries {
                let own = frame.position(&key.text).is_some_and(|index| index < before);
                let text = if own { key.text.clone() } else { String::new() };
                let same = own && frame.holds(&key.text, &value);
                frame.put(key, value);
                if own && !same && self.warnings.len() < WARNINGS {
                    let message = format!("`<<` replaces the key `{text}` that stands before it");
                    self.warnings.push(
                        fault(message, place)
                            .hint("put `<<` first: keys behind it win, as in every YAML reader"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The warning of a key given twice, of which the last one counts; a fault if they differ in type.
fn twice(first: &Key, alike: bool, place: Place) -> Result<Fault, Fault> {
    let (key, hint) = (&first.text, format!("the first one is in line {}; keep one of them", first.line));
    if alike {
        return Ok(fault(format!("the key `{key}` is given twice; the last one counts"), place).hint(hint));
    }
    // Two keys to its decoder, one in its JSON: which one is left depends on the order of a hash table.
    let message = format!("the key `{key}` is given twice, in two types: kubectl keeps either, by chance");
    Err(fault(message, place).hint(hint))
}

/// The fault of a text beyond its limits.
pub(super) fn too_many() -> Fault {
    Fault::new("the file holds too many values once its aliases are expanded")
        .hint("split it, or repeat less through anchors")
}

fn node(content: Content, place: Place) -> Node {
    Node { line: place.0, column: place.1, content }
}

impl Frame {
    fn len(&self) -> usize {
        self.node.entries().len()
    }

    fn position(&self, key: &str) -> Option<usize> {
        let entries = self.node.entries();
        if entries.len() <= INDEXED {
            return entries.iter().position(|(have, _)| have.text == key);
        }
        self.index.get(key).copied()
    }

    fn holds(&self, key: &str, value: &Node) -> bool {
        self.position(key)
            .and_then(|index| self.node.entries().get(index))
            .is_some_and(|(_, have)| have.to_json() == value.to_json())
    }

    /// Adds an entry, or replaces the one of the same key; gives where it stands, and the key that was replaced.
    fn put(&mut self, key: Key, value: Node) -> (usize, Option<Key>) {
        let position = self.position(&key.text);
        let at = position.unwrap_or(self.len());
        if position.is_none() && at >= INDEXED {
            if at == INDEXED {
                let index = self.node.entries().iter().enumerate();
                self.index = index.map(|(at, (key, _))| (key.text.clone(), at)).collect();
            }
            self.index.insert(key.text.clone(), at);
        }
        let Content::Map(entries) = &mut self.node.content else { return (at, None) };
        let Some(slot) = entries.get_mut(at) else {
            entries.push((key, value));
            return (at, None);
        };
        (at, Some(std::mem::replace(slot, (key, value)).0))
    }
}
