//! Times in blocks of time: what the intervals of percentiles are made of.
//!
//! Visits that are neighbours resemble each other, and so tell less than they are many. Blocks of many visits do so less.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::figures::distribution::steps::{step, times};
use crate::figures::percentile::Percentile;
use crate::figures::statistics::{Counts, quantile_interval};
use crate::system::clock::{Nanos, SECOND};

/// The most blocks. When a run goes on beyond the last, two neighbours become one, so that then there are half as many.
const BLOCKS_MAX: usize = 48;

/// The fewest that tell how far a percentile can be off.
pub(crate) const BLOCKS_MIN: usize = 20;

/// How long a block is at first.
const WIDTH: Nanos = SECOND / 100;

/// Each doubling of a time has two to the power of this many steps, of 0.8 % at most.
const STEP_BITS: u32 = 7;

/// So many visits have to be expected beyond a percentile that has an interval.
const BEYOND: u64 = 10;

/// How many visits of each step were due in a block.
type Block = Vec<u32>;

/// Times in blocks of time. They take the same room whatever the number of visits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub(crate) struct Blocks {
    width: Nanos,
    blocks: Vec<Block>,
}

/// What a percentile is between, in 95 of 100 runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Interval {
    /// Its lower end.
    pub(crate) lower: Nanos,
    /// Its upper end.
    pub(crate) upper: Nanos,
}

/// Why a percentile has no interval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum NoInterval {
    /// The longest of some times says nothing of a longest one.
    Longest,
    /// It takes so many visits.
    FewVisits(u64),
    /// The run has only so many blocks.
    FewBlocks(usize),
    /// Neighbouring blocks resemble each other too much.
    Alike,
    /// Visits were given up at a time within it.
    GivenUp,
}

/// As they are stored: of each block the steps and their counts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    width: Nanos,
    blocks: Vec<String>,
}

impl From<Blocks> for Stored {
    fn from(blocks: Blocks) -> Stored {
        let text = |block: Block| {
            let mut text = String::new();
            for (step, count) in block.iter().enumerate().filter(|(_, count)| **count > 0) {
                let _ = write!(text, "{step} {count} ");
            }
            text.truncate(text.trim_end().len());
            text
        };
        Stored { width: blocks.width, blocks: blocks.blocks.into_iter().map(text).collect() }
    }
}

impl TryFrom<Stored> for Blocks {
    type Error = &'static str;

    fn try_from(Stored { width, blocks }: Stored) -> Result<Blocks, &'static str> {
        const NONE: &str = "no blocks of time";
        let doublings = width / WIDTH;
        if width != doublings * WIDTH || !doublings.is_power_of_two() || blocks.len() > BLOCKS_MAX {
            return Err(NONE);
        }
        let block = |text: String| {
            let mut words = text.split_ascii_whitespace();
            let mut block = Block::new();
            while let Some(step) = words.next() {
                let step = step.parse().ok().filter(|own| *own <= step_of(Nanos::MAX)).ok_or(NONE)?;
                let count = words.next().and_then(|count| count.parse().ok()).ok_or(NONE)?;
                add(&mut block, step, count);
            }
            Ok(block)
        };
        Ok(Blocks { width, blocks: blocks.into_iter().map(block).collect::<Result<_, _>>()? })
    }
}

fn step_of(time: Nanos) -> usize {
    step(time, STEP_BITS)
}

fn add(block: &mut Block, step: usize, count: u32) {
    if block.len() <= step {
        block.resize(step + 1, 0);
    }
    if let Some(sum) = block.get_mut(step) {
        *sum = sum.saturating_add(count);
    }
}

fn add_all(block: &mut Block, other: &Block) {
    if block.len() < other.len() {
        block.resize(other.len(), 0);
    }
    for (sum, count) in block.iter_mut().zip(other) {
        *sum = sum.saturating_add(*count);
    }
}

impl Blocks {
    /// None yet.
    pub(crate) fn new() -> Blocks {
        Blocks { width: WIDTH, blocks: Vec::new() }
    }

    /// Notes the time of a visit that was due so long after the beginning.
    pub(crate) fn note(&mut self, due: Nanos, time: Nanos) {
        let index = |width: Nanos| usize::try_from(due / width).unwrap_or(usize::MAX);
        while index(self.width) >= BLOCKS_MAX {
            self.widen();
        }
        let index = index(self.width);
        if self.blocks.len() <= index {
            self.blocks.resize(index + 1, Block::new());
        }
        if let Some(block) = self.blocks.get_mut(index) {
            add(block, step_of(time), 1);
        }
    }

    /// Makes one block of two neighbours.
    fn widen(&mut self) {
        let sum = |pair: &[Block]| {
            let mut sum = Block::new();
            for block in pair {
                add_all(&mut sum, block);
            }
            sum
        };
        self.blocks = self.blocks.chunks(2).map(sum).collect();
        self.width = self.width.saturating_mul(2);
    }

    /// Adds those of another run, each as long after its beginning.
    pub(crate) fn add(&mut self, other: &Blocks) {
        let mut other = other.clone();
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        if self.blocks.len() < other.blocks.len() {
            self.blocks.resize(other.blocks.len(), Block::new());
        }
        for (sum, block) in self.blocks.iter_mut().zip(&other.blocks) {
            add_all(sum, block);
        }
    }

    /// How many visits there are.
    pub(crate) fn visits(&self) -> u64 {
        self.blocks.iter().flatten().map(|count| u64::from(*count)).sum()
    }

    /// How many blocks there are, and how long each is.
    pub(crate) fn measure(&self) -> (usize, Nanos) {
        (self.blocks.len(), self.width)
    }

    /// The interval (95 %) of a percentile, in nanoseconds.
    pub(crate) fn interval(&self, percentile: Percentile) -> Result<Interval, NoInterval> {
        let needs = percentile.needs().saturating_mul(BEYOND);
        if percentile.quantile() >= 1.0 {
            return Err(NoInterval::Longest);
        }
        if self.blocks.len() < BLOCKS_MIN {
            return Err(NoInterval::FewBlocks(self.blocks.len()));
        }
        let counts: Vec<Counts> = self.blocks.iter().map(|block| Counts::of(block)).collect();
        if self.visits() < needs {
            return Err(NoInterval::FewVisits(needs));
        }
        let (lower, upper) = quantile_interval(&counts, percentile.quantile()).ok_or(NoInterval::Alike)?;
        Ok(Interval { lower: times(lower, STEP_BITS).0, upper: times(upper, STEP_BITS).1 })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

    use super::*;

    const VISITS: usize = 10_000;

    /// The 90th and the 99th percentile of the standard normal distribution.
    const P90: f64 = 1.281_552;
    const P99: f64 = 2.326_348;

    /// A time whose logarithm is so many deviations from that of 1 ms.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some milliseconds")]
    fn truth(deviations: f64) -> Nanos {
        (1e6 * (deviations * 0.5).exp()) as Nanos
    }

    /// The times of visits, 4 ms apart, of which each has so much of what the one before was off by. Their logarithms are normal, so
    /// that the true percentiles are known: 1 ms is the median.
    fn sequence(likeness: f64, random: &mut Xoshiro256PlusPlus) -> Vec<Nanos> {
        // Twelve numbers from 0 to 1 have a variance of 1 together, and are about normal.
        let mut normal =
            || (0..12).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0;
        let mut off = normal();
        let mut next = || {
            off = off * likeness + normal() * (1.0 - likeness * likeness).sqrt();
            // Half of it is of this visit alone.
            let log = (off + normal()) * 0.5_f64.sqrt();
            truth(log)
        };
        (0..VISITS).map(|_| next()).collect()
    }

    /// The interval that would be right if each visit had nothing to do with the one before.
    fn independent(times: &[Nanos], q: f64) -> (Nanos, Nanos) {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let count = times.len() as f64;
        let off = 1.96 * (count * q * (1.0 - q)).sqrt();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among them")]
        let at = |rank: f64| sorted[(rank as usize).min(sorted.len() - 1)];
        (at(count * q - off), at(count * q + off))
    }

    /// Of so many runs, the share in which the interval of a percentile holds the true time, in per cent. Then the same of the one of
    /// independent visits, and in how many there was no interval.
    fn coverage(likeness: f64, percentile: &str, truth: Nanos, runs: u64) -> (f64, f64, u64) {
        let percentile: Percentile = percentile.parse().unwrap();
        let (mut held, mut held_by_independent, mut none) = (0, 0, 0);
        for seed in 0..runs {
            let times = sequence(likeness, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            let mut blocks = Blocks::new();
            for (place, time) in times.iter().enumerate() {
                blocks.note(place as u64 * 4_000_000, *time);
            }
            let (count, width) = blocks.measure();
            assert!((BLOCKS_MIN..=BLOCKS_MAX).contains(&count), "{count} blocks of {width} ns");
            match blocks.interval(percentile) {
                Ok(Interval { lower, upper }) => held += u64::from((lower..=upper).contains(&truth)),
                Err(_) => none += 1,
            }
            let (lower, upper) = independent(&times, percentile.quantile());
            held_by_independent += u64::from((lower..=upper).contains(&truth));
        }
        let per_cent = |count: u64, all: u64| count as f64 * 100.0 / all as f64;
        (per_cent(held, runs - none), per_cent(held_by_independent, runs), none)
    }

    #[test]
    fn an_interval_holds_the_truth_in_95_of_100_runs() {
        an_interval_holds_the_truth(&[(0.0, "50", 0.0), (0.95, "99", P99), (0.99, "50", 0.0)], 60);
    }

    /// The table of the documents: `cargo test -p welcomed-load --lib an_interval_holds -- --ignored --nocapture`.
    #[test]
    #[ignore = "it takes minutes"]
    fn an_interval_holds_the_truth_in_each_of_these_cases() {
        let cases =
            [(0.0, "50", 0.0), (0.95, "50", 0.0), (0.95, "99", P99), (0.99, "50", 0.0), (0.99, "90", P90)];
        an_interval_holds_the_truth(&cases, 200);
    }

    /// Lets visits resemble each other so much, and looks at this percentile, which is so many deviations from the median.
    fn an_interval_holds_the_truth(cases: &[(f64, &str, f64)], runs: u64) {
        for (likeness, percentile, deviations) in cases.iter().copied() {
            let (held, independent, none) = coverage(likeness, percentile, truth(deviations), runs);
            let _ =
                writeln!(std::io::stderr(), "{likeness} | p{percentile} | {held:.0} % | {independent:.0} %");
            assert!((88.0..=99.0).contains(&held) && none == 0, "{held} % at {likeness}, {none} without");
            // Where visits resemble each other, an interval of independent ones pretends to know more.
            assert_eq!(independent >= 88.0, likeness == 0.0, "{independent} % at {likeness}");
        }
    }

    #[test]
    fn of_too_little_there_is_no_interval() {
        let of = |visits: u64, apart: Nanos, time: &dyn Fn(u64) -> Nanos| {
            let mut blocks = Blocks::new();
            (0..visits).for_each(|place| blocks.note(place * apart, time(place)));
            move |percentile: &str| blocks.interval(percentile.parse().unwrap())
        };
        let any = |place: u64| 1_000_000 + place * 7_919 % 1_000_000;
        let short = of(10_000, 10_000, &any);
        assert_eq!(short("50"), Err(NoInterval::FewBlocks(10)));
        let few = of(900, SECOND / 1000, &any);
        assert!(few("50").is_ok() && few("99") == Err(NoInterval::FewVisits(1000)), "{:?}", few("50"));
        assert_eq!(few("100"), Err(NoInterval::Longest));
        // What becomes slower and slower has no time of its own.
        let drifting = of(10_000, SECOND / 1000, &|place| 1_000_000 + place * 1000);
        assert_eq!(drifting("50"), Err(NoInterval::Alike));
        assert_eq!(Blocks::new().interval(Percentile::P99), Err(NoInterval::FewBlocks(0)));
    }

    #[test]
    fn blocks_are_bounded_and_added_and_stored_as_they_are() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let (mut all, mut one, mut other) = (Blocks::new(), Blocks::new(), Blocks::new());
        for number in 0..20_000_u64 {
            let (due, time) = (number * SECOND / 100, random.next_u64() % (10 * SECOND));
            all.note(due, time);
            // One of them ends early.
            if number < 3000 && number % 2 == 0 { &mut one } else { &mut other }.note(due, time);
        }
        assert!((BLOCKS_MAX / 2..=BLOCKS_MAX).contains(&all.blocks.len()) && all.visits() == 20_000);
        let stored = |blocks: &Blocks| serde_json::to_string(blocks).unwrap();
        let mut sum: Blocks = serde_json::from_str(&stored(&one)).unwrap();
        sum.add(&serde_json::from_str(&stored(&other)).unwrap());
        assert_eq!(stored(&sum), stored(&all));
        other.add(&one);
        assert_eq!(stored(&other), stored(&all));
        for spoilt in [
            r#"{"width": 10000001, "blocks": []}"#,
            r#"{"width": 30000000, "blocks": []}"#,
            r#"{"width": 10000000, "blocks": ["1"]}"#,
            r#"{"width": 10000000, "blocks": ["99999 1"]}"#,
        ] {
            assert!(serde_json::from_str::<Blocks>(spoilt).is_err(), "{spoilt}");
        }
    }
}
