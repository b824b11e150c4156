//! Dry runs that are remembered, so that the deployment that follows a preview, or the preview of the next push, does not ask
//! again what cannot have changed: the same payload over the same version of the object, under the same admission.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::admission::Admission;
use crate::cluster::look::predict::{Forecast, Question};
use crate::model::canonical;
use crate::model::id::Digest;
use crate::model::plan::Fidelity;
use crate::model::view::Prediction;

/// How long an answer is believed: webhooks may know of things that no version tells of.
const FRESH: Duration = Duration::from_mins(10);
/// Bytes of bodies that are kept, as JSON.
const ROOM: usize = 16 << 20;

/// What was answered, the oldest first out. Holds Secrets in clear, in memory alone.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    kept: HashMap<Digest, Kept>,
    order: VecDeque<(Digest, Instant)>,
    bytes: usize,
}

struct Kept {
    since: Instant,
    body: Vec<u8>,
    /// The server's words of why it would have to be replaced.
    because: Option<String>,
    /// The forecast with nothing in place of its prediction.
    frame: Forecast,
}

/// What an answer depends on; none: that cannot be told, or the answer may differ each time. A creation depends on its
/// namespace and on what quotas have left, so it is asked for each time.
pub(crate) fn key(admission: &Admission, question: &Question<'_>) -> Option<Digest> {
    let Question { address, intent, live, adopting, rules, mutated } = question;
    let epoch = admission.epoch.filter(|_| live.is_some() && !mutated)?;
    let version = |path: &str| live.and_then(|live| live.pointer(path)).cloned().unwrap_or_default();
    let inputs = json!({
        "epoch": epoch.to_string(),
        "at": address.path(),
        "payload": intent.payload,
        "uid": version("/metadata/uid"),
        "version": version("/metadata/resourceVersion"),
        "adopting": adopting,
        "rules": rules,
    });
    Some(canonical::digest(&inputs))
}

impl Memory {
    /// What was answered to this, if that is to be believed still.
    pub(crate) fn recall(&self, key: &Digest, now: Instant) -> Option<Forecast> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = inner.kept.get(key).filter(|kept| now.duration_since(kept.since) < FRESH)?;
        let after: Value = serde_json::from_slice(&kept.body).ok()?;
        let prediction = match &kept.because {
            Some(because) => Prediction::Replaced { after, because: because.clone() },
            None => Prediction::Becomes(after),
        };
        Some(Forecast { prediction, ..kept.frame.clone() })
    }

    /// Keeps a live answer that says what would be there. Refusals are asked for again: whoever mends the cluster expects it.
    pub(crate) fn keep(&self, key: Digest, forecast: &Forecast, now: Instant) {
        let (after, because) = match &forecast.prediction {
            Prediction::Becomes(after) => (after, None),
            Prediction::Replaced { after, because } => (after, Some(because.clone())),
            Prediction::Gone | Prediction::Refused { .. } => return,
        };
        if forecast.fidelity != Fidelity::Live {
            return;
        }
        let body = after.to_string().into_bytes();
        let frame = Forecast {
            prediction: Prediction::Gone,
            fidelity: forecast.fidelity,
            reason: String::new(),
            warnings: forecast.warnings.clone(),
            conflicts: forecast.conflicts.clone(),
            volatile: forecast.volatile.clone(),
            barrier: None,
        };
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.keep(key, Kept { since: now, body, because, frame });
    }
}

impl Inner {
    fn keep(&mut self, key: Digest, kept: Kept) {
        if kept.body.len() > ROOM {
            return;
        }
        let now = kept.since;
        self.bytes += kept.body.len();
        self.order.push_back((key, kept.since));
        if let Some(old) = self.kept.insert(key, kept) {
            self.bytes -= old.body.len();
        }
        while self.bytes > ROOM
            || self.order.front().is_some_and(|(_, since)| now.duration_since(*since) >= FRESH)
        {
            let Some((oldest, since)) = self.order.pop_front() else { break };
            // It may have been answered anew since.
            if self.kept.get(&oldest).is_some_and(|kept| kept.since == since)
                && let Some(old) = self.kept.remove(&oldest)
            {
                self.bytes -= old.body.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::Instant;

    use super::{Memory, ROOM};
    use crate::cluster::look::predict::Forecast;
    use crate::model::id::Digest;
    use crate::model::plan::Fidelity;
    use crate::model::view::Prediction;

    fn forecast(prediction: Prediction) -> Forecast {
        Forecast {
            prediction,
            fidelity: Fidelity::Live,
            reason: String::new(),
            warnings: vec!["old".to_owned()],
            conflicts: Vec::new(),
            volatile: Vec::new(),
            barrier: None,
        }
    }

    #[test]
    fn what_was_answered_is_recalled_for_ten_minutes() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_mins(minutes);
        let memory = Memory::default();
        let replaced = forecast(Prediction::Replaced { after: json!({"a": 1}), because: "b".to_owned() });
        memory.keep(Digest::of(b"1"), &replaced, start);
        assert_eq!(memory.recall(&Digest::of(b"1"), at(9)), Some(replaced.clone()));
        assert_eq!(memory.recall(&Digest::of(b"1"), at(10)), None);
        assert_eq!(memory.recall(&Digest::of(b"2"), start), None);
        memory.keep(Digest::of(b"3"), &Forecast::refused("no".to_owned(), None, Vec::new()), start);
        assert_eq!(memory.recall(&Digest::of(b"3"), start), None);
        // Answered anew, it is believed anew, and what is over for the old answer leaves the new one.
        memory.keep(Digest::of(b"1"), &replaced, at(9));
        memory.keep(Digest::of(b"4"), &replaced, at(11));
        assert_eq!(memory.recall(&Digest::of(b"1"), at(12)), Some(replaced));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let memory = Memory::default();
        let now = Instant::now();
        let large = forecast(Prediction::Becomes("x".repeat(ROOM / 3).into()));
        for n in 0..9_u8 {
            memory.keep(Digest::of(&[n]), &large, now);
        }
        let known = |n: u8| memory.recall(&Digest::of(&[n]), now).is_some();
        assert_eq!(((0..9).filter(|n| known(*n)).count(), known(8)), (2, true));
        assert!(memory.0.lock().unwrap().bytes <= ROOM);
    }
}
