//! The steps of the program, on standard error.

use std::fmt::Display;

/// Shows a step. On a terminal it replaces the one before.
pub(crate) fn progress(text: &dyn Display) {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stderr().lock();
    // If standard error is gone, the run goes on.
    let _ = if out.is_terminal() { write!(out, "\r\u{1b}[K{text}") } else { writeln!(out, "{text}") };
}
