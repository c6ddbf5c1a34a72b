//! The thresholds of a run, and how the program ends by them.

use crate::figures::measured::Measured;
use crate::figures::percentile::Percentile;
use crate::program::options::Options;
use crate::program::outcome::Outcome;
use crate::report::thresholds::{Figure, Judged, Threshold, Verdict};

/// What the options have as thresholds: those of `--target-p99` first.
fn all(options: &Options) -> Vec<Threshold> {
    let target =
        options.target_p99.map(|most| [Threshold::latency(Percentile::P99, most), Threshold::no_failures()]);
    target.into_iter().flatten().chain(options.fail_if.iter().cloned()).collect()
}

/// What has come of each.
pub(super) fn judge(options: &Options, run: &Measured) -> Vec<Judged> {
    all(options).iter().map(|threshold| threshold.judge(run, options.rate_on_average())).collect()
}

/// How the program ends: by the first threshold that is missed, in the order in which they were given.
pub(super) fn outcome(options: &Options, judged: &[Judged], is_invalid: bool) -> Outcome {
    let thresholds = all(options);
    let mut missed = thresholds.iter().zip(judged).filter(|(_, judged)| judged.verdict == Verdict::Missed);
    match missed.next() {
        // Whatever is missed of --target-p99, the exit code is that of the target.
        Some((Threshold { figure: Figure::Latency(..), .. }, _)) => Outcome::MissedLatency,
        Some((Threshold { figure: Figure::Failures(_) | Figure::FailuresPerCent(_), .. }, _)) => {
            if options.target_p99.is_some() { Outcome::MissedLatency } else { Outcome::MissedFailures }
        }
        Some((Threshold { figure: Figure::Rate(_) | Figure::RatePerCent(_), .. }, _)) => Outcome::MissedRate,
        None if is_invalid => Outcome::Invalid,
        None if judged.iter().any(|judged| judged.verdict == Verdict::NotJudged) => Outcome::NotJudged,
        None => Outcome::Done,
    }
}
