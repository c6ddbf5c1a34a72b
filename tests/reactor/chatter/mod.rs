//! A service that does what the welcome never does. Each line that a client sends is a command, and one line is taken at
//! a time. What breaks the law is in `misdeeds.rs`.
//!
//! | line | what follows |
//! | --- | --- |
//! | `echo TEXT` | `TEXT` and a line feed |
//! | `one-way` | nothing |
//! | `more N` | N lines with [`Then::More`], and a last one with [`Then::Read`] |
//! | `big KIB END` | so many KiB, and `read`, `close`, `shut`, `read-close` or `more-close` behind them |
//! | `shut` | `bye`, the end of output, and more lines are read |
//! | `close` | `bye` and the end |
//! | `leave` | the end, without output |
//! | `hold` | no line is taken until the idle timer runs out |

use std::time::{Duration, Instant};

use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Timer, Want};

mod misdeeds;
mod session;
pub(crate) mod table;

use self::session::{Misdeed, Session};
use self::table::{Event, Machine, State};

/// The waits: over silence, and over the whole conversation.
const IDLE: u8 = 0;
const TOTAL: u8 = 1;

pub(crate) struct Chatter {
    pub(crate) room: usize,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
    /// Whether sessions end when they are told that the server stops.
    pub(crate) heeds: bool,
    /// How many lines were taken, and how often a session was told that the server stops.
    pub(crate) lines: usize,
    pub(crate) stoppings: usize,
}

impl Default for Chatter {
    fn default() -> Chatter {
        let never = Duration::from_secs(600);
        Chatter { room: 4096, idle: never, total: never, heeds: true, lines: 0, stoppings: 0 }
    }
}

impl Chatter {
    /// Takes one line.
    fn line(&mut self, session: &mut Session, line: &[u8], taken: usize) -> Step<Machine> {
        let line = std::str::from_utf8(line).unwrap();
        self.lines += 1;
        session.generation += 1;
        if line == "one-way" {
            return Step::took(taken);
        }
        match session.command(line) {
            Some(event) => Step { taken, moved: session.machine.on(event) },
            None => misdeeds::line(session, line, taken),
        }
    }
}

impl StreamService for Chatter {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![self.idle, self.total]
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        if session.misdeed == Some(Misdeed::Gone) {
            return Want::Close;
        }
        match session.machine.state() {
            State::Reading | State::Holding | State::Shut | State::Parting => Want::Read { room: self.room },
            State::Answering => {
                let (bytes, then) = session.outputs.front().unwrap();
                Want::Write { bytes, then: *then }
            }
            State::Closed => Want::Close,
        }
    }

    /// They change places with every line: that is nothing to a timer.
    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        let idle = Some(Timer { wait: IDLE, generation: session.generation });
        let total = Some(Timer { wait: TOTAL, generation: 0 });
        if session.generation.is_multiple_of(2) { [idle, total] } else { [total, idle] }
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
        if let Some(step) = misdeeds::on(session, input) {
            return step;
        }
        let state = session.machine.state();
        let event = match input {
            Input::Bytes(_) if state == State::Holding => return Step::took(0),
            Input::Bytes(bytes) => {
                let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Step::took(0) };
                return self.line(session, &bytes[..end], end + 1);
            }
            Input::Record { bytes, .. } => return self.line(session, bytes, 0),
            Input::Sent => session.sent(),
            Input::Elapsed(IDLE) if state == State::Holding => {
                session.generation += 1;
                Event::Woken
            }
            Input::Stopping => {
                self.stoppings += 1;
                if !self.heeds {
                    return Step::took(0);
                }
                Event::Stopping
            }
            Input::End(_) => Event::End,
            Input::Elapsed(_) => Event::Late,
            Input::Stopped => Event::Stopped,
            Input::Failed(_) => Event::Failed,
        };
        Step::moved(session.machine.on(if state == State::Parting { Event::Left } else { event }))
    }
}
