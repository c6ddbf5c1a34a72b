//! The comparison in tables.

use crate::comparison::Comparison;
use crate::comparison::beside::Difference;
use crate::comparison::goals::{Goal, goals};
use crate::comparison::kinds::KindRow;
use crate::comparison::row::Row;
use crate::faults::proof::Proof;
use crate::figures::latency::Latency;
use crate::figures::statistics::{Spread, paired_ratios, spread};
use crate::report::table::{net, rate as visits_a_second, shown, table};

/// The comparison in tables, with what has to be said of each.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let rate = rows.iter().find_map(|row| Some(row.latency?.rate)).unwrap_or(0.0);
    format!(
        "{}\n\n{}The generator used {} of its processor, and reaches about {} visits a second against\n\
         a server that does next to nothing.\n{}\n\n{}\n\n\
         Open loop, {} visits a second, Poisson.{}\n\n{}\n\n{}\n\n{}{}\n",
        churn(rows),
        if rows.iter().any(|row| row.generator_limited) {
            "* The generator was the limit, so this rate is its own and not the server's.\n"
        } else {
            ""
        },
        median(&[comparison.generator_load], |load| format!("{:.0}%", load * 100.0)),
        shown(comparison.generator_ceiling, visits_a_second),
        net(comparison.net),
        latency(rows),
        visits_a_second(rate),
        if rows.iter().any(Row::is_spoiled) {
            " INVALID: the generator began so late that the row says\n\
             more about this machine than about the server."
        } else {
            ""
        },
        idle(rows),
        kinds(&comparison.kinds),
        if comparison.beside.is_empty() { String::new() } else { beside(&comparison.beside) + "\n\n" },
        if comparison.whole {
            reached(&goals(rows))
        } else {
            "The comparison was cut short, so no verdict follows from it.".to_owned()
        },
    )
}

/// The median of what was measured, if anything was.
fn median(figures: &[f64], show: impl Fn(f64) -> String) -> String {
    shown(Some(spread(figures).median).filter(|median| median.is_finite()), show)
}

/// Closed loop: rates and costs.
fn churn(rows: &[Row]) -> String {
    let cost = |Spread { median, lower, upper }: Spread| format!("{median:.2} [{lower:.2}-{upper:.2}]");
    let row = |row: &Row| {
        let limited = if row.generator_limited { " *" } else { "" };
        vec![
            row.name.clone(),
            median(&row.rates, |median| format!("{}{limited}", visits_a_second(median))),
            median(&row.cpu_micros, |median| format!("{median:.1}")),
            shown(row.cost, cost),
            median(&row.switches, |median| format!("{median:.2}")),
            shown(row.calls, |calls| format!("{calls:.2}")),
            row.failures.to_string(),
        ]
    };
    let head =
        ["churn", "visits/s", "CPU us/visit", "CPU against floor", "switches/visit", "calls/visit", "errors"];
    table(head, rows.iter().map(row))
}

/// Open loop: latencies.
fn latency(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let Latency { p50, p90, p99, p999, max, start_lag_p99, spoiled, .. } = row.latency?;
        let figures = [p50, p90, p99, p999, max, start_lag_p99].map(|micros| format!("{micros:.0}"));
        let verdict = if spoiled { "INVALID" } else { "valid" };
        Some([vec![row.name.clone()], figures.to_vec(), vec![verdict.to_owned()]].concat())
    };
    let head = ["latency in us", "p50", "p90", "p99", "p99.9", "max", "start lag p99", "verdict"];
    table(head, rows.iter().filter_map(row))
}

/// What idle connections cost.
fn idle(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let (bytes, cost) = (row.held_bytes?, row.held_cost?);
        Some(vec![row.name.clone(), format!("{bytes:.0}"), format!("{cost:.2}")])
    };
    table(["idle connections", "bytes each", "CPU of a visit beside them"], rows.iter().filter_map(row))
}

/// The goals, and which of them are reached.
fn reached(goals: &[Goal]) -> String {
    let row = |goal: &Goal| {
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
        vec![goal.what.to_string(), format!("{:.2}", goal.most), reached, verdict.to_owned()]
    };
    table(["goal", "at most", "measured", "verdict"], goals.iter().map(row))
}

/// The kinds of sockets beside each other.
fn kinds(kinds: &[KindRow]) -> String {
    let tcp = kinds.first().map(|row| row.cpu_micros.clone()).unwrap_or_default();
    let row = |row: &KindRow| {
        let against_tcp = paired_ratios(&row.cpu_micros, &tcp);
        vec![
            row.kind.clone(),
            median(&row.rates, visits_a_second),
            median(&row.cpu_micros, |median| format!("{median:.1}")),
            median(&against_tcp, |median| format!("{median:.2}")),
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
