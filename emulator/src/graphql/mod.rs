//! The part of GraphQL that apps need beside REST: reading a pull request whole, minimizing a comment.
//!
//! Documents are held to the contract's list of fields; this answers those of them that are emulated and
//! says so of the rest. <https://docs.github.com/graphql>

mod objects;
mod project;

use crate::acts::Actor;
use crate::auth::Principal;
use crate::contract::Violation;
use crate::contract::graphql::syntax::Kind;
use crate::contract::graphql::syntax::Literal;
use crate::contract::graphql::syntax::Selection;
use crate::contract::graphql::syntax::parse;
use crate::core::Core;
use crate::core::World;
use crate::core::from_node_id;
use crate::core::locked;
use crate::error::Refusal;
use crate::routes::Reply;
use crate::state::app::covers;
use objects::Object;
use project::Projection;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::cell::RefCell;

/// Answers a document; as with GitHub the status is 200 even when the answer is an error.
pub(crate) fn answer(
    core: &Core,
    authorization: Option<&str>,
    body: &Value,
) -> Result<(Reply, String), Refusal> {
    let query = body["query"].as_str().ok_or_else(|| {
        let message = "A query attribute must be specified and must be a string.";
        locked(&core.records).violations.push(violation(message.to_owned()));
        Refusal::new(400, message)
    })?;
    let variables = body.get("variables").cloned().unwrap_or(Value::Null);
    let violations = core.contract.check_graphql(query, &variables);
    {
        let mut records = locked(&core.records);
        records.exchanges += 1;
        records.violations.extend(violations.iter().cloned());
    }
    let mut world = core.world();
    let principal = world.authenticate(authorization)?;
    let Principal::Installation { app, .. } = &principal else {
        return Err(Refusal::new(401, "This endpoint requires you to be authenticated."));
    };
    let slug = world.state.apps.get(app).map_or(String::new(), |app| app.slug.clone());
    let document = match parse(query) {
        Ok(document) if violations.is_empty() => document,
        Ok(_) | Err(_) => {
            let errors: Vec<Value> = violations
                .iter()
                .map(|violation| json!({"message": violation.message, "path": []}))
                .collect();
            return Ok((Reply::json(200, json!({"errors": errors})), slug));
        }
    };
    let Some(operation) = document.operations.first() else {
        return Ok((Reply::json(200, json!({"errors": [{"message": "no operation"}]})), slug));
    };
    let mut run = Run { world: &mut world, principal: &principal, variables: &variables, errors: Vec::new() };
    let mut data = Map::new();
    let projection = Projection { document: &document, missing: RefCell::default() };
    for (key, arguments, selections) in projection.fields(&operation.selections) {
        let value = run.root(operation.kind, (key, arguments), &projection, selections);
        data.insert(key.to_owned(), value);
    }
    let errors = run.errors;
    let missing = projection.missing.take();
    let told = missing.iter().map(|name| violation(format!("`{name}` is known but not emulated")));
    locked(&core.records).violations.extend(told);
    let mut answer = json!({"data": data});
    if !errors.is_empty() {
        answer["errors"] = Value::Array(errors);
    }
    Ok((Reply::json(200, answer), slug))
}

struct Run<'a, 'w> {
    world: &'a mut World<'w>,
    principal: &'a Principal,
    variables: &'a Value,
    errors: Vec<Value>,
}

impl Run<'_, '_> {
    /// A field of the query or mutation itself; what fails is null and has an error beside it.
    fn root(
        &mut self,
        kind: Kind,
        (name, arguments): (&str, &[(String, Literal)]),
        projection: &Projection<'_>,
        selections: &[Selection],
    ) -> Value {
        let arguments = self.arguments(arguments);
        let object = match kind {
            Kind::Query => self.query(name, &arguments),
            Kind::Mutation => self.mutation(name, &arguments["input"]),
        };
        let projected = object.and_then(|object| {
            let principal = self.principal;
            let caller = Caller { principal };
            projection.object(self.world, (&object, caller), selections, self.variables)
        });
        projected.unwrap_or_else(|refusal| {
            let kind = if refusal.status == 404 { "NOT_FOUND" } else { "FORBIDDEN" };
            self.errors.push(json!({"type": kind, "path": [name], "message": refusal.message}));
            Value::Null
        })
    }

    fn sees(&self, repository: u64) -> bool {
        Caller { principal: self.principal }.sees(repository)
    }

    fn may(&self, permission: &str, level: &str) -> bool {
        Caller { principal: self.principal }.may(permission, level)
    }

    fn arguments(&self, arguments: &[(String, Literal)]) -> Value {
        project::values(arguments, self.variables)
    }

    fn query(&mut self, name: &str, arguments: &Value) -> Result<Object, Refusal> {
        match name {
            "repository" => {
                let text = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
                let (owner, name) = (text("owner"), text("name"));
                let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
                let named = self.world.state.repository_named(&owner, &name).map(|found| found.id);
                let id = named.or_else(|| self.world.state.former_name(&owner, &name));
                let id = id.filter(|id| self.sees(*id)).ok_or_else(|| Refusal::new(404, message))?;
                Ok(Object::Repository(id))
            }
            "node" => self.node(arguments["id"].as_str().unwrap_or_default()),
            "viewer" => {
                let Principal::Installation { app, .. } = self.principal else {
                    return Err(Refusal::forbidden());
                };
                let bot = self.world.state.apps.get(app).map_or(0, |app| app.bot);
                Ok(Object::Plain(objects::actor(self.world, bot)))
            }
            "rateLimit" => {
                let reset = jiff::SignedDuration::from_hours(1);
                let at = self.world.now().checked_add(reset).unwrap_or(jiff::Timestamp::MAX);
                Ok(Object::Plain(json!({
                    "limit": 5000, "cost": 1, "used": 1, "remaining": 4999, "nodeCount": 0,
                    "resetAt": crate::clock::written(at),
                })))
            }
            _ => Err(self.absent(name)),
        }
    }

    fn node(&self, id: &str) -> Result<Object, Refusal> {
        let message = format!("Could not resolve to a node with the global id of '{id}'");
        let unknown = || Refusal::new(404, message.clone());
        for repository in self.world.state.repositories.values().filter(|one| self.sees(one.id)) {
            if from_node_id("Repository", id) == Some(repository.id) {
                return Ok(Object::Repository(repository.id));
            }
            let pull = from_node_id("PullRequest", id);
            let issue = repository
                .issues
                .values()
                .find(|issue| pull.is_some() && issue.pull.as_ref().map(|pull| pull.id) == pull);
            if let Some(issue) = issue {
                return Ok(Object::Pull(repository.id, issue.number));
            }
            let comment = from_node_id("IssueComment", id);
            if let Some(comment) = comment.filter(|comment| repository.comments.contains_key(comment)) {
                return Ok(Object::Comment(repository.id, comment));
            }
        }
        Err(unknown())
    }

    fn mutation(&mut self, name: &str, input: &Value) -> Result<Object, Refusal> {
        let subject = input["subjectId"].as_str().or_else(|| input["id"].as_str()).unwrap_or_default();
        let Object::Comment(repository, id) = self.node(subject)? else { return Err(self.absent(name)) };
        if !self.may("issues", "write") && !self.may("pull_requests", "write") {
            return Err(Refusal::forbidden());
        }
        let client = input["clientMutationId"].clone();
        match name {
            "minimizeComment" | "unminimizeComment" => {
                let minimize = name == "minimizeComment";
                let reason = input["classifier"].as_str().filter(|_| minimize);
                let comment = self.world.comment_mut(repository, id)?;
                comment.minimized = reason.map(ToOwned::to_owned);
                let key = if minimize { "minimizedComment" } else { "unminimizedComment" };
                let shown = objects::comment(self.world, repository, id)?;
                Ok(Object::Plain(json!({"clientMutationId": client, key: shown})))
            }
            "updateIssueComment" => {
                let actor = self.actor()?;
                let body = input["body"].as_str().unwrap_or_default();
                self.world.edit_comment(repository, id, (actor.user, body))?;
                let shown = objects::comment(self.world, repository, id)?;
                Ok(Object::Plain(json!({"clientMutationId": client, "issueComment": shown})))
            }
            _ => Err(self.absent(name)),
        }
    }

    fn actor(&self) -> Result<Actor, Refusal> {
        let Principal::Installation { app, .. } = self.principal else { return Err(Refusal::forbidden()) };
        let found = self.world.state.apps.get(app).ok_or_else(Refusal::not_found)?;
        Ok(Actor { user: found.bot, app: Some(*app) })
    }

    /// Known to the contract, but not to the emulator: a test must not take the answer for GitHub's.
    fn absent(&self, name: &str) -> Refusal {
        let told = violation(format!("`{name}` is known but not emulated"));
        locked(&self.world.core.records).violations.push(told);
        Refusal::new(404, format!("{name} is not emulated"))
    }
}

/// Who asks, and so what is shown.
#[derive(Clone, Copy)]
struct Caller<'a> {
    principal: &'a Principal,
}

impl Caller<'_> {
    fn sees(self, repository: u64) -> bool {
        matches!(self.principal, Principal::Installation { repositories, .. } if repositories.contains(&repository))
    }

    fn may(self, permission: &str, level: &str) -> bool {
        let Principal::Installation { permissions, .. } = self.principal else { return false };
        permissions.get(permission).is_some_and(|granted| covers(granted, level))
    }
}

fn violation(message: String) -> Violation {
    Violation::whole("graphql", "graphql", message)
}
