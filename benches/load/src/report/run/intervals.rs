//! The intervals of percentiles in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::figures::distribution::blocks::{BLOCKS_MIN, NoInterval};
use crate::figures::distribution::{Distribution, PercentileTime};
use crate::figures::percentile::Percentile;
use crate::report::run::findings::Findings;
use crate::report::run::lead::span;
use crate::system::clock::Nanos;

/// A time with its name, and of each percentile what it is worth, and why it has no interval.
pub(super) struct Judged<'a> {
    pub(super) name: &'static str,
    pub(super) times: &'a Distribution,
    pub(super) percentiles: Vec<(Percentile, PercentileTime)>,
    without: Vec<(Percentile, NoInterval)>,
}

impl<'a> Judged<'a> {
    pub(super) fn of(name: &'static str, times: &'a Distribution, findings: &Findings<'_>) -> Judged<'a> {
        let not_begun = findings.measured.tally.not_begun;
        let (mut percentiles, mut without) = (Vec::new(), Vec::new());
        for percentile in findings.percentiles {
            let (time, none) = times.percentile_and_interval(*percentile, not_begun);
            percentiles.push((*percentile, time));
            without.extend(none.map(|why| (*percentile, why)));
        }
        Judged { name, times, percentiles, without }
    }
}

/// What the intervals are, and why there are none of some percentiles.
pub(super) fn intervals(all: &[Judged<'_>]) -> String {
    let mut text = String::new();
    let [first, ..] = all else { return text };
    let (blocks, width) = first.times.blocks();
    if all.iter().flat_map(|one| &one.percentiles).any(|(_, time)| time.interval_nanos.is_some()) {
        let _ = writeln!(
            text,
            "In brackets: the interval of 95 %, by a bootstrap over {blocks} blocks of {}.",
            span(width)
        );
    }
    let mut said = BTreeSet::new();
    for one in all {
        for (percentile, why) in &one.without {
            let line = without(*percentile, *why, one.name, width);
            if said.insert(line.clone()) {
                text += &line;
            }
        }
    }
    text
}

/// Why a percentile has no interval, in a line. Where the reason is the same for several, so is the line.
fn without(percentile: Percentile, why: NoInterval, name: &str, width: Nanos) -> String {
    match why {
        NoInterval::Longest => format!("No interval for {percentile}: a longest time has none.\n"),
        NoInterval::FewVisits(needs) => format!("No interval for {percentile}: it takes {needs} visits.\n"),
        NoInterval::FewBlocks(blocks) => {
            format!(
                "No intervals: they take {BLOCKS_MIN} blocks of {}, and there are {blocks}.\n",
                span(width)
            )
        }
        NoInterval::Alike => {
            format!(
                "No interval for {percentile}, {name}: neighbouring blocks of time resemble each other too much.\n"
            )
        }
        NoInterval::GivenUp => {
            format!("No interval for {percentile}, {name}: visits were given up within it.\n")
        }
    }
}
