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
    /// A delivery was held back and must not be held again.
    released: u32,
}

impl Modes {
    pub(crate) fn set(&mut self, event: Option<&str>, mode: HookMode, count: Option<u32>) {
        self.rules.retain(|(of, _, _)| of.as_deref() != event);
        if mode != HookMode::Normal {
            self.rules.push((event.map(ToOwned::to_owned), mode, count));
        }
    }

    /// The next delivery was already held back once.
    pub(crate) fn release(&mut self) {
        self.released += 1;
    }

    /// What happens to the next delivery of an event.
    pub(crate) fn take(&mut self, event: &str) -> HookMode {
        if self.released > 0 {
            self.released -= 1;
            return HookMode::Normal;
        }
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
