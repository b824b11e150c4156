//! Disorder on demand: what happens to a delivery instead of being sent once and in order.

use std::time::Duration;

/// How webhooks are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookMode {
    /// Once, in the order in which things happened.
    #[default]
    Normal,
    /// Twice with the same `X-GitHub-Delivery`.
    Duplicate,
    /// The next delivery overtakes this one.
    Reorder,
    /// Sent only after this long, real time; later ones go ahead.
    Delay(Duration),
    /// Never sent; the deliveries API shows it as failed, so that it can be asked for again.
    Drop,
}

/// Modes in force: by event first, then for all.
#[derive(Debug, Default)]
pub(crate) struct Modes {
    rules: Vec<(Option<String>, HookMode, Option<u32>)>,
}

impl Modes {
    pub(crate) fn set(&mut self, event: Option<&str>, mode: HookMode, count: Option<u32>) {
        self.rules.retain(|(of, _, _)| of.as_deref() != event);
        if mode != HookMode::Normal {
            self.rules.push((event.map(ToOwned::to_owned), mode, count));
        }
    }

    /// What happens to a delivery of an event that is queued now.
    pub(crate) fn take(&mut self, event: &str) -> HookMode {
        let at = self
            .rules
            .iter()
            .position(|(of, _, _)| of.as_deref() == Some(event))
            .or_else(|| self.rules.iter().position(|(of, _, _)| of.is_none()));
        let Some(at) = at else { return HookMode::Normal };
        let Some((_, mode, count)) = self.rules.get_mut(at) else { return HookMode::Normal };
        let mode = *mode;
        if let Some(count) = count {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.rules.remove(at);
            }
        }
        mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_own_mode_goes_before_the_one_for_all_and_a_count_runs_out() {
        let mut modes = Modes::default();
        modes.set(None, HookMode::Reorder, Some(1));
        modes.set(Some("push"), HookMode::Drop, None);
        assert_eq!(modes.take("push"), HookMode::Drop);
        assert_eq!(modes.take("ping"), HookMode::Reorder);
        assert_eq!(modes.take("ping"), HookMode::Normal);
        modes.set(Some("push"), HookMode::Normal, None);
        assert_eq!(modes.take("push"), HookMode::Normal);
    }
}
