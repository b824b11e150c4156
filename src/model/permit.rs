//! The right to go on writing, which can be taken away while work runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Held by whoever writes to a target and looked at before each write. Revoked when the lease is lost, a person cancels,
/// or the program shuts down; then the writer stops at the next safe point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permit {
    revoked: Arc<AtomicBool>,
}

impl Permit {
    /// May the next write be sent?
    pub(crate) fn holds(&self) -> bool {
        !self.revoked.load(Ordering::Acquire)
    }

    /// Takes the right away, for good.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }
}
