//! A socket of any kind, as a client opens it. The suites `conformance` and `soak` share this module.

use std::io;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use welcomed::net::Kind;

/// The protocol number of raw endpoints: one for experiments (RFC 3692).
pub(crate) const PROTOCOL: i32 = 253;

/// A socket that is not bound or connected yet. Its calls fail when they take longer than `bound`.
pub(crate) fn open(kind: Kind, bound: Duration) -> io::Result<Socket> {
    let (domain, socket_type, protocol) = match kind {
        Kind::Tcp => (Domain::IPV4, Type::STREAM, None),
        Kind::Unix => (Domain::UNIX, Type::STREAM, None),
        Kind::UnixPacket => (Domain::UNIX, Type::SEQPACKET, None),
        Kind::Udp => (Domain::IPV4, Type::DGRAM, None),
        Kind::UnixGram => (Domain::UNIX, Type::DGRAM, None),
        Kind::Raw => (Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL))),
    };
    let socket = Socket::new(domain, socket_type, protocol)?;
    socket.set_read_timeout(Some(bound))?;
    socket.set_write_timeout(Some(bound))?;
    Ok(socket)
}
