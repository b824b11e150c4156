//! Addresses and sizes as operators write them. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A base address without its final slash, or what is wrong with it. Plain http is for loopback only: tokens and
/// secrets would travel in clear.
pub(super) fn base(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("must be a URL, as in https://example.com")?;
    if !matches!(scheme, "https" | "http") {
        return Err("must begin with https://");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || "@?#\\".contains(c)) {
        return Err("must be a URL without user, query or blanks");
    }
    let host = rest.split('/').next().unwrap_or_default();
    let (name, port) = split_port(host).ok_or("has no valid host")?;
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("has no valid port");
    }
    if !is_host(name) {
        return Err("has no valid host");
    }
    if scheme == "http" && !is_loopback(name) {
        return Err("must begin with https://: plain http is for loopback only");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Where Git is fetched from when only the API is known.
pub(super) fn git(api: &str) -> String {
    let (scheme, rest) = api.split_once("://").unwrap_or(("https", api));
    let host = rest.split('/').next().unwrap_or_default();
    // GitHub's own clouds keep the API on a host of its own: api.github.com, api.TENANT.ghe.com.
    let own = host.strip_prefix("api.").filter(|host| *host == "github.com" || host.ends_with(".ghe.com"));
    format!("{scheme}://{}", own.unwrap_or(host))
}

/// A host and its port, an IPv6 address without its brackets.
pub(super) fn split_port(host: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((name, Some(port))),
            None => rest.is_empty().then_some((name, None)),
        };
    }
    Some(host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))))
}

/// A host's name or address.
pub(super) fn is_host(name: &str) -> bool {
    name.parse::<Ipv6Addr>().is_ok()
        || ((1..=253).contains(&name.len())
            && name.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            }))
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Bytes: `512`, `64KiB`, `64MiB`, `1GiB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{base, bytes, git};

    #[test]
    fn tokens_travel_encrypted_or_not_at_all() {
        for (text, good) in [
            ("https://api.github.com", Some("https://api.github.com")),
            ("https://ghe.example.com:8443/api/v3/", Some("https://ghe.example.com:8443/api/v3")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://localhost/api", Some("http://localhost/api")),
            ("http://[::1]:80", Some("http://[::1]:80")),
            ("http://example.com", None),
            ("http://localhost.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("http://127.0.0.1@example.com", None),
            ("https://user:pass@example.com", None),
            ("https://example.com?x=1", None),
            ("https://", None),
            ("https://a..b", None),
            ("https://example.com:99999", None),
            ("https://[::1", None),
            ("ftp://example.com", None),
            ("example.com", None),
        ] {
            assert_eq!(base(text).ok().as_deref(), good, "{text}");
        }
    }

    #[test]
    fn git_lives_where_the_api_says() {
        for (api, host) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.acme.ghe.com", "https://acme.ghe.com"),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com"),
            ("http://127.0.0.1:4000/api/v3", "http://127.0.0.1:4000"),
            ("https://api.example.com", "https://api.example.com"),
        ] {
            assert_eq!(git(api), host);
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        let sizes = [("512", 512), ("1KiB", 1024), ("64 MiB", 64 << 20), ("1GiB", 1 << 30)];
        for (text, size) in sizes {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for bad in ["", "GiB", "1GB", "1.5GiB", "-1", "99999999999GiB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
