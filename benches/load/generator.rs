//! The loop that keeps visits in flight: closed (so many at a time) or open (so many a second).

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Poll, Token};
use slab::Slab;
use welcomed::protocol::Welcome;

use crate::arrivals::{Arrivals, Spread};
use crate::clock::{Nanos, SECOND, Timer, now};
use crate::flight::{Flight, Manners, Progress, Terminator};
use crate::names::Names;
use crate::system::{NetCounters, Usage};
use crate::tally::{Failure, Tally};
use crate::timeline::{Slice, Timeline};

/// The token of the timer; flights count up from 0.
const TIMER: Token = Token(usize::MAX);

/// How many events one wait takes.
const EVENTS_PER_WAIT: usize = 256;

/// How many visits begin before those in flight have their turn.
const BEGIN_PER_TURN: usize = 64;

/// How often whoever watches is told.
const TELL_EVERY: Nanos = SECOND / 4;

/// How visits begin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Load {
    /// So many at a time: when one ends, the next begins.
    Closed(usize),
    /// So many a second, whether or not those before have ended.
    Open(f64, Spread),
}

/// What a run does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) manners: Manners,
    pub(crate) names: Names,
    pub(crate) load: Load,
    /// No visit begins after this long.
    pub(crate) duration: Nanos,
    /// No more visits than this begin.
    pub(crate) count: u64,
    /// A visit that lasts longer has failed.
    pub(crate) timeout: Nanos,
    /// The most visits at a time. An open loop holds back what is beyond, and counts it.
    pub(crate) in_flight_max: usize,
    /// The local addresses that visits come from, in turn; none: the system chooses.
    pub(crate) sources: Vec<IpAddr>,
    /// The pause before each byte of a name; 0: none.
    pub(crate) pause: Nanos,
    pub(crate) seed: u64,
    /// The process that serves, if its use of the machine is to be measured.
    pub(crate) server: Option<u32>,
}

impl Plan {
    /// The plainest plan, for others to change: visitors called Rafatul, a line feed behind the name, the
    /// default welcome expected, 5 s for each visit, and no end to their number but `duration`.
    pub(crate) fn plain(target: SocketAddr, load: Load, duration: Nanos) -> io::Result<Plan> {
        let names = Names::new(&[b"Rafatul".to_vec()], Terminator::Lf, &Welcome::default());
        Ok(Plan {
            manners: Manners { target, terminator: Terminator::Lf, reset: false },
            names: names.map_err(io::Error::other)?,
            load,
            duration,
            count: u64::MAX,
            timeout: 5 * SECOND,
            in_flight_max: 4096,
            sources: Vec::new(),
            pause: 0,
            seed: 1,
            server: None,
        })
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) timeline: Timeline,
    /// Seconds from the first visit's beginning to the last one's end.
    pub(crate) seconds: f64,
    /// What the server used meanwhile.
    pub(crate) server: Usage,
    /// What this process used.
    pub(crate) generator: Usage,
    pub(crate) net: NetCounters,
    /// Visits in flight, averaged over time.
    pub(crate) in_flight: f64,
    /// Visits that began late because as many as there may be were in flight.
    pub(crate) held_back: u64,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Measured {
    /// Visits welcomed a second.
    pub(crate) fn rate(&self) -> f64 {
        self.tally.welcomed as f64 / self.seconds
    }

    /// How much of a processor the generator used, from 0 to 1.
    pub(crate) fn busy(&self) -> f64 {
        self.generator.cpu as f64 / 1e9 / self.seconds
    }
}

/// What a run looks like while it goes on.
pub(crate) struct Glimpse<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) passed: Nanos,
    pub(crate) in_flight: usize,
}

/// Does what `plan` says, until it is done or `stop` is set. `tell` is told four times a second.
pub(crate) fn run(
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Glimpse<'_>),
) -> io::Result<Measured> {
    let mut generator = Generator::new(plan)?;
    let usage = || (plan.server.map(Usage::of).unwrap_or_default(), Usage::of(std::process::id()));
    let (net, before) = (NetCounters::read(), usage());
    generator.go(stop, tell)?;
    let (server, own) = usage();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let passed = generator.at.saturating_sub(generator.began).max(1) as f64;
    Ok(Measured {
        tally: generator.tally,
        timeline: generator.timeline,
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
    poll: Poll,
    timer: Timer,
    timer_set: Nanos,
    flights: Slab<(u64, Flight)>,
    arrivals: Option<Arrivals>,
    /// When flights have to be over, in the order in which they began. Some are over by then.
    deadlines: VecDeque<(Nanos, usize, u64)>,
    /// When the next byte of a name may leave, in order.
    drips: VecDeque<(Nanos, usize, u64)>,
    begun: u64,
    held_back: u64,
    began: Nanos,
    at: Nanos,
    told: Nanos,
    /// Whether no visit may begin any more because somebody said so.
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
        let arrivals = match plan.load {
            Load::Closed(_) => None,
            Load::Open(rate, spread) => Some(Arrivals::new(spread, rate, plan.seed)),
        };
        let began = now();
        Ok(Generator {
            plan,
            poll,
            timer,
            timer_set: 0,
            flights: Slab::new(),
            arrivals,
            deadlines: VecDeque::new(),
            drips: VecDeque::new(),
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
            self.drip();
            self.expire();
            if self.at - self.told >= TELL_EVERY {
                self.told = self.at;
                let (passed, in_flight) = (self.at - self.began, self.flights.len());
                tell(&Glimpse { tally: &self.tally, passed, in_flight });
            }
        }
    }

    /// Whether another visit may begin at all.
    fn may_begin(&self) -> bool {
        !self.stopped && self.begun < self.plan.count && self.at - self.began < self.plan.duration
    }

    /// Begins the visits that are due and have room, within a budget. Gives whether there are more.
    fn begin_due(&mut self) -> bool {
        for _ in 0..BEGIN_PER_TURN {
            let room = self.flights.len() < self.plan.in_flight_max;
            if !room || !self.may_begin() {
                return false;
            }
            let scheduled = match (self.plan.load, &mut self.arrivals) {
                (Load::Closed(most), _) if self.flights.len() < most => now(),
                (Load::Open(..), Some(arrivals)) => {
                    let scheduled = self.began + arrivals.next();
                    if scheduled > now() || arrivals.next() >= self.plan.duration {
                        return false;
                    }
                    // Held back: it could have begun when the wait before this one ended.
                    let last_place = self.flights.len() + 1 == self.plan.in_flight_max;
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
                if self.plan.pause > 0 {
                    flight = flight.slowly(1);
                }
                let key = self.flights.insert((serial, flight));
                self.deadlines.push_back((begun + self.plan.timeout, key, serial));
                if self.plan.pause > 0 {
                    self.drips.push_back((begun + self.plan.pause, key, serial));
                }
                self.drive(key);
            }
        }
    }

    /// Drives a flight.
    fn drive(&mut self, key: usize) {
        let Some((_, flight)) = self.flights.get_mut(key) else { return };
        match flight.drive(&self.plan.manners, self.poll.registry(), Token(key)) {
            Progress::Waits => {}
            Progress::Welcomed => {
                let moments = flight.moments;
                self.count_until(moments.ended);
                self.flights.remove(key);
                self.tally.succeeded(&moments);
                let worst = moments.ended.saturating_sub(moments.scheduled);
                self.note(moments.ended, Slice { done: 1, failed: 0, worst });
            }
            Progress::Reset => {
                self.count_until(now());
                self.flights.remove(key);
                self.tally.resets += 1;
                self.note(now(), Slice { done: 1, failed: 0, worst: 0 });
            }
            Progress::Failed(failure) => self.fail(key, failure),
        }
    }

    fn fail(&mut self, key: usize, failure: Failure) {
        self.count_until(now());
        self.flights.remove(key);
        self.failed(failure);
    }

    fn failed(&mut self, failure: Failure) {
        self.tally.failed(failure);
        self.note(now(), Slice { done: 0, failed: 1, worst: 0 });
    }

    fn note(&mut self, moment: Nanos, what: Slice) {
        self.timeline.note(moment.saturating_sub(self.began), what);
    }

    /// Lets the next byte of every name out whose time has come.
    fn drip(&mut self) {
        while let Some((at, key, serial)) = self.drips.front().copied()
            && at <= self.at
        {
            self.drips.pop_front();
            let Some((flying, flight)) = self.flights.get_mut(key) else { continue };
            if *flying == serial {
                if flight.allow() {
                    self.drips.push_back((at + self.plan.pause, key, serial));
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
                let failure = flight.timed_out();
                self.fail(key, failure);
            }
        }
    }

    /// Waits for a flight or for the next moment at which something is to be done.
    fn wait(&mut self, events: &mut Events, more: bool) -> io::Result<()> {
        let room = self.flights.len() < self.plan.in_flight_max;
        let arrival =
            self.arrivals.as_ref().filter(|_| room && self.may_begin()).map(|next| self.began + next.next());
        let deadline = self.deadlines.front().map(|(at, ..)| *at);
        let drip = self.drips.front().map(|(at, ..)| *at);
        let next = [arrival, deadline, drip, Some(self.told + TELL_EVERY)].into_iter().flatten().min();
        if let Some(next) = next
            && next != self.timer_set
        {
            self.timer.set(next)?;
            self.timer_set = next;
        }
        match self.poll.poll(events, more.then_some(Duration::ZERO)) {
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
