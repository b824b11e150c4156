//! Apps, where they are installed, and the tokens they were given.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) owner: u64,
    /// The account it acts as.
    pub(crate) bot: u64,
    pub(crate) hook: u64,
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) private_key_pem: String,
    /// PKCS#1 DER.
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("id", &self.id).field("slug", &self.slug).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) app: u64,
    pub(crate) account: u64,
    pub(crate) repositories: BTreeSet<u64>,
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    pub(crate) suspended: Option<(Timestamp, u64)>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) installation: u64,
    /// Narrowed to these; `None` means all of the installation.
    pub(crate) repositories: Option<BTreeSet<u64>>,
    /// Narrowed to these; `None` means all of the installation, as they are at the time of the call.
    pub(crate) permissions: Option<BTreeMap<String, String>>,
    pub(crate) expires_at: Timestamp,
}

/// Whether a granted level (`read`, `write`, `admin`) covers a wanted one.
pub(crate) fn covers(granted: &str, wanted: &str) -> bool {
    let rank = |level: &str| match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    };
    rank(granted) >= rank(wanted) && rank(wanted) > 0
}
