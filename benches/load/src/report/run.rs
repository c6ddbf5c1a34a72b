//! One run in tables.

use std::fmt;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::distribution::QUANTILES;
use crate::figures::failure::Reason;
use crate::figures::measured::Measured;
use crate::figures::tally::Tally;
use crate::report::lead;
use crate::report::table::{net, rate, table};
use crate::system::clock::Nanos;

/// The run in tables.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&run(self, None))
    }
}

/// One run in tables, with what the generator reaches at best.
pub(crate) fn run(measured: &Measured, ceiling: Option<f64>) -> String {
    let Measured { tally, .. } = measured;
    let has_connections = measured.kind.semantics().connections;
    format!(
        "{}\n{}\n{}\n\n{}{}\n{}\n{}\n{}{}\n\
         {} visits were held back by the limit in flight.\n\
         The generator used {:.0}% of a processor{}.\n{}{}\n",
        lead::lead(measured),
        visits(measured),
        if tally.resets > 0 {
            format!("{}; {} reset on purpose", errors(tally), tally.resets)
        } else {
            errors(tally)
        },
        if has_connections { String::new() } else { datagrams(measured) + "\n\n" },
        latencies(measured),
        parts(measured),
        lead::stalls(measured),
        lead::untold(measured),
        in_flight(measured),
        measured.held_back,
        measured.busy() * 100.0,
        ceiling.map_or_else(String::new, |ceiling| {
            format!(
                "; against a server that does next to nothing it reaches {} visits a second",
                rate(ceiling)
            )
        }),
        if ceiling::limited(measured, ceiling) {
            "The generator was the limit: the server may bear more.\n"
        } else {
            ""
        },
        match measured.kind {
            Kind::Tcp => net(measured.net),
            Kind::Unix | Kind::UnixPacket => {
                format!("{} visits found the server's backlog full and waited for room.", tally.waited)
            }
            Kind::Udp => format!(
                "The kernel counted {} RcvbufErrors: datagrams that found a receive buffer full.",
                measured.net.udp_rcvbuf_errors
            ),
            Kind::UnixGram | Kind::Raw => String::new(),
        },
    )
}

/// What became of the visits that were due, and the rates.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn visits(measured: &Measured) -> String {
    let Measured { tally, window, .. } = measured;
    let seconds = |nanos: Nanos| nanos as f64 / 1e9;
    format!(
        "{} visits{} welcomed, {} a second in the {:.1} s in which visits were due{}\n\
         {} due, {} a second; {} begun, {} done, {} failed{}, {} not begun",
        tally.welcomed,
        if measured.kind == Kind::Tcp { String::new() } else { format!(" over {}", measured.kind) },
        rate(measured.rate()),
        seconds(window.length),
        if window.tail > 0 {
            format!("; the last ended {} later", lead::span(window.tail))
        } else {
            String::new()
        },
        measured.due(),
        rate(measured.rate_due()),
        measured.begun(),
        tally.welcomed + tally.resets,
        tally.failures(),
        if tally.lost > 0 { format!(", {} lost", tally.lost) } else { String::new() },
        measured.not_begun(),
    )
}

/// The times of the visits, with what their percentiles are worth.
fn latencies(measured: &Measured) -> String {
    let Measured { tally, .. } = measured;
    let all = [
        ("the server's time", &tally.latency),
        ("from due, with own lag", &tally.corrected),
        ("from begun, with own lag", &tally.uncorrected),
    ];
    let rows = all.iter().map(|(name, times)| {
        let percentiles = QUANTILES.map(|quantile| {
            let percentile = times.percentile(quantile, tally.not_begun);
            let mark = if percentile.is_valid() { "" } else { " *" };
            format!("{}{mark}", at_least(percentile.nanos, percentile.at_least))
        });
        let max = at_least(times.times.max(), times.max_is_at_least());
        [vec![(*name).to_owned()], percentiles.to_vec(), vec![max]].concat()
    });
    let table = table(["us", "p50", "p90", "p99", "p99.9", "max"], rows);
    let invalid = all.map(|(name, times)| lead::invalid(name, times, tally.not_begun)).concat();
    format!("{table}\n{invalid}")
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

/// What the time was spent on.
fn parts(measured: &Measured) -> String {
    let rows = lead::parts(measured).map(|part| {
        let times = measured.tally.part(part);
        let quantiles = QUANTILES.map(|quantile| micros(times.value_at_quantile(quantile)));
        let name = if part.is_own() { format!("{} (own)", part.name()) } else { part.name().to_owned() };
        [vec![name], quantiles.to_vec(), vec![micros(times.max())]].concat()
    });
    table(["part, us", "p50", "p90", "p99", "p99.9", "max"], rows)
}

/// The visits in flight, measured and as they should be.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn in_flight(measured: &Measured) -> String {
    let Measured { tally, in_flight, seconds, .. } = measured;
    let little = tally.ended() as f64 * tally.uncorrected.times.mean() / 1e9 / seconds;
    format!("In flight on average: {in_flight:.1}; by Little's law, rate times duration: {little:.1}.")
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

/// The failures by class and error, or that there were none.
fn errors(tally: &Tally) -> String {
    let some: Vec<String> = tally.failures.reasons().iter().map(reason).collect();
    if some.is_empty() { "errors: none".to_owned() } else { format!("errors: {}", some.join(", ")) }
}

fn reason(reason: &Reason) -> String {
    let Reason { class, errno, error, count } = reason;
    match (errno, error) {
        (Some(errno), Some(error)) => format!("{count} {class} ({errno}: {error})"),
        _ => format!("{count} {class}"),
    }
}
