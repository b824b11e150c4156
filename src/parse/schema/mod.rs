//! The JSON Schema of the repository's file: what an editor completes, and where its documentation comes from.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

/// Where the schema says it is to be found.
const ID: &str = "https://tidegate.dev/schema/tidegate.schema.json";
/// A path from the repository's root.
const PATH: &str = r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\?\[\]]+$";
/// A Git branch, roughly; what Git itself refuses is told when the file is read.
const BRANCH: &str = r"^[^/\-.][^ ~^:?*\[\\]*$";
/// A JSON Pointer to something within an object.
const POINTER: &str = "^(/([^/~]|~[01])*)+$";
/// A version, whole or its first parts.
const VERSION: &str = r"^v?(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,2}([-+][0-9A-Za-z.+-]{1,40})?$";
/// An environment's name.
const NAME: &str = "^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$";

/// The JSON Schema (draft 2020-12) of `.tidegate.yaml`, with a description for every key. `default` is a value; where the
/// default is no fixed value, `$comment` says it in words.
pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": ".tidegate.yaml",
        "description": "What Tidegate deploys from this repository: environments, what they render, who may deploy them.",
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "environments"],
        "properties": {
            "version": {"description": "The version of this file's form.", "const": 1},
            "branch": {
                "description": "The tracked branch: its tip is what the environments are to be.",
                "type": "string", "pattern": BRANCH, "$comment": "the repository's default branch"
            },
            "defaults": {
                "description": "Settings beneath every environment: mappings merge, lists are replaced.",
                "$ref": "#/$defs/environment"
            },
            "environments": {
                "description": "The environments by name: 1 to 40 of a-z, 0-9 and -, at most 200 of them.",
                "type": "object", "minProperties": 1, "maxProperties": 200,
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/environment"}, {"type": "null"}]}
            }
        },
        "$defs": {
            "environment": environment(),
            "source": source(),
            "versions": versions(),
            "helm": helm(),
            "deploy": deploy(),
            "allow": allow(),
            "limits": limits(),
            "field": field(),
            "secret": secret()
        }
    })
}

/// The JSON Schema of the plan document (`tidegate plan --format json`), version 1.
pub(crate) fn plan_schema() -> &'static str {
    include_str!("../../../schema/plan.v1.json")
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn environment() -> Value {
    object(
        &json!({
            "target": {
                "description": "Where the environment lives: a name from the operator's file.",
                "type": "string", "pattern": r"^[A-Za-z0-9._-]{1,100}$", "$comment": "the environment's own name"
            },
            "branch": {
                "description": "Another tracked branch for this environment. A pull request previews the environments that track its base.",
                "type": "string", "pattern": BRANCH, "$comment": "the file's `branch`"
            },
            "namespace": {
                "description": "The namespace of namespaced objects that name none.",
                "type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", "$comment": "none"
            },
            "sources": {
                "description": "What is rendered; required, here or in `defaults`.",
                "type": "array", "minItems": 1, "maxItems": 1000, "items": {"$ref": "#/$defs/source"}
            },
            "versions": {"description": "Versions of the renderers, where the usual one is not meant.", "$ref": "#/$defs/versions"},
            "deploy": {"description": "When, by whom and under which conditions it is deployed.", "$ref": "#/$defs/deploy"},
            "adopt": {
                "description": "Existing objects that may be taken over, by who manages them now.",
                "type": "array", "items": {"enum": ["unmanaged", "helm", "argocd", "flux"]}, "default": []
            },
            "fields": {
                "description": "Who wins where Git and another manager disagree about a field.",
                "type": "array", "items": {"$ref": "#/$defs/field"}, "default": []
            },
            "secrets": {
                "description": "Values that are masked wherever they would be shown, beside those of core Secrets.",
                "type": "array", "items": {"$ref": "#/$defs/secret"}, "default": []
            }
        }),
        &[],
    )
}

fn source() -> Value {
    object(
        &json!({
            "path": {
                "description": "A folder or a file, from the repository's root. `*` matches within one part, and each match is an app; `{environment}` is the environment's name, and after a star `{name}` is what it matched.",
                "type": "string", "pattern": PATH, "maxLength": 1000
            },
            "renderer": {
                "description": "What turns it into objects.",
                "enum": ["plain", "kustomize", "helm"],
                "$comment": "found by what lies there: Chart.yaml, kustomization.yaml, otherwise plain"
            },
            "helm": {"description": "Helm's settings; with them the renderer is helm.", "$ref": "#/$defs/helm"}
        }),
        &["path"],
    )
}

fn versions() -> Value {
    let version = |name: &str| {
        json!({
            "description": format!("{name}'s: whole, as `\"3.19.2\"`, or its first parts, as `\"3.19\"`, which stand for the newest that begins with them and is provided here."),
            "type": "string", "pattern": VERSION, "$comment": "the usual one"
        })
    };
    object(&json!({"helm": version("Helm"), "kustomize": version("Kustomize")}), &[])
}

fn helm() -> Value {
    object(
        &json!({
            "release": {
                "description": "The release's name; may hold `{environment}` and `{name}`.",
                "type": "string", "$comment": "the folder's name"
            },
            "values": {
                "description": "Values, later ones win: a file (relative to `path`, or to the repository with a leading `/`), or a mapping in place.",
                "type": "array", "maxItems": 100,
                "items": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 1000}, {"type": "object"}]},
                "default": []
            },
            "includeCRDs": {"description": "Render the chart's `crds/` too.", "type": "boolean", "default": false}
        }),
        &[],
    )
}

fn deploy() -> Value {
    object(
        &json!({
            "when": {
                "description": "What starts a deployment: a push to the tracked branch, only `/deploy`, or nothing.",
                "enum": ["merge", "comment", "never"], "default": "merge"
            },
            "before_merge": {
                "description": "May `/deploy` deploy a pull request that is not merged? `when-mergeable`: once the reviews and checks are there that the branch's rules ask of a merge.",
                "enum": ["never", "when-mergeable", "any-time"], "default": "when-mergeable"
            },
            "after": {
                "description": "Environments where the same Git tree must be deployed first.",
                "type": "array", "items": {"type": "string", "pattern": NAME}, "default": []
            },
            "requires": {
                "description": "Conditions that hold for commands and merges alike: an approving review and none that asks for changes; every check has succeeded; the head contains the base's tip.",
                "type": "array", "items": {"enum": ["approved", "checks", "up-to-date"]}, "default": []
            },
            "allow": {"description": "Who may command.", "$ref": "#/$defs/allow"},
            "prune": {
                "description": "Delete what Git no longer holds.",
                "type": "boolean", "default": true
            },
            "limits": {"description": "Where a deployment stops and asks.", "$ref": "#/$defs/limits"}
        }),
        &[],
    )
}

fn allow() -> Value {
    object(
        &json!({
            "permission": {
                "description": "The least permission on the repository.",
                "enum": ["triage", "write", "maintain", "admin"], "default": "write"
            },
            "users": {
                "description": "If users or teams are listed, it must be one of them as well.",
                "type": "array", "items": {"type": "string"}, "default": []
            },
            "teams": {
                "description": "Teams, as `slug` or `organisation/slug`.",
                "type": "array", "items": {"type": "string", "pattern": "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?$"}, "default": []
            }
        }),
        &[],
    )
}

fn limits() -> Value {
    object(
        &json!({
            "deletes": {
                "description": "Deletes that go without a question, in percent of the environment's objects; never fewer than 5.",
                "type": "string", "pattern": "^(100|[0-9]{1,2})%$", "default": "20%"
            }
        }),
        &[],
    )
}

fn kinds() -> Value {
    let mut kinds = list(&json!({"type": "string", "pattern": "^[A-Z][A-Za-z0-9]{0,62}$"}));
    kinds["description"] = json!("Kinds that it holds for.");
    kinds["$comment"] = json!("all");
    kinds["default"] = json!([]);
    kinds
}

fn field() -> Value {
    object(
        &json!({
            "kinds": kinds(),
            "path": {"description": "A JSON Pointer to the field.", "type": "string", "pattern": POINTER, "maxLength": 1000},
            "rule": {
                "description": "Git takes the field, yields it to the other manager, or the deployment fails.",
                "enum": ["take", "yield", "fail"]
            },
            "to": {
                "description": "Managers that it holds for.",
                "type": "array", "items": {"type": "string", "minLength": 1}, "$comment": "all", "default": []
            }
        }),
        &["path", "rule"],
    )
}

fn secret() -> Value {
    object(
        &json!({
            "kinds": kinds(),
            "path": {
                "description": "A JSON Pointer to the value; everything beneath it is masked.",
                "type": "string", "pattern": POINTER, "maxLength": 1000
            }
        }),
        &["path"],
    )
}
