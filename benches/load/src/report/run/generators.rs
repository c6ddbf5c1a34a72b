//! The generators of a run: how much of a processor they used, and which of several was late.

use std::fmt::Write as _;

use crate::figures::distribution::Verdict;
use crate::figures::measured::contribution::Contribution;
use crate::report::about::About;
use crate::report::run::findings::Findings;
use crate::report::run::lead::span;
use crate::report::run::times::cell;
use crate::report::table::{rate, table};

/// What the generators used. Of several there is a table, and those that were late are named.
pub(super) fn generators(findings: &Findings<'_>) -> String {
    let measured = findings.measured;
    let all = &measured.contributions;
    if all.is_empty() {
        return format!("The generator used {:.0}% of a processor.\n", measured.busy() * 100.0);
    }
    let rows = all.iter().map(|one| {
        vec![
            one.generator.clone(),
            one.begun.to_string(),
            one.welcomed.to_string(),
            one.failed.to_string(),
            one.not_begun.to_string(),
            rate(one.rate),
            format!("{:.0}%", one.busy * 100.0),
            cell(&one.latency_p99),
            cell(&one.corrected_p99),
        ]
    });
    let columns = [
        "generator",
        "begun",
        "welcomed",
        "failed",
        "not begun",
        "a second",
        "CPU",
        "p99, us",
        "with own lag",
    ];
    let table = table(columns, rows);
    let late: String = all.iter().map(late).collect();
    let who = match (measured.rates, measured.generators) {
        (Some(_), 1) => "1 generator made the visits.".to_owned(),
        (Some(_), threads) => {
            format!("{} generators made the visits, with {threads} threads in all.", all.len())
        }
        (None, threads) => format!("{threads} threads made the visits."),
    };
    let origins: String = findings.merged.iter().map(origin).collect();
    format!("{who}\n\n{table}\n{late}{origins}\n")
}

/// Where one of the merged runs comes from.
fn origin((generator, about): &(String, About)) -> String {
    let lines = about.lines();
    let lines: Vec<String> = lines.iter().map(|(name, what)| format!("{name} {what}")).collect();
    format!("* {generator}: {}\n", lines.join("; "))
}

/// How one of several generators was late, if it was.
fn late(one: &Contribution) -> String {
    let mut text = String::new();
    for (name, p99) in
        [("the server's time", &one.latency_p99), ("from due, with own lag", &one.corrected_p99)]
    {
        let why = match p99.verdict {
            Verdict::Valid | Verdict::TooFew | Verdict::OfGenerator => continue,
            Verdict::OwnLag => {
                format!(
                    "in the visits at and above it this generator was {} late on average",
                    span(p99.own_lag_nanos)
                )
            }
            Verdict::NotBegun => format!("{} visits that were due did not begin", one.not_begun),
        };
        let _ = writeln!(text, "* {}, {name}, p99: INVALID by itself, because {why}.", one.generator);
    }
    text
}
