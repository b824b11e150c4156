//! Reading a body: bounded in bytes, in time, and in what all open requests hold together.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::web::refusal::Refusal;

/// GitHub sends no more, and does not send larger events at all.
const LARGEST: usize = 25_000_000;
/// GitHub gives up after 10 s.
const TIME: Duration = Duration::from_secs(10);
/// What the bodies of all open requests may hold together, in KiB: strangers must not be able to fill the memory.
const TOGETHER: usize = 256 << 10;

/// The memory that is left for bodies. Taken as bytes arrive, never because somebody announced them.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    /// All of it.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER)))
    }
}

/// A body and the part of the budget that it holds until it is dropped.
pub(super) struct Held {
    /// The bytes as they came.
    pub(super) bytes: Vec<u8>,
    part: Option<OwnedSemaphorePermit>,
}

/// Reads the whole body, or says why not.
pub(super) async fn read(body: Body, announced: Option<usize>, budget: &Budget) -> Result<Held, Refusal> {
    if announced.is_some_and(|bytes| bytes > LARGEST) {
        return Err(too_large());
    }
    within(TIME, collect(body, announced.unwrap_or(0), budget)).await
}

async fn within(time: Duration, read: impl Future<Output = Result<Held, Refusal>>) -> Result<Held, Refusal> {
    match tokio::time::timeout(time, read).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::new(408, format!("the body did not arrive within {} s", TIME.as_secs()))),
    }
}

async fn collect(mut body: Body, announced: usize, budget: &Budget) -> Result<Held, Refusal> {
    let mut held = Held { bytes: Vec::with_capacity(announced.min(64 << 10)), part: None };
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk.map_err(|_| Refusal::new(400, "the body broke off"))?;
        if held.bytes.len() + chunk.len() > LARGEST {
            return Err(too_large());
        }
        let part = u32::try_from(chunk.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let part = Arc::clone(&budget.0).acquire_many_owned(part).await;
        let part = part.map_err(|_| Refusal::new(503, "shutting down"))?;
        match &mut held.part {
            Some(whole) => whole.merge(part),
            none => *none = Some(part),
        }
        held.bytes.extend_from_slice(&chunk);
    }
    Ok(held)
}

/// The next piece of data; trailers mean nothing to us.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match std::future::poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                Err(_trailers) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(413, "the body is larger than 25 MB, the most that GitHub sends")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use tokio::sync::Semaphore;

    use super::{Budget, collect, within};

    #[tokio::test]
    async fn bodies_share_a_budget_and_give_it_back_and_none_is_waited_for_long() {
        let soon = Duration::from_millis(30);
        let budget = Budget(Arc::new(Semaphore::new(3)));
        let two = || Body::from(vec![b'x'; 2048]);
        let held = within(soon, collect(two(), 0, &budget)).await.ok().unwrap();
        assert_eq!((held.bytes.len(), budget.0.available_permits()), (2048, 1));
        let refusal = within(soon, collect(two(), 0, &budget)).await.err().expect("no room for a second one");
        assert_eq!(refusal.into_response().status(), 408, "what does not arrive in time is left");
        drop(held);
        assert_eq!(budget.0.available_permits(), 3);
        assert!(within(soon, collect(two(), 0, &budget)).await.is_ok());
    }
}
