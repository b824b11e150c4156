//! Sending one webhook, and the task that empties the queue.

use super::Delivery;
use super::HookMode;
use super::Hooks;
use super::Outgoing;
use crate::core::locked;
use aws_lc_rs::hmac;
use axum::body::Bytes;
use reqwest::StatusCode;
use std::time::Instant;

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
        let (outgoing, mode) = queue.waiting.pop_front()?;
        if mode == HookMode::Reorder && queue.held.is_none() {
            queue.held = Some(outgoing);
            drop(queue);
            self.inner.ended.notify_waiters();
            return self.next();
        }
        if let Some(held) = queue.held.take() {
            queue.waiting.push_front((held, HookMode::Normal));
        }
        // Both of two are under way from the start: `settle` must not return between them.
        queue.under_way += if mode == HookMode::Duplicate { 2 } else { 1 };
        Some((outgoing, mode))
    }

    async fn deliver(&self, mut outgoing: Outgoing) {
        let headers = headers(&outgoing);
        let timeout = locked(&self.inner.queue).timeout;
        let mut request = self.inner.client.post(&outgoing.url).timeout(timeout);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let body = outgoing.delivery.payload.to_vec();
        let begun = Instant::now();
        let delivery = &mut outgoing.delivery;
        match whole(request.body(body)).await {
            Ok((status, bytes)) => {
                delivery.status = status.as_u16();
                status.canonical_reason().unwrap_or("").clone_into(&mut delivery.outcome);
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

/// The answer with its body: one that breaks off in the middle, or is late, is no answer.
async fn whole(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, Bytes)> {
    let answer = request.send().await?;
    Ok((answer.status(), answer.bytes().await?))
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
    use crate::clock::Clock;
    use jiff::Timestamp;

    fn outgoing(event: &str) -> Outgoing {
        let delivery = Delivery {
            id: 0,
            guid: String::new(),
            event: event.to_owned(),
            action: None,
            status: 0,
            outcome: String::new(),
            redelivery: false,
            payload: b"{}".as_slice().into(),
            app: 1,
            installation: None,
            repository: None,
            at: Timestamp::UNIX_EPOCH,
            seconds: 0.0,
            request_headers: Vec::new(),
            answer: String::new(),
        };
        Outgoing { delivery, hook: 1, url: String::new(), secret: String::new() }
    }

    /// The events in the order in which they leave the queue, each with its mode.
    fn leaving(hooks: &Hooks) -> Vec<(String, HookMode)> {
        std::iter::from_fn(|| hooks.next()).map(|(one, mode)| (one.delivery.event, mode)).collect()
    }

    #[test]
    fn a_mode_is_for_the_webhooks_to_come_and_not_for_those_that_wait() {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let hooks = Hooks::new(reqwest::Client::new(), Clock::default());
        hooks.push(outgoing("before"));
        hooks.set_mode(None, HookMode::Drop, Some(1));
        hooks.push(outgoing("lost"));
        hooks.set_mode(None, HookMode::Reorder, Some(1));
        hooks.push(outgoing("late"));
        hooks.push(outgoing("early"));
        hooks.set_mode(None, HookMode::Drop, None);
        let wanted = [
            ("before", HookMode::Normal),
            ("lost", HookMode::Drop),
            ("early", HookMode::Normal),
            ("late", HookMode::Normal),
        ];
        assert_eq!(leaving(&hooks), wanted.map(|(event, mode)| (event.to_owned(), mode)));
    }

    #[test]
    fn the_signature_is_that_of_githubs_own_example() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
