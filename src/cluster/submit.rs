//! One object sent to the server: first without force; where others hold its fields, once more as the rules say. The dry run
//! and the apply go through here both, so that they cannot differ.

use serde_json::Value;

use crate::cluster::address::Address;
use crate::cluster::conflict::{Settlement, conflicts, settle};
use crate::cluster::payload::remove;
use crate::cluster::send::{self, Force, Mode};
use crate::cluster::wire::{Answer, Trouble, Wire};
use crate::model::settings::FieldRule;

/// What is sent, and what decides its conflicts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bid<'a> {
    /// Where it goes.
    pub address: &'a Address,
    /// What is sent.
    pub payload: &'a Value,
    /// What is there.
    pub live: Option<&'a Value>,
    /// The repository's rules on fields.
    pub rules: &'a [FieldRule],
    /// Is it there and not ours?
    pub adopting: bool,
    /// Managers whose fields become ours before the apply.
    pub past: &'a [String],
}

/// What came of it at first.
pub(super) enum Opening {
    /// The server took it, or refused it for another reason than conflicts.
    Answered(Result<Answer, Trouble>),
    /// Others hold fields of it: what the rules say.
    Contested(Settlement),
}

/// Sends it without force.
pub(super) async fn open(wire: &Wire, bid: &Bid<'_>, mode: Mode) -> Opening {
    let answer = send::apply(wire, bid.address, bid.payload, mode, Force::No).await;
    let contested = match &answer {
        Err(trouble) => {
            trouble.refusal().map(|refusal| conflicts(refusal, bid.payload, bid.live)).unwrap_or_default()
        }
        Ok(_) => Vec::new(),
    };
    if contested.is_empty() {
        return Opening::Answered(answer);
    }
    Opening::Contested(settle(contested, bid))
}

/// Sends it once more, after its conflicts were settled: without what is yielded, with force if anything is taken. Only for a
/// settlement that refuses nothing.
pub(super) async fn press(
    wire: &Wire,
    bid: &Bid<'_>,
    settlement: &Settlement,
    mode: Mode,
) -> (Result<Answer, Trouble>, Value) {
    let mut payload = bid.payload.clone();
    leave_out(&mut payload, settlement);
    let force = if settlement.takes() { Force::Yes } else { Force::No };
    (send::apply(wire, bid.address, &payload, mode, force).await, payload)
}

/// Leaves the yielded paths out, last first, so that list positions stay right. Only paths that another manager owns get
/// here, so none of them falls to its default.
fn leave_out(payload: &mut Value, settlement: &Settlement) {
    let mut paths: Vec<_> = settlement.yields.iter().map(|conflict| conflict.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths.into_iter().rev() {
        remove(payload, path);
    }
}
