//! A service that has no end of its own: what one turn of the loop does for a client is up to the loop. Each byte that
//! comes is a command, and one is taken at a time.
//!
//! | byte | what follows |
//! | --- | --- |
//! | `.` | nothing; all that has come is taken |
//! | `!` | an answer of one byte |
//! | `m` | a thousand answers of one byte, each of which more follows but the last |
//! | `b` | an answer of 4 MiB |
//! | `r` | two hundred answers of one byte; the command itself is taken with the last |
//! | `(` | nothing; it is taken with all up to the next `)` |
//! | any other | nothing |

use std::time::{Duration, Instant};

use welcomed::reactor::Streams;
use welcomed::reactor::service::{AtLeast, Input, Step, StreamService, TIMERS, Then, Timer, Wait, Want};
use welcomed::simulation::{Audit, Broken, Dice, Limits, Right, Sim, Subject, Transcript};

pub(crate) mod table {
    welcomed::machine! {
        "taker"
        states { Reading = "reading", Answering = "answering", Closed = "closed" }
        events { Asked = "asked", PartSent = "part sent", Sent = "sent", Over = "over" }
        outcomes { Done = "done" }
        table {
            Reading   + Asked    => Answering,
            Answering + PartSent => Answering,
            Answering + Sent     => Reading,
            Reading   + Over     => Closed: Done,
            Answering + Over     => Closed: Done,
        }
    }
}
use table::{Event, Machine, State};

/// How long a conversation may take. An answer goes on all the same.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// How many bytes of a client may lie untaken.
pub(crate) const ROOM: usize = 4096;

#[derive(Default)]
pub(crate) struct Taker {
    /// Whether sessions end when they are told that the server stops.
    heeds: bool,
    /// How many commands were taken, of all clients.
    pub(crate) taken: usize,
    /// The most bytes that a session was offered, and how often one was offered any.
    pub(crate) offered: usize,
    pub(crate) offers: usize,
}

#[derive(Default)]
pub(crate) struct Session {
    machine: Machine,
    answer: Vec<u8>,
    /// How many more answers follow.
    more: usize,
    /// How often a command was answered that is still to be taken.
    answered: usize,
    /// How often its timer has run out while it answered.
    ticks: u32,
}

impl Taker {
    fn command(&mut self, session: &mut Session, bytes: &[u8]) -> Step<Machine> {
        (self.offered, self.offers) = (self.offered.max(bytes.len()), self.offers + 1);
        if bytes.starts_with(b"(") {
            let end = bytes.iter().position(|byte| *byte == b')').map_or(0, |end| end + 1);
            self.taken += end;
            return Step::took(end);
        }
        if bytes.starts_with(b"r") && session.answered < 199 {
            session.answered += 1;
            session.answer = vec![b'!'];
            return Step::moved(session.machine.on(Event::Asked));
        }
        let taken = if bytes.starts_with(b".") { bytes.len() } else { 1 };
        self.taken += taken;
        let (length, more) = match bytes.first() {
            Some(b'!' | b'r') => (1, 0),
            Some(b'm') => (1, 999),
            Some(b'b') => (4 << 20, 0),
            _ => return Step::took(taken),
        };
        (session.answer, session.more) = (vec![b'!'; length], more);
        Step { taken, moved: session.machine.on(Event::Asked) }
    }
}

impl StreamService for Taker {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![HOUR]
    }

    // It does not look which wait it is asked about: it has one.
    fn at_least(&self, _: Wait) -> Option<AtLeast> {
        Some(AtLeast { round_trips: 2, beside: Duration::ZERO })
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        match session.machine.state() {
            State::Reading => Want::Read { room: ROOM },
            State::Answering => {
                let then = if session.more > 0 { Then::More } else { Then::Read };
                Want::Write { bytes: &session.answer, then }
            }
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        [Some(Timer { wait: 0, generation: session.ticks }), None]
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
        Step::moved(session.machine.on(match input {
            Input::Bytes(bytes) => return self.command(session, bytes),
            Input::Record { .. } => {
                self.taken += 1;
                return Step::took(0);
            }
            Input::Elapsed(_) if session.machine.state() == State::Answering => {
                session.ticks += 1;
                return Step::took(0);
            }
            Input::Stopping if !self.heeds => return Step::took(0),
            Input::Sent => match session.more.checked_sub(1) {
                Some(more) => {
                    session.more = more;
                    Event::PartSent
                }
                None => Event::Sent,
            },
            Input::End(_) | Input::Elapsed(_) | Input::Stopping | Input::Stopped | Input::Failed(_) => {
                Event::Over
            }
        }))
    }
}

/// The service under simulation. Its tests count what the loop does, and nothing is owed to its clients.
#[derive(Clone, Copy, Default)]
pub(crate) struct Taking {
    /// Whether sessions end when they are told that the server stops.
    pub(crate) heeds: bool,
}

impl Subject for Taking {
    type Services = Streams<Taker, Sim>;

    fn services(&self, places: &[usize]) -> Self::Services {
        Streams::new(Taker { heeds: self.heeds, ..Taker::default() }, places[0])
    }

    fn limits(&self, _: u8) -> Limits {
        Limits::new(HOUR, HOUR * 10)
    }

    fn request(&self, _: u8, _: &mut Dice, _: usize) -> Vec<u8> {
        b"!".to_vec()
    }

    fn judge(&self, _: &Transcript<'_>) -> Result<Right, Broken> {
        Ok(Right::Excused)
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        audit.service(services.counts(), |_, _| true);
    }
}
