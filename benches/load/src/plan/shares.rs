//! What each of several generators does of one plan. Together they do exactly what one would.

use std::sync::Arc;

use crate::plan::share::Share;
use crate::plan::{Load, Plan};

impl Plan {
    /// The plans of its threads, each of which has one. Their visits are those of the whole plan:
    ///
    /// * An open loop has one schedule, whatever the number of threads. They take its arrivals in turn, and so its names
    ///   and its sources.
    /// * A closed loop has its places and its count divided. Each thread takes the names and the sources in turn. With a
    ///   count it begins with the name at which the thread before it ends.
    pub(crate) fn shares(&self) -> Vec<Plan> {
        let threads = self.threads.max(1) as u64;
        let panicked = Arc::default();
        let share = |thread| Plan { panicked: Arc::clone(&panicked), ..self.share(thread, threads) };
        (0..threads).map(share).collect()
    }

    fn share(&self, thread: u64, threads: u64) -> Plan {
        let turn = Share { first: thread, every: threads };
        let part = |whole: usize| usize::try_from(turn.of(whole as u64)).unwrap_or(usize::MAX);
        let in_flight_max = part(self.in_flight_max).max(1);
        let (load, count, share) = match self.load {
            Load::Open(..) => (self.load, self.count_of(turn.of(self.count)), turn),
            Load::Closed(places) => {
                // By their places, so that all end at about the same time.
                let until = |thread| {
                    let before: u64 =
                        (0..thread).map(|first| Share { first, ..turn }.of(places as u64)).sum();
                    let part = u128::from(self.count) * u128::from(before) / places.max(1) as u128;
                    u64::try_from(part).unwrap_or(u64::MAX)
                };
                let (from, until) = (until(thread), until(thread + 1));
                let share = if self.count == u64::MAX { turn } else { Share { first: from, every: 1 } };
                (Load::Closed(part(places)), self.count_of(until - from), share)
            }
        };
        Plan { threads: 1, load, count, share, in_flight_max, ..self.clone() }
    }

    /// A part of the count, which stays without an end if the whole has none.
    fn count_of(&self, part: u64) -> u64 {
        if self.count == u64::MAX { u64::MAX } else { part }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::plan::arrivals::{Spacing, Stage};

    fn plan(load: Load, threads: usize) -> Plan {
        let target = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        Plan { threads, ..Plan::plain(target, load, Duration::from_secs(1)).unwrap() }
    }

    #[test]
    fn parts_of_a_closed_loop_add_up() {
        for (places, threads, count) in
            [(64, 2, 1000), (7, 3, 1000), (3, 3, 1), (5, 2, 0), (64, 5, u64::MAX), (9, 4, 1_000_000_007)]
        {
            let whole = Plan { count, in_flight_max: 100, ..plan(Load::Closed(places), threads) };
            let parts = whole.shares();
            assert_eq!(parts.len(), threads);
            let sum: usize = parts
                .iter()
                .map(|part| match part.load {
                    Load::Closed(places) => places,
                    Load::Open(..) => 0,
                })
                .sum();
            assert_eq!(sum, places);
            assert_eq!(parts.iter().map(|part| part.in_flight_max).sum::<usize>(), 100);
            if count == u64::MAX {
                assert!(parts.iter().all(|part| part.count == u64::MAX));
                continue;
            }
            assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), count);
            // Each number is that of one visit.
            let mut next = 0;
            for part in &parts {
                assert_eq!((part.share.first, part.share.every), (next, 1));
                next += part.count;
            }
        }
    }

    #[test]
    fn parts_of_an_open_loop_are_the_schedule_of_one() {
        let stage = |rate| Stage { rate, duration: Duration::from_millis(300) };
        for spacing in [Spacing::Poisson, Spacing::Uniform] {
            for (stages, threads, count) in
                [(vec![], 2, 500), (vec![], 3, 100), (vec![stage(1e3), stage(5e3), stage(10.0)], 4, u64::MAX)]
            {
                let load = Load::Open(1000.0, spacing);
                let whole = Plan { count, stages, ..plan(load, threads) };
                let schedule = |plan: &Plan| {
                    let mut arrivals = plan.arrivals().unwrap();
                    let mut due = BTreeMap::new();
                    for own in 0..plan.count {
                        if arrivals.next() >= 1_000_000_000 {
                            break;
                        }
                        due.insert(plan.share.number(own), arrivals.next());
                        arrivals.advance();
                    }
                    due
                };
                let one = schedule(&Plan { threads: 1, ..whole.clone() });
                let all: Vec<_> = whole.shares().iter().flat_map(schedule).collect();
                assert_eq!(all.len(), one.len(), "none is there twice");
                assert_eq!(all.into_iter().collect::<BTreeMap<_, _>>(), one);
            }
        }
    }
}
