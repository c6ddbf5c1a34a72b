//! The figures of one stage of an open loop: of the visits that were due in it.

use serde::{Deserialize, Serialize};

use crate::figures::distribution::{Distribution, PercentileTime};
use crate::figures::percentile::Percentile;
use crate::system::clock::Nanos;

/// The counts and times of the visits that were due in one stage, whenever they ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageTally {
    /// Visits a second that were asked for, in all threads of a run.
    pub(crate) asked: f64,
    /// How long it was to last.
    pub(crate) duration: Nanos,
    /// How long it lasted: a run can end before.
    pub(crate) length: Nanos,
    /// Visits that went as they should.
    pub(crate) welcomed: u64,
    /// Visits that were reset on purpose.
    pub(crate) resets: u64,
    /// Visits that failed or were lost.
    pub(crate) failed: u64,
    /// Visits that were due and did not begin.
    pub(crate) not_begun: u64,
    /// The server's time.
    pub(crate) latency: Distribution,
    /// Of runs that were merged, the sums of what they asked for and reached, each in its own time.
    #[serde(skip)]
    pub(crate) rates: Option<(f64, f64)>,
}

impl StageTally {
    /// A stage in which nothing has happened yet.
    pub(crate) fn new(asked: f64, duration: Nanos) -> StageTally {
        StageTally {
            asked,
            duration,
            length: 0,
            welcomed: 0,
            resets: 0,
            failed: 0,
            not_begun: 0,
            latency: Distribution::none(false),
            rates: None,
        }
    }

    /// Visits that were due.
    pub(crate) fn due(&self) -> u64 {
        self.begun() + self.not_begun
    }

    /// Visits that began.
    pub(crate) fn begun(&self) -> u64 {
        self.latency.times.len()
    }

    /// Visits a second that were asked for.
    pub(crate) fn rate_asked(&self) -> f64 {
        self.rates.map_or(self.asked, |(asked, _)| asked)
    }

    /// Visits welcomed a second, of those that were due in it; `None` if it did not come so far.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn rate(&self) -> Option<f64> {
        let own = (self.length > 0).then(|| self.welcomed as f64 * 1e9 / self.length as f64);
        self.rates.map_or(own, |(_, reached)| Some(reached))
    }

    /// A percentile of the server's time, and what it is worth.
    pub(crate) fn percentile(&self, percentile: Percentile) -> PercentileTime {
        self.latency.percentile(percentile, self.not_begun)
    }

    /// Adds the same stage of another generator.
    pub(super) fn add(&mut self, other: &StageTally) {
        self.length = self.length.max(other.length);
        self.welcomed += other.welcomed;
        self.resets += other.resets;
        self.failed += other.failed;
        self.not_begun += other.not_begun;
        self.latency.add(&other.latency);
    }

    /// Whether the same was asked for.
    pub(super) fn is_as(&self, other: &StageTally) -> bool {
        self.asked.to_bits() == other.asked.to_bits() && self.duration == other.duration
    }

    /// Whether every visit is in the distribution, and counted as what has come of it.
    pub(super) fn is_whole(&self) -> bool {
        let counts = [self.welcomed, self.resets, self.failed];
        self.latency.is_whole(counts.into_iter().fold(0, u64::saturating_add))
            && self.length <= self.duration
            && (0.001..=1e9).contains(&self.asked)
    }
}

/// Adds the stages of another generator. Of runs with other stages there are none.
pub(super) fn add(stages: &mut Vec<StageTally>, others: &[StageTally]) {
    if stages.len() != others.len() || !stages.iter().zip(others).all(|(one, other)| one.is_as(other)) {
        stages.clear();
    }
    for (stage, other) in stages.iter_mut().zip(others) {
        stage.add(other);
    }
}

/// The stage in which a visit is that was due so long after the beginning.
pub(crate) fn at(stages: &mut [StageTally], due: Nanos) -> Option<&mut StageTally> {
    let mut end: Nanos = 0;
    let last = stages.len().checked_sub(1)?;
    let place = stages.iter().position(|stage| {
        end = end.saturating_add(stage.duration);
        due < end
    });
    stages.get_mut(place.unwrap_or(last))
}
