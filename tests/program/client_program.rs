//! Runs the client program.

use std::process::Command;

use crate::process::run;

/// The client program with no options yet.
pub(crate) fn welcome() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_welcome"));
    command.env_remove("RUST_LOG");
    command
}

/// Visits `endpoint`: exit code, standard output, standard error.
pub(crate) fn visit(endpoint: &str, options: &[&str]) -> (i32, String, String) {
    run(welcome().args(["--connect", endpoint]).args(options), b"")
}

/// The one line of a client that failed with exit code `expected`, without its prefix.
pub(crate) fn error_line((code, out, err): (i32, String, String), expected: i32) -> String {
    assert_eq!((code, out.as_str()), (expected, ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err:?}");
    err.strip_prefix("welcome: ").unwrap().trim_end().to_owned()
}
