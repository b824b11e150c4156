//! Hosts that rendering may fetch from.

use secrecy::SecretString;

/// One entry of the operator's `render.hosts`.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its name or address in lower case; an IPv6 address without brackets.
    pub name: String,
    /// The one port that may be asked; none: 443.
    pub port: Option<u16>,
    /// What proves to this host, and to no other, who asks.
    pub credentials: Option<Credentials>,
    /// May its name lead to an address that the Internet does not know?
    pub private: bool,
    /// The name and the port of the host that hands out this registry's tokens, if that is another one: its credentials
    /// are sent there when this host asks for a token.
    pub tokens: Option<(String, u16)>,
}

/// What proves to a host who asks. Does not print itself.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Bearer(SecretString),
}
