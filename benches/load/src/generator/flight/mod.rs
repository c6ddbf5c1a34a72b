//! One visit: the library's client machine on a socket, and the moments and the class of its end.

mod answered;
mod class;
pub(crate) mod kept;
pub(crate) mod leftover;
mod looked;
#[cfg(test)]
mod tests;
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
use crate::plan::target::Along;
use crate::plan::welcome::{Event, State, Terminator, Visit};
use crate::system::clock::{Nanos, now};

/// How a visit stands after it was driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It waits for the kernel.
    Waits,
    /// Its budget is used up. The kernel reports it again at once, if there is more.
    GoesOn,
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

/// A visit that has moved so many bytes in one drive goes on in the next turn of the loop. Else a server that sends for ever, or
/// fast, would keep the others from being begun and read in time.
const BYTES_PER_DRIVE: usize = 64 * 1024;

/// What a call counts for at least, however little it moves: at most so many of them fit into a drive.
const CALL_BYTES_MIN: usize = BYTES_PER_DRIVE / 64;

/// Whether a welcome is looked at before it is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Looked {
    /// Not now: the end is there already, or some of it was taken.
    Not,
    /// It may be: no end was reported.
    May,
    /// It was.
    Has,
}

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
    looked: Looked,
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
            looked: Looked::May,
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

    /// Goes on until it would block, its budget is used up, or it is over.
    pub(crate) fn drive(
        &mut self,
        manners: &Manners,
        system: &mut System,
        registry: &Registry,
        token: Token,
    ) -> Progress {
        let waits = match self.go_on(manners, system) {
            Ok(true) if manners.reset => return Progress::Reset,
            Ok(true) => return self.verdict(),
            Ok(false) => self.watch_anew(registry, token).map(|()| Progress::GoesOn),
            Err(Errno::AGAIN) => {
                self.timing.block();
                if self.lacks_room(manners) {
                    return Progress::NoRoom;
                }
                self.watch(registry, token).map(|()| Progress::Waits)
            }
            Err(errno) => {
                let (came, whole) = self.reply_so_far();
                let failure = self.of_kept(class(errno, self.visit.state(), came, whole));
                return self.fail(errno, failure, &system.clock);
            }
        };
        waits.unwrap_or_else(|error| {
            let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
            self.fail(errno, Failure::Other, &system.clock)
        })
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
            Progress::Waits | Progress::GoesOn | Progress::NoRoom | Progress::Welcomed | Progress::Reset => {
                (true, false)
            }
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
                | Progress::GoesOn
                | Progress::NoRoom
                | Progress::Welcomed
                | Progress::Reset
                | Progress::Lost => Progress::Failed(Failure::NoClose),
            },
        };
        self.visit.end(Event::Deadline);
        end
    }

    /// Goes on. Gives whether it is over, and not at the end of its budget.
    fn go_on(&mut self, manners: &Manners, system: &mut System) -> Result<bool, Errno> {
        let mut moved = 0;
        while moved < BYTES_PER_DRIVE {
            let bytes = match self.visit.state() {
                State::Closed => return Ok(true),
                State::Created => {
                    manners.target.connect(&self.socket)?;
                    self.visit.connect();
                    0
                }
                State::Connecting => self.connected(manners, &system.clock)?,
                State::SendingName => self.send(manners)?,
                State::ReadingWelcome => self.read(manners, system)?,
            };
            moved += bytes.max(CALL_BYTES_MIN);
        }
        Ok(self.visit.state() == State::Closed)
    }

    /// Whether the connection stands: a first write shows it without a call for the peer's address.
    fn connected(&mut self, manners: &Manners, clock: &KernelClock) -> Result<usize, Errno> {
        // What is known has to be asked before something else is sent. It tells nothing new of a connection that stood at once.
        let at = now();
        let known = if self.timing.stood_at_once(at) { None } else { self.known(manners) };
        match self.send_some(manners) {
            Err(Errno::NOTCONN) => Err(Errno::AGAIN),
            Err(errno) => Err(errno),
            Ok(bytes) => {
                self.timing.connect(at, known, clock);
                self.visit.connected();
                self.sent(bytes, manners).map(|()| bytes)
            }
        }
    }

    fn send(&mut self, manners: &Manners) -> Result<usize, Errno> {
        let bytes = self.send_some(manners)?;
        self.sent(bytes, manners).map(|()| bytes)
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

    /// Reads some of the reply: bytes, a record, or the one datagram that it is. Gives how many bytes.
    fn read(&mut self, manners: &Manners, system: &mut System) -> Result<usize, Errno> {
        if self.answer.is_some() {
            return self.read_answer(manners, system);
        }
        self.look(manners, system)?;
        let System { clock, along, buffer } = system;
        // One byte more than is right, so that a record that is too long is not cut to the right length.
        if self.expected.len() >= buffer.len() {
            buffer.resize(self.expected.len() + 1, 0);
        }
        let has_connections = manners.target.semantics().connections;
        let received = match manners.target.receive(&self.socket, buffer, along) {
            Err(Errno::INTR) => return Ok(0),
            received => received?,
        };
        match received.bytes {
            _ if !received.is_of_server => self.foreign += 1,
            0 if has_connections => {
                self.timing.end(|| evidence::known(manners.target.kind(), &self.socket), clock);
                self.visit.end(Event::EndOfInput);
            }
            bytes => {
                if self.looked == Looked::Has && bytes == self.expected.len() {
                    self.timing.taken(received.stamp, clock);
                } else {
                    self.timing.receive(received.stamp, manners.target.is_stamped(), clock);
                }
                self.records += usize::from(manners.target.semantics().boundaries);
                // What does not fit is more than was expected, which shows already.
                let _ = self.visit.receive(buffer.get(..bytes).unwrap_or_default());
                if self.is_its_own_server(manners) {
                    return Err(Errno::CONNREFUSED);
                }
                if !has_connections {
                    self.timing.end_with_data();
                    self.visit.end(Event::EndOfInput);
                }
            }
        }
        Ok(received.bytes)
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
