//! A service that takes one byte at a time: what is pipelined to it outlasts the budget of a turn, and the loop goes on by
//! itself.

use std::time::{Duration, Instant};

use welcomed::net::{ErrorCode, Kind};
use welcomed::reactor::Streams;
use welcomed::reactor::service::{Input, Step as Taken, StreamService, TIMERS, Then, Timer, Want};
use welcomed::simulation::{
    Audit, Broken, Dice, Fault, Limits, Right, Schedule, Script, ServerSocket, Sim, Step, Subject,
    Transcript, oracle, random_of,
};

mod table {
    welcomed::machine! {
        "one at a time"
        states { Reading = "reading", Writing = "writing", Closed = "closed" }
        events {
            Byte = "byte", Sent = "sent", Over = "over", Deadline = "deadline", Stopped = "stopped", Failed = "failed",
        }
        outcomes { Done = "done", TimedOut = "timed out", Stopped = "stopped", Failed = "failed" }
        table {
            Reading + Byte     => Writing,
            Reading + Over     => Closed: Done,
            Reading + Deadline => Closed: TimedOut,
            Reading + Stopped  => Closed: Stopped,
            Reading + Failed   => Closed: Failed,
            Writing + Sent     => Reading,
            Writing + Deadline => Closed: TimedOut,
            Writing + Stopped  => Closed: Stopped,
            Writing + Failed   => Closed: Failed,
        }
    }
}
use table::{Event, Machine, Outcome, State};

const LIMIT: Duration = Duration::from_secs(1);

struct OneAtATime;

#[derive(Default)]
struct Session {
    machine: Machine,
    answers: u32,
}

impl StreamService for OneAtATime {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![LIMIT]
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        match session.machine.state() {
            State::Reading => Want::Read { room: 256 },
            State::Writing => Want::Write { bytes: b"!", then: Then::Read },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        [Some(Timer { wait: 0, generation: session.answers }), None]
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Taken<Machine> {
        session.answers += u32::from(matches!(input, Input::Bytes(_) | Input::Sent));
        Taken::moved(session.machine.on(match input {
            Input::Bytes(_) => return Taken { taken: 1, moved: session.machine.on(Event::Byte) },
            Input::Sent => Event::Sent,
            Input::Record { .. } | Input::End(_) | Input::Stopping => Event::Over,
            Input::Elapsed(_) => Event::Deadline,
            Input::Stopped => Event::Stopped,
            Input::Failed(_) => Event::Failed,
        }))
    }
}

#[derive(Clone)]
struct Each;

impl Subject for Each {
    type Services = Streams<OneAtATime, Sim>;

    fn services(&self, places: &[usize]) -> Self::Services {
        Streams::new(OneAtATime, places.first().copied().unwrap_or_default())
    }

    fn limits(&self, _: u8) -> Limits {
        Limits::new(LIMIT, LIMIT)
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        vec![ServerSocket::new(dice.pick(&[Kind::Tcp, Kind::Unix]), 0)]
    }

    fn request(&self, _: u8, dice: &mut Dice, _: usize) -> Vec<u8> {
        vec![b'?'; 1 + dice.below(300)]
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        oracle::stream(client, |sent, _ended| vec![b'!'; sent.len()])
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        audit.service(services.counts(), |outcome, client| match outcome {
            Outcome::Done => client.end_was_read() || client.stopped_at().is_some(),
            Outcome::TimedOut => client.has_timed_out(),
            Outcome::Stopped => client.was_stopped(),
            Outcome::Failed => client.has_failed(),
        });
    }
}

#[test]
fn what_outlasts_the_budget_of_a_turn_is_served() {
    let script = Script::sends(&[b'?'; 1000]).then([Step::Shut]);
    let calm = Schedule::calm(&Each, &[ServerSocket::new(Kind::Tcp, 0)], vec![script]);
    assert!(calm.play().is_ok());
    let denied = calm.with_faults(&[(3, Fault::Error(ErrorCode::Again))]);
    assert!(denied.play().is_ok(), "a read that was denied wakes the loop, and it has work of its own left");
}

#[test]
fn what_outlasts_a_turn_is_served_on_random_schedules() {
    random_of(&Each, 2000);
}
