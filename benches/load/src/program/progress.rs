//! What the program is at, on standard error.

use std::fmt::Display;

/// Says something on the way, on standard error.
pub(crate) fn progress(text: &dyn Display) {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stderr().lock();
    // Nobody has to listen.
    let _ = if out.is_terminal() { write!(out, "\r\u{1b}[K{text}") } else { writeln!(out, "{text}") };
}
