//! One report of many runs.

use std::io;
use std::process::ExitCode;

use welcomed::command_line;

use crate::comparison::success::succeeded;
use crate::figures::measured::Measured;
use crate::generator::idle::Left;
use crate::program::name::name;
use crate::program::options::merge::Merge;
use crate::program::outcome::{Outcome, ended, say_invalid};
use crate::program::run::thresholds;
use crate::program::say::{Output, is_standard_output};
use crate::report::about::About;
use crate::report::export::histograms;
use crate::report::raw::{RawFile, RawRun, Unfit, read};
use crate::report::{self, Findings, Report};
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
    if asked.is_none() && options.fail_if.iter().any(report::thresholds::Threshold::is_of_a_rate_asked) {
        return unfit("--fail-if: a closed loop asks for no rate that a part of could be reached");
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
    show(options, &findings, runs.clone())?;
    let is_invalid = measured.load.is_open() && measured.welcomed() > 0 && measured.is_spoiled();
    if is_invalid {
        say_invalid();
    }
    Ok(thresholds::outcome(&options.fail_if, false, &thresholds, is_invalid || !thin.is_empty()))
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

/// The table on standard output, and the files that were asked for.
fn show(options: &Merge, findings: &Findings<'_>, runs: Vec<RawRun>) -> io::Result<()> {
    let is_printed = |file: &Option<std::path::PathBuf>| file.as_deref().is_some_and(is_standard_output);
    let printed = if is_printed(&options.raw) { &options.raw } else { &options.json };
    let mut output = Output::with_json(printed.as_deref());
    output.say(&report::run(findings));
    if let Some(html) = &options.html {
        output.write(html, &report::run_page(findings));
    }
    for file in &options.histogram {
        output.write(file, &histograms(file, findings));
    }
    if let Some(json) = &options.json {
        output.write(json, &Report::of_run(findings).json());
    }
    if let Some(raw) = &options.raw {
        output.write(raw, &RawFile::of(runs).json());
    }
    output.done()
}
