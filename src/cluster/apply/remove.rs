//! Deleting one incarnation of an object and proving that it is gone.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::cluster::address::Address;
use crate::cluster::apply::write::Desk;
use crate::cluster::look::lives::{Found, single};
use crate::cluster::owner::{controlled, owner};
use crate::cluster::send;
use crate::cluster::wire::{Refusal, Trouble};
use crate::model::keep::kept;
use crate::model::view::{Owned, Owner};

/// Pauses between looks at what is going: short at first, since most objects go at once.
const FIRST_LOOK: Duration = Duration::from_millis(30);
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Is it gone?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gone {
    /// Yes, confirmed by looking.
    Yes,
    /// No: why.
    No(String),
    /// It is not ours to delete any more: why.
    Left(String),
    /// The permit was withdrawn.
    Stopped,
}

/// Deletes an object that Git no longer holds. What is not ours any more is left alone and said.
pub(super) async fn prune(
    desk: Desk<'_>,
    address: &Address,
    planned: Option<&str>,
    owned: Option<&Owned>,
) -> Gone {
    let live = match single(&desk.cluster.wire, address).await {
        Ok((_, Found::Absent)) => return Gone::Yes,
        Ok((_, Found::Live(live))) => live,
        Ok((_, Found::Hidden(message))) => return Gone::No(message),
        Err(error) => return Gone::No(error.to_string()),
    };
    let uid = text(&live, "/metadata/uid");
    if planned.is_some_and(|planned| planned != uid) {
        return Gone::Left(format!("it was made anew meanwhile (UID {uid}); left alone"));
    }
    match owner(&live, desk.set, owned) {
        Owner::Us => {}
        Owner::Other(name) => return Gone::Left(format!("it belongs to {name} now; left alone")),
        Owner::Nobody => return Gone::Left("it does not bear our mark any more; left alone".to_owned()),
    }
    if let Some(mark) = kept(&live) {
        return Gone::No(format!("`{mark}` keeps it; left alone"));
    }
    if controlled(&live) {
        return Gone::No("a controller owns it; left alone".to_owned());
    }
    if !desk.permit.holds() {
        return Gone::Stopped;
    }
    gone(desk, address, uid).await
}

/// Deletes this incarnation and waits until it is gone.
pub(super) async fn gone(desk: Desk<'_>, address: &Address, uid: &str) -> Gone {
    match send::delete(&desk.cluster.wire, address, uid).await {
        // 409: another incarnation has its name, so ours is gone.
        Ok(_) | Err(Trouble::Refused(Refusal { code: 404 | 409, .. })) => vanish(desk, address, uid).await,
        Err(trouble) => Gone::No(desk.words(address, trouble)),
    }
}

/// Waits until this incarnation is gone.
pub(super) async fn vanish(desk: Desk<'_>, address: &Address, uid: &str) -> Gone {
    let since = Instant::now();
    let mut pause = FIRST_LOOK;
    loop {
        let last = match single(&desk.cluster.wire, address).await {
            Ok((_, Found::Absent)) => return Gone::Yes,
            Ok((_, Found::Live(live))) if text(&live, "/metadata/uid") != uid => return Gone::Yes,
            Ok((_, Found::Live(live))) => hindrance(&live),
            Ok((_, Found::Hidden(message))) => return Gone::No(message),
            Err(error) => error.to_string(),
        };
        if !desk.permit.holds() {
            return Gone::Stopped;
        }
        if since.elapsed() >= desk.cluster.patience {
            return Gone::No(format!("it is not gone after {} s: {last}", since.elapsed().as_secs()));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

/// What keeps an object from going.
fn hindrance(live: &Value) -> String {
    let finalizers = live.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() { "it is still there".to_owned() } else { format!("finalizers {}", names.join(", ")) }
}

fn text<'a>(body: &'a Value, path: &str) -> &'a str {
    body.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
