//! What kustomize says, in the words of the author's files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::advice::{KUSTOMIZE, advice};
use super::{between, documents, place};
use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::closure::Closure;
use crate::render::sources::KUSTOMIZATIONS;
use crate::render::tree::{Tree, below};
use crate::yaml::Node;

/// What comes before kustomize's own words.
const NAME: &str = "kustomize: ";

/// Where the files of an app are looked into.
struct Look<'a> {
    tree: &'a Tree,
    limits: &'a Limits,
    closure: &'a Closure,
}

/// The fault of what kustomize said about an app, with its line and what to do as far as they can be told.
pub(in crate::render) fn kustomize(
    tree: &Tree,
    limits: &Limits,
    app: &str,
    closure: &Closure,
    mut fault: Fault,
) -> Fault {
    let Some(said) = fault.message.strip_prefix(NAME) else { return fault };
    let look = Look { tree, limits, closure };
    let said = unwrap(said).to_owned();
    // Where a folder is at fault, its own file is the place.
    if let Some(folder) = between(&said, "for path '", "'") {
        let own = tree.any(folder, KUSTOMIZATIONS).map(|name| below(folder, name));
        fault.file = own.or(fault.file).filter(|_| !said.contains("expected kind"));
    }
    let file = fault.file.take().or_else(|| tree.any(app, KUSTOMIZATIONS).map(|name| below(app, name)));
    let meant = file.as_deref().map(str::to_owned);
    fault.file = file;
    fault.message = format!("{NAME}{}", look.told(&said, &mut fault));
    let Some(advice) = advice(KUSTOMIZE, &fault.message) else { return fault };
    if fault.hint.is_empty() {
        advice.hint.clone_into(&mut fault.hint);
    }
    if let Some(file) = meant.filter(|_| fault.line.is_none()) {
        let field = between(&said, "unknown field \"", "\"").or_else(|| field(&said));
        let names: Vec<&str> = field.into_iter().chain(advice.keys.iter().copied()).collect();
        // What is missing in it is missing in its whole.
        let (line, column) = place(tree, limits, &file, &names).unwrap_or((1, 1));
        fault = fault.at(line, column);
    }
    fault
}

/// The innermost of nested messages.
fn unwrap(said: &str) -> &str {
    let mut inner = said;
    for begin in ["must resolve to a file", "merging resources from '", "recursed merging from path '"] {
        let rest = inner.split_once(begin).and_then(|(_, rest)| rest.split_once("': "));
        inner = rest.map_or(inner, |(_, rest)| rest);
    }
    inner.split_once(":\n").map_or(inner, |(_, rest)| rest).trim()
}

/// The field that Go's words on a wrong type name.
fn field(said: &str) -> Option<&str> {
    between(said, "Go struct field ", " ").and_then(|path| path.rsplit('.').next())
}

impl Look<'_> {
    /// The message; `fault` gets a place where the message knows a better one.
    fn told(&self, said: &str, fault: &mut Fault) -> String {
        if let Some((_, id)) = said.split_once("already registered id: ") {
            return self.twice(identity(id.trim()), fault);
        }
        if let Some((_, objects)) = said.split_once("ID conflict: [") {
            let first = serde_json::Deserializer::from_str(objects).into_iter::<Value>().next();
            let text = |pointer: &str| {
                let value = first.as_ref().and_then(|first| first.as_ref().ok())?.pointer(pointer)?;
                value.as_str().map(str::to_owned)
            };
            return self.twice(text("/kind").zip(text("/metadata/name")), fault);
        }
        if said.contains("does not exist; cannot merge or replace") {
            // Kustomize shows what its program holds in memory.
            let (kind, name) = (between(said, "Kind:\"", "\""), between(said, "Name:\"", "\""));
            let (kind, name) = (kind.unwrap_or("object"), name.unwrap_or_default());
            return format!("the generated {kind} `{name}` merges into one that is not there");
        }
        if let Some((kind, rest)) = between(said, "cannot unmarshal ", " into")
            .zip(said.split_once(" of type ").map(|(_, rest)| rest))
        {
            let field = field(said).unwrap_or_default();
            return format!("`{field}` must be {}, and this is {}", wanted(rest), given(kind));
        }
        let by_kind =
            between(said, "unable to load builtin ", ".").or_else(|| between(said, "external plugin '", "'"));
        if let Some(kind) = by_kind {
            self.settle(fault, |node| text(node, "kind") == Some(kind));
        } else if let Some((kind, name)) =
            said.split_once("no matches for Id ").and_then(|(_, id)| identity(id))
        {
            self.settle(fault, |node| text(node, "kind") == Some(&kind) && named(node) == Some(&name));
        } else if said.starts_with("missing ") {
            self.lacking(fault);
        }
        let said = said.split(" in object {").next().unwrap_or(said);
        identities(said.split("; failed to find unique target").next().unwrap_or(said))
    }

    /// An object that is there twice: both places, and the later one as the fault's.
    fn twice(&self, of: Option<(String, String)>, fault: &mut Fault) -> String {
        let Some((kind, name)) = of else { return "an object is there twice".to_owned() };
        let places = self.places(&self.closure.resources, |node| {
            text(node, "kind") == Some(&kind) && named(node) == Some(&name)
        });
        let [(first, at), .., (last, line)] = places.as_slice() else {
            return format!("{kind} {name} is there twice");
        };
        fault.file = Some(last.clone());
        (fault.line, fault.column) = (Some(*line), Some(1));
        format!("{kind} {name} is there twice: in {first}:{at} and in {last}:{line}")
    }

    /// Gives the fault the place of the one document of the files beside the resources that fits.
    fn settle(&self, fault: &mut Fault, fits: impl Fn(&Node) -> bool) {
        if let [(file, line)] = self.places(&self.closure.others, fits).as_slice() {
            fault.file = Some(file.clone());
            (fault.line, fault.column) = (Some(*line), Some(1));
        }
    }

    /// Gives the fault the line of the first document in its file that is no manifest.
    fn lacking(&self, fault: &mut Fault) {
        let Some(file) = fault.file.clone() else { return };
        let no = |node: &Node| text(node, "kind").is_none() || named(node).is_none();
        if let Some((_, line)) = self.places(&BTreeSet::from([file]), no).first() {
            (fault.line, fault.column) = (Some(*line), Some(1));
        }
    }

    fn places(&self, files: &BTreeSet<String>, fits: impl Fn(&Node) -> bool) -> Vec<(String, u32)> {
        let mut places = Vec::new();
        for file in files {
            let documents = documents(self.tree, self.limits, file);
            let fit = documents.iter().filter(|document| fits(&document.root));
            places.extend(fit.map(|document| (file.clone(), document.root.line)));
        }
        places
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::text)
}

fn named(node: &Node) -> Option<&str> {
    node.get("metadata").and_then(|metadata| text(metadata, "name"))
}

/// Kind and name of what kustomize writes `Kind.version.group/name.namespace`.
fn identity(id: &str) -> Option<(String, String)> {
    let (kind, name) = parts(id.split([' ', ';', '"']).next()?)?;
    Some((kind.to_owned(), name.rsplit_once('.').map_or(name, |(name, _)| name).to_owned()))
}

fn parts(id: &str) -> Option<(&str, &str)> {
    let (kind, name) = id.split_once('/')?;
    let (kind, version) = kind.split_once('.')?;
    let is = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && (version.starts_with('v') || version.starts_with('['));
    (is && name.contains('.')).then_some((kind, name))
}

/// A text with the identities in it as people write them: `Kind name`, `Kind namespace/name`.
fn identities(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(['"', ':', ';', ',']);
        let Some((kind, (name, namespace))) =
            parts(bare).and_then(|(kind, name)| Some((kind, name.rsplit_once('.')?)))
        else {
            return word.to_owned();
        };
        let told = match namespace {
            "[noNs]" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        };
        word.replace(bare, &told)
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What Go calls a type, in the words of YAML.
fn wanted(kind: &str) -> &'static str {
    match kind.trim() {
        "string" => "a string",
        "bool" => "true or false",
        "[]string" => "a list of strings",
        kind if kind.starts_with("[]") => "a list",
        kind if kind.starts_with("int") || kind.starts_with("uint") || kind.starts_with("float") => {
            "a number"
        }
        _ => "a mapping",
    }
}

/// What Go calls a value of JSON.
fn given(kind: &str) -> &'static str {
    match kind.split(' ').next().unwrap_or(kind) {
        "string" => "a string",
        "bool" => "a boolean",
        "array" => "a list",
        "object" => "a mapping",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::{identities, identity};

    #[test]
    fn identities_are_told_as_people_write_them() {
        let table = [
            ("no matches for Id ConfigMap.v1.[noGrp]/m.[noNs]; x", "no matches for Id ConfigMap m; x"),
            ("patch \"Deployment.v1.apps/a.b.shop\"", "patch \"Deployment shop/a.b\""),
            ("selected by Secret.[noVer].[noGrp]/x.[noNs]", "selected by Secret x"),
            ("see a/b.yaml and v1.0/x.y", "see a/b.yaml and v1.0/x.y"),
        ];
        for (said, told) in table {
            assert_eq!(identities(said), told);
        }
        assert_eq!(identity("Role.v1.rbac.x.io/r.ns"), Some(("Role".to_owned(), "r".to_owned())));
        assert_eq!(identity("nothing"), None);
    }
}
