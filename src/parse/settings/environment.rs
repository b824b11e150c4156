//! One environment, defaults already beneath it.

use crate::model::id::EnvironmentName;
use crate::model::settings::{Asked, Environment, Versions};
use crate::parse::settings::{deploy, rules, source};
use crate::yaml::fields::Field;

/// The keys of an environment, and of `defaults`.
pub(in crate::parse) const KEYS: &[&str] =
    &["target", "branch", "namespace", "sources", "versions", "deploy", "adopt", "fields", "secrets"];
/// The keys of `versions`.
pub(in crate::parse) const VERSIONS: &[&str] = &["helm", "kustomize"];
/// Characters of a target's name.
const TARGET: usize = 100;

/// The environment; `name` is none for `defaults`, where nothing is required.
pub(super) fn read(field: &Field<'_>, name: Option<&EnvironmentName>) -> Option<Environment> {
    let keys = field.fields(KEYS);
    let target = keys.get("target").and_then(|field| target(&field));
    let namespace = keys.get("namespace").and_then(|field| namespace(&field));
    let branch = keys.get("branch").and_then(|field| field.parsed());
    let sources = match name {
        Some(_) => keys.required("sources", "say what is rendered: `sources: [{path: apps/web}]`"),
        None => keys.get("sources"),
    };
    let sources = sources.map(|field| source::sources(&field)).unwrap_or_default();
    let versions = keys.get("versions").map(|field| versions(&field)).unwrap_or_default();
    let deploy = keys.get("deploy").map(|field| deploy::deploy(&field)).unwrap_or_default();
    let name = name?;
    Some(Environment {
        target: target.unwrap_or_else(|| name.to_string()),
        branch,
        namespace,
        sources,
        versions,
        deploy,
        adopt: keys.each("adopt", |field| field.choice(rules::ADOPT)),
        fields: keys.each("fields", rules::field),
        secrets: keys.each("secrets", rules::secret),
        line: field.line(),
    })
}

/// The versions of renderers.
fn versions(field: &Field<'_>) -> Versions {
    let keys = field.fields(VERSIONS);
    let asked = |name| {
        let field = keys.get(name)?;
        let version = field.parsed()?;
        Some(Asked { version, line: field.line() })
    };
    Versions { helm: asked("helm"), kustomize: asked("kustomize") }
}

fn target(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.chars().all(good) && text.len() <= TARGET {
        return Some(text.to_owned());
    }
    field.refuse(
        format!("{} must be the name of a target: letters, digits, -, _ and .", field.path()),
        "whoever runs Tidegate names the targets",
    );
    None
}

/// A DNS label, as Kubernetes asks of namespaces.
fn namespace(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let edges = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.ends_with('-');
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if edges && text.len() <= 63 && text.bytes().all(good) {
        return Some(text.to_owned());
    }
    let rule = "a namespace: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit";
    field.refuse(format!("{} must be {rule}", field.path()), "");
    None
}
