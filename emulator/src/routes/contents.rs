//! Files and folders at a commit.

use super::Call;
use super::Handler;
use super::Reply;
use crate::core::World;
use crate::error::Refusal;
use crate::git::Entry;
use crate::state::repository::Repository;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

pub(super) const ROUTES: &[(&str, Handler)] =
    &[("repos/get-content", get), ("repos/create-or-update-file-contents", put)];

/// Larger files come without content.
/// <https://docs.github.com/rest/repos/contents#get-repository-content>
const LARGEST: u64 = 1024 * 1024;

fn get(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let repository = call.repository(world)?;
    let name = call.query("ref").unwrap_or(&repository.default_branch);
    let sha = super::commits::resolved(repository, name).map_err(|_| Refusal::not_found())?;
    let path = call.param("path").trim_matches('/');
    if let Some(entries) = repository.git.entries(&sha, path)? {
        let items: Vec<Value> = entries.iter().map(|one| shown(world, repository, name, one)).collect();
        return Ok(Reply::json(200, Value::Array(items)));
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let entries = repository.git.entries(&sha, folder)?.unwrap_or_default();
    let entry = entries.iter().find(|entry| entry.path == path).ok_or_else(Refusal::not_found)?;
    let mut body = shown(world, repository, name, entry);
    let bytes = repository.git.file(&sha, path)?.ok_or_else(Refusal::not_found)?;
    let small = entry.size <= LARGEST;
    body["encoding"] = json!(if small { "base64" } else { "none" });
    body["content"] = json!(if small { wrapped(&bytes) } else { String::new() });
    if entry.kind == "symlink" {
        body["target"] = json!(String::from_utf8_lossy(&bytes));
    }
    Ok(Reply::json(200, body))
}

fn shown(world: &World<'_>, repository: &Repository, name: &str, entry: &Entry) -> Value {
    let api = world.repository_api(repository);
    let html = world.repository_html(repository);
    let path = entry.path.as_str();
    let folder = if entry.kind == "dir" { "trees" } else { "blobs" };
    let url = format!("{api}/contents/{path}?ref={name}");
    let git_url = format!("{api}/git/{folder}/{}", entry.sha);
    let html_url = format!("{html}/blob/{name}/{path}");
    json!({
        "type": entry.kind,
        "size": entry.size,
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": entry.sha,
        "url": url,
        "git_url": git_url,
        "html_url": html_url,
        "download_url": (entry.kind == "file").then(|| format!("{html}/raw/{name}/{path}")),
        "_links": {"self": url, "git": git_url, "html": html_url},
    })
}

/// Base64 in lines of 60, as GitHub sends it: decoders must bear the line ends.
fn wrapped(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(60).map(String::from_utf8_lossy);
    lines.fold(String::new(), |all, line| all + &line + "\n")
}

fn put(world: &mut World<'_>, call: &Call) -> Result<Reply, Refusal> {
    let (actor, id) = (call.actor(world)?, call.repository_id()?);
    let invalid = || Refusal::new(422, "content is not valid Base64");
    let text: String = call.wanted("Content", "content")?.split_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|_| invalid())?;
    let repository = call.repository(world)?;
    let branch = call.text("branch").unwrap_or(&repository.default_branch).to_owned();
    let path = call.param("path").to_owned();
    let known = current(repository, &branch, &path)?;
    if known.as_deref() != call.text("sha") {
        let message = format!("{path} does not match {}", call.text("sha").unwrap_or("\"sha\""));
        return Err(Refusal::new(409, message));
    }
    let message = call.wanted("Content", "message")?;
    let files = [(path.as_str(), Some(bytes.as_slice()))];
    let sha = world.commit(id, (&branch, message, actor.user), &files)?;
    let repository = call.repository(world)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let entries = repository.git.entries(&sha, folder)?.unwrap_or_default();
    let entry = entries.iter().find(|entry| entry.path == path).ok_or_else(Refusal::not_found)?;
    let body = json!({
        "content": shown(world, repository, &branch, entry),
        "commit": world.git_commit_json(repository, &sha)?,
    });
    Ok(Reply::json(if known.is_some() { 200 } else { 201 }, body))
}

fn current(repository: &Repository, branch: &str, path: &str) -> Result<Option<String>, Refusal> {
    let Some(sha) = repository.git.resolve(&format!("refs/heads/{branch}"))? else { return Ok(None) };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let entries = repository.git.entries(&sha, folder)?.unwrap_or_default();
    Ok(entries.into_iter().find(|entry| entry.path == path).map(|entry| entry.sha))
}
