//! The steps of the program, on standard error.

use std::env;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Whether standard error is a terminal whose lines can be written anew. One with `TERM=dumb` is not.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Shows a step. On a terminal it replaces the one before, and without a text it is removed. Elsewhere it is a line.
pub(crate) fn progress(text: &dyn Display) {
    let text = text.to_string();
    let is_terminal = is_terminal();
    if text.is_empty() && !is_terminal {
        return;
    }
    let mut out = std::io::stderr().lock();
    // If standard error is gone, the run goes on.
    let _ = if is_terminal { write!(out, "\r\u{1b}[K{text}") } else { writeln!(out, "{text}") };
}
