//! The repository's file, `.tidegate.yaml`: read as a whole, every fault told at once with its place.

pub(in crate::parse) mod deploy;
pub(in crate::parse) mod environment;
mod order;
mod over;
pub(in crate::parse) mod rules;
pub(in crate::parse) mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::id::EnvironmentName;
use crate::model::settings::{Environment, Settings};
use crate::yaml::fields::{Faults, Field};
use crate::yaml::{Content, Key, Limits, Node, read};

/// The version of the file's form.
const VERSION: u64 = 1;
/// Bytes of the file.
const BYTES: usize = 256 << 10;
/// Values in the file after aliases are expanded, and of all environments with the defaults beneath them.
const NODES: usize = 200_000;
/// Nesting; inline values of a chart need most.
const DEPTH: usize = 50;
/// Environments of one repository.
const ENVIRONMENTS: usize = 200;
/// Faults told of one file.
const FAULTS: usize = 100;
/// The keys of the whole file.
pub(in crate::parse) const KEYS: &[&str] = &["version", "branch", "defaults", "environments"];

/// The file's settings, or all that is wrong with it; `file` is what the faults call it.
#[allow(dead_code, reason = "tests read files without an operator")]
pub(crate) fn settings(text: &[u8], file: &str) -> Result<Settings, Vec<Fault>> {
    settings_over(text, file, &Value::Null)
}

/// What is wrong with the operator's own `defaults`, which lie beneath those of every repository: told at start-up, with
/// the place in the operator's file. `text` is that whole file.
pub(crate) fn defaults(node: &Node, text: &str, file: &str) -> Result<(), Vec<Fault>> {
    let faults = Faults::new(file, text);
    let wrapped = over::wrapped(&["defaults"], node.clone());
    for (_, field) in Field::root(&wrapped, &faults).entries() {
        environment::read(&field, None);
    }
    faults.none_or_all()
}

/// The same as [`settings`] with the operator's `defaults` beneath the file's own; null: none.
pub(crate) fn settings_over(text: &[u8], file: &str, beneath: &Value) -> Result<Settings, Vec<Fault>> {
    let root = document(text, file).map_err(|faults| named(faults, file))?;
    let text = String::from_utf8_lossy(text).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let book = Book { file, text };
    let mut told = Told::default();
    let settings = book.settings(&root, beneath, &mut told);
    if told.faults.is_empty() { Ok(settings) } else { Err(told.all()) }
}

/// The one document of the file. Keys given twice are faults here: which one counts would be a guess.
fn document(text: &[u8], file: &str) -> Result<Node, Vec<Fault>> {
    if text.len() > BYTES {
        let fault = Fault::new(format!("{file} has {} bytes, and {BYTES} are allowed", text.len()));
        return Err(vec![fault.hint("keep charts' values in files of their own")]);
    }
    let limits = Limits { bytes: BYTES, nodes: NODES, depth: DEPTH };
    let mut documents = read(text, &limits).map_err(|fault| vec![fault])?.into_iter();
    let Some(first) = documents.next() else {
        return Err(vec![Fault::new("the file is empty").hint("begin it with `version: 1`").at(1, 1)]);
    };
    if let Some(second) = documents.next() {
        let fault =
            Fault::new("the file has more than one document").hint("remove the `---` and what follows");
        return Err(vec![fault.at(second.root.line, second.root.column)]);
    }
    if first.warnings.is_empty() { Ok(first.root) } else { Err(first.warnings) }
}

fn named(faults: Vec<Fault>, file: &str) -> Vec<Fault> {
    faults.into_iter().map(|fault| fault.file(file)).collect()
}

/// Faults from several readings of the same text; what is wrong in `defaults` is told once, not per environment.
#[derive(Default)]
struct Told {
    faults: Vec<Fault>,
    seen: BTreeSet<(Option<u32>, Option<u32>, String)>,
}

impl Told {
    fn add(&mut self, faults: Faults, path: &str) {
        for fault in faults.none_or_all().err().unwrap_or_default() {
            let plain = fault.message.replace(path, "…");
            if self.faults.len() < FAULTS && self.seen.insert((fault.line, fault.column, plain)) {
                self.faults.push(fault);
            }
        }
    }

    fn all(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| (fault.line.unwrap_or(0), fault.column.unwrap_or(0)));
        self.faults
    }
}

/// The file as faults show it.
struct Book<'a> {
    file: &'a str,
    text: &'a str,
}

impl Book<'_> {
    fn faults(&self) -> Faults {
        Faults::new(self.file, self.text)
    }

    fn settings(&self, root: &Node, beneath: &Value, told: &mut Told) -> Settings {
        let faults = self.faults();
        let top = Field::root(root, &faults).fields(KEYS);
        let version = top.required("version", "begin the file with `version: 1`");
        let number = version.as_ref().and_then(|field| field.number(0..=u64::MAX));
        if let (Some(field), Some(other)) = (version, number.filter(|number| *number != VERSION)) {
            field.refuse(format!("version {other} is not known here"), "write `version: 1`");
        }
        let branch = top.get("branch").and_then(|field| field.parsed());
        let own = top.get("defaults").map(|field| field.node().clone());
        if let Some(defaults) = top.get("defaults") {
            environment::read(&defaults, None);
        }
        let listed = top
            .required("environments", "name at least one: `environments: {staging: {}}`")
            .map(|field| names(&field))
            .unwrap_or_default();
        told.add(faults, "defaults");
        let beneath = over::node(beneath);
        let mut environments = BTreeMap::new();
        let mut nodes = 0;
        for (name, key, node) in listed {
            let mut merged = over::over(&beneath, own.as_ref().unwrap_or(&over::empty()));
            merged = over::over(&merged, &node);
            nodes += over::nodes(&merged);
            if nodes > NODES {
                let fault = Fault::new("the defaults are too large for so many environments");
                let fault = fault.hint("keep charts' values in files of their own");
                told.faults.push(fault.file(self.file).at(key.line, key.column));
                break;
            }
            // What is wrong with the environment as a whole is told at its name.
            (merged.line, merged.column) = (key.line, key.column);
            if let Some(environment) = self.environment(&name, &merged, told) {
                environments.insert(name, environment);
            }
        }
        self.order(root, &environments, told);
        Settings { branch, environments }
    }

    fn environment(&self, name: &EnvironmentName, node: &Node, told: &mut Told) -> Option<Environment> {
        let mut faults = self.faults();
        let path = format!("environments.{name}");
        faults.came_from(path.as_str(), "the operator's defaults");
        let wrapped = over::wrapped(&["environments", name.as_str()], node.clone());
        let found = Field::root(&wrapped, &faults)
            .entries()
            .into_iter()
            .flat_map(|(_, field)| field.entries())
            .find_map(|(_, field)| environment::read(&field, Some(name)));
        told.add(faults, &path);
        found
    }

    fn order(&self, root: &Node, environments: &BTreeMap<EnvironmentName, Environment>, told: &mut Told) {
        let faults = self.faults();
        let all: Vec<&str> = root
            .get("environments")
            .map(|node| node.entries().iter().map(|(key, _)| key.text.as_str()).collect())
            .unwrap_or_default();
        order::check(environments, &all, &mut |name, wrong| {
            let place = order::place(root, name, &wrong.named);
            faults.tell_at(place, "", Fault::new(wrong.message).hint(wrong.hint));
        });
        told.add(faults, "environments");
    }
}

/// The environments that are well named, with what stands under each; nothing stands for an empty mapping.
fn names(field: &Field<'_>) -> Vec<(EnvironmentName, Key, Node)> {
    let entries = field.entries();
    if entries.is_empty() && matches!(field.node().content, Content::Map(_)) {
        field.refuse("environments names none", "name at least one, or remove the file");
    }
    if entries.len() > ENVIRONMENTS {
        field.refuse(
            format!("{} environments are named, and {ENVIRONMENTS} are allowed", entries.len()),
            "use several repositories",
        );
        return Vec::new();
    }
    let mut names = Vec::new();
    for (key, entry) in entries {
        match key.text.parse::<EnvironmentName>() {
            Err(error) => field.refuse_key(key, error.to_string(), "as in `prod-eu`"),
            Ok(name) => {
                let node = match &entry.node().content {
                    Content::Null => over::empty(),
                    Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::List(_) => {
                        entry.fields(environment::KEYS);
                        continue;
                    }
                    Content::Map(_) => entry.node().clone(),
                };
                names.push((name, key.clone(), node));
            }
        }
    }
    names
}
