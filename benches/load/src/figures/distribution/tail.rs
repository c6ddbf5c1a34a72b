//! The visits that took so long or longer, summed up: how late the generator was in them, and what made them slow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::culprit::Culprit;
use crate::figures::distribution::steps;
use crate::figures::parts::{Part, Parts};
use crate::system::clock::Nanos;

/// Each doubling of a time has two to the power of this many steps, of 3 % at most.
const STEP_BITS: u32 = 5;

/// Visits whose time is of one step, or of all from one on.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Visits {
    pub(crate) count: u64,
    /// All their time, from the scheduled moment to the end.
    pub(crate) time: Nanos,
    /// What of it was the generator's: late to begin, and late to read.
    pub(crate) start_lag: Nanos,
    pub(crate) reading_lag: Nanos,
    culprits: [u64; Culprit::ALL.len()],
}

impl Visits {
    #[expect(clippy::indexing_slicing, reason = "there is a place for every culprit")]
    fn note(&mut self, parts: &Parts, culprit: Culprit) {
        self.count += 1;
        self.time += parts.whole();
        self.start_lag += parts.of(Part::StartLag);
        self.reading_lag += parts.of(Part::ReadingLag);
        self.culprits[culprit as usize] += 1;
    }

    fn add(&mut self, other: &Visits) {
        // Saturating, for they can come from a file.
        self.count = self.count.saturating_add(other.count);
        self.time = self.time.saturating_add(other.time);
        self.start_lag = self.start_lag.saturating_add(other.start_lag);
        self.reading_lag = self.reading_lag.saturating_add(other.reading_lag);
        for (sum, count) in self.culprits.iter_mut().zip(other.culprits) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Each culprit, and how many of these visits it made slow, the most first. Those without one are among them.
    pub(crate) fn culprits(&self) -> Vec<(Culprit, u64)> {
        let mut all: Vec<_> = Culprit::ALL.into_iter().zip(self.culprits).filter(|(_, n)| *n > 0).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }
}

/// Visits by their time, in steps. It takes the same room whatever their number.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<Step>", try_from = "Vec<Step>")]
pub(crate) struct Tail {
    steps: Vec<Visits>,
}

/// The visits of one step, as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Which step, from 0.
    #[serde(rename = "step")]
    place: usize,
    count: u64,
    time: Nanos,
    start_lag: Nanos,
    reading_lag: Nanos,
    culprits: BTreeMap<Culprit, u64>,
}

impl From<Tail> for Vec<Step> {
    fn from(tail: Tail) -> Vec<Step> {
        let stored = |(place, visits): (usize, Visits)| {
            let culprits = visits.culprits().into_iter().collect();
            let Visits { count, time, start_lag, reading_lag, .. } = visits;
            Step { place, count, time, start_lag, reading_lag, culprits }
        };
        tail.steps.into_iter().enumerate().filter(|(_, visits)| visits.count > 0).map(stored).collect()
    }
}

impl TryFrom<Vec<Step>> for Tail {
    type Error = String;

    fn try_from(stored: Vec<Step>) -> Result<Tail, String> {
        let mut tail = Tail::default();
        for Step { place, count, time, start_lag, reading_lag, culprits } in stored {
            if place > step(Nanos::MAX)
                || culprits.values().fold(0, |sum: u64, count| sum.saturating_add(*count)) != count
            {
                return Err(format!("no visits of step {place}"));
            }
            if tail.steps.len() <= place {
                tail.steps.resize(place + 1, Visits::default());
            }
            let counts = Culprit::ALL.map(|culprit| culprits.get(&culprit).copied().unwrap_or(0));
            if let Some(visits) = tail.steps.get_mut(place) {
                *visits = Visits { count, time, start_lag, reading_lag, culprits: counts };
            }
        }
        Ok(tail)
    }
}

/// The step of a time.
fn step(time: Nanos) -> usize {
    steps::step(time, STEP_BITS)
}

impl Tail {
    /// Notes a visit by `time`.
    pub(crate) fn note(&mut self, time: Nanos, parts: &Parts, culprit: Culprit) {
        let step = step(time);
        if self.steps.len() <= step {
            self.steps.resize(step + 1, Visits::default());
        }
        if let Some(visits) = self.steps.get_mut(step) {
            visits.note(parts, culprit);
        }
    }

    /// The visits that took `time` or longer, and those that took at most 3 % less.
    pub(crate) fn from(&self, time: Nanos) -> Visits {
        let mut sum = Visits::default();
        for visits in self.steps.iter().skip(step(time)) {
            sum.add(visits);
        }
        sum
    }

    /// Adds the visits of another run.
    pub(crate) fn add(&mut self, other: &Tail) {
        if self.steps.len() < other.steps.len() {
            self.steps.resize(other.steps.len(), Visits::default());
        }
        for (sum, visits) in self.steps.iter_mut().zip(&other.steps) {
            sum.add(visits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visits_from_a_time_on_are_those() {
        let mut tail = Tail::default();
        let lag = |lag| {
            let mut parts = Parts::default();
            parts.0[Part::StartLag as usize] = lag;
            parts
        };
        for time in [1000, 2000, 3000, 4000] {
            tail.note(time, &lag(time), if time > 2000 { Culprit::StartedLate } else { Culprit::None });
        }
        let mut twice = tail.clone();
        twice.add(&tail);
        let slow = twice.from(3000);
        assert_eq!((slow.count, slow.time, slow.start_lag, slow.reading_lag), (4, 14_000, 14_000, 0));
        assert_eq!(slow.culprits(), [(Culprit::StartedLate, 4)]);
        assert_eq!(tail.from(0).culprits(), [(Culprit::None, 2), (Culprit::StartedLate, 2)]);
        assert_eq!(tail.from(5000).count, 0);
    }
}
