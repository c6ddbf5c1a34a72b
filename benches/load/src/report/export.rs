//! Histograms of a run in the formats of others.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::figures::parts::Part;
use crate::figures::tally::Tally;
use crate::report::run::findings::Findings;

/// Percentiles of each halving of the distance to 100 %, as `HdrHistogram` has it by default.
const TICKS: u32 = 5;

/// Nanoseconds of a millisecond, in which these formats have their times.
const MILLISECOND: f64 = 1e6;

/// The endings of the formats.
pub(crate) const ENDINGS: [&str; 3] = ["hgrm", "hlog", "csv"];

/// The histograms of a run in the format that the ending of this file names.
pub(crate) fn histograms(file: &Path, findings: &Findings<'_>) -> String {
    let tally = &findings.measured.tally;
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("hlog") => interval_log(findings),
        Some("csv") => buckets(tally),
        _ => percentiles(&tally.latency.times),
    }
}

/// The server's time as a text of percentiles, in milliseconds (`.hgrm`).
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn percentiles(times: &Histogram<u64>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut count = 0;
    for step in times.iter_quantiles(TICKS) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / MILLISECOND, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:2.12} {count:10}");
        let _ =
            if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let (mean, deviation, max) =
        (times.mean() / MILLISECOND, times.stdev() / MILLISECOND, times.max() as f64 / MILLISECOND);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", times.len());
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {:12}]", times.buckets(), 2048);
    text
}

/// The whole run as one interval of a log (`.hlog`): the server's time, and with a tag those with the own lag.
fn interval_log(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let began = findings.about.and_then(|about| humantime::parse_rfc3339(&about.began).ok());
    let began = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let length = Duration::from_nanos(measured.window.length.saturating_add(measured.window.tail));
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    builder.with_start_time(UNIX_EPOCH + began).with_max_value_divisor(MILLISECOND);
    for (name, what) in findings.about.into_iter().flat_map(|about| about.lines()) {
        builder.add_comment(&format!("{name}: {what}"));
    }
    let mut written = || -> Result<(), Box<dyn std::error::Error>> {
        let mut log = builder.begin_log_with(&mut bytes, &mut serializer)?;
        let tally = &measured.tally;
        for (tag, times) in [
            (None, &tally.latency),
            (Tag::new("from-due"), &tally.corrected),
            (Tag::new("from-begun"), &tally.uncorrected),
        ] {
            log.write_histogram(&times.times, began, length, tag)?;
        }
        Ok(())
    };
    written().unwrap_or_else(|error| unreachable!("memory takes it: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many visits each bucket of each time has, in nanoseconds (`.csv`).
fn buckets(tally: &Tally) -> String {
    let mut text = "time,from_nanos,to_nanos,visits\n".to_owned();
    let times = [
        ("latency", &tally.latency.times),
        ("corrected", &tally.corrected.times),
        ("uncorrected", &tally.uncorrected.times),
    ];
    // As the JSON has their names.
    let key = |part: Part| serde_json::to_value(part).ok()?.as_str().map(str::to_owned);
    let parts = Part::ALL.map(|part| (key(part).unwrap_or_default(), tally.part(part)));
    let times = times.map(|(name, times)| (name.to_owned(), times));
    for (name, times) in times.into_iter().chain(parts) {
        for bucket in times.iter_recorded() {
            let to = bucket.value_iterated_to();
            let (from, visits) = (times.lowest_equivalent(to), bucket.count_at_value());
            let _ = writeln!(text, "{name},{from},{to},{visits}");
        }
    }
    text
}
