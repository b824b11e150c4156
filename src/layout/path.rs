//! Names of files for names of objects: readable where they are harmless, and never anything but a plain file name.

use crate::model::id::Digest;
use crate::model::object::ObjectId;

/// Longest single part of a path, in bytes; file systems stop at 255, and a temporary name needs room too.
const LONGEST: usize = 200;

/// Where an object's file lies, relative to the root of its environment.
pub(crate) fn of(id: &ObjectId) -> String {
    let namespace = id.namespace.as_deref().map_or_else(|| "_cluster".to_owned(), part);
    let group = if id.group.is_empty() { "core" } else { &id.group };
    let kind = part(&format!("{}.{group}", id.kind.to_ascii_lowercase()));
    format!("{namespace}/{kind}/{}.yaml", part(&id.name))
}

/// Where the file of an object that runs at deploy time lies.
pub(crate) fn of_hook(id: &ObjectId) -> String {
    format!("_hooks/{}", of(id))
}

/// One part of a path that is safe on any file system and different for different texts: what is not a lower-case
/// letter, a digit, `-`, `.` or `_` is written as `%` and two digits, and so are a leading `.` and a leading `_` (the
/// latter begins our own folders). What is too long is cut and ends in `~` and a digest.
fn part(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let plain =
            matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') || (matches!(byte, b'.' | b'_') && index > 0);
        if plain {
            safe.push(char::from(byte));
        } else {
            safe.push('%');
            safe.push_str(&hex::encode_upper([byte]));
        }
    }
    if safe.is_empty() {
        return "%".to_owned();
    }
    if safe.len() > LONGEST {
        let digest: String = Digest::of(text.as_bytes()).hex().chars().take(32).collect();
        safe.truncate(LONGEST - 40);
        safe.push('~');
        safe.push_str(&digest);
    }
    safe
}
