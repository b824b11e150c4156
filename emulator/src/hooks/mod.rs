//! The delivery engine: signed, asynchronous, ten seconds per delivery, never retried by itself.
//!
//! <https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks>

mod mode;
mod send;

pub use mode::HookMode;
pub(crate) use mode::Modes;

use crate::clock::Clock;
use crate::core::locked;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

/// How long GitHub waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One webhook that was sent, or should have been.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The delivery's own id; a redelivery has a new one.
    pub id: u64,
    /// `X-GitHub-Delivery`; a redelivery keeps it.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`.
    pub action: Option<String>,
    /// The HTTP status the receiver answered; 0 when there was no answer.
    pub status: u16,
    /// GitHub's words for the outcome, such as `OK` or `timed out`.
    pub outcome: String,
    /// Whether it was asked for again.
    pub redelivery: bool,
    /// The exact bytes of the payload.
    pub payload: Arc<[u8]>,
    pub(crate) app: u64,
    pub(crate) installation: Option<u64>,
    pub(crate) repository: Option<u64>,
    pub(crate) at: Timestamp,
    pub(crate) seconds: f64,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) answer: String,
}

/// A webhook on its way: what is sent, and where.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) delivery: Delivery,
    pub(crate) hook: u64,
    pub(crate) url: String,
    pub(crate) secret: String,
}

/// The queue and the record of all deliveries.
#[derive(Clone)]
pub(crate) struct Hooks {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Mutex<Queue>,
    /// Something was queued.
    arrived: Notify,
    /// A delivery came to its end or was held back, or all sending stopped.
    ended: Notify,
    client: reqwest::Client,
    clock: Clock,
}

struct Queue {
    /// Each with the mode that was in force when it was queued.
    waiting: VecDeque<(Outgoing, HookMode)>,
    /// Deliveries taken from the queue and not yet recorded, sleeping ones too.
    under_way: usize,
    /// Delivery held back so that the next one overtakes it.
    held: Option<Outgoing>,
    modes: Modes,
    record: Vec<Delivery>,
    last_id: u64,
    timeout: Duration,
    /// Nothing is sent any more.
    stopped: bool,
}

impl Queue {
    fn empty() -> Queue {
        Queue {
            waiting: VecDeque::new(),
            under_way: 0,
            held: None,
            modes: Modes::default(),
            record: Vec::new(),
            last_id: 0,
            timeout: TIMEOUT,
            stopped: false,
        }
    }
}

impl Hooks {
    pub(crate) fn new(client: reqwest::Client, clock: Clock) -> Hooks {
        let queue = Mutex::new(Queue::empty());
        let inner = Inner { queue, arrived: Notify::new(), ended: Notify::new(), client, clock };
        Hooks { inner: Arc::new(inner) }
    }

    /// Queues a webhook; it is sent in the background, in the mode that is in force now.
    pub(crate) fn push(&self, mut outgoing: Outgoing) -> u64 {
        let mut queue = locked(&self.inner.queue);
        queue.last_id += 1;
        outgoing.delivery.id = 700_000 + queue.last_id;
        let id = outgoing.delivery.id;
        let mode = queue.modes.take(&outgoing.delivery.event);
        queue.waiting.push_back((outgoing, mode));
        drop(queue);
        self.inner.arrived.notify_one();
        id
    }

    pub(crate) fn set_mode(&self, event: Option<&str>, mode: HookMode, count: Option<u32>) {
        locked(&self.inner.queue).modes.set(event, mode, count);
    }

    pub(crate) fn set_timeout(&self, timeout: Duration) {
        locked(&self.inner.queue).timeout = timeout;
    }

    /// Lets go of what waits and of those who wait for it: nobody is there any more to send it.
    pub(crate) fn stop(&self) {
        locked(&self.inner.queue).stopped = true;
        self.inner.ended.notify_waiters();
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        locked(&self.inner.queue).record.clone()
    }

    /// Waits until nothing is queued, held back or under way; does not wait for what will never be sent.
    pub(crate) async fn settle(&self) {
        loop {
            let ended = self.inner.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            {
                let mut queue = locked(&self.inner.queue);
                if queue.stopped {
                    return;
                }
                if queue.waiting.is_empty() && queue.under_way == 0 {
                    // Nothing came that could overtake the one held back.
                    let Some(held) = queue.held.take() else { return };
                    queue.waiting.push_back((held, HookMode::Normal));
                    self.inner.arrived.notify_one();
                }
            }
            ended.await;
        }
    }
}
