//! Where GitHub is: the one authority that is ever spoken to.

use super::error::Error;

/// The root of GitHub's REST interface: `https://api.github.com`, or `https://HOST/api/v3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// Scheme, host and port, without a slash at the end.
    origin: String,
    /// `/api/v3`, or empty.
    prefix: String,
}

impl Base {
    /// Reads the address. Plain http is for loopback alone: tokens travel over it.
    pub(super) fn read(api: &str) -> Result<Self, Error> {
        let doing = format!("reading the address of GitHub's API {api:?}");
        let bad = |why: &str| Error::ours(&doing, why.to_owned());
        let (scheme, rest) = api.split_once("://").ok_or_else(|| bad("it has no scheme; write https://…"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() || authority.contains(['@', '?', '#', ' ']) || path.contains(['?', '#', ' '])
        {
            return Err(bad("it must be scheme, host and path, and nothing else"));
        }
        match scheme {
            "https" => {}
            "http" if loopback(authority) => {}
            "http" => return Err(bad("plain http is for loopback addresses only; write https://…")),
            _ => return Err(bad("the scheme must be https")),
        }
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { origin: format!("{scheme}://{authority}"), prefix })
    }

    /// The root of the REST interface.
    pub(super) fn rest(&self) -> String {
        format!("{}{}", self.origin, self.prefix)
    }

    /// The root beside which `/graphql` lies: an Enterprise Server has it at `/api/graphql`, not `/api/v3/graphql`.
    pub(super) fn graph(&self) -> String {
        format!("{}{}", self.origin, self.prefix.strip_suffix("/v3").unwrap_or(&self.prefix))
    }

    /// The path of an address that GitHub redirects to; none if it leads anywhere else. Only this path
    /// is used, so that no answer can send a token to another host.
    pub(super) fn within(&self, address: &str) -> Option<String> {
        let path = if address.starts_with('/') && !address.starts_with("//") {
            address
        } else {
            address.strip_prefix(self.origin.as_str())?
        };
        let path = path.strip_prefix(self.prefix.as_str())?;
        path.starts_with('/').then(|| path.to_owned())
    }
}

impl Base {
    /// The path of a next page, wherever its address says that GitHub is: behind a proxy an Enterprise Server names itself
    /// by another scheme, host or port. Only path and query are used, so no token goes elsewhere; none if the path does
    /// not lie beneath the root, and then the list cannot be had whole.
    pub(super) fn page(&self, address: &str) -> Option<String> {
        let path = match address.split_once("://") {
            Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..))?,
            None => address,
        };
        let path = path.strip_prefix(self.prefix.as_str())?;
        (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
    }
}

fn loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Base;

    #[test]
    fn only_https_or_loopback_is_github() {
        for good in [
            "https://api.github.com",
            "https://ghe.example.com/api/v3/",
            "http://127.0.0.1:80/api/v3",
            "http://[::1]:8",
        ] {
            assert!(Base::read(good).is_ok(), "{good}");
        }
        for bad in [
            "api.github.com",
            "http://api.github.com",
            "http://127.0.0.1.example.com",
            "ftp://x",
            "https://a@b",
            "https://",
            "https://x/?y",
        ] {
            assert!(Base::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_leads_to_another_host() {
        let base = Base::read("https://ghe.example.com/api/v3").unwrap();
        let within = |address: &str| base.within(address);
        let next = "https://ghe.example.com/api/v3/repositories/1/pulls?page=2";
        assert_eq!(within(next).as_deref(), Some("/repositories/1/pulls?page=2"));
        assert_eq!(within("/api/v3/x").as_deref(), Some("/x"));
        for bad in [
            "https://evil.example/api/v3/x",
            "https://ghe.example.com.evil.example/api/v3/x",
            "//evil.example/api/v3/x",
            "http://ghe.example.com/api/v3/x",
            "https://ghe.example.com/x",
            "https://ghe.example.com/api/v3@evil.example/x",
        ] {
            assert_eq!(within(bad), None, "{bad}");
        }
        assert_eq!(base.graph(), "https://ghe.example.com/api");
        assert_eq!(Base::read("https://api.github.com").unwrap().graph(), "https://api.github.com");
    }

    #[test]
    fn a_next_page_is_its_path_whatever_host_is_named() {
        let base = Base::read("https://ghe.example.com/api/v3").unwrap();
        for address in [
            "https://ghe.example.com/api/v3/repositories/1/pulls?page=2",
            "http://internal:8443/api/v3/repositories/1/pulls?page=2",
            "/api/v3/repositories/1/pulls?page=2",
        ] {
            assert_eq!(base.page(address).as_deref(), Some("/repositories/1/pulls?page=2"), "{address}");
        }
        for address in [
            "https://ghe.example.com/x?page=2",
            "https://ghe.example.com",
            "//evil/x",
            "/api/v3//evil/x",
            "x",
        ] {
            assert_eq!(base.page(address), None, "{address}");
        }
        let public = Base::read("https://api.github.com").unwrap();
        assert_eq!(public.page("https://api.github.com:443/x?page=2").as_deref(), Some("/x?page=2"));
        assert_eq!(public.page("//evil.example/x"), None);
    }
}
