//! One run in tables.

use std::fmt;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::measured::Measured;
use crate::figures::tally::{Failure, Tally};
use crate::generator::idle::Left;
use crate::report::about::About;
use crate::report::percentile::Percentile;
use crate::report::table::{net, rate, shown, table};
use crate::report::thresholds::Judged;

/// A run with what is known beside its figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings<'a> {
    pub(crate) measured: &'a Measured,
    /// What it is about, if it is a run of the program.
    pub(crate) about: Option<&'a About>,
    /// Visits a second that the generator reaches at best, if that is known.
    pub(crate) ceiling: Option<f64>,
    /// The percentiles that are shown.
    pub(crate) percentiles: &'a [Percentile],
    /// The visits at a time that a closed loop was asked for.
    pub(crate) at_a_time: Option<usize>,
    /// How many sockets could be open, if a closed loop needed more and was thinner for that.
    pub(crate) thinned_to: Option<usize>,
    /// How many visits were asked for.
    pub(crate) count: Option<u64>,
    /// How many idle connections were held, and those that ended meanwhile.
    pub(crate) held: Option<(usize, Left)>,
    /// Whether a signal ended it early.
    pub(crate) interrupted: bool,
    /// The thresholds, with what came of them.
    pub(crate) thresholds: &'a [Judged],
}

impl<'a> Findings<'a> {
    /// A run of which no more is known.
    pub(crate) fn of(measured: &'a Measured) -> Findings<'a> {
        Findings {
            measured,
            about: None,
            ceiling: None,
            percentiles: &Percentile::USUAL,
            at_a_time: None,
            thinned_to: None,
            count: None,
            held: None,
            interrupted: false,
            thresholds: &[],
        }
    }
}

/// The run in tables.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&run(&Findings::of(self)))
    }
}

/// One run in tables.
pub(crate) fn run(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let Measured { tally, seconds, .. } = measured;
    let datagrams =
        if measured.kind.semantics().connections { String::new() } else { datagrams(measured) + "\n\n" };
    let resets = match tally.resets {
        0 => String::new(),
        resets => format!("; {resets} reset on purpose"),
    };
    format!(
        "{} visits{} welcomed in {seconds:.1} s: {} a second\n{}{resets}\n\n{datagrams}{}\n\n\
         {}\n\
         {} visits were held back by the limit in flight.\n\
         The generator used {:.0}% of a processor.\n{}{}{}\n",
        tally.welcomed,
        if measured.kind == Kind::Tcp { String::new() } else { format!(" over {}", measured.kind) },
        rate(measured.rate()),
        errors(tally),
        times(findings),
        in_flight(findings),
        measured.held_back,
        measured.busy() * 100.0,
        limit(findings),
        beside(findings),
        match measured.kind {
            Kind::Tcp => net(measured.net),
            Kind::Unix | Kind::UnixPacket => {
                format!("{} visits found the server's backlog full and waited for room.", tally.waited)
            }
            Kind::Udp => format!(
                "The kernel counted in this network namespace {} RcvbufErrors: datagrams that found a receive buffer full.",
                measured.net.udp_rcvbuf_errors
            ),
            Kind::UnixGram | Kind::Raw => String::new(),
        },
    )
}

/// What the generator reaches at best, if that is known, and whether it was the limit.
pub(crate) fn limit(findings: &Findings<'_>) -> String {
    let ceiling = findings.ceiling.map(|ceiling| {
        format!("Against a server that does next to nothing it reaches {} visits a second.\n", rate(ceiling))
    });
    let limited = ceiling::limited(findings.measured, findings.ceiling);
    let limited = if limited { "The generator was the limit: the server may bear more.\n" } else { "" };
    ceiling.unwrap_or_default() + limited
}

/// The times of the visits by percentile, and for which there were too few.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn times(findings: &Findings<'_>) -> String {
    let (measured, percentiles) = (findings.measured, findings.percentiles);
    let tally = &measured.tally;
    let all = [
        ("latency, from the scheduled moment", &tally.latency),
        ("start lag", &tally.start_lag),
        ("to connected", &tally.connect),
        ("to the first byte", &tally.first_byte),
        ("to the end", &tally.end),
    ];
    let of_datagrams = [all[0], all[1], ("to the answer", &tally.end)];
    let times = if measured.kind.semantics().connections { &all[..] } else { &of_datagrams[..] };
    let micros = |nanos: u64| format!("{:.0}", nanos as f64 / 1e3);
    let rows = times.iter().map(|(name, times)| {
        let quantiles = percentiles.iter().map(|percentile| shown(percentile.of(times), micros));
        let max = if times.is_empty() { None } else { Some(times.max()) };
        [vec![(*name).to_owned()], quantiles.collect(), vec![shown(max, micros)]].concat()
    });
    let names: Vec<String> = percentiles.iter().map(ToString::to_string).collect();
    let head = [&["us"], &names.iter().map(String::as_str).collect::<Vec<_>>()[..], &["max"]].concat();
    let table = table(head, rows);
    let visits = tally.latency.len();
    let few: Vec<String> = percentiles
        .iter()
        .filter(|percentile| visits < percentile.needs())
        .map(|percentile| format!("{percentile} (at least {})", percentile.needs()))
        .collect();
    if few.is_empty() {
        table
    } else {
        format!("{table}\n\n{visits} visits are too few for {}.", few.join(", "))
    }
}

/// What else was asked for, and did not come to pass.
fn beside(findings: &Findings<'_>) -> String {
    let Findings { measured, count, held, interrupted, .. } = *findings;
    let tally = &measured.tally;
    let made = tally.welcomed + tally.resets + tally.failures() + tally.lost;
    let mut lines = Vec::new();
    if interrupted {
        lines.push("It was ended early by a signal.".to_owned());
    }
    if let Some(sockets) = findings.thinned_to {
        lines.push(format!(
            "INVALID: the loop was thinner than asked for. The socket of a datagram stays open for a while after its visit, \
             and {sockets} could be open at a time (ulimit -n)."
        ));
    }
    if let Some(count) = count.filter(|count| made < *count) {
        lines.push(format!("Of the {count} visits of --count only {made} began in the time for it."));
    }
    if let Some((asked, Left { closed, reset })) = held {
        let left = closed + reset;
        lines.push(format!(
            "Of {asked} idle connections {left} ended meanwhile: {closed} closed by the server, {reset} reset."
        ));
    }
    lines.extend(findings.thresholds.iter().map(ToString::to_string));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The visits in flight, measured and as they should be.
fn in_flight(findings: &Findings<'_>) -> String {
    let Measured { tally, in_flight, .. } = findings.measured;
    let asked = findings.at_a_time.map_or_else(String::new, |asked| format!(" of {asked}"));
    let average = format!("In flight on average: {in_flight:.1}{asked}");
    if tally.lost > 0 {
        return average + "."; // a lost visit has no duration, and the law needs all of them
    }
    let little = findings.measured.rate() * tally.end.mean() / 1e9;
    format!("{average}; by Little's law, rate times duration: {little:.1}.")
}

/// What became of the datagrams of a run.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn datagrams(measured: &Measured) -> String {
    let Tally { welcomed, lost, late, duplicates, foreign, waited, .. } = measured.tally;
    let sent = measured.tally.sent();
    let timeout = measured.timeout;
    let rows = [
        ("sent".to_owned(), sent),
        ("answered".to_owned(), welcomed),
        (format!("lost: no answer within {timeout:?}"), lost),
        (format!("late: an answer to a lost one, within another {timeout:?}"), late),
        ("duplicate: another answer to an answered one".to_owned(), duplicates),
        ("foreign: not from the server".to_owned(), foreign),
        ("waited: a queue had no room for it at first".to_owned(), waited),
    ];
    let rows = rows.map(|(what, count)| {
        vec![what, count.to_string(), format!("{:.2}", count as f64 * 100.0 / sent.max(1) as f64)]
    });
    table(["datagrams", "number", "% of those sent"], rows)
}

/// The failures by class, or that there were none.
fn errors(tally: &Tally) -> String {
    let some = Failure::ALL.into_iter().filter(|failure| tally.count(*failure) > 0);
    let some: Vec<String> =
        some.map(|failure| format!("{} {}", tally.count(failure), failure.name())).collect();
    if some.is_empty() { "errors: none".to_owned() } else { format!("errors: {}", some.join(", ")) }
}
