//! The report for programs.

pub(crate) mod knee;
mod stages;
mod times;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::comparison::goals::{Goal, goals};
use crate::comparison::{Comparison, ceiling};
use crate::figures::distribution::PercentileTime;
use crate::figures::failure::Reason;
use crate::figures::failure::wrong::Wrong;
use crate::figures::measured::Measured;
use crate::figures::measured::contribution::Contribution;
use crate::figures::parts::Part;
use crate::figures::tally::Tally;
use crate::figures::tally::connections::Connections;
use crate::figures::timeline::Timeline;
use crate::generator::idle::Left;
use crate::report::about::About;
use crate::report::json::knee::Knee;
use crate::report::json::stages::StageFigures;
use crate::report::json::times::{CulpritCount, PartTimes, Percentiles, Stalled};
use crate::report::run::findings::Findings;
use crate::report::thresholds::Judged;
use crate::system::clock::nanos;
use crate::system::processes::NetCounters;

/// The version of [`Report`].
const VERSION: u32 = 2;

/// A report of the load test.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report<'a> {
    /// It goes up when a member changes its meaning or goes away. New members may come without.
    #[cfg_attr(test, schemars(extend("const" = VERSION)))]
    version: u32,
    /// What it is about; null if it is of a run by the library, which knows no more than its figures.
    about: Option<&'a About>,
    /// Of a run without `--connect`: all servers by the same measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Comparison"))]
    comparison: Option<&'a Comparison>,
    /// Of a run without `--connect`: the figures that welcomed is meant to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Vec<Goal>"))]
    goals: Option<Vec<Goal>>,
    /// Of a run with `--connect`: what came of the visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Run<'a>"))]
    run: Option<Run<'a>>,
    /// Of a search with `--find-knee`: what it has found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Knee"))]
    knee: Option<&'a Knee>,
}

/// What came of a run against one server.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(clippy::struct_excessive_bools, reason = "members of the report, each of its own")]
struct Run<'a> {
    /// Seconds from the first visit's beginning to the last one's end.
    seconds: f64,
    /// Whether a signal ended it early.
    interrupted: bool,
    /// Seconds of them in which visits were due. Rates are of these.
    window_seconds: f64,
    /// Seconds behind these, in which the last visits ended.
    tail_seconds: f64,
    /// Whether the 99th percentile of `latency` says more about the generator than about the server.
    spoiled: bool,
    /// The kind of the server's socket: tcp, unix, unixpacket, udp or unixgram.
    kind: String,
    /// Nanoseconds that a visit could last, and that a datagram's answer was waited for.
    timeout: u64,
    /// Visits that were due. In a closed loop these are those that began.
    due: u64,
    /// Visits that began.
    begun: u64,
    /// Visits that were due and did not begin. They are in no distribution.
    not_begun: u64,
    /// Visits due a second.
    rate_due: f64,
    /// Visits welcomed a second.
    rate: f64,
    /// Visits that went as they should; over datagrams those that were answered.
    welcomed: u64,
    /// Visits that were reset on purpose.
    reset_on_purpose: u64,
    /// Visits that failed, by class.
    failures: BTreeMap<&'static str, u64>,
    /// The same with the error of the system call, where one failed.
    reasons: Vec<Reason>,
    /// The first answer that was not the right one; null if none was.
    first_wrong: Option<&'a Wrong>,
    /// What became of the connections; null if each had one request.
    connections: Option<Connections>,
    /// Visits that found no room in an accept queue (Unix sockets) or in a queue for datagrams, and waited.
    waited: u64,
    /// What became of the datagrams. Zeros where there are connections, but for those sent.
    datagrams: Datagrams,
    /// The server's time: from the scheduled moment to the end, without what the generator was late to begin and to read.
    latency: Percentiles,
    /// The percentiles of it that were asked for.
    percentiles: Vec<PercentileTime>,
    /// Of `--stages`, what came of each; empty without, and where runs of other stages were merged.
    stages: Vec<StageFigures>,
    /// From the scheduled moment until the end was read.
    corrected: Percentiles,
    /// From the start until the end was read.
    uncorrected: Percentiles,
    /// What the time of the visits was spent on. Of each visit they add up to its time in `corrected`.
    parts: Vec<PartTimes>,
    /// What made the visits slow that are at and above the 99th percentile of `latency`, the most frequent first.
    culprits: Vec<CulpritCount>,
    /// The same of `corrected`, where the generator can be one.
    culprits_corrected: Vec<CulpritCount>,
    /// Of a closed loop, what it hides; null in an open one.
    stalls: Option<Stalled>,
    /// Whether the kernel notes over this kind of socket when it receives what comes. Elsewhere what came is as old as the
    /// last wait for it.
    kernel_stamps: bool,
    /// Replies without such a note that could be believed, where the kernel makes them.
    unstamped: u64,
    /// How often the system's clock was set meanwhile.
    clock_set: u64,
    /// Visits in flight, averaged over time.
    in_flight: f64,
    /// Visits that began late because as many as there may be were in flight.
    held_back: u64,
    /// How many threads made the visits, each a generator of its own.
    threads: usize,
    /// Of several, what each has contributed.
    contributions: &'a [Contribution],
    /// Of runs that were merged, what each is about.
    merged: Vec<Origin<'a>>,
    /// Seconds of processor time that the generator used, all threads together.
    generator_cpu_seconds: f64,
    /// Visits a second that the generator reaches against a server that does next to nothing; null if not measured.
    generator_ceiling: Option<f64>,
    /// Whether the generator was the limit, so that the server may bear more.
    generator_limited: bool,
    /// The idle connections; null if none were held.
    held: Option<Held>,
    /// The rows of the visits in the file of `--visits`; null without one.
    rows: Option<Rows>,
    /// The thresholds that were given, with what came of them.
    thresholds: &'a [Judged],
    /// What happened when.
    timeline: &'a Timeline,
    /// What the kernel counted meanwhile, in the network namespace of the generator.
    net: NetCounters,
}

/// What a run is about that was merged with others.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Origin<'a> {
    /// The generator, as in `contributions`.
    generator: &'a str,
    /// Its run.
    about: &'a About,
}

/// Idle connections beside the visits.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Held {
    /// How many were held.
    connections: usize,
    /// Those that the server closed meanwhile.
    closed: usize,
    /// Those that were reset meanwhile.
    reset: usize,
}

/// Rows in a file.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Rows {
    /// Rows that were written.
    written: u64,
    /// Visits without a row: there was no room for it, or it could not be written.
    missing: u64,
}

/// Numbers of datagrams.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Datagrams {
    /// Datagrams that were sent.
    sent: u64,
    /// No answer came within the timeout.
    lost: u64,
    /// An answer to a lost one came within another timeout.
    late: u64,
    /// Another answer to an answered one came.
    duplicates: u64,
    /// Datagrams that are not from the server.
    foreign: u64,
}

impl Measured {
    /// The run as JSON, an object that `report.schema.json` of this package describes.
    #[must_use]
    pub fn json(&self) -> String {
        Report::of_run(&Findings::of(self)).json()
    }
}

impl<'a> Report<'a> {
    /// The report of a comparison.
    pub(crate) fn of_comparison(comparison: &'a Comparison, about: &'a About) -> Report<'a> {
        // Of a part of it no verdict follows.
        let goals = Some(if comparison.whole { goals(&comparison.rows) } else { Vec::new() });
        Report { comparison: Some(comparison), goals, ..Report::about(Some(about)) }
    }

    /// The report of one run.
    pub(crate) fn of_run(findings: &Findings<'a>) -> Report<'a> {
        Report { run: Some(Run::of(findings)), ..Report::about(findings.about) }
    }

    /// The report of a search for the knee.
    pub(crate) fn of_knee(knee: &'a Knee, about: &'a About) -> Report<'a> {
        Report { knee: Some(knee), ..Report::about(Some(about)) }
    }

    fn about(about: Option<&'a About>) -> Report<'a> {
        Report { version: VERSION, about, comparison: None, goals: None, run: None, knee: None }
    }

    /// As text.
    pub(crate) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_else(|error| unreachable!("every member has a name: {error}")) + "\n"
    }
}

impl<'a> Run<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a figure of seconds")]
    fn of(findings: &Findings<'a>) -> Run<'a> {
        let Findings { measured, ceiling, .. } = *findings;
        let tally = &measured.tally;
        let held = |(connections, Left { closed, reset })| Held { connections, closed, reset };
        Run {
            seconds: measured.seconds,
            interrupted: findings.interrupted,
            window_seconds: measured.window.length as f64 / 1e9,
            tail_seconds: measured.window.tail as f64 / 1e9,
            spoiled: tally.is_spoiled(),
            kind: measured.kind.to_string(),
            timeout: nanos(measured.timeout),
            due: measured.due(),
            begun: measured.begun(),
            not_begun: measured.not_begun(),
            rate_due: measured.rate_due(),
            rate: measured.rate(),
            welcomed: tally.welcomed,
            reset_on_purpose: tally.resets,
            failures: tally.failures_by_name().map(|(count, name)| (name, count)).collect(),
            reasons: tally.failures.reasons(),
            first_wrong: tally.first_wrong.as_deref(),
            connections: tally.connections,
            waited: tally.waited,
            datagrams: Datagrams::of(tally),
            latency: Percentiles::of(&tally.latency, tally.not_begun),
            percentiles: findings
                .percentiles
                .iter()
                .map(|percentile| tally.latency.percentile_and_interval(*percentile, tally.not_begun).0)
                .collect(),
            stages: StageFigures::all(&tally.stages, findings.percentiles),
            corrected: Percentiles::of(&tally.corrected, tally.not_begun),
            uncorrected: Percentiles::of(&tally.uncorrected, tally.not_begun),
            parts: Part::ALL.into_iter().map(|part| PartTimes::of(part, tally.part(part))).collect(),
            culprits: CulpritCount::all(&tally.latency),
            culprits_corrected: CulpritCount::all(&tally.corrected),
            stalls: Stalled::of(measured),
            kernel_stamps: measured.is_stamped,
            unstamped: tally.unstamped,
            clock_set: measured.clock_set,
            in_flight: measured.in_flight,
            held_back: measured.held_back,
            threads: measured.generators,
            contributions: &measured.contributions,
            merged: findings.merged.iter().map(|(generator, about)| Origin { generator, about }).collect(),
            generator_cpu_seconds: measured.generator.cpu as f64 / 1e9,
            generator_ceiling: ceiling,
            generator_limited: ceiling::limited(measured, ceiling),
            held: findings.held.map(held),
            rows: findings.rows.map(|rows| Rows { written: rows.rows, missing: rows.dropped }),
            thresholds: findings.thresholds,
            timeline: &measured.timeline,
            net: measured.net,
        }
    }
}

impl Datagrams {
    fn of(tally: &Tally) -> Datagrams {
        let Tally { lost, late, duplicates, foreign, .. } = *tally;
        Datagrams { sent: tally.sent(), lost, late, duplicates, foreign }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Findings, Report};

    /// The schema of what is written. Its members are sorted by name, and no `format` repeats a type of this language.
    fn schema() -> String {
        let format = |schema: &mut schemars::Schema| drop(schema.remove("format"));
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let settings = settings.with_transform(schemars::transform::RecursiveTransform(format));
        let schema = settings.into_generator().into_root_schema_for::<Report<'_>>();
        serde_json::to_string_pretty(&schema).unwrap() + "\n"
    }

    /// `UPDATE_SCHEMA=1` writes it anew.
    #[test]
    fn the_committed_schema_is_what_the_types_say() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(file, schema()).unwrap();
        }
        let found = std::fs::read_to_string(file).unwrap_or_default();
        let mend = "is out of date: UPDATE_SCHEMA=1 cargo test -p welcomed-load mends it";
        assert!(found == schema(), "{file} {mend}");
    }

    #[test]
    fn the_report_of_a_run_is_what_the_schema_describes() {
        use crate::generator::run;
        use crate::plan::{Load, Plan};
        use std::time::Duration;
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let plan =
            Plan { count: 100, ..Plan::plain(target, Load::Closed(8), Duration::from_secs(1)).unwrap() };
        let stop = std::sync::atomic::AtomicBool::new(false);
        let measured = run(&plan, &stop, &mut |_| {}).unwrap();
        let findings = Findings { ceiling: Some(1e6), ..Findings::of(&measured) };
        let json: Value = serde_json::from_str(&Report::of_run(&findings).json()).unwrap();
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let (mut described, mut written) = (keys(&schema["$defs"]["Run"]["properties"]), keys(&json["run"]));
        described.sort();
        written.sort();
        assert_eq!(written, described);
        // On a busy machine the run can last longer than the first slice.
        let slices = json["run"]["timeline"]["slices"].as_array().unwrap();
        let failed: u64 = slices.iter().map(|slice| slice["failed"].as_u64().unwrap()).sum();
        assert_eq!(failed, 100, "{json}");
        assert_eq!(json["run"]["generator_limited"], measured.busy() > 0.9);
        let page = crate::report::page::run_page(&findings);
        assert!(page.ends_with("</html>\n") && page.contains("<h2>Failures over time</h2>"), "{page}");
        // Visits that failed have a curve.
        assert!(!page.contains("Nothing to draw"), "{page}");
        // Without a visit there is none, and no path without a point.
        let none = run(&Plan { count: 0, ..plan }, &stop, &mut |_| {}).unwrap();
        let page = crate::report::page::run_page(&Findings::of(&none));
        assert!(page.contains("Nothing to draw") && !page.contains("d=\"M\""), "{page}");
        let json: Value = serde_json::from_str(&none.json()).unwrap();
        let latency = &json["run"]["latency"];
        assert!(latency["max_nanos"].is_null() && latency["mean_nanos"].is_null(), "{latency}");
    }
}
