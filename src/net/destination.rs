//! What a datagram was sent to, and whether its sender is a return address.

use std::net::{IpAddr, Ipv4Addr};

use super::address::Peer;

/// The number of the loopback interface: the first of every network.
const LOOPBACK: u32 = 1;

/// What a datagram was sent to, as the kernel tells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Destination {
    /// A socket of the Unix domain.
    Unix,
    /// An address of this host alone.
    One {
        /// The address: that of an answer.
        address: IpAddr,
        /// The number of the interface that it came over; 1 is the loopback.
        interface: u32,
    },
    /// A broadcast or a multicast address, or one that the kernel does not tell. Every server of a link can have got the same
    /// datagram, and one forged sender would have all their answers.
    Many,
}

impl Destination {
    /// Why the sender of a datagram that was sent to here is no return address, if it is none.
    ///
    /// The sender is whatever the datagram says. An answer to some addresses would stay on this host, or go to many: only
    /// one who forges writes them. An IPv4 address that is mapped into IPv6 is judged as that IPv4 address.
    ///
    /// ```
    /// use welcomed::net::{Destination, Peer};
    ///
    /// let here = Destination::One { address: "192.0.2.1".parse().unwrap(), interface: 2 };
    /// let from = |address: &str| Peer::Inet(address.parse().unwrap());
    /// assert_eq!(here.refuses(&from("192.0.2.7:40000")), None);
    /// assert_eq!(here.refuses(&from("0.0.0.0:40000")), Some("its sender is an unspecified address"));
    /// ```
    #[must_use]
    pub fn refuses(&self, peer: &Peer) -> Option<&'static str> {
        let (sender, port) = match peer {
            Peer::Inet(address) => (address.ip(), Some(address.port())),
            Peer::Host(host) => (IpAddr::V4(*host), None),
            Peer::Unix(_) | Peer::Process(_) => return None,
            Peer::Unnamed => return Some("its sender has no name"),
        };
        let sender = sender.to_canonical();
        if port == Some(0) {
            return Some("its sender is port 0");
        } else if sender.is_unspecified() {
            return Some("its sender is an unspecified address");
        } else if sender.is_multicast() || sender == Ipv4Addr::BROADCAST {
            return Some("its sender is a broadcast or multicast address");
        }
        let Destination::One { address, interface } = self else { return None };
        let address = address.to_canonical();
        if sender.is_ipv4() != address.is_ipv4() {
            Some("its sender is an address of another family")
        } else if sender.is_loopback() && address.is_loopback() && *interface != LOOPBACK {
            // Of what was sent to another address of this host the interface is that of the address, wherever it comes from.
            // The kernel takes a loopback address from elsewhere only where it is told to.
            Some("its sender is a loopback address, and it is not from here")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Process, UnixName};

    fn refuses(to: &str, interface: u32, from: &str) -> Option<&'static str> {
        let to = Destination::One { address: to.parse().unwrap(), interface };
        to.refuses(&Peer::Inet(from.parse().unwrap()))
    }

    #[test]
    fn a_sender_that_only_a_forger_writes_is_no_return_address() {
        for (to, interface, from) in [
            ("192.0.2.1", 2, "0.0.0.0:40000"),
            ("127.0.0.1", 2, "127.0.0.1:40000"),
            ("127.0.0.1", 2, "127.255.255.254:40000"),
            ("::1", 2, "[::1]:40000"),
            ("192.0.2.1", 2, "255.255.255.255:40000"),
            ("192.0.2.1", 2, "224.0.0.1:40000"),
            ("192.0.2.1", 2, "192.0.2.7:0"),
            ("2001:db8::1", 2, "[::]:40000"),
            ("2001:db8::1", 2, "[::ffff:0.0.0.0]:40000"),
            ("2001:db8::1", 2, "[::ffff:127.0.0.1]:40000"),
            ("2001:db8::1", 1, "[::ffff:192.0.2.7]:40000"),
            ("::ffff:192.0.2.1", 2, "[2001:db8::7]:40000"),
            ("::ffff:127.0.0.1", 2, "[::ffff:127.0.0.1]:40000"),
            ("::ffff:192.0.2.1", 2, "[::ffff:224.0.0.1]:40000"),
            ("2001:db8::1", 2, "[ff02::1]:40000"),
        ] {
            assert!(refuses(to, interface, from).is_some(), "{from} to {to} over {interface}");
        }
    }

    #[test]
    fn a_sender_without_a_name_is_no_return_address() {
        assert!(Destination::Unix.refuses(&Peer::Unnamed).is_some());
        let process = Peer::Process(Process { pid: None, user: 0 });
        let name = Peer::Unix(Box::new(UnixName::Abstract(b"a".to_vec())));
        assert_eq!((Destination::Unix.refuses(&process), Destination::Unix.refuses(&name)), (None, None));
    }

    #[test]
    fn a_sender_of_this_host_or_another_is_a_return_address() {
        for (to, interface, from) in [
            ("192.0.2.1", 2, "192.0.2.7:1"),
            ("192.0.2.1", 1, "192.0.2.1:40000"),
            ("192.0.2.1", 2, "127.0.0.1:40000"),
            ("127.0.0.1", 2, "192.0.2.7:40000"),
            ("127.0.0.1", 1, "127.0.0.2:40000"),
            ("::1", 1, "[::1]:40000"),
            ("2001:db8::1", 2, "[::1]:40000"),
            ("2001:db8::1", 2, "[2001:db8::7]:40000"),
            ("fe80::1", 2, "[fe80::7]:40000"),
            ("::ffff:192.0.2.1", 2, "[::ffff:192.0.2.7]:40000"),
            ("::ffff:127.0.0.1", 1, "[::ffff:127.0.0.1]:40000"),
        ] {
            assert_eq!(refuses(to, interface, from), None, "{from} to {to} over {interface}");
        }
    }
}
