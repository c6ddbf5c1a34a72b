//! How far a run has come.

use std::time::Duration;

use crate::figures::measured::Glimpse;
use crate::plan::Plan;

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Stage {
    /// From 0 to 1.
    pub(super) done: f64,
    pub(super) left: Left,
}

/// What is left of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Left {
    Time(Duration),
    Visits(u64),
}

/// How long a run is meant to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    duration: Duration,
    count: u64,
}

impl Length {
    /// That of a plan.
    pub(super) fn of(plan: &Plan) -> Length {
        Length { duration: plan.duration, count: plan.count }
    }
}

impl Stage {
    #[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
    pub(super) fn of(length: Length, glimpse: &Glimpse<'_>) -> Stage {
        let passed = Duration::from_nanos(glimpse.passed);
        if length.duration == Duration::MAX {
            let (ended, count) = (glimpse.tally.ended(), length.count);
            let left = Left::Visits(count.saturating_sub(ended));
            return Stage { done: ended as f64 / count.max(1) as f64, left };
        }
        let done = passed.as_secs_f64() / length.duration.as_secs_f64();
        Stage { done, left: Left::Time(length.duration.saturating_sub(passed)) }
    }
}
