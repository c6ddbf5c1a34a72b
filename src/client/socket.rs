//! One socket of the client, of any kind, and what errors mean where they come from it.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags};

use super::{Clock, Error};
use crate::net::{Address, Kind, Name, Names};
use crate::net::{ipv4, socket};

/// A socket for one address. It blocks in connecting and sending, each time as long as a [`Clock`] allows;
/// before receiving, [`wait`].
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    address: Address,
    /// The datagrams that it has sent and will hear itself.
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
            // Whoever has no name cannot be answered: the kernel chooses one (unix(7), autobind).
            let named = rustix::net::bind(&descriptor, &SocketAddrUnix::new_unnamed());
            named.map_err(|errno| Error::of(errno.into(), kind))?;
        }
        let socket = Socket { descriptor, address, own: Vec::new() };
        socket.hear_the_server_only();
        Ok(socket)
    }

    /// A raw socket hears every packet of its protocol until it is connected, so it is so at once. If that fails,
    /// the attempt to send tells.
    fn hear_the_server_only(&self) {
        if let (Names::Protocol, Some(address)) = (self.kind().semantics().names, self.address.inet()) {
            let _ = rustix::net::connect(&self.descriptor, &address);
            socket::forget_strays(&self.descriptor);
        }
    }

    /// Its kind.
    pub(super) fn kind(&self) -> Kind {
        self.address.kind
    }

    /// connect(2). Where there are no connections, it only settles who is sent to and who is heard, and can
    /// be called again.
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

    /// send(2): gives how many of the `bytes` went; a record goes whole.
    pub(super) fn send(&self, bytes: &[u8], clock: Clock) -> Result<usize, Error> {
        self.in_time(clock, || rustix::net::send(&self.descriptor, bytes, SendFlags::NOSIGNAL))
    }

    /// Sends a datagram, and remembers it if it comes back.
    pub(super) fn send_datagram(&mut self, datagram: &[u8], clock: Clock) -> Result<(), Error> {
        self.send(datagram, clock)?;
        if self.hears_itself() {
            self.own.push(datagram.to_vec());
        }
        Ok(())
    }

    /// shutdown(2) of the write side. If the connection is broken by now, receiving tells.
    pub(super) fn shut(&self) {
        let _ = rustix::net::shutdown(&self.descriptor, Shutdown::Write);
    }

    /// recv(2), without waiting: `None` if nothing is there. No bytes are the end of input, or an empty
    /// record. A record that is longer than the buffer is cut.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Error> {
        let mut receive = || rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::DONTWAIT);
        let semantics = self.kind().semantics();
        let received = match receive() {
            // A record that comes together with the end of input can be overlooked by the first look, see
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

    /// Whether it hears what it sends: a raw socket hears every packet of its protocol that comes from the
    /// server's address to its own, and on one host the two can be the same.
    fn hears_itself(&self) -> bool {
        let ip = |address: SocketAddr| address.ip();
        let own =
            rustix::net::getsockname(&self.descriptor).ok().and_then(|own| SocketAddr::try_from(own).ok());
        let server: Option<IpAddr> = self.address.inet().map(ip);
        self.kind().semantics().names == Names::Protocol && own.map(ip) == server
    }

    /// Lets a blocking call take as long as `clock` allows, and begins it again after a signal.
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

/// Waits until one of `sockets` has something to receive, or an error to tell.
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
