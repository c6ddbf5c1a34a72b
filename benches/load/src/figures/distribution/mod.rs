//! How a time is spread over the visits, and what each of its percentiles is worth.

pub(crate) mod blocks;
mod steps;
pub(crate) mod stored;
mod tail;
pub(crate) mod times;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::figures::culprit::Culprit;
use crate::figures::distribution::blocks::{Blocks, Interval, NoInterval};
use crate::figures::distribution::tail::{Tail, Visits};
use crate::figures::distribution::times::{add, histogram, record, small};
use crate::figures::parts::Parts;
use crate::figures::percentile::Percentile;
use crate::system::clock::{Nanos, SECOND};

/// The longest lag of the generator that never spoils: waking up takes that on any machine.
const SLIGHT_LAG: Nanos = SECOND / 1000;

/// A time of visits from which the generator's lag is not taken away is wrong by that lag: so it may be a tenth of it.
const WITHIN: u64 = 10;

/// A time without that lag is right, but a visit that began late met the server at another moment: so it may be half.
const WITHOUT: u64 = 2;

/// Times of visits, in nanoseconds. They take the same room whatever the number of visits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distribution {
    #[serde(with = "stored")]
    pub(crate) times: Histogram<u64>,
    tail: Tail,
    blocks: Blocks,
    /// Whether the generator's lag is within these times.
    with_lag: bool,
    /// The shortest time of a visit that was given up. It would have lasted longer.
    given_up: Option<Nanos>,
    /// Those of each of several generators whose files were merged: a time is not valid if it is not so for one of them.
    #[serde(skip)]
    each: Vec<Each>,
}

/// The times of one of several generators.
#[derive(Clone, Debug)]
struct Each {
    generator: String,
    times: Distribution,
    not_begun: u64,
}

/// What a percentile is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Verdict {
    /// It is the server's and the way's.
    Valid,
    /// The generator's own lag is too much of the time of the visits at and above it.
    OwnLag,
    /// As many visits as are above it were due and did not begin.
    NotBegun,
    /// It is not valid for one of several generators by itself.
    OfGenerator,
    /// There were too few visits for it, so that it has no time.
    TooFew,
}

/// One percentile of a time, and what it is worth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PercentileTime {
    /// Which one: 50 for the median.
    pub(crate) per_cent: f64,
    /// The time that this part of the visits did not exceed; null of too few visits.
    pub(crate) nanos: Option<Nanos>,
    /// Its 95 % interval, from a bootstrap over blocks of time; null of too few blocks or visits, where visits were given up within
    /// it, and of single stages and generators.
    pub(crate) interval_nanos: Option<Interval>,
    /// Whether it is at least that: visits that were given up are at or below it.
    pub(crate) at_least: bool,
    /// What it is worth.
    pub(crate) verdict: Verdict,
    /// How late the generator was in the visits at and above it, on average.
    pub(crate) own_lag_nanos: Nanos,
}

impl PercentileTime {
    /// Whether it says something about the server.
    pub(crate) fn is_valid(&self) -> bool {
        self.verdict == Verdict::Valid
    }
}

impl Distribution {
    /// No times yet, of visits with the generator's lag or without.
    pub(crate) fn new(with_lag: bool) -> Distribution {
        Distribution { times: histogram(), ..Distribution::none(with_lag) }
    }

    /// None, without room for any. It gets room when there are some.
    pub(crate) fn none(with_lag: bool) -> Distribution {
        let (tail, blocks) = (Tail::default(), Blocks::new());
        Distribution { times: small(), tail, blocks, with_lag, given_up: None, each: Vec::new() }
    }

    /// Notes the time of a visit, which was `given_up` or came to its end.
    pub(crate) fn note(&mut self, time: Nanos, given_up: bool) {
        record(&mut self.times, time);
        if given_up {
            self.given_up = Some(self.given_up.map_or(time, |least| least.min(time)));
        }
    }

    /// Notes what made the visit of that time slow.
    pub(crate) fn note_culprit(&mut self, time: Nanos, parts: &Parts, culprit: Culprit) {
        self.tail.note(time, parts, culprit);
    }

    /// Notes in which block of time the visit of that time is: it was due so long after the beginning.
    pub(crate) fn note_block(&mut self, due: Nanos, time: Nanos) {
        self.blocks.note(due, time);
    }

    /// What is shown of it while a run goes on: it has no intervals.
    pub(crate) fn glimpse(&self) -> Distribution {
        let (times, tail) = (self.times.clone(), self.tail.clone());
        Distribution { times, tail, blocks: Blocks::new(), each: Vec::new(), ..*self }
    }

    /// Adds the times of another run.
    pub(crate) fn add(&mut self, other: &Distribution) {
        add(&mut self.times, &other.times);
        self.tail.add(&other.tail);
        self.blocks.add(&other.blocks);
        self.given_up = self.given_up.into_iter().chain(other.given_up).min();
    }

    /// Keeps the times that one of several generators has contributed, to judge by them.
    pub(crate) fn judge_by(&mut self, generator: &str, times: &Distribution, not_begun: u64) {
        let times = Distribution { each: Vec::new(), ..times.clone() };
        self.each.push(Each { generator: generator.to_owned(), times, not_begun });
    }

    /// The generators for which a percentile is not valid by itself.
    pub(crate) fn invalid_by_itself(&self, percentile: Percentile) -> impl Iterator<Item = &str> {
        let is_invalid = move |each: &&Each| {
            let verdict = each.times.percentile(percentile, each.not_begun).verdict;
            matches!(verdict, Verdict::OwnLag | Verdict::NotBegun)
        };
        self.each.iter().filter(is_invalid).map(|each| each.generator.as_str())
    }

    /// Whether one of several generators was too late by itself for a percentile to be the server's.
    pub(crate) fn is_late_by_itself(&self, percentile: Percentile) -> bool {
        let verdict = |each: &Each| each.times.percentile(percentile, each.not_begun).verdict;
        self.each.iter().any(|each| verdict(each) == Verdict::OwnLag)
    }

    /// The time that a part `quantile` of the visits did not exceed.
    pub(crate) fn at(&self, quantile: f64) -> Nanos {
        self.times.value_at_quantile(quantile)
    }

    /// The visits that took so long or longer.
    pub(crate) fn visits_slower_than(&self, time: Nanos) -> Visits {
        self.tail.from(time)
    }

    /// The visits at and above a quantile.
    pub(crate) fn visits_from(&self, quantile: f64) -> Visits {
        self.tail.from(self.times.lowest_equivalent(self.at(quantile)))
    }

    /// A percentile, where `not_begun` visits were due and did not begin.
    pub(crate) fn percentile(&self, percentile: Percentile, not_begun: u64) -> PercentileTime {
        let (nanos, quantile) = (percentile.of(&self.times), percentile.quantile());
        let visits = self.visits_from(quantile);
        let lag = if self.with_lag { visits.start_lag + visits.reading_lag } else { visits.start_lag };
        let own_lag_nanos = lag / visits.count.max(1);
        let share = if self.with_lag { WITHIN } else { WITHOUT };
        #[expect(clippy::cast_precision_loss, reason = "numbers of visits")]
        let above = (1.0 - quantile) * (self.times.len() + not_begun) as f64;
        #[expect(clippy::cast_precision_loss, reason = "a number of visits")]
        let left_out = not_begun as f64;
        let verdict = if nanos.is_none() {
            Verdict::TooFew
        } else if left_out > 0.0 && left_out >= above {
            Verdict::NotBegun
        } else if own_lag_nanos > SLIGHT_LAG && lag > visits.time / share {
            Verdict::OwnLag
        } else if self.invalid_by_itself(percentile).next().is_some() {
            Verdict::OfGenerator
        } else {
            Verdict::Valid
        };
        let at_least = nanos.zip(self.given_up).is_some_and(|(nanos, given_up)| nanos >= given_up);
        let per_cent = percentile.number();
        PercentileTime { per_cent, nanos, interval_nanos: None, at_least, verdict, own_lag_nanos }
    }

    /// The same with its interval, or why it has none. This takes some milliseconds.
    pub(crate) fn percentile_and_interval(
        &self,
        percentile: Percentile,
        not_begun: u64,
    ) -> (PercentileTime, Option<NoInterval>) {
        let time = self.percentile(percentile, not_begun);
        let is_given_up = |upper: Nanos| self.given_up.is_some_and(|given_up| upper >= given_up);
        match self.blocks.interval(percentile) {
            Ok(Interval { upper, .. }) if time.at_least || is_given_up(upper) => {
                (time, Some(NoInterval::GivenUp))
            }
            Ok(interval) => (PercentileTime { interval_nanos: Some(interval), ..time }, None),
            Err(why) => (time, Some(why)),
        }
    }

    /// How many blocks of time the intervals are from, and how long each is.
    pub(crate) fn blocks(&self) -> (usize, Nanos) {
        self.blocks.measure()
    }

    /// Whether so many visits are in it, with their culprits.
    pub(crate) fn is_whole(&self, visits: u64) -> bool {
        self.times.len() == visits && self.tail.from(0).count == visits && self.blocks.visits() <= visits
    }

    /// Whether the longest time is that of a visit that was given up, or longer than one.
    pub(crate) fn max_is_at_least(&self) -> bool {
        self.given_up.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::parts::Part;

    const MS: Nanos = SECOND / 1000;

    /// Whether a percentile is this time, to three digits.
    fn near(percentile: PercentileTime, time: Nanos) -> bool {
        percentile.nanos.is_some_and(|nanos| nanos.abs_diff(time) <= time / 100)
    }

    /// `count` visits of so many milliseconds at the server, with so many of lag before.
    fn note(distribution: &mut Distribution, count: u64, server: Nanos, lag: Nanos, given_up: bool) {
        let mut parts = Parts::default();
        parts.0[Part::Waiting as usize] = server * MS;
        parts.0[Part::StartLag as usize] = lag * MS;
        let time = if distribution.with_lag { server + lag } else { server } * MS;
        for _ in 0..count {
            distribution.note(time, given_up);
            distribution.note_culprit(time, &parts, Culprit::None);
        }
    }

    #[test]
    fn a_percentile_is_judged_by_the_lag_of_the_visits_above_it() {
        let mut corrected = Distribution::new(true);
        note(&mut corrected, 9_900, 20, 0, false);
        note(&mut corrected, 100, 20, 80, false);
        let [p50, _, p99, p999] = Percentile::USUAL.map(|percentile| corrected.percentile(percentile, 0));
        assert!(p50.is_valid() && p50.own_lag_nanos < MS, "{p50:?}");
        assert_eq!(p999.verdict, Verdict::OwnLag, "{p999:?}");
        assert!(p999.own_lag_nanos.abs_diff(80 * MS) < MS && near(p999, 100 * MS), "{p999:?}");
        assert!(near(p99, 20 * MS), "{p99:?}");
    }

    #[test]
    fn a_time_without_the_lag_is_judged_by_how_late_visits_began() {
        let mut server = Distribution::new(false);
        note(&mut server, 10_000, 20, 5, false);
        assert!(server.percentile(Percentile::P99, 0).is_valid(), "a quarter of the server's time");
        let mut server = Distribution::new(false);
        note(&mut server, 10_000, 20, 25, false);
        assert_eq!(server.percentile(Percentile::P99, 0).verdict, Verdict::OwnLag);
    }

    #[test]
    fn a_visit_that_was_given_up_counts_as_at_least() {
        let mut server = Distribution::new(false);
        note(&mut server, 980, 1, 0, false);
        note(&mut server, 20, 3000, 0, true);
        let [_, p90, p99, p999] = Percentile::USUAL.map(|percentile| server.percentile(percentile, 0));
        assert!(!p90.at_least && near(p90, MS), "{p90:?}");
        assert!(p99.at_least && p99.nanos >= Some(3000 * MS), "{p99:?}");
        assert!(p999.at_least, "{p999:?}");
    }

    #[test]
    fn visits_that_did_not_begin_and_those_too_few_are_said() {
        let mut server = Distribution::new(false);
        let [p50, _, p99, p999] = Percentile::USUAL;
        note(&mut server, 999, 1, 0, false);
        let few = server.percentile(p999, 0);
        assert!(few.verdict == Verdict::TooFew && few.nanos.is_none() && !few.at_least, "{few:?}");
        note(&mut server, 1, 1, 0, false);
        let longest = "100".parse().unwrap();
        for (percentile, not_begun, verdict) in [
            (p999, 0, Verdict::Valid),
            (p999, 5, Verdict::NotBegun),
            (p99, 5, Verdict::Valid),
            (p50, 1000, Verdict::NotBegun),
            (longest, 0, Verdict::Valid),
            (longest, 1, Verdict::NotBegun),
        ] {
            let judged = server.percentile(percentile, not_begun);
            assert_eq!(judged.verdict, verdict, "{judged:?}");
        }
    }

    #[test]
    fn no_time_is_said_to_be_shorter_than_it_was() {
        let mut server = Distribution::new(false);
        for time in [137 * SECOND, 86_400 * SECOND, u64::MAX / 4] {
            server.note(time, false);
            assert!(server.at(1.0) >= time, "{time}");
        }
        let mut sum = Distribution::new(false);
        sum.add(&server);
        assert!(sum.at(1.0) >= u64::MAX / 4 && sum.times.len() == 3);
    }
}
