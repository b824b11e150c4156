//! Whose turn it is to render: as many apps at once as there are cores, in all, and each repository in its turn.
//!
//! One repository with thousands of apps must not keep a small one waiting until it is done, so turns go round the
//! repositories that wait, one app each (round robin; within a repository first come, first served).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::model::id::RepoId;

/// The turns of one process; shared by all its jobs.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Turns that nobody has.
    free: usize,
    /// Who waits, by repository.
    waiting: HashMap<RepoId, VecDeque<oneshot::Sender<Turn>>>,
    /// The repositories that wait, the next one first.
    round: VecDeque<RepoId>,
}

/// A turn; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Option<Turns>,
}

/// As many turns as there are cores.
impl Default for Turns {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
    }
}

impl Turns {
    /// So many turns at once.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { free: most.max(1), waiting: HashMap::new(), round: VecDeque::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a turn. Whoever waits no longer loses nothing for others.
    pub(super) async fn take(&self, owner: RepoId) -> Turn {
        let granted = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Turn { turns: Some(self.clone()) };
            }
            let (grant, granted) = oneshot::channel();
            if !state.waiting.contains_key(&owner) {
                state.round.push_back(owner);
            }
            state.waiting.entry(owner).or_default().push_back(grant);
            granted
        };
        // The sender is only dropped with its queue, which these turns keep.
        granted.await.unwrap_or(Turn { turns: None })
    }

    /// Hands a turn that is over to whoever is next.
    fn pass(&self) {
        let mut turn = Turn { turns: Some(self.clone()) };
        loop {
            let mut state = self.lock();
            let Some(next) = state.next() else {
                state.free += 1;
                // It has been given back just now; dropping it would do so once more.
                turn.turns = None;
                return;
            };
            drop(state);
            match next.send(turn) {
                Ok(()) => return,
                // Nobody waits there any more.
                Err(back) => turn = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The first that waits of the repository whose turn it is, which then goes to the end of the round.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let owner = self.round.pop_front()?;
        let queue = self.waiting.get_mut(&owner)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&owner);
        } else {
            self.round.push_back(owner);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.pass();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt as _;

    use super::Turns;
    use crate::model::id::RepoId;

    #[tokio::test]
    async fn a_small_repository_does_not_wait_for_a_large_one() {
        let turns = Turns::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = turns.take(RepoId(9)).await;
        let mut running = tokio::task::JoinSet::new();
        for owner in [1, 1, 1, 1, 2, 3] {
            let (turns, order) = (turns.clone(), Arc::clone(&order));
            running.spawn(async move {
                let turn = turns.take(RepoId(owner)).await;
                order.lock().unwrap().push(owner);
                drop(turn);
            });
            tokio::task::yield_now().await;
        }
        drop(held);
        running.join_all().await;
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 1, 1]);
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_any_more_goes_on() {
        let turns = Turns::new(2);
        let (first, second) = (turns.take(RepoId(1)).await, turns.take(RepoId(1)).await);
        for _ in 0..3 {
            let mut gone = Box::pin(turns.take(RepoId(1)));
            assert!((&mut gone).now_or_never().is_none());
        }
        let mut third = Box::pin(turns.take(RepoId(2)));
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        let third = third.await;
        drop((second, third));
        assert_eq!(turns.lock().free, 2);
        assert!(turns.lock().waiting.is_empty() && turns.lock().round.is_empty());
        // Granted, and dropped before it was looked at: given back all the same.
        let (first, second) = (turns.take(RepoId(1)).await, turns.take(RepoId(1)).await);
        let mut granted = Box::pin(turns.take(RepoId(1)));
        assert!((&mut granted).now_or_never().is_none());
        drop((first, second));
        drop(granted);
        assert_eq!(turns.lock().free, 2);
    }
}
