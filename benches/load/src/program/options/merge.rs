//! The command `merge`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::figures::percentile::Percentile;
use crate::program::options::values::{histogram_file, json_file, page_file};
use crate::program::say::is_standard_output;
use crate::report::thresholds::Threshold;
use crate::system::files::are_one;

/// What the program can do beside a run.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make one report of many runs: the files that --raw has written, of many machines
    Merge(Merge),
}

/// What is merged, and what is made of it.
#[derive(Args, Debug)]
pub(crate) struct Merge {
    /// The files that --raw has written
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Fail if a condition holds for all runs together, as it is for one
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<Threshold>,

    /// The percentiles that are shown
    #[arg(long, value_name = "P,P", value_delimiter = ',', default_value = "50,90,99,99.9")]
    pub(crate) percentiles: Vec<Percentile>,

    /// Where to write everything as JSON; - is standard output, and the tables go to standard error
    #[arg(long, value_name = "FILE", value_parser = json_file)]
    pub(crate) json: Option<PathBuf>,

    /// Where to write a page with a picture of the runs
    #[arg(long, value_name = "FILE", value_parser = page_file)]
    pub(crate) html: Option<PathBuf>,

    /// Where to write all the runs, to be merged again; - is standard output
    #[arg(long, value_name = "FILE", value_parser = json_file)]
    pub(crate) raw: Option<PathBuf>,

    /// Where to write the histograms, in the format of the ending: .hgrm, .hlog or .csv
    #[arg(long, value_name = "FILE", value_parser = histogram_file)]
    pub(crate) histogram: Vec<PathBuf>,
}

impl Merge {
    /// The files that are written.
    pub(crate) fn written(&self) -> Vec<PathBuf> {
        let files = self.json.iter().chain(&self.html).chain(&self.raw).chain(&self.histogram);
        files.cloned().collect()
    }

    /// What does not go together, if something does not.
    pub(crate) fn unfit(&self) -> Option<String> {
        if let Some(twice) = twice(&self.files) {
            return Some(format!("{}: the file is given twice", twice.display()));
        }
        let files = [self.written(), self.files.clone()].concat();
        twice(&files).map(|file| format!("{}: the file is asked for twice", file.display()))
    }
}

/// A file that is there twice, by whatever names.
pub(super) fn twice(files: &[PathBuf]) -> Option<&Path> {
    let is_one = |one: &Path, other: &Path| {
        are_one(one, other) || (is_standard_output(one) && is_standard_output(other))
    };
    let mut all = files.iter().enumerate();
    all.find_map(|(index, file)| files.get(index + 1..)?.iter().find(|other| is_one(file, other)))
        .map(PathBuf::as_path)
}
