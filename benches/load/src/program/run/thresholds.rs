//! The thresholds of a run, and how the program ends by them.

use crate::figures::measured::Measured;
use crate::figures::percentile::Percentile;
use crate::program::options::Options;
use crate::program::outcome::{Outcome, say_invalid};
use crate::report::thresholds::{Figure, Judged, Threshold, Verdict};

/// What the options have as thresholds: those of `--target-p99` first.
pub(super) fn all(options: &Options) -> Vec<Threshold> {
    let target =
        options.target_p99.map(|most| [Threshold::latency(Percentile::P99, most), Threshold::no_failures()]);
    target.into_iter().flatten().chain(options.fail_if.iter().cloned()).collect()
}

/// What has come of each.
pub(super) fn judge(options: &Options, run: &Measured) -> Vec<Judged> {
    all(options).iter().map(|threshold| threshold.judge(run, options.rate_on_average())).collect()
}

/// Whether a run says more about this machine than about the server. Then that is said, too.
pub(super) fn is_invalid(run: &Measured) -> bool {
    let is_invalid = run.load.is_open() && run.welcomed() > 0 && run.is_spoiled();
    if is_invalid {
        say_invalid();
    }
    is_invalid
}

/// How the program ends: by the first threshold that is missed, in the order in which they were given.
///
/// `has_target`: they are those of `--target-p99`, and whatever is missed of that has the exit code of the target.
pub(super) fn outcome(
    thresholds: &[Threshold],
    has_target: bool,
    judged: &[Judged],
    is_invalid: bool,
) -> Outcome {
    let mut missed = thresholds.iter().zip(judged).filter(|(_, judged)| judged.verdict == Verdict::Missed);
    match missed.next() {
        Some((Threshold { figure: Figure::Latency(..), .. }, _)) => Outcome::MissedLatency,
        Some((Threshold { figure: Figure::Failures(_) | Figure::FailuresPerCent(_), .. }, _)) => {
            if has_target { Outcome::MissedLatency } else { Outcome::MissedFailures }
        }
        Some((Threshold { figure: Figure::Rate(_) | Figure::RatePerCent(_), .. }, _)) => Outcome::MissedRate,
        None if is_invalid => Outcome::Invalid,
        None if judged.iter().any(|judged| judged.verdict == Verdict::NotJudged) => Outcome::NotJudged,
        None => Outcome::Done,
    }
}
