//! What a report leads with: how slow the slow visits were, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::figures::culprit::Culprit;
use crate::figures::distribution::{Distribution, PercentileTime, Verdict};
use crate::figures::measured::Measured;
use crate::figures::parts::Part;
use crate::figures::percentile::Percentile;
use crate::system::clock::Nanos;

/// The percentile that a report leads with. Of too few visits for it, it leads with the slowest one.
const LEAD: Percentile = Percentile::P99;

/// What stands first in a report: the 99th percentile of the server's time, and what made the visits from there on slow. Where
/// the generator itself was late, that stands behind it.
pub(super) fn lead(measured: &Measured) -> String {
    let tally = &measured.tally;
    if tally.latency.times.is_empty() {
        return "No visit began.".to_owned();
    }
    let p99 = tally.percentile(LEAD);
    let what = match time(&p99) {
        Some(time) => format!("{LEAD} is {time}"),
        None => slowest(&tally.latency),
    };
    let mut text = format!(
        "{what}: {}.",
        why(&tally.latency, measured.net.listen_overflows).unwrap_or_else(|| "no visit stood out".to_owned())
    );
    let corrected = tally.corrected.percentile(LEAD, tally.not_begun);
    if let Some(time) = time(&corrected)
        && corrected.verdict == Verdict::OwnLag
    {
        let _ = write!(
            text,
            "\nWith the generator's own lag it is {time}: in the visits at and above that the generator was {} late on average.",
            span(corrected.own_lag_nanos)
        );
    }
    text
}

/// What made the visits at and above the 99th percentile slow, if something stands out.
fn why(times: &Distribution, overflows: u64) -> Option<String> {
    let visits = times.visits_from(LEAD.quantile());
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

/// A percentile's time, and that it is at least that where visits were given up; `None` of too few visits.
fn time(percentile: &PercentileTime) -> Option<String> {
    percentile.nanos.map(|nanos| least(nanos, percentile.at_least))
}

/// The slowest visit.
fn slowest(times: &Distribution) -> String {
    let visits = times.times.len();
    let time = least(times.times.max(), times.max_is_at_least());
    if visits == 1 {
        format!("The visit took {time}")
    } else {
        format!("The slowest of {visits} visits took {time}")
    }
}

fn least(nanos: Nanos, at_least: bool) -> String {
    format!("{}{}", if at_least { "at least " } else { "" }, span(nanos))
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

/// The percentiles of a time that are not valid, with their reasons; nothing if all are. Those of too few visits have no time,
/// and stand in another line.
pub(super) fn invalid(
    name: &str,
    times: &Distribution,
    percentiles: &[(Percentile, PercentileTime)],
    not_begun: u64,
) -> String {
    let mut text = String::new();
    for verdict in [Verdict::OwnLag, Verdict::NotBegun, Verdict::OfGenerator] {
        let such: Vec<_> =
            percentiles.iter().filter(|(_, percentile)| percentile.verdict == verdict).collect();
        if such.is_empty() {
            continue;
        }
        let each = |show: &dyn Fn(&PercentileTime) -> String| {
            such.iter().map(|(_, percentile)| show(percentile)).collect::<Vec<_>>().join(", ")
        };
        let why = match verdict {
            Verdict::Valid | Verdict::TooFew => continue,
            Verdict::OwnLag => {
                let lags = each(&|percentile| span(percentile.own_lag_nanos));
                format!("in the visits at and above it the generator was {lags} late on average")
            }
            Verdict::NotBegun => format!("{not_begun} visits that were due did not begin"),
            Verdict::OfGenerator => {
                let which: BTreeSet<&str> =
                    such.iter().flat_map(|(percentile, _)| times.invalid_by_itself(*percentile)).collect();
                format!("it is so by itself of {}", which.into_iter().collect::<Vec<_>>().join(", "))
            }
        };
        let which = each(&|percentile| format!("p{}", percentile.per_cent));
        let _ = writeln!(text, "* {name}, {which}: INVALID, because {why}.");
    }
    text
}

/// What a closed loop hides, with the remark that it does.
pub(super) fn stalls(measured: &Measured) -> String {
    let Some((longest, wait)) = measured.stalls() else { return String::new() };
    let p99 = measured.tally.latency.at(LEAD.quantile());
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
        "A closed loop hides stalls: the longest time in which no visit{} ended was {}.{more}\n",
        match (measured.generators, measured.rates) {
            (_, Some(_)) => " of one generator",
            (1, None) => "",
            (_, None) => " of one thread",
        },
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
