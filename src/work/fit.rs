//! Objects that a change leaves alone and whose kind it defines anew: do they still fit?

use std::collections::HashSet;

use crate::model::object::{Bundle, Object, ObjectId};
use crate::schema::Definition;

/// Objects that are told one by one.
const TOLD: usize = 10;

/// What is to be said of objects that are not looked at, since nothing of theirs changes, and that the next definition of
/// their kind would refuse. They stay as they are until their next change; what is looked at is told by the target.
pub(super) fn misfits(bundle: &Bundle, looked_at: &HashSet<&ObjectId>) -> Vec<String> {
    let changed = |object: &&Object| looked_at.contains(&object.id);
    let mut said = Vec::new();
    for definition in bundle.objects.iter().filter(changed) {
        let Some(subject) = Definition::subject(&definition.body) else { continue };
        let quiet = |object: &&Object| {
            (object.id.group.as_str(), object.id.kind.as_str()) == subject && !looked_at.contains(&object.id)
        };
        let mut quiet = bundle.objects.iter().filter(quiet).peekable();
        // To read a definition is not cheap.
        let Some(next) = quiet.peek().and_then(|_| Definition::read(&definition.body)) else { continue };
        said.extend(quiet.filter_map(|object| misfit(&next, object)));
    }
    let more = said.len().saturating_sub(TOLD);
    said.truncate(TOLD);
    if more > 0 {
        said.push(format!("{more} more objects do not fit the definitions that this change brings"));
    }
    said
}

fn misfit(next: &Definition, object: &Object) -> Option<String> {
    let version = object.api_version().split_once('/').map_or("", |(_, version)| version);
    let why = match next.served(version) {
        None => format!("it no longer serves {}", object.api_version()),
        Some(version) => {
            let mut body = object.body.clone();
            if let Some(map) = body.as_object_mut() {
                map.remove("status");
            }
            let first = version.schema.judge(&body).mistakes.into_iter().next()?;
            format!("{} {}", first.path, first.words)
        }
    };
    Some(format!(
        "{} does not fit the definition of {} that this change brings, and its next change would be refused: {why}",
        object.id, object.id.kind
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::misfits;
    use crate::model::object::{Bundle, Object, Origin};

    fn object(body: Value) -> Object {
        Object { id: Object::identify(&body).unwrap(), body, origin: Origin::default(), volatile: Vec::new() }
    }

    fn ship(name: &str, version: &str, masts: i64) -> Object {
        object(json!({"apiVersion": format!("x.example.com/{version}"), "kind": "Ship",
            "metadata": {"name": name, "namespace": "sea"}, "spec": {"masts": masts}, "status": {"at": "sea"}}))
    }

    #[test]
    fn only_quiet_objects_of_a_definition_that_changes_are_told() {
        let definition = object(
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "ships.x.example.com"}, "spec": {"group": "x.example.com", "scope": "Namespaced",
                "names": {"kind": "Ship", "plural": "ships"}, "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                        "properties": {"masts": {"type": "integer", "maximum": 3}}}}}}}]}}),
        );
        let id = definition.id.clone();
        let changed = ship("changed", "v1", 9);
        let changed_id = changed.id.clone();
        let mut bundle = Bundle {
            objects: vec![
                definition,
                ship("fits", "v1", 3),
                ship("large", "v1", 4),
                ship("old", "v0", 1),
                changed,
            ],
            ..Bundle::default()
        };
        let told = misfits(&bundle, &HashSet::from([&id, &changed_id]));
        assert_eq!(
            told,
            [
                "Ship sea/large does not fit the definition of Ship that this change brings, and its next change would be \
                 refused: /spec/masts must be at most 3",
                "Ship sea/old does not fit the definition of Ship that this change brings, and its next change would be \
                 refused: it no longer serves x.example.com/v0",
            ]
        );
        assert_eq!(misfits(&bundle, &HashSet::new()), [""; 0], "the definition does not change");
        bundle.objects.extend((0..20).map(|n| ship(&format!("more-{n}"), "v1", 9)));
        let told = misfits(&bundle, &HashSet::from([&id]));
        assert_eq!((told.len(), told.last().unwrap().split(' ').next()), (11, Some("13")));
    }
}
