//! A socket of a client that blocks, each time as long as it is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketAddrUnix, SocketFlags, getpeername, getsockname,
};

use super::address::{Address, Name};
use super::kind::Names;
use super::{socket, zone};

/// A socket that can be connected to one address. Connecting and sending block as long as they are told. Receiving does
/// not: [`wait`] comes before it.
#[derive(Debug)]
pub(crate) struct BlockingSocket {
    descriptor: OwnedFd,
    address: Address,
}

impl BlockingSocket {
    /// socket(2): a socket of the kind that `address` needs. A Unix datagram socket gets a name, without which it could
    /// not be answered. A raw socket receives from `address` only.
    pub(crate) fn open(address: &Address) -> io::Result<BlockingSocket> {
        let descriptor = socket::open(address, SocketFlags::CLOEXEC)?;
        let semantics = address.kind.semantics();
        if semantics.names == Names::Path && !semantics.connections {
            // The kernel chooses the name (unix(7), autobind).
            rustix::net::bind(&descriptor, &SocketAddrUnix::new_unnamed())?;
        }
        if let (Names::Protocol, Some(server)) = (semantics.names, address.inet()) {
            // Until it is connected it receives every packet of its protocol. If that fails, sending reports it.
            let _ = rustix::net::connect(&descriptor, &server);
        }
        Ok(BlockingSocket { descriptor, address: address.clone() })
    }

    /// The address that it can be connected to.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// connect(2), at most for `timeout`. Without connections it sends nothing: it sets the one peer to send to and to
    /// receive from, and can be called again.
    ///
    /// Where no server listens, the kernel can choose the server's own name for this socket, and connect the two ends of it. That
    /// is refused, and the name is free again for a server.
    pub(crate) fn connect(&mut self, timeout: Duration) -> io::Result<()> {
        self.block_for(timeout)?;
        match &self.address.name {
            Name::Inet(address) => {
                zone::is_said(address)?;
                rustix::net::connect(&self.descriptor, address)?;
            }
            Name::Unix(name) => rustix::net::connect(&self.descriptor, &socket::unix_address(name)?)?,
        }
        if !self.is_connected_to_itself() {
            return Ok(());
        }
        if self.address.kind.semantics().connections {
            // By a reset: TIME_WAIT would keep a server from the port for a minute.
            sockopt::set_socket_linger(&self.descriptor, Some(Duration::ZERO))?;
        }
        *self = BlockingSocket::open(&self.address)?;
        Err(Errno::CONNREFUSED.into())
    }

    /// Whether it is both ends of what it is connected to.
    fn is_connected_to_itself(&self) -> bool {
        let own = getsockname(&self.descriptor).ok();
        match (&self.address.name, self.address.kind.semantics().names) {
            // It has no ports, see `receives_its_own`.
            (_, Names::Protocol) => false,
            // Of the peer's address, which can be more than `address` says: 0.0.0.0 leads to 127.0.0.1.
            (Name::Inet(_), _) => own.is_some() && own == getpeername(&self.descriptor).ok().flatten(),
            (Name::Unix(name), _) => {
                let server = socket::unix_address(name).ok().map(SocketAddrAny::from);
                own.is_some() && own == server
            }
        }
    }

    /// send(2), at most for `timeout`: gives how many of the `bytes` were taken. A record is taken whole.
    pub(crate) fn send(&self, bytes: &[u8], timeout: Duration) -> io::Result<usize> {
        self.block_for(timeout)?;
        Ok(rustix::net::send(&self.descriptor, bytes, SendFlags::NOSIGNAL)?)
    }

    /// shutdown(2) of the write side. If the connection is broken by now, receiving reports it.
    pub(crate) fn shutdown_write(&self) {
        let _ = rustix::net::shutdown(&self.descriptor, Shutdown::Write);
    }

    /// recv(2), without waiting. No bytes are the end of input, or an empty record. A record that is longer than the
    /// buffer is cut.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut receive = || rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::DONTWAIT);
        let semantics = self.address.kind.semantics();
        let (bytes, _) = match receive()? {
            // The first call can miss a record that comes together with the end of input, see
            // `Kernel::read_record`.
            (0, _) if semantics.connections && semantics.boundaries => receive()?,
            received => received,
        };
        Ok(bytes)
    }

    /// Whether it receives what it sends. A raw socket receives every packet of its protocol from the server's
    /// address to its own. On one host the two addresses can be the same.
    pub(crate) fn receives_its_own(&self) -> bool {
        let ip = |address: SocketAddr| address.ip();
        let own = getsockname(&self.descriptor).ok();
        let own = own.and_then(|own| SocketAddr::try_from(own).ok());
        let server: Option<IpAddr> = self.address.inet().map(ip);
        self.address.kind.semantics().names == Names::Protocol && own.map(ip) == server
    }

    /// Lets the next call that blocks take as long as this (socket(7), `SO_SNDTIMEO`).
    fn block_for(&self, timeout: Duration) -> io::Result<()> {
        Ok(sockopt::set_socket_timeout(&self.descriptor, Timeout::Send, Some(timeout))?)
    }
}

/// Waits until one of `sockets` has something to receive, or an error, or `timeout` has passed (poll(2)). Gives whether
/// one has.
///
/// Fails with [`io::ErrorKind::Interrupted`] if a signal came.
pub(crate) fn wait<'a>(
    sockets: impl Iterator<Item = &'a BlockingSocket>,
    timeout: Duration,
) -> io::Result<bool> {
    let mut polled: Vec<PollFd<'_>> =
        sockets.map(|socket| PollFd::new(&socket.descriptor, PollFlags::IN)).collect();
    let timeout = Timespec::try_from(timeout).map_err(|_| Errno::INVAL)?;
    Ok(rustix::event::poll(&mut polled, Some(&timeout))? > 0)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::net::{Kind, UnixName};

    #[test]
    fn a_name_that_the_kernel_gives_to_the_client_is_refused() {
        let address = |name: &[u8]| Address {
            kind: Kind::UnixGram,
            name: Name::Unix(UnixName::Abstract(name.to_vec())),
        };
        let mut socket = BlockingSocket::open(&address(b"absent")).unwrap();
        let own = SocketAddrUnix::try_from(getsockname(&socket.descriptor).unwrap()).unwrap();
        let own = own.abstract_name().unwrap().to_vec();
        socket.address = address(&own);
        for _ in 0..2 {
            let refused = socket.connect(Duration::from_secs(1)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        }
        let free = std::os::unix::net::SocketAddr::from_abstract_name(&own).unwrap();
        UnixDatagram::bind_addr(&free).expect("the name is free again");
    }

    #[test]
    fn an_empty_datagram_is_received_as_one() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = Address { kind: Kind::Udp, name: Name::Inet(server.local_addr().unwrap()) };
        let mut socket = BlockingSocket::open(&address).unwrap();
        let bound = Duration::from_secs(20);
        socket.connect(bound).unwrap();
        socket.send(b"Ada", bound).unwrap();
        let (_, client) = server.recv_from(&mut [0; 10]).unwrap();
        assert!(!wait([&socket].into_iter(), Duration::from_millis(10)).unwrap(), "nothing has come");
        for answer in [&b""[..], b"welcome "] {
            server.send_to(answer, client).unwrap();
            assert!(wait([&socket].into_iter(), bound).unwrap());
            assert_eq!(socket.receive(&mut [0; 10]).unwrap(), answer.len());
        }
    }
}
