//! What a run has to reach, and whether it did.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::figures::distribution::{PercentileTime, Verdict as Worth};
use crate::figures::measured::Measured;
use crate::figures::percentile::Percentile;
use crate::figures::tally::Tally;
use crate::system::clock::nanos;

/// What is measured of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Figure {
    /// A percentile of the latency is longer than this.
    Latency(Percentile, Duration),
    /// More visits than this have failed or were lost.
    Failures(f64),
    /// More than this part of the visits has, in per cent.
    FailuresPerCent(f64),
    /// Fewer visits a second were welcomed.
    Rate(f64),
    /// Fewer than this part of those that were asked for, in per cent.
    RatePerCent(f64),
}

/// A condition under which a run has failed, as it was written: `p99>5ms`, `failures>0`, `failures>1%`, `rate<900`,
/// `rate<95%`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Threshold {
    pub(crate) figure: Figure,
    text: String,
}

/// Whether a threshold is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is.
    Kept,
    /// It is not.
    Missed,
    /// There were too few visits to tell.
    NotJudged,
}

/// A threshold with what came of it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Judged {
    /// The condition under which the run has failed.
    pub(crate) condition: String,
    /// What was measured, with its unit.
    pub(crate) measured: String,
    /// Whether it is kept.
    pub(crate) verdict: Verdict,
}

const ACCEPTED: &str =
    "accepted are conditions such as 'p99>5ms', 'failures>0', 'failures>1%', 'rate<900' and 'rate<95%'";

impl Threshold {
    /// That a percentile is at most so long.
    pub(crate) fn latency(percentile: Percentile, most: Duration) -> Threshold {
        Threshold { figure: Figure::Latency(percentile, most), text: format!("{percentile}>{most:?}") }
    }

    /// That no visit has failed or was lost.
    pub(crate) fn no_failures() -> Threshold {
        Threshold { figure: Figure::Failures(0.0), text: "failures>0".to_owned() }
    }

    /// Why one that is about the rate that was asked for is none of a closed loop.
    pub(crate) const NO_RATE_ASKED: &str =
        "--fail-if: a closed loop asks for no rate that a part of could be reached";

    /// Whether it is about the rate that was asked for.
    pub(crate) fn is_of_a_rate_asked(&self) -> bool {
        matches!(self.figure, Figure::RatePerCent(_))
    }

    /// Whether a run has kept it, of which `asked` visits a second were asked for.
    #[expect(clippy::cast_precision_loss, reason = "numbers of visits")]
    pub(crate) fn judge(&self, run: &Measured, asked: Option<f64>) -> Judged {
        let failures = (run.failures() + run.lost()) as f64;
        let visits = (run.welcomed() + run.tally.resets) as f64 + failures;
        let per_cent = failures * 100.0 / visits.max(1.0);
        let rate = run.rate();
        let (measured, missed) = match self.figure {
            Figure::Latency(percentile, most) => latency(&run.tally, percentile, most),
            _ if visits == 0.0 => ("0 visits".to_owned(), None),
            Figure::Failures(most) => (format!("{failures} of {visits}"), Some(failures > most)),
            Figure::FailuresPerCent(most) => (format!("{per_cent:.3}% of {visits}"), Some(per_cent > most)),
            Figure::Rate(least) => (format!("{rate:.3} a second"), Some(rate < least)),
            Figure::RatePerCent(least) => match asked {
                Some(asked) => {
                    (format!("{rate:.3} of {asked:.3} a second"), Some(rate < asked * least / 100.0))
                }
                None => ("no rate was asked for".to_owned(), None),
            },
        };
        let verdict = match missed {
            Some(true) => Verdict::Missed,
            Some(false) => Verdict::Kept,
            None => Verdict::NotJudged,
        };
        Judged { condition: self.text.clone(), measured, verdict }
    }
}

/// A percentile of the latency, and whether it is longer than `most`. What was given up would have lasted longer, and what did
/// not begin is not contained, so that neither lets it be shorter.
fn latency(tally: &Tally, percentile: Percentile, most: Duration) -> (String, Option<bool>) {
    let PercentileTime { nanos: time, at_least, verdict, .. } = tally.percentile(percentile);
    let visits = tally.latency.times.len();
    let Some(time) = time else {
        return (format!("{visits} of at least {} visits", percentile.needs()), None);
    };
    let is_longer = time > nanos(most);
    let shown = Duration::from_nanos(time);
    if verdict == Worth::NotBegun && !is_longer {
        return (format!("{shown:?}, but {} visits did not begin", tally.not_begun), None);
    }
    if at_least {
        return (format!("at least {shown:?}"), is_longer.then_some(true));
    }
    (format!("{shown:?}"), Some(is_longer))
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Threshold, String> {
        let parts = text.split_once('>').map(|(what, limit)| (what, '>', limit));
        let parts = parts.or_else(|| text.split_once('<').map(|(what, limit)| (what, '<', limit)));
        let (what, sign, limit) = parts.ok_or(ACCEPTED)?;
        let (what, limit) = (what.trim(), limit.trim());
        let part = limit.strip_suffix('%');
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            text.parse::<f64>().ok().filter(|_| is_plain).ok_or_else(|| ACCEPTED.to_owned())
        };
        let figure = match (what, sign, part) {
            ("failures", '>', None) => Figure::Failures(number(limit)?),
            ("failures", '>', Some(part)) => Figure::FailuresPerCent(number(part)?),
            ("rate", '<', None) => Figure::Rate(number(limit)?),
            ("rate", '<', Some(part)) => Figure::RatePerCent(number(part)?),
            (percentile, '>', None) => {
                let percentile = percentile.strip_prefix('p').ok_or(ACCEPTED)?.parse()?;
                Figure::Latency(percentile, welcomed::command_line::duration(limit, Duration::ZERO)?)
            }
            _ => return Err(ACCEPTED.to_owned()),
        };
        Ok(Threshold { figure, text: format!("{what}{sign}{limit}") })
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Kept => "kept",
            Verdict::Missed => "missed",
            Verdict::NotJudged => "not judged, for want of a sample",
        };
        write!(f, "The threshold {} is {verdict}: {}.", self.condition, self.measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_understood_and_nonsense_is_not() {
        let figure = |text: &str| text.parse::<Threshold>().map(|threshold| threshold.figure);
        let p99 = "99".parse().unwrap();
        assert_eq!(figure("p99>5ms"), Ok(Figure::Latency(p99, Duration::from_millis(5))));
        assert_eq!(figure("p99 > 5ms"), figure("p99>5ms"));
        assert_eq!(figure("failures>0"), Ok(Figure::Failures(0.0)));
        assert_eq!(figure("failures>0.5%"), Ok(Figure::FailuresPerCent(0.5)));
        assert_eq!(figure("rate<900"), Ok(Figure::Rate(900.0)));
        assert_eq!(figure("rate<95%"), Ok(Figure::RatePerCent(95.0)));
        for text in [
            "",
            "p99",
            "p99<5ms",
            "p99>5",
            "p101>5ms",
            "rate>5",
            "failures<1",
            "p99>5%",
            "rate<-1",
            "q>5ms",
            ">",
        ] {
            assert!(figure(text).is_err(), "{text}");
        }
    }
}
