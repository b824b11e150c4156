//! Rules about owners, contested fields and masked values.

use crate::model::settings::{Adopt, FieldRule, SecretRule, Winner};
use crate::yaml::fields::{Field, Fields};

/// The keys of one entry of `fields`.
pub(in crate::parse) const FIELD_KEYS: &[&str] = &["kinds", "path", "rule", "to"];
/// The keys of one entry of `secrets`.
pub(in crate::parse) const SECRET_KEYS: &[&str] = &["kinds", "path"];
/// Owners by their words.
pub(in crate::parse) const ADOPT: &[(&str, Adopt)] = &[
    ("unmanaged", Adopt::Unmanaged),
    ("helm", Adopt::Helm),
    ("argocd", Adopt::Argocd),
    ("flux", Adopt::Flux),
];
/// Who wins, by its words.
pub(in crate::parse) const WINNERS: &[(&str, Winner)] =
    &[("take", Winner::Take), ("yield", Winner::Yield), ("fail", Winner::Fail)];

/// One entry of `fields`.
pub(super) fn field(field: &Field<'_>) -> Option<FieldRule> {
    let keys = field.fields(FIELD_KEYS);
    let kinds = kinds(&keys);
    let path = pointer(&keys);
    let rule = keys.required("rule", "who wins: take, yield or fail").and_then(|field| field.choice(WINNERS));
    let to = keys.each("to", |field| field.text().map(str::to_owned));
    Some(FieldRule { kinds, path: path?, rule: rule?, to })
}

/// One entry of `secrets`.
pub(super) fn secret(field: &Field<'_>) -> Option<SecretRule> {
    let keys = field.fields(SECRET_KEYS);
    let kinds = kinds(&keys);
    Some(SecretRule { kinds, path: pointer(&keys)? })
}

fn kinds(keys: &Fields<'_>) -> Vec<String> {
    keys.each("kinds", |field| {
        let text = field.text()?;
        let good = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= 63
            && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !good {
            field.refuse(format!("{} must be a kind", field.path()), "as in `Deployment`, with a capital");
        }
        good.then(|| text.to_owned())
    })
}

/// A JSON Pointer (RFC 6901) to something within an object.
fn pointer(keys: &Fields<'_>) -> Option<String> {
    let field = keys.required("path", "a JSON Pointer, as in `/spec/replicas`")?;
    let text = field.text()?;
    let mut tildes = text.split('~').skip(1);
    let escaped = tildes.all(|after| after.starts_with(['0', '1']));
    if text.starts_with('/') && text.len() > 1 && text.len() <= 1_000 && escaped {
        return Some(text.to_owned());
    }
    let hint = "it begins with `/`; within a part `/` is written `~1` and `~` is written `~0`, as in `/metadata/annotations/example.com~1note`";
    field.refuse(format!("{} must be a JSON Pointer", field.path()), hint);
    None
}
