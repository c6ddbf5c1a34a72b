//! One report of many runs.

use std::io;
use std::process::ExitCode;

use welcomed::command_line;

use crate::comparison::success::succeeded;
use crate::figures::measured::Measured;
use crate::generator::idle::Left;
use crate::program::name::name;
use crate::program::options::merge::Merge;
use crate::program::outcome::{Outcome, ended};
use crate::program::run::reports::Reports;
use crate::program::run::thresholds;
use crate::program::say::is_standard_output;
use crate::report::about::About;
use crate::report::raw::{RawFile, RawRun, Unfit, read};
use crate::report::thresholds::Threshold;
use crate::report::{self, Findings};
use crate::system::files::writable;

/// Merges the runs of all files. Files that do not belong together are a matter of usage.
pub(in crate::program) fn merge(options: &Merge) -> ExitCode {
    let unfit = |why: &str| command_line::fail(name(), &why, ExitCode::from(2));
    if let Some(why) = options.unfit() {
        return unfit(&why);
    }
    let runs = match read(&options.files) {
        Ok(runs) => runs,
        Err(Unfit(why)) => return unfit(&why),
    };
    let asked: Option<f64> = runs.iter().map(|(_, run, _)| run.asked.rate).sum();
    if asked.is_none() && options.fail_if.iter().any(Threshold::is_of_a_rate_asked) {
        return unfit(Threshold::NO_RATE_ASKED);
    }
    ended(merged(options, runs, asked), None)
}

/// The report of all of them.
fn merged(options: &Merge, runs: Vec<(String, RawRun, Measured)>, asked: Option<f64>) -> io::Result<Outcome> {
    let written = options.written();
    written.iter().filter(|file| !is_standard_output(file)).try_for_each(|file| writable(file))?;
    let origins: Vec<_> = runs.iter().map(|(name, run, _)| (name.clone(), run.about.clone())).collect();
    let (runs, each): (Vec<RawRun>, Vec<(String, Measured)>) =
        runs.into_iter().map(|(name, run, measured)| (run.called(&name), (name, measured))).unzip();
    let measured = Measured::merged(&each);
    drop(each);
    succeeded(&measured.tally)?;
    let thresholds: Vec<_> =
        options.fail_if.iter().map(|threshold| threshold.judge(&measured, asked)).collect();
    let about = About::now(Some(targets(&runs)));
    let thin: Vec<usize> = runs.iter().filter_map(|run| run.thinned_to).collect();
    let findings = Findings {
        about: Some(&about),
        percentiles: &options.percentiles,
        at_a_time: runs.iter().map(RawRun::places).sum(),
        thinned_to: (!thin.is_empty()).then(|| thin.iter().sum()),
        count: runs.iter().map(|run| run.asked.count).sum(),
        held: held(&runs),
        interrupted: runs.iter().any(|run| run.interrupted),
        merged: &origins,
        thresholds: &thresholds,
        ..Findings::of(&measured)
    };
    let reports = Reports {
        json: options.json.as_deref(),
        html: options.html.as_deref(),
        raw: options.raw.as_deref(),
        histogram: &options.histogram,
    };
    let mut output = reports.output();
    output.say(&report::run(&findings));
    reports.write_figures(&findings, &mut output);
    reports.write_values(&findings, || RawFile::of(runs.clone()), &mut output);
    reports.print_figures(&findings, &mut output);
    output.done()?;
    let is_invalid = thresholds::is_invalid(&measured) || !thin.is_empty();
    Ok(thresholds::outcome(&options.fail_if, false, &thresholds, is_invalid))
}

/// The targets of all runs, each once.
fn targets(runs: &[RawRun]) -> String {
    let mut targets: Vec<&str> = runs.iter().filter_map(|run| run.about.target.as_deref()).collect();
    targets.sort_unstable();
    targets.dedup();
    targets.join(", ")
}

/// The idle connections of all runs, if one of them held some.
fn held(runs: &[RawRun]) -> Option<(usize, Left)> {
    runs.iter().filter_map(|run| run.held).reduce(|(sum, left), (more, other)| {
        let left = Left { closed: left.closed + other.closed, reset: left.reset + other.reset };
        (sum + more, left)
    })
}
