//! What is written of a run, or of several that were merged: JSON, a page, raw values and histograms.

use std::path::{Path, PathBuf};

use crate::program::say::{Output, is_standard_output};
use crate::report::export::histograms;
use crate::report::raw::RawFile;
use crate::report::{self, Findings, Report};

/// Where it goes, as the options of these names say.
pub(super) struct Reports<'a> {
    pub(super) json: Option<&'a Path>,
    pub(super) html: Option<&'a Path>,
    pub(super) raw: Option<&'a Path>,
    pub(super) histogram: &'a [PathBuf],
}

impl Reports<'_> {
    /// Where tables go: to standard error, if standard output is that of JSON.
    pub(super) fn output(&self) -> Output {
        let mut json = self.json.into_iter().chain(self.raw);
        Output::with_json(json.find(|file| is_standard_output(file)))
    }

    /// Writes the files with the figures that the tables show. Of standard output see
    /// [`print_figures`](Reports::print_figures).
    pub(super) fn write_figures(&self, findings: &Findings<'_>, output: &mut Output) {
        if let Some(json) = self.json.filter(|json| !is_standard_output(json)) {
            output.write(json, &Report::of_run(findings).json());
        }
        if let Some(html) = self.html {
            output.write(html, &report::run_page(findings));
        }
    }

    /// Writes all values that were measured, which is done once: nothing is learnt of them afterwards.
    pub(super) fn write_values(
        &self,
        findings: &Findings<'_>,
        values: impl FnOnce() -> RawFile,
        output: &mut Output,
    ) {
        if let Some(raw) = self.raw {
            output.write(raw, &values().json());
        }
        for file in self.histogram {
            output.write(file, &histograms(file, findings));
        }
    }

    /// Prints the JSON, if it is standard output's. That takes it once.
    pub(super) fn print_figures(&self, findings: &Findings<'_>, output: &mut Output) {
        if let Some(json) = self.json.filter(|json| is_standard_output(json)) {
            output.write(json, &Report::of_run(findings).json());
        }
    }
}
