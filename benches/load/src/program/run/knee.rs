//! The search for the knee: the highest rate at which a server still does well. It measures nothing itself.

use std::io;

/// By how much the ramp goes up at each step.
const RAMP: f64 = 1.6;

/// How close the search comes to the knee.
const PRECISION: f64 = 0.03;

/// The highest rate that is tried.
const HIGHEST: f64 = 1e7;

/// So many measurements that agree decide about a rate.
const AGREE: u32 = 2;

/// What the search came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Knee {
    /// The first rate was too high already.
    Below(f64),
    /// From the first rate on, steps were good at first, and none held.
    Unsteady(f64),
    /// The highest good rate, and what encloses the knee.
    At(f64, Interval),
    /// No rate was too high.
    Above(f64),
}

/// What encloses the knee.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Interval {
    /// The highest rate up to which each measurement was good.
    pub(crate) lower: f64,
    /// The lowest rate from which on none was; `None` if at the highest that was measured one was good.
    pub(crate) upper: Option<f64>,
}

/// A rate, and what its measurements said.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Measurements {
    rate: f64,
    good: u32,
    bad: u32,
}

impl Measurements {
    /// Measures until so many measurements agree. Gives whether they are good.
    fn measure(&mut self, agree: u32, good: &mut dyn FnMut(f64) -> io::Result<bool>) -> io::Result<bool> {
        // One that is bad does not decide, and neither does a good one after that.
        let needed = |bad| if bad > 0 { AGREE } else { agree };
        while self.good < needed(self.bad) && self.bad < AGREE {
            *(if good(self.rate)? { &mut self.good } else { &mut self.bad }) += 1;
        }
        Ok(self.good > self.bad)
    }
}

/// The rates that were measured, and how.
struct Search<'a> {
    rates: Vec<Measurements>,
    good: &'a mut dyn FnMut(f64) -> io::Result<bool>,
}

impl Search<'_> {
    /// Whether this rate is good, by so many measurements that agree, or by two of three.
    fn is_good(&mut self, rate: f64, agree: u32) -> io::Result<bool> {
        let before = self.rates.iter().find(|known| known.rate.to_bits() == rate.to_bits()).copied();
        let mut measured = before.unwrap_or(Measurements { rate, good: 0, bad: 0 });
        self.rates.retain(|known| known.rate.to_bits() != rate.to_bits());
        let found = measured.measure(agree, self.good);
        self.rates.push(measured);
        found
    }

    /// What encloses the knee, which is at this rate.
    fn interval(&self, knee: f64) -> Interval {
        let all = |is_such: fn(&Measurements) -> bool| self.rates.iter().filter(move |rate| is_such(rate));
        let first_bad = all(|rate| rate.bad > 0).map(|rate| rate.rate).fold(f64::INFINITY, f64::min);
        let last_good = all(|rate| rate.good > 0).map(|rate| rate.rate).fold(0.0, f64::max);
        let lower = all(|rate| rate.bad == 0).map(|rate| rate.rate).filter(|rate| *rate < first_bad);
        let upper = all(|rate| rate.good == 0).map(|rate| rate.rate).filter(|rate| *rate > last_good);
        Interval { lower: lower.fold(0.0, f64::max).min(knee), upper: upper.reduce(f64::min) }
    }
}

/// Searches upwards from `from`; `good` measures one rate. A geometric ramp leads to the first rate that is not good, and
/// bisection finds the knee between it and the one before. Where one measurement is not good, two of three decide, and on
/// the way to the knee two that agree do. If the rate that is found does not hold, a little less is tried.
pub(crate) fn search(from: f64, good: &mut dyn FnMut(f64) -> io::Result<bool>) -> io::Result<Knee> {
    let mut search = Search { rates: Vec::new(), good };
    let mut low = from;
    if !search.is_good(low, 1)? {
        return Ok(Knee::Below(low));
    }
    let mut high = low * RAMP;
    while search.is_good(high, 1)? {
        low = high;
        high *= RAMP;
        if high > HIGHEST {
            return Ok(Knee::Above(low));
        }
    }
    while high / low > 1.0 + PRECISION {
        // Halfway on the scale of the ramp.
        let middle = (low * high).sqrt();
        if search.is_good(middle, AGREE)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    while !search.is_good(low, AGREE)? {
        low *= 1.0 - PRECISION;
        if low < from {
            return Ok(Knee::Unsteady(from));
        }
    }
    Ok(Knee::At(low, search.interval(low)))
}

#[cfg(test)]
mod tests {
    use super::{Knee, PRECISION, search};

    #[test]
    fn the_knee_of_a_synthetic_server_is_found_precisely() {
        for capacity in [500.0, 1_234.5, 20_000.0, 3e6] {
            let mut measured = Vec::new();
            // Its p99 goes up like 1 / (1 - load).
            let knee = search(100.0, &mut |rate| {
                measured.push(rate);
                Ok(rate < capacity && 0.1 / (1.0 - rate / capacity) <= 1.0)
            });
            let knee = knee.unwrap();
            let Knee::At(rate, interval) = knee else { panic!("{knee:?}") };
            let true_knee = capacity * 0.9;
            assert!(
                rate <= true_knee && rate >= true_knee * (1.0 - PRECISION) - 1e-9,
                "{rate} of {true_knee}"
            );
            let upper = interval.upper.unwrap();
            assert!(interval.lower == rate && upper > true_knee, "{interval:?}");
            assert!(upper <= rate * (1.0 + PRECISION) + 1e-9, "{interval:?}");
            assert_eq!(measured.iter().filter(|tried| **tried == rate).count(), 2, "measured twice");
            assert!(measured.len() < 50, "{} measurements", measured.len());
        }
    }

    #[test]
    fn one_bad_measurement_does_not_decide() {
        // Whichever measurement the machine spoils, the knee is where it is.
        for spoiled in 0..40 {
            let mut count = 0;
            let knee = search(100.0, &mut |rate| {
                count += 1;
                Ok(rate <= 900.0 && count != spoiled)
            });
            let Knee::At(rate, interval) = knee.unwrap() else { panic!("spoiled {spoiled}: no knee") };
            assert!((900.0 * (1.0 - PRECISION)..=900.0).contains(&rate), "spoiled {spoiled}: {rate}");
            assert!(
                interval.lower <= rate && interval.upper.unwrap() > 900.0,
                "spoiled {spoiled}: {interval:?}"
            );
        }
    }

    #[test]
    fn where_measurements_disagree_the_interval_says_so() {
        let mut count = 0;
        // From 700 on every second measurement is bad, and from 1,000 on each.
        let mut moody = |rate: f64| {
            count += 1;
            Ok(rate < 700.0 || rate < 1000.0 && count % 2 == 0)
        };
        let Knee::At(rate, interval) = search(100.0, &mut moody).unwrap() else { panic!("no knee") };
        let upper = interval.upper.unwrap();
        assert!(interval.lower < 700.0 && (700.0..1100.0).contains(&upper), "{rate} {interval:?}");
        assert!(interval.lower <= rate && rate < upper, "{rate} {interval:?}");
    }

    #[test]
    fn a_server_without_a_knee_is_below_or_above_all_rates() {
        assert_eq!(search(100.0, &mut |_| Ok(false)).unwrap(), Knee::Below(100.0));
        assert!(matches!(search(100.0, &mut |_| Ok(true)).unwrap(), Knee::Above(rate) if rate > 5e6));
    }

    #[test]
    fn a_knee_that_does_not_hold_again_is_lowered() {
        let mut calls = 0;
        // Good up to 1,000 at first; from the eighth measurement on, only up to 600.
        let mut moody = |rate: f64| {
            calls += 1;
            Ok(rate <= if calls < 8 { 1000.0 } else { 600.0 })
        };
        let Knee::At(rate, interval) = search(100.0, &mut moody).unwrap() else { panic!("no knee") };
        assert!((560.0..=600.0).contains(&rate), "{rate}");
        assert!(interval.upper.unwrap() > 600.0, "{interval:?}");
    }

    #[test]
    fn a_knee_without_an_upper_end_has_none() {
        // The highest rate that was measured is good once, and bad twice.
        let mut at_the_top = 0;
        let mut moody = |rate: f64| {
            at_the_top += u32::from(rate > 170.0);
            Ok(rate < 130.0 || rate > 170.0 && at_the_top == 2)
        };
        let Knee::At(rate, interval) = search(111.0, &mut moody).unwrap() else { panic!("no knee") };
        assert!(rate < 130.0 && interval.upper.is_none(), "{rate} {interval:?}");
    }

    #[test]
    fn a_first_rate_that_was_good_once_is_not_said_to_be_too_high() {
        let mut calls = 0;
        let mut tired = |_| {
            calls += 1;
            Ok(calls < 2)
        };
        assert_eq!(search(100.0, &mut tired).unwrap(), Knee::Unsteady(100.0));
    }

    #[test]
    fn an_error_ends_the_search() {
        assert!(search(100.0, &mut |_| Err(std::io::Error::other("gone"))).is_err());
    }
}
