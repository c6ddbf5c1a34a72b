//! When the clients of an open loop arrive: pure arithmetic, no clock.
//!
//! Arrivals are moments on an absolute schedule, so a late start of one delays no other. A latency counts from the
//! scheduled moment and leaves nothing out (no coordinated omission).

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

/// One second in the unit of the schedule, 2⁻³² ns: fine enough that the mean gap of a billion arrivals
/// is exact to a nanosecond in all.
const SECOND: u128 = 1_000_000_000 << 32;

/// An endless schedule of arrivals.
pub(crate) struct Arrivals {
    spacing: Spacing,
    gap: u128,
    /// The next arrival, in 2⁻³² ns since the start.
    next: u128,
    random: Xoshiro256PlusPlus,
}

impl Arrivals {
    /// `rate` arrivals a second; the same `seed` gives the same schedule.
    pub(crate) fn new(spacing: Spacing, rate: f64, seed: u64) -> Arrivals {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive")]
        #[expect(clippy::cast_precision_loss, reason = "a gap needs no more than 53 bits")]
        let gap = (SECOND as f64 / rate) as u128;
        let mut arrivals =
            Arrivals { spacing, gap, next: 0, random: Xoshiro256PlusPlus::seed_from_u64(seed) };
        arrivals.advance();
        arrivals
    }

    /// The next arrival, in nanoseconds since the start.
    pub(crate) fn next(&self) -> u64 {
        u64::try_from(self.next >> 32).unwrap_or(u64::MAX)
    }

    /// Goes on to the arrival behind it.
    pub(crate) fn advance(&mut self) {
        self.next += match self.spacing {
            Spacing::Uniform => self.gap,
            Spacing::Poisson => self.exponential(),
        };
    }

    /// A random gap with the schedule's mean: the inverse of the exponential distribution.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is positive")]
    #[expect(clippy::cast_precision_loss, reason = "53 random bits are meant to fill a float")]
    fn exponential(&mut self) -> u128 {
        // From (0, 1], so that the logarithm is finite.
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-uniform.ln() * self.gap as f64) as u128
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
            arrivals.next += arrivals.gap * 999_999_999;
            let exact = 1e9 / rate * 1e9;
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
}
