//! When, by whom and under which conditions an environment is deployed.

use crate::model::id::Login;
use crate::model::settings::{Allow, BeforeMerge, Deploy, Gate, Limits, Permission, When};
use crate::yaml::fields::Field;

/// The keys of `deploy`.
pub(in crate::parse) const KEYS: &[&str] =
    &["when", "before_merge", "after", "requires", "allow", "prune", "limits"];
/// The keys of `allow`.
pub(in crate::parse) const ALLOW_KEYS: &[&str] = &["permission", "users", "teams"];
/// The keys of `limits`.
pub(in crate::parse) const LIMIT_KEYS: &[&str] = &["deletes"];
/// What starts a deployment, by its words.
pub(in crate::parse) const WHEN: &[(&str, When)] =
    &[("merge", When::Merge), ("comment", When::Comment), ("never", When::Never)];
/// What may be deployed before a merge, by its words.
pub(in crate::parse) const BEFORE: &[(&str, BeforeMerge)] = &[
    ("never", BeforeMerge::Never),
    ("when-mergeable", BeforeMerge::WhenMergeable),
    ("any-time", BeforeMerge::AnyTime),
];
/// The gates by their words.
pub(in crate::parse) const GATES: &[(&str, Gate)] =
    &[("approved", Gate::Approved), ("checks", Gate::Checks), ("up-to-date", Gate::UpToDate)];
/// The permissions that may be asked for. Not `read`: on a public repository everybody has it.
pub(in crate::parse) const PERMISSIONS: &[(&str, Permission)] = &[
    ("triage", Permission::Triage),
    ("write", Permission::Write),
    ("maintain", Permission::Maintain),
    ("admin", Permission::Admin),
];

/// The rules of an environment.
pub(super) fn deploy(field: &Field<'_>) -> Deploy {
    let keys = field.fields(KEYS);
    let usual = Deploy::default();
    Deploy {
        when: keys.get("when").and_then(|field| field.choice(WHEN)).unwrap_or(usual.when),
        before_merge: keys
            .get("before_merge")
            .and_then(|field| field.choice(BEFORE))
            .unwrap_or(usual.before_merge),
        after: keys.each("after", Field::parsed),
        requires: keys.each("requires", |field| field.choice(GATES)),
        allow: keys.get("allow").map_or(usual.allow, |field| allow(&field)),
        prune: keys.get("prune").and_then(|field| field.boolean()).unwrap_or(usual.prune),
        limits: keys.get("limits").map_or(usual.limits, |field| limits(&field)),
    }
}

fn allow(field: &Field<'_>) -> Allow {
    let keys = field.fields(ALLOW_KEYS);
    let usual = Allow::default();
    Allow {
        permission: keys.get("permission").and_then(|field| permission(&field)).unwrap_or(usual.permission),
        users: keys.each("users", Field::parsed::<Login>),
        teams: keys.each("teams", team),
    }
}

fn permission(field: &Field<'_>) -> Option<Permission> {
    if matches!(field.node().text(), Some("read" | "none")) {
        let hint = "on a public repository everybody may read; ask for triage, write, maintain or admin";
        field.refuse(format!("{} asks for too little", field.path()), hint);
        return None;
    }
    field.choice(PERMISSIONS)
}

/// `org/slug`, or `slug` of the repository's own organisation.
fn team(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let part = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if text.split('/').count() <= 2 && text.split('/').all(part) {
        return Some(text.to_owned());
    }
    field.refuse(format!("{} must be a team: `slug`, or `organisation/slug`", field.path()), "");
    None
}

fn limits(field: &Field<'_>) -> Limits {
    let keys = field.fields(LIMIT_KEYS);
    let usual = Limits::default();
    let deletes = keys.get("deletes").and_then(|field| percent(&field));
    Limits { deletes_percent: deletes.unwrap_or(usual.deletes_percent) }
}

fn percent(field: &Field<'_>) -> Option<u8> {
    let number = field.node().text().and_then(|text| text.strip_suffix('%'));
    let digits = number.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let found = digits.and_then(|digits| digits.parse::<u8>().ok()).filter(|percent| *percent <= 100);
    if found.is_none() {
        field.refuse(
            format!("{} must be a percentage from \"0%\" to \"100%\"", field.path()),
            "as in `deletes: \"20%\"`",
        );
    }
    found
}
