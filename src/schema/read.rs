//! Reading schemas: from a definition's `openAPIV3Schema`, and from an OpenAPI document of the API server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::kinds::shipped;
use crate::schema::node::{Additional, Bounds, List, Logic, Node, Sort};
use crate::schema::{DEPTH, Schema};

/// Places of one schema that are read; what lies beyond may be anything. The largest definitions known have 15,000.
const PLACES: usize = 100_000;
/// Where the parts of a document lie.
const PARTS: &str = "#/components/schemas/";
/// The only parts that the schema of a custom kind names.
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.";

impl Schema {
    /// The schema of a custom kind's version, as its definition states it.
    pub(super) fn custom(stated: &Value) -> Self {
        Self { root: Reader { left: PLACES }.node(stated, DEPTH), parts: BTreeMap::new(), custom: true }
    }

    /// The schema of a kind in a document of the server's `/openapi/v3/…`; none: the document does not have the kind.
    pub(crate) fn served(document: &Value, group: &str, version: &str, kind: &str) -> Option<Self> {
        let all = document.pointer("/components/schemas")?.as_object()?;
        let is = |stated: &Value| {
            let kinds = stated.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            kinds.into_iter().flatten().any(|known| {
                let same = |key: &str, wanted: &str| {
                    known.get(key).and_then(Value::as_str).unwrap_or_default() == wanted
                };
                same("group", group) && same("version", version) && same("kind", kind)
            })
        };
        let mut reader = Reader { left: PLACES };
        let root = reader.node(all.values().find(|stated| is(stated))?, DEPTH);
        let mut parts = BTreeMap::new();
        let mut open: BTreeSet<String> = names(&root);
        while let Some(name) = open.pop_first() {
            let part = all.get(&name).map_or_else(Node::default, |stated| reader.node(stated, DEPTH));
            open.extend(names(&part).into_iter().filter(|name| !parts.contains_key(name)));
            parts.insert(name, part);
        }
        // Of what Kubernetes ships, some kinds name no part of their own either: ConfigMap, Secret.
        let custom = shipped(group, kind).is_none() && parts.keys().all(|name| name.starts_with(META));
        Some(Self { root, parts, custom })
    }
}

/// The parts that a node names.
fn names(node: &Node) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = node.children().flat_map(names).collect();
    all.extend(node.refers.clone());
    all
}

struct Reader {
    left: usize,
}

impl Reader {
    fn node(&mut self, stated: &Value, depth: usize) -> Node {
        let Some(map) = stated.as_object().filter(|_| depth > 0 && self.left > 0) else {
            return Node { preserve: true, ..Node::default() };
        };
        self.left -= 1;
        let flag = |key: &str| map.get(key) == Some(&Value::Bool(true));
        let refers = reference(map);
        Node {
            sort: sort(map),
            int_or_string: flag("x-kubernetes-int-or-string"),
            nullable: flag("nullable"),
            properties: self.properties(map, depth),
            additional: self.additional(map, depth),
            items: map.get("items").map(|items| Box::new(self.node(items, depth - 1))),
            required: texts(map, "required"),
            // A default of null is none.
            default: map.get("default").filter(|default| !default.is_null()).cloned(),
            preserve: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            list: match map.get("x-kubernetes-list-type").and_then(Value::as_str) {
                Some("set") => List::Set,
                Some("map") => List::Map(texts(map, "x-kubernetes-list-map-keys")),
                Some(_) | None => List::Atomic,
            },
            atomic: map.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"),
            bounds: boxed(bounds(map)),
            logic: if refers.is_some() { None } else { boxed(self.logic(map, depth)) },
            cel: map.get("x-kubernetes-validations").cloned(),
            refers,
        }
    }

    fn properties(&mut self, map: &Map<String, Value>, depth: usize) -> BTreeMap<String, Node> {
        let stated = map.get("properties").and_then(Value::as_object);
        stated.into_iter().flatten().map(|(key, node)| (key.clone(), self.node(node, depth - 1))).collect()
    }

    fn additional(&mut self, map: &Map<String, Value>, depth: usize) -> Additional {
        match map.get("additionalProperties") {
            Some(Value::Bool(true)) => Additional::Any,
            Some(stated @ Value::Object(_)) => Additional::Like(Box::new(self.node(stated, depth - 1))),
            Some(_) | None => Additional::None,
        }
    }

    fn logic(&mut self, map: &Map<String, Value>, depth: usize) -> Logic {
        let mut each = |key: &str| {
            let stated = map.get(key).and_then(Value::as_array);
            stated.into_iter().flatten().map(|node| self.node(node, depth - 1)).collect::<Vec<_>>()
        };
        let (all, any, one) = (each("allOf"), each("anyOf"), each("oneOf"));
        Logic { all, any, one, not: map.get("not").map(|node| Box::new(self.node(node, depth - 1))) }
    }
}

/// Most places have no conditions, and a large definition has many places.
fn boxed<T: Default + PartialEq>(value: T) -> Option<Box<T>> {
    (value != T::default()).then(|| Box::new(value))
}

/// The part that a node names: at once, or as the only one of `allOf`, which is how a default and a description stand
/// beside a name.
fn reference(map: &Map<String, Value>) -> Option<String> {
    let name = |value: &Value| Some(value.get("$ref")?.as_str()?.strip_prefix(PARTS)?.to_owned());
    let at_once = || map.get("$ref")?.as_str()?.strip_prefix(PARTS).map(str::to_owned);
    let only = || match map.get("allOf")?.as_array()?.as_slice() {
        [only] => name(only),
        _ => None,
    };
    at_once().or_else(only)
}

fn sort(map: &Map<String, Value>) -> Option<Sort> {
    match map.get("type")?.as_str()? {
        "object" => Some(Sort::Object),
        "array" => Some(Sort::Array),
        "string" => Some(Sort::String),
        "integer" => Some(Sort::Integer),
        "number" => Some(Sort::Number),
        "boolean" => Some(Sort::Boolean),
        _ => None,
    }
}

fn bounds(map: &Map<String, Value>) -> Bounds {
    let number = |key: &str| map.get(key).and_then(Value::as_f64);
    let count = |key: &str| map.get(key).and_then(Value::as_u64);
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| map.get(key) == Some(&Value::Bool(true));
    Bounds {
        one_of: map.get("enum").and_then(Value::as_array).cloned(),
        pattern: text("pattern"),
        format: text("format"),
        minimum: number("minimum"),
        maximum: number("maximum"),
        above: flag("exclusiveMinimum"),
        below: flag("exclusiveMaximum"),
        multiple: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        unique: flag("uniqueItems"),
    }
}

fn texts(map: &Map<String, Value>, key: &str) -> Vec<String> {
    let stated = map.get(key).and_then(Value::as_array);
    stated.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
