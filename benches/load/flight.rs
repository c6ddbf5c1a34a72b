//! One visit on a mio socket: the library's client machine, and the moments and the class of its end.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};
use welcomed::client::Visit;
use welcomed::protocol::state::client::{Event, State};

use crate::clock::{Nanos, now};
use crate::tally::{Failure, Moments};

/// How the end of the name is told to the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Terminator {
    /// Not at all: the side stays open.
    None,
    /// By a line feed.
    Lf,
    /// By shutting the write side.
    Eof,
}

/// What every visit of a run has in common.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) target: SocketAddr,
    pub(crate) terminator: Terminator,
    /// Reset the connection as soon as the name is sent, instead of reading the reply.
    pub(crate) reset: bool,
}

/// How a visit stands after it was driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It waits for the kernel.
    Waits,
    /// It went as it should.
    Welcomed,
    /// It was reset on purpose, with its name sent.
    Reset,
    /// It went wrong.
    Failed(Failure),
}

/// A visit on its way.
pub(crate) struct Flight {
    socket: TcpStream,
    visit: Visit,
    expected: Vec<u8>,
    pub(crate) moments: Moments,
    /// The most bytes of the name that may have been sent by now, when it is sent slowly.
    allowed: usize,
    registered: Option<Interest>,
}

impl Flight {
    /// Begins a visit that will send `request` and should be answered with `expected`.
    pub(crate) fn begin(
        manners: &Manners,
        source: Option<IpAddr>,
        request: Vec<u8>,
        expected: Vec<u8>,
        scheduled: Nanos,
    ) -> Result<Flight, Failure> {
        let started = now();
        let socket =
            connect(manners.target, source).map_err(|error| class(&error, State::Connecting, 0, 0))?;
        let mut visit = Visit::new(request);
        visit.connect();
        let moments = Moments { scheduled, started, connected: 0, first_byte: 0, ended: 0 };
        Ok(Flight { socket, visit, expected, moments, allowed: usize::MAX, registered: None })
    }

    /// Lets only `bytes` of the name out until [`Flight::allow`] lets out more.
    pub(crate) fn slowly(mut self, bytes: usize) -> Flight {
        self.allowed = bytes;
        self
    }

    /// Lets one more byte of the name out. Gives whether there is more to come.
    pub(crate) fn allow(&mut self) -> bool {
        self.allowed = self.allowed.saturating_add(1);
        self.visit.outgoing().len() > 1
    }

    /// Goes on until it would block or is over.
    pub(crate) fn drive(&mut self, manners: &Manners, registry: &Registry, token: Token) -> Progress {
        match self.go_on(manners) {
            Ok(()) if manners.reset => Progress::Reset,
            Ok(()) => self.verdict(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => match self.watch(registry, token) {
                Ok(()) => Progress::Waits,
                Err(_) => Progress::Failed(Failure::Other),
            },
            Err(error) => {
                let failure =
                    class(&error, self.visit.state(), self.visit.welcome().len(), self.expected.len());
                self.visit.end(Event::Failed);
                Progress::Failed(failure)
            }
        }
    }

    /// The class of a visit that has lasted too long.
    pub(crate) fn timed_out(&mut self) -> Failure {
        let failure = match self.visit.state() {
            State::Created | State::Connecting => Failure::ConnectTimeout,
            State::SendingName | State::ReadingWelcome | State::Closed => match self.verdict() {
                Progress::Waits | Progress::Welcomed | Progress::Reset => Failure::NoClose,
                Progress::Failed(Failure::ShortReply) => Failure::ReplyTimeout,
                Progress::Failed(failure) => failure,
            },
        };
        self.visit.end(Event::Deadline);
        failure
    }

    fn go_on(&mut self, manners: &Manners) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.visit.state() {
                State::Created | State::Closed => return Ok(()),
                State::Connecting => self.connected(manners)?,
                State::SendingName => self.send(manners)?,
                State::ReadingWelcome => match self.socket.read(&mut buffer) {
                    Ok(0) => self.ended(Event::EndOfInput),
                    Ok(bytes) => self.received(buffer.get(..bytes).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// Whether the connection stands: a first write tells without asking for the peer's address.
    fn connected(&mut self, manners: &Manners) -> io::Result<()> {
        match self.send_some() {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTCONN) => {
                Err(ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
            Ok(bytes) => {
                self.moments.connected = now();
                self.visit.connected();
                self.sent(bytes, manners)
            }
        }
    }

    fn send(&mut self, manners: &Manners) -> io::Result<()> {
        let bytes = self.send_some()?;
        self.sent(bytes, manners)
    }

    /// Notes what was sent, and ends the name as the run's manners are.
    fn sent(&mut self, bytes: usize, manners: &Manners) -> io::Result<()> {
        self.visit.sent(bytes);
        if self.visit.state() == State::ReadingWelcome {
            if manners.reset {
                SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))?;
                self.visit.end(Event::Failed);
            } else if manners.terminator == Terminator::Eof {
                self.socket.shutdown(std::net::Shutdown::Write)?;
            }
        }
        Ok(())
    }

    /// Sends what may be sent now.
    fn send_some(&mut self) -> io::Result<usize> {
        let outgoing = self.visit.outgoing();
        let allowed = outgoing.get(..self.allowed).unwrap_or(outgoing);
        if allowed.is_empty() && !outgoing.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = self.socket.write(allowed)?;
        self.allowed = self.allowed.saturating_sub(bytes);
        Ok(bytes)
    }

    fn received(&mut self, bytes: &[u8]) {
        if self.moments.first_byte == 0 {
            self.moments.first_byte = now();
        }
        // More than there is room for is more than was expected, and that is known by now.
        let _ = self.visit.receive(bytes);
    }

    fn ended(&mut self, event: Event) {
        self.moments.ended = now();
        self.visit.end(event);
    }

    /// What a visit is worth that the server has closed.
    fn verdict(&self) -> Progress {
        let (reply, expected) = (self.visit.welcome(), &self.expected[..]);
        if reply == expected {
            Progress::Welcomed
        } else if reply.starts_with(expected) {
            Progress::Failed(Failure::ExtraBytes)
        } else if expected.starts_with(reply) {
            Progress::Failed(Failure::ShortReply)
        } else {
            Progress::Failed(Failure::WrongReply)
        }
    }

    fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let wanted = match self.visit.state() {
            State::ReadingWelcome => Interest::READABLE,
            // Watching for both tells of a reset while a name is sent slowly.
            State::Created | State::Connecting | State::SendingName | State::Closed => {
                Interest::READABLE | Interest::WRITABLE
            }
        };
        match self.registered.replace(wanted) {
            None => registry.register(&mut self.socket, token, wanted),
            Some(registered) if registered != wanted => registry.reregister(&mut self.socket, token, wanted),
            Some(_) => Ok(()),
        }
    }
}

/// A connection that says nothing, from `source` if one is given.
pub(crate) fn idle(target: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&target.into())?;
    Ok(socket)
}

/// Begins to connect, from `source` if one is given.
fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect(target) };
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&target.into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// The class of an error, given where the visit stood and how much of the reply had come.
fn class(error: &io::Error, state: State, received: usize, expected: usize) -> Failure {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => Failure::Refused,
        Some(Errno::TIMEDOUT) if state == State::Connecting => Failure::ConnectTimeout,
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Failure::OutOfPorts,
        Some(Errno::MFILE | Errno::NFILE) => Failure::OutOfDescriptors,
        Some(Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED) if received == 0 => Failure::ResetBefore,
        Some(Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED) if received < expected => {
            Failure::ResetDuring
        }
        Some(Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED) => Failure::ResetAfter,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_this_machine_lacks_is_not_blamed_on_the_server() {
        use super::{Failure, Flight, Manners, State, Terminator, class};
        use rustix::io::Errno;
        let lacks = |errno: Errno| class(&errno.into(), State::Connecting, 0, 8);
        assert_eq!(lacks(Errno::MFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::NFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::ADDRINUSE), Failure::OutOfPorts);
        // The kernel has no free port at an address that is not ours either.
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let manners = Manners { target, terminator: Terminator::Lf, reset: false };
        let foreign = "192.0.2.1".parse().ok();
        let begun = Flight::begin(&manners, foreign, b"Ada\n".to_vec(), b"welcome ".to_vec(), 0);
        assert_eq!(begun.err(), Some(Failure::OutOfPorts));
    }
}
