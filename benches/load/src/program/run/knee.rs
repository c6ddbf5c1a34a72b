//! The search for the knee: the highest rate at which a server still does well. It measures nothing itself.

use std::io;

/// By how much the ramp goes up at each step.
const RAMP: f64 = 1.6;

/// How close the search comes to the knee.
const PRECISION: f64 = 0.03;

/// The highest rate that is tried.
const HIGHEST: f64 = 1e7;

/// What the search came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Knee {
    /// The first rate was too high already.
    Below(f64),
    /// The highest good rate, measured twice.
    At(f64),
    /// No rate was too high.
    Above(f64),
}

/// Searches upwards from `from`; `good` measures one rate. A geometric ramp leads to the first rate that is not good, and
/// bisection finds the knee between it and the one before. Then the knee is measured again: if that is not good, a little
/// less is tried.
pub(crate) fn search(from: f64, good: &mut dyn FnMut(f64) -> io::Result<bool>) -> io::Result<Knee> {
    let mut low = from;
    if !good(low)? {
        return Ok(Knee::Below(low));
    }
    let mut high = low * RAMP;
    while good(high)? {
        low = high;
        high *= RAMP;
        if high > HIGHEST {
            return Ok(Knee::Above(low));
        }
    }
    while high / low > 1.0 + PRECISION {
        // Halfway on the scale of the ramp.
        let middle = (low * high).sqrt();
        if good(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    while !good(low)? {
        low *= 1.0 - PRECISION;
        if low < from {
            return Ok(Knee::Below(from));
        }
    }
    Ok(Knee::At(low))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_knee_of_a_synthetic_server_is_found_precisely() {
        use super::{Knee, PRECISION, search};
        for capacity in [500.0, 1_234.5, 20_000.0, 3e6] {
            let mut measured = Vec::new();
            // Its p99 goes up like 1 / (1 - load).
            let knee = search(100.0, &mut |rate| {
                measured.push(rate);
                Ok(rate < capacity && 0.1 / (1.0 - rate / capacity) <= 1.0)
            });
            let knee = knee.unwrap();
            let Knee::At(rate) = knee else { panic!("{knee:?}") };
            let true_knee = capacity * 0.9;
            assert!(
                rate <= true_knee && rate >= true_knee * (1.0 - PRECISION) - 1e-9,
                "{rate} of {true_knee}"
            );
            assert_eq!(measured.iter().filter(|tried| **tried == rate).count(), 2, "measured twice");
            assert!(measured.len() < 40, "{} measurements", measured.len());
        }
    }

    #[test]
    fn a_server_without_a_knee_is_below_or_above_all_rates() {
        use super::{Knee, search};
        assert_eq!(search(100.0, &mut |_| Ok(false)).unwrap(), Knee::Below(100.0));
        assert!(matches!(search(100.0, &mut |_| Ok(true)).unwrap(), Knee::Above(rate) if rate > 5e6));
    }

    #[test]
    fn a_knee_that_does_not_hold_again_is_lowered() {
        use super::{Knee, search};
        let mut calls = 0;
        // Good up to 1,000 at first; from the tenth measurement on, only up to 800.
        let mut moody = |rate: f64| {
            calls += 1;
            Ok(rate <= if calls < 10 { 1000.0 } else { 800.0 })
        };
        let Knee::At(rate) = search(100.0, &mut moody).unwrap() else { panic!("no knee") };
        assert!((750.0..=800.0).contains(&rate), "{rate}");
    }

    #[test]
    fn an_error_ends_the_search() {
        use super::search;
        assert!(search(100.0, &mut |_| Err(std::io::Error::other("gone"))).is_err());
    }
}
