//! Which kinds live in a namespace: what the target says, what the bundle's own definitions say, what Kubernetes ships.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::kinds::shipped;
use crate::model::target::Capabilities;

/// Answers for all objects of a bundle.
pub(super) struct Scopes<'a> {
    capabilities: &'a Capabilities,
    defined: HashMap<(String, String), bool>,
}

impl<'a> Scopes<'a> {
    /// What the target says.
    pub(super) fn new(capabilities: &'a Capabilities) -> Self {
        Self { capabilities, defined: HashMap::new() }
    }

    /// Takes in an object that may define a kind.
    pub(super) fn learn(&mut self, body: &Value) {
        self.defined.extend(definition(body));
    }

    /// Is this kind namespaced? None where nobody knows.
    pub(super) fn namespaced(&self, group: &str, kind: &str) -> Option<bool> {
        self.capabilities
            .namespaced
            .get(&format!("{group}/{kind}"))
            .copied()
            .or_else(|| self.defined.get(&(group.to_owned(), kind.to_owned())).copied())
            .or_else(|| shipped(group, kind))
    }
}

/// What a definition of a custom resource says of its kind.
fn definition(body: &Value) -> Option<((String, String), bool)> {
    if body.get("kind")?.as_str()? != "CustomResourceDefinition" {
        return None;
    }
    let spec = body.get("spec")?;
    let group = spec.get("group")?.as_str()?;
    let kind = spec.pointer("/names/kind")?.as_str()?;
    let namespaced = spec.get("scope").and_then(Value::as_str) != Some("Cluster");
    Some(((group.to_owned(), kind.to_owned()), namespaced))
}
