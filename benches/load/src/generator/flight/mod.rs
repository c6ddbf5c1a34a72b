//! One visit: the library's client machine on a socket, and the moments and the class of its end.

mod answered;
mod class;
pub(crate) mod kept;
mod watched;

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{Shutdown, sockopt};

use crate::figures::culprit::Evidence;
use crate::figures::failure::Failure;
use crate::generator::evidence::{self, Known};
use crate::generator::flight::class::class;
use crate::generator::kernel_clock::KernelClock;
use crate::generator::timing::Timing;
use crate::plan::exchange::answer::Answer;
use crate::plan::manners::Manners;
use crate::plan::target::{Along, Target};
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

/// What all visits use of the system.
pub(crate) struct System {
    pub(super) clock: KernelClock,
    pub(super) along: Along,
    buffer: Vec<u8>,
}

impl System {
    pub(super) fn new() -> System {
        System { clock: KernelClock::new(), along: Along::new(), buffer: vec![0; 4096] }
    }
}

/// The most datagrams that one socket is emptied of.
const LEFTOVER_MAX: usize = 1000;

/// A visit on its way.
pub(crate) struct Flight {
    socket: OwnedFd,
    visit: Visit,
    expected: Vec<u8>,
    /// The answer, where it is no welcome.
    answer: Option<Box<Answer>>,
    /// Records that have come, where boundaries are kept: a welcome is one.
    records: usize,
    /// Datagrams that have come, and not from the server.
    foreign: u64,
    pub(super) timing: Timing,
    /// The most bytes of the name that may have been sent by now, when it is sent slowly.
    allowed: usize,
    registered: Option<(Token, Interest)>,
    /// How many requests its connection has had, this one among them.
    requests: u64,
    /// How many segments of its connection are known to have been sent again.
    sent_again: u32,
    /// The error that it failed with.
    error: Option<Errno>,
}

impl Flight {
    /// Begins a visit that will send `request` and should be answered with `expected`, on its timing.
    fn begin(
        manners: &Manners,
        source: Option<IpAddr>,
        request: Vec<u8>,
        expected: Vec<u8>,
        timing: Timing,
    ) -> Result<Flight, (Failure, Errno)> {
        let socket = manners
            .target
            .open(source)
            .map_err(|errno| (class(errno, State::Created, 0, expected.len()), errno))?;
        let (request, answer) = Flight::exchange(manners, 1, request, &expected);
        Ok(Flight {
            socket,
            visit: Visit::new(request),
            expected,
            answer,
            records: 0,
            foreign: 0,
            timing,
            allowed: usize::MAX,
            registered: None,
            requests: 1,
            sent_again: 0,
            error: None,
        })
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
    pub(crate) fn drive(
        &mut self,
        manners: &Manners,
        system: &mut System,
        registry: &Registry,
        token: Token,
    ) -> Progress {
        match self.go_on(manners, system) {
            Ok(()) if manners.reset => Progress::Reset,
            Ok(()) => self.verdict(),
            Err(Errno::AGAIN) => {
                self.timing.block();
                if self.lacks_room(manners) {
                    return Progress::NoRoom;
                }
                match self.watch(registry, token) {
                    Ok(()) => Progress::Waits,
                    Err(error) => {
                        let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
                        self.fail(errno, Failure::Other, &system.clock)
                    }
                }
            }
            Err(errno) => {
                let (came, whole) = self.reply_so_far();
                let failure = self.of_kept(class(errno, self.visit.state(), came, whole));
                self.fail(errno, failure, &system.clock)
            }
        }
    }

    fn fail(&mut self, errno: Errno, failure: Failure, clock: &KernelClock) -> Progress {
        self.timing.fail(clock);
        self.visit.end(Event::Failed);
        self.error = Some(errno);
        Progress::Failed(failure)
    }

    /// What the kernel knows of its connection, over TCP.
    fn known(&self, manners: &Manners) -> Option<Known> {
        evidence::known(manners.target.kind(), &self.socket)
    }

    /// What shows why it was slow, once it is over.
    pub(super) fn evidence(&mut self, manners: &Manners, progress: Progress) -> Evidence {
        let (connected, timed_out) = match progress {
            Progress::Lost => (true, true),
            Progress::Failed(failure) => {
                (!matches!(failure, Failure::ConnectTimeout | Failure::Refused), failure.is_timeout())
            }
            Progress::Waits | Progress::NoRoom | Progress::Welcomed | Progress::Reset => (true, false),
        };
        let (mut sent_again, timing) = (self.sent_again, self.timing);
        let known = || self.known(manners).inspect(|known| sent_again = known.sent_again);
        let evidence = timing.evidence(known, connected, timed_out);
        self.sent_again = sent_again;
        evidence
    }

    /// Whether it would block for want of room in the server's accept queue or in a queue for datagrams.
    fn lacks_room(&self, manners: &Manners) -> bool {
        match self.visit.state() {
            State::Created => true,
            State::Connecting | State::SendingName => !manners.target.semantics().connections,
            State::ReadingWelcome | State::Closed => false,
        }
    }

    /// What has become of a visit that has lasted longer than it may, which was until `deadline`.
    pub(crate) fn timed_out(&mut self, manners: &Manners, deadline: Nanos) -> Progress {
        self.timing.finish(deadline);
        let has_connections = manners.target.semantics().connections;
        let end = match self.visit.state() {
            State::ReadingWelcome if !has_connections => Progress::Lost,
            State::Created | State::Connecting | State::SendingName if !has_connections => {
                Progress::Failed(Failure::NoRoom)
            }
            State::Created | State::Connecting => Progress::Failed(Failure::ConnectTimeout),
            State::SendingName | State::ReadingWelcome | State::Closed => match self.verdict() {
                Progress::Failed(Failure::ShortReply | Failure::KeptClosed) => {
                    Progress::Failed(Failure::ReplyTimeout)
                }
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
    pub(crate) fn leftover(&self, target: &Target, along: &mut Along) -> Leftover {
        let mut left = Leftover { foreign: self.foreign, ..Leftover::default() };
        for _ in 0..LEFTOVER_MAX {
            match target.receive(&self.socket, &mut [0; 1], along) {
                Err(_) => break,
                Ok(received) if !received.is_of_server => left.foreign += 1,
                Ok(_) if self.records > 0 || left.late > 0 => left.duplicates += 1,
                Ok(_) => left.late += 1,
            }
        }
        left
    }

    fn go_on(&mut self, manners: &Manners, system: &mut System) -> Result<(), Errno> {
        loop {
            match self.visit.state() {
                State::Closed => return Ok(()),
                State::Created => {
                    manners.target.connect(&self.socket)?;
                    self.visit.connect();
                }
                State::Connecting => self.connected(manners, &system.clock)?,
                State::SendingName => self.send(manners)?,
                State::ReadingWelcome => self.read(manners, system)?,
            }
        }
    }

    /// Whether the connection stands: a first write shows it without a call for the peer's address.
    fn connected(&mut self, manners: &Manners, clock: &KernelClock) -> Result<(), Errno> {
        // What is known has to be asked before something else is sent. It tells nothing new of a connection that stood at once.
        let at = now();
        let known = if self.timing.stood_at_once(at) { None } else { self.known(manners) };
        match self.send_some(manners) {
            Err(Errno::NOTCONN) => Err(Errno::AGAIN),
            Err(errno) => Err(errno),
            Ok(bytes) => {
                self.timing.connect(at, known, clock);
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
        let slowly = self.allowed < usize::MAX / 2;
        if self.visit.state() == State::ReadingWelcome {
            self.timing.sent(slowly);
        }
        if self.visit.state() == State::ReadingWelcome {
            if manners.reset {
                sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?;
                self.timing.finish(now());
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
    fn read(&mut self, manners: &Manners, system: &mut System) -> Result<(), Errno> {
        if self.answer.is_some() {
            return self.read_answer(manners, system);
        }
        let System { clock, along, buffer } = system;
        // One byte more than is right, so that a record that is too long is not cut to the right length.
        if self.expected.len() >= buffer.len() {
            buffer.resize(self.expected.len() + 1, 0);
        }
        let has_connections = manners.target.semantics().connections;
        match manners.target.receive(&self.socket, buffer, along) {
            Ok(received) if !received.is_of_server => self.foreign += 1,
            Ok(received) if received.bytes == 0 && has_connections => {
                self.timing.end(|| evidence::known(manners.target.kind(), &self.socket), clock);
                self.visit.end(Event::EndOfInput);
            }
            Ok(received) => {
                self.timing.receive(received.stamp, manners.target.is_stamped(), clock);
                self.records += usize::from(manners.target.semantics().boundaries);
                // What does not fit is more than was expected, which shows already.
                let _ = self.visit.receive(buffer.get(..received.bytes).unwrap_or_default());
                if self.is_its_own_server(manners) {
                    return Err(Errno::CONNREFUSED);
                }
                if !has_connections {
                    self.timing.end_with_data();
                    self.visit.end(Event::EndOfInput);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// The outcome of a visit that the server has closed.
    fn verdict(&self) -> Progress {
        if let Some(answer) = &self.answer {
            return self.verdict_of(answer);
        }
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
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_this_machine_lacks_is_not_counted_as_the_server_s() {
        use super::{Failure, Flight, Manners, State, Terminator, Timing, class};
        use rustix::io::Errno;
        let lacks = |errno| class(errno, State::Connecting, 0, 8);
        assert_eq!(lacks(Errno::MFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::NFILE), Failure::OutOfDescriptors);
        assert_eq!(lacks(Errno::ADDRINUSE), Failure::OutOfPorts);
        // The kernel has no free port at an address that is not ours either.
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let manners =
            Manners { target: target.into(), terminator: Terminator::Lf, reset: false, exchange: None };
        let foreign = "192.0.2.1".parse().ok();
        let (request, expected) = (b"Ada\n".to_vec(), b"welcome ".to_vec());
        let begun = Flight::begin(&manners, foreign, request, expected, Timing::begin(0, 0));
        assert_eq!(begun.err(), Some((Failure::OutOfPorts, Errno::ADDRNOTAVAIL)));
    }
}
