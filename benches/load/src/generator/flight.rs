//! One visit: the library's client machine on a socket, and the moments and the class of its end.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{Shutdown, sockopt};

use crate::figures::tally::{Failure, Moments};
use crate::plan::manners::Manners;
use crate::plan::target::Target;
use crate::plan::welcome::{Event, State, Terminator, Visit};
use crate::system::clock::{Nanos, now};

/// How a visit stands after it was driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It waits for the kernel.
    Waits,
    /// The server's accept queue, or a queue for datagrams, is full. The kernel does not report when there is room, so
    /// the visit has to be driven again.
    NoRoom,
    /// It went as it should.
    Welcomed,
    /// It was reset on purpose, with its name sent.
    Reset,
    /// Its datagram was sent, and no answer has come in time.
    Lost,
    /// It went wrong.
    Failed(Failure),
}

/// What had come to a visit's socket beside the answer that ended it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Leftover {
    /// Answers to a visit that was given up.
    pub(crate) late: u64,
    /// Answers to a visit that was answered.
    pub(crate) duplicates: u64,
    /// Datagrams that are not from the server.
    pub(crate) foreign: u64,
}

/// The most datagrams that one socket is emptied of.
const LEFTOVER_MAX: usize = 1000;

/// A visit on its way.
pub(crate) struct Flight {
    socket: OwnedFd,
    visit: Visit,
    expected: Vec<u8>,
    /// Records that have come, where boundaries are kept: a welcome is one.
    records: usize,
    /// Datagrams that have come, and not from the server.
    foreign: u64,
    pub(crate) moments: Moments,
    /// The most bytes of the name that may have been sent by now, when it is sent slowly.
    allowed: usize,
    registered: Option<Interest>,
    /// The error that it failed with.
    pub(crate) error: Option<Errno>,
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
            manners.target.open(source).map_err(|errno| class(errno, State::Created, 0, expected.len()))?;
        let visit = Visit::new(request);
        let moments = Moments { scheduled, started, connected: 0, first_byte: 0, ended: 0 };
        let (records, foreign, allowed, registered, error) = (0, 0, usize::MAX, None, None);
        Ok(Flight { socket, visit, expected, records, foreign, moments, allowed, registered, error })
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
            Err(Errno::AGAIN) if self.lacks_room(manners) => Progress::NoRoom,
            Err(Errno::AGAIN) => match self.watch(registry, token) {
                Ok(()) => Progress::Waits,
                Err(_) => Progress::Failed(Failure::Other),
            },
            Err(errno) => {
                let failure =
                    class(errno, self.visit.state(), self.visit.welcome().len(), self.expected.len());
                self.visit.end(Event::Failed);
                self.error = Some(errno);
                Progress::Failed(failure)
            }
        }
    }

    /// Whether it would block for want of room in the server's accept queue or in a queue for datagrams.
    fn lacks_room(&self, manners: &Manners) -> bool {
        match self.visit.state() {
            State::Created => true,
            State::Connecting | State::SendingName => !manners.target.semantics().connections,
            State::ReadingWelcome | State::Closed => false,
        }
    }

    /// What has become of a visit that has lasted too long.
    pub(crate) fn timed_out(&mut self, manners: &Manners) -> Progress {
        let has_connections = manners.target.semantics().connections;
        let end = match self.visit.state() {
            State::ReadingWelcome if !has_connections => Progress::Lost,
            State::Created | State::Connecting | State::SendingName if !has_connections => {
                Progress::Failed(Failure::NoRoom)
            }
            State::Created | State::Connecting => Progress::Failed(Failure::ConnectTimeout),
            State::SendingName | State::ReadingWelcome | State::Closed => match self.verdict() {
                Progress::Failed(Failure::ShortReply) => Progress::Failed(Failure::ReplyTimeout),
                Progress::Failed(failure) => Progress::Failed(failure),
                Progress::Waits
                | Progress::NoRoom
                | Progress::Welcomed
                | Progress::Reset
                | Progress::Lost => Progress::Failed(Failure::NoClose),
            },
        };
        self.visit.end(Event::Deadline);
        end
    }

    /// Empties the socket of a datagram's visit that is over.
    pub(crate) fn leftover(&self, target: &Target) -> Leftover {
        let mut left = Leftover { foreign: self.foreign, ..Leftover::default() };
        for _ in 0..LEFTOVER_MAX {
            match target.receive(&self.socket, &mut [0; 1]) {
                Err(_) => break,
                Ok((_, false)) => left.foreign += 1,
                Ok((_, true)) if self.records > 0 || left.late > 0 => left.duplicates += 1,
                Ok((_, true)) => left.late += 1,
            }
        }
        left
    }

    fn go_on(&mut self, manners: &Manners) -> Result<(), Errno> {
        loop {
            match self.visit.state() {
                State::Closed => return Ok(()),
                State::Created => {
                    manners.target.connect(&self.socket)?;
                    self.visit.connect();
                }
                State::Connecting => self.connected(manners)?,
                State::SendingName => self.send(manners)?,
                State::ReadingWelcome => self.read(manners)?,
            }
        }
    }

    /// Whether the connection stands: a first write shows it without a call for the peer's address.
    fn connected(&mut self, manners: &Manners) -> Result<(), Errno> {
        match self.send_some(manners) {
            Err(Errno::NOTCONN) => Err(Errno::AGAIN),
            Err(errno) => Err(errno),
            Ok(bytes) => {
                self.moments.connected = now();
                self.visit.connected();
                self.sent(bytes, manners)
            }
        }
    }

    fn send(&mut self, manners: &Manners) -> Result<(), Errno> {
        let bytes = self.send_some(manners)?;
        self.sent(bytes, manners)
    }

    /// Notes what was sent, and ends the name as the run's manners have it.
    fn sent(&mut self, bytes: usize, manners: &Manners) -> Result<(), Errno> {
        self.visit.sent(bytes);
        if self.visit.state() == State::ReadingWelcome {
            if manners.reset {
                sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?;
                self.visit.end(Event::Failed);
            } else if manners.terminator == Terminator::Eof {
                rustix::net::shutdown(&self.socket, Shutdown::Write)?;
            }
        }
        Ok(())
    }

    /// Sends what may be sent now.
    fn send_some(&mut self, manners: &Manners) -> Result<usize, Errno> {
        let outgoing = self.visit.outgoing();
        let allowed = outgoing.get(..self.allowed).unwrap_or(outgoing);
        if allowed.is_empty() && !outgoing.is_empty() {
            return Err(Errno::AGAIN);
        }
        let bytes = manners.target.send(&self.socket, allowed)?;
        self.allowed = self.allowed.saturating_sub(bytes);
        Ok(bytes)
    }

    /// Whether its own request came back, because the kernel has given its socket the server's own port. That can be only where
    /// no server listens.
    fn is_its_own_server(&self, manners: &Manners) -> bool {
        self.visit.welcome() == self.visit.request() && manners.target.is_name_of(&self.socket)
    }

    /// Reads some of the reply: bytes, a record, or the one datagram that it is.
    fn read(&mut self, manners: &Manners) -> Result<(), Errno> {
        let (mut small, mut large) = ([0; 4096], Vec::new());
        let mut buffer = &mut small[..];
        if self.expected.len() >= buffer.len() {
            // One byte more than is right, so that a record that is too long is not cut to the right length.
            large.resize(self.expected.len() + 1, 0);
            buffer = &mut large;
        }
        let has_connections = manners.target.semantics().connections;
        match manners.target.receive(&self.socket, buffer) {
            Ok((_, false)) => self.foreign += 1,
            Ok((0, true)) if has_connections => self.ended(Event::EndOfInput),
            Ok((bytes, true)) => {
                self.received(buffer.get(..bytes).unwrap_or_default(), manners);
                if self.is_its_own_server(manners) {
                    return Err(Errno::CONNREFUSED);
                }
                if !has_connections {
                    self.ended(Event::EndOfInput);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    fn received(&mut self, bytes: &[u8], manners: &Manners) {
        if self.moments.first_byte == 0 {
            self.moments.first_byte = now();
        }
        self.records += usize::from(manners.target.semantics().boundaries);
        // What does not fit is more than was expected, which shows already.
        let _ = self.visit.receive(bytes);
    }

    fn ended(&mut self, event: Event) {
        self.moments.ended = now();
        self.visit.end(event);
    }

    /// The outcome of a visit that the server has closed.
    fn verdict(&self) -> Progress {
        let (reply, expected) = (self.visit.welcome(), &self.expected[..]);
        if reply == expected && self.records <= 1 {
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
        let descriptor = self.socket.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        let wanted = match self.visit.state() {
            State::ReadingWelcome => Interest::READABLE,
            // Watching for both shows a reset while a name is sent slowly.
            State::Created | State::Connecting | State::SendingName | State::Closed => {
                Interest::READABLE | Interest::WRITABLE
            }
        };
        match self.registered.replace(wanted) {
            None => registry.register(&mut source, token, wanted),
            Some(registered) if registered != wanted => registry.reregister(&mut source, token, wanted),
            Some(_) => Ok(()),
        }
    }
}

/// The class of an error, given where the visit stood and how much of the reply had come.
fn class(errno: Errno, state: State, received: usize, expected: usize) -> Failure {
    match errno {
        // Without the file of a Unix socket nothing listens either.
        Errno::CONNREFUSED | Errno::NOENT => Failure::Refused,
        Errno::TIMEDOUT if state == State::Connecting => Failure::ConnectTimeout,
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Failure::OutOfPorts,
        Errno::MFILE | Errno::NFILE => Failure::OutOfDescriptors,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED if received == 0 => Failure::ResetBefore,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED if received < expected => Failure::ResetDuring,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED => Failure::ResetAfter,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_this_machine_lacks_is_not_counted_as_the_server_s() {
        use super::{Failure, Flight, Manners, State, Terminator, class};
        use rustix::io::Errno;
        let lacks = |errno| class(errno, State::Connecting, 0, 8);
        assert_eq!(lacks(Errno::MFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::NFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::ADDRINUSE), Failure::OutOfPorts);
        // The kernel has no free port at an address that is not ours either.
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let manners = Manners { target: target.into(), terminator: Terminator::Lf, reset: false };
        let foreign = "192.0.2.1".parse().ok();
        let begun = Flight::begin(&manners, foreign, b"Ada\n".to_vec(), b"welcome ".to_vec(), 0);
        assert_eq!(begun.err(), Some(Failure::OutOfPorts));
    }
}
