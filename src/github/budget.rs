//! What an installation may write, beneath GitHub's own limits, so that nobody can use us up.
//!
//! GitHub allows about 80 contents a minute and 500 an hour, wants a second between other writes, and may ban who goes on
//! after a refusal: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>. Nothing here waits
//! or reads a clock; it says how long to wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Limit;
use crate::model::id::InstallationId;

/// What a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing: it reads, or makes a token.
    Nothing,
    /// A comment: at most [`PER_MINUTE`] and [`PER_HOUR`].
    Content,
    /// Any other write: one a second, [`BURST`] at once.
    Write,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const PER_MINUTE: usize = 60;
const PER_HOUR: usize = 400;
const BURST: u32 = 20;

/// GitHub asks for a minute at least where it names no time, and for longer each time that it must repeat itself.
const UNNAMED: Duration = MINUTE;
const LONGEST: Duration = HOUR;

/// The purses of all installations.
#[derive(Debug, Default)]
pub(super) struct Budget {
    purses: Mutex<HashMap<InstallationId, Purse>>,
}

impl Budget {
    /// Pays for a call, or says how long to wait before asking again. After a refusal even reading waits.
    pub(super) fn pay(&self, installation: InstallationId, cost: Cost, now: Instant) -> Result<(), Duration> {
        self.with(installation, |purse| purse.pay(cost, now))
    }

    /// GitHub refused; gives how long nothing goes now.
    pub(super) fn refused(&self, installation: InstallationId, limit: Limit, now: Instant) -> Duration {
        self.with(installation, |purse| purse.refused(limit, now))
    }

    /// GitHub answered: refusals begin to be counted anew.
    pub(super) fn answered(&self, installation: InstallationId) {
        self.with(installation, |purse| purse.refusals = 0);
    }

    fn with<T>(&self, installation: InstallationId, act: impl FnOnce(&mut Purse) -> T) -> T {
        let mut purses = self.purses.lock().unwrap_or_else(PoisonError::into_inner);
        act(purses.entry(installation).or_default())
    }
}

/// What one installation has spent.
#[derive(Debug, Default)]
struct Purse {
    /// When contents were made, within the last hour, oldest first.
    contents: VecDeque<Instant>,
    /// When the bucket of other writes will be full again.
    full: Option<Instant>,
    closed: Option<Instant>,
    refusals: u32,
}

impl Purse {
    fn pay(&mut self, cost: Cost, now: Instant) -> Result<(), Duration> {
        if let Some(closed) = self.closed.filter(|closed| *closed > now) {
            return Err(closed - now);
        }
        match cost {
            Cost::Nothing => Ok(()),
            Cost::Content => self.pay_content(now),
            Cost::Write => self.pay_write(now),
        }
    }

    fn pay_content(&mut self, now: Instant) -> Result<(), Duration> {
        while self.contents.front().is_some_and(|made| now.duration_since(*made) >= HOUR) {
            self.contents.pop_front();
        }
        let made = self.contents.len();
        // The entry that must have left its window before there is room for one more.
        let hour = made.checked_sub(PER_HOUR).and_then(|at| self.contents.get(at)).map(|at| *at + HOUR);
        let minute = made.checked_sub(PER_MINUTE).and_then(|at| self.contents.get(at)).map(|at| *at + MINUTE);
        if let Some(free) = hour.into_iter().chain(minute).max().filter(|free| *free > now) {
            return Err(free - now);
        }
        self.contents.push_back(now);
        Ok(())
    }

    fn pay_write(&mut self, now: Instant) -> Result<(), Duration> {
        let full = self.full.map_or(now, |full| full.max(now)) + Duration::from_secs(1);
        let over = full.duration_since(now).saturating_sub(Duration::from_secs(BURST.into()));
        if over.is_zero() {
            self.full = Some(full);
            Ok(())
        } else {
            Err(over)
        }
    }

    fn refused(&mut self, limit: Limit, now: Instant) -> Duration {
        let wait = match limit {
            Limit::For(wait) => wait,
            Limit::Unnamed => UNNAMED * 2_u32.pow(self.refusals.min(6)),
        };
        let wait = wait.clamp(Duration::from_secs(1), LONGEST);
        self.refusals = self.refusals.saturating_add(1);
        let until = now + wait;
        self.closed = Some(self.closed.map_or(until, |closed| closed.max(until)));
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Budget, Cost, Limit};
    use crate::model::id::InstallationId;

    const ONE: InstallationId = InstallationId(1);
    const OTHER: InstallationId = InstallationId(2);

    /// How many calls go at once, and how long the next must wait.
    fn spend(budget: &Budget, cost: Cost, now: Instant) -> (usize, Duration) {
        for paid in 0..1000 {
            if let Err(wait) = budget.pay(ONE, cost, now) {
                return (paid, wait);
            }
        }
        panic!("no limit")
    }

    #[test]
    fn comments_end_at_sixty_a_minute_and_four_hundred_an_hour() {
        let (budget, start) = (Budget::default(), Instant::now());
        let minute = Duration::from_mins(1);
        for passed in 0..6 {
            assert_eq!(spend(&budget, Cost::Content, start + minute * passed), (60, minute));
        }
        let (paid, wait) = spend(&budget, Cost::Content, start + minute * 6);
        assert_eq!((paid, wait), (40, minute * 54));
        assert!(budget.pay(OTHER, Cost::Content, start).is_ok(), "installations do not share");
        assert_eq!(spend(&budget, Cost::Content, start + minute * 60).0, 60);
    }

    #[test]
    fn other_writes_go_twenty_at_once_and_one_a_second_then() {
        let (budget, start) = (Budget::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(spend(&budget, Cost::Write, start), (20, second));
        assert_eq!(spend(&budget, Cost::Write, start + second * 3), (3, second));
        assert_eq!(spend(&budget, Cost::Write, start + second * 300), (20, second));
    }

    #[test]
    fn after_a_refusal_nothing_goes_and_each_further_one_lasts_longer() {
        let (budget, start) = (Budget::default(), Instant::now());
        let minute = Duration::from_mins(1);
        assert_eq!(budget.refused(ONE, Limit::Unnamed, start), minute);
        assert_eq!(budget.pay(ONE, Cost::Nothing, start), Err(minute));
        assert_eq!(budget.pay(ONE, Cost::Nothing, start + minute), Ok(()));
        assert_eq!(budget.refused(ONE, Limit::Unnamed, start + minute), minute * 2);
        budget.answered(ONE);
        let now = start + minute * 3;
        assert_eq!(budget.refused(ONE, Limit::For(Duration::from_secs(7)), now), Duration::from_secs(7));
        assert_eq!(budget.pay(ONE, Cost::Nothing, now), Err(Duration::from_secs(7)));
    }
}
