//! Looking at files: what is there beside what would be there. The prediction is the rendered object itself, but for
//! what is another at each render and stays as it is there; and it is exact, since files have no server that could change it.

use serde_json::Value;

use crate::layout::path;
use crate::model::keep::kept;
use crate::model::object::{Object, ObjectId};
use crate::model::view::{Inventory, Live, Owned, Owner, Prediction, Seen};
use crate::yaml;

/// The files that [`seen`] wants to be given: those of the wanted objects and of those that Git no longer holds.
pub(crate) fn paths(wanted: &[&Object], gone: &[(ObjectId, Owned)]) -> Vec<String> {
    let wanted = wanted.iter().map(|object| &object.id);
    wanted.chain(gone.iter().map(|(id, _)| id)).map(path::of).collect()
}

/// Every wanted object and every one that Git no longer holds, as the files have it. `file` gives a file's bytes by its
/// path, or none where there is none.
pub(crate) fn seen<'f>(
    wanted: &[&Object],
    gone: &[(ObjectId, Owned)],
    inventory: Option<&Inventory>,
    file: impl Fn(&str) -> Option<&'f [u8]>,
) -> Vec<Seen> {
    let look = |id: &ObjectId, object: Option<&Object>| {
        let (live, warnings) = match file(&path::of(id)) {
            Some(bytes) => live(id, bytes, inventory),
            None => (None, Vec::new()),
        };
        let prediction = object.map_or(Prediction::Gone, |object| {
            let over = |live: &Live| object.over(&live.body);
            Prediction::Becomes(live.as_ref().map_or_else(|| object.body.clone(), over))
        });
        Seen { warnings, ..Seen::new(id.clone(), live, prediction) }
    };
    let wanted = wanted.iter().map(|object| look(&object.id, Some(object)));
    let gone = gone.iter().map(|(id, _)| look(id, None));
    wanted.chain(gone).collect()
}

/// What a file holds. One that is not a single YAML document was broken by hand: its text stands for its body, so that
/// the difference is shown and mended rather than hidden.
fn live(id: &ObjectId, bytes: &[u8], inventory: Option<&Inventory>) -> (Option<Live>, Vec<String>) {
    let mut warnings = Vec::new();
    let body = match body(bytes) {
        Ok(body) => body,
        Err(why) => {
            warnings.push(format!("{} is not what was written there: {why}", path::of(id)));
            Value::from(String::from_utf8_lossy(bytes))
        }
    };
    let ours = inventory.is_some_and(|inventory| inventory.entries.contains_key(id));
    let keep = kept(&body).is_some();
    let owner = if ours { Owner::Us } else { Owner::Nobody };
    (Some(Live { owner, keep, ..Live::new(body) }), warnings)
}

/// The one document of a file.
pub(crate) fn body(bytes: &[u8]) -> Result<Value, String> {
    let documents = yaml::read(bytes, &yaml::Limits::default()).map_err(|fault| fault.to_string())?;
    match documents.as_slice() {
        [document] => Ok(document.root.to_json()),
        several => Err(format!("it holds {} documents instead of 1", several.len())),
    }
}
