//! Which addresses may be connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::host::Host;

/// Addresses where clouds tell a machine its secrets; one of them looks like any other of the Internet.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// A name led to an address that may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is private")
    }
}

impl std::error::Error for Private {}

/// Looks a host up, and refuses it if any of its addresses may not be connected to.
pub(super) async fn resolve(host: &Host) -> std::io::Result<Result<Vec<SocketAddr>, Private>> {
    let found: Vec<SocketAddr> = match host.name.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, 0)],
        Err(_) => tokio::net::lookup_host((host.name.as_str(), 0)).await?.collect(),
    };
    if found.is_empty() {
        return Err(std::io::Error::other("the name has no address"));
    }
    let good = found.iter().all(|address| allowed(address.ip(), host));
    Ok(if good { Ok(found) } else { Err(Private) })
}

/// May this address be connected to for that entry?
pub(super) fn allowed(address: IpAddr, host: &Host) -> bool {
    let address = plain(address);
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return false;
    }
    // An address that was listed itself was meant; a name could be made to lead there.
    let listed = host.name.parse::<IpAddr>().is_ok_and(|listed| plain(listed) == address);
    if METADATA.contains(&address) || link_local(address) {
        return host.private && listed;
    }
    host.private || public(address)
}

/// The IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4), or the address itself.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match six.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => four(high, low),
        _ => address,
    }
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    }
}

/// Is it an address that the Internet routes? By the registries of special-purpose addresses (RFC 6890).
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => !matches!(
            four.octets(),
            [0 | 10 | 127 | 224.., ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [192, 168, ..]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
        ),
        // Global unicast, without what is set aside within it: protocols and tunnels, documentation.
        IpAddr::V6(six) => !matches!(
            six.segments(),
            [0..=0x1fff | 0x4000.., ..]
                | [0x2001, 0..=0x1ff | 0xdb8, ..]
                | [0x3fff, 0..=0xfff, ..]
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::allowed;
    use crate::model::host::Host;

    fn host(name: &str, private: bool) -> Host {
        Host { name: name.to_owned(), port: None, credentials: None, private, tokens: None }
    }

    const PRIVATE: &[&str] = &[
        "10.0.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "240.0.0.1",
        "0.1.2.3",
        "::1",
        "fd00::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::1",
        "2001:db8::1",
        "2001::1",
        "::7f00:1",
        "3fff::1",
        "5f00::1",
    ];

    const NEVER: &[&str] = &[
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ];

    #[test]
    fn what_the_internet_does_not_route_is_refused_unless_the_entry_says_so() {
        let (open, inner) = (host("a.example", false), host("a.example", true));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for good in [
            "93.184.215.14",
            "8.8.8.8",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "172.32.0.1",
        ] {
            assert!(allowed(ip(good), &open) && allowed(ip(good), &inner), "{good}");
        }
        for bad in PRIVATE {
            assert!(!allowed(ip(bad), &open), "{bad}");
            assert!(allowed(ip(bad), &inner), "{bad}");
        }
        for bad in NEVER {
            assert!(!allowed(ip(bad), &open) && !allowed(ip(bad), &inner), "{bad}");
        }
        assert!(allowed(ip("169.254.7.7"), &host("169.254.7.7", true)), "the address itself was listed");
        assert!(!allowed(ip("169.254.7.7"), &host("169.254.7.7", false)));
        assert!(!allowed(ip("0.0.0.0"), &host("0.0.0.0", true)));
    }
}
