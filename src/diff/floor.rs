//! The operator's floor over what may be rendered into a target or deleted there. Holds for every kind of target.

use crate::model::fault::Fault;
use crate::model::object::{Bundle, Object, ObjectId};
use crate::model::target::{Capabilities, ClusterObjects, Floor};
use crate::model::view::Owned;

/// How many objects a warning names.
const NAMED: usize = 5;

/// One target's floor, with what decides which kinds live in a namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    /// The rules.
    pub floor: &'a Floor,
    /// The operator's name of the target.
    pub target: &'a str,
    /// What the target knows of kinds.
    pub capabilities: &'a Capabilities,
    /// What is to be deployed; it may define kinds.
    pub bundle: &'a Bundle,
}

/// A fault for each object that the floor does not allow.
pub(crate) fn faults(bounds: &Bounds<'_>) -> Vec<Fault> {
    let bundle = bounds.bundle;
    bundle.objects.iter().chain(&bundle.hooks).filter_map(|object| fault(object, bounds)).collect()
}

/// Parts what Git no longer holds into what may be deleted and a warning of what may not: the floor bounds deletions, too.
pub(crate) fn within(
    gone: Vec<(ObjectId, Owned)>,
    bounds: &Bounds<'_>,
) -> (Vec<(ObjectId, Owned)>, Option<String>) {
    let (inside, outside): (Vec<_>, Vec<_>) =
        gone.into_iter().partition(|(id, _)| refusal(id, bounds).is_none());
    let mut names: Vec<String> = outside.iter().take(NAMED).map(|(id, _)| id.to_string()).collect();
    if outside.len() > NAMED {
        names.push(format!("{} more", outside.len() - NAMED));
    }
    let warning = (!names.is_empty()).then(|| {
        format!(
            "no longer in Git, but outside the floor of target `{}`, so left as it is: {}",
            bounds.target,
            names.join(", ")
        )
    });
    (inside, warning)
}

fn fault(object: &Object, bounds: &Bounds<'_>) -> Option<Fault> {
    let message = refusal(&object.id, bounds)?;
    let mut fault = Fault::new(message)
        .app(object.origin.app.clone())
        .hint("change the object, or ask whoever runs Tidegate to widen the floor");
    fault.file.clone_from(&object.origin.file);
    fault.line = object.origin.line;
    Some(fault)
}

/// Why the floor does not allow an object; none: it does.
fn refusal(id: &ObjectId, Bounds { floor, target, capabilities, bundle }: &Bounds<'_>) -> Option<String> {
    let allowed = floor.namespaces.join(", ");
    match &id.namespace {
        Some(namespace)
            if !allowed.is_empty() && !floor.namespaces.iter().any(|pattern| matches(pattern, namespace)) =>
        {
            return Some(format!(
                "{id} lies outside the namespaces that target `{target}` allows: {allowed}"
            ));
        }
        None if floor.cluster_objects == ClusterObjects::Deny => {
            return Some(format!(
                "{id} has no namespace, and target `{target}` does not allow cluster-scoped objects"
            ));
        }
        // Where it lands would be for whoever applies it to say.
        None if !allowed.is_empty() => match capabilities.namespaced(&id.group, &id.kind, bundle) {
            Some(false) => {}
            Some(true) => {
                return Some(format!(
                    "{id} names no namespace, and target `{target}` allows only some: {allowed}"
                ));
            }
            None => {
                return Some(format!(
                    "{id} names no namespace, and whether its kind has one is not known; target `{target}` allows only \
                     some: {allowed}"
                ));
            }
        },
        // A namespace that is written down is none if its kind has no namespaces. That the operator names the kind is enough.
        Some(_) if floor.cluster_objects == ClusterObjects::Deny && !floor.kinds.contains(&id.kind) => {
            match capabilities.namespaced(&id.group, &id.kind, bundle) {
                Some(true) => {}
                Some(false) => {
                    return Some(format!(
                        "{id} is cluster-scoped, and target `{target}` does not allow cluster-scoped objects"
                    ));
                }
                None => {
                    return Some(format!(
                        "whether {id} lives in a namespace is not known here, and target `{target}` does not allow \
                         cluster-scoped objects; whoever runs Tidegate can name {} in the floor's `kinds`, or allow \
                         cluster-scoped objects",
                        id.kind
                    ));
                }
            }
        }
        Some(_) | None => {}
    }
    (!floor.kinds.is_empty() && !floor.kinds.contains(&id.kind)).then(|| {
        let kinds = floor.kinds.join(", ");
        format!("{id} is of a kind that target `{target}` does not allow; it allows {kinds}")
    })
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
