//! The comparison: tables on standard output, a report and a page.

use std::io;
use std::path::Path;

use crate::comparison::Comparison;
use crate::comparison::baseline::Baseline;
use crate::comparison::goals::QUIET;
use crate::comparison::row::Row;
use crate::comparison::setup::{Scale, Setup};
use crate::program::options::Options;
use crate::program::outcome::{Outcome, nothing_measured, say_invalid};
use crate::program::preflight::{self, Needs};
use crate::program::progress::progress;
use crate::program::say::{Output, is_standard_output};
use crate::report::about::About;
use crate::report::{Figures, Report};
use crate::{comparison, report};

/// The comparison: tables on standard output, and `report.json`. What fails after it was measured hinders nothing else.
pub(super) fn compare(options: &Options, setup: &Setup<'_>) -> io::Result<Outcome> {
    let scale = match &options.beside {
        _ if options.smoke => Scale::SMOKE,
        Some(_) => Scale::BESIDE,
        None => Scale::FULL,
    };
    let baselines = setup.folder.join("baselines");
    // Read first: a missing baseline is reported before the comparison and not after it.
    let before = options.baseline.as_ref().map(|name| Baseline::read(&baselines, name)).transpose()?;
    let needs = Needs {
        sockets: scale.held as u64,
        in_flight: 64,
        rate: 0.0,
        threads: 1,
        sources: 1,
        has_sources: false,
    };
    preflight::complain(&needs);
    let about = About::now(None);
    let (comparison, ended) = comparison::compare(setup, scale, &mut |text| progress(&text));
    progress(&"");
    if comparison.is_empty() {
        return Err(ended.err().unwrap_or_else(nothing_measured));
    }
    let mut output = Output::with_json(options.json.as_deref());
    output.say(&report::comparison(&comparison));
    let mut outcome = Outcome::Done;
    if comparison.whole {
        write_all(options, &comparison, &about, setup.folder, &mut output);
        outcome = against_baseline(options, &comparison, &baselines, before.as_ref(), &mut output);
    } else {
        output.say(
            &"Earlier pages, figures and baselines stay as they are: those are made of whole comparisons.",
        );
        if let Some(json) = &options.json {
            output.write(json, &Report::of_comparison(&comparison, &about).json());
        }
    }
    ended?;
    output.done()?;
    // A smoke test is too short to measure anything well.
    if comparison.rows.iter().any(Row::is_spoiled) && !options.smoke {
        say_invalid();
        return Ok(if outcome == Outcome::Done { Outcome::Invalid } else { outcome });
    }
    Ok(outcome)
}

/// The report, the page, and the figures that were asked for.
fn write_all(options: &Options, comparison: &Comparison, about: &About, folder: &Path, output: &mut Output) {
    let usual = folder.join("report.json");
    let json = options.json.as_ref().unwrap_or(&usual);
    let page =
        if is_standard_output(json) { usual.with_extension("html") } else { json.with_extension("html") };
    let is_written = output.write(json, &Report::of_comparison(comparison, about).json());
    if output.write(&page, &report::page(comparison, about)) {
        output.say(&format_args!("The same as pictures: {}", page.display()));
    }
    if is_written && !is_standard_output(json) {
        output.say(&format_args!("The figures of every round: {}", json.display()));
    }
    let Some(files) = &options.figures else { return };
    let figures = Figures::of(&comparison.rows);
    let Some((figures, text)) = figures.and_then(|figures| figures.json().ok().map(|text| (figures, text)))
    else {
        output.say(&"No chart of the cost is written: not every server was measured.");
        return;
    };
    let (json, svg) = (files.with_extension("json"), files.with_extension("svg"));
    if output.write(&json, &text) && output.write(&svg, &figures.chart()) {
        output.say(&format_args!(
            "The chart of the cost: {}\nIts figures: {}",
            svg.display(),
            json.display()
        ));
    }
}

/// Keeps what `welcomed --quiet` costs, and compares that with what was kept before, as far as either is asked for.
fn against_baseline(
    options: &Options,
    comparison: &Comparison,
    folder: &Path,
    before: Option<&Baseline>,
    output: &mut Output,
) -> Outcome {
    let costs = comparison.rows.iter().find(|row| row.name == QUIET).map(|row| row.costs.clone());
    let now = Baseline::new(costs.unwrap_or_default());
    if !now.is_sound() {
        output.say(&format_args!(
            "{QUIET} or the floor was not measured in every round: no baseline, and no verdict."
        ));
        return Outcome::Done;
    }
    if let Some(name) = &options.save_baseline {
        output.write_with(|| now.save(folder, name));
    }
    let Some(change) = before.map(|before| before.change_to(&now)) else { return Outcome::Done };
    output.say(&format_args!("{QUIET} against the baseline: {change}."));
    if change.is_regression() { Outcome::Regression } else { Outcome::Done }
}
