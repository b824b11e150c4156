//! Custom kinds as a manifest defines them.

use serde_json::Value;

use crate::schema::Schema;

/// Versions of one definition that are read.
const VERSIONS: usize = 50;

/// A custom kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    /// Its API group.
    pub group: String,
    /// Its name, as in `Widget`.
    pub kind: String,
    /// Its name in paths, as in `widgets`.
    pub plural: String,
    /// Has it a namespace?
    pub namespaced: bool,
    /// Its versions, in their order.
    pub versions: Vec<Version>,
}

/// One version of a custom kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    /// As in `v1`.
    pub name: String,
    /// Does the API server answer for it?
    pub served: bool,
    /// Has it a status of its own, which a controller writes?
    pub status: bool,
    /// What the server warns of whoever uses it.
    pub warning: Option<String>,
    /// What its objects may look like.
    pub schema: Schema,
}

impl Definition {
    /// The group and kind that a definition speaks of; cheap, where reading it whole is not.
    pub(crate) fn subject(body: &Value) -> Option<(&str, &str)> {
        let text = |path: &str| body.pointer(path)?.as_str();
        (text("/kind")? == "CustomResourceDefinition").then_some(())?;
        Some((text("/spec/group")?, text("/spec/names/kind")?))
    }

    /// Reads a `CustomResourceDefinition` of `apiextensions.k8s.io/v1`; none: it is no such, or lacks what it must have,
    /// which the API server tells its author.
    pub(crate) fn read(body: &Value) -> Option<Self> {
        let text = |value: &Value, path: &str| value.pointer(path)?.as_str().map(str::to_owned);
        if text(body, "/apiVersion")? != "apiextensions.k8s.io/v1"
            || text(body, "/kind")? != "CustomResourceDefinition"
        {
            return None;
        }
        let spec = body.get("spec")?;
        let (group, kind) = (text(spec, "/group")?, text(spec, "/names/kind")?);
        let version = |stated: &Value| {
            let name = text(stated, "/name")?;
            let warning = (stated.get("deprecated") == Some(&Value::Bool(true))).then(|| {
                text(stated, "/deprecationWarning")
                    .unwrap_or_else(|| format!("{group}/{name} {kind} is deprecated"))
            });
            Some(Version {
                served: stated.get("served") == Some(&Value::Bool(true)),
                status: stated.pointer("/subresources/status").is_some(),
                schema: Schema::custom(stated.pointer("/schema/openAPIV3Schema")?),
                warning,
                name,
            })
        };
        let versions = spec.get("versions")?.as_array()?.iter().take(VERSIONS).filter_map(version).collect();
        let namespaced = text(spec, "/scope")? == "Namespaced";
        Some(Self { plural: text(spec, "/names/plural")?, versions, namespaced, group, kind })
    }

    /// The version of this name that is served.
    pub(crate) fn served(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.served && version.name == name)
    }
}
