//! What is rendered: paths with stars and placeholders, renderers, Helm's settings.

use crate::model::settings::{Helm, Renderer, Source, Values};
use crate::yaml::Content;
use crate::yaml::fields::Field;

/// The keys of one source.
pub(in crate::parse) const KEYS: &[&str] = &["path", "renderer", "helm"];
/// The keys of a source's `helm`.
pub(in crate::parse) const HELM_KEYS: &[&str] = &["release", "values", "includeCRDs"];
/// The renderers by their words.
pub(in crate::parse) const RENDERERS: &[(&str, Renderer)] =
    &[("plain", Renderer::Plain), ("kustomize", Renderer::Kustomize), ("helm", Renderer::Helm)];
/// Sources of one environment.
const SOURCES: usize = 1_000;
/// Entries of `values`.
const VALUES: usize = 100;
/// Characters of a path.
const PATH: usize = 1_000;

/// The sources of an environment.
pub(super) fn sources(field: &Field<'_>) -> Vec<Source> {
    let items = field.list();
    if items.is_empty() && matches!(field.node().content, Content::List(_)) {
        field.refuse(
            format!("{} names nothing to render", field.path()),
            "as in `sources: [{path: apps/web}]`",
        );
    }
    if items.len() > SOURCES {
        let message = format!("{} has {} entries, and {SOURCES} are allowed", field.path(), items.len());
        field.refuse(message, "a star in a path matches many apps");
        return Vec::new();
    }
    items.iter().filter_map(source).collect()
}

fn source(field: &Field<'_>) -> Option<Source> {
    let keys = field.fields(KEYS);
    let path = keys.required("path", "a folder or a file of the repository");
    let path = path.and_then(|path| pattern(&path));
    let renderer = keys.get("renderer").map(|field| field.choice(RENDERERS));
    let helm = keys.get("helm").map(|field| helm(&field));
    let other = renderer.flatten().filter(|renderer| *renderer != Renderer::Helm);
    if let (Some(helm), Some(other)) = (keys.get("helm"), other) {
        let word = RENDERERS.iter().find(|(_, known)| *known == other).map_or("", |(word, _)| *word);
        let message = format!("{} does not go with `renderer: {word}`", helm.path());
        helm.refuse(message, "remove one of the two");
    }
    Some(Source { path: path?, renderer: renderer.flatten(), helm, line: field.line() })
}

/// A path from the repository's root, with `*` within a part, `{environment}`, and `{name}` after a star.
fn pattern(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let name = field.path();
    let wrong = |message: String, hint: &str| {
        field.refuse(message, hint);
        None
    };
    if text.chars().count() > PATH || text.chars().any(char::is_control) {
        return wrong(
            format!("{name} must be a path of at most {PATH} characters, none of them control characters"),
            "",
        );
    }
    if text.starts_with('/') {
        return wrong(
            format!("{name} must be relative to the repository's root"),
            "leave out the leading `/`",
        );
    }
    if text.split('/').any(|part| part == "..") {
        return wrong(
            format!("{name} leads out of the repository"),
            "name it from the repository's root, without `..`",
        );
    }
    if text.contains('\\') {
        return wrong(format!("{name} must not hold a backslash"), "the parts of a path are divided by `/`");
    }
    if text.contains("**") {
        return wrong(
            format!("{name}: `**` is not a pattern here"),
            "a star matches within one part: write `apps/*/*`",
        );
    }
    if text.contains(['?', '[', ']']) {
        return wrong(
            format!("{name}: only `*` is a pattern here"),
            "write a star, or one source for each path",
        );
    }
    let before_star = text.split_once('*').map_or(text, |(before, _)| before);
    if before_star.contains("{name}") {
        return wrong(format!("{name}: `{{name}}` is what a star matched, and no star is before it"), "");
    }
    placeholders(field, text, true).then(|| text.to_owned())
}

/// Tells placeholders that do not exist and braces that do not close.
fn placeholders(field: &Field<'_>, text: &str, star: bool) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let found = after.split_once('}');
        let known = found.is_some_and(|(word, _)| word == "environment" || word == "name" && star);
        if !known {
            let hint = match (found, star) {
                (Some(("name", _)), false) => "`{name}` is what a star in `path` matched, and there is none",
                _ => "there are `{environment}`, and `{name}` after a star",
            };
            let word: String = after.chars().take_while(|c| *c != '}' && *c != '/').take(40).collect();
            field.refuse(format!("{}: `{{{word}}}` is not a placeholder", field.path()), hint);
            return false;
        }
        rest = found.map_or("", |(_, rest)| rest);
    }
    true
}

fn helm(field: &Field<'_>) -> Helm {
    let keys = field.fields(HELM_KEYS);
    let release = keys.get("release").and_then(|field| release(&field));
    let values = keys.get("values").map(|field| {
        let items = field.list();
        if items.len() > VALUES {
            field.refuse(
                format!("{} has {} entries, and {VALUES} are allowed", field.path(), items.len()),
                "",
            );
            return Vec::new();
        }
        items.iter().filter_map(values).collect()
    });
    Helm {
        release,
        values: values.unwrap_or_default(),
        include_crds: keys.get("includeCRDs").and_then(|field| field.boolean()).unwrap_or(false),
    }
}

/// A release's name; with placeholders its length is known only when it is rendered.
fn release(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if !placeholders(field, text, true) {
        return None;
    }
    let plain = text.replace("{environment}", "e").replace("{name}", "n");
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if plain.len() <= 53 && plain.bytes().all(good) && plain.starts_with(edge) && plain.ends_with(edge) {
        return Some(text.to_owned());
    }
    let rule = "a release's name: at most 53 of a-z, 0-9, - and .";
    field.refuse(format!("{} must be {rule}", field.path()), "beginning and ending with a letter or digit");
    None
}

fn values(field: &Field<'_>) -> Option<Values> {
    if let Content::Map(_) = field.node().content {
        return Some(Values::Inline(field.node().to_json()));
    }
    if !matches!(field.node().content, Content::Text(_)) {
        let kind = field.node().kind();
        field.refuse(
            format!("{} must be a file or a mapping of values, not {kind}", field.path()),
            "as in `[values.yaml, {replicas: 3}]`",
        );
        return None;
    }
    let text = field.text()?;
    if text.chars().count() > PATH || text.chars().any(|c| c.is_control() || c == '\\') {
        field.refuse(format!("{} must be a file's path of at most {PATH} characters", field.path()), "");
        return None;
    }
    if text.contains('*') {
        field.refuse(format!("{} must name one file", field.path()), "stars are for `path` alone");
        return None;
    }
    placeholders(field, text, true).then(|| Values::File(text.to_owned()))
}
