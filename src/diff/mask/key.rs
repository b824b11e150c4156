//! The keys of marks and digests.

use aws_lc_rs::hmac;

use crate::model::id::{Digest, EnvironmentId};

/// The key of the marks; one per installation of Tidegate. Cannot print itself.
#[derive(Clone)]
pub(crate) struct MaskKey(hmac::Key);

impl MaskKey {
    /// A key from random bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl std::fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskKey")
    }
}

/// The keys of one environment: the same value has another mark elsewhere.
pub(super) struct Keys {
    marks: hmac::Key,
    /// Apart, so that no mark that is shown helps to make a digest.
    effects: hmac::Key,
}

impl Keys {
    pub(super) fn new(key: &MaskKey, environment: &EnvironmentId) -> Self {
        let derive = |what: &str| {
            let input = format!("{what}\0{environment}");
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key.0, input.as_bytes()).as_ref())
        };
        Self { marks: derive("marks"), effects: derive("effects") }
    }

    /// `‹secret a1b2c3›`.
    pub(super) fn mark(&self, secret: &[u8]) -> String {
        let tag = hmac::sign(&self.marks, secret);
        format!("‹secret {}›", hex::encode(tag.as_ref().get(..3).unwrap_or_default()))
    }

    /// What stands for a value in a digest.
    pub(super) fn effect(&self, bytes: &[u8]) -> Digest {
        Digest::of(hmac::sign(&self.effects, bytes).as_ref())
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}
