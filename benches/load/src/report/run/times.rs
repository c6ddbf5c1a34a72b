//! The times of the visits in tables.

use hdrhistogram::Histogram;

use crate::figures::distribution::PercentileTime;
use crate::figures::distribution::blocks::Interval;
use crate::report::run::findings::Findings;
use crate::report::run::intervals::{Judged, intervals};
use crate::report::run::lead;
use crate::report::table::{shown, table};
use crate::system::clock::Nanos;

/// The times of the visits, with what their percentiles are worth.
pub(super) fn latencies(findings: &Findings<'_>) -> String {
    let tally = &findings.measured.tally;
    let all = [
        Judged::of("the server's time", &tally.latency, findings),
        Judged::of("from due, with own lag", &tally.corrected, findings),
        Judged::of("from begun, with own lag", &tally.uncorrected, findings),
    ];
    let rows = all.iter().map(|Judged { name, times, percentiles, .. }| {
        let percentiles = percentiles.iter().map(|(_, one)| cell(one)).collect();
        let max = shown(max(&times.times), |max| at_least(max, times.max_is_at_least()));
        [vec![(*name).to_owned()], percentiles, vec![max]].concat()
    });
    let table = in_columns(findings, "us", rows);
    let invalid = |one: &Judged<'_>| lead::invalid(one.name, one.times, &one.percentiles, tally.not_begun);
    let invalid: String = all.iter().map(invalid).collect();
    format!("{table}\n{}{}{invalid}", too_few(findings), intervals(&all))
}

/// A percentile in microseconds with its interval, if it has one, and a star if it is not valid.
pub(super) fn cell(one: &PercentileTime) -> String {
    let mark = if one.is_valid() || one.nanos.is_none() { "" } else { " *" };
    let interval = one.interval_nanos.filter(|_| one.nanos.is_some());
    let interval =
        interval.map(|Interval { lower, upper }| format!(" [{}-{}]", micros(lower), micros(upper)));
    let interval = interval.unwrap_or_default();
    shown(one.nanos, |nanos| format!("{}{interval}{mark}", at_least(nanos, one.at_least)))
}

/// The percentiles for which there were too few visits.
fn too_few(findings: &Findings<'_>) -> String {
    let visits = findings.measured.tally.latency.times.len();
    let few = findings.percentiles.iter().filter(|percentile| visits < percentile.needs());
    let few: Vec<String> =
        few.map(|percentile| format!("{percentile} (at least {})", percentile.needs())).collect();
    if few.is_empty() {
        String::new()
    } else {
        format!("{visits} visits are too few for {}.\n", few.join(", "))
    }
}

/// What the time was spent on.
pub(super) fn parts(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let rows = lead::parts(measured).map(|part| {
        let times = measured.tally.part(part);
        let percentiles = findings.percentiles.iter().map(|percentile| shown(percentile.of(times), micros));
        let name = if part.is_own() { format!("{} (own)", part.name()) } else { part.name().to_owned() };
        [vec![name], percentiles.collect(), vec![shown(max(times), micros)]].concat()
    });
    in_columns(findings, "part, us", rows)
}

/// A table with a column for each percentile.
fn in_columns(findings: &Findings<'_>, of: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let names: Vec<String> = findings.percentiles.iter().map(ToString::to_string).collect();
    let names = names.iter().map(String::as_str);
    table([of].into_iter().chain(names).chain(["max"]), rows)
}

/// The longest time, if there is one.
fn max(times: &Histogram<u64>) -> Option<Nanos> {
    (!times.is_empty()).then(|| times.max())
}

/// A time in microseconds, and whether it is the least that it can be.
fn at_least(nanos: Nanos, at_least: bool) -> String {
    format!("{}{}", if at_least { ">= " } else { "" }, micros(nanos))
}

/// A time in microseconds.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn micros(nanos: Nanos) -> String {
    format!("{:.0}", nanos as f64 / 1e3)
}
