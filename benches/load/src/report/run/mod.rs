//! One run in tables.

pub(crate) mod findings;
mod generators;
mod intervals;
mod lead;
mod stages;
mod times;

use std::fmt;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::failure::Reason;
use crate::figures::measured::Measured;
use crate::figures::tally::Tally;
use crate::figures::tally::connections::Connections;
use crate::generator::idle::Left;
use crate::report::run::findings::Findings;
use crate::report::run::times::{latencies, parts};
use crate::report::table::{lost, net, rate, table};
use crate::system::clock::Nanos;
use crate::system::rows::Written;

/// The run in tables.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&run(&Findings::of(self)))
    }
}

/// One run in tables.
pub(crate) fn run(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let tally = &measured.tally;
    let datagrams =
        if measured.kind.semantics().connections { String::new() } else { datagrams(measured) + "\n\n" };
    let resets = match tally.resets {
        0 => String::new(),
        resets => format!("; {resets} reset on purpose"),
    };
    let wrong = tally.first_wrong.as_ref().map_or_else(String::new, |wrong| format!("\n{wrong}"));
    format!(
        "{}\n{}\n{}{resets}{wrong}\n\n{datagrams}{}\n{}\n\n{}{}{}{}\n\
         {} visits were held back by the limit in flight.\n{}{}{}{}\n",
        lead::lead(measured),
        visits(measured),
        errors(tally),
        latencies(findings),
        parts(findings),
        stages::stages(findings),
        lead::stalls(measured),
        lead::untold(measured),
        in_flight(findings),
        measured.held_back,
        generators::generators(findings),
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

/// What became of the visits that were due, and the rates.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn visits(measured: &Measured) -> String {
    let Measured { tally, window, .. } = measured;
    let seconds = |nanos: Nanos| nanos as f64 / 1e9;
    format!(
        "{} visits{} welcomed, {} a second in the {:.1} s in which visits were due{}{}\n\
         {} due, {} a second; {} begun, {} done, {} failed{}, {} not begun",
        tally.welcomed,
        if measured.kind == Kind::Tcp { String::new() } else { format!(" over {}", measured.kind) },
        rate(measured.rate()),
        seconds(window.length),
        if measured.rates.is_some() {
            ", each generator in its own time and this is the longest"
        } else {
            ""
        },
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
        lost(tally.lost),
        measured.not_begun(),
    )
}

/// What else was asked for, and did not come to pass.
fn beside(findings: &Findings<'_>) -> String {
    let Findings { measured, count, held, interrupted, .. } = *findings;
    let made = measured.tally.ended();
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
    if let Some(Connections { opened, closed_early }) = measured.tally.connections {
        lines.push(format!(
            "{opened} connections were opened. The server closed {closed_early} of them before their last request."
        ));
    }
    if let Some(Written { rows, dropped, .. }) = findings.rows {
        lines.push(match dropped {
            0 => format!("{rows} visits have a row in the file of --visits."),
            _ => format!(
                "{rows} visits have a row in the file of --visits. {dropped} are missing: it could not be written as fast, or at all."
            ),
        });
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
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn in_flight(findings: &Findings<'_>) -> String {
    let Measured { tally, in_flight, seconds, .. } = findings.measured;
    let asked = findings.at_a_time.map_or_else(String::new, |asked| format!(" of {asked}"));
    let little = tally.ended() as f64 * tally.uncorrected.times.mean() / 1e9 / seconds;
    format!("In flight on average: {in_flight:.1}{asked}; by Little's law, rate times duration: {little:.1}.")
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
    let Reason { class, errno, error, status, count } = reason;
    match (errno, error, status) {
        (Some(errno), Some(error), _) => format!("{count} {class} ({errno}: {error})"),
        (_, _, Some(status)) => format!("{count} HTTP {status}"),
        _ => format!("{count} {class}"),
    }
}
