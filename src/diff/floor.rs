//! The operator's floor over what may be rendered into a target. Holds for every kind of target.

use crate::model::fault::Fault;
use crate::model::object::{Bundle, Object};
use crate::model::target::{ClusterObjects, Floor};

/// A fault for each object that the floor does not allow.
pub(crate) fn faults(bundle: &Bundle, floor: &Floor, target: &str) -> Vec<Fault> {
    bundle.objects.iter().chain(&bundle.hooks).filter_map(|object| fault(object, floor, target)).collect()
}

fn fault(object: &Object, floor: &Floor, target: &str) -> Option<Fault> {
    let id = &object.id;
    let message = match &id.namespace {
        Some(namespace)
            if !floor.namespaces.is_empty()
                && !floor.namespaces.iter().any(|pattern| matches(pattern, namespace)) =>
        {
            format!(
                "{id} lies outside the namespaces that target `{target}` allows: {}",
                floor.namespaces.join(", ")
            )
        }
        None if floor.cluster_objects == ClusterObjects::Deny => {
            format!("{id} has no namespace, and target `{target}` does not allow cluster-scoped objects")
        }
        _ if !floor.kinds.is_empty() && !floor.kinds.contains(&id.kind) => {
            format!(
                "{id} is of a kind that target `{target}` does not allow; it allows {}",
                floor.kinds.join(", ")
            )
        }
        _ => return None,
    };
    let mut fault = Fault::new(message)
        .app(object.origin.app.clone())
        .hint("change the object, or ask whoever runs Tidegate to widen the floor");
    fault.file.clone_from(&object.origin.file);
    fault.line = object.origin.line;
    Some(fault)
}

/// Does a text match a pattern in which `*` stands for any run of characters?
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pattern.contains('*').then(|| pattern.rsplit('*').next().unwrap_or_default()) else {
        return rest.is_empty();
    };
    let middle: Vec<&str> = parts.collect();
    for part in middle.iter().take(middle.len().saturating_sub(1)) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}
