//! Webhook payloads to [`Event`]s. Pure: bytes in, a value out.
//!
//! GitHub adds events, actions and fields without notice, so a payload is read in two steps: first only its action and
//! installation, and only if both concern us the few fields that we need. What does not concern us is
//! [`Event::Ignored`] with its reason, whatever else it holds. Payloads:
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

mod payload;

use serde::de::DeserializeOwned;

use crate::model::event::{Event, Spoken};
use crate::model::id::{Branch, CommentId, InstallationId, Login, PullNumber, Repo, RepoId, Sha, UserId};
use payload::{
    Account, CheckRun, CheckSuite, CommentChange, Head, MergeGroup, PullRequest, Push, Repository, Said,
};

/// The payload of an event that concerns us lacks what its documentation promises.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the payload of a {event} webhook")]
pub(crate) struct Unreadable {
    event: String,
    #[source]
    source: serde_json::Error,
}

/// What every comment of ours holds, so that it is known without asking who we are.
const MARK: &str = "<!-- tidegate:";

/// Reads the payload of a webhook whose signature was already verified; `event` is its `X-GitHub-Event`.
pub(crate) fn read(event: &str, body: &[u8]) -> Result<Event, Unreadable> {
    if !concerns(event) {
        return Ok(ignored(format!("{} is no event of ours", clip(event))));
    }
    decide(event, body).map_err(|source| Unreadable { event: clip(event), source })
}

/// Events that can concern us; all others are not even parsed.
fn concerns(event: &str) -> bool {
    matches!(
        event,
        "pull_request"
            | "issue_comment"
            | "push"
            | "check_run"
            | "check_suite"
            | "merge_group"
            | "repository"
            | "installation"
            | "installation_repositories"
            | "installation_target"
    )
}

fn decide(event: &str, body: &[u8]) -> serde_json::Result<Event> {
    let head: Head = serde_json::from_slice(body)?;
    let action = head.action.as_deref().unwrap_or_default();
    let Some(installation) = head.installation.map(|installation| InstallationId(installation.id)) else {
        return Ok(ignored(format!("{event} {} names no installation", clip(action))));
    };
    match (event, action) {
        (
            "pull_request",
            "opened" | "synchronize" | "reopened" | "ready_for_review" | "edited" | "closed",
        ) => Ok(pull_request(action, installation, &parse(body)?)),
        ("issue_comment", "created") => Ok(spoken(installation, parse(body)?)),
        ("issue_comment", "edited" | "deleted") => Ok(tampered(installation, &parse(body)?)),
        ("push", _) => Ok(pushed(installation, &parse(body)?)),
        ("check_run", "rerequested" | "requested_action") => Ok(check_run(installation, parse(body)?)),
        ("check_suite", "rerequested") => {
            let CheckSuite { repository, check_suite } = parse(body)?;
            Ok(Event::Rerequested { repo: repo(installation, repository), head: check_suite.head_sha })
        }
        ("merge_group", "checks_requested") => Ok(queued(installation, parse(body)?)),
        ("repository", "renamed" | "transferred") => {
            let Repository { repository } = parse(body)?;
            Ok(Event::Renamed { repo: repo(installation, repository) })
        }
        ("installation" | "installation_repositories" | "installation_target", _) => {
            Ok(Event::Installed { installation })
        }
        _ => Ok(ignored(format!("{event} {} does not concern us", clip(action)))),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body)
}

fn pull_request(action: &str, installation: InstallationId, said: &PullRequest) -> Event {
    let repo = repo(installation, said.repository.clone());
    let pull = PullNumber(said.pull_request.number);
    match action {
        "closed" => Event::Closed { repo, pull, merged: said.pull_request.merged.unwrap_or_default() },
        "edited" if said.changes.as_ref().is_none_or(|changes| changes.base.is_none()) => {
            ignored("an edit of a title or a description changes nothing that is deployed")
        }
        _ => Event::Proposed { repo, pull, head: said.pull_request.head.sha.clone() },
    }
}

/// A comment is a person's only if a person sent it under their own name: bots must not command, and we not ourselves.
fn spoken(installation: InstallationId, said: Said) -> Event {
    if said.issue.pull_request.is_none() {
        return ignored("a comment on an issue that is no pull request");
    }
    let (Some(author), Some(sender)) = (&said.comment.user, &said.sender) else {
        return ignored("a comment whose author is not told");
    };
    if author.id != sender.id {
        return ignored("a comment that was sent by another than its author");
    }
    if author.bot() || sender.bot() {
        return ignored("a comment by a bot");
    }
    let Ok(login) = author.login.parse() else { return ignored("a comment by a login that cannot be") };
    Event::Commented {
        repo: repo(installation, said.repository),
        pull: PullNumber(said.issue.number),
        comment: Spoken {
            id: CommentId(said.comment.id),
            author: login,
            author_id: UserId(author.id),
            bot: false,
            body: said.comment.body.unwrap_or_default(),
            written: said.comment.created_at,
        },
    }
}

/// Only a hint: whoever acts finds the comment by its author, our App, and not by this mark alone.
fn tampered(installation: InstallationId, said: &CommentChange) -> Event {
    let before = said.changes.as_ref().and_then(|changes| changes.body.as_ref());
    let before = before.and_then(|body| body.from.as_deref()).unwrap_or_default();
    let after = said.comment.body.as_deref().unwrap_or_default();
    let author = said.comment.user.as_ref();
    if !author.is_some_and(Account::bot) || !(before.contains(MARK) || after.contains(MARK)) {
        return ignored("an edit of a comment that is not ours; commands count only when newly written");
    }
    if said.sender.as_ref().map(|sender| sender.id) == author.map(|author| author.id) {
        return ignored("an edit by the comment's own author");
    }
    if said.issue.pull_request.is_none() {
        return ignored("a comment on an issue that is no pull request");
    }
    Event::Tampered { repo: repo(installation, said.repository.clone()), pull: PullNumber(said.issue.number) }
}

fn pushed(installation: InstallationId, said: &Push) -> Event {
    let Some(name) = said.reference.strip_prefix("refs/heads/") else {
        return ignored("a push that moved no branch");
    };
    let Ok(branch) = name.parse::<Branch>() else { return ignored("a branch whose name we do not accept") };
    let zero = said.after.as_str().bytes().all(|digit| digit == b'0');
    let by = said.sender.as_ref().map(|sender| sender.login.as_str());
    let by =
        by.or_else(|| said.pusher.as_ref().map(|pusher| pusher.name.as_str())).and_then(|by| by.parse().ok());
    let Some(by) = by.or_else(ghost) else { return ignored("a push by a login that cannot be") };
    let after = (!said.deleted && !zero).then(|| said.after.clone());
    Event::Pushed { repo: repo(installation, said.repository.clone()), branch, after, by }
}

/// GitHub's own stand-in for an account that is gone.
fn ghost() -> Option<Login> {
    "ghost".parse().ok()
}

fn check_run(installation: InstallationId, said: CheckRun) -> Event {
    let repo = repo(installation, said.repository);
    let head = said.check_run.head_sha;
    let Some(button) = said.requested_action else { return Event::Rerequested { repo, head } };
    let by = said.sender.and_then(|sender| sender.login.parse().ok());
    let Some(by) = by else { return ignored("a button pressed by nobody who is told") };
    Event::Pressed { repo, head, button: button.identifier, by }
}

fn queued(installation: InstallationId, said: MergeGroup) -> Event {
    let base = said.merge_group.base_ref;
    let base = base.strip_prefix("refs/heads/").unwrap_or(&base).parse();
    let Ok(base) = base else { return ignored("a merge queue of a branch whose name we do not accept") };
    let head: Sha = said.merge_group.head_sha;
    Event::Queued { repo: repo(installation, said.repository), head, base }
}

fn repo(installation: InstallationId, named: payload::Named) -> Repo {
    Repo { installation, id: RepoId(named.id), name: named.full_name }
}

fn ignored(because: impl Into<String>) -> Event {
    Event::Ignored { because: because.into() }
}

/// Names from outside, short enough for a log line.
fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests;
