//! Taking from an object what a document selects of it.

use super::Caller;
use super::objects;
use super::objects::Object;
use crate::contract::graphql::syntax::Document;
use crate::contract::graphql::syntax::Literal;
use crate::contract::graphql::syntax::Selection;
use crate::core::World;
use crate::error::Refusal;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::cell::RefCell;

pub(super) struct Projection<'a> {
    pub(super) document: &'a Document,
    /// Fields that the contract knows and the objects here do not have.
    pub(super) missing: RefCell<Vec<String>>,
}

type Field<'a> = (&'a str, &'a [(String, Literal)], &'a [Selection]);

impl<'a> Projection<'a> {
    /// The fields of a selection with its fragments spread; the contract has checked that they end.
    pub(super) fn fields(&self, selections: &'a [Selection]) -> Vec<Field<'a>> {
        let mut fields = Vec::new();
        for selection in selections {
            match selection {
                Selection::Field { name, arguments, selections } => {
                    fields.push((name.as_str(), arguments.as_slice(), selections.as_slice()));
                }
                Selection::Spread(name) => {
                    let named = self.document.fragments.iter().find(|fragment| fragment.name == *name);
                    fields.extend(named.into_iter().flat_map(|fragment| self.fields(&fragment.selections)));
                }
                Selection::Inline { selections, .. } => fields.extend(self.fields(selections)),
            }
        }
        fields
    }

    pub(super) fn object(
        &self,
        world: &mut World<'_>,
        (object, caller): (&Object, Caller<'_>),
        selections: &'a [Selection],
        variables: &Value,
    ) -> Result<Value, Refusal> {
        if !objects::shown(object, caller) {
            return Err(Refusal::forbidden());
        }
        let plain = objects::plain(world, object)?;
        let mut shown = Map::new();
        for (name, arguments, below) in self.fields(selections) {
            let arguments = values(arguments, variables);
            let value = match objects::below(world, object, (name, &arguments), caller)? {
                Some(Object::Null) => Value::Null,
                Some(inner) => self.object(world, (&inner, caller), below, variables)?,
                None => self.value(self.known(plain.get(name), name), (below, &arguments), variables),
            };
            shown.insert(name.to_owned(), value);
        }
        Ok(Value::Object(shown))
    }

    /// The field's value; one that the objects here do not have is null and remembered.
    fn known<'v>(&self, value: Option<&'v Value>, name: &str) -> &'v Value {
        value.unwrap_or_else(|| {
            self.missing.borrow_mut().push(name.to_owned());
            &Value::Null
        })
    }

    fn value(
        &self,
        value: &Value,
        (selections, arguments): (&'a [Selection], &Value),
        variables: &Value,
    ) -> Value {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.value(item, (selections, arguments), variables)).collect()
            }
            Value::Object(object) if !selections.is_empty() => {
                let mut shown = Map::new();
                let cut = cut(object, arguments);
                for (name, arguments, below) in self.fields(selections) {
                    let arguments = values(arguments, variables);
                    let inner = self.known(cut.get(name), name);
                    let value = self.value(inner, (below, &arguments), variables);
                    shown.insert(name.to_owned(), value);
                }
                Value::Object(shown)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                value.clone()
            }
        }
    }
}

/// A list cut to `first` or `last`; what is no list of pages is left as it is.
fn cut(object: &Map<String, Value>, arguments: &Value) -> Map<String, Value> {
    let mut object = object.clone();
    let limit = |key: &str| arguments[key].as_u64().and_then(|count| usize::try_from(count).ok());
    let (first, last) = (limit("first"), limit("last"));
    if let Some(Value::Array(nodes)) = object.get_mut("nodes") {
        let all = nodes.len();
        nodes.truncate(first.unwrap_or(all));
        nodes.drain(..nodes.len().saturating_sub(last.unwrap_or(all)));
        let (after, before) = (first.is_some_and(|count| count < all), last.is_some_and(|count| count < all));
        object.insert(
            "pageInfo".to_owned(),
            json!({"hasNextPage": after, "hasPreviousPage": before, "startCursor": null, "endCursor": null}),
        );
    }
    object
}

/// Arguments with their variables filled in.
pub(super) fn values(arguments: &[(String, Literal)], variables: &Value) -> Value {
    let pair = |(name, literal): &(String, Literal)| (name.clone(), value_of(literal, variables));
    Value::Object(arguments.iter().map(pair).collect())
}

fn value_of(literal: &Literal, variables: &Value) -> Value {
    match literal {
        Literal::Variable(name) => variables[name].clone(),
        Literal::Enum(text) | Literal::Text(text) => json!(text),
        Literal::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        // No argument that is answered here is a truth value.
        Literal::Bool | Literal::Null => Value::Null,
        Literal::List(items) => items.iter().map(|item| value_of(item, variables)).collect(),
        Literal::Object(pairs) => values(pairs, variables),
    }
}
