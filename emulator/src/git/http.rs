//! Git's smart HTTP through `git http-backend`, with GitHub's tokens in front of it.

use super::Git;
use super::program;
use super::receive;
use crate::auth::Principal;
use crate::contract::Violation;
use crate::core::Core;
use crate::core::locked;
use crate::fault::FaultKind;
use crate::record::RequestRecord;
use crate::server::Peer;
use crate::server::Pieces;
use crate::server::Unread;
use crate::server::whole;
use crate::state::app::covers;
use crate::state::repository::Visibility;
use axum::body::Body;
use axum::body::Bytes;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use std::io::Error;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;

/// More than any test pushes, and little enough to be held in memory.
const LARGEST: usize = 1024 * 1024 * 1024;

/// A request for a repository that the caller may make.
struct Visit {
    repository: u64,
    git: Git,
    /// The path below the repository, `/info/refs`.
    rest: String,
    /// Who pushes.
    actor: Option<u64>,
}

pub(crate) async fn answer(core: Arc<Core>, connection: Peer, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let fault = locked(&core.faults).strike(parts.method.as_str(), &[parts.uri.path()]);
    if let Some(FaultKind::Slow(by) | FaultKind::SlowBody(by)) = &fault {
        tokio::time::sleep(*by).await;
    }
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let response = match fault.as_ref().and_then(forestalled) {
        Some(status) => text(status, "fault on demand"),
        None => match visit(&core, &parts) {
            Ok(visit) => serve(&core, visit, parts, body).await,
            Err(refusal) => *refusal,
        },
    };
    let (response, status) = match &fault {
        Some(FaultKind::AfterWrite502) => (text(502, "Server Error"), 502),
        Some(FaultKind::Drop) => {
            connection.cut();
            (response, 0)
        }
        _ => {
            let status = response.status().as_u16();
            (response, status)
        }
    };
    let record = RequestRecord { method, path, status, at: core.clock.now(), actor: None };
    locked(&core.records).requests.push(record);
    response
}

/// The status of a fault that keeps the request from being carried out.
fn forestalled(fault: &FaultKind) -> Option<u16> {
    match fault {
        FaultKind::AfterWrite502 | FaultKind::Slow(_) | FaultKind::SlowBody(_) => None,
        FaultKind::Before500 | FaultKind::Drop => Some(500),
        FaultKind::Unauthorized401 => Some(401),
        FaultKind::Secondary { status, .. } | FaultKind::Status(status) => Some(*status),
        FaultKind::PrimaryExhausted { .. } => Some(403),
    }
}

/// Finds the repository and checks that the caller may do there what is asked.
fn visit(core: &Core, parts: &Parts) -> Result<Visit, Box<Response>> {
    let absent = || Box::new(text(404, "Repository not found."));
    let mut segments = parts.uri.path().trim_start_matches('/').splitn(3, '/');
    let (Some(owner), Some(name), Some(rest)) = (segments.next(), segments.next(), segments.next()) else {
        return Err(absent());
    };
    let name = name.trim_end_matches(".git");
    let query = parts.uri.query().unwrap_or_default();
    let writes = rest.ends_with("git-receive-pack") || query.contains("service=git-receive-pack");
    let world = core.world();
    let header = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let principal = world.authenticate(header).map_err(|_| Box::new(challenge()))?;
    let Some(repository) = world.state.repository_named(owner, name) else {
        let id = world.state.former_name(owner, name).ok_or_else(absent)?;
        let found = world.state.repositories.get(&id).ok_or_else(absent)?;
        let to = world.html(&format!("/{}.git/{rest}?{query}", world.state.full_name(found)));
        let mut response = text(301, "Moved Permanently");
        response.headers_mut().extend(to.parse().ok().map(|to| (axum::http::header::LOCATION, to)));
        return Err(Box::new(response));
    };
    let mut actor = None;
    match &principal {
        Principal::Installation { repositories, permissions, app, .. } => {
            if !repositories.contains(&repository.id) {
                return Err(absent());
            }
            let wanted = if writes { "write" } else { "read" };
            if !permissions.get("contents").is_some_and(|level| covers(level, wanted)) {
                return Err(Box::new(text(403, "Write access to repository not granted.")));
            }
            actor = world.state.apps.get(app).map(|app| app.bot);
        }
        Principal::Anonymous if repository.visibility == Visibility::Public && !writes => {}
        Principal::Anonymous | Principal::App(_) => return Err(Box::new(challenge())),
    }
    if writes && repository.archived {
        return Err(Box::new(text(403, "This repository was archived so it is read-only.")));
    }
    let git = repository.git.clone();
    Ok(Visit { repository: repository.id, git, rest: format!("/{rest}"), actor })
}

fn challenge() -> Response {
    let mut response = text(401, "Bad credentials");
    let value = axum::http::HeaderValue::from_static("Basic realm=\"GitHub\"");
    response.headers_mut().insert("www-authenticate", value);
    response
}

fn text(status: u16, message: &str) -> Response {
    let mut response = Response::new(Body::from(message.to_owned()));
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

async fn serve(core: &Arc<Core>, visit: Visit, parts: Parts, body: Body) -> Response {
    let operation = format!("{} {}", parts.method, parts.uri.path());
    let served = if parts.method == "POST" && visit.rest.ends_with("git-receive-pack") {
        match whole(body, LARGEST).await {
            // On a task of its own: what was pushed is followed up even if the pusher hangs up.
            Ok(body) => match tokio::spawn(push(Arc::clone(core), visit, parts, body)).await {
                Ok(pushed) => pushed,
                Err(fault) => Err(fault.to_string()),
            },
            Err(Unread::TooLong) => Err(format!("the push is larger than {LARGEST} bytes")),
            Err(Unread::BrokenOff) => return text(400, "The push broke off."),
        }
    } else {
        let ran = run(&visit, &parts, body).await;
        ran.map(|(head, output)| build(&head, streamed(output))).map_err(|fault| fault.to_string())
    };
    served.unwrap_or_else(|message| {
        let response = text(500, &message);
        locked(&core.records).violations.push(Violation::whole("git", operation, message));
        response
    })
}

/// Has Git take a push, and tells the apps before the pusher is told of success.
async fn push(core: Arc<Core>, visit: Visit, parts: Parts, body: Vec<u8>) -> Result<Response, String> {
    let named = receive::named(&body);
    let ran = run(&visit, &parts, Body::from(body)).await;
    let (head, mut output) = ran.map_err(|fault| fault.to_string())?;
    let mut all = Vec::new();
    output.read_to_end(&mut all).await.map_err(|fault| fault.to_string())?;
    let pusher = visit.actor.ok_or("nobody pushed")?;
    let follow = move || receive::followed(&core, (visit.repository, pusher), named);
    let followed = tokio::task::spawn_blocking(follow).await.map_err(|fault| fault.to_string())?;
    followed.map_err(|refusal| format!("the push could not be followed up: {}", refusal.message))?;
    Ok(build(&head, Body::from(all)))
}

/// Starts the program, feeds it the request and reads its header.
async fn run(visit: &Visit, parts: &Parts, body: Body) -> Result<(HeaderMap, BufReader<ChildStdout>), Error> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut command = program();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", visit.git.dir())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", &visit.rest)
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REMOTE_USER", "emulator");
    let pairs = [
        ("CONTENT_LENGTH", "content-length"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ];
    for (variable, name) in pairs {
        if let Some(value) = header(name) {
            command.env(variable, value);
        }
    }
    let mut command = Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(false);
    let mut child = command.spawn()?;
    let broken = || Error::other("no pipe");
    let input = child.stdin.take().ok_or_else(broken)?;
    let mut output = BufReader::new(child.stdout.take().ok_or_else(broken)?);
    tokio::spawn(feed(input, body));
    // Reaped in the background: its output ends when it does.
    tokio::spawn(async move { child.wait().await });
    let head = head(&mut output).await?;
    Ok((head, output))
}

async fn feed(mut input: ChildStdin, mut body: Body) {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(Ok(frame)) = frame else { return };
        let Ok(bytes) = frame.into_data() else { continue };
        // A program that has read enough closes its input; the rest of the request is then of no use.
        if input.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// A CGI header: lines up to an empty one.
async fn head(output: &mut BufReader<ChildStdout>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).await? == 0 {
            return Err(Error::other("no header"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(headers);
        }
        let pair = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        let parsed = pair.and_then(|(name, value)| {
            let name: axum::http::HeaderName = name.parse().ok()?;
            Some((name, value.parse().ok()?))
        });
        headers.extend(parsed);
    }
}

fn build(head: &HeaderMap, body: Body) -> Response {
    let status = head.get("status").and_then(|value| value.to_str().ok());
    let code = status.and_then(|text| text.get(..3)).and_then(|text| text.parse().ok()).unwrap_or(200);
    let mut response = Response::new(body);
    *response.status_mut() = axum::http::StatusCode::from_u16(code).unwrap_or_default();
    for (name, value) in head {
        if name != "status" {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// The rest of the output as it comes.
fn streamed(mut output: BufReader<ChildStdout>) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let piece = match output.read(&mut buffer).await {
                Ok(0) => return,
                Ok(read) => Ok(Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default())),
                Err(fault) => Err(fault),
            };
            // Nobody reads any more: the client went away.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    Body::new(Pieces(receiver))
}
