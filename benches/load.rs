//! `cargo bench`: the load test, with the `welcomed` that cargo has just built.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A neighbour of `target/tmp`.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("load");
    welcomed_load::program::main(Some(Path::new(env!("CARGO_BIN_EXE_welcomed"))), &folder)
}
