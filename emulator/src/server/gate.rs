//! What stands between a request and its route: the contract, the caller, the repository, the permission.

use super::rest::failed;
use super::rest::json;
use crate::auth::Principal;
use crate::contract::Access;
use crate::contract::OperationId;
use crate::contract::Violation;
use crate::core::Core;
use crate::core::World;
use crate::core::locked;
use crate::error::Refusal;
use crate::routes::Call;
use crate::routes::Reply;
use serde_json::Value;
use serde_json::json;

/// Rules whose breach GitHub answers with 422; of the others it makes what it can.
const REFUSED: &[&str] = &[
    "schema",
    "completed-needs-conclusion",
    "check-output-title",
    "check-text-size",
    "annotations-per-request",
    "actions-per-run",
    "action-text",
    "comment-body",
    "body-size",
    "deployment-status-description",
    "commit-status-description",
    "reaction-content",
    "token-repositories",
];

/// Where GraphQL is, among the paths without `/api`.
pub(super) const GRAPHQL: &str = "/graphql";

/// A request, read whole.
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Without `/api/v3`, still encoded.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Answers a request and holds both sides to the contract; gives the caller's name too.
pub(crate) fn carry_out(core: &Core, incoming: &Incoming) -> (Reply, Option<String>) {
    if incoming.path == GRAPHQL {
        return graphql(core, incoming);
    }
    let Some(operation) = core.contract.operation(&incoming.method, &incoming.path) else {
        return (undescribed(core, incoming, "GitHub describes no such operation"), None);
    };
    let mut actor = None;
    let result = route(core, incoming, &operation, &mut actor);
    let mut reply = result.unwrap_or_else(|refusal| Reply::json(refusal.status, refusal.body()));
    let mut records = locked(&core.records);
    if let Some(body) = &mut reply.body {
        records.spoil(&incoming.method, &incoming.path, body);
    }
    let violations = core.contract.check_response(&operation, reply.status, reply.body.as_ref());
    records.violations.extend(violations);
    records.exchanges += 1;
    (reply, actor)
}

fn graphql(core: &Core, incoming: &Incoming) -> (Reply, Option<String>) {
    let answered = body(core, "graphql", incoming).and_then(|body| {
        let body = body.unwrap_or(Value::Null);
        crate::graphql::answer(core, incoming.authorization.as_deref(), &body)
    });
    match answered {
        Ok((reply, actor)) => (reply, Some(actor)),
        Err(refusal) => (Reply::json(refusal.status, refusal.body()), None),
    }
}

/// The request's body; one that is not JSON is refused and told.
fn body(core: &Core, operation: &str, incoming: &Incoming) -> Result<Option<Value>, Refusal> {
    json(&incoming.body).inspect_err(|_| {
        let violation = Violation::whole("json", operation, "the body is not JSON");
        locked(&core.records).violations.push(violation);
    })
}

fn undescribed(core: &Core, incoming: &Incoming, message: &str) -> Reply {
    let operation = format!("{} {}", incoming.method, incoming.path);
    let mut records = locked(&core.records);
    records.unknown.push(operation.clone());
    records.violations.push(Violation::whole("operation", operation, message));
    failed(404, "Not Found")
}

fn route(
    core: &Core,
    incoming: &Incoming,
    operation: &OperationId,
    actor: &mut Option<String>,
) -> Result<Reply, Refusal> {
    let body = body(core, operation.as_str(), incoming)?;
    let violations = core.contract.check_request(operation, &incoming.path, &incoming.query, body.as_ref());
    let refused = violations.iter().find(|violation| REFUSED.contains(&violation.rule.as_str())).map(refusal);
    locked(&core.records).violations.extend(violations);
    let Some(handler) = crate::routes::handler(operation.as_str()) else {
        return Ok(undescribed(core, incoming, "the operation is described but not emulated"));
    };
    let mut world = core.world();
    let principal = world.authenticate(incoming.authorization.as_deref())?;
    *actor = name(&world, &principal);
    let repository = match named_repository(&world, incoming)? {
        Named::Moved(id, location) => {
            allowed(core, operation, &principal, Some(id))?;
            return Ok(moved(incoming, &location));
        }
        Named::Known(id) => Some(id),
        Named::None => None,
    };
    allowed(core, operation, &principal, repository)?;
    if let Some(refused) = refused {
        return Err(refused);
    }
    let archived =
        repository.and_then(|id| world.state.repositories.get(&id)).is_some_and(|one| one.archived);
    if archived && incoming.method != "GET" {
        return Err(Refusal::new(403, "Repository was archived so is read-only."));
    }
    let call = Call {
        path: incoming.path.clone(),
        params: core.contract.captures(&incoming.method, &incoming.path),
        query: incoming.query.clone(),
        body: body.unwrap_or(Value::Null),
        principal,
        repository,
    };
    handler(&mut world, &call)
}

fn refusal(violation: &Violation) -> Refusal {
    let error = json!({
        "resource": violation.operation,
        "field": violation.pointer,
        "code": "custom",
        "message": violation.message,
    });
    Refusal { errors: vec![error], ..Refusal::new(422, "Validation Failed") }
}

/// The caller's slug, for the record.
fn name(world: &World<'_>, principal: &Principal) -> Option<String> {
    let app = match principal {
        Principal::App(app) | Principal::Installation { app, .. } => app,
        Principal::Anonymous => return None,
    };
    world.state.apps.get(app).map(|app| app.slug.clone())
}

enum Named {
    Known(u64),
    /// The name is a former one; where the same path leads now.
    Moved(u64, String),
    None,
}

/// The other form of a path that names a repository: by its name where it has the id, by its id where it has the name.
pub(super) fn other_name(world: &World<'_>, path: &str) -> Option<String> {
    let mut parts = path.trim_start_matches('/').splitn(4, '/');
    match (parts.next()?, parts.next()?) {
        ("repositories", id) => {
            let repository = world.state.repositories.get(&id.parse().ok()?)?;
            let rest = path.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
            Some(format!("/repos/{}{rest}", world.state.full_name(repository)))
        }
        ("repos", owner) => {
            let repository = world.state.repository_named(owner, parts.next()?)?;
            let rest = parts.next().map(|rest| format!("/{rest}")).unwrap_or_default();
            Some(format!("/repositories/{}{rest}", repository.id))
        }
        _ => None,
    }
}

fn named_repository(world: &World<'_>, incoming: &Incoming) -> Result<Named, Refusal> {
    let mut parts = incoming.path.trim_start_matches('/').splitn(4, '/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("repositories"), Some(id), _, _) => {
            let id = id.parse().map_err(|_| Refusal::not_found())?;
            world.repository(id).map(|repository| Named::Known(repository.id))
        }
        (Some("repos"), Some(owner), Some(name), rest) => {
            if let Some(repository) = world.state.repository_named(owner, name) {
                return Ok(Named::Known(repository.id));
            }
            let id = world.state.former_name(owner, name).ok_or_else(Refusal::not_found)?;
            world.repository(id)?;
            let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
            Ok(Named::Moved(id, world.api(&format!("/repositories/{id}{rest}"))))
        }
        _ => Ok(Named::None),
    }
}

/// 301 for reads, 307 for the rest, so that clients repeat the same method.
/// <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>
fn moved(incoming: &Incoming, location: &str) -> Reply {
    let query: Vec<String> = incoming.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("{location}{mark}{}", query.join("&"));
    let read = incoming.method == "GET" || incoming.method == "HEAD";
    let (status, message) = if read { (301, "Moved Permanently") } else { (307, "Temporary Redirect") };
    let body = json!({
        "message": message,
        "url": url,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    let mut reply = Reply::json(status, body);
    reply.headers.push(("location", url));
    reply
}

/// GitHub hides what a caller cannot see (404) and refuses what it may not do (403).
fn allowed(
    core: &Core,
    operation: &OperationId,
    principal: &Principal,
    repository: Option<u64>,
) -> Result<(), Refusal> {
    let access = core.contract.access(operation);
    match (&access, principal) {
        (Access::Anyone, _) | (Access::Jwt, Principal::App(_)) => Ok(()),
        (Access::Jwt, _) => Err(Refusal::new(401, "A JSON web token could not be decoded")),
        (Access::Installation(_), Principal::Anonymous) => Err(Refusal::new(401, "Requires authentication")),
        (Access::Installation(_), Principal::App(_)) => Err(Refusal::forbidden()),
        (Access::Installation(_), Principal::Installation { repositories, permissions, .. }) => {
            if repository.is_some_and(|id| !repositories.contains(&id)) {
                return Err(Refusal::not_found());
            }
            if access.allows(permissions) { Ok(()) } else { Err(Refusal::forbidden()) }
        }
    }
}
