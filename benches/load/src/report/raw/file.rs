//! The file.

use serde::{Deserialize, Serialize};

use crate::report::raw::run::RawRun;

/// What says that a file is of this kind.
pub(super) const FORMAT: &str = "welcomed-load raw";

/// The version of the format. It goes up when a member changes its meaning, comes or goes.
pub(super) const VERSION: u32 = 2;

/// A file: the runs of one generator, or of several that were merged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    format: String,
    version: u32,
    pub(crate) runs: Vec<RawRun>,
}

/// What a file says of itself.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) version: u32,
}

impl RawFile {
    /// A file of these runs.
    pub(crate) fn of(runs: Vec<RawRun>) -> RawFile {
        RawFile { format: FORMAT.to_owned(), version: VERSION, runs }
    }

    /// As text.
    pub(crate) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_else(|error| unreachable!("every member has a name: {error}")) + "\n"
    }
}
