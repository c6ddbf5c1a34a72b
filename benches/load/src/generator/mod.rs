//! The loop that keeps visits in flight: closed (so many at a time) or open (so many a second).

pub(crate) mod afterwards;
pub(crate) mod flight;
pub(crate) mod idle;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Poll, Token};
use slab::Slab;

use crate::figures::measured::{Glimpse, Measured};
use crate::figures::tally::{Failure, Tally};
use crate::figures::timeline::{Slice, Timeline};
use crate::generator::afterwards::Afterwards;
use crate::generator::flight::{Flight, Progress};
use crate::plan::arrivals::Arrivals;
use crate::plan::{Load, Plan};
use crate::system::clock::{Nanos, SECOND, Timer, nanos, now};
use crate::system::processes::{NetCounters, Usage};

/// The token of the timer; flights count up from 0.
const TIMER: Token = Token(usize::MAX);

/// How many events one wait takes.
const EVENTS_PER_WAIT: usize = 256;

/// How many visits begin before those in flight are driven again.
const BEGIN_PER_TURN: usize = 64;

/// How often `tell` is called.
const TELL_EVERY: Nanos = SECOND / 4;

/// How often a visit that waits for room tries again, if nothing else happens.
const TRY_AGAIN: Nanos = SECOND / 1000;

/// Does what `plan` says, until it is done or `stop` is set, and gives what came of it. `tell` is called four times
/// a second meanwhile.
///
/// A visit that fails is counted and ends no run. An error is one of this machine (no descriptor for the event queue,
/// say), or [`ErrorKind::InvalidInput`] for a load that is none.
pub fn run(plan: &Plan, stop: &AtomicBool, tell: &mut dyn FnMut(&Glimpse<'_>)) -> io::Result<Measured> {
    plan.check()?;
    let usage = || (plan.server.map(Usage::of).unwrap_or_default(), Usage::of(std::process::id()));
    let (net, before) = (NetCounters::read(), usage());
    // Its time runs from here: what was read before can take long on a busy machine.
    let mut generator = Generator::new(plan)?;
    generator.go(stop, tell)?;
    let (server, own) = usage();
    generator.wait_for_leftovers(stop)?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let passed = generator.at.saturating_sub(generator.began).max(1) as f64;
    Ok(Measured {
        tally: generator.tally,
        timeline: generator.timeline,
        kind: plan.manners.target.kind(),
        timeout: plan.timeout,
        seconds: passed / 1e9,
        server: server.since(before.0),
        generator: own.since(before.1),
        net: NetCounters::read().since(net),
        in_flight: generator.in_flight_nanos / passed,
        held_back: generator.held_back,
    })
}

struct Generator<'a> {
    plan: &'a Plan,
    /// The plan's, in nanoseconds.
    duration: Nanos,
    timeout: Nanos,
    pause: Nanos,
    poll: Poll,
    timer: Timer,
    timer_set: Nanos,
    flights: Slab<(u64, Flight)>,
    arrivals: Option<Arrivals>,
    /// When flights have to be over, in the order in which they began. Some are over by then.
    deadlines: VecDeque<(Nanos, usize, u64)>,
    /// When the next byte of a name may leave, in order.
    drips: VecDeque<(Nanos, usize, u64)>,
    /// Flights that wait for room, in the order in which they began. Some may be over.
    waiting: VecDeque<(usize, u64)>,
    afterwards: Afterwards,
    begun: u64,
    held_back: u64,
    began: Nanos,
    at: Nanos,
    told: Nanos,
    /// Whether `stop` is set, so that no visit may begin any more.
    stopped: bool,
    in_flight_nanos: f64,
    /// Until when that is counted.
    counted: Nanos,
    tally: Tally,
    timeline: Timeline,
}

impl<'a> Generator<'a> {
    fn new(plan: &'a Plan) -> io::Result<Generator<'a>> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let arrivals = plan.arrivals();
        let began = now();
        Ok(Generator {
            plan,
            duration: nanos(plan.duration),
            timeout: nanos(plan.timeout),
            pause: nanos(plan.pause),
            poll,
            timer,
            timer_set: 0,
            flights: Slab::new(),
            arrivals,
            deadlines: VecDeque::new(),
            drips: VecDeque::new(),
            waiting: VecDeque::new(),
            afterwards: Afterwards::new(nanos(plan.timeout)),
            begun: 0,
            held_back: 0,
            began,
            at: began,
            told: began,
            stopped: false,
            in_flight_nanos: 0.0,
            counted: began,
            tally: Tally::new(),
            timeline: Timeline::new(),
        })
    }

    fn go(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(&Glimpse<'_>)) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_WAIT);
        loop {
            self.at = now();
            self.stopped = stop.load(Ordering::Relaxed);
            let more = self.begin_due();
            if !self.may_begin() && self.flights.is_empty() {
                return Ok(());
            }
            self.wait(&mut events, more)?;
            self.at = now();
            for event in &events {
                if event.token() != TIMER {
                    self.drive(event.token().0);
                    if let Load::Closed(_) = self.plan.load {
                        self.begin_due(); // when one ends, the next begins
                    }
                }
            }
            self.try_again();
            self.drip();
            self.expire();
            self.afterwards.close(&self.plan.manners.target, self.at, &mut self.tally);
            if self.at - self.told >= TELL_EVERY {
                self.told = self.at;
                let (passed, in_flight) = (self.at - self.began, self.flights.len());
                tell(&Glimpse { tally: &self.tally, passed, in_flight });
            }
        }
    }

    /// Whether another visit may begin at all.
    fn may_begin(&self) -> bool {
        !self.stopped && self.begun < self.plan.count && self.at - self.began < self.duration
    }

    /// Whether there may be another one in flight.
    fn has_room(&self) -> bool {
        self.flights.len() + self.afterwards.len() < self.plan.in_flight_max
    }

    /// Begins the visits that are due and have room, within a budget. Gives whether more are due.
    fn begin_due(&mut self) -> bool {
        for _ in 0..BEGIN_PER_TURN {
            if !self.has_room() || !self.may_begin() {
                return false;
            }
            let scheduled = match (self.plan.load, &mut self.arrivals) {
                (Load::Closed(most), _) if self.flights.len() < most => now(),
                (Load::Open(..), Some(arrivals)) => {
                    let scheduled = self.began + arrivals.next();
                    if scheduled > now() || arrivals.next() >= self.duration {
                        return false;
                    }
                    // Held back: it could have begun when the wait before this one ended.
                    let last_place =
                        self.flights.len() + self.afterwards.len() + 1 == self.plan.in_flight_max;
                    self.held_back += u64::from(last_place && scheduled < self.at);
                    arrivals.advance();
                    scheduled
                }
                _ => return false,
            };
            self.begin(scheduled);
        }
        true
    }

    fn begin(&mut self, scheduled: Nanos) {
        let serial = self.begun;
        self.begun += 1;
        let source = usize::try_from(serial)
            .ok()
            .and_then(|serial| self.plan.sources.get(serial % self.plan.sources.len().max(1)).copied());
        let (request, expected) = self.plan.names.visit(serial);
        match Flight::begin(&self.plan.manners, source, request, expected, scheduled) {
            Err(failure) => self.failed(failure),
            Ok(mut flight) => {
                let begun = flight.moments.started;
                self.count_until(begun);
                if self.pause > 0 {
                    flight = flight.slowly(1);
                }
                let key = self.flights.insert((serial, flight));
                self.deadlines.push_back((begun.saturating_add(self.timeout), key, serial));
                if self.pause > 0 {
                    self.drips.push_back((begun.saturating_add(self.pause), key, serial));
                }
                // A visit that waits is not overtaken by a later one.
                if !self.waiting.is_empty() || self.drive(key) == Progress::NoRoom {
                    self.tally.waited += 1;
                    self.waiting.push_back((key, serial));
                }
            }
        }
    }

    /// Drives a flight, if it is not over.
    fn drive(&mut self, key: usize) -> Progress {
        let Some((_, flight)) = self.flights.get_mut(key) else { return Progress::Waits };
        let progress = flight.drive(&self.plan.manners, self.poll.registry(), Token(key));
        self.came_to(key, progress);
        progress
    }

    /// Notes what a flight has come to.
    fn came_to(&mut self, key: usize, progress: Progress) {
        let Some((_, flight)) = self.flights.get(key) else { return };
        match progress {
            Progress::Waits | Progress::NoRoom => {}
            Progress::Welcomed => {
                let moments = flight.moments;
                self.count_until(moments.ended);
                self.land(key, false);
                self.tally.succeeded(&moments);
                let worst = moments.ended.saturating_sub(moments.scheduled);
                self.note(moments.ended, Slice { done: 1, failed: 0, worst });
            }
            Progress::Reset => {
                self.count_until(now());
                self.land(key, false);
                self.tally.resets += 1;
                self.note(now(), Slice { done: 1, failed: 0, worst: 0 });
            }
            Progress::Lost => {
                self.count_until(now());
                self.land(key, true);
                self.tally.lost += 1;
                self.note(now(), Slice { done: 0, failed: 1, worst: 0 });
            }
            Progress::Failed(failure) => {
                if failure == Failure::Other {
                    self.tally.first_other = self.tally.first_other.or(flight.error);
                }
                self.count_until(now());
                self.land(key, false);
                self.failed(failure);
            }
        }
    }

    /// Ends a flight. A connection is closed; to a socket for datagrams more can come.
    fn land(&mut self, key: usize, was_lost: bool) {
        let (_, flight) = self.flights.remove(key);
        if !self.plan.manners.target.semantics().connections {
            self.afterwards.keep(flight, was_lost, now());
        }
    }

    /// Lets the flights that wait for room try again, until one finds none.
    fn try_again(&mut self) {
        while let Some((key, serial)) = self.waiting.front().copied() {
            let flies = self.flights.get(key).is_some_and(|(flying, _)| *flying == serial);
            if flies && self.drive(key) == Progress::NoRoom {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// Waits until the last socket of a datagram's visit is closed.
    fn wait_for_leftovers(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_WAIT);
        while let Some(next) = self.afterwards.next() {
            let now = if stop.load(Ordering::Relaxed) { Nanos::MAX } else { now() };
            self.afterwards.close(&self.plan.manners.target, now, &mut self.tally);
            if next > now {
                self.timer.set(next)?;
                self.poll(&mut events, None)?;
            }
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure) {
        self.tally.failed(failure);
        self.note(now(), Slice { done: 0, failed: 1, worst: 0 });
    }

    fn note(&mut self, moment: Nanos, what: Slice) {
        self.timeline.note(moment.saturating_sub(self.began), what);
    }

    /// Sends the next byte of every name that is due.
    fn drip(&mut self) {
        while let Some((at, key, serial)) = self.drips.front().copied()
            && at <= self.at
        {
            self.drips.pop_front();
            let Some((flying, flight)) = self.flights.get_mut(key) else { continue };
            if *flying == serial {
                if flight.allow() {
                    self.drips.push_back((at.saturating_add(self.pause), key, serial));
                }
                self.drive(key);
            }
        }
    }

    /// Ends the flights that have lasted too long.
    fn expire(&mut self) {
        while let Some((at, key, serial)) = self.deadlines.front().copied()
            && (at <= self.at || self.flights.get(key).is_none_or(|(flying, _)| *flying != serial))
        {
            self.deadlines.pop_front();
            if let Some((flying, flight)) = self.flights.get_mut(key)
                && *flying == serial
            {
                let progress = flight.timed_out(&self.plan.manners);
                self.came_to(key, progress);
            }
        }
    }

    /// Waits for a flight or for the next moment at which something is to be done.
    fn wait(&mut self, events: &mut Events, more: bool) -> io::Result<()> {
        let room = self.has_room();
        let arrival =
            self.arrivals.as_ref().filter(|_| room && self.may_begin()).map(|next| self.began + next.next());
        let deadline = self.deadlines.front().map(|(at, ..)| *at);
        let drip = self.drips.front().map(|(at, ..)| *at);
        let again = (!self.waiting.is_empty()).then_some(self.at + TRY_AGAIN);
        let close = if room { None } else { self.afterwards.next() };
        let told = Some(self.told + TELL_EVERY);
        let next = [arrival, deadline, drip, again, close, told].into_iter().flatten().min();
        if let Some(next) = next
            && next != self.timer_set
        {
            self.timer.set(next)?;
            self.timer_set = next;
        }
        self.poll(events, more.then_some(Duration::ZERO))
    }

    fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Notes how many were in flight until `moment`: to be called before the number changes.
    fn count_until(&mut self, moment: Nanos) {
        #[expect(clippy::cast_precision_loss, reason = "a sum for an average")]
        let nanos = (self.flights.len() as u64 * moment.saturating_sub(self.counted)) as f64;
        self.in_flight_nanos += nanos;
        self.counted = self.counted.max(moment);
    }
}
