//! A stream service with all that it has of its own: connections, timers, admission, counts.

use std::io;
use std::time::{Duration, Instant};

use slab::Slab;

use super::accept::{Accepts as _, accept_next};
use super::admission::Admission;
use super::connection::{Connection, Progress, Shared};
use super::counts::Counts;
use super::deadlines::NEVER;
use super::listener::Listener;
use super::looks::Looks;
use super::service::{OnStop, StreamService, Trace};
use super::services::{Key, Sealed, Services, Turn, since};
use super::shares::Shares;
use super::timers::Timers;
use super::view::{Places, ServiceView, WAITING_MAX};
use crate::kernel::Kernel;
use crate::machine::Table as _;
use crate::net::Kind;

/// How many places of one service may be gone over in one turn without an event of their own. There are three sorts:
/// their timers have run out, they go on without the kernel, or they are told of a stop. Each can take a few calls, and a
/// client that comes meanwhile waits for all of them.
const BUDGET: usize = 64;

/// The stream service `S` in a loop on the kernel `K`.
pub struct Streams<S: StreamService, K: Kernel> {
    pub(super) service: S,
    /// Its number in the loop.
    number: u8,
    pub(super) connections: Slab<Connection<S, K>>,
    /// How many places of the slab have ever been used.
    pub(super) places_used: usize,
    pub(super) timers: Timers,
    pub(super) admission: Admission,
    pub(super) shares: Shares,
    /// The place of the connection that has just been accepted: it is not among its source's yet.
    pub(super) new: Option<usize>,
    pub(super) counts: Counts<S::Table>,
    /// The places of connections whose budget is used up, and that can go on without the kernel.
    go_on: Vec<usize>,
    sweep: Option<Sweep>,
    /// The place of the next session that may have to give way to a client.
    pub(super) gives_way: Option<usize>,
    /// The last looks for sessions that give way.
    pub(super) looks: Looks,
    /// Whether a client waits to be accepted.
    pub(super) is_waited_for: bool,
    /// Whether all sessions are told that the server stops.
    pub(super) tells_all: bool,
    /// Whether it shows the other services. Its clients may have the descriptors that are kept back. It goes on with one place
    /// a turn, and that one with one output until all are told.
    pub(super) is_watcher: bool,
}

/// What all connections are told one after the other.
struct Sweep {
    told: Told,
    /// The place that is next.
    next: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Begin nothing new.
    Stopping,
    /// It is over.
    Stopped,
}

impl<S: StreamService, K: Kernel> Streams<S, K> {
    /// The service, with at most `capacity` connections at a time, each of which takes a descriptor: the capacities of
    /// all services have to fit this process's limit together.
    ///
    /// The table of the service has outcomes, or this does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use std::time::{Duration, Instant};
    /// # use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Timer, Want};
    /// use welcomed::{kernel::Mio, reactor::Streams, reactor::tables::stream};
    ///
    /// struct NoOutcomes;
    ///
    /// impl StreamService for NoOutcomes {
    ///     type Session = ();
    ///     type Table = stream::Machine;
    /// #   fn waits(&self) -> Vec<Duration> { Vec::new() }
    /// #   fn want<'a>(&'a self, _: &'a ()) -> Want<'a> { Want::Close }
    /// #   fn timers(&self, _: &()) -> [Option<Timer>; TIMERS] { [None; TIMERS] }
    /// #   fn on(&mut self, _: &mut (), _: Input<'_>, _: Instant) -> Step<stream::Machine> { Step::took(0) }
    ///     // ...
    /// }
    /// let streams: Streams<NoOutcomes, Mio> = Streams::new(NoOutcomes, 8);
    /// ```
    pub fn new(service: S, capacity: usize) -> Self {
        const { assert!(S::Table::HAS_OUTCOMES, "the table of a service says what becomes of a client") };
        Streams {
            timers: Timers::new(&service.waits()),
            service,
            number: 0,
            connections: Slab::new(),
            places_used: 0,
            admission: Admission::new(capacity),
            shares: Shares::default(),
            new: None,
            counts: Counts::default(),
            go_on: Vec::new(),
            sweep: None,
            gives_way: None,
            looks: Looks::default(),
            is_waited_for: false,
            tells_all: false,
            is_watcher: false,
        }
    }

    /// The same, where one [`Source`](crate::net::Source) has at most so many places. A client above that is accepted and
    /// reset, and counted as [refused](Counts::refused). 0 is no such limit, which is the default.
    ///
    /// Without it one source can take all places, and clients of all others wait. A source whose clients are those of
    /// others, as a proxy is, needs more than a share.
    #[must_use]
    pub fn with_most_per_source(self, most: usize) -> Self {
        Streams { shares: Shares::of(most), ..self }
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// How many of its connections there are and may be.
    pub(super) fn places(&self) -> Places {
        Places { taken: self.connections.len(), all: self.admission.capacity() }
    }

    /// The counts so far.
    pub fn counts(&self) -> &Counts<S::Table> {
        &self.counts
    }

    /// How many connections are open, lingering ones among them.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Serves a connection until it would block. There may be none in this place any more: an earlier
    /// event of the same turn can have ended it. A session that has read all there was is told that the server stops, if
    /// all are told, or if it gives way.
    pub(super) fn drive_slot(&mut self, slot: usize, turn: &mut Turn<K>) {
        // Where no client waits for its place it is not looked for.
        let stopping = self.tells_all || self.wants_room(turn) && self.may_give_way(slot);
        // While all are told no other service is left that one of them could delay. One that goes on is told behind its output.
        let one_output = self.is_watcher && !self.tells_all;
        let Streams { service, number, connections, timers, counts, go_on, .. } = self;
        let Some(connection) = connections.get_mut(slot) else { return };
        let Turn { kernel, buffer, now, start, clock, .. } = turn;
        let mut shared = Shared { kernel, service, counts, now: *now, clock: *clock, stopping, one_output };
        connection.trace(Trace::Driven, &mut shared);
        let progress = connection.drive(&mut shared, buffer);
        if progress == Progress::Done {
            return self.close(slot, turn);
        }
        // A connection that has to wait does so from now on: the turn can have begun long ago.
        let now = shared.kernel.now();
        (*clock, shared.clock) = (now, now);
        let key = Key { service: *number, slot };
        if progress == Progress::GoesOn {
            connection.put_off(slot, go_on);
        }
        if let Progress::Blocked(interest) = progress {
            let sent = connection.sent as usize;
            connection.trace(Trace::Waits { interest, sent }, &mut shared);
        }
        if let Progress::Blocked(interest) = progress
            && let Err(error) = connection.watch(key.token(), interest, shared.kernel)
        {
            // Its client cannot be waited for. A clean end would look like an answer.
            connection.cut();
            connection.fail(&error, &mut shared);
            self.close(slot, turn);
            return self.pause(&error, now, turn.closed); // its own end does not end the pause
        }
        connection.run_timers(slot, timers, &mut shared, since(*start, now));
        if connection.is_closed() {
            self.close(slot, turn);
        }
    }

    /// Does something to a connection, if there is one in this place.
    pub(super) fn with(
        &mut self,
        slot: usize,
        turn: &mut Turn<K>,
        change: impl FnOnce(&mut Connection<S, K>, &mut Shared<'_, S, K>),
    ) {
        let Streams { service, connections, counts, .. } = self;
        let Some(connection) = connections.get_mut(slot) else { return };
        let Turn { kernel, now, clock, .. } = turn;
        let (now, clock) = (*now, *clock);
        let mut shared = Shared { kernel, service, counts, now, clock, stopping: false, one_output: false };
        change(connection, &mut shared);
    }

    /// Closes a connection and gives its place and its descriptor back.
    pub(super) fn close(&mut self, slot: usize, turn: &mut Turn<K>) {
        let Some(mut connection) = self.connections.try_remove(slot) else { return };
        if S::IS_TRACED {
            turn.clock = turn.kernel.now();
            self.service.trace(&mut connection.session, Trace::Closed, turn.clock);
        }
        connection.forget_timers(slot, &mut self.timers);
        if self.new != Some(slot) {
            self.shares.give_back(connection.peer());
        }
        if connection.goes_on {
            self.go_on.retain(|place| *place != slot);
        }
        turn.closed += 1;
        let closing = connection.closing();
        turn.kernel.close(connection.into_stream(), closing);
    }

    /// From now on all sessions are told that the server stops.
    pub(super) fn tell_all(&mut self) {
        self.tells_all = true;
        self.sweep = Some(Sweep { told: Told::Stopping, next: 0 });
    }

    /// How many places may go on in one turn, or give way.
    pub(super) fn budget(&self) -> usize {
        if self.is_watcher { 1 } else { BUDGET }
    }

    /// Puts off what has happened at a place until the places that go on before it had their turn.
    pub(super) fn put_off(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.put_off(slot, &mut self.go_on);
        }
    }

    /// Whether there are places that go on without the kernel.
    pub(super) fn has_to_go_on(&self) -> bool {
        !self.go_on.is_empty()
    }

    /// The first moment at which a timer runs out; [`NEVER`] if there is none. Timers are of connections.
    fn first_due(&self) -> u64 {
        if self.connections.is_empty() { NEVER } else { self.timers.first() }
    }

    /// Whether a timer has run out.
    pub(super) fn is_due(&self, turn: &Turn<K>) -> bool {
        let first = self.first_due();
        first != NEVER && first <= since(turn.start, turn.now)
    }

    /// Whether it has something to do that neither the kernel nor a timer tells of.
    pub(super) fn has_more_to_do(&self) -> bool {
        self.sweep.is_some() || self.has_to_go_on()
    }
}

impl<S: StreamService, K: Kernel> Sealed for Streams<S, K> {}

impl<S: StreamService, K: Kernel> Services<K> for Streams<S, K> {
    const COUNT: u8 = 1;

    fn number(&mut self, first: u8) {
        self.number = first;
    }

    fn serves(&self, service: u8, kind: Kind) -> bool {
        service == 0 && kind.semantics().connections && self.admission.capacity() > 0
    }

    fn output_timeout(&self, _: u8) -> Duration {
        self.service.output_timeout()
    }

    fn go_on(&mut self, turn: &mut Turn<K>) {
        let slots: Vec<usize> = self.go_on.drain(..self.go_on.len().min(self.budget())).collect();
        for slot in slots {
            self.with(slot, turn, |connection, _| connection.goes_on = false);
            self.drive_slot(slot, turn);
        }
    }

    fn drive(&mut self, key: Key, turn: &mut Turn<K>) {
        self.drive_slot(key.slot, turn);
    }

    fn expire(&mut self, turn: &mut Turn<K>) {
        if self.first_due() == NEVER {
            return;
        }
        let now = since(turn.start, turn.now);
        for _ in 0..BUDGET {
            let Some(due) = self.timers.expire(now) else { return };
            self.expire_slot(due, turn);
        }
    }

    fn accept(
        &mut self,
        _: u8,
        listener: &mut Listener<K::Listener>,
        turn: &mut Turn<K>,
    ) -> io::Result<bool> {
        accept_next(self, listener, turn)
    }

    fn accepted(&mut self, waiting: u64, perhaps: u64) {
        let open = self.connections.len();
        self.is_waited_for = waiting & 1 != 0;
        if perhaps & 1 == 0 {
            self.admission.queues_are_empty();
        } else if self.is_waited_for && self.admission.is_full(open) && self.admission.take_first_of_episode()
        {
            log::info!("full: {open} open, the most there may be; others wait");
        }
    }

    fn asks_again(&self, _: u8, turn: &Turn<K>, now: Instant) -> Option<Instant> {
        self.admission.asks_again(self.connections.len(), now, turn.closed)
    }

    fn next(&self, turn: &Turn<K>) -> Option<Instant> {
        if self.has_more_to_ask(turn) || self.has_more_to_do() {
            return Some(turn.start);
        }
        let first = self.first_due();
        (first != NEVER).then(|| turn.start + Duration::from_nanos(first))
    }

    fn open(&self) -> usize {
        self.connections.len()
    }

    fn stopping(&mut self) {
        if S::ON_STOP == OnStop::TellAll {
            self.tell_all();
        }
    }

    fn end_pauses(&mut self) {
        self.admission.end_pause();
    }

    fn give_way(&mut self) {
        self.gives_way = Some(0);
        self.looks.next();
    }

    fn stop(&mut self) {
        if self.sweep.as_ref().is_none_or(|sweep| sweep.told != Told::Stopped) {
            self.sweep = Some(Sweep { told: Told::Stopped, next: 0 });
        }
    }

    fn sweep(&mut self, turn: &mut Turn<K>) {
        self.make_room(turn);
        let Some(Sweep { told, next }) = self.sweep.take() else { return };
        let end = self.places_used.min(next + BUDGET);
        for slot in next..end {
            match told {
                // Read dry, the connection is told.
                Told::Stopping => self.drive_slot(slot, turn),
                Told::Stopped => {
                    self.with(slot, turn, Connection::stop);
                    self.close(slot, turn);
                }
            }
        }
        self.sweep = (end < self.places_used).then_some(Sweep { told, next: end });
    }

    fn report(&self) {
        self.counts.report();
    }

    fn view(&self, views: &mut Vec<ServiceView>) {
        let longest = self.timers.longest(WAITING_MAX).into_iter();
        let waiting =
            longest.filter_map(|(slot, since)| Some(self.connections.get(slot)?.waiting(since))).collect();
        views.push(ServiceView { waiting, ..ServiceView::of(&self.counts, Some(self.places())) });
    }
}
