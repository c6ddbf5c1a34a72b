//! What was measured, as tables for people and as JSON for programs.

pub(crate) mod page;

use std::fmt::Display;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use welcomed::net::Kind;

use crate::comparison::beside::Difference;
use crate::comparison::ceiling;
use crate::comparison::goals::{Goal, goals};
use crate::comparison::kinds::KindRow;
use crate::comparison::{Comparison, Row};
use crate::faults::tcp::Proof;
use crate::figures::latency::Latency;
use crate::figures::statistics::{Spread, paired_ratios, spread};
use crate::figures::tally::{Failure, Tally};
use crate::plan::Measured;
use crate::system::processes::NetCounters;

/// A table whose figures stand under each other.
fn table<'a>(head: impl IntoIterator<Item = &'a str>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A figure that may not have been measured.
fn shown<T>(figure: Option<T>, show: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), show)
}

/// The comparison in four tables.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let cost = |Spread { median, lower, upper }: Spread| format!("{median:.2} [{lower:.2}-{upper:.2}]");
    let rate = |row: &Row| {
        let limited = if row.generator_limited { " *" } else { "" };
        format!("{:.0}{limited}", spread(&row.rates).median)
    };
    let churn = |row: &Row| {
        vec![
            row.name.clone(),
            rate(row),
            format!("{:.1}", spread(&row.cpu_micros).median),
            shown(row.cost, cost),
            format!("{:.2}", spread(&row.switches).median),
            shown(row.calls, |calls| format!("{calls:.2}")),
            row.failures.to_string(),
        ]
    };
    let head =
        ["churn", "visits/s", "CPU us/visit", "CPU against floor", "switches/visit", "calls/visit", "errors"];
    let latency = |row: &Row| {
        let Latency { p50, p90, p99, p999, max, start_lag_p99, spoiled, .. } = row.latency?;
        let figures = [p50, p90, p99, p999, max, start_lag_p99].map(|micros| format!("{micros:.0}"));
        let verdict = if spoiled { "INVALID" } else { "valid" };
        Some([vec![row.name.clone()], figures.to_vec(), vec![verdict.to_owned()]].concat())
    };
    let latency_head = ["latency in us", "p50", "p90", "p99", "p99.9", "max", "start lag p99", "verdict"];
    let idle = |row: &Row| {
        let (bytes, cost) = (row.held_bytes?, row.held_cost?);
        Some(vec![row.name.clone(), format!("{bytes:.0}"), format!("{cost:.2}")])
    };
    let idle_head = ["idle connections", "bytes each", "CPU of a visit beside them"];
    let rate = comparison.rows.iter().find_map(|row| Some(row.latency?.rate)).unwrap_or(0.0);
    let goal = |goal: &Goal| {
        let reached = shown(goal.reached, |reached| match reached {
            Spread { median, lower, upper } if lower < upper => {
                format!("{median:.2} [{lower:.2}-{upper:.2}]")
            }
            Spread { median, .. } => format!("{median:.2}"),
        });
        let verdict = match goal.reached {
            None => "not measured",
            Some(_) if goal.is_reached() => "reached",
            Some(_) => "missed",
        };
        vec![goal.what.to_owned(), format!("{:.2}", goal.most), reached, verdict.to_owned()]
    };
    let goal_head = ["goal", "at most", "measured", "verdict"];
    format!(
        "{}\n\n{}The generator used {:.0}% of its processor, and reaches about {} visits a second against\n\
         a server that does next to nothing.\n{}\n\n{}\n\n\
         Open loop, {rate:.0} visits a second, Poisson.{}\n\n{}\n\n{}\n\n{}{}\n",
        table(head, comparison.rows.iter().map(churn)),
        if comparison.rows.iter().any(|row| row.generator_limited) {
            "* The generator was the limit, so this rate is its own and not the server's.\n"
        } else {
            ""
        },
        comparison.generator_load * 100.0,
        shown(comparison.generator_ceiling, |ceiling| format!("{ceiling:.0}")),
        net(comparison.net),
        table(latency_head, comparison.rows.iter().filter_map(latency)),
        if comparison.rows.iter().any(Row::is_spoiled) {
            " INVALID: the generator began so late that the row says\n\
             more about this machine than about the server."
        } else {
            ""
        },
        table(idle_head, comparison.rows.iter().filter_map(idle)),
        kinds(&comparison.kinds),
        if comparison.beside.is_empty() { String::new() } else { beside(&comparison.beside) + "\n\n" },
        table(goal_head, goals(&comparison.rows).iter().map(goal)),
    )
}

/// The kinds of sockets beside each other.
fn kinds(kinds: &[KindRow]) -> String {
    let tcp = kinds.first().map(|row| row.cpu_micros.clone()).unwrap_or_default();
    let row = |row: &KindRow| {
        let against_tcp = spread(&paired_ratios(&row.cpu_micros, &tcp)).median;
        vec![
            row.kind.clone(),
            format!("{:.0}", spread(&row.rates).median),
            format!("{:.1}", spread(&row.cpu_micros).median),
            format!("{against_tcp:.2}"),
            format!("{:.2}", row.per_cent(row.lost)),
            format!("{:.2}", row.per_cent(row.waited)),
            row.failures.to_string(),
        ]
    };
    let head =
        ["kind of socket", "welcomed/s", "CPU us/visit", "CPU against tcp", "% lost", "% waited", "errors"];
    table(head, kinds.iter().map(row))
}

/// Two builds beside each other.
fn beside(differences: &[Difference]) -> String {
    let row = |difference: &Difference| {
        let Difference { what, other, this, ratio, mean } = difference;
        let interval =
            |Spread { median, lower, upper }: Spread| format!("{median:.3} [{lower:.3}-{upper:.3}]");
        let figures = [format!("{other:.2}"), format!("{this:.2}"), interval(*ratio), shown(*mean, interval)];
        [vec![(*what).to_owned()], figures.to_vec()].concat()
    };
    let head = ["this build beside another", "other", "this", "this/other [quartiles]", "mean [95%]"];
    table(head, differences.iter().map(row))
}

/// The receipt of a proof.
pub(crate) fn receipt(proofs: &[Proof]) -> String {
    let row = |proof: &Proof| {
        let verdict = if proof.holds() { "correct" } else { "WRONG" };
        vec![proof.what.clone(), proof.injected.to_string(), proof.reported.to_string(), verdict.to_owned()]
    };
    table(["fault", "injected", "reported", "verdict"], proofs.iter().map(row))
}

/// One run in tables, with what the generator reaches at best.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn run(measured: &Measured, ceiling: Option<f64>) -> String {
    let Measured { tally, seconds, .. } = measured;
    let rate = measured.rate();
    let has_connections = measured.kind.semantics().connections;
    let all = [
        ("latency, from the scheduled moment", &tally.latency),
        ("start lag", &tally.start_lag),
        ("to connected", &tally.connect),
        ("to the first byte", &tally.first_byte),
        ("to the end", &tally.end),
    ];
    let of_datagrams = [all[0], all[1], ("to the answer", &tally.end)];
    let times = if has_connections { &all[..] } else { &of_datagrams[..] };
    let micros = |nanos: u64| format!("{:.0}", nanos as f64 / 1e3);
    let rows = times.iter().map(|(name, times)| {
        let quantiles = [0.5, 0.9, 0.99, 0.999].map(|quantile| micros(times.value_at_quantile(quantile)));
        [vec![(*name).to_owned()], quantiles.to_vec(), vec![micros(times.max())]].concat()
    });
    format!(
        "{} visits{} welcomed in {seconds:.1} s: {rate:.0} a second\n{}\n\n{}{}\n\n\
         {}\n\
         {} visits were held back by the limit in flight.\n\
         The generator used {:.0}% of a processor{}.\n{}{}\n",
        tally.welcomed,
        if measured.kind == Kind::Tcp { String::new() } else { format!(" over {}", measured.kind) },
        if tally.resets > 0 {
            format!("{}; {} reset on purpose", errors(tally), tally.resets)
        } else {
            errors(tally)
        },
        if has_connections { String::new() } else { datagrams(measured) + "\n\n" },
        table(["us", "p50", "p90", "p99", "p99.9", "max"], rows),
        in_flight(measured),
        measured.held_back,
        measured.busy() * 100.0,
        ceiling.map_or_else(String::new, |ceiling| {
            format!("; against a server that does next to nothing it reaches {ceiling:.0} visits a second")
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

/// The visits in flight, measured and as they should be.
fn in_flight(measured: &Measured) -> String {
    let Measured { tally, in_flight, .. } = measured;
    let average = format!("In flight on average: {in_flight:.1}");
    if tally.lost > 0 {
        return average + "."; // what was lost has no duration, and the law holds for all or for none
    }
    let little = measured.rate() * tally.end.mean() / 1e9;
    format!("{average}; by Little's law, rate times duration: {little:.1}.")
}

/// What became of the datagrams of a run.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn datagrams(measured: &Measured) -> String {
    let Tally { welcomed, lost, late, duplicates, foreign, waited, .. } = measured.tally;
    let sent = measured.tally.sent();
    let timeout = Duration::from_nanos(measured.timeout);
    let rows = [
        ("sent".to_owned(), sent),
        ("answered".to_owned(), welcomed),
        (format!("lost: no answer within {timeout:?}"), lost),
        (format!("late: an answer to a lost one, within another {timeout:?}"), late),
        ("duplicate: another answer to an answered one".to_owned(), duplicates),
        ("foreign: from somebody else than the server".to_owned(), foreign),
        ("waited: a queue had no room for it at first".to_owned(), waited),
    ];
    let rows = rows.map(|(what, count)| {
        vec![what, count.to_string(), format!("{:.2}", count as f64 * 100.0 / sent.max(1) as f64)]
    });
    table(["datagrams", "number", "% of those sent"], rows)
}

/// What the kernel's TCP counted meanwhile.
fn net(counters: NetCounters) -> String {
    let NetCounters { listen_overflows, listen_drops, syn_retrans, time_wait_overflow, .. } = counters;
    format!(
        "The kernel counted {listen_overflows} ListenOverflows, {listen_drops} ListenDrops, \
         {syn_retrans} TCPSynRetrans, {time_wait_overflow} TCPTimeWaitOverflow."
    )
}

/// The failures by class, or that there were none.
fn errors(tally: &Tally) -> String {
    let some = Failure::ALL.into_iter().filter(|failure| tally.count(*failure) > 0);
    let some: Vec<String> =
        some.map(|failure| format!("{} {}", tally.count(failure), failure.name())).collect();
    if some.is_empty() { "errors: none".to_owned() } else { format!("errors: {}", some.join(", ")) }
}

/// Says something on the way, on standard error.
pub(crate) fn progress(text: &dyn Display) {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stderr().lock();
    // Nobody has to listen.
    let _ = if out.is_terminal() { write!(out, "\r\u{1b}[K{text}") } else { writeln!(out, "{text}") };
}

/// One run for programs. Times are in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a figure of seconds")]
pub(crate) fn run_as_json(measured: &Measured, ceiling: Option<f64>) -> serde_json::Value {
    let tally = &measured.tally;
    let failures = Failure::ALL.map(|failure| (failure.name(), tally.count(failure)));
    let times = |times: &hdrhistogram::Histogram<u64>| {
        let quantiles = [0.5, 0.9, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile));
        serde_json::json!({
            "p50": quantiles[0], "p90": quantiles[1], "p99": quantiles[2], "p999": quantiles[3],
            "max": times.max(), "mean": times.mean(),
        })
    };
    serde_json::json!({
        "version": 1,
        "run": {
            "seconds": measured.seconds,
            "spoiled": tally.is_spoiled(),
            "kind": measured.kind.to_string(),
            "timeout": measured.timeout,
            "welcomed": tally.welcomed,
            "reset_on_purpose": tally.resets,
            "failures": failures.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "waited": tally.waited,
            "datagrams": {
                "sent": tally.sent(), "lost": tally.lost, "late": tally.late,
                "duplicates": tally.duplicates, "foreign": tally.foreign,
            },
            "latency": times(&tally.latency),
            "start_lag": times(&tally.start_lag),
            "connect": times(&tally.connect),
            "first_byte": times(&tally.first_byte),
            "end": times(&tally.end),
            "in_flight": measured.in_flight,
            "held_back": measured.held_back,
            "generator_cpu_seconds": measured.generator.cpu as f64 / 1e9,
            "generator_ceiling": ceiling,
            "generator_limited": ceiling::limited(measured, ceiling),
            "timeline": measured.timeline,
            "net": measured.net,
        },
    })
}
