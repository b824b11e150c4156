//! How long an environment's apps have been rendered: while any of them has a turn. Waiting for one behind other
//! repositories, or for another host, is nobody's fault and not counted.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs while somebody holds it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many hold it.
    held: usize,
    /// Since when it runs.
    since: Option<Instant>,
    /// What it showed when it stopped.
    shown: Duration,
}

/// Keeps a clock running until it is dropped.
#[derive(Debug)]
pub(super) struct Running<'c>(&'c Clock);

impl Clock {
    /// Lets it run.
    pub(super) fn run(&self) -> Running<'_> {
        let mut state = self.lock();
        state.held += 1;
        if state.held == 1 {
            state.since = Some(Instant::now());
        }
        Running(self)
    }

    /// What it shows.
    pub(super) fn shown(&self) -> Duration {
        let state = self.lock();
        state.shown + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits until it shows so much.
    pub(super) async fn reach(&self, time: Duration) {
        // It may stand still meanwhile: then what is left is waited for once more.
        const LEAST: Duration = Duration::from_millis(5);
        loop {
            let left = time.saturating_sub(self.shown());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.max(LEAST)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.held -= 1;
        if state.held == 0
            && let Some(since) = state.since.take()
        {
            state.shown += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[tokio::test]
    async fn it_runs_while_anybody_holds_it_and_stands_still_otherwise() {
        let clock = Clock::default();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.shown(), Duration::ZERO);
        let (first, second) = (clock.run(), clock.run());
        drop(first);
        clock.reach(Duration::from_millis(10)).await;
        drop(second);
        let shown = clock.shown();
        assert!(shown >= Duration::from_millis(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.shown(), shown);
        let never = tokio::time::timeout(Duration::from_millis(30), clock.reach(shown * 2));
        assert!(never.await.is_err(), "nobody lets it run");
    }
}
