//! Which visit is due when, and whether it may begin.

use std::collections::VecDeque;
use std::sync::OnceLock;

use crate::figures::measured::Window;
use crate::figures::tally::stage::{self, StageTally};
use crate::plan::arrivals::Arrivals;
use crate::plan::{Load, Plan};
use crate::system::clock::{Nanos, SECOND, nanos, now};

/// How long the place of a visit in a closed loop stays empty that failed as soon as it began. Else the loop would do nothing but
/// fail, as fast as it can.
const REST: Nanos = SECOND / 100;

/// How long behind the end a visit may begin that was due before it.
const GRACE: Nanos = SECOND / 4;

/// The most arrivals that are drawn to count those that did not begin. Behind these their mean is taken.
const DRAWN_MAX: u64 = 10_000_000;

/// The same of those that are late while the run goes on: drawing takes the time of the others.
const OVERDUE_DRAWN_MAX: u64 = 1000;

/// When a visit should begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub(super) scheduled: Nanos,
    /// Since when it could: before, as many as there may be were in flight.
    pub(super) possible: Nanos,
}

/// The schedule of a run, and how far it has got.
pub(super) struct Schedule {
    load: Load,
    arrivals: Option<Arrivals>,
    duration: Nanos,
    most: u64,
    pub(super) began: Nanos,
    pub(super) begun: u64,
    /// Visits that waited for a place.
    pub(super) held_back: u64,
    /// When a place became free last, after there had been none.
    free_since: Nanos,
    /// When the places of a closed loop whose visits failed at once are taken again.
    resting: VecDeque<Nanos>,
    /// The moment at which the last visit that has begun was due.
    last_due: Nanos,
    /// When the run was stopped.
    stopped: Option<Nanos>,
    /// What was found when it was over.
    window: Option<Window>,
}

impl Schedule {
    /// The schedule of a run that begins now. If another thread of it is there already, it has begun with that.
    pub(super) fn new(plan: &Plan, began: &OnceLock<Nanos>) -> Schedule {
        let arrivals = plan.arrivals();
        let began = *began.get_or_init(now);
        Schedule {
            load: plan.load,
            arrivals,
            duration: nanos(plan.duration),
            most: plan.count,
            began,
            begun: 0,
            held_back: 0,
            free_since: began,
            resting: VecDeque::new(),
            last_due: began,
            stopped: None,
            window: None,
        }
    }

    /// Whether another visit may begin at all, at this moment.
    pub(super) fn may_begin(&self, at: Nanos) -> bool {
        let passed = at - self.began;
        // A visit that was due in time begins late rather than not at all, within limits.
        let is_due = |arrivals: &Arrivals| {
            arrivals.next() < self.duration && passed < self.duration.saturating_add(GRACE)
        };
        let in_time = passed < self.duration || self.arrivals.as_ref().is_some_and(is_due);
        self.stopped.is_none() && self.begun < self.most && in_time
    }

    /// No visit begins from now on.
    pub(super) fn stop(&mut self, at: Nanos) {
        self.stopped.get_or_insert(at);
    }

    /// The visit that is due, with so many in flight, if it has a place: `has_room` says whether there is one.
    pub(super) fn next(&mut self, at: Nanos, in_flight: usize, has_room: bool) -> Option<Due> {
        if !self.may_begin(at) {
            return None;
        }
        let scheduled = match (self.load, &mut self.arrivals) {
            (Load::Closed(most), _) => {
                let now = now();
                while self.resting.front().is_some_and(|until| *until <= now) {
                    self.resting.pop_front();
                }
                if in_flight + self.resting.len() >= most || !has_room {
                    return None;
                }
                now
            }
            (Load::Open(..), Some(arrivals)) => {
                let scheduled = self.began + arrivals.next();
                if scheduled > now() || arrivals.next() >= self.duration {
                    return None;
                }
                if !has_room {
                    return None;
                }
                arrivals.advance();
                scheduled
            }
            (Load::Open(..), None) => return None,
        };
        self.begun += 1;
        self.last_due = scheduled;
        let possible = if scheduled < self.free_since { self.free_since } else { scheduled };
        self.held_back += u64::from(possible > scheduled);
        Some(Due { scheduled, possible })
    }

    /// There was no place, and there is one `since` this moment.
    pub(super) fn has_place(&mut self, since: Nanos) {
        self.free_since = self.free_since.max(since);
    }

    /// A visit has failed as soon as it began. In a closed loop its place stays empty for a while.
    pub(super) fn rest(&mut self, at: Nanos) {
        if let Load::Closed(_) = self.load {
            self.resting.push_back(at + REST);
        }
    }

    /// When the next visit is due, if it may begin then.
    pub(super) fn next_moment(&self, at: Nanos) -> Option<Nanos> {
        let arrival = self.arrivals.as_ref().map(|arrivals| self.began + arrivals.next());
        arrival.or(self.resting.front().copied()).filter(|_| self.may_begin(at))
    }

    /// How many visits were due before this moment and have not begun yet.
    pub(super) fn overdue(&self, at: Nanos) -> u64 {
        // Behind a stop nothing is due any more.
        let at = self.stopped.map_or(at, |stopped| at.min(stopped));
        let until = at.saturating_sub(self.began).min(self.duration);
        let late = self.arrivals.as_ref().filter(|arrivals| arrivals.next() < until);
        let Some(mut arrivals) = late.cloned() else { return 0 };
        let (mut count, most) = (0, self.most - self.begun);
        while arrivals.next() < until && count < most {
            if count == OVERDUE_DRAWN_MAX {
                return (count + arrivals.expected_until(until)).min(most);
            }
            count += 1;
            arrivals.advance();
        }
        count
    }

    /// The time in which visits were due, of a run that is over `at` this moment, and how many of them did not begin.
    pub(super) fn window(&mut self, at: Nanos) -> Window {
        self.window.unwrap_or_else(|| self.end_stages(at, &mut []))
    }

    /// The same. How long each stage was, and which of its visits did not begin, is noted in `stages`.
    pub(super) fn end_stages(&mut self, at: Nanos, stages: &mut [StageTally]) -> Window {
        let whole = at.saturating_sub(self.began).max(1);
        let cut = self
            .stopped
            .map_or(self.duration, |stopped| self.duration.min(stopped.saturating_sub(self.began)));
        let length = match &self.arrivals {
            _ if self.begun < self.most => cut,
            // Half a gap is behind the last one, as it is before the first of uniform arrivals.
            Some(arrivals) => self.last_due - self.began + arrivals.mean_gap() / 2,
            None => whole,
        };
        let length = length.clamp(1, whole.max(1));
        let due = self.begun + self.not_begun(cut, stages);
        let mut from: Nanos = 0;
        for stage in stages {
            stage.length = length.saturating_sub(from).min(stage.duration);
            from = from.saturating_add(stage.duration);
        }
        *self.window.insert(Window { length, tail: whole - length, due, begun: self.begun })
    }

    /// How many visits were due before `end` and did not begin.
    fn not_begun(&mut self, end: Nanos, stages: &mut [StageTally]) -> u64 {
        let Some(arrivals) = &mut self.arrivals else { return 0 };
        let (mut count, most) = (0, self.most - self.begun);
        while arrivals.next() < end && count < most {
            if count == DRAWN_MAX {
                let rest = arrivals.expected_until(end).min(most - count);
                share(rest, end, arrivals, stages);
                return count + rest;
            }
            count += 1;
            if let Some(stage) = stage::at(stages, arrivals.next()) {
                stage.not_begun += 1;
            }
            arrivals.advance();
        }
        count
    }
}

/// Notes in which stages so many visits were due before `end`, by the means of these.
fn share(visits: u64, end: Nanos, arrivals: &Arrivals, stages: &mut [StageTally]) {
    let (mut until, mut noted): (Nanos, u64) = (0, 0);
    for stage in stages {
        until = until.saturating_add(stage.duration).min(end);
        let expected = arrivals.expected_until(until).min(visits);
        stage.not_begun += expected.saturating_sub(noted);
        noted = noted.max(expected);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::arrivals::{Spacing, Stage};

    fn schedule(load: Load) -> Schedule {
        let target = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let plan = Plan::plain(target, load, Duration::from_secs(1)).unwrap();
        let mut schedule = Schedule::new(&plan, &OnceLock::new());
        schedule.began = now() - SECOND / 2;
        schedule.free_since = schedule.began;
        schedule
    }

    #[test]
    fn what_was_due_and_did_not_begin_is_counted() {
        let mut open = schedule(Load::Open(1000.0, Spacing::Uniform));
        let at = open.began + SECOND / 2;
        assert!((0..100).all(|_| open.next(at, 0, true).is_some()));
        let window = open.window(open.began + 2 * SECOND);
        assert_eq!((window.begun, window.length, window.tail), (100, SECOND, SECOND));
        assert_eq!(window.due, 1000);
    }

    #[test]
    fn what_is_due_and_has_not_begun_is_known_while_the_run_goes_on() {
        let mut open = schedule(Load::Open(1000.0, Spacing::Uniform));
        let at = open.began + SECOND / 2;
        assert!((0..100).all(|_| open.next(at, 0, true).is_some()));
        assert_eq!((open.overdue(at), open.overdue(open.began + 2 * SECOND)), (400, 900));
        assert_eq!(open.overdue(open.began + SECOND / 20), 0, "all of then have begun");
        open.most = 120;
        assert_eq!(open.overdue(at), 20);
        open.most = 1000;
        open.stop(at);
        assert_eq!(open.overdue(open.began + 2 * SECOND), 400, "nothing is due behind a stop");
        assert_eq!(schedule(Load::Closed(3)).overdue(at), 0);
        // Of too many to draw it is the mean.
        let many = schedule(Load::Open(1e6, Spacing::Uniform));
        assert!(many.overdue(many.began + SECOND / 2).abs_diff(500_000) < 1000);
    }

    #[test]
    fn so_many_that_each_cannot_be_drawn_are_counted_by_their_mean() {
        let mut open = schedule(Load::Open(1e9, Spacing::Poisson));
        let window = open.window(open.began + 2 * SECOND);
        open.window = None;
        assert!(window.due.abs_diff(1_000_000_000) < 100_000, "{window:?}");
        // Each stage has a mean of its own.
        let stage = |rate| Stage { rate, duration: Duration::from_millis(250) };
        open.arrivals = Some(Arrivals::staged(Spacing::Poisson, &[stage(1e9), stage(1e6)], 1));
        let mut stages =
            [(1e9, 1), (1e6, 3)].map(|(rate, quarters)| StageTally::new(rate, quarters * SECOND / 4));
        let window = open.end_stages(open.began + 2 * SECOND, &mut stages);
        assert!(window.due.abs_diff(250_750_000) < 100_000, "{window:?}");
        assert_eq!(window, open.window(open.began + 2 * SECOND), "it is looked up once");
        let left = stages.map(|stage| stage.not_begun);
        assert!(left[1].abs_diff(750_000) < 10_000 && left[0] + left[1] == window.due, "{left:?}");
    }

    #[test]
    fn a_visit_that_was_due_in_time_begins_late_rather_than_not() {
        let mut open = schedule(Load::Open(1000.0, Spacing::Uniform));
        open.began -= 2 * SECOND;
        let end = open.began + SECOND;
        assert!(open.next(end + GRACE / 2, 0, true).is_some_and(|due| due.scheduled < end));
        assert_eq!(open.next(end + GRACE, 0, true), None);
        while open.next(end, 0, true).is_some() {}
        assert!(!open.may_begin(end), "all that were due have begun: {}", open.begun);
    }

    #[test]
    fn a_visit_without_a_place_is_held_back_until_one_is_free() {
        let mut open = schedule(Load::Open(1000.0, Spacing::Uniform));
        let at = open.began + SECOND / 2;
        assert_eq!(open.next(at, 1, false), None);
        let free = open.began + SECOND / 4;
        open.has_place(free);
        let due = open.next(at, 0, true).unwrap();
        assert!(due.scheduled < free && due.possible == free, "{due:?}");
        assert_eq!(open.held_back, 1);
        // One that is due later is not.
        while open.next(at, 0, true).is_some_and(|due| due.scheduled < free) {}
        let due = open.next(at, 0, true).unwrap();
        assert_eq!(due.possible, due.scheduled);
    }

    #[test]
    fn a_closed_loop_does_not_begin_at_once_what_failed_at_once() {
        let mut closed = schedule(Load::Closed(2));
        let at = closed.began + SECOND / 2;
        assert!(closed.next(at, 0, true).is_some());
        closed.rest(now() + SECOND);
        assert!(closed.next(at, 0, true).is_some(), "the other place");
        assert!(closed.next(at, 1, true).is_none());
        assert!(closed.next_moment(at).is_some_and(|moment| moment > at));
    }

    #[test]
    fn a_run_that_ends_by_its_count_is_as_long_as_visits_were_due() {
        let mut open = schedule(Load::Open(100.0, Spacing::Uniform));
        open.most = 10;
        let at = open.began + SECOND / 2;
        while open.next(at, 0, true).is_some() {}
        let window = open.window(open.began + 2 * SECOND);
        assert!(window.due == 10 && window.begun == 10, "{window:?}");
        assert!(window.length.abs_diff(SECOND / 10) < 1000, "{window:?}");
    }
}
