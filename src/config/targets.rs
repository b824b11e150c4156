//! Reading targets: where they are, who may use them, and their floor.

use std::collections::BTreeMap;

use crate::config::server::Reader;
use crate::config::table::keys;
use crate::model::id::{Branch, EnvironmentName, Login, RepoName};
use crate::model::settings::{BeforeMerge, Gate, Permission};
use crate::model::target::{ClusterObjects, Floor, People, Place, TargetSettings};
use crate::yaml::fields::{Field, Fields};

/// What is filled in where a target serves several environments.
const PLACEHOLDERS: [&str; 3] = ["{owner}", "{repo}", "{environment}"];
/// Where the inventories are.
const OWN_NAMESPACE: &str = "tidegate";

impl Reader<'_> {
    /// All targets by name.
    pub(super) fn targets(&self, all: &Field<'_>) -> BTreeMap<String, TargetSettings> {
        let mut targets = BTreeMap::new();
        for (key, field) in all.entries() {
            if let Err(error) = key.text.parse::<EnvironmentName>() {
                let message = error.to_string().replace("environment name", "target name");
                all.refuse_key(key, message, "");
                continue;
            }
            let fields = field.fields(&keys("targets.NAME"));
            if let Some(place) = self.target_place(&fields) {
                let target = TargetSettings {
                    name: key.text.clone(),
                    place,
                    repositories: fields.each("repositories", Field::parsed::<RepoName>),
                    floor: floor(&fields),
                    emergency: people(&fields),
                };
                targets.insert(key.text.clone(), target);
            } else {
                // Its other faults are told all the same.
                fields.each("repositories", Field::parsed::<RepoName>);
                floor(&fields);
                people(&fields);
            }
        }
        targets
    }

    fn target_place(&self, fields: &Fields<'_>) -> Option<Place> {
        let ways = ["kubernetes", "branch", "directory"];
        let mut given = ways.into_iter().filter_map(|way| fields.get(way).map(|field| (way, field)));
        let Some((way, field)) = given.next() else {
            let message = format!("{} does not say where it is", fields.field().path());
            fields.field().refuse(message, "give one of kubernetes, branch, directory");
            return None;
        };
        if let Some((second, other)) = given.next() {
            other
                .refuse(format!("{} has both {way} and {second}", fields.field().path()), "keep one of them");
            return None;
        }
        match way {
            "kubernetes" => {
                let fields = field.fields(&keys("targets.NAME.kubernetes"));
                Some(Place::Kubernetes {
                    kubeconfig: fields.get("kubeconfig").and_then(|field| self.place(&field)),
                    context: fields.get("context").and_then(|field| field.text().map(str::to_owned)),
                    impersonate: fields.get("as").and_then(|field| template(&field)),
                    scratch: fields.get("scratch").and_then(|field| scratch(&field)),
                })
            }
            "branch" => {
                let fields = field.fields(&keys("targets.NAME.branch"));
                let field = fields.required("name", "as in rendered/{environment}")?;
                branch(&field).map(|name| Place::Branch { name })
            }
            _ => {
                let fields = field.fields(&keys("targets.NAME.directory"));
                let field = fields.required("path", "a folder; one for each environment is made beneath")?;
                self.place(&field).map(|path| Place::Directory { path })
            }
        }
    }
}

/// A text whose braces are all placeholders that we fill in.
fn template(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let plain = PLACEHOLDERS.iter().fold(text.to_owned(), |text, placeholder| text.replace(placeholder, ""));
    if plain.contains(['{', '}']) {
        let hint = format!("known are {}", PLACEHOLDERS.join(", "));
        field.refuse(format!("{} has a placeholder that is not known", field.path()), hint);
        return None;
    }
    Some(text.to_owned())
}

/// The name of a namespace that is not our own.
fn scratch(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = text.len() <= 63
        && text.chars().all(|c| end(Some(c)) || c == '-')
        && end(text.chars().next())
        && end(text.chars().last())
        && text != OWN_NAMESPACE;
    if !fits {
        let hint = format!(
            "as in tidegate-scratch: an empty namespace, and not {OWN_NAMESPACE}, which holds records"
        );
        field.refuse(format!("{} is not a namespace to try objects in", field.path()), hint);
    }
    fits.then(|| text.to_owned())
}

fn branch(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let filled = text.replace("{environment}", "x");
    if filled.contains(['{', '}']) || filled.parse::<Branch>().is_err() {
        let hint = "as in rendered/{environment}; {environment} is the only placeholder";
        field.refuse(format!("{} is not a branch's name", field.path()), hint);
        return None;
    }
    Some(text.to_owned())
}

fn floor(target: &Fields<'_>) -> Floor {
    let Some(field) = target.get("floor") else { return Floor::default() };
    let fields = field.fields(&keys("targets.NAME.floor"));
    let gates = [("approved", Gate::Approved), ("checks", Gate::Checks), ("up-to-date", Gate::UpToDate)];
    let permissions =
        [Permission::Read, Permission::Triage, Permission::Write, Permission::Maintain, Permission::Admin]
            .map(|permission| (permission.word(), permission));
    let before = [
        ("never", BeforeMerge::Never),
        ("when-mergeable", BeforeMerge::WhenMergeable),
        ("any-time", BeforeMerge::AnyTime),
    ];
    let objects = [("allow", ClusterObjects::Allow), ("deny", ClusterObjects::Deny)];
    Floor {
        branches: fields.each("branches", Field::parsed::<Branch>),
        requires: fields.each("requires", |field| field.choice(&gates)),
        permission: fields.get("permission").and_then(|field| field.choice(&permissions)),
        before_merge: fields.get("before_merge").and_then(|field| field.choice(&before)),
        namespaces: fields.each("namespaces", namespaces),
        kinds: fields.each("kinds", kind),
        cluster_objects: fields
            .get("cluster_objects")
            .and_then(|field| field.choice(&objects))
            .unwrap_or_default(),
    }
}

/// A pattern of namespaces.
fn namespaces(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let fits = text.len() <= 63 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'*'));
    if !fits {
        let hint = "of a-z, 0-9, - and *, which matches any run of characters";
        field.refuse(format!("{} is not a pattern of namespaces", field.path()), hint);
    }
    fits.then(|| text.to_owned())
}

fn kind(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let fits = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !fits {
        field.refuse(format!("{} is not a kind", field.path()), "as in Deployment: without group or version");
    }
    fits.then(|| text.to_owned())
}

fn people(target: &Fields<'_>) -> People {
    let Some(field) = target.get("emergency") else { return People::default() };
    let fields = field.fields(&keys("targets.NAME.emergency"));
    People { users: fields.each("users", Field::parsed::<Login>), teams: fields.each("teams", team) }
}

fn team(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let slug = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let fits = text.split_once('/').map_or(slug(text), |(org, team)| slug(org) && slug(team));
    if !fits {
        field.refuse(format!("{} is not a team", field.path()), "as in acme/platform");
    }
    fits.then(|| text.to_owned())
}
