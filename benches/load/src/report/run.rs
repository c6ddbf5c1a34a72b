//! One run in tables.

use std::fmt;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::measured::Measured;
use crate::figures::tally::{Failure, Tally};
use crate::report::table::{net, table};

/// The run in tables.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&run(self, None))
    }
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
        return average + "."; // a lost visit has no duration, and the law needs all of them
    }
    let little = measured.rate() * tally.end.mean() / 1e9;
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
