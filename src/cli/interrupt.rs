//! Ctrl-C and SIGTERM: a command's work is dropped, and its programs and temporary folders with it. An apply that writes
//! already is asked to stop at its next safe point instead; a second signal ends that too.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::model::permit::Permit;
use crate::terminal::{DONE, note};

/// A signal ended it: SIGINT, as shells count it.
const INTERRUPTED: u8 = 130;
/// A signal ended it: SIGTERM, as shells count it.
const TERMINATED: u8 = 143;

/// What a signal does at this moment.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    permit: Permit,
    writing: AtomicBool,
}

impl Interrupt {
    /// From here on a target is written to. Gives the permit to look at before each write.
    pub(crate) fn writing(&self) -> &Permit {
        self.writing.store(true, Ordering::Release);
        &self.permit
    }
}

/// The signals that end a command.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one, and gives the exit code that says so.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}

/// Runs a command's work to its end, or to the signal's.
pub(crate) async fn heed(
    work: impl Future<Output = u8>,
    interrupt: &Interrupt,
    mut next: impl AsyncFnMut() -> u8,
) -> u8 {
    let mut work = pin!(work);
    let mut asked = None;
    loop {
        let code = tokio::select! {
            ended = &mut work => return if ended == DONE { DONE } else { asked.unwrap_or(ended) },
            code = next() => code,
        };
        if asked.is_some() || !interrupt.writing.load(Ordering::Acquire) {
            return code;
        }
        interrupt.permit.revoke();
        note("stopping at the next safe point; once more stops at once");
        asked = Some(code);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::{INTERRUPTED, Interrupt, TERMINATED, heed};

    #[tokio::test]
    async fn a_signal_ends_what_only_looks() {
        let code = heed(pending(), &Interrupt::default(), async || INTERRUPTED).await;
        assert_eq!(code, INTERRUPTED);
        let code = heed(ready(2), &Interrupt::default(), async || pending().await).await;
        assert_eq!(code, 2, "without a signal the work's own end counts");
    }

    #[tokio::test]
    async fn what_writes_stops_at_a_safe_point_and_a_second_signal_ends_it() {
        let interrupt = Interrupt::default();
        let permit = interrupt.writing();
        let work = async {
            while permit.holds() {
                tokio::task::yield_now().await;
            }
            1
        };
        let mut first = true;
        let once = async || if std::mem::take(&mut first) { TERMINATED } else { pending().await };
        assert_eq!(heed(work, &interrupt, once).await, TERMINATED);

        let interrupt = Interrupt::default();
        interrupt.writing();
        assert_eq!(heed(pending(), &interrupt, async || INTERRUPTED).await, INTERRUPTED);
    }
}
