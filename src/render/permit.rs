//! How many bytes of large texts are read at the same time, over the whole process: reading takes ten times their size.

use std::sync::{Condvar, Mutex, PoisonError};

/// Texts below this wait for nobody.
const LARGE: u64 = 1 << 20;

/// Bytes of all large texts that are read at the same time; one that is larger is read alone.
const MOST: u64 = 64 << 20;

static READING: Permits = Permits { bytes: Mutex::new(0), freed: Condvar::new() };

struct Permits {
    bytes: Mutex<u64>,
    freed: Condvar,
}

/// A text's share, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(u64);

/// Waits until a text of so many bytes may be read. It blocks the thread.
pub(super) fn wait(bytes: u64) -> Permit {
    if bytes < LARGE {
        return Permit(0);
    }
    let mut reading = READING.bytes.lock().unwrap_or_else(PoisonError::into_inner);
    while *reading > 0 && reading.saturating_add(bytes) > MOST {
        reading = READING.freed.wait(reading).unwrap_or_else(PoisonError::into_inner);
    }
    *reading = reading.saturating_add(bytes);
    Permit(bytes)
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.0 > 0 {
            let mut reading = READING.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            *reading = reading.saturating_sub(self.0);
            READING.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{LARGE, MOST, wait};

    #[test]
    fn large_texts_wait_and_small_ones_do_not() {
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [MOST, MOST / 2, MOST / 2, MOST * 2, MOST / 3, LARGE] {
                let (now, most) = (&now, &most);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let permit = wait(bytes);
                        let held = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        // What is larger than all is read, but alone.
                        most.fetch_max(if held == bytes { held.min(MOST) } else { held }, Ordering::SeqCst);
                        drop(wait(LARGE - 1));
                        std::thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(now.load(Ordering::SeqCst), 0);
        assert!(most.load(Ordering::SeqCst) <= MOST, "{most:?}");
    }
}
