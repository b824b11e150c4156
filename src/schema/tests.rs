//! Schemas on their own, after the API server's documented rules; `cluster::tests::schema` holds them beside a real one.

use serde_json::{Value, json};

use super::{Definition, Schema};

fn schema(spec: &Value) -> Schema {
    let stated = json!({"type": "object", "properties": {"spec": spec}});
    Schema::custom(&stated)
}

fn object(spec: &Value) -> Value {
    json!({"apiVersion": "x.example.com/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec})
}

/// The mistakes of a spec, as `path words`.
fn faults(shape: &Value, spec: &Value) -> Vec<String> {
    let judged = schema(shape).judge(&object(spec));
    judged.mistakes.into_iter().map(|mistake| format!("{} {}", mistake.path, mistake.words)).collect()
}

#[test]
fn types_bounds_and_unknown_fields_are_told_with_their_place() {
    let shape = json!({"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 5},
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "port": {"x-kubernetes-int-or-string": true},
        "list": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"n": {"type": "number"}}}},
        "map": {"type": "object", "additionalProperties": {"type": "boolean"}}}});
    assert_eq!(
        faults(&shape, &json!({"size": 2, "name": "ab", "mode": "a", "port": "http", "map": {"x": true}})),
        [""; 0]
    );
    assert_eq!(
        faults(
            &shape,
            &json!({"name": "Abcd", "mode": "c", "port": 1.5, "map": {"x/y": "true"}, "extra": 1,
                "list": [{"n": "1", "m": 2}, {}]})
        ),
        [
            "/spec/extra is not a known field",
            "/spec/list/0/m is not a known field",
            "/spec/size is required",
            "/spec/name has 4 characters, at most 3 are allowed",
            "/spec/name does not match ^[a-z]+$",
            r#"/spec/mode must be one of "a", "b""#,
            "/spec/port must be a whole number or a text, and is a number",
            "/spec/map/x~1y must be true or false, and is a text",
            "/spec/list has 2 items, at most 1 are allowed",
            "/spec/list/0/n must be a number, and is a text",
        ]
    );
    assert_eq!(faults(&shape, &json!({"size": 2.5})), ["/spec/size must be a whole number, and is a number"]);
}

#[test]
fn no_mistake_quotes_what_the_object_holds() {
    let shape = json!({"type": "object", "properties": {"password": {"type": "string", "pattern": "^a$",
        "enum": ["a"], "maxLength": 1, "format": "uuid"}}});
    let told = faults(&shape, &json!({"password": "hunter2"}));
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|words| !words.contains("hunter2")), "{told:?}");
}

#[test]
fn defaults_come_where_the_parent_is_and_nulls_follow_nullable() {
    let shape = json!({"type": "object", "properties": {
        "a": {"type": "string", "default": "A"},
        "b": {"type": "string", "nullable": true, "default": "B"},
        "deep": {"type": "object", "properties": {"d": {"type": "integer", "default": 1}}},
        "made": {"type": "object", "default": {}, "properties": {"e": {"type": "integer", "default": 2}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"f": {"type": "string", "default": "F"}}}}}});
    let judged = schema(&shape).judge(&object(&json!({"a": null, "b": null, "list": [{}]})));
    assert_eq!(judged.mistakes, []);
    assert_eq!(judged.after["spec"], json!({"a": "A", "b": null, "list": [{"f": "F"}], "made": {"e": 2}}));
    let judged = schema(&shape).judge(&json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}}));
    assert!(judged.after.get("spec").is_none());
}

#[test]
fn what_may_hold_anything_does_and_what_it_names_is_pruned() {
    let shape = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
        "known": {"type": "object", "properties": {"a": {"type": "string"}}},
        "whole": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}}});
    let spec = json!({"free": {"x": [1, {"y": null}]}, "known": {"a": "1", "b": 2},
        "whole": {"apiVersion": "v1", "metadata": {"name": "a", "nom": "b"}, "data": 1}});
    let judged = schema(&shape).judge(&object(&spec));
    let told: Vec<_> = judged.mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(told, ["/spec/whole/kind"], "an apply does not know what is unknown there");
    assert_eq!(judged.after["spec"]["free"], spec["free"]);
    assert_eq!(judged.after["spec"]["known"], json!({"a": "1"}));
}

#[test]
fn lists_are_known_by_their_keys() {
    let item = json!({"type": "object", "properties": {"name": {"type": "string"}, "port": {"type": "integer"},
        "inner": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
            "items": {"type": "object", "properties": {"id": {"type": "string"}}}}}});
    let shape = json!({"type": "object", "properties": {
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"], "items": item},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}});
    let keys = schema(&shape).keys().0;
    assert_eq!(keys["/spec/ports"], &["name", "port"]);
    assert_eq!(keys["/spec/ports/inner"], &["id"]);
    assert_eq!(keys.len(), 2);
    let spec = json!({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"name": "a", "port": 1}], "tags": ["x", "y", "x"]});
    assert_eq!(
        faults(&shape, &spec),
        [
            "/spec/ports/2 has the same name and port as another",
            "/spec/tags/2 is there twice in a list of different values"
        ]
    );

    let live = json!({"spec": {"ports": [{"name": "a", "port": 1, "seen": true}, {"name": "b", "port": 1}], "tags": ["y"], "kept": 1}});
    let sent = json!({"spec": {"ports": [{"name": "a", "port": 1, "more": 1}, {"name": "c", "port": 1}], "tags": ["x"]}});
    assert_eq!(
        schema(&shape).lay(&live, &sent),
        json!({"spec": {"ports": [{"name": "a", "port": 1, "seen": true, "more": 1}, {"name": "b", "port": 1}, {"name": "c", "port": 1}],
            "tags": ["y", "x"], "kept": 1}})
    );
}

#[test]
fn alternatives_are_weighed_as_a_whole() {
    let shape = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "not": {"properties": {"a": {"enum": ["no"]}}, "required": ["a"]}});
    assert_eq!(faults(&shape, &json!({"a": "1"})), [""; 0]);
    assert_eq!(
        faults(&shape, &json!({"a": "1", "b": "2"})),
        ["/spec must fit exactly one of 2 forms (oneOf), and fits 2"]
    );
    assert_eq!(faults(&shape, &json!({"a": "no"})), ["/spec has a form that it may not have (not)"]);
}

#[test]
fn a_definition_tells_its_versions_and_its_rules_are_known_to_be_there() {
    let rule = json!([{"rule": "self.size < 3"}]);
    let version = |name: &str, served: bool| {
        json!({"name": name, "served": served, "storage": served, "deprecated": !served, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": rule}}}}})
    };
    let body = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {
        "group": "x.example.com", "scope": "Namespaced", "names": {"kind": "X", "plural": "xs"},
        "versions": [version("v1", true), version("v1beta1", false)]}});
    let definition = Definition::read(&body).unwrap();
    assert!(definition.namespaced && definition.versions[0].status);
    assert!(definition.served("v1").unwrap().schema.has_rules());
    assert!(definition.served("v1beta1").is_none());
    assert_eq!(definition.versions[1].warning.as_deref(), Some("x.example.com/v1beta1 X is deprecated"));
    assert!(Definition::read(&json!({"kind": "CustomResourceDefinition"})).is_none());
}

#[test]
fn documents_of_compiled_kinds_tell_names_and_types_and_refer_to_one_another() {
    let reference =
        |name: &str| json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}], "default": {}});
    let document = json!({"components": {"schemas": {
        "io.k8s.Thing": {"type": "object", "required": ["never"], "properties": {
            "spec": reference("io.k8s.Spec"), "raw": {"type": "object"}},
            "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Thing"}]},
        "io.k8s.Spec": {"type": "object", "properties": {
            "again": reference("io.k8s.Spec"),
            "amount": {"oneOf": [{"type": "string"}, {"type": "number"}]},
            "many": {"type": "array", "items": reference("io.k8s.Item"), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}}},
        "io.k8s.Item": {"type": "object", "properties": {"name": {"type": "string", "default": ""}}},
        "io.k8s.Other": {"type": "object"}}}});
    let schema = Schema::served(&document, "apps", "v1", "Thing").unwrap();
    assert!(Schema::served(&document, "apps", "v2", "Thing").is_none());
    assert_eq!(schema.parts.len(), 2, "what is not reached is not kept");
    assert_eq!(schema.keys().0["/spec/many"], &["name"]);
    let right =
        json!({"raw": {"x": 1}, "spec": {"again": {"amount": 3}, "amount": "1Gi", "many": [{"name": null}]}});
    let judged = schema.judge(&right);
    assert_eq!((judged.mistakes, judged.after), (Vec::new(), right));
    let wrong = json!({"spec": {"again": {"amont": 3}, "amount": true, "many": [{"name": 1}]}});
    let told: Vec<_> = schema.judge(&wrong).mistakes.into_iter().map(|mistake| mistake.path).collect();
    assert_eq!(told, ["/spec/again/amont", "/spec/amount", "/spec/many/0/name"]);
}

#[test]
fn depth_is_bounded() {
    let (mut shape, mut body) = (json!({"type": "string"}), json!(1));
    for _ in 0..200 {
        shape = json!({"type": "object", "properties": {"a": shape}});
        body = json!({"a": body});
    }
    let judged = schema(&shape).judge(&object(&body));
    assert_eq!(judged.mistakes, [], "what lies too deep is not judged");
}

#[test]
fn one_object_is_judged_over_another() {
    let shape = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string", "default": "C"}}});
    let live = json!({"metadata": {"name": "x"}, "spec": {"a": "1", "old": true}});
    let judged = schema(&shape).judge_over(&live, &json!({"spec": {"b": "2"}}));
    assert_eq!(judged.mistakes, [], "what somebody else holds is there, and what is no longer known goes");
    assert_eq!(judged.after["spec"], json!({"a": "1", "b": "2", "c": "C"}));
    let judged = schema(&shape).judge_over(&live, &json!({"spec": {"d": "2"}}));
    assert_eq!(judged.mistakes.first().unwrap().path, "/spec/d");
}

#[test]
fn kinds_that_kubernetes_ships_are_never_taken_for_custom_ones() {
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    let texts = json!({"type": "object", "additionalProperties": {"type": "string", "default": ""}});
    let kind = |group: &str, kind: &str, format: &str| {
        json!({"type": "object", "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": format!("#/components/schemas/{meta}")}], "default": {}},
            "data": {"type": "object", "additionalProperties": {"type": "string", "format": format}}},
            "x-kubernetes-group-version-kind": [{"group": group, "version": "v1", "kind": kind}]})
    };
    let document = json!({"components": {"schemas": {
        "map": kind("", "ConfigMap", ""), "secret": kind("", "Secret", "byte"), "own": kind("x.example.com", "Own", "byte"),
        meta: {"type": "object", "properties": {"name": {"type": "string"}, "annotations": texts}}}}});
    let paths = |group: &str, kind: &str, body: &Value| {
        let judged = Schema::served(&document, group, "v1", kind).unwrap().judge(body);
        judged.mistakes.into_iter().map(|mistake| mistake.path).collect::<Vec<_>>()
    };
    let body = |data: Value| json!({"metadata": {"name": "a", "annotations": null}, "data": data});
    assert_eq!(paths("", "ConfigMap", &body(Value::Null)), [""; 0]);
    assert_eq!(paths("", "ConfigMap", &body(json!({"A": null}))), [""; 0]);
    assert_eq!(paths("", "ConfigMap", &body(json!({"A": 1}))), ["/data/A"]);
    assert_eq!(paths("", "Secret", &body(json!({"A": "YWJj\nZGVm\r\n"}))), [""; 0]);
    assert_eq!(paths("x.example.com", "Own", &body(json!({"A": "YWJj\nZGVm\r\n"}))), [""; 0], "nor metadata");
    assert_eq!(
        paths("x.example.com", "Own", &body(json!({"A": "YWJ j", "B": null}))),
        ["/data/A", "/data/B"]
    );
    let nulls = json!({"metadata": {"name": "a", "annotations": {"b": null}}});
    assert_eq!(paths("x.example.com", "Own", &nulls), [""; 0]);
}

#[test]
fn hostile_schemas_are_checked_in_part_and_refuse_nothing_for_that() {
    let mut shape = json!({"type": "string", "pattern": "^a+$"});
    for _ in 0..6 {
        shape = json!({"allOf": vec![shape; 5]});
    }
    let deep = json!({"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"},
        "not": {"items": {"anyOf": vec![json!({"oneOf": vec![json!({"pattern": "^b$"}); 40]}); 40]}}}}});
    let judged = schema(&deep).judge(&object(&json!({"list": vec!["x"; 2000]})));
    assert!(judged.part && judged.mistakes.is_empty(), "{:?}", judged.mistakes);
    let many = json!({"type": "object", "properties": {"a": {"type": "string", "not": {"allOf": [shape]}},
        "b": {"type": "integer"}}});
    let judged = schema(&many).judge(&object(&json!({"a": "aaa", "b": "1"})));
    let told: Vec<_> = judged.mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!((told, judged.part), (vec!["/spec/a", "/spec/b"], false), "what is bearable is checked whole");
}

#[test]
fn patterns_are_bounded_in_number_and_size() {
    let patterns =
        |count: usize| (0..count).map(|n| json!({"pattern": format!("^x{n}$")})).collect::<Vec<_>>();
    let shape = |logic: &str, count: usize| json!({"type": "object", "properties": {"a": {"type": "string", logic: patterns(count)}}});
    let judged = schema(&shape("anyOf", 200)).judge(&object(&json!({"a": "y"})));
    assert_eq!((judged.mistakes.len(), judged.part), (1, false));
    let judged = schema(&shape("anyOf", 201)).judge(&object(&json!({"a": "y"})));
    assert_eq!((judged.mistakes.len(), judged.part), (0, true));
    let large = json!({"type": "object", "properties": {"a": {"type": "string", "not": {"pattern": "^(x{1000}){1000}$"}}}});
    let judged = schema(&large).judge(&object(&json!({"a": "y"})));
    assert_eq!((judged.mistakes.len(), judged.part), (0, true));
    let long =
        json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["é".repeat(100_000)]}}});
    let judged = schema(&long).judge(&object(&json!({"a": "y"})));
    assert!(judged.mistakes.first().unwrap().words.len() < 2000);
}

#[test]
fn defaults_without_end_are_left_out_and_nothing_is_refused_for_them() {
    let default: Vec<u32> = (0..10_000).collect();
    let item = json!({"type": "object", "required": ["d"], "properties": {
        "d": {"type": "array", "items": {"type": "integer"}, "default": default}}});
    let shape = json!({"type": "object", "properties": {"list": {"type": "array", "items": item}}});
    let few = schema(&shape).judge(&object(&json!({"list": vec![json!({}); 3]})));
    assert_eq!((few.mistakes.len(), few.part), (0, false));
    let many = schema(&shape).judge(&object(&json!({"list": vec![json!({}); 5000], "more": 1})));
    let told: Vec<_> = many.mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!((told, many.part), (vec!["/spec/more"], true));
}

#[test]
fn long_lists_are_laid_over_one_another_in_no_time() {
    let item =
        json!({"type": "object", "properties": {"name": {"type": "string"}, "a": {"type": "integer"}}});
    let shape = json!({"type": "object", "properties": {"list": {"type": "array", "items": item,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}}});
    let body = |from: usize, a: usize| {
        let list: Vec<_> = (from..from + 20_000).map(|n| json!({"name": n.to_string(), "a": a})).collect();
        let set: Vec<_> = (from..from + 20_000).map(|n| n.to_string()).collect();
        json!({"spec": {"list": list, "set": set}})
    };
    let since = std::time::Instant::now();
    let laid = schema(&shape).lay(&body(0, 1), &body(10_000, 2));
    assert!(since.elapsed() < std::time::Duration::from_secs(20), "{:?}", since.elapsed());
    let list = laid["spec"]["list"].as_array().unwrap();
    assert_eq!((list.len(), laid["spec"]["set"].as_array().unwrap().len()), (30_000, 30_000));
    assert_eq!(
        (&list[9_999]["a"], &list[10_000]["a"], &list[29_999]["name"]),
        (&json!(1), &json!(2), &json!("29999"))
    );
}
