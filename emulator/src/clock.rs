//! The emulator's own time: the real clock plus what the test has advanced it by.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A clock that a test can move forward; copies share one time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds ahead of the real clock.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// What the emulator takes for the present moment; tokens expire and objects are stamped by it.
    pub fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_millis(self.ahead.load(Ordering::SeqCst));
        Timestamp::now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Moves the time forward; it never goes back.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4);
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }
}

/// A moment as GitHub writes it: RFC 3339 in UTC, whole seconds.
pub(crate) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
