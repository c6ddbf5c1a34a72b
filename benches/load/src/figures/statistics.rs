//! Medians, spreads, intervals and verdicts: pure arithmetic over figures of rounds and of blocks.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

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
    let likeness = likeness(&logs);
    let tell = (count * (1.0 - likeness) / (1.0 + likeness)).max(count.min(2.0));
    Estimate { mean, error: (squares / (count - 1.0) / tell).sqrt(), freedom: tell - 1.0 }
}

/// How often a bootstrap draws: enough for the ends of an interval of 95 %.
const DRAWS: usize = 1000;

/// Fewer groups of blocks than this tell nothing of how far a quantile can be off.
const GROUPS_MIN: usize = 8;

/// The values of one block, counted: of each step, how many values are at or below it.
#[derive(Clone, Debug)]
pub(crate) struct Counts(Vec<u64>);

impl Counts {
    /// Those of a block with so many values of each step.
    pub(crate) fn of(counts: &[u32]) -> Counts {
        let mut sum = 0;
        let below = counts.iter().map(|count| {
            sum += u64::from(*count);
            sum
        });
        Counts(below.collect())
    }

    /// How many values are at or below a step.
    fn up_to(&self, step: usize) -> u64 {
        self.0.get(step).copied().unwrap_or_else(|| self.all())
    }

    fn all(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }
}

/// The interval of 95 % around the quantile `q` of values that came in blocks of time, one behind the other: its first step and its
/// last one. `None` if neighbouring blocks resemble each other too much to tell.
///
/// It is what a bootstrap over blocks finds (Künsch 1989): blocks are drawn with replacement, and the quantile is looked up in each
/// draw. Where neighbours resemble each other, groups of so many neighbours are drawn that groups do so less. Of a few groups the
/// percentiles of the draws are too narrow, so that they are taken further out, by Student's t (Hesterberg 2014, 5.2).
#[expect(clippy::cast_precision_loss, reason = "a few blocks")]
pub(crate) fn quantile_interval(blocks: &[Counts], q: f64) -> Option<(usize, usize)> {
    let once = vec![1; blocks.len()];
    let likeness = likeness(&shares_beyond(blocks, step_at(blocks, &once, q)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 19")]
    let group = ((1.0 + likeness) / (1.0 - likeness)).round() as usize;
    let groups = blocks.len() / group;
    if groups < GROUPS_MIN {
        return None;
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let draws = (0..DRAWS).map(|_| step_at(blocks, &drawn(blocks.len(), group, &mut random), q));
    let mut found: Vec<usize> = draws.collect();
    found.sort_unstable();
    let student = STUDENT.get(groups - 2).copied().unwrap_or(1.96);
    let out = student * (groups as f64 / (groups - 1) as f64).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the draws")]
    let place = (normal_beyond(out) * DRAWS as f64) as usize;
    Some((*found.get(place)?, *found.get(DRAWS - 1 - place)?))
}

/// How often each block is drawn: groups of neighbours. The first block follows the last one.
fn drawn(blocks: usize, group: usize, random: &mut Xoshiro256PlusPlus) -> Vec<u64> {
    let mut times = vec![0; blocks];
    for number in 0..blocks.div_ceil(group) {
        let from = usize::try_from(random.next_u64() % blocks as u64).unwrap_or(0);
        for place in from..from + group.min(blocks - number * group) {
            if let Some(times) = times.get_mut(place % blocks) {
                *times += 1;
            }
        }
    }
    times
}

/// The step of the quantile `q` of blocks that are there so many times.
#[expect(clippy::cast_precision_loss, reason = "numbers of visits")]
fn step_at(blocks: &[Counts], times: &[u64], q: f64) -> usize {
    let sum = |count: &dyn Fn(&Counts) -> u64| -> u64 {
        blocks.iter().zip(times).map(|(block, times)| count(block) * times).sum()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of visits")]
    let rank = ((sum(&Counts::all) as f64 * q).ceil() as u64).max(1);
    let (mut low, mut high) = (0, blocks.iter().map(|block| block.0.len()).max().unwrap_or(0));
    while low < high {
        let middle = low.midpoint(high);
        if sum(&|block| block.up_to(middle)) >= rank { high = middle } else { low = middle + 1 }
    }
    low
}

/// Which part of the values of each block is beyond a step. One without values has what is usual.
#[expect(clippy::cast_precision_loss, reason = "numbers of visits")]
fn shares_beyond(blocks: &[Counts], step: usize) -> Vec<f64> {
    let beyond = |block: &Counts| block.all() - block.up_to(step);
    let all: u64 = blocks.iter().map(Counts::all).sum();
    let usual = blocks.iter().map(beyond).sum::<u64>() as f64 / all.max(1) as f64;
    let share = |block: &Counts| match block.all() {
        0 => usual,
        all => beyond(block) as f64 / all as f64,
    };
    blocks.iter().map(share).collect()
}

/// What of the deviation of a figure the next one has, from 0 to 0.9.
#[expect(clippy::cast_precision_loss, reason = "a few figures")]
fn likeness(figures: &[f64]) -> f64 {
    let count = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / count;
    let off: Vec<f64> = figures.iter().map(|figure| figure - mean).collect();
    let squares = off.iter().map(|off| off * off).sum::<f64>();
    let neighbours = off.iter().zip(off.iter().skip(1)).map(|(one, next)| one * next).sum::<f64>();
    // Of a few it is found too small, by about this.
    if squares > 0.0 { (neighbours / squares + 1.0 / count).clamp(0.0, 0.9) } else { 0.0 }
}

/// Which part of the normal distribution is beyond so many standard deviations, on one side (Abramowitz and Stegun, 26.2.17).
fn normal_beyond(deviations: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * deviations);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    sum * (-deviations * deviations / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

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

    /// Twelve numbers from 0 to 1 have a variance of 1 together, and are about normal.
    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        (0..12).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0
    }

    /// How many of 2,000 comparisons of a server with itself claim a change, in rounds each of which has so much of what the one
    /// before was off by.
    fn false_alarms(likeness: f64, rounds: usize) -> u32 {
        use super::mean_log;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut normal = || normal(&mut random);
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

    #[test]
    fn the_normal_distribution_is_known() {
        use super::normal_beyond;
        for (deviations, beyond) in [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (3.0, 0.001_35)] {
            assert!((normal_beyond(deviations) - beyond).abs() < 1e-6, "{deviations}");
        }
    }
}
