//! What happened when, in slices of time. There are never more than so many slices: when a run goes on
//! beyond the last, two neighbours become one.

use serde::{Deserialize, Serialize};

use crate::system::clock::{Nanos, SECOND};

/// The most slices.
const SLICES: usize = 120;

/// How long a slice is at first.
const WIDTH: Nanos = SECOND / 50;

/// What happened in one slice.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Slice {
    /// Visits that went as they should, those that were reset on purpose among them.
    pub(crate) done: u64,
    /// Visits that failed.
    pub(crate) failed: u64,
    /// The longest latency of a visit that ended here, in nanoseconds.
    pub(crate) worst: Nanos,
}

impl Slice {
    fn add(&mut self, other: Slice) {
        self.done = self.done.saturating_add(other.done);
        self.failed = self.failed.saturating_add(other.failed);
        self.worst = self.worst.max(other.worst);
    }

    fn sum(slices: &[Slice]) -> Slice {
        let mut sum = Slice::default();
        for slice in slices {
            sum.add(*slice);
        }
        sum
    }
}

/// What happened when, in slices of time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Timeline {
    /// How long each slice is, in nanoseconds.
    pub(crate) width: Nanos,
    /// From the beginning to the last slice in which something happened.
    pub(crate) slices: Vec<Slice>,
}

impl Timeline {
    pub(crate) fn new() -> Timeline {
        Timeline { width: WIDTH, slices: Vec::with_capacity(SLICES) }
    }

    /// Notes what happened `at` nanoseconds from the beginning.
    pub(crate) fn note(&mut self, at: Nanos, what: Slice) {
        let mut index = self.index(at);
        while index >= SLICES {
            self.widen();
            index = self.index(at);
        }
        if self.slices.len() <= index {
            self.slices.resize(index + 1, Slice::default());
        }
        if let Some(slice) = self.slices.get_mut(index) {
            slice.add(what);
        }
    }

    /// Makes one slice of two neighbours.
    fn widen(&mut self) {
        self.slices = self.slices.chunks(2).map(Slice::sum).collect();
        self.width *= 2;
    }

    /// Whether it is one that can be added to others.
    pub(crate) fn is_whole(&self) -> bool {
        let doublings = self.width / WIDTH;
        self.width == doublings * WIDTH && doublings.is_power_of_two() && self.slices.len() <= SLICES
    }

    /// Adds what happened in another run, as long after its beginning.
    pub(crate) fn add(&mut self, other: &Timeline) {
        let mut other = other.clone();
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        if self.slices.len() < other.slices.len() {
            self.slices.resize(other.slices.len(), Slice::default());
        }
        for (sum, slice) in self.slices.iter_mut().zip(&other.slices) {
            sum.add(*slice);
        }
    }

    fn index(&self, at: Nanos) -> usize {
        usize::try_from(at / self.width).unwrap_or(usize::MAX)
    }

    /// The visits a second of every slice but the last, which is not over.
    #[expect(clippy::cast_precision_loss, reason = "figures for a picture")]
    pub(crate) fn rates(&self) -> Vec<f64> {
        let whole = self.slices.split_last().map_or(&[][..], |(_, whole)| whole);
        whole.iter().map(|slice| slice.done as f64 * 1e9 / self.width as f64).collect()
    }

    /// The longest latency of every slice, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "figures for a picture")]
    pub(crate) fn worst_micros(&self) -> Vec<f64> {
        self.slices.iter().map(|slice| slice.worst as f64 / 1e3).collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_long_run_takes_no_more_room_and_loses_no_visit() {
        use super::{SLICES, Slice, Timeline, WIDTH};
        let mut timeline = Timeline::new();
        let visit = |worst| Slice { done: 1, failed: 0, worst };
        for second in 0..1000 {
            timeline.note(second * 1_000_000_000, visit(second));
        }
        assert!(timeline.slices.len() <= SLICES && timeline.slices.len() > SLICES / 2 - 1);
        assert_eq!(timeline.width % WIDTH, 0);
        assert_eq!(timeline.slices.iter().map(|slice| slice.done).sum::<u64>(), 1000);
        assert!(timeline.slices.is_sorted_by_key(|slice| slice.worst), "each is in its place");
        assert_eq!(timeline.slices.last().unwrap().worst, 999);
    }

    #[test]
    fn timelines_of_any_width_are_added_moment_by_moment() {
        use super::{Slice, Timeline};
        let of = |seconds: std::ops::Range<u64>| {
            let mut timeline = Timeline::new();
            for at in seconds {
                timeline.note(at * 1_000_000_000, Slice { done: 1, failed: 2, worst: 500 - at });
            }
            timeline
        };
        let (short, long) = (of(0..2), of(0..300));
        let [mut one, mut other] = [short.clone(), long.clone()];
        one.add(&long);
        other.add(&short);
        assert_eq!((one.width, &one.slices), (other.width, &other.slices));
        assert_eq!(
            one.slices
                .iter()
                .map(|slice| (slice.done, slice.failed))
                .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
            (302, 604)
        );
        assert_eq!((one.width, one.slices[0].done), (long.width, long.slices[0].done + 2));
    }

    #[test]
    fn rates_are_of_whole_slices() {
        use super::{Slice, Timeline, WIDTH};
        let mut timeline = Timeline::new();
        for at in [0, 1, WIDTH, WIDTH * 2] {
            timeline.note(at, Slice { done: 1, failed: 0, worst: 3_000 });
        }
        assert_eq!(timeline.rates(), [100.0, 50.0]);
        assert_eq!(timeline.worst_micros(), [3.0, 3.0, 3.0]);
    }
}
