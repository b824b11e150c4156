//! What is said when something cannot be fetched. Texts name hosts and what the author wrote, nothing else.

use crate::model::fault::{Cause, Failure, Fault};
use crate::render::tree::shown;

/// A fault of the author's, without a place yet: whoever read the address knows the line.
pub(super) fn fault(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::author(Fault::new(message).hint(hint))
}

pub(super) fn unlisted(host: &str, asked: &str) -> Failure {
    let hint = format!(
        "store it in the repository and name it by its path, or ask whoever runs Tidegate to list {} under \
         render.hosts",
        shown(host)
    );
    let message = if host == asked {
        format!("{} is not a host from which rendering may fetch", shown(host))
    } else {
        format!(
            "{} leads to {}, which is not a host from which rendering may fetch",
            shown(asked),
            shown(host)
        )
    };
    fault(message, hint)
}

pub(super) fn private(host: &str) -> Failure {
    fault(
        format!("{} leads to an address of a private network or of this machine", shown(host)),
        "ask whoever runs Tidegate: its entry under render.hosts must say `private: true` for that",
    )
}

pub(super) fn denied(host: &str) -> Failure {
    fault(
        format!("{} does not let us have it", shown(host)),
        "look for a mistake in the address, or ask whoever runs Tidegate for credentials of this host under render.hosts",
    )
}

/// Tokens are had at another host, which does not give them to everybody.
pub(super) fn unpaired(registry: &str, host: &str) -> Failure {
    fault(
        format!("{} does not let us have a token for {}", shown(host), shown(registry)),
        format!(
            "look for a mistake in the address, or ask whoever runs Tidegate to say `tokens: {}` in the entry of {} \
             under render.hosts",
            shown(host),
            shown(registry)
        ),
    )
}

pub(super) fn large(what: &str, limit: u64) -> Failure {
    let limit = if limit >= 1 << 20 { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    fault(format!("{} is larger than {limit}", shown(what)), "store what is needed of it in the repository")
}

pub(super) fn many(limit: usize) -> Failure {
    fault(
        format!("more than {limit} remote files, bases and charts are needed"),
        "store them in the repository",
    )
}

pub(super) fn mismatch(what: &str) -> Failure {
    fault(
        format!("{} is not what its digest says", shown(what)),
        "somebody replaced it, or it was damaged on the way: have it published anew, or change the digest knowingly",
    )
}

/// The host is away, or behaves as if.
pub(super) fn away(host: &str, why: impl std::fmt::Display) -> Failure {
    Failure::Weather(Cause::plain(format!("fetch from {}: {why}", shown(host))))
}

pub(super) fn late(time: std::time::Duration) -> Failure {
    Failure::Weather(Cause::plain(format!(
        "fetch a remote base or chart: it took more than {} s",
        time.as_secs()
    )))
}

/// An address as it may be shown: without what may be a secret in it.
pub(super) fn name(url: &reqwest::Url) -> String {
    let host = crate::render::remote::web::authority(url);
    shown(&format!("{}://{host}{}", url.scheme(), url.path()))
}
