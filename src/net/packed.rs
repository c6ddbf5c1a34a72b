//! The other end of a socket as a few bytes, to be kept in great numbers.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt as _;

use super::address::{Peer, Process, UNIX_NAME_MAX_BYTES, UnixName};

/// The most bytes of a packed peer.
pub(crate) const PACKED_MAX_BYTES: usize = 1 + UNIX_NAME_MAX_BYTES;

const V4: u8 = 0;
const V6: u8 = 1;
const HOST: u8 = 2;
const PROCESS: u8 = 3;
const PATH: u8 = 4;
const ABSTRACT: u8 = 5;
const UNNAMED: u8 = 6;

impl Peer {
    /// Puts it, as [`PACKED_MAX_BYTES`] bytes at most. What no address shows is left out: a flow label.
    #[inline]
    pub(crate) fn pack(&self, mut put: impl FnMut(&[u8])) {
        match self {
            Peer::Inet(SocketAddr::V4(address)) => {
                let ([a, b, c, d], [high, low]) = (address.ip().octets(), address.port().to_be_bytes());
                put(&[V4, a, b, c, d, high, low]);
            }
            Peer::Inet(SocketAddr::V6(address)) => {
                put(&[V6]);
                put(&address.ip().octets());
                put(&address.port().to_be_bytes());
                put(&address.scope_id().to_be_bytes());
            }
            Peer::Host(host) => {
                put(&[HOST]);
                put(&host.octets());
            }
            Peer::Process(Process { pid, user }) => {
                put(&[PROCESS]);
                put(&pid.map_or(0, NonZeroU32::get).to_be_bytes());
                put(&user.to_be_bytes());
            }
            Peer::Unix(name) => {
                let (kind, name) = match &**name {
                    UnixName::Path(path) => (PATH, path.as_os_str().as_bytes()),
                    UnixName::Abstract(name) => (ABSTRACT, &name[..]),
                };
                put(&[kind]);
                put(name.get(..UNIX_NAME_MAX_BYTES).unwrap_or(name));
            }
            Peer::Unnamed => put(&[UNNAMED]),
        }
    }

    /// The peer of which these bytes were made, if they were.
    pub(crate) fn unpack(packed: &[u8]) -> Option<Peer> {
        let (kind, rest) = packed.split_first()?;
        Some(match *kind {
            V4 => {
                let [a, b, c, d, high, low] = *rest else { return None };
                let port = u16::from_be_bytes([high, low]);
                Peer::Inet(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into())
            }
            V6 => {
                let (ip, rest) = rest.split_first_chunk::<16>()?;
                let (port, rest) = rest.split_first_chunk()?;
                let zone = u32::from_be_bytes(rest.try_into().ok()?);
                let (ip, port) = (Ipv6Addr::from(*ip), u16::from_be_bytes(*port));
                Peer::Inet(SocketAddrV6::new(ip, port, 0, zone).into())
            }
            HOST => {
                let [a, b, c, d] = *rest else { return None };
                Peer::Host(Ipv4Addr::new(a, b, c, d))
            }
            PROCESS => {
                let (pid, user) = rest.split_first_chunk()?;
                let pid = NonZeroU32::new(u32::from_be_bytes(*pid));
                Peer::Process(Process { pid, user: u32::from_be_bytes(user.try_into().ok()?) })
            }
            PATH => Peer::Unix(Box::new(UnixName::Path(OsStr::from_bytes(rest).into()))),
            ABSTRACT => Peer::Unix(Box::new(UnixName::Abstract(rest.to_vec()))),
            UNNAMED => Peer::Unnamed,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_unpacked_as_it_was_packed() {
        // Paths that differ in slashes alone would pass for the same.
        let path = [b'x'; UNIX_NAME_MAX_BYTES];
        let peers = [
            Peer::Inet("127.0.0.1:49811".parse().unwrap()),
            Peer::Inet("[fe80::1%7]:9999".parse().unwrap()),
            Peer::Host(Ipv4Addr::LOCALHOST),
            Peer::Process(Process { pid: NonZeroU32::new(4711), user: 1000 }),
            Peer::Process(Process { pid: None, user: 0 }),
            Peer::Unix(Box::new(UnixName::Path(OsStr::from_bytes(&path).into()))),
            Peer::Unix(Box::new(UnixName::Abstract(b"\0\xff".to_vec()))),
            Peer::Unnamed,
        ];
        for peer in peers {
            let mut packed = Vec::new();
            peer.pack(|bytes| packed.extend(bytes));
            assert!(packed.len() <= PACKED_MAX_BYTES);
            assert_eq!(Peer::unpack(&packed), Some(peer));
        }
        let mut packed: Vec<u8> = Vec::new();
        let too_long = Peer::Unix(Box::new(UnixName::Abstract(vec![b'x'; UNIX_NAME_MAX_BYTES + 1])));
        too_long.pack(|bytes| packed.extend(bytes));
        assert_eq!(packed.len(), PACKED_MAX_BYTES);
        assert_eq!((Peer::unpack(&[]), Peer::unpack(&[V4, 1]), Peer::unpack(&[9])), (None, None, None));
    }
}
