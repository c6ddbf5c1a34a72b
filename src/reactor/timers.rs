//! The timers of a service: a list of deadlines for each of its waits, and one for lingering.

use std::time::Duration;

use super::breach::Breach;
use super::deadlines::Deadlines;
use super::service::{TIMERS, Timer, Wait};

/// How long a connection may linger, in all.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// No wait at all.
const NONE: Wait = Wait::MAX;

/// The wait over lingering, which is the loop's own. A service has those below it.
const LINGER: Wait = Wait::MAX - 1;

/// The timers that the loop runs for one connection. Packed, it leaves no gap of two bytes in each.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
pub(crate) struct Running {
    waits: [Wait; TIMERS],
    generations: [u32; TIMERS],
}

impl Default for Running {
    fn default() -> Self {
        Running { waits: [NONE; TIMERS], generations: [0; TIMERS] }
    }
}

impl Running {
    fn of(declared: [Option<Timer>; TIMERS]) -> Running {
        Running {
            waits: declared.map(|timer| timer.map_or(NONE, |timer| timer.wait)),
            generations: declared.map(|timer| timer.map_or(0, |timer| timer.generation)),
        }
    }

    fn timers(&self) -> impl Iterator<Item = Option<Timer>> {
        let pairs = self.waits.into_iter().zip(self.generations);
        pairs.map(|(wait, generation)| (wait != NONE).then_some(Timer { wait, generation }))
    }

    /// The timer over `wait` has run out, and runs no more.
    pub(crate) fn ran_out(&mut self, wait: Wait) {
        for running in self.waits.iter_mut().filter(|running| **running == wait) {
            *running = NONE;
        }
    }

    /// The timer that runs over `wait`.
    pub(crate) fn over(&self, wait: Wait) -> Option<Timer> {
        self.timers().flatten().find(|timer| timer.wait == wait)
    }
}

/// A timer that has run out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    /// Of which connection.
    pub(crate) key: usize,
    pub(crate) wait: Wait,
    /// When it ran out, which can be long ago.
    pub(crate) at: u64,
    /// Whether it had run out before, and went on.
    pub(crate) is_postponed: bool,
}

/// A list of deadlines for each wait. Moments are nanoseconds from one start.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Of the waits of the service, in their order.
    lists: Vec<Deadlines>,
    linger: Deadlines,
}

impl Timers {
    pub(crate) fn new(waits: &[Duration]) -> Timers {
        let lists = waits.iter().take(LINGER.into()).map(|wait| Deadlines::new(*wait)).collect();
        Timers { lists, linger: Deadlines::new(LINGER_TIMEOUT) }
    }

    /// The timers of a connection that lingers.
    pub(crate) fn lingering() -> [Option<Timer>; TIMERS] {
        [Some(Timer { wait: LINGER, generation: 0 }), None]
    }

    /// The timers of a connection as its session declares them: over known waits, and each over one of its own.
    pub(crate) fn checked(
        &self,
        declared: [Option<Timer>; TIMERS],
    ) -> Result<[Option<Timer>; TIMERS], Breach> {
        let [one, other] = declared.map(|timer| timer.map(|timer| timer.wait));
        if [one, other].into_iter().flatten().any(|wait| usize::from(wait) >= self.lists.len()) {
            return Err(Breach::UnknownWait);
        }
        if one.is_some() && one == other { Err(Breach::SameWait) } else { Ok(declared) }
    }

    /// Lets run what is `declared`, and nothing else. What runs already goes on.
    pub(crate) fn run(
        &mut self,
        key: usize,
        running: &mut Running,
        declared: [Option<Timer>; TIMERS],
        now: u64,
    ) {
        if running.timers().eq(declared) {
            return;
        }
        let old = std::mem::replace(running, Running::of(declared));
        for timer in old.timers().flatten().filter(|timer| running.over(timer.wait).is_none()) {
            self.on(timer.wait, |list| list.disarm(key));
        }
        for timer in declared.into_iter().flatten().filter(|timer| old.over(timer.wait) != Some(*timer)) {
            self.on(timer.wait, |list| list.arm(key, now));
        }
    }

    /// Forgets a connection.
    pub(crate) fn forget(&mut self, key: usize, running: Running) {
        for timer in running.timers().flatten() {
            self.on(timer.wait, |list| list.disarm(key));
        }
    }

    /// The first moment at which anything is due; `NEVER` if there is none.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.lists.iter().map(Deadlines::first).fold(self.linger.first(), u64::min)
    }

    /// How long a wait of the service lasts. None for lingering, which is the loop's own.
    pub(crate) fn length(&self, wait: Wait) -> Option<Duration> {
        self.lists.get(usize::from(wait)).map(Deadlines::after)
    }

    /// Lets a timer that has run out go on for so long, from the moment on at which it ran out.
    pub(crate) fn postpone(&mut self, Due { key, wait, at, .. }: Due, rest: Duration) {
        let rest = u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX);
        self.on(wait, |list| list.postpone(key, at.saturating_add(rest)));
    }

    /// Takes the next connection that something is due for: what was due first comes first, however late
    /// it is looked for.
    pub(crate) fn expire(&mut self, now: u64) -> Option<Due> {
        let first = self.first();
        let lists = self.lists.iter_mut().zip(0..).chain([(&mut self.linger, LINGER)]);
        let (list, wait) = lists.into_iter().find(|(list, _)| list.first() == first)?;
        // Of this list, too, it is the first, and not one that was postponed and is due later.
        let (key, is_postponed) = match list.expire_postponed(first.min(now)) {
            Some(key) => (key, true),
            None => (list.expire(now)?, false),
        };
        Some(Due { key, wait, at: first, is_postponed })
    }

    /// The connections of which a timer runs that began longest ago: at most so many of each list, each connection once, with the moment at which
    /// that began. It looks at no others, however many there are.
    pub(crate) fn longest(&self, most: usize) -> Vec<(usize, u64)> {
        let lists = self.lists.iter().chain([&self.linger]);
        let mut all: Vec<_> = lists.flat_map(|list| list.waiting().take(most)).collect();
        all.sort_unstable();
        all.dedup_by_key(|(key, _)| *key);
        all.sort_unstable_by_key(|(key, since)| (*since, *key));
        all.truncate(most);
        all
    }

    fn on(&mut self, wait: Wait, change: impl FnOnce(&mut Deadlines)) {
        if wait == LINGER {
            change(&mut self.linger);
        } else if let Some(list) = self.lists.get_mut(usize::from(wait)) {
            change(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::deadlines::NEVER;
    use super::*;

    const MS: u64 = 1_000_000;

    #[expect(clippy::unnecessary_wraps, reason = "as it is declared")]
    fn timer(wait: Wait, generation: u32) -> Option<Timer> {
        Some(Timer { wait, generation })
    }

    fn timers() -> (Timers, Running) {
        (Timers::new(&[Duration::from_millis(10), Duration::from_millis(3)]), Running::default())
    }

    /// What expires next, and is no timer that was postponed.
    fn expired(timers: &mut Timers, now: u64) -> Option<(usize, Wait)> {
        let due = timers.expire(now)?;
        assert!(!due.is_postponed && due.at <= now);
        Some((due.key, due.wait))
    }

    #[test]
    fn a_timer_that_is_postponed_goes_on_while_it_is_declared() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        let due = timers.expire(5 * MS).unwrap();
        assert_eq!(due, Due { key: 4, wait: 1, at: 3 * MS, is_postponed: false });
        timers.postpone(due, Duration::from_millis(5));
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 5 * MS);
        assert_eq!((timers.expire(7 * MS), timers.length(1)), (None, Some(Duration::from_millis(3))));
        let due = timers.expire(9 * MS).unwrap();
        assert_eq!(due, Due { key: 4, wait: 1, at: 8 * MS, is_postponed: true });
        timers.postpone(due, Duration::from_millis(1));
        timers.run(4, &mut running, [timer(0, 1), None], 8 * MS);
        assert_eq!((expired(&mut timers, 10 * MS), timers.expire(NEVER - 1)), (Some((4, 0)), None));
    }

    #[test]
    fn the_connections_that_wait_longest_are_each_there_once() {
        let (mut timers, mut all) = (timers().0, [Running::default(); 5]);
        for (key, now) in [(3, 1), (1, 2), (4, 3), (0, 4), (2, 5)] {
            timers.run(key, &mut all[key], [timer(0, 1), timer(1, 1)], now);
        }
        // It has another wait since then, and waits in the first one as before.
        timers.run(3, &mut all[3], [timer(0, 1), timer(1, 2)], 6);
        timers.run(1, &mut all[1], Timers::lingering(), 7);
        assert_eq!(timers.longest(3), [(3, 1), (4, 3), (0, 4)]);
        assert_eq!(timers.longest(9), [(3, 1), (4, 3), (0, 4), (2, 5), (1, 7)]);
        assert_eq!(timers.longest(0), []);
    }

    #[test]
    fn what_was_due_first_comes_before_what_was_postponed() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        let due = timers.expire(3 * MS).unwrap();
        timers.postpone(due, Duration::from_millis(9));
        timers.run(5, &mut Running::default(), [timer(1, 1), None], 6 * MS);
        let order: Vec<_> = std::iter::from_fn(|| timers.expire(20 * MS)).collect();
        let order: Vec<_> = order.iter().map(|due| (due.at / MS, due.key, due.wait)).collect();
        assert_eq!(order, [(9, 5, 1), (10, 4, 0), (12, 4, 1)]);
    }

    #[test]
    fn a_timer_that_runs_already_goes_on() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), None], 0);
        timers.run(4, &mut running, [timer(0, 1), None], 5 * MS);
        assert_eq!(timers.first(), 10 * MS);
    }

    #[test]
    fn another_generation_starts_the_timer_anew() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        timers.run(4, &mut running, [timer(0, 1), timer(1, 2)], 2 * MS);
        assert_eq!(
            (expired(&mut timers, 5 * MS), expired(&mut timers, 10 * MS)),
            (Some((4, 1)), Some((4, 0)))
        );
    }

    #[test]
    fn a_timer_that_is_not_declared_any_more_is_forgotten() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        timers.run(4, &mut running, [timer(1, 1), None], MS);
        assert_eq!(expired(&mut timers, NEVER - 1), Some((4, 1)));
        assert_eq!(expired(&mut timers, NEVER - 1), None);
    }

    #[test]
    fn a_timer_that_ran_out_starts_anew_when_it_is_declared_again() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        assert_eq!(expired(&mut timers, 5 * MS), Some((4, 1)));
        running.ran_out(1);
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 5 * MS);
        assert_eq!(
            (expired(&mut timers, 8 * MS), expired(&mut timers, 10 * MS)),
            (Some((4, 1)), Some((4, 0)))
        );
    }

    #[test]
    fn a_timer_that_changes_its_place_goes_on() {
        let (mut timers, mut running) = timers();
        timers.run(4, &mut running, [timer(0, 1), timer(1, 1)], 0);
        timers.run(4, &mut running, [timer(1, 1), timer(0, 1)], 2 * MS);
        timers.run(4, &mut running, [None, timer(0, 1)], 5 * MS);
        assert_eq!(timers.first(), 10 * MS);
        assert_eq!(expired(&mut timers, 10 * MS), Some((4, 0)));
        assert_eq!(expired(&mut timers, NEVER - 1), None);
    }

    #[test]
    fn lingering_has_a_wait_beside_any_number_of_waits() {
        for waits in [0, 1, 253, 254, 255, 300] {
            let mut timers = Timers::new(&vec![Duration::from_secs(9); waits]);
            timers.run(4, &mut Running::default(), Timers::lingering(), 0);
            assert_eq!(timers.first(), 2000 * MS, "{waits}");
            let last = u8::try_from(waits.min(254)).unwrap();
            assert_eq!(timers.checked([timer(last, 0), None]), Err(Breach::UnknownWait), "{waits}");
        }
    }

    #[test]
    fn what_is_due_first_expires_first_and_ties_go_by_place() {
        let (mut timers, mut running) = timers();
        let mut other = Running::default();
        timers.run(1, &mut running, [timer(0, 0), None], 0);
        timers.run(2, &mut other, [timer(1, 0), None], 7 * MS);
        assert_eq!(expired(&mut timers, 20 * MS), Some((1, 0)), "both are due at 10 ms");
        assert_eq!(expired(&mut timers, 20 * MS), Some((2, 1)));
    }

    #[test]
    fn a_wait_that_was_not_declared_is_told() {
        let (timers, _) = timers();
        assert_eq!(timers.checked([timer(1, 0), timer(0, 0)]), Ok([timer(1, 0), timer(0, 0)]));
        for wait in [2, 3, 254, 255] {
            assert_eq!(timers.checked([None, timer(wait, 0)]), Err(Breach::UnknownWait));
        }
        assert_eq!(timers.checked([timer(1, 0), timer(1, 1)]), Err(Breach::SameWait));
    }
}
