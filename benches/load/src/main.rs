//! The installed program: `welcomed-load --help`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Reports and baselines go to a folder where the program is run.
    welcomed_load::program::main(None, Path::new("welcomed-load"))
}
