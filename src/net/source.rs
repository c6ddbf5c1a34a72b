//! Where a client comes from, as far as that can be held against it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::{Peer, Process};

/// Where a client comes from: all clients of one source are counted together.
///
/// ```
/// use std::net::SocketAddr;
/// use welcomed::net::{Peer, Source};
///
/// let source = |address: &str| Source::of(&Peer::Inet(address.parse::<SocketAddr>().unwrap()));
/// assert_eq!(source("192.0.2.1:1000"), source("[::ffff:192.0.2.1]:2000"));
/// assert_eq!(source("[2001:db8::1]:1000").unwrap().to_string(), "2001:db8::/64");
/// assert_eq!(source("[2001:db8::1]:1000"), source("[2001:db8::ffff:2]:1000"));
/// assert_ne!(source("[fe80::1%2]:1000"), source("[fe80::1%3]:1000"));
/// assert_eq!(source("[fe80::1%2]:1000").unwrap().to_string(), "fe80::%2/64");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The network of an IPv6 address.
    V6 {
        /// The first 64 bits of the address. A host can choose all the others (RFC 4291, section 2.5.4).
        network: u64,
        /// The zone of a link-local address, and else 0: every link has the same network (RFC 4007).
        zone: u32,
    },
    /// A user of this machine.
    User(u32),
}

impl Source {
    /// The source of a client. None if the kernel tells nothing of it.
    #[must_use]
    pub fn of(peer: &Peer) -> Option<Source> {
        match peer {
            Peer::Inet(address) => Some(match (address.ip().to_canonical(), address) {
                (IpAddr::V4(address), _) => Source::V4(address),
                (IpAddr::V6(ip), address) => Source::V6 {
                    network: u64::try_from(ip.to_bits() >> 64).unwrap_or_default(),
                    zone: match address {
                        SocketAddr::V6(address) if ip.is_unicast_link_local() => address.scope_id(),
                        SocketAddr::V4(_) | SocketAddr::V6(_) => 0,
                    },
                },
            }),
            Peer::Host(host) => Some(Source::V4(*host)),
            Peer::Process(Process { user, .. }) => Some(Source::User(*user)),
            Peer::Unix(_) | Peer::Unnamed => None,
        }
    }
}

/// Shown as `192.0.2.1`, `2001:db8::/64`, `fe80::%2/64` or `user 1000`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::V4(address) => address.fmt(f),
            Source::V6 { network, zone } => {
                Ipv6Addr::from_bits(u128::from(*network) << 64).fmt(f)?;
                if *zone > 0 {
                    write!(f, "%{zone}")?;
                }
                f.write_str("/64")
            }
            Source::User(user) => write!(f, "user {user}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_host_or_network_are_one_source() {
        let of = |peer: Peer| Source::of(&peer).map(|source| source.to_string());
        let inet = |address: &str| of(Peer::Inet(address.parse().unwrap()));
        for (address, source) in [
            ("192.0.2.1:1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
            ("[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64"),
            // Only an address of a link is another one on each link.
            ("[2001:db8::1%3]:1", "2001:db8::/64"),
            ("[fe80::1%1]:1", "fe80::%1/64"),
            ("[fe80::1]:1", "fe80::/64"),
        ] {
            assert_eq!(inet(address).as_deref(), Some(source), "{address}");
        }
        assert_eq!(of(Peer::Host(Ipv4Addr::LOCALHOST)), inet("127.0.0.1:1"));
        assert_eq!(of(Peer::Process(Process { pid: None, user: 1000 })).as_deref(), Some("user 1000"));
        assert_eq!(of(Peer::Unnamed), None);
    }
}
