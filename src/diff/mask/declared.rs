//! Where an object declares secrets, and which values that are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::needles::SEARCHED;
use crate::diff::paths::push;
use crate::model::object::ObjectId;
use crate::model::settings::SecretRule;
use crate::model::volatile::VEIL;

/// The longest text that is read as a manifest.
const MANIFEST: usize = 2 << 20;
/// How a compressed manifest begins that a tool keeps in an annotation (gzip as base64).
const PACKED: &str = "H4sI";

/// A place that holds secrets, and all beneath it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// JSON Pointer.
    pub pointer: String,
    /// Are the values base64?
    pub base64: bool,
}

/// The places in a body: its own, and those of manifests that it holds as values.
pub(super) fn declared(id: &ObjectId, body: &Value, rules: &[SecretRule]) -> Vec<Place> {
    let mut places = Vec::new();
    own("", (&id.group, &id.kind), rules, &mut places);
    if is_secret(&id.group, &id.kind) {
        let annotations = body.pointer("/metadata/annotations").and_then(Value::as_object);
        for (key, _) in annotations.into_iter().flatten().filter(|(_, value)| packed(value)) {
            let mut pointer = "/metadata/annotations".to_owned();
            push(&mut pointer, key);
            places.push(Place { pointer, base64: false });
        }
    }
    let mut path = String::new();
    beneath(&mut path, body, rules, &mut places);
    places
}

/// A text that is a manifest which declares secrets, as JSON.
pub(super) fn manifest(text: &str, rules: &[SecretRule]) -> Option<(Value, Vec<Place>)> {
    let likely =
        text.len() <= MANIFEST && text.trim_start().starts_with(['{', '[']) && text.contains("\"kind\"");
    let body: Value = likely.then(|| serde_json::from_str(text).ok())??;
    let mut places = Vec::new();
    if let Some((group, kind)) = kind(&body) {
        own("", (group, kind), rules, &mut places);
    }
    beneath(&mut String::new(), &body, rules, &mut places);
    places.retain(|place| body.pointer(&place.pointer).is_some());
    (!places.is_empty()).then_some((body, places))
}

/// The values in clear that a body declares secret, and what they hold that is a secret by itself.
pub(super) fn secrets(id: &ObjectId, body: &Value, rules: &[SecretRule], found: &mut Vec<Vec<u8>>) {
    collect(body, &declared(id, body, rules), found);
    manifests(body, rules, found);
}

fn manifests(value: &Value, rules: &[SecretRule], found: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => {
            if let Some((body, places)) = manifest(text, rules) {
                collect(&body, &places, found);
            }
        }
        Value::Object(map) => map.values().for_each(|value| manifests(value, rules, found)),
        Value::Array(items) => items.iter().for_each(|value| manifests(value, rules, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn collect(body: &Value, places: &[Place], found: &mut Vec<Vec<u8>>) {
    for place in places {
        if let Some(value) = body.pointer(&place.pointer) {
            leaves(value, place.base64, found);
        }
    }
}

fn leaves(value: &Value, base64: bool, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(map) => map.values().for_each(|value| leaves(value, base64, found)),
        Value::Array(items) => items.iter().for_each(|value| leaves(value, base64, found)),
        Value::Null => {}
        Value::String(text) if text == VEIL => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            let value = clear(value, base64);
            inner(&value, found);
            found.push(value);
        }
    }
}

/// The value in clear: decoded where it is base64.
pub(super) fn clear(value: &Value, base64: bool) -> Vec<u8> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if !base64 {
        return text.into_bytes();
    }
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed.as_bytes()).unwrap_or_else(|_| text.into_bytes())
}

/// What lies in a secret and is one by itself: the password of an address, texts of JSON, values of `NAME=value` lines.
fn inner(value: &[u8], found: &mut Vec<Vec<u8>>) {
    let Ok(text) = std::str::from_utf8(value) else { return };
    let mut add = |text: &str| {
        if text.len() >= SEARCHED {
            found.push(text.as_bytes().to_vec());
        }
    };
    if text.trim_start().starts_with(['{', '[']) {
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            texts(&json, &mut add);
        }
        return;
    }
    for line in text.lines().map(str::trim) {
        password(line, &mut add);
        let named = line.split_once('=').or_else(|| line.split_once(": "));
        let name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if let Some((_, value)) = named.filter(|(key, _)| key.trim().chars().all(name)) {
            add(value.trim().trim_matches(['"', '\'']));
            password(value, &mut add);
        }
    }
}

fn texts(value: &Value, add: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => {
            add(text);
            password(text, add);
            // `auth` of a registry: base64 of `name:password`.
            let pair = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some((_, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) {
                add(password);
            }
        }
        Value::Object(map) => map.values().for_each(|value| texts(value, add)),
        Value::Array(items) => items.iter().for_each(|value| texts(value, add)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The password in `scheme://name:password@host`.
fn password(text: &str, add: &mut impl FnMut(&str)) {
    let Some((_, rest)) = text.split_once("://") else { return };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return };
    if let Some((_, password)) = user.split_once(':') {
        add(password);
    }
}

fn own(at: &str, (group, kind): (&str, &str), rules: &[SecretRule], places: &mut Vec<Place>) {
    if is_secret(group, kind) {
        places.push(Place { pointer: format!("{at}/data"), base64: true });
        places.push(Place { pointer: format!("{at}/stringData"), base64: false });
    }
    for rule in rules.iter().filter(|rule| rule.kinds.is_empty() || rule.kinds.iter().any(|own| own == kind))
    {
        places.push(Place { pointer: format!("{at}{}", rule.path), base64: false });
    }
}

/// The places of manifests beneath a value: of a `List`, a template, another tool's object around an object.
fn beneath(path: &mut String, value: &Value, rules: &[SecretRule], places: &mut Vec<Place>) {
    let length = path.len();
    let mut into = |path: &mut String, token: &str, value: &Value| {
        push(path, token);
        if let Some(kind) = kind(value) {
            own(path, kind, rules, places);
        }
        beneath(path, value, rules, places);
        path.truncate(length);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| into(path, key, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| into(path, &at.to_string(), value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Group and kind of what looks like a manifest.
fn kind(value: &Value) -> Option<(&str, &str)> {
    let version = value.get("apiVersion")?.as_str()?;
    let kind = value.get("kind")?.as_str()?;
    Some((version.split_once('/').map_or("", |(group, _)| group), kind))
}

fn is_secret(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "Secret"
}

fn packed(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with(PACKED))
}
