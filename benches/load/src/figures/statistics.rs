//! Medians, spreads and verdicts: pure arithmetic over figures of rounds.

/// The middle of some figures and how far they spread.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Spread {
    /// The median.
    pub(crate) median: f64,
    /// The lower quartile.
    pub(crate) lower: f64,
    /// The upper quartile.
    pub(crate) upper: f64,
}

/// The quantile `q` of sorted figures, between neighbours in proportion. `NaN` of none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
    let place = q * (sorted.len().saturating_sub(1)) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
    let below = place.floor() as usize;
    match (sorted.get(below), sorted.get(below + 1)) {
        (Some(a), Some(b)) => a + (b - a) * place.fract(),
        (Some(a), None) => *a,
        _ => f64::NAN,
    }
}

/// Median and quartiles.
pub(crate) fn spread(figures: &[f64]) -> Spread {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    Spread { median: quantile(&sorted, 0.5), lower: quantile(&sorted, 0.25), upper: quantile(&sorted, 0.75) }
}

/// Each figure over its partner of the same round: what the machine did to both in that round cancels.
pub(crate) fn paired_ratios(figures: &[f64], partners: &[f64]) -> Vec<f64> {
    figures.iter().zip(partners).map(|(figure, partner)| figure / partner).collect()
}

/// A mean that was estimated from rounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// Its standard error.
    pub(crate) error: f64,
    /// So many degrees of freedom has that.
    freedom: f64,
}

/// Half of the interval of 95 % around a mean, in standard errors, for 1 to 30 degrees of freedom: quantile 0.975 of
/// Student's t (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2). A few rounds tell less than the normal
/// distribution has it.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

impl Estimate {
    /// By how much it can be off (95 %). `NaN` of a single round.
    pub(crate) fn off(self) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the table")]
        let place = self.freedom as usize;
        let student = match place.checked_sub(1) {
            None => f64::NAN,
            Some(place) => STUDENT.get(place).copied().unwrap_or(1.96),
        };
        student * self.error
    }

    /// From another one to this, with the degrees of freedom that Welch and Satterthwaite give the difference of both.
    pub(crate) fn minus(self, other: Estimate) -> Estimate {
        let error = self.error.hypot(other.error);
        let part = |estimate: Estimate| estimate.error.powi(4) / estimate.freedom;
        let freedom = error.powi(4) / (part(self) + part(other));
        let freedom = if freedom.is_finite() { freedom } else { self.freedom.min(other.freedom) };
        Estimate { mean: self.mean - other.mean, error, freedom }
    }
}

/// The mean of the logarithms of rounds, in their order: a half and a double are equally far from one.
///
/// Rounds that are neighbours resemble each other, and so tell less than they are many. If each has `r` of what the one before
/// was off by, `n` of them tell as much as `n (1 - r) / (1 + r)` would that have nothing to do with each other.
#[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
pub(crate) fn mean_log(costs: &[f64]) -> Estimate {
    let logs: Vec<f64> = costs.iter().filter(|cost| **cost > 0.0).map(|cost| cost.ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let off: Vec<f64> = logs.iter().map(|log| log - mean).collect();
    let squares = off.iter().map(|off| off * off).sum::<f64>();
    let neighbours = off.iter().zip(off.iter().skip(1)).map(|(one, next)| one * next).sum::<f64>();
    // Of a few rounds the likeness is found too small, by about this.
    let likeness = if squares > 0.0 { (neighbours / squares + 1.0 / count).clamp(0.0, 0.9) } else { 0.0 };
    let tell = (count * (1.0 - likeness) / (1.0 + likeness)).max(count.min(2.0));
    Estimate { mean, error: (squares / (count - 1.0) / tell).sqrt(), freedom: tell - 1.0 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_spread_of_a_known_case() {
        use super::{Spread, spread};
        assert_eq!(spread(&[4.0, 1.0, 3.0, 2.0, 5.0]), Spread { median: 3.0, lower: 2.0, upper: 4.0 });
        assert_eq!(spread(&[1.0, 2.0]), Spread { median: 1.5, lower: 1.25, upper: 1.75 });
        assert_eq!(spread(&[7.0]).median, 7.0);
        assert!(spread(&[]).median.is_nan(), "nothing measured is no figure");
    }

    #[test]
    fn what_drifts_for_both_cancels_in_a_paired_ratio() {
        use super::{paired_ratios, spread};
        let (floor, other) = ([10.0, 20.0, 40.0, 80.0], [9.0, 18.0, 36.0, 72.0]);
        let ratio = spread(&paired_ratios(&other, &floor));
        assert_eq!((ratio.median, ratio.upper - ratio.lower), (0.9, 0.0));
    }

    #[test]
    fn a_few_rounds_tell_less_than_many() {
        use super::mean_log;
        let rounds = |count: usize| -> Vec<f64> {
            [1.0_f64, -1.0, -1.0, 1.0].iter().cycle().take(count).map(|log| log.exp()).collect()
        };
        let (few, many) = (mean_log(&rounds(4)), mean_log(&rounds(400)));
        assert!(few.mean.abs() < 1e-9 && many.mean.abs() < 1e-9);
        // With variance 4/3 of four: t of three degrees, times the square root of 1/3.
        assert!((few.off() - 3.182 / 3.0_f64.sqrt()).abs() < 1e-9, "{few:?}");
        assert!((many.off() - 1.96 / 20.0).abs() < 0.01, "{many:?}");
        assert!(mean_log(&[1.0]).off().is_nan() && mean_log(&[]).off().is_nan(), "one tells nothing");
    }

    /// How many of 2,000 comparisons of a server with itself claim a change, in rounds each of which has so much of what the one
    /// before was off by.
    fn false_alarms(likeness: f64, rounds: usize) -> u32 {
        use super::mean_log;
        use rand_xoshiro::Xoshiro256PlusPlus;
        use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        // Twelve numbers from 0 to 1 have a variance of 1 together, and are about normal.
        let mut normal =
            || (0..12).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0;
        let mut costs = || {
            let mut off = normal();
            let mut next = || {
                off = off * likeness + normal() * (1.0 - likeness * likeness).sqrt();
                (off * 0.05).exp()
            };
            (0..rounds).map(|_| next()).collect::<Vec<_>>()
        };
        let mut alarms = 0;
        for _ in 0..2000 {
            let change = mean_log(&costs()).minus(mean_log(&costs()));
            alarms += u32::from(change.mean > change.off());
        }
        alarms
    }

    #[test]
    fn a_server_is_called_dearer_than_itself_at_most_once_in_twenty() {
        for rounds in [5, 10, 20] {
            for likeness in [0.0, 0.3, 0.5] {
                let alarms = false_alarms(likeness, rounds);
                assert!(alarms <= 100, "{alarms} of 2000 false alarms, {rounds} rounds, likeness {likeness}");
            }
        }
    }
}
