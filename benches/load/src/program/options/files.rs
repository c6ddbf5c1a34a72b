//! The files that the options name.

use std::path::{Path, PathBuf};

use crate::program::options::Options;
use crate::program::options::merge::twice;
use crate::program::say::is_standard_output;

impl Options {
    /// The files that will be written. Those of the comparison are in `folder`, unless they are asked for elsewhere; a folder
    /// that is not there yet is made later.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let runs = self.html.iter().chain(&self.visits).chain(&self.raw).chain(&self.histogram);
        let mut files: Vec<PathBuf> = self.json.iter().chain(runs).cloned().collect();
        if self.connect.is_none() && !self.prove {
            let usual = folder.join("report.json");
            let json = self.json.as_ref().filter(|json| !is_standard_output(json)).unwrap_or(&usual);
            if folder.is_dir() || json != &usual {
                files.push(json.with_extension("html"));
            }
        }
        let figures = self.figures.iter();
        files.extend(figures.flat_map(|files| [files.with_extension("json"), files.with_extension("svg")]));
        files.retain(|file| !is_standard_output(file));
        files
    }

    /// What is given twice, where each needs a file of its own.
    pub(super) fn file_given_twice(&self) -> Option<String> {
        // Where a folder is missing, that is reported as such.
        let mut files = self.files(Path::new("."));
        files.extend(self.names.iter().chain(&self.asked.send_file).cloned());
        let printed = self.json.iter().chain(&self.raw).filter(|file| is_standard_output(file));
        files.extend(printed.cloned());
        twice(&files).map(|file| format!("{}: the file is asked for twice", file.display()))
    }
}
