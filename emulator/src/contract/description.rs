//! The published description as values: operations with parameters, bodies and answers; webhook entries.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use crate::contract::template::Captures;
use crate::contract::template::Template;

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Path,
    Query,
}

/// One declared parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) required: bool,
    pub(crate) schema: Value,
}

/// What may be sent or answered: the schema as GitHub writes it, and whether other media types are declared too.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) schemas: Vec<Value>,
    pub(crate) required: bool,
}

/// One described operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) template: Template,
    pub(crate) page: Option<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Content>,
    /// By status; `None` is an answer without a body.
    pub(crate) responses: BTreeMap<u16, Option<Content>>,
}

/// One described webhook: an event with one action, or an event that has none.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) page: Option<String>,
    pub(crate) schema: Value,
}

/// All that the pruned description says.
#[derive(Debug)]
pub(crate) struct Description {
    /// The most exact template first.
    operations: Vec<Operation>,
    webhooks: BTreeMap<String, Webhook>,
    /// `components.schemas` as written.
    pub(crate) schemas: Map<String, Value>,
}

impl Description {
    /// Reads the description; `None` when it is not shaped like one.
    pub(crate) fn read(mut document: Value) -> Option<Self> {
        let mut operations = Vec::new();
        for (template, item) in document.get("paths")?.as_object()? {
            for (method, operation) in item.as_object()? {
                operations.push(read_operation(template, method, operation)?);
            }
        }
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.template.rank()));
        let mut webhooks = BTreeMap::new();
        for (key, item) in document.get("x-webhooks")?.as_object()? {
            let entry = item.get("post")?;
            let schema = entry.pointer("/requestBody/content/application~1json/schema")?.clone();
            webhooks.insert(key.clone(), Webhook { page: page(entry), schema });
        }
        let Value::Object(schemas) = document.pointer_mut("/components/schemas")?.take() else { return None };
        Some(Self { operations, webhooks, schemas })
    }

    /// The operation a request means, with its path parameters.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<(&Operation, Captures)> {
        let path = path.split('?').next().unwrap_or_default();
        let path = by_name(path);
        self.operations
            .iter()
            .filter(|operation| operation.method.eq_ignore_ascii_case(method))
            .find_map(|operation| Some((operation, operation.template.captures(&path)?)))
    }

    /// The operation with this id.
    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// All operations, the most exact template first.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// The webhook entry with this key, for example `check-run-created` or `push`.
    pub(crate) fn webhook(&self, key: &str) -> Option<&Webhook> {
        self.webhooks.get(key)
    }

    /// The keys of all webhook entries.
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = &str> {
        self.webhooks.keys().map(String::as_str)
    }
}

/// GitHub answers `/repositories/ID/…` like `/repos/OWNER/NAME/…`: its redirects of renamed repositories and its
/// `Link` headers lead there, though the description does not list these paths.
fn by_name(path: &str) -> String {
    let numeric = |rest: &str| {
        let (id, tail) = rest.split_once('/').map_or((rest, None), |(id, tail)| (id, Some(tail)));
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| tail.map_or_else(|| "/repos/-/-".to_owned(), |tail| format!("/repos/-/-/{tail}")))
    };
    path.strip_prefix("/repositories/").and_then(numeric).unwrap_or_else(|| path.to_owned())
}

fn page(entry: &Value) -> Option<String> {
    Some(entry.pointer("/externalDocs/url")?.as_str()?.to_owned())
}

fn read_operation(template: &str, method: &str, entry: &Value) -> Option<Operation> {
    let declared = entry.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let spans = |name: &str| {
        declared
            .iter()
            .any(|parameter| parameter["name"] == name && parameter["x-multi-segment"] == Value::Bool(true))
    };
    let mut responses = BTreeMap::new();
    for (status, response) in entry.get("responses")?.as_object()? {
        responses.insert(status.parse().ok()?, response.get("content").and_then(content));
    }
    Some(Operation {
        id: entry.get("operationId")?.as_str()?.to_owned(),
        method: method.to_ascii_uppercase(),
        template: Template::parse(template, spans),
        page: page(entry),
        parameters: declared.iter().map(parameter).collect::<Option<_>>()?,
        body: entry.get("requestBody").and_then(|body| {
            let required = body["required"] == Value::Bool(true);
            Some(Content { required, ..content(body.get("content")?)? })
        }),
        responses,
    })
}

fn parameter(entry: &Value) -> Option<Parameter> {
    let position = match entry.get("in")?.as_str()? {
        "path" => Position::Path,
        "query" => Position::Query,
        _ => return None,
    };
    Some(Parameter {
        name: entry.get("name")?.as_str()?.to_owned(),
        position,
        required: entry.get("required") == Some(&Value::Bool(true)),
        schema: entry.get("schema")?.clone(),
    })
}

/// The JSON among the declared media types. With a type that is not JSON (a diff, a bare SHA) the body may be absent.
fn content(media: &Value) -> Option<Content> {
    let media = media.as_object()?;
    let (json, other): (Vec<_>, Vec<_>) =
        media.iter().partition(|(kind, _)| kind.ends_with("json") || kind.ends_with(".object"));
    let schemas = json.into_iter().filter_map(|(_, value)| value.get("schema").cloned()).collect();
    Some(Content { schemas, required: other.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_by_its_number_is_the_repository_by_its_name() {
        assert_eq!(by_name("/repositories/42"), "/repos/-/-");
        assert_eq!(by_name("/repositories/42/issues/1"), "/repos/-/-/issues/1");
        assert_eq!(by_name("/repositories"), "/repositories");
        assert_eq!(by_name("/repositories/x/issues"), "/repositories/x/issues");
    }
}
