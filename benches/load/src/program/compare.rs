//! The comparison: tables on standard output, a report and a page.

use std::fs;
use std::io;
use std::path::Path;

use crate::comparison::Comparison;
use crate::comparison::baseline::Baseline;
use crate::comparison::row::Row;
use crate::comparison::setup::{Scale, Setup};
use crate::program::options::Options;
use crate::program::outcome::Outcome;
use crate::program::preflight::{self, Needs};
use crate::program::progress::progress;
use crate::program::say::say;
use crate::report::{Figures, Report};
use crate::system::files::at;
use crate::{comparison, report};

/// The comparison: tables on standard output, and `report.json`.
pub(super) fn compare(options: &Options, setup: &Setup<'_>) -> io::Result<Outcome> {
    let scale = match &options.beside {
        _ if options.smoke => Scale::SMOKE,
        Some(_) => Scale::BESIDE,
        None => Scale::FULL,
    };
    let baselines = setup.folder.join("baselines");
    // Read first: a missing baseline is reported before the comparison and not after it.
    let before = options.baseline.as_ref().map(|name| Baseline::read(&baselines, name)).transpose()?;
    preflight::complain(&Needs { sockets: scale.held as u64, in_flight: 64, rate: 0.0, sources: 1 });
    let comparison = comparison::compare(setup, scale, &mut |text| progress(&text))?;
    progress(&"");
    say(&report::comparison(&comparison))?;
    let path = options.json.clone().unwrap_or_else(|| setup.folder.join("report.json"));
    fs::write(&path, Report::of_comparison(&comparison).json()).map_err(|error| at(&path, &error))?;
    let page = path.with_extension("html");
    fs::write(&page, report::page(&comparison))?;
    say(&format_args!(
        "The same as pictures: {}\nThe figures of every round: {}",
        page.display(),
        path.display()
    ))?;
    if let Some(files) = &options.figures {
        write_figures(files, &comparison, setup)?;
    }
    let costs = comparison.rows.last().map(|row| row.costs.clone()).unwrap_or_default();
    let now = Baseline::new(costs);
    if let Some(name) = &options.save_baseline {
        now.save(&baselines, name)?;
    }
    if let Some(before) = before {
        let change = before.change_to(&now);
        say(&format_args!("welcomed --quiet against the baseline: {change}."))?;
        if change.is_regression() {
            return Ok(Outcome::Regression);
        }
    }
    // A smoke test is too short to measure anything well.
    let spoiled = comparison.rows.iter().any(Row::is_spoiled);
    Ok(if spoiled && !options.smoke { Outcome::Invalid } else { Outcome::Done })
}

/// The figures of the cost and their chart, if the comparison has come to its end.
fn write_figures(files: &Path, comparison: &Comparison, setup: &Setup<'_>) -> io::Result<()> {
    let Some(figures) = Figures::of(&comparison.rows).filter(|_| setup.goes_on()) else {
        say(&format_args!("No chart of the cost is written: not every server was measured."))?;
        return Ok(());
    };
    let (json, svg) = (files.with_extension("json"), files.with_extension("svg"));
    fs::write(&json, figures.json()?).map_err(|error| at(&json, &error))?;
    fs::write(&svg, figures.chart()).map_err(|error| at(&svg, &error))?;
    say(&format_args!("The chart of the cost: {}\nIts figures: {}", svg.display(), json.display()))?;
    Ok(())
}
