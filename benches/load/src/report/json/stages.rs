//! The stages of an open loop in the report for programs.

use serde::Serialize;

use crate::figures::distribution::{PercentileTime, Verdict};
use crate::figures::percentile::Percentile;
use crate::figures::tally::stage::StageTally;

/// What came of the visits that were due in one stage, whenever they ended.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct StageFigures {
    /// Visits a second that were asked for.
    rate_asked: f64,
    /// Seconds that it was to last.
    asked_seconds: f64,
    /// Seconds that it lasted.
    seconds: f64,
    /// Visits that were due.
    due: u64,
    /// Visits that began.
    begun: u64,
    /// Visits that went as they should, or were reset on purpose.
    done: u64,
    /// Visits that failed or were lost.
    failed: u64,
    /// Visits that were due and did not begin.
    not_begun: u64,
    /// Visits welcomed a second; null if the stage did not come.
    rate: Option<f64>,
    /// The percentiles of the server's time that were asked for.
    percentiles: Vec<PercentileTime>,
    /// What its 99th percentile is worth.
    verdict: Verdict,
}

impl StageFigures {
    /// All stages of a run.
    #[expect(clippy::cast_precision_loss, reason = "figures of seconds")]
    pub(super) fn all(stages: &[StageTally], percentiles: &[Percentile]) -> Vec<StageFigures> {
        let of = |stage: &StageTally| StageFigures {
            rate_asked: stage.rate_asked(),
            asked_seconds: stage.duration as f64 / 1e9,
            seconds: stage.length as f64 / 1e9,
            due: stage.due(),
            begun: stage.begun(),
            done: stage.welcomed + stage.resets,
            failed: stage.failed,
            not_begun: stage.not_begun,
            rate: stage.rate(),
            percentiles: percentiles.iter().map(|percentile| stage.percentile(*percentile)).collect(),
            verdict: stage.percentile(Percentile::P99).verdict,
        };
        stages.iter().map(of).collect()
    }
}
