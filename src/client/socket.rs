//! One socket of the client, of any kind, with its errors as the client's [`Error`].

use std::io;
use std::time::Duration;

use super::clock::Clock;
use super::error::Error;
use crate::net::blocking::{self, BlockingSocket};
use crate::net::{Address, Cause, Kind, Names, ipv4};
use crate::services::welcome::WELCOME_MAX_BYTES;

/// Room for a welcome, and for the header that a raw socket shows before it. A record that is cut here is still
/// longer than a welcome may be.
pub(super) const BUFFER_BYTES: usize = WELCOME_MAX_BYTES + ipv4::HEADER_MAX_BYTES;

/// A socket for one address. Connecting and sending block, each as long as a [`Clock`] allows. Receiving does
/// not: [`wait`] comes before it.
#[derive(Debug)]
pub(super) struct Socket {
    socket: BlockingSocket,
    /// The datagrams that it has sent and will receive itself.
    own: Vec<Vec<u8>>,
}

impl Socket {
    /// A socket that can be connected to `address`.
    pub(super) fn open(address: &Address) -> Result<Socket, Error> {
        let socket = BlockingSocket::open(address).map_err(|error| Error::of(error, address.kind))?;
        Ok(Socket { socket, own: Vec::new() })
    }

    /// Its kind.
    pub(super) fn kind(&self) -> Kind {
        self.socket.address().kind
    }

    /// connect(2). Without connections it sends nothing: it sets the one peer to send to and to receive from,
    /// and can be called again.
    pub(super) fn connect(&mut self, clock: Clock) -> Result<(), Error> {
        let kind = self.kind();
        in_time(kind, clock, |timeout| self.socket.connect(timeout))
    }

    /// send(2): gives how many of the `bytes` were taken. A record is taken whole.
    pub(super) fn send(&self, bytes: &[u8], clock: Clock) -> Result<usize, Error> {
        in_time(self.kind(), clock, |timeout| self.socket.send(bytes, timeout))
    }

    /// Sends a datagram, and remembers it if it will come back.
    pub(super) fn send_datagram(&mut self, datagram: &[u8], clock: Clock) -> Result<(), Error> {
        self.send(datagram, clock)?;
        if self.socket.receives_its_own() {
            self.own.push(datagram.to_vec());
        }
        Ok(())
    }

    /// shutdown(2) of the write side. If the connection is broken by now, receiving reports it.
    pub(super) fn shutdown_write(&self) {
        self.socket.shutdown_write();
    }

    /// recv(2), without waiting: `None` if there is nothing to receive. No bytes are the end of input, or an
    /// empty record. A record that is longer than the buffer is cut.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Error> {
        match self.socket.receive(buffer) {
            Ok(bytes) => Ok(buffer.get(..bytes)),
            Err(error) if matches!(Cause::of(&error), Cause::WouldBlock | Cause::Interrupted) => Ok(None),
            Err(error) => Err(Error::of(error, self.kind())),
        }
    }

    /// The next datagram, without its header; `None` if there is none, or only one of this socket's own.
    pub(super) fn receive_datagram<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Error> {
        let received = self.receive(buffer)?;
        if self.kind().semantics().names != Names::Protocol {
            return Ok(received);
        }
        // Until the socket was connected it received every packet of its protocol, and the kernel can queue one that it had
        // matched before even later: only the server's count.
        let server = self.socket.address().inet().map(|server| server.ip());
        let is_the_servers =
            |packet: &&[u8]| ipv4::addresses(packet).is_some_and(|(source, _)| server == Some(source.into()));
        let payload = received.filter(is_the_servers).and_then(ipv4::payload);
        if let Some(own) = payload.and_then(|payload| self.own.iter().position(|own| own == payload)) {
            self.own.swap_remove(own);
            return Ok(None);
        }
        Ok(payload)
    }
}

/// Makes a call on a socket of `kind` that may block as long as `clock` allows, again if a signal interrupts it.
fn in_time<T>(kind: Kind, clock: Clock, mut call: impl FnMut(Duration) -> io::Result<T>) -> Result<T, Error> {
    loop {
        match call(clock.left()?) {
            Err(error) if Cause::of(&error) == Cause::Interrupted => {}
            result => return result.map_err(|error| Error::of(error, kind)),
        }
    }
}

/// Waits until one of `sockets` has something to receive, or an error.
pub(super) fn wait(sockets: &[Socket], clock: Clock) -> Result<(), Error> {
    loop {
        match blocking::wait(sockets.iter().map(|socket| &socket.socket), clock.left()?) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if Cause::of(&error) == Cause::Interrupted => {}
            Err(error) => return Err(Error::Other(error)),
        }
    }
}
