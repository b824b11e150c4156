//! Group commit: deliveries that arrive while the disk is busy are stored together in the next transaction.
//!
//! One task writes. It takes whatever waits, commits it once, answers all of it, and takes what came meanwhile. So a lone
//! delivery waits for nobody, and under load the cost of the disk's flush is shared by up to [`BATCH`] deliveries; no
//! timer is needed for either.

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::model::fault::chain;
use crate::store::{Delivery, Kept, Kind, Store};

/// Deliveries that wait for the writer; beyond that, requests wait.
pub(super) const WAITING: usize = 1024;
/// Deliveries of one transaction.
const BATCH: usize = 256;

/// A delivery and who wants to know that it is stored. No answer means that it is not known to be.
pub(super) struct Waiting {
    /// What to store.
    pub(super) delivery: Delivery,
    /// Told once it is on disk.
    pub(super) stored: oneshot::Sender<Kept>,
}

/// Stores what comes until nobody can send any more.
pub(super) async fn keep(mut waiting: mpsc::Receiver<Waiting>, store: &Store, clock: fn() -> Timestamp) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (deliveries, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|one: Waiting| (one.delivery, one.stored)).unzip();
        match store.keep_all(&deliveries, clock()).await {
            Ok(kept) => kept.into_iter().zip(answers).for_each(answer),
            Err(error) if error.kind() == Kind::Ours && deliveries.len() > 1 => {
                // One of them may be at fault: the others must not suffer for it.
                tracing::error!(
                    error = chain(&error),
                    "a batch of deliveries was refused; storing them one by one"
                );
                for (delivery, told) in deliveries.iter().zip(answers) {
                    match store.keep(delivery, clock()).await {
                        Ok(kept) => answer((kept, told)),
                        Err(error) => {
                            tracing::error!(error = chain(&error), delivery.id = %delivery.id, "not stored");
                        }
                    }
                }
            }
            Err(error) => {
                let count = deliveries.len();
                tracing::error!(error = chain(&error), deliveries = count, "deliveries were not stored");
            }
        }
    }
}

/// Tells a handler; one that has gone (its sender hung up) does not matter, the delivery is stored.
fn answer((kept, told): (Kept, oneshot::Sender<Kept>)) {
    told.send(kept).unwrap_or_else(drop);
}
