//! From the parts of all apps to one bundle: identities unique, namespaces filled in, hooks apart.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::hook::is_argo_hook;
use crate::model::object::{Bundle, Object, ObjectId, Origin};
use crate::model::target::Capabilities;
use crate::render::budget::Share;
use crate::render::document::{Part, Piece};
use crate::render::scope::Scopes;

/// What marks an object as a member of an inventory; written by us alone.
const APPLYSET: &str = "applyset.kubernetes.io/";
/// Our own labels.
const OWN: &str = "tidegate.dev/";

/// What all apps give together.
pub(super) struct Joined {
    /// The bundle.
    pub bundle: Bundle,
    /// What is wrong with the objects.
    pub faults: Vec<Fault>,
}

/// Joins the parts. Of two objects of one identity the first stays, and a fault names both.
pub(super) fn join(
    parts: Vec<Part>,
    namespace: Option<&str>,
    capabilities: &Capabilities,
    room: Share,
) -> Joined {
    let mut joined = Joined { bundle: Bundle::default(), faults: Vec::new() };
    let exceeded = room.exceeded(parts.iter().map(|part| part.pieces.len()).sum(), "objects");
    let mut scopes = Scopes::new(capabilities);
    for piece in parts.iter().flat_map(|part| &part.pieces) {
        scopes.learn(&piece.body);
    }
    let mut warnings = Warnings::default();
    let (mut objects, mut hooks) = (BTreeMap::new(), BTreeMap::new());
    for part in parts {
        joined.bundle.remotes.extend(part.remotes);
        joined.faults.extend(part.faults);
        for warning in part.warnings {
            warnings.add(warning, &part.app);
        }
        if exceeded.is_some() {
            continue;
        }
        for piece in part.pieces {
            let hook = piece.hook || is_argo_hook(&piece.body);
            match object(piece, namespace, &scopes, &mut warnings) {
                Ok(object) => {
                    let place = if hook { &mut hooks } else { &mut objects };
                    joined.faults.extend(put(place, object));
                }
                Err(fault) => joined.faults.push(fault),
            }
        }
    }
    joined.faults.extend(exceeded);
    joined.bundle.objects = objects.into_values().collect();
    joined.bundle.hooks = hooks.into_values().collect();
    joined.bundle.warnings = warnings.told();
    joined.bundle.remotes.sort();
    joined.bundle.remotes.dedup();
    joined
}

/// Adds an object unless its identity is taken.
fn put(objects: &mut BTreeMap<ObjectId, Object>, object: Object) -> Option<Fault> {
    match objects.entry(object.id.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(object);
            None
        }
        Entry::Occupied(entry) => {
            let first = &entry.get().origin;
            let message =
                format!("{} is there twice: in {} and in {}", object.id, told(first), told(&object.origin));
            Some(at(&object.origin, message).hint("keep one of them, or give one another name or namespace"))
        }
    }
}

/// A place in words; the app is named where the file does not lie in it, as a shared base does not.
fn told(origin: &Origin) -> String {
    let place = match (&origin.file, origin.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => return origin.app.clone(),
    };
    let own = origin.app == "." || place.starts_with(origin.app.as_str());
    if own { place } else { format!("{place} (by {})", origin.app) }
}

/// A fault at an object's place.
fn at(origin: &Origin, message: String) -> Fault {
    let mut fault = Fault::new(message).app(origin.app.clone());
    fault.file.clone_from(&origin.file);
    fault.line = origin.line;
    fault.column = origin.line.map(|_| 1);
    fault
}

/// The object that a manifest is.
fn object(
    piece: Piece,
    namespace: Option<&str>,
    scopes: &Scopes<'_>,
    warnings: &mut Warnings,
) -> Result<Object, Fault> {
    let Piece { mut body, origin, volatile, .. } = piece;
    let mut id = Object::identify(&body).map_err(|lacks| at(&origin, lacks.to_owned()))?;
    if let Some((what, key)) = reserved(&body) {
        let message = format!("{id} has the {what} `{key}`, which only Tidegate may write");
        return Err(at(&origin, message).hint("remove it; what Tidegate deploys it marks itself"));
    }
    match (scopes.namespaced(&id.group, &id.kind), &id.namespace) {
        (Some(true), None) => {
            if let Some(namespace) = namespace {
                place(&mut body, namespace);
                id.namespace = Some(namespace.to_owned());
            }
        }
        (Some(false), Some(named)) => {
            warnings.add(
                format!(
                    "{}: {} {} is cluster-scoped, so its namespace `{named}` is left out",
                    told(&origin),
                    id.kind,
                    id.name
                ),
                &origin.app,
            );
            if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.shift_remove("namespace");
            }
            id.namespace = None;
        }
        (Some(true) | None, Some(_)) | (Some(false) | None, None) => {}
    }
    Ok(Object { id, body, origin, volatile })
}

/// Writes the namespace behind the name, where people look for it.
fn place(body: &mut Value, namespace: &str) {
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("namespace");
        let behind =
            metadata.keys().position(|key| key == "name" || key == "generateName").map_or(0, |at| at + 1);
        metadata.shift_insert(behind, "namespace".to_owned(), Value::from(namespace));
    }
}

/// A label or annotation that is not the author's to give.
fn reserved(body: &Value) -> Option<(&'static str, String)> {
    let keys = |pointer: &str| {
        let map = body.pointer(pointer).and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.keys()).cloned().collect::<Vec<_>>()
    };
    let label =
        keys("/metadata/labels").into_iter().find(|key| key.starts_with(APPLYSET) || key.starts_with(OWN));
    let annotation = || keys("/metadata/annotations").into_iter().find(|key| key.starts_with(APPLYSET));
    label.map(|key| ("label", key)).or_else(|| annotation().map(|key| ("annotation", key)))
}

/// Warnings, of which the same one from many apps is told once.
#[derive(Default)]
struct Warnings {
    order: Vec<String>,
    apps: BTreeMap<String, (String, usize)>,
}

impl Warnings {
    /// The most different warnings that are kept.
    const MOST: usize = 200;

    fn add(&mut self, text: String, app: &str) {
        if let Some((_, count)) = self.apps.get_mut(&text) {
            *count += 1;
        } else if self.order.len() < Self::MOST {
            self.apps.insert(text.clone(), (app.to_owned(), 1));
            self.order.push(text);
        }
    }

    fn told(self) -> Vec<String> {
        let apps = self.apps;
        let tell = |text: String| match apps.get(&text) {
            Some((app, count)) if *count > 1 => format!("{text} ({app} and {} more)", count - 1),
            Some((app, _)) if app != "." && !text.starts_with(app.as_str()) => format!("{app}: {text}"),
            Some(_) | None => text,
        };
        self.order.into_iter().map(tell).collect()
    }
}
