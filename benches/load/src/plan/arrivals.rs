//! When the clients of an open loop arrive: pure arithmetic, no clock.
//!
//! Arrivals are moments on an absolute schedule, so a late start of one delays no other. A latency counts from the
//! scheduled moment and leaves nothing out (no coordinated omission).

use std::collections::VecDeque;
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// How the arrivals of an open loop are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[non_exhaustive]
pub enum Spacing {
    /// Independent clients: exponential gaps.
    Poisson,
    /// Equal gaps.
    Uniform,
}

/// The most stages of a run: each has a histogram of its own.
pub(crate) const STAGES_MAX: usize = 256;

/// So many arrivals a second for so long.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stage {
    /// Visits a second, from 0.001 to 1e9.
    pub rate: f64,
    /// How long this stage lasts.
    pub duration: Duration,
}

impl Stage {
    /// The mean gap, in 2⁻³² ns.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive")]
    #[expect(clippy::cast_precision_loss, reason = "a gap needs no more than 53 bits")]
    fn gap(&self) -> u128 {
        (SECOND as f64 / self.rate) as u128
    }
}

/// One second in the unit of the schedule, 2⁻³² ns: fine enough that the mean gap of a billion arrivals
/// is exact to a nanosecond in all.
const SECOND: u128 = 1_000_000_000 << 32;

/// An endless schedule of arrivals.
#[derive(Clone)]
pub(crate) struct Arrivals {
    spacing: Spacing,
    /// The stages to come: when each ends, in 2⁻³² ns since the start, and its mean gap. The last one has no end.
    stages: VecDeque<(u128, u128)>,
    /// The next arrival, in 2⁻³² ns since the start.
    next: u128,
    random: Xoshiro256PlusPlus,
    /// How far the next but one is behind the next one, in arrivals.
    step: u64,
}

impl Arrivals {
    /// `rate` arrivals a second; the same `seed` gives the same schedule.
    pub(crate) fn new(spacing: Spacing, rate: f64, seed: u64) -> Arrivals {
        Arrivals::staged(spacing, &[Stage { rate, duration: Duration::MAX }], seed)
    }

    /// Stages, one after the other. The last one goes on for ever.
    pub(crate) fn staged(spacing: Spacing, stages: &[Stage], seed: u64) -> Arrivals {
        let mut end = 0;
        let stages = stages.iter().map(|stage| {
            end += stage.duration.as_nanos().min(u128::from(u64::MAX)) << 32;
            (end, stage.gap())
        });
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut arrivals = Arrivals { spacing, stages: stages.collect(), next: 0, random, step: 1 };
        match spacing {
            Spacing::Poisson => arrivals.advance(),
            // From the middle of the first gap, so that in n gaps there are n arrivals.
            Spacing::Uniform => arrivals.go_on(arrivals.gap() / 2),
        }
        arrivals
    }

    /// Of these arrivals the one behind the first so many, and every `step`-th from there on.
    pub(crate) fn every(mut self, first: u64, step: u64) -> Arrivals {
        for _ in 0..first {
            self.advance();
        }
        self.step = step;
        self
    }

    /// The next arrival, in nanoseconds since the start.
    pub(crate) fn next(&self) -> u64 {
        u64::try_from(self.next >> 32).unwrap_or(u64::MAX)
    }

    /// Goes on to the arrival behind it.
    pub(crate) fn advance(&mut self) {
        for _ in 0..self.step {
            let gap = match self.spacing {
                Spacing::Uniform => self.gap(),
                Spacing::Poisson => self.exponential(),
            };
            self.go_on(gap);
        }
    }

    /// The mean gap of the present stage in nanoseconds, between an arrival and the next of all of them.
    pub(crate) fn mean_gap(&self) -> u64 {
        u64::try_from(self.gap() >> 32).unwrap_or(u64::MAX)
    }

    /// How many arrivals are expected from the next one on until `end`, by the means of the stages.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number")]
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub(crate) fn expected_until(&self, end: u64) -> u64 {
        let end = u128::from(end) << 32;
        let (mut from, mut sum) = (self.next, 0.0);
        for (index, (stage, gap)) in self.stages.iter().enumerate() {
            let is_last = index + 1 == self.stages.len();
            let until = if is_last { end } else { end.min(*stage) };
            sum += until.saturating_sub(from) as f64 / *gap as f64;
            from = from.max(until);
        }
        (sum / self.step as f64) as u64
    }

    /// The mean gap of the present stage.
    fn gap(&self) -> u128 {
        self.stages.front().map_or(SECOND, |(_, gap)| *gap)
    }

    /// Goes on by a gap of the present stage. What of it is beyond the stage's end is as much of a gap of the next one.
    fn go_on(&mut self, gap: u128) {
        self.next += gap;
        while let (Some((end, before)), Some((_, behind))) = (self.stages.front(), self.stages.get(1))
            && self.next >= *end
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is positive")]
            #[expect(clippy::cast_precision_loss, reason = "a gap needs no more than 53 bits")]
            let rest = ((self.next - end) as f64 / *before as f64 * *behind as f64) as u128;
            self.next = end + rest;
            self.stages.pop_front();
        }
    }

    /// A random gap with the schedule's mean: the inverse of the exponential distribution.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is positive")]
    #[expect(clippy::cast_precision_loss, reason = "53 random bits are meant to fill a float")]
    fn exponential(&mut self) -> u128 {
        // From (0, 1], so that the logarithm is finite.
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-uniform.ln() * self.gap() as f64) as u128
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_billion_uniform_arrivals_do_not_drift() {
        use super::{Arrivals, Spacing};
        // 3 a second is no whole number of nanoseconds: rounding each gap would be off by a third of a second.
        for rate in [3.0, 1000.0 / 7.0, 999_983.0] {
            let mut arrivals = Arrivals::new(Spacing::Uniform, rate, 1);
            arrivals.next += arrivals.gap() * 999_999_999;
            let exact = (1e9 - 0.5) / rate * 1e9;
            assert!(
                (arrivals.next() as f64 - exact).abs() <= exact * 1e-15 + 2.0,
                "{rate} a second: {}",
                arrivals.next()
            );
        }
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_variance_of_their_law() {
        use super::{Arrivals, Spacing};
        let (count, rate) = (1_000_000, 1e6);
        let mut arrivals = Arrivals::new(Spacing::Poisson, rate, 42);
        let (mut last, mut squares) = (0, 0.0);
        for _ in 0..count {
            squares += ((arrivals.next() - last) as f64).powi(2);
            last = arrivals.next();
            arrivals.advance();
        }
        // The mean gap is 1000 ns, and so is its standard deviation. So the mean of a million gaps is within 1 ns in two
        // cases of three, and practically always within 5 ns.
        let mean = last as f64 / f64::from(count);
        assert!((mean - 1000.0).abs() < 5.0, "mean gap {mean}");
        assert!((squares / f64::from(count) / 2e6 - 1.0).abs() < 0.02, "mean square {squares}");
    }

    #[test]
    fn a_seed_is_a_schedule() {
        use super::{Arrivals, Spacing};
        let schedule = |seed| {
            let mut arrivals = Arrivals::new(Spacing::Poisson, 1000.0, seed);
            (0..100)
                .map(|_| {
                    arrivals.advance();
                    arrivals.next()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(schedule(7), schedule(7));
        assert_ne!(schedule(7), schedule(8));
        assert!(schedule(7).is_sorted());
    }

    #[test]
    fn uniform_arrivals_are_as_many_as_rate_times_duration() {
        use super::{Arrivals, Spacing};
        for (rate, seconds, due) in
            [(10.0, 1, 10), (3.0, 1, 3), (7.0, 9, 63), (999_983.0, 1, 999_983), (0.5, 4, 2)]
        {
            let mut arrivals = Arrivals::new(Spacing::Uniform, rate, 1);
            let mut count = 0;
            while arrivals.next() < seconds * 1_000_000_000 {
                count += 1;
                arrivals.advance();
            }
            assert_eq!(count, due, "{rate} a second for {seconds} s");
        }
    }

    #[test]
    fn each_stage_has_its_rate_and_no_gap_at_its_end() {
        use super::{Arrivals, Duration, Spacing, Stage};
        let stage = |rate, seconds| Stage { rate, duration: Duration::from_secs(seconds) };
        let stages = [stage(10.0, 2), stage(0.25, 8), stage(1000.0, 3), stage(100.0, 1)];
        for spacing in [Spacing::Uniform, Spacing::Poisson] {
            let mut arrivals = Arrivals::staged(spacing, &stages, 3);
            let mut counts = [0; 14];
            while arrivals.next() < 14_000_000_000 {
                counts[usize::try_from(arrivals.next() / 1_000_000_000).unwrap()] += 1;
                arrivals.advance();
            }
            let counts = [&counts[..2], &counts[2..10], &counts[10..13], &counts[13..]]
                .map(|part| part.iter().sum::<i32>());
            if spacing == Spacing::Uniform {
                assert_eq!(counts, [20, 2, 3000, 100]);
            }
            for (count, due) in counts.into_iter().zip([20, 2, 3000, 100]) {
                // Five standard deviations, and a few for the small ones.
                let off = (f64::from(count - due)).abs();
                assert!(off <= 5.0 * f64::from(due).sqrt(), "{spacing:?}: {count} of {due}");
            }
        }
    }
}
