//! The turns of the loop: begin what is due, wait, drive what has something to do, end what has lasted too long.

mod over;
mod pending;
mod rows;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Poll, Token};
use slab::Slab;

use crate::figures::culprit::Evidence;
use crate::figures::failure::{Detail, Failure};
use crate::figures::measured::Glimpse;
use crate::figures::tally::Tally;
use crate::figures::tally::stage::StageTally;
use crate::figures::timeline::{Slice, Timeline};
use crate::generator::afterwards::Afterwards;
use crate::generator::flight::{Flight, Progress, System, kept::Kept};
use crate::generator::halt::TellsOfPanic;
use crate::generator::schedule::Schedule;
use crate::generator::timing::Timing;
use crate::generator::turns::rows::Rows;
use crate::plan::{Load, Plan};
use crate::system::clock::{Nanos, SECOND, Timer, nanos, now};

/// The token of the timer; flights count up from 0.
const TIMER: Token = Token(usize::MAX);

/// How many events one wait takes.
const EVENTS_PER_WAIT: usize = 256;

/// How many visits begin before those in flight are driven again.
const BEGIN_PER_TURN: usize = 64;

/// How often `tell` is called.
pub(super) const TELL_EVERY: Nanos = SECOND / 4;

/// How often a visit that waits for room tries again, if nothing else happens.
const TRY_AGAIN: Nanos = SECOND / 1000;

/// The loop while it goes on.
pub(super) struct Generator<'a> {
    plan: &'a Plan,
    /// The plan's, in nanoseconds.
    timeout: Nanos,
    pause: Nanos,
    poll: Poll,
    timer: Timer,
    timer_set: Nanos,
    flights: Slab<(u64, Flight)>,
    pub(super) schedule: Schedule,
    pub(super) system: System,
    /// When flights have to be over, in the order in which they began. Some are over by then.
    deadlines: VecDeque<(Nanos, usize, u64)>,
    /// When the next byte of a name may leave, in order.
    drips: VecDeque<(Nanos, usize, u64)>,
    /// Flights that wait for room, in the order in which they began. Some may be over.
    waiting: VecDeque<(usize, u64)>,
    pub(super) kept: Kept,
    rows: Option<Rows>,
    afterwards: Afterwards,
    /// Visits that were welcomed while others could begin.
    pub(super) welcomed_in_window: u64,
    /// Since when nothing has come to an end, while visits were in flight.
    nothing_since: Nanos,
    pub(super) at: Nanos,
    told: Nanos,
    pub(super) in_flight_nanos: f64,
    /// Until when that is counted.
    counted: Nanos,
    pub(super) tally: Tally,
    pub(super) timeline: Timeline,
}

impl<'a> Generator<'a> {
    pub(super) fn new(plan: &'a Plan, began: &OnceLock<Nanos>) -> io::Result<Generator<'a>> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let (system, mut tally, timeline) = (System::new(), Tally::new(), Timeline::new());
        // Last, for the run begins with it.
        let schedule = Schedule::new(plan, began);
        let began = schedule.began;
        tally.began = began;
        tally.stages =
            plan.stages.iter().map(|stage| StageTally::new(stage.rate, nanos(stage.duration))).collect();
        Ok(Generator {
            plan,
            timeout: nanos(plan.timeout),
            pause: nanos(plan.pause),
            poll,
            timer,
            timer_set: 0,
            flights: Slab::new(),
            schedule,
            system,
            deadlines: VecDeque::new(),
            drips: VecDeque::new(),
            waiting: VecDeque::new(),
            kept: Kept::new(&plan.manners),
            rows: plan.rows.clone().map(|to| Rows::begin(to, began, &mut tally)),
            afterwards: Afterwards::new(nanos(plan.timeout)),
            welcomed_in_window: 0,
            nothing_since: began,
            at: began,
            told: began,
            in_flight_nanos: 0.0,
            counted: began,
            tally,
            timeline,
        })
    }

    pub(super) fn go(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(&Glimpse<'_>)) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_WAIT);
        let _others = TellsOfPanic(&self.plan.panicked);
        loop {
            self.at = now();
            if self.plan.panicked.load(Ordering::Relaxed) {
                // What is in flight is of no use any more.
                return Ok(());
            }
            if stop.load(Ordering::Relaxed) {
                self.schedule.stop(self.at);
            }
            let more = self.begin_due();
            if !self.schedule.may_begin(self.at) && self.flights.is_empty() {
                self.schedule.end_stages(self.at, &mut self.tally.stages);
                return Ok(());
            }
            self.wait(&mut events, more)?;
            self.at = self.system.clock.wake();
            for event in &events {
                if event.token() != TIMER {
                    self.reported(event.token().0, event.is_read_closed());
                    if let Load::Closed(_) = self.plan.load {
                        self.begin_due(); // when one ends, the next begins
                    }
                }
            }
            self.try_again();
            self.drip();
            self.expire();
            self.close_sockets();
            if self.at - self.told >= TELL_EVERY {
                self.told = self.at;
                self.settle();
                self.tally.not_begun = self.schedule.overdue(self.at);
                let (passed, in_flight) = (self.at - self.schedule.began, self.flights.len());
                tell(&Glimpse { tally: &self.tally, passed, in_flight });
            }
        }
    }

    /// Whether there may be another one in flight.
    fn has_room(&self) -> bool {
        self.flights.len() + self.afterwards.len() < self.plan.in_flight_max
    }

    /// Begins the visits that are due and have room, within a budget. Gives whether more are due.
    fn begin_due(&mut self) -> bool {
        for _ in 0..BEGIN_PER_TURN {
            let has_room = self.has_room();
            let Some(due) = self.schedule.next(self.at, self.flights.len(), has_room) else { return false };
            self.begin(Timing::begin(due.scheduled, due.possible));
        }
        true
    }

    fn begin(&mut self, mut timing: Timing) {
        let serial = self.schedule.begun - 1;
        let number = self.plan.share.number(serial);
        let source = self.plan.source(number);
        let (request, expected) = self.plan.names.visit(number);
        let begun = timing.moments.started;
        if self.flights.is_empty() {
            self.nothing_since = begun;
        }
        match self.kept.begin(&self.plan.manners, source, request, expected, timing) {
            Err((failure, errno)) => {
                timing.fail(&self.system.clock);
                let outcome = (Progress::Failed(failure), Some(Detail::Errno(errno)));
                self.over(serial, &timing, Evidence::default(), outcome);
                self.schedule.rest(now());
                self.failed(failure, outcome.1, 0);
            }
            Ok(mut flight) => {
                self.count_until(begun);
                if self.pause > 0 {
                    flight = flight.slowly(1);
                }
                let stands = flight.is_over_kept();
                let key = self.flights.insert((serial, flight));
                self.deadlines.push_back((begun.saturating_add(self.timeout), key, serial));
                if self.pause > 0 {
                    self.drips.push_back((begun.saturating_add(self.pause), key, serial));
                }
                // A visit that waits is not overtaken by a later one.
                let progress =
                    if self.waiting.is_empty() || stands { self.drive(key) } else { Progress::NoRoom };
                match progress {
                    Progress::NoRoom => {
                        self.tally.waited += 1;
                        self.waiting.push_back((key, serial));
                    }
                    Progress::Failed(_) => self.schedule.rest(now()),
                    Progress::Waits
                    | Progress::GoesOn
                    | Progress::Welcomed
                    | Progress::Reset
                    | Progress::Lost => {}
                }
            }
        }
    }

    /// Drives a flight, if it is not over.
    fn drive(&mut self, key: usize) -> Progress {
        let Some((_, flight)) = self.flights.get_mut(key) else { return Progress::Waits };
        let progress = flight.drive(&self.plan.manners, &mut self.system, self.poll.registry(), Token(key));
        self.came_to(key, progress);
        progress
    }

    /// Notes what a flight has come to.
    fn came_to(&mut self, key: usize, progress: Progress) {
        let Some((serial, flight)) = self.flights.get_mut(key) else { return };
        if let Progress::Waits | Progress::GoesOn | Progress::NoRoom = progress {
            return;
        }
        // What was read late can have come too late as well.
        let was_late = progress == Progress::Welcomed && flight.timing.kernel_time() > self.timeout;
        let progress = match progress {
            Progress::Welcomed if was_late && self.plan.manners.target.semantics().connections => {
                Progress::Failed(Failure::ReplyTimeout)
            }
            Progress::Welcomed if was_late => {
                self.tally.late += 1;
                Progress::Lost
            }
            Progress::Waits
            | Progress::GoesOn
            | Progress::NoRoom
            | Progress::Welcomed
            | Progress::Reset
            | Progress::Lost
            | Progress::Failed(_) => progress,
        };
        let evidence = flight.evidence(&self.plan.manners, progress);
        let (serial, timing, detail) = (*serial, flight.timing, flight.detail());
        self.tally.note_wrong(|| flight.wrong(progress));
        self.count_until(timing.moments.ended);
        self.land(key, progress == Progress::Lost);
        let worst = self.over(serial, &timing, evidence, (progress, detail));
        match progress {
            Progress::Waits | Progress::GoesOn | Progress::NoRoom => {}
            Progress::Welcomed => {
                self.tally.welcomed += 1;
                self.welcomed_in_window += u64::from(self.schedule.may_begin(self.at));
                self.note(Slice { done: 1, failed: 0, worst });
            }
            Progress::Reset => {
                self.tally.resets += 1;
                self.note(Slice { done: 1, failed: 0, worst });
            }
            Progress::Lost => {
                self.tally.lost += 1;
                self.note(Slice { done: 0, failed: 1, worst });
            }
            Progress::Failed(failure) => self.failed(failure, detail, worst),
        }
    }

    /// Ends a flight. A connection is closed; to a socket for datagrams more can come.
    fn land(&mut self, key: usize, was_lost: bool) {
        let was_full = !self.has_room();
        let (_, flight) = self.flights.remove(key);
        if self.plan.manners.target.semantics().connections {
            if was_full {
                self.schedule.has_place(flight.timing.moments.closed);
            }
            self.kept.keep(flight);
        } else {
            self.afterwards.keep(flight, was_lost, now());
        }
    }

    /// Closes the sockets on which nothing is expected any more.
    fn close_sockets(&mut self) {
        let was_full = !self.has_room();
        self.afterwards.close(&self.plan.manners.target, &mut self.system.along, self.at, &mut self.tally);
        if was_full && self.has_room() {
            self.schedule.has_place(self.at);
        }
    }

    /// Waits until the last socket of a datagram's visit is closed. If waiting fails they are closed at once: answers that are
    /// late are worth less than all other figures.
    pub(super) fn wait_for_leftovers(&mut self, stop: &AtomicBool) {
        let mut events = Events::with_capacity(EVENTS_PER_WAIT);
        let mut waits = true;
        while let Some(next) = self.afterwards.next() {
            let now = if stop.load(Ordering::Relaxed) || !waits { Nanos::MAX } else { now() };
            self.afterwards.close(&self.plan.manners.target, &mut self.system.along, now, &mut self.tally);
            if next > now {
                waits = self.timer.set(next).and_then(|()| self.poll(&mut events, None)).is_ok();
            }
        }
    }

    fn failed(&mut self, failure: Failure, detail: Option<Detail>, worst: Nanos) {
        self.tally.failed(failure, detail);
        self.note(Slice { done: 0, failed: 1, worst });
    }

    fn note(&mut self, what: Slice) {
        self.timeline.note(self.nothing_since.saturating_sub(self.schedule.began), what);
    }

    /// Waits for a flight or for the next moment at which something is to be done.
    fn wait(&mut self, events: &mut Events, more: bool) -> io::Result<()> {
        let room = self.has_room();
        let arrival = if room { self.schedule.next_moment(self.at) } else { None };
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
