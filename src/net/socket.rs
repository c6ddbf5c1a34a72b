//! Opens sockets of every kind, and turns names into addresses, for the server and the client.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, Protocol, SocketAddrUnix, SocketFlags, SocketType};

use super::{Address, Kind, Name, UnixName};

/// socket(2): a socket of the kind that `address` needs.
pub(crate) fn open(address: &Address, flags: SocketFlags) -> io::Result<OwnedFd> {
    let family = match &address.name {
        Name::Unix(_) => AddressFamily::UNIX,
        Name::Inet(address) if address.is_ipv4() => AddressFamily::INET,
        Name::Inet(_) => AddressFamily::INET6,
    };
    let (socket_type, protocol) = match address.kind {
        Kind::Tcp | Kind::Unix => (SocketType::STREAM, None),
        Kind::UnixPacket => (SocketType::SEQPACKET, None),
        Kind::Udp | Kind::UnixGram => (SocketType::DGRAM, None),
        Kind::Raw => {
            let number = address.inet().map_or(0, |address| u32::from(address.port()));
            (SocketType::RAW, NonZeroU32::new(number).map(Protocol::from_raw))
        }
    };
    Ok(rustix::net::socket_with(family, socket_type, flags, protocol)?)
}

/// A name in the form that bind(2), connect(2) and sendto(2) take.
pub(crate) fn unix_address(name: &UnixName) -> io::Result<SocketAddrUnix> {
    Ok(match name {
        UnixName::Path(path) => SocketAddrUnix::new(path.as_os_str())?,
        UnixName::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    })
}
