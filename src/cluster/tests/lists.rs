//! What is known of Kubernetes' own lists beside what a server says of every kind that it serves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use crate::cluster::wire::Call;
use crate::model::kinds;
use crate::model::lists::ListKeys;

/// Every keyed list and every set beneath a schema, by its place without positions.
fn collect(
    schemas: &Value,
    schema: &Value,
    place: &str,
    above: &[&str],
    found: &mut BTreeMap<String, Vec<String>>,
) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(schemas, part, place, above, found);
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        // A schema within itself (that of a CustomResourceDefinition) has no end.
        if !above.contains(&name) {
            let above = [above, &[name]].concat();
            collect(schemas, &schemas[name], place, &above, found);
        }
        return;
    }
    if schema["type"] == "array" {
        match schema["x-kubernetes-list-type"].as_str() {
            Some("map") => {
                let keys = schema["x-kubernetes-list-map-keys"].as_array().unwrap();
                let keys = keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
                found.insert(place.to_owned(), keys);
            }
            Some("set") => drop(found.insert(place.to_owned(), Vec::new())),
            Some(_) | None => {}
        }
        collect(schemas, &schema["items"], place, above, found);
    }
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        collect(schemas, value, &format!("{place}/{key}"), above, found);
    }
    if schema["additionalProperties"].is_object() {
        collect(schemas, &schema["additionalProperties"], &format!("{place}/*"), above, found);
    }
}

#[tokio::test]
async fn every_keyed_list_of_every_kind_that_the_server_serves_is_known_with_its_keys() {
    let world = World::new("lists").await;
    let get = async |path: &str| world.cluster.wire.value(&Call::get("read the schema", path)).await.unwrap();
    let index = get("/openapi/v3").await;
    let mut served: BTreeMap<(String, String), BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (path, entry) in index["paths"].as_object().unwrap() {
        if !path.starts_with("api") {
            continue;
        }
        let document = get(entry["serverRelativeURL"].as_str().unwrap()).await;
        let schemas = &document["components"]["schemas"];
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let versions = schema["x-kubernetes-group-version-kind"].as_array();
            let [version] = versions.map_or(&[][..], Vec::as_slice) else { continue };
            let (group, kind) = (text(&version["group"]), text(&version["kind"]));
            // What other tests define is not shipped.
            let object = schema["properties"]["metadata"].to_string().contains(".ObjectMeta\"");
            if object && kinds::shipped(&group, &kind).is_some() {
                collect(schemas, schema, "", &[name], served.entry((group, kind)).or_default());
            }
        }
    }
    for ((group, kind), lists) in &served {
        assert_eq!(&ListKeys::shipped(group, kind).0, lists, "{group} {kind}");
    }
    let lists: usize = served.values().map(BTreeMap::len).sum();
    assert!(served.len() > 50 && lists > 400, "{} kinds, {lists} lists", served.len());
}
