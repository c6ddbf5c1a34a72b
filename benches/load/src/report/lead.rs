//! What a report leads with: how slow the slow visits were, and why.

use std::fmt::Write as _;

use crate::figures::culprit::Culprit;
use crate::figures::distribution::{Distribution, Percentile, QUANTILES, Verdict};
use crate::figures::measured::Measured;
use crate::figures::parts::Part;
use crate::system::clock::Nanos;

/// The quantile that a report leads with.
const LEAD: f64 = 0.99;

/// What stands first in a report: the 99th percentile of the server's time, and what made the visits from there on slow. Where
/// the generator itself was late, that stands behind it.
pub(super) fn lead(measured: &Measured) -> String {
    let tally = &measured.tally;
    if tally.latency.times.is_empty() {
        return "No visit began.".to_owned();
    }
    let p99 = tally.percentile(LEAD);
    let mut text = format!(
        "p99 is {}: {}.",
        time(&p99),
        why(&tally.latency, measured.net.listen_overflows).unwrap_or_else(|| "no visit stood out".to_owned())
    );
    let corrected = tally.corrected.percentile(LEAD, tally.not_begun);
    if corrected.verdict == Verdict::OwnLag {
        let _ = write!(
            text,
            "\nWith the generator's own lag it is {}: in the visits at and above that the generator was {} late on average.",
            time(&corrected),
            span(corrected.own_lag_nanos)
        );
    }
    text
}

/// What made the visits at and above the 99th percentile slow, if something stands out.
fn why(times: &Distribution, overflows: u64) -> Option<String> {
    let visits = times.visits_from(LEAD);
    let culprits = visits.culprits();
    let (culprit, count) = *culprits.iter().find(|(culprit, _)| *culprit != Culprit::None)?;
    // Half of the visits as usual are no reason to look for one.
    if count * 10 < visits.count {
        return None;
    }
    let because = if culprit == Culprit::SynAgain && overflows > 0 {
        format!(", and the kernel counted {overflows} times that an accept queue here was full")
    } else {
        String::new()
    };
    let part = share(count, visits.count);
    Some(format!("in {part} of the visits at and above it {}{because}", culprit.words()))
}

/// A share in per cent, of which a hundred are all.
fn share(count: u64, all: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let per_cent = count as f64 * 100.0 / all.max(1) as f64;
    if count == all { "100 %".to_owned() } else { format!("{:.0} %", per_cent.clamp(1.0, 99.0)) }
}

/// A percentile's time, and that it is at least that where visits were given up.
fn time(percentile: &Percentile) -> String {
    let least = if percentile.at_least { "at least " } else { "" };
    format!("{least}{}", span(percentile.nanos))
}

/// A length of time in the unit that suits it, in three digits.
pub(super) fn span(nanos: Nanos) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let (figure, unit) = match nanos {
        0..1_000_000 => (nanos as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (nanos as f64 / 1e6, "ms"),
        _ => (nanos as f64 / 1e9, "s"),
    };
    let digits = if figure < 10.0 { 2 } else { usize::from(figure < 100.0) };
    format!("{figure:.digits$} {unit}")
}

/// The percentiles of a time that are not valid, with their reasons; nothing if all are.
pub(super) fn invalid(name: &str, times: &Distribution, not_begun: u64) -> String {
    let percentiles = QUANTILES.map(|quantile| times.percentile(quantile, not_begun));
    let mut text = String::new();
    for verdict in [Verdict::OwnLag, Verdict::NotBegun, Verdict::TooFew] {
        let such: Vec<&Percentile> =
            percentiles.iter().filter(|percentile| percentile.verdict == verdict).collect();
        if such.is_empty() {
            continue;
        }
        let each = |show: &dyn Fn(&Percentile) -> String| {
            such.iter().map(|percentile| show(percentile)).collect::<Vec<_>>().join(", ")
        };
        let why = match verdict {
            Verdict::Valid => continue,
            Verdict::OwnLag => {
                let lags = each(&|percentile| span(percentile.own_lag_nanos));
                format!("in the visits at and above it the generator was {lags} late on average")
            }
            Verdict::NotBegun => format!("{not_begun} visits that were due did not begin"),
            Verdict::TooFew => format!("{} visits are too few for it", times.times.len()),
        };
        let which = each(&|percentile| format!("p{}", percentile.per_cent));
        let _ = writeln!(text, "* {name}, {which}: INVALID, because {why}.");
    }
    text
}

/// What a closed loop hides, with the remark that it does.
pub(super) fn stalls(measured: &Measured) -> String {
    let Some((longest, wait)) = measured.stalls() else { return String::new() };
    let p99 = measured.tally.latency.at(LEAD);
    let more = if wait > p99 {
        format!(
            "\nOne in a hundred clients that come at moments of their own would have waited {} or longer, and not {}: \
             --rate shows that.",
            span(wait),
            span(p99)
        )
    } else {
        String::new()
    };
    format!(
        "A closed loop hides stalls: the longest time in which no visit ended was {}.{more}\n",
        span(longest)
    )
}

/// What the kernel does not tell of these visits, if something.
pub(super) fn untold(measured: &Measured) -> String {
    let mut text = String::new();
    if !measured.is_stamped {
        text += "Over this kind of socket the kernel does not note when something comes: what came is as old as the end of \
                 the wait for it.\n";
    }
    if measured.tally.unstamped > 0 {
        let _ = writeln!(
            text,
            "{} replies had no time stamp of the kernel that could be believed.",
            measured.tally.unstamped
        );
    }
    if measured.clock_set > 0 {
        let _ = writeln!(text, "The system's clock was set {} times meanwhile.", measured.clock_set);
    }
    text
}

/// The parts that a table has: not those that were nothing in every visit.
pub(super) fn parts(measured: &Measured) -> impl Iterator<Item = Part> + '_ {
    Part::ALL.into_iter().filter(|part| measured.tally.part(*part).max() > 0)
}
