//! Sending one webhook, and the task that empties the queue.

use super::Delivery;
use super::HookMode;
use super::Hooks;
use super::Outgoing;
use crate::core::locked;
use aws_lc_rs::hmac;
use std::time::Duration;
use std::time::Instant;

/// How long GitHub waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the receiver's answer is kept.
const ANSWER: usize = 4096;

/// `X-Hub-Signature-256` over exactly these bytes.
/// <https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>
pub(crate) fn signature(secret: &str, bytes: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, bytes)))
}

impl Hooks {
    /// Empties the queue for as long as the emulator lives: one delivery at a time, in order, except where
    /// a mode says otherwise.
    pub(crate) async fn work(self) {
        loop {
            let next = self.next();
            match next {
                None => self.inner.arrived.notified().await,
                Some((outgoing, HookMode::Normal | HookMode::Reorder)) => self.deliver(outgoing).await,
                Some((outgoing, HookMode::Duplicate)) => {
                    // Both are under way from the start: `settle` must not return between them.
                    locked(&self.inner.queue).under_way += 1;
                    self.deliver(outgoing.clone()).await;
                    self.deliver(outgoing).await;
                }
                Some((outgoing, HookMode::Delay(by))) => {
                    let hooks = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(by).await;
                        hooks.deliver(outgoing).await;
                    });
                }
                Some((mut outgoing, HookMode::Drop)) => {
                    "failed to connect to host".clone_into(&mut outgoing.delivery.outcome);
                    self.ended(outgoing.delivery);
                }
            }
        }
    }

    /// The next delivery and what to do with it; a delivery to be overtaken waits until another has come.
    fn next(&self) -> Option<(Outgoing, HookMode)> {
        let mut queue = locked(&self.inner.queue);
        let outgoing = queue.waiting.pop_front()?;
        let mode = queue.modes.take(&outgoing.delivery.event);
        if mode == HookMode::Reorder && queue.held.is_none() {
            queue.held = Some(outgoing);
            drop(queue);
            self.inner.ended.notify_waiters();
            return self.next();
        }
        if let Some(held) = queue.held.take() {
            queue.modes.release();
            queue.waiting.push_front(held);
        }
        queue.under_way += 1;
        Some((outgoing, mode))
    }

    async fn deliver(&self, mut outgoing: Outgoing) {
        let headers = headers(&outgoing);
        let mut request = self.inner.client.post(&outgoing.url).timeout(TIMEOUT);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let body = outgoing.delivery.payload.to_vec();
        let begun = Instant::now();
        let delivery = &mut outgoing.delivery;
        match request.body(body).send().await {
            Ok(answer) => {
                delivery.status = answer.status().as_u16();
                answer.status().canonical_reason().unwrap_or("").clone_into(&mut delivery.outcome);
                let bytes = answer.bytes().await.unwrap_or_default();
                let kept = bytes.get(..ANSWER).unwrap_or(&bytes);
                delivery.answer = String::from_utf8_lossy(kept).into_owned();
            }
            Err(fault) if fault.is_timeout() => "timed out".clone_into(&mut delivery.outcome),
            Err(_) => "failed to connect to host".clone_into(&mut delivery.outcome),
        }
        delivery.seconds = begun.elapsed().as_secs_f64();
        delivery.request_headers = headers;
        self.ended(outgoing.delivery);
    }

    fn ended(&self, mut delivery: Delivery) {
        delivery.at = self.inner.clock.now();
        let mut queue = locked(&self.inner.queue);
        queue.under_way -= 1;
        queue.record.push(delivery);
        drop(queue);
        self.inner.ended.notify_waiters();
    }
}

fn headers(outgoing: &Outgoing) -> Vec<(String, String)> {
    let delivery = &outgoing.delivery;
    let pair = |name: &str, value: String| (name.to_owned(), value);
    vec![
        pair("content-type", "application/json".to_owned()),
        pair("user-agent", "GitHub-Hookshot/emulator".to_owned()),
        pair("x-github-delivery", delivery.guid.clone()),
        pair("x-github-event", delivery.event.clone()),
        pair("x-github-hook-id", outgoing.hook.to_string()),
        pair("x-github-hook-installation-target-id", delivery.app.to_string()),
        pair("x-github-hook-installation-target-type", "integration".to_owned()),
        pair("x-hub-signature-256", signature(&outgoing.secret, &delivery.payload)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_githubs_own_example() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
