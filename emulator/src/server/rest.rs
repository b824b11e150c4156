//! One REST or GraphQL exchange from the wire to the wire: faults, the gate, the route, the contract.

use super::body::Unread;
use super::body::delayed;
use super::body::whole;
use super::connection::Connection;
use super::gate::Incoming;
use crate::clock::Clock;
use crate::contract::Violation;
use crate::core::Core;
use crate::core::locked;
use crate::error::Refusal;
use crate::fault::FaultKind;
use crate::record::RequestRecord;
use crate::routes::Reply;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::header::IF_NONE_MATCH;
use axum::response::Response;
use serde_json::Value;
use std::sync::Arc;

/// No body of GitHub's REST interface is larger.
const LARGEST: usize = 25 * 1024 * 1024;

/// An installation's primary limit per hour.
const HOURLY: u64 = 5000;

pub(crate) async fn answer(core: Arc<Core>, connection: Connection, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = |name| parts.headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let mut incoming = Incoming {
        method: parts.method.to_string(),
        path: below(parts.uri.path()).to_owned(),
        query: parts.uri.query().map(pairs).unwrap_or_default(),
        authorization: text(AUTHORIZATION).map(ToOwned::to_owned),
        body: Vec::new(),
    };
    match whole(body, LARGEST).await {
        Ok(bytes) => incoming.body = bytes,
        Err(Unread::TooLong) => {
            let message = format!("the body is larger than {LARGEST} bytes");
            return untreated(&core, &incoming, (413, "size"), message);
        }
        // Nobody is there any more to read the answer.
        Err(Unread::BrokenOff) => return plain(400),
    }
    let known = text(IF_NONE_MATCH).map(ToOwned::to_owned);
    let other = super::gate::other_name(&core.world(), &incoming.path);
    let paths: Vec<&str> = std::iter::once(incoming.path.as_str()).chain(other.as_deref()).collect();
    let fault = locked(&core.faults).strike(&incoming.method, &paths);
    if let Some(FaultKind::Slow(by)) = &fault {
        tokio::time::sleep(*by).await;
    }
    let (worker, struck) = (Arc::clone(&core), fault.clone());
    let incoming = Arc::new(incoming);
    let taken = Arc::clone(&incoming);
    // Routes run Git programs and wait for them, so they must not hold up the tasks of others.
    let done = tokio::task::spawn_blocking(move || exchange(&worker, &taken, struck.as_ref())).await;
    let (reply, used) = match done {
        Ok(done) => done,
        Err(fault) => return untreated(&core, &incoming, (500, "panic"), fault.to_string()),
    };
    if fault == Some(FaultKind::Drop) {
        connection.cut();
        return plain(500);
    }
    respond(&core.clock, (reply, used), known.as_deref(), fault.as_ref())
}

/// The path below the interface's root.
fn below(path: &str) -> &str {
    match path.strip_prefix("/api/v3") {
        Some(path) => path,
        None => super::gate::GRAPHQL,
    }
}

/// Carries a request out unless a fault forbids it, and records it.
fn exchange(core: &Core, incoming: &Incoming, fault: Option<&FaultKind>) -> (Reply, u64) {
    let (reply, actor) = match fault.and_then(|fault| forestalled(&core.clock, fault)) {
        Some(reply) => (reply, None),
        None => super::gate::carry_out(core, incoming),
    };
    let reply = if fault == Some(&FaultKind::AfterWrite502) { failed(502, "Server Error") } else { reply };
    let status = if fault == Some(&FaultKind::Drop) { 0 } else { reply.status };
    let mut records = locked(&core.records);
    records.requests.push(record(core, incoming, (status, actor.clone())));
    let used = records.requests.iter().filter(|one| one.actor.is_some() && one.actor == actor).count();
    (reply, used as u64)
}

fn record(core: &Core, incoming: &Incoming, (status, actor): (u16, Option<String>)) -> RequestRecord {
    let pairs: Vec<String> = incoming.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    let path = format!("{}{mark}{}", incoming.path, pairs.join("&"));
    RequestRecord { method: incoming.method.clone(), path, status, at: core.clock.now(), actor }
}

/// A request that no route came to an end with: the test must hear of it all the same.
fn untreated(core: &Core, incoming: &Incoming, (status, rule): (u16, &str), message: String) -> Response {
    let operation = format!("{} {}", incoming.method, incoming.path);
    let mut records = locked(&core.records);
    records.violations.push(Violation::whole(rule, operation, message));
    records.requests.push(record(core, incoming, (status, None)));
    plain(status)
}

/// The answer of a fault that keeps the request from being carried out.
fn forestalled(clock: &Clock, fault: &FaultKind) -> Option<Reply> {
    match fault {
        FaultKind::AfterWrite502 | FaultKind::SlowBody(_) | FaultKind::Slow(_) => None,
        FaultKind::Before500 => Some(failed(500, "Server Error")),
        FaultKind::Drop => Some(failed(500, "dropped")),
        FaultKind::Status(status) => Some(failed(*status, "Fault on demand")),
        FaultKind::Unauthorized401 => Some(failed(401, "Bad credentials")),
        FaultKind::Secondary { status, retry_after } => {
            let message =
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            let mut reply = failed(*status, message);
            reply.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            Some(reply)
        }
        FaultKind::PrimaryExhausted { reset } => {
            let mut reply = failed(403, "API rate limit exceeded for installation.");
            let at = clock.now().as_second() + i64::try_from(*reset).unwrap_or(i64::MAX / 2);
            reply.headers = vec![
                ("x-ratelimit-limit", HOURLY.to_string()),
                ("x-ratelimit-remaining", "0".to_owned()),
                ("x-ratelimit-used", HOURLY.to_string()),
                ("x-ratelimit-reset", at.to_string()),
                ("x-ratelimit-resource", "core".to_owned()),
            ];
            Some(reply)
        }
    }
}

pub(super) fn failed(status: u16, message: &str) -> Reply {
    Reply::json(status, Refusal::new(status, message).body())
}

fn respond(
    clock: &Clock,
    (mut reply, used): (Reply, u64),
    known: Option<&str>,
    fault: Option<&FaultKind>,
) -> Response {
    let bytes = reply.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let mut response = Response::builder();
    if reply.status == 200 {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let tag = format!("W/\"{}\"", hex::encode(digest.as_ref()));
        if known == Some(&tag) {
            reply.status = 304;
        }
        response = response.header("etag", tag);
    }
    response = response
        .status(reply.status)
        .header("x-github-media-type", "github.v3; format=json")
        .header("x-github-request-id", crate::acts::random_hex(8));
    if !reply.headers.iter().any(|(name, _)| *name == "x-ratelimit-limit") {
        let reset = clock.now().as_second() + 3600;
        response = response
            .header("x-ratelimit-limit", HOURLY)
            .header("x-ratelimit-remaining", HOURLY.saturating_sub(used))
            .header("x-ratelimit-used", used)
            .header("x-ratelimit-reset", reset)
            .header("x-ratelimit-resource", "core");
    }
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let body = match fault {
        _ if reply.status == 304 || reply.body.is_none() => Body::empty(),
        Some(FaultKind::SlowBody(by)) => delayed(bytes, *by),
        _ => Body::from(bytes),
    };
    if reply.body.is_some() {
        response = response.header("content-type", "application/json; charset=utf-8");
    }
    response.body(body).unwrap_or_else(|_| plain(500))
}

fn plain(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = HeaderMap::new();
    response
}

/// The decoded pairs of a query.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key), decoded(value))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let plain = if byte == b'+' { b' ' } else { byte };
        bytes.push(escaped.unwrap_or(plain));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a body as JSON; an empty one is none.
pub(super) fn json(bytes: &[u8]) -> Result<Option<Value>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(bytes);
    parsed.map(Some).map_err(|_| Refusal::new(400, "Problems parsing JSON"))
}
