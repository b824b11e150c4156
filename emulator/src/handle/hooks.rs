//! The webhooks as a test controls and watches them.

use crate::acts::Scope;
use crate::core::Core;
use crate::error::Error;
use crate::error::Refusal;
use crate::handle::App;
use crate::hooks::Delivery;
use crate::hooks::HookMode;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The delivery engine.
#[derive(Clone)]
pub struct HookControl {
    pub(crate) core: Arc<Core>,
}

impl HookControl {
    /// How all webhooks are delivered from now on.
    pub fn set_mode(&self, mode: HookMode) {
        self.core.hooks.set_mode(None, mode, None);
    }

    /// How the next `count` webhooks are delivered.
    pub fn set_mode_for_next(&self, count: u32, mode: HookMode) {
        self.core.hooks.set_mode(None, mode, Some(count));
    }

    /// How the webhooks of one event are delivered; this goes before the mode for all.
    pub fn set_mode_for_event(&self, event: &str, mode: HookMode) {
        self.core.hooks.set_mode(Some(event), mode, None);
    }

    /// How long a receiver may take to answer, from now on; GitHub's 10 seconds unless set.
    pub fn set_timeout(&self, timeout: Duration) {
        self.core.hooks.set_timeout(timeout);
    }

    /// All deliveries that came to their end, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.core.hooks.deliveries()
    }

    /// Sends one again: the same bytes, the same guid, a new id, which it gives.
    pub fn redeliver(&self, id: u64) -> Result<u64, Error> {
        let mut all = self.core.hooks.deliveries().into_iter();
        let delivery = all.find(|delivery| delivery.id == id).ok_or_else(Refusal::not_found)?;
        Ok(self.core.world().redeliver(delivery)?)
    }

    /// Sends a payload of the test's own making to an app, signed; it is not held to the contract.
    pub fn send_raw(&self, app: &App, event: &str, payload: &Value) -> Result<(), Error> {
        let world = self.core.world();
        let app = world.state.apps.get(&app.id).ok_or_else(Refusal::not_found)?;
        world.send_bytes(app, (event, payload), Scope::default());
        Ok(())
    }

    /// Waits until no webhook is queued, held back or under way; returns at once after a shutdown. Works in any
    /// runtime.
    pub async fn settle(&self) {
        self.core.hooks.settle().await;
    }
}
