//! The load test: `cargo bench --bench load -- --help`.
//!
//! Without arguments it compares `welcomed` with other ways to write the same server. With `--connect` it
//! is a load generator for any server that speaks the same.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::float_cmp,
        clippy::cast_precision_loss,
        reason = "a test that cannot go on has to fail, and its figures are small"
    )
)]

mod comparison;
mod faults;
mod figures;
mod generator;
mod peers;
mod plan;
mod program;
mod report;
mod system;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("load");
    program::main(Path::new(env!("CARGO_BIN_EXE_welcomed")), &folder)
}
