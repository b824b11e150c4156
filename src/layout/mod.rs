//! How rendered manifests and their inventory lie as files in a branch or a directory. Pure.
//!
//! One file per object, at `<namespace or _cluster>/<kind>.<group or core>/<name>.yaml`, so that a person finds it and a
//! diff reads well; what runs at deploy time beneath `_hooks/`; what is owned in [`record::PATH`]. Nothing here reads or
//! writes a file: the branch and the directory target do, each in its own way.

pub(crate) mod path;
pub(crate) mod record;
pub(crate) mod seen;
pub(crate) mod step;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::object::{Bundle, Object};
use crate::yaml;

/// The files of a bundle, hooks included, by path. Two objects that would share a file are the author's fault.
pub(crate) fn files(bundle: &Bundle) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut files = BTreeMap::new();
    let stays = bundle.objects.iter().map(|object| (path::of(&object.id), object));
    let runs = bundle.hooks.iter().map(|hook| (path::of_hook(&hook.id), hook));
    for (path, object) in stays.chain(runs) {
        if files.insert(path.clone(), bytes(object)).is_some() {
            return Err(collision(&path, object));
        }
    }
    Ok(files)
}

/// One object's file where there is none yet.
pub(crate) fn bytes(object: &Object) -> Vec<u8> {
    written(&object.body)
}

/// One object's file in place of the one that is there: what is another at each render stays as it is there.
pub(crate) fn bytes_over(object: &Object, there: Option<&[u8]>) -> Vec<u8> {
    let there = there.filter(|_| !object.volatile.is_empty()).and_then(|there| seen::body(there).ok());
    there.map_or_else(|| bytes(object), |there| written(&object.over(&there)))
}

fn written(body: &Value) -> Vec<u8> {
    let mut text = yaml::write(body);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}

fn collision(path: &str, object: &Object) -> Fault {
    let fault = Fault::new(format!("{} and another object would both be written to {path}", object.id))
        .hint("give one of them another name or kind: they differ in upper and lower case only")
        .app(object.origin.app.clone());
    Fault { file: object.origin.file.clone(), line: object.origin.line, ..fault }
}
