//! What this program is called.

use std::env;

/// The name before its messages.
pub(super) fn name() -> &'static str {
    if is_bench() { "load" } else { "welcomed-load" }
}

/// What is typed before its options.
pub(super) fn command() -> &'static str {
    if is_bench() { "cargo bench --bench load --" } else { "welcomed-load" }
}

/// Whether cargo runs it as a benchmark: all of them are given this argument.
fn is_bench() -> bool {
    env::args_os().any(|argument| argument == "--bench")
}
