//! Where one object lies on the server.

use serde_json::Value;

use crate::cluster::kinds::{Kinds, Served};
use crate::cluster::payload;
use crate::model::object::{Object, ObjectId};

/// An object's identity with the version and namespace at which it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Which object.
    pub id: ObjectId,
    /// The version that is spoken.
    pub served: Served,
    /// The namespace it is in; none for cluster-scoped kinds.
    pub namespace: Option<String>,
}

/// Fills in what an identity does not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Atlas<'a> {
    /// What the server serves.
    pub kinds: &'a Kinds,
    /// The environment's namespace.
    pub environment: Option<&'a str>,
    /// The connection's namespace.
    pub connection: &'a str,
}

impl Atlas<'_> {
    /// Where a manifest goes: in the version that it states. None: the server does not serve it.
    pub(super) fn of(&self, object: &Object) -> Option<Address> {
        self.kinds.exact(object.api_version(), &object.id.kind).map(|served| self.at(&object.id, served))
    }

    /// Where an object of this identity lies, in the version that the server prefers.
    pub(super) fn find(&self, id: &ObjectId) -> Option<Address> {
        self.kinds.preferred(id).map(|served| self.at(id, served))
    }

    fn at(&self, id: &ObjectId, served: &Served) -> Address {
        let namespace = payload::namespace(id, served, self.environment, self.connection).map(str::to_owned);
        Address { id: id.clone(), served: served.clone(), namespace }
    }
}

impl Address {
    /// Why it must not be asked about or written: it would land elsewhere than where it was rendered for. So it is with a
    /// kind that the server did not know then, and what was decided of its place (the operator's floor) does not hold.
    pub(super) fn astray(&self) -> Option<String> {
        let ObjectId { kind, namespace: rendered, .. } = &self.id;
        match (rendered, &self.namespace) {
            (rendered, real) if rendered == real => None,
            (Some(rendered), None) => Some(format!(
                "{kind} is cluster-scoped, which was not known when it was rendered for namespace {rendered}; preview it again"
            )),
            (_, Some(real)) => Some(format!(
                "it would land in namespace {real}, which was not known when it was rendered; preview it again"
            )),
            (None, None) => None,
        }
    }

    /// Takes the name that the server gave.
    pub(super) fn name(&mut self, body: &Value) {
        if let Some(name) = body.pointer("/metadata/name").and_then(Value::as_str) {
            name.clone_into(&mut self.id.name);
        }
    }

    /// The object's path.
    pub(super) fn path(&self) -> String {
        self.served.one(self.namespace.as_deref(), &self.id.name)
    }

    /// The path of its kind, to create in.
    pub(super) fn all(&self) -> String {
        self.served.all(self.namespace.as_deref())
    }
}
