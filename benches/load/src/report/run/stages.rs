//! The stages of an open loop in a table.

use crate::figures::distribution::Verdict;
use crate::figures::percentile::Percentile;
use crate::figures::tally::stage::StageTally;
use crate::report::run::findings::Findings;
use crate::report::run::lead;
use crate::report::run::times::cell;
use crate::report::table::{rate, shown, table};

/// What came of the visits of each stage; nothing without stages.
pub(super) fn stages(findings: &Findings<'_>) -> String {
    let stages = &findings.measured.tally.stages;
    if stages.is_empty() {
        return String::new();
    }
    let names: Vec<String> =
        findings.percentiles.iter().map(|percentile| format!("{percentile}, us")).collect();
    let columns = ["stage", "asked/s", "due", "begun", "done", "failed", "not begun", "reached/s"];
    let columns = columns.into_iter().chain(names.iter().map(String::as_str)).chain(["verdict"]);
    let rows = (1..).zip(stages).map(|(number, stage)| row(number, stage, findings.percentiles));
    let table = table(columns, rows);
    let reasons: String =
        (1..).zip(stages).map(|(number, stage)| reasons(number, stage, findings.percentiles)).collect();
    format!("{table}\n{reasons}\n")
}

fn row(number: u32, stage: &StageTally, percentiles: &[Percentile]) -> Vec<String> {
    let counts = [stage.due(), stage.begun(), stage.welcomed + stage.resets, stage.failed, stage.not_begun];
    let verdict = match stage.percentile(Percentile::P99).verdict {
        Verdict::Valid => "valid",
        Verdict::OwnLag | Verdict::NotBegun | Verdict::OfGenerator => "INVALID",
        Verdict::TooFew => "too few",
    };
    let first = [number.to_string(), rate(stage.rate_asked())];
    let counts = counts.iter().map(u64::to_string);
    let times = percentiles.iter().map(|percentile| cell(&stage.percentile(*percentile)));
    let last = [verdict.to_owned()];
    let all = first.into_iter().chain(counts).chain([shown(stage.rate(), rate)]).chain(times);
    all.chain(last).collect()
}

/// Why percentiles of a stage are not valid, or that it was cut short.
fn reasons(number: u32, stage: &StageTally, percentiles: &[Percentile]) -> String {
    let judged: Vec<_> = percentiles.iter().map(|one| (*one, stage.percentile(*one))).collect();
    let cut = if stage.length == 0 {
        format!("* stage {number} did not come.\n")
    } else if stage.length < stage.duration {
        format!("* stage {number} lasted {} of {}.\n", lead::span(stage.length), lead::span(stage.duration))
    } else {
        String::new()
    };
    cut + &lead::invalid(&format!("stage {number}"), &stage.latency, &judged, stage.not_begun)
}
