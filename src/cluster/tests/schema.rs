//! Schemas beside the real API server: for each document its verdict and its defaults must be ours, too.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use crate::cluster::address::Address;
use crate::cluster::kinds::Served;
use crate::cluster::look::verdict::{Verdict, verdict};
use crate::cluster::openapi::Library;
use crate::cluster::send::{Force, Mode, apply};
use crate::cluster::wire::Trouble;
use crate::model::object::Object;
use crate::schema::{Definition, Judgement, Schema};

const GROUP: &str = "oracle.example.com";

/// Where our verdict may differ from the server's, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("rule in CEL broken", "rules in CEL are not evaluated, which is said beside the verdict")];

fn shape() -> Value {
    let text = json!({"type": "string"});
    let first = json!({
        "size": {"type": "integer", "minimum": 1, "maximum": 5},
        "small": {"type": "integer", "format": "int32"},
        "open": {"type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 10, "exclusiveMaximum": true},
        "even": {"type": "integer", "multipleOf": 2},
        "ratio": {"type": "number"},
        "on": {"type": "boolean", "default": true},
        "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "maybe": {"type": "string", "enum": ["x"], "nullable": true},
        "port": {"x-kubernetes-int-or-string": true},
        "limit": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^[0-9]+%$"},
        "absent": text,
        "empty": {"type": "string", "nullable": true},
        "filled": {"type": "string", "default": "F"},
        "both": {"type": "string", "nullable": true, "default": "B"},
        "made": {"type": "object", "default": {}, "properties": {"a": {"type": "string", "default": "A"}, "b": {"type": "object", "properties": {"c": {"type": "string", "default": "C"}}}}},
        "deep": {"type": "object", "required": ["x"], "properties": {"x": text, "y": {"type": "integer", "default": 7}}},
        "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "object", "properties": {"n": {"type": "number"}, "d": {"type": "string", "default": "D"}}}},
        "words": {"type": "array", "items": text},
        "holes": {"type": "array", "items": {"type": "string", "nullable": true}},
        "map": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "boolean"}},
        "things": {"type": "object", "additionalProperties": {"type": "object", "required": ["q"], "properties": {"q": {"type": "integer", "default": 1}}}}});
    let second = json!({
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "object", "properties": {"a": text}}}},
        "any": {"x-kubernetes-preserve-unknown-fields": true},
        "whole": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        "strict": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object", "properties": {"s": text}}}},
        "bare": {"type": "object"},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "more": text}}},
        "either": {"type": "object", "properties": {"a": text, "b": text}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "never": {"type": "object", "properties": {"a": text}, "not": {"properties": {"a": {"enum": ["no"]}}, "required": ["a"]}},
        "also": {"type": "string", "allOf": [{"minLength": 2}, {"pattern": "x$"}]},
        "any_of": {"type": "integer", "anyOf": [{"minimum": 10}, {"maximum": 3}]},
        "when": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "four": {"type": "string", "format": "ipv4"},
        "six": {"type": "string", "format": "ipv6"},
        "net": {"type": "string", "format": "cidr"},
        "bytes": {"type": "string", "format": "byte"},
        "id": {"type": "string", "format": "uuid"},
        "own": {"type": "string", "format": "of-our-own"},
        "ruled": {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 3"}]}});
    let mut properties = first;
    for (key, node) in second.as_object().into_iter().flatten() {
        properties[key] = node.clone();
    }
    json!({"type": "object", "required": ["size"], "properties": properties})
}

fn definition(kind: &str, plural: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": shape(), "status": {"type": "object", "properties": {"seen": {"type": "boolean"}}}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": {"plural": plural, "singular": plural, "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
}

/// Specs, each beside `size: 2`, with a name for people.
#[expect(clippy::too_many_lines, reason = "a table")]
fn specs() -> Vec<(&'static str, Value)> {
    vec![
        ("the least", json!({})),
        ("unknown field", json!({"extra": 1})),
        ("unknown fields deep down", json!({"deep": {"x": "1", "z": 1}, "list": [{"n": 1, "m": 2}]})),
        ("too small", json!({"size": 0})),
        ("too large", json!({"size": 6})),
        ("size is null", json!({"size": null})),
        ("size is text", json!({"size": "2"})),
        ("size is broken", json!({"size": 2.5})),
        ("size is whole though it has a point", json!({"size": 2.0})),
        ("beyond 32 bits", json!({"small": 3_000_000_000_i64})),
        ("within 32 bits", json!({"small": -2_000_000_000_i64})),
        ("at the open end below", json!({"open": 0})),
        ("at the open end above", json!({"open": 10})),
        ("within the open ends", json!({"open": 9})),
        ("odd", json!({"even": 3})),
        ("even", json!({"even": 4})),
        ("a number that is whole", json!({"ratio": 3})),
        ("a number", json!({"ratio": 0.25})),
        ("a number as text", json!({"ratio": "0.25"})),
        ("a text for true", json!({"on": "true"})),
        ("a number for true", json!({"on": 1})),
        ("false", json!({"on": false})),
        ("name fits", json!({"name": "abc"})),
        ("name too short", json!({"name": "a"})),
        ("name too long", json!({"name": "abcde"})),
        ("name of other letters", json!({"name": "AB"})),
        ("characters are counted and not bytes", json!({"also": "ax"})),
        ("name is a number", json!({"name": 12})),
        ("mode", json!({"mode": "b"})),
        ("mode that is none", json!({"mode": "c"})),
        ("null in an enum that may be null", json!({"maybe": null})),
        ("an enum that may be null", json!({"maybe": "x"})),
        ("port as a number", json!({"port": 80})),
        ("port as a text", json!({"port": "http"})),
        ("port as neither", json!({"port": true})),
        ("port with a fraction", json!({"port": 1.5})),
        ("limit as a number", json!({"limit": 3})),
        ("limit as a text", json!({"limit": "30%"})),
        ("limit as a wrong text", json!({"limit": "30"})),
        ("null where none may be", json!({"absent": null})),
        ("null where it may be", json!({"empty": null})),
        ("null where there is a default", json!({"filled": null})),
        ("null that stays beside a default", json!({"both": null})),
        ("a default is overruled", json!({"filled": "G", "both": "H"})),
        ("an object that makes defaults", json!({"made": {"b": {}}})),
        ("an object of null that makes defaults", json!({"made": null})),
        ("defaults only beneath what is there", json!({"deep": {"x": "1"}})),
        ("required deep down", json!({"deep": {}})),
        ("an object is a text", json!({"deep": "x"})),
        ("list with defaults", json!({"list": [{}, {"d": "E"}]})),
        ("list is empty", json!({"list": []})),
        ("list is too long", json!({"list": [{}, {}, {}]})),
        ("list of wrong things", json!({"list": [{"n": "1"}]})),
        ("list is an object", json!({"list": {"n": 1}})),
        ("words", json!({"words": ["a", "b", "a"]})),
        ("words with a number", json!({"words": ["a", 1]})),
        ("words with a null", json!({"words": ["a", null]})),
        ("holes", json!({"holes": ["a", null]})),
        ("map", json!({"map": {"a": true, "b/c": false}})),
        ("map of wrong things", json!({"map": {"a": "true"}})),
        ("map is too large", json!({"map": {"a": true, "b": true, "c": true}})),
        ("map with a null", json!({"map": {"a": null}})),
        ("things have defaults", json!({"things": {"x": {}, "y": {"q": 3}}})),
        ("things have unknown fields", json!({"things": {"x": {"r": 1}}})),
        ("free holds anything", json!({"free": {"a": [1, {"b": "c"}], "known": {"a": "1"}}})),
        ("free has null", json!({"free": {"a": null}})),
        ("free names what is known", json!({"free": {"known": {"a": "1", "b": 2}}})),
        ("free is wrong where it is known", json!({"free": {"known": {"a": 1}}})),
        ("any is a text", json!({"any": "text"})),
        ("any is an object", json!({"any": {"deep": [1, null, {"x": 1}]}})),
        (
            "whole",
            json!({"whole": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}}),
        ),
        ("whole without a kind", json!({"whole": {"apiVersion": "v1", "data": {}}})),
        (
            "whole with a bad name",
            json!({"whole": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A_b"}}}),
        ),
        (
            "whole with metadata that is not known",
            json!({"whole": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "nom": "b"}}}),
        ),
        (
            "strict",
            json!({"strict": {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "spec": {"s": "1"}}}),
        ),
        (
            "strict has more",
            json!({"strict": {"apiVersion": "v1", "kind": "X", "data": {}, "spec": {"s": "1"}}}),
        ),
        ("bare has anything", json!({"bare": {"a": 1}})),
        ("bare", json!({"bare": {}})),
        ("tags", json!({"tags": ["b", "a"]})),
        ("tags twice", json!({"tags": ["a", "b", "a"]})),
        ("ports", json!({"ports": [{"port": 1}, {"port": 1, "protocol": "UDP"}, {"port": 2, "more": "x"}]})),
        ("ports twice", json!({"ports": [{"port": 1, "protocol": "UDP"}, {"port": 1, "protocol": "UDP"}]})),
        ("ports twice by default", json!({"ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]})),
        ("ports without a key", json!({"ports": [{"more": "x"}]})),
        ("one of two", json!({"either": {"a": "1"}})),
        ("both of two", json!({"either": {"a": "1", "b": "2"}})),
        ("none of two", json!({"either": {}})),
        ("not", json!({"never": {"a": "no"}})),
        ("not not", json!({"never": {"a": "yes"}})),
        ("all of", json!({"also": "abx"})),
        ("all of, one missed", json!({"also": "xa"})),
        ("any of", json!({"any_of": 2})),
        ("none of any", json!({"any_of": 5})),
        ("a time", json!({"when": "2026-01-02T03:04:05Z"})),
        ("a time with a zone", json!({"when": "2026-01-02T03:04:05.678+02:00"})),
        ("no time", json!({"when": "yesterday"})),
        ("a time without a zone", json!({"when": "2026-01-02T03:04:05"})),
        ("a day", json!({"day": "2026-02-28"})),
        ("no day", json!({"day": "2026-02-30"})),
        ("ipv4", json!({"four": "10.0.0.1"})),
        ("no ipv4", json!({"four": "10.0.0.256"})),
        ("ipv6", json!({"six": "fe80::1"})),
        ("no ipv6", json!({"six": "10.0.0.1"})),
        ("a net", json!({"net": "10.0.0.0/8"})),
        ("no net", json!({"net": "10.0.0.0/33"})),
        ("bytes", json!({"bytes": "aGVsbG8="})),
        ("no bytes", json!({"bytes": "not base64!"})),
        ("an id", json!({"id": "123e4567-e89b-12d3-a456-426614174000"})),
        ("no id", json!({"id": "123e4567"})),
        ("a format of somebody's own", json!({"own": "anything"})),
        ("rule in CEL kept", json!({"ruled": 2})),
        ("rule in CEL broken", json!({"ruled": 3})),
    ]
}

fn object(name: &str, spec: &Value) -> Value {
    let mut body = json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Oracle", "metadata": {"name": name}, "spec": {"size": 2}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        body["spec"][key] = value.clone();
    }
    body
}

/// Whole objects whose metadata, or whose shape, is the matter.
fn wholes() -> Vec<(&'static str, Value)> {
    let with = |path: &str, value: Value| {
        let mut body = object("x", &json!({}));
        let (parent, key) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        body
    };
    vec![
        ("labels", with("/metadata/labels", json!({"a/b": "c", "d": ""}))),
        ("a label that is a number", with("/metadata/labels", json!({"a": 1}))),
        ("a label's value with a space", with("/metadata/labels", json!({"a": "b c"}))),
        ("a label's key with a space", with("/metadata/labels", json!({"a b": "c"}))),
        ("annotations", with("/metadata/annotations", json!({"Example.com/a": "any text at all"}))),
        ("an annotation that is an object", with("/metadata/annotations", json!({"a": {}}))),
        ("an annotation's key with a space", with("/metadata/annotations", json!({"a b": "c"}))),
        ("unknown metadata", with("/metadata/nom", json!("x"))),
        ("finalizers", with("/metadata/finalizers", json!(["example.com/a"]))),
        ("finalizers that are a text", with("/metadata/finalizers", json!("example.com/a"))),
        ("a name in capitals", object("Xx", &json!({}))),
        ("an unknown field beside spec", with("/specs", json!({}))),
        ("spec is null", with("/spec", Value::Null)),
        ("spec is a list", with("/spec", json!([]))),
    ]
}

fn address(world: &World, body: &Value) -> Address {
    let mut id = Object::identify(body).unwrap();
    id.namespace = Some(world.namespace().to_owned());
    let served = Served {
        group: GROUP.to_owned(),
        version: "v1".to_owned(),
        plural: "oracles".to_owned(),
        namespaced: true,
        status: false,
        listed: true,
    };
    Address { id, served, namespace: Some(world.namespace().to_owned()) }
}

/// What the server makes of it: the outcome, or its words and the field it names.
async fn ask(world: &World, body: &Value) -> Result<Value, (String, Option<String>)> {
    let wire = &world.cluster.wire;
    match apply(wire, &address(world, body), body, Mode::DryRun, Force::No).await {
        Ok(answer) => Ok(answer.body),
        Err(Trouble::Refused(refusal)) => match verdict(&refusal) {
            Verdict::Refused { message, path } | Verdict::Invalid { message, path } => Err((message, path)),
            other @ (Verdict::Unknowable(_) | Verdict::Weather) => panic!("{other:?}: {refusal:?}"),
        },
        Err(trouble) => panic!("{trouble:?}"),
    }
}

/// How the two verdicts differ, if they do.
fn differ(judged: &Judgement, answer: &Result<Value, (String, Option<String>)>) -> Option<String> {
    match (judged.mistakes.is_empty(), answer) {
        (true, Ok(body)) => {
            let same = |path: &str| judged.after.pointer(path) == body.pointer(path);
            let places = ["/spec", "/metadata/labels", "/metadata/annotations"];
            let other: Vec<_> = places.into_iter().filter(|path| !same(path)).collect();
            (!other.is_empty()).then(|| format!("other values: {:#}\nserver: {body:#}", judged.after))
        }
        (false, Ok(_)) => Some(format!("accepted, and we say {:?}", judged.mistakes)),
        (true, Err((words, _))) => Some(format!("refused ({words}), and we accept it")),
        (false, Err((words, Some(path)))) => {
            // Either may be the more precise.
            let above =
                |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
            let near = |ours: &str| above(ours, path) || above(path, ours);
            let named = judged.mistakes.iter().any(|mistake| near(&mistake.path));
            (!named).then(|| format!("refused at {path} ({words}), and we say {:?}", judged.mistakes))
        }
        (false, Err((_, None))) => None,
    }
}

/// The schema as the server publishes it, a moment after the definition was applied.
async fn published(world: &World) -> Schema {
    let served = address(world, &object("x", &json!({}))).served;
    for _ in 0..300 {
        let library = Library::default();
        if let Some(schema) = library.schema(&world.cluster.wire, &served, "Oracle").await.unwrap() {
            return (*schema).clone();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the schema is never published");
}

#[tokio::test]
async fn our_verdicts_and_defaults_are_the_servers() {
    let world = World::settled("schema-oracle").await;
    let definition = definition("Oracle", "oracles");
    world.must_deploy(&world.bundle(std::slice::from_ref(&definition))).await;
    let ours = Definition::read(&definition).unwrap().served("v1").unwrap().schema.clone();
    let theirs = published(&world).await;
    let documents: Vec<(&str, Value)> =
        specs().into_iter().map(|(name, spec)| (name, object("x", &spec))).chain(wholes()).collect();
    let (mut told, mut accepted) = (Vec::new(), 0);
    for (name, body) in &documents {
        let answer = ask(&world, body).await;
        accepted += usize::from(answer.is_ok());
        let judged = ours.judge(body);
        let other = differ(&judged, &answer);
        match (other, EXCEPTIONS.iter().any(|(exception, _)| exception == name)) {
            (Some(other), false) => told.push(format!("{name}: {other}")),
            (None, true) => told.push(format!("{name} is an exception no more")),
            (Some(_), true) | (None, false) => {}
        }
        let published = theirs.judge(body);
        let paths = |judged: &Judgement| {
            judged.mistakes.iter().map(|mistake| mistake.path.clone()).collect::<BTreeSet<_>>()
        };
        if published.after != judged.after || paths(&published) != paths(&judged) {
            told.push(format!(
                "{name}: by the server's document {published:#?}\nby the definition {judged:#?}"
            ));
        }
    }
    println!("{} documents, {accepted} accepted, {} exceptions", documents.len(), EXCEPTIONS.len());
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    assert!(documents.len() >= 60 && accepted > 30 && documents.len() - accepted > 30);
    assert!(ours.has_rules() && theirs.has_rules());
    assert_eq!(ours.keys().0["/spec/ports"], &["port", "protocol"]);
    assert_eq!(theirs.keys().0["/spec/ports"], &["port", "protocol"]);
}
