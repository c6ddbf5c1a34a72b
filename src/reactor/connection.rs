//! One stream drives one session.
//!
//! This file has the drive itself: ask what the session wants, do it, tell it what came of it. Reading is in
//! `reading.rs`, writing in `writing.rs`, what a session is told in `telling.rs`, and what ends a connection in
//! `closing.rs`.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::breach::Breach;
use super::counts::Counts;
use super::looks::Look;
use super::service::{Input, StreamService, TIMERS, Then, Timer, Trace, Want};
use super::tables::stream::{Machine, State};
use super::timers::{Running, Timers};
use super::untaken::Untaken;
use super::view::Waiting;
use crate::kernel::{Interest, Kernel};
use crate::machine::Table;
use crate::net::Peer;

/// The most that is read from one stream in one turn of the loop: one that sends without end gets its
/// turn like all others.
pub(crate) const READ_BYTES_PER_TURN: usize = 64 * 1024;

/// The most that is read and written on one stream in one turn: one that reads without end, likewise.
const BYTES_PER_TURN: usize = 4 * READ_BYTES_PER_TURN;

/// What a call counts for at least, so that one that sends byte by byte is not read 65,536 times a turn.
pub(super) const CALL_BYTES_MIN: usize = 1024;

/// What all connections of a service share while they are driven.
pub(crate) struct Shared<'a, S: StreamService, K> {
    pub(crate) kernel: &'a mut K,
    pub(crate) service: &'a mut S,
    pub(crate) counts: &'a mut Counts<S::Table>,
    /// The moment at which the turn began.
    pub(crate) now: Instant,
    /// The last look at the clock, for what is traced.
    pub(crate) clock: Instant,
    /// Whether the session is to be told that the server stops.
    pub(crate) stopping: bool,
    /// Whether one output a turn is enough, however short it is.
    pub(crate) one_output: bool,
}

/// How far a connection got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It has to wait for the kernel.
    Blocked(Interest),
    /// Its budget is used up, and it can go on in the next turn without the kernel.
    GoesOn,
    /// It is over.
    Done,
}

/// What is known of the client's input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ahead {
    /// The last read found all there was, and no output has waited since.
    Nothing,
    /// There may be more, and only a read can tell: the last one filled its room, or found a record, which comes alone;
    /// or an output had to wait since.
    Unknown,
    /// There is more: not all was taken.
    More,
    /// It has ended, or does not matter any more.
    Ended,
}

/// What has left of a conversation's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrote {
    Nothing,
    /// An output.
    Output,
    /// The end of output as well.
    End,
    /// Not all: the conversation ended while it wrote.
    Part,
}

/// A stream and the conversation on it.
pub(crate) struct Connection<S: StreamService, K: Kernel> {
    pub(super) stream: K::Stream,
    pub(super) session: S::Session,
    pub(super) peer: Peer,
    pub(super) untaken: Untaken,
    /// The timers that the loop runs for it.
    pub(super) running: Running,
    /// How much of the present output has left.
    pub(super) sent: u32,
    /// What the kernel has been asked to watch the stream for, once it would have blocked.
    watched: Option<Interest>,
    /// Where the stream stands.
    pub(super) machine: Machine,
    /// Where the arrows of the session have led.
    pub(super) at: <S::Table as Table>::State,
    pub(super) ahead: Ahead,
    pub(super) keeps_boundaries: bool,
    pub(super) wrote: Wrote,
    /// How many bytes have left, of all outputs; of more than these can count, so many.
    pub(super) output: u16,
    /// Whether it is to go on in the next turn.
    pub(super) goes_on: bool,
    /// The last look for sessions that give way before it came, until it is told that the server stops.
    came: Option<Look>,
}

/// How much a connection has done in this turn.
#[derive(Default)]
struct Budget {
    read: usize,
    written: usize,
}

impl Budget {
    fn allows(&self, interest: Interest) -> bool {
        let reads = interest == Interest::Writable || self.read < READ_BYTES_PER_TURN;
        reads && self.read + self.written < BYTES_PER_TURN
    }

    fn spend(&mut self, interest: Interest, bytes: usize) {
        match interest {
            Interest::Readable => self.read += bytes,
            Interest::Writable => self.written += bytes,
        }
    }
}

impl<S: StreamService, K: Kernel> Connection<S, K> {
    pub(crate) fn new(
        stream: K::Stream,
        session: S::Session,
        peer: Peer,
        keeps_boundaries: bool,
        came: Look,
    ) -> Self {
        Connection {
            stream,
            session,
            peer,
            untaken: Untaken::default(),
            running: Running::default(),
            sent: 0,
            watched: None,
            machine: Machine::new(),
            at: S::Table::START,
            ahead: Ahead::Nothing,
            keeps_boundaries,
            wrote: Wrote::Nothing,
            output: 0,
            goes_on: false,
            came: Some(came),
        }
    }

    /// Reads and writes until the stream would block, the budget of the turn is used up, or the conversation is over.
    pub(crate) fn drive(&mut self, shared: &mut Shared<'_, S, K>, buffer: &mut [u8]) -> Progress {
        use Interest::{Readable, Writable};
        let mut budget = Budget::default();
        loop {
            let (interest, result) = match (self.machine.state(), shared.service.want(&self.session)) {
                (State::Closed, _) => return Progress::Done,
                (State::Open, Want::Close) => {
                    self.end(shared, buffer);
                    continue;
                }
                (State::Open, Want::Read { .. }) | (State::Lingering, _) if !budget.allows(Readable) => {
                    return self.yield_turn(Readable, shared);
                }
                (State::Open, Want::Read { .. }) if shared.one_output && budget.written > 0 => {
                    return self.yield_turn(Readable, shared);
                }
                (State::Open, Want::Write { .. }) if self.wrote == Wrote::End => {
                    self.found_out(Breach::WritesAfterShut, shared);
                    continue;
                }
                (State::Open, Want::Write { .. }) if !budget.allows(Writable) => {
                    return self.yield_turn(Writable, shared);
                }
                (State::Open, Want::Read { room }) => (Readable, self.read(room, shared, buffer)),
                (State::Open, Want::Write { bytes, then }) => {
                    let all = bytes.len();
                    let result = match bytes.get(self.sent as usize..) {
                        None | Some([]) => Ok(0),
                        Some(rest) => shared.kernel.write(&mut self.stream, rest, then != Then::Read),
                    };
                    (Writable, result.map(|written| self.written(written, all, then, shared)))
                }
                (State::Lingering, _) => {
                    let left = buffer.get_mut(..READ_BYTES_PER_TURN - budget.read).unwrap_or_default();
                    (Readable, self.throw_away(shared, left))
                }
            };
            match result {
                Ok(bytes) => budget.spend(interest, bytes),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let blocked = self.block(interest);
                    if !self.tell_stopping(interest, shared) {
                        return blocked;
                    }
                }
                Err(error) => self.fail(&error, shared),
            }
        }
    }

    /// The budget of the turn is used up. What was not taken can be offered in the next turn, whatever the kernel has. A session
    /// that is to be told of the stop is told when its stream is read dry, and that takes a read. For the rest, watching again
    /// raises the edge anew.
    fn yield_turn(&mut self, interest: Interest, shared: &Shared<'_, S, K>) -> Progress {
        self.watched = None;
        match interest {
            Interest::Readable if self.untaken.can_be_offered() || self.is_to_be_told(shared) => {
                Progress::GoesOn
            }
            // The stream has not been read dry, and what is known of the input stays as it is.
            Interest::Readable => Progress::Blocked(interest),
            Interest::Writable => self.block(interest),
        }
    }

    /// It has to wait for the kernel. More input may come while an output waits.
    fn block(&mut self, interest: Interest) -> Progress {
        self.ahead = match (interest, self.ahead) {
            (_, Ahead::Ended) => Ahead::Ended,
            (Interest::Readable, _) => Ahead::Nothing,
            (Interest::Writable, Ahead::More) => Ahead::More,
            (Interest::Writable, Ahead::Nothing | Ahead::Unknown) => Ahead::Unknown,
        };
        Progress::Blocked(interest)
    }

    /// Whether the session has not been told that the server stops, and is to be.
    #[inline]
    fn is_to_be_told(&self, shared: &Shared<'_, S, K>) -> bool {
        shared.stopping && self.came.is_some() && self.machine.state() == State::Open
    }

    /// If the server stops, and the stream has just been read dry: tells the session so, once. Gives whether it did.
    #[inline]
    fn tell_stopping(&mut self, interest: Interest, shared: &mut Shared<'_, S, K>) -> bool {
        if interest != Interest::Readable || !self.is_to_be_told(shared) {
            return false;
        }
        self.came = None;
        self.tell_rarely(Input::Stopping, shared);
        true
    }

    /// Tells the service what happens on the stream, if it keeps account of that.
    #[inline]
    pub(super) fn trace(&mut self, trace: Trace<'_>, shared: &mut Shared<'_, S, K>) {
        if S::IS_TRACED {
            shared.service.trace(&mut self.session, trace, shared.clock);
        }
    }

    /// Asks the kernel to report when there is something to do, unless it has been asked just that.
    pub(crate) fn watch(&mut self, key: usize, interest: Interest, kernel: &mut K) -> io::Result<()> {
        if self.watched != Some(interest) {
            kernel.watch(&mut self.stream, key, interest)?;
            self.watched = Some(interest);
        }
        Ok(())
    }

    /// Starts the timers that the session declares, or that of lingering; others end. Moments are nanoseconds.
    pub(crate) fn run_timers(
        &mut self,
        key: usize,
        timers: &mut Timers,
        shared: &mut Shared<'_, S, K>,
        now: u64,
    ) {
        match self.declared(timers, shared.service) {
            Ok(declared) => timers.run(key, &mut self.running, declared, now),
            Err(breach) => self.found_out(breach, shared),
        }
    }

    /// Lets it go on in a later turn, behind those in `go_on`, unless it is among them.
    pub(crate) fn put_off(&mut self, slot: usize, go_on: &mut Vec<usize>) {
        if !std::mem::replace(&mut self.goes_on, true) {
            go_on.push(slot);
        }
    }

    /// Whether its stream is to be closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.machine.state() == State::Closed
    }

    /// The last look for sessions that give way before it came. None if it was told that the server stops.
    pub(super) fn came(&self) -> Option<Look> {
        self.came
    }

    /// Whose it is.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What is shown of it while it waits.
    pub(super) fn waiting(&self, since: u64) -> Waiting {
        let is_over = self.machine.state() != State::Open;
        let state = if is_over { self.machine.state().to_string() } else { self.at.to_string() };
        Waiting { peer: self.peer.to_string(), state, since: Duration::from_nanos(since), sent: self.output }
    }

    /// How long the way to the client and back takes, if it is known and takes time.
    pub(crate) fn round_trip(&self, kernel: &K) -> Option<Duration> {
        kernel.round_trip(&self.stream).ok().filter(|round_trip| !round_trip.is_zero())
    }

    /// The stream, to be closed.
    pub(crate) fn into_stream(self) -> K::Stream {
        self.stream
    }

    /// Ends its timers.
    pub(crate) fn forget_timers(&self, key: usize, timers: &mut Timers) {
        timers.forget(key, self.running);
    }

    /// The timer that runs over `wait`, if the session still declares it.
    pub(crate) fn timer_over(&self, wait: u8, timers: &Timers, service: &S) -> Option<Timer> {
        let declared = self.declared(timers, service).ok()?;
        self.running.over(wait).filter(|timer| declared.contains(&Some(*timer)))
    }

    fn declared(&self, timers: &Timers, service: &S) -> Result<[Option<Timer>; TIMERS], Breach> {
        match self.machine.state() {
            State::Open => timers.checked(service.timers(&self.session)),
            State::Lingering => Ok(Timers::lingering()),
            State::Closed => Ok([None; TIMERS]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::service::Step;
    use super::*;
    use crate::kernel::Mio;

    /// A service whose session is one word. Any table will do.
    struct Idle;

    impl StreamService for Idle {
        type Session = u64;
        type Table = Machine;

        fn waits(&self) -> Vec<Duration> {
            Vec::new()
        }

        fn want<'a>(&'a self, _: &'a u64) -> Want<'a> {
            Want::Read { room: 1 }
        }

        fn timers(&self, _: &u64) -> [Option<Timer>; TIMERS] {
            [None; TIMERS]
        }

        fn on(&mut self, _: &mut u64, _: Input<'_>, _: Instant) -> Step<Machine> {
            Step::took(0)
        }
    }

    #[test]
    fn an_idle_connection_is_small() {
        let session = size_of::<u64>();
        let own = size_of::<Connection<Idle, Mio>>() - session;
        assert!(
            own <= 72,
            "{own} bytes beside a session of whole words: the fields have gaps, or there are more of them"
        );
    }
}
