//! One socket of the client, of any kind, with its errors as the client's [`Error`].

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags};

use super::{Clock, Error};
use crate::net::{Address, Kind, Name, Names};
use crate::net::{ipv4, socket};

/// A socket for one address. Connecting and sending block, each as long as a [`Clock`] allows. Receiving does
/// not: [`wait`] comes before it.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    address: Address,
    /// The datagrams that it has sent and will receive itself.
    own: Vec<Vec<u8>>,
}

impl Socket {
    /// A socket that can be connected to `address`.
    pub(super) fn open(address: &Address) -> Result<Socket, Error> {
        let (kind, address) = (address.kind, address.clone());
        let descriptor =
            socket::open(&address, SocketFlags::CLOEXEC).map_err(|error| Error::of(error, kind))?;
        let semantics = kind.semantics();
        if semantics.names == Names::Path && !semantics.connections {
            // A sender without a name cannot be answered: the kernel chooses one (unix(7), autobind).
            let named = rustix::net::bind(&descriptor, &SocketAddrUnix::new_unnamed());
            named.map_err(|errno| Error::of(errno.into(), kind))?;
        }
        let socket = Socket { descriptor, address, own: Vec::new() };
        socket.receive_from_the_server_only();
        Ok(socket)
    }

    /// Connects a raw socket at once: until then it receives every packet of its protocol. If that fails, sending
    /// reports it.
    fn receive_from_the_server_only(&self) {
        if let (Names::Protocol, Some(address)) = (self.kind().semantics().names, self.address.inet()) {
            let _ = rustix::net::connect(&self.descriptor, &address);
            socket::forget_strays(&self.descriptor);
        }
    }

    /// Its kind.
    pub(super) fn kind(&self) -> Kind {
        self.address.kind
    }

    /// connect(2). Without connections it sends nothing: it sets the one peer to send to and to receive from,
    /// and can be called again.
    pub(super) fn connect(&self, clock: Clock) -> Result<(), Error> {
        let descriptor = &self.descriptor;
        match &self.address.name {
            Name::Inet(address) => self.in_time(clock, || rustix::net::connect(descriptor, address)),
            Name::Unix(name) => {
                let name = socket::unix_address(name).map_err(|error| Error::of(error, self.kind()))?;
                self.in_time(clock, || rustix::net::connect(descriptor, &name))
            }
        }
    }

    /// send(2): gives how many of the `bytes` were taken. A record is taken whole.
    pub(super) fn send(&self, bytes: &[u8], clock: Clock) -> Result<usize, Error> {
        self.in_time(clock, || rustix::net::send(&self.descriptor, bytes, SendFlags::NOSIGNAL))
    }

    /// Sends a datagram, and remembers it if it will come back.
    pub(super) fn send_datagram(&mut self, datagram: &[u8], clock: Clock) -> Result<(), Error> {
        self.send(datagram, clock)?;
        if self.receives_its_own() {
            self.own.push(datagram.to_vec());
        }
        Ok(())
    }

    /// shutdown(2) of the write side. If the connection is broken by now, receiving reports it.
    pub(super) fn shutdown_write(&self) {
        let _ = rustix::net::shutdown(&self.descriptor, Shutdown::Write);
    }

    /// recv(2), without waiting: `None` if there is nothing to receive. No bytes are the end of input, or an
    /// empty record. A record that is longer than the buffer is cut.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Error> {
        let mut receive = || rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::DONTWAIT);
        let semantics = self.kind().semantics();
        let received = match receive() {
            // The first call can miss a record that comes together with the end of input, see
            // `Kernel::read_record`.
            Ok((0, _)) if semantics.connections && semantics.boundaries => receive(),
            received => received,
        };
        match received {
            Ok((bytes, _)) => Ok(buffer.get(..bytes)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(Error::of(errno.into(), self.kind())),
        }
    }

    /// The next datagram, without its header; `None` if there is none, or only one of this socket's own.
    pub(super) fn receive_datagram<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Error> {
        let received = self.receive(buffer)?;
        if self.kind().semantics().names != Names::Protocol {
            return Ok(received);
        }
        let payload = received.and_then(ipv4::payload);
        if let Some(own) = payload.and_then(|payload| self.own.iter().position(|own| own == payload)) {
            self.own.swap_remove(own);
            return Ok(None);
        }
        Ok(payload)
    }

    /// Whether it receives what it sends. A raw socket receives every packet of its protocol from the server's
    /// address to its own. On one host the two addresses can be the same.
    fn receives_its_own(&self) -> bool {
        let ip = |address: SocketAddr| address.ip();
        let own =
            rustix::net::getsockname(&self.descriptor).ok().and_then(|own| SocketAddr::try_from(own).ok());
        let server: Option<IpAddr> = self.address.inet().map(ip);
        self.kind().semantics().names == Names::Protocol && own.map(ip) == server
    }

    /// Makes a blocking call that may take as long as `clock` allows, again if a signal interrupts it.
    fn in_time<T>(&self, clock: Clock, call: impl Fn() -> Result<T, Errno>) -> Result<T, Error> {
        loop {
            let limit = sockopt::set_socket_timeout(&self.descriptor, Timeout::Send, Some(clock.left()?));
            match limit.and_then(|()| call()) {
                Err(Errno::INTR) => {}
                result => return result.map_err(|errno| Error::of(errno.into(), self.kind())),
            }
        }
    }
}

/// Waits until one of `sockets` has something to receive, or an error.
pub(super) fn wait(sockets: &[Socket], clock: Clock) -> Result<(), Error> {
    let mut polled: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::new(&socket.descriptor, PollFlags::IN)).collect();
    loop {
        let left = Timespec::try_from(clock.left()?).ok();
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::Other(errno.into())),
        }
    }
}
