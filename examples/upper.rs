//! A protocol of one's own: a line in, the same line in upper case out; the connection stays open.
//!
//! `cargo run --example upper`, then `nc 127.0.0.1 7000`. At further endpoints on the command line the same loop serves
//! the welcome beside it. docs/your-own-protocol.md builds it step by step.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "an endpoint has an address")]

use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::net::Endpoint;
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::{Datagrams, Server, Settings, Streams};
use welcomed::services::welcome::{self, Welcome, WelcomeDatagrams, WelcomeStreams};

use self::table::{Event, Machine, State};

const LINE_MAX_BYTES: usize = 4096; // its end among them
const CAPACITY: usize = 512; // connections at a time
const IDLE: u8 = 0; // the waits, by their places in `waits`
const WRITE: u8 = 1;

mod table {
    welcomed::machine! {
        "upper"
        states {
            Reading = "reading", Writing = "writing", WritingLast = "writing the last", Closed = "closed",
        }
        events {
            Lines = "lines", LastLine = "last line", TooLong = "too long", EndOfInput = "end of input",
            Sent = "sent", Deadline = "deadline", Stopping = "stopping", Stopped = "stopped", Failed = "failed",
        }
        outcomes {
            Done = "done", Refused = "refused", TimedOut = "timed out", Stopped = "stopped", Failed = "failed",
        }
        table {
            Reading     + Lines      => Writing,
            Reading     + LastLine   => WritingLast,
            Reading     + TooLong    => Closed: Refused,
            Reading     + EndOfInput => Closed: Done,
            Reading     + Deadline   => Closed: TimedOut,
            Reading     + Stopping   => Closed: Done,
            Reading     + Stopped    => Closed: Stopped,
            Reading     + Failed     => Closed: Failed,
            Writing     + Sent       => Reading,
            Writing     + Deadline   => Closed: TimedOut,
            Writing     + Stopped    => Closed: Stopped,
            Writing     + Failed     => Closed: Failed,
            WritingLast + Sent       => Closed: Done,
            WritingLast + Deadline   => Closed: TimedOut,
            WritingLast + Stopped    => Closed: Stopped,
            WritingLast + Failed     => Closed: Failed,
        }
    }
}

#[cfg(test)]
mod upper_schedules;

/// How long a client may be idle, and how long it may take to take its answer.
struct Upper {
    idle_timeout: Duration,
    write_timeout: Duration,
}

/// One conversation.
#[derive(Default)]
struct Session {
    machine: Machine,
    answer: Vec<u8>,
    answers: u32,
}

impl Session {
    fn answer(&mut self, lines: &[u8], event: Event) -> Step<Machine> {
        self.answer = lines.to_ascii_uppercase();
        self.answers = self.answers.wrapping_add(1);
        Step { taken: lines.len(), moved: self.machine.on(event) }
    }
}

impl StreamService for Upper {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![self.idle_timeout, self.write_timeout]
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        let bytes = &session.answer;
        match session.machine.state() {
            State::Reading => Want::Read { room: LINE_MAX_BYTES },
            State::Writing => Want::Write { bytes, then: Then::Read },
            State::WritingLast => Want::Write { bytes, then: Then::Close },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        let wait = match session.machine.state() {
            State::Reading => IDLE,
            State::Writing | State::WritingLast => WRITE,
            State::Closed => return [None; TIMERS],
        };
        [Some(Timer { wait, generation: session.answers }), None]
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _now: Instant) -> Step<Machine> {
        Step::moved(session.machine.on(match input {
            Input::Bytes(bytes) => match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => return session.answer(bytes.get(..=end).unwrap_or(bytes), Event::Lines),
                None if bytes.len() < LINE_MAX_BYTES => return Step::took(0),
                None => Event::TooLong,
            },
            Input::Record { bytes, truncated: false } => return session.answer(bytes, Event::Lines),
            Input::Record { truncated: true, .. } => Event::TooLong,
            Input::End([]) => Event::EndOfInput,
            Input::End(rest) => return session.answer(rest, Event::LastLine),
            Input::Sent => {
                session.answer = Vec::new();
                Event::Sent
            }
            Input::Elapsed(_) => Event::Deadline,
            Input::Stopping => Event::Stopping,
            Input::Stopped => Event::Stopped,
            Input::Failed(_) => Event::Failed,
        }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upper = Upper { idle_timeout: Duration::from_secs(60), write_timeout: Duration::from_secs(10) };
    let welcome = Streams::new(WelcomeStreams::new(welcome::Settings::default()), CAPACITY);
    let datagrams = Datagrams::new(WelcomeDatagrams::new(Welcome::default())?);
    let services = (Streams::new(upper, CAPACITY), (welcome, datagrams));
    let mut server = Server::new(Mio::with_signals()?, services, Settings::default());
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    println!("upper at {}", server.listen_for(0, &first.parse()?)?.addresses[0]);
    for argument in arguments {
        let beside: Endpoint = argument.parse()?;
        let service = if beside.kind().semantics().connections { 1 } else { 2 };
        println!("welcome at {}", server.listen_for(service, &beside)?.addresses[0]);
    }
    Ok(server.run()?)
}
