//! How long something lasted, how often.

use std::time::Duration;

/// The first bound, in microseconds. Each other one is four times the one before.
const FIRST_MICROS: u64 = 100;

/// How many bounds there are: the last one is 1,678 s.
pub const BOUNDS: usize = 13;

/// Durations, counted in buckets of powers of four from 100 µs on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    /// The last bucket has what is beyond all bounds.
    counts: [u64; BOUNDS + 1],
    sum_micros: u64,
}

impl Histogram {
    /// One more, which lasted so long.
    #[inline]
    pub(super) fn add(&mut self, micros: u64) {
        let place = match micros {
            0..=FIRST_MICROS => 0,
            // Half the binary logarithm, rounded up: where 4^place is not below it.
            _ => (micros.div_ceil(FIRST_MICROS) - 1).ilog2() / 2 + 1,
        };
        let place = (place as usize).min(BOUNDS);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them lasted together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros)
    }

    /// Each bound, and how many lasted at most as long. Those beyond the last bound are in [`count`](Histogram::count) alone.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let bounds = std::iter::successors(Some(FIRST_MICROS), |bound| Some(bound * 4));
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.map(Duration::from_micros).zip(counts).take(BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_from_the_first_bound_that_it_keeps() {
        let bounds: Vec<Duration> = Histogram::default().cumulative().map(|(bound, _)| bound).collect();
        assert_eq!(bounds.first(), Some(&Duration::from_micros(100)));
        assert_eq!(bounds.last(), Some(&Duration::from_micros(100 << 24)));
        let around = bounds.iter().flat_map(|bound| {
            let bound = u64::try_from(bound.as_micros()).unwrap();
            [bound - 1, bound, bound + 1]
        });
        for micros in around.chain([0, 1, 99, u64::MAX / 2]) {
            let mut histogram = Histogram::default();
            histogram.add(micros);
            for (bound, count) in histogram.cumulative() {
                assert_eq!(count == 1, Duration::from_micros(micros) <= bound, "{micros} µs and {bound:?}");
            }
            assert_eq!((histogram.count(), histogram.sum()), (1, Duration::from_micros(micros)));
        }
    }
}
